/*
 * The authority's hands: what it signs. Certificates (RFC 5280), revocation lists, and the roster's bytes; all with
 * ECDSA P-256 and SHA-256. Who may get one is decided elsewhere (certs/registry.h); nothing here touches a file but
 * the two of ca_create and ca_open.
 *
 *              basic constraints      key usage                         extended      names
 *   authority  critical CA, depth 0   digitalSignature, certificates,   -             cohort://F/authority
 *                                     CRLs (critical)
 *   leaf       critical, no CA        digitalSignature (critical)       serverAuth    DNS, IP, cohort://F/coordinator
 *                                                                       clientAuth    cohort://F/site/NAME and its key
 */
#ifndef COHORT_CERTS_CA_H
#define COHORT_CERTS_CA_H

#include "net/enrol.h"
#include "net/identity.h"

#define CA_DAYS 3650 /* a study and its follow-up; every site holds a copy, so changing it means visiting all */
#define CA_LEAF_DAYS 90 /* a stolen key that nobody noticed works no longer than a quarter */
#define CA_CRL_DAYS 30 /* after it a server warns that its list is old: copy a new one each month */
#define CA_BACKDATE_S 300 /* a hospital's clock may be five minutes slow */
#define CA_SERIAL_BYTES 16 /* 128 random bits: unpredictable and, without a counter, unique */
#define CA_SERIAL_SIZE (2 * CA_SERIAL_BYTES + 1)
#define CA_SIGNATURE_MAX 80 /* DER of ECDSA P-256 takes at most 72 bytes */

struct ca; /* certificate and private key, checked to belong together */

/* What the registry keeps of an issued certificate. */
struct ca_leaf {
	char serial[CA_SERIAL_SIZE];
	int64_t not_before_s, not_after_s;
};

struct ca_revoked {
	char serial[CA_SERIAL_SIZE];
	int64_t revoked_s;
};

/* Makes a new authority: both files, neither over an existing one. */
enum err ca_create(const char *certificate_path, const char *key_path, const char *federation, int64_t now_s,
                   struct diag *why) MUST_USE;

/* ERR_REFUSED when others can read the key, the key is of another certificate, or the authority is not valid at
 * `now_s`. */
enum err ca_open(struct ca **out, const char *certificate_path, const char *key_path, int64_t now_s,
                 struct diag *why) MUST_USE;
void ca_close(struct ca *ca); /* accepts NULL */
const struct identity *ca_identity(const struct ca *ca); /* borrowed until ca_close */

/* A certificate in PEM, appended to `pem`, valid from CA_BACKDATE_S ago for CA_LEAF_DAYS, at most as the authority. */
void ca_issue_site(struct buf *pem, struct ca_leaf *leaf, const struct ca *ca, const struct enrol_request *request,
                   int64_t now_s);
void ca_issue_coordinator(struct buf *pem, struct ca_leaf *leaf, const struct ca *ca,
                          const uint8_t tls_key[ENROL_TLS_KEY_SIZE], char *const *hosts, size_t host_count,
                          int64_t now_s);

/* A DNS name (RFC 1123, no wildcard) or an IPv4 or IPv6 address. */
bool ca_host_ok(const char *host);

/* The revocation list in PEM, appended to `pem`; valid for CA_CRL_DAYS. */
void ca_crl(struct buf *pem, const struct ca *ca, const struct ca_revoked *revoked, size_t count, uint64_t number,
            int64_t now_s);

/* Signs tag || F(body), as identity_verify checks it: DER of *length <= CA_SIGNATURE_MAX bytes. */
void ca_sign(uint8_t out[CA_SIGNATURE_MAX], size_t *length, const struct ca *ca, const char *tag, struct bytes body);

#endif
