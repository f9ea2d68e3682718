/*
 * Who someone is: read from a certificate alone, never from what is sent. One URI in the subject alternative names
 * says it, a second one certifies a site's signing key:
 *
 *     authority      cohort://FEDERATION/authority
 *     coordinator    cohort://FEDERATION/coordinator              beside its host names (DNS and IP)
 *     site           cohort://FEDERATION/site/NAME
 *                    cohort://FEDERATION/site/NAME/ed25519/KEY    64 hexadecimal digits, kept over renewals
 *
 * A certificate is an identity only if it has exactly the URIs of its kind and no other URI, is an authority
 * (CA:TRUE) exactly if its URI says so, is meant for its use (clientAuth for a site, serverAuth for the coordinator),
 * and, for a site, its common name is the site's name. Whether the authority signed it, and revocation, is TLS's work
 * (net/tls.h).
 *
 * A site's keys and its request for a certificate are made by net/enrol.h.
 */
#ifndef COHORT_NET_IDENTITY_H
#define COHORT_NET_IDENTITY_H

#include "base/bytes.h"
#include "base/hash.h"
#include "base/limits.h"

#include <stdint.h>

#define IDENTITY_KEY_SIZE 32 /* Ed25519 public key, RFC 8032 */
#define IDENTITY_FINGERPRINT_SIZE 40 /* eight groups of four digits, seven dashes, NUL */
#define IDENTITY_SERIAL_SIZE 43 /* hexadecimal of at most 20 octets (RFC 5280, 4.1.2.2), a sign, NUL */
#define IDENTITY_MOMENT_SIZE 32

enum identity_kind { IDENTITY_SITE, IDENTITY_COORDINATOR, IDENTITY_AUTHORITY };

struct identity {
	enum identity_kind kind;
	char federation[NAME_SIZE];
	char name[NAME_SIZE]; /* a site's name; "coordinator" or "authority" otherwise */
	uint8_t signing_key[IDENTITY_KEY_SIZE]; /* a site's Ed25519 key; zero otherwise */
	struct hash fingerprint; /* SHA-256 of the certificate's DER, as `openssl x509 -fingerprint -sha256` */
	struct hash key_hash; /* SHA-256 of the TLS key (SubjectPublicKeyInfo, DER) */
	char serial[IDENTITY_SERIAL_SIZE]; /* lower-case hexadecimal */
	int64_t not_before_s, not_after_s; /* seconds since 1970 UTC */
};

const char *identity_kind_text(enum identity_kind kind); /* "site", "coordinator", "authority" */

/* Reads one certificate. ERR_REFUSED when it is no identity ("certificate names two sites, a and b"), ERR_DATA when
 * it is no certificate. */
enum err identity_from_certificate(struct identity *out, struct bytes der, struct diag *why) MUST_USE;

/* The first certificate of a PEM text, as above. */
enum err identity_from_pem(struct identity *out, struct bytes pem, struct diag *why) MUST_USE;

/* Refuses another kind, another federation (NULL: any), and a certificate that is not valid at `now_s`: ERR_REFUSED
 * with "expired on 2026-03-01 12:00:00 UTC (3 days ago): ..." or "is not valid before ... (clock off by 2 hours?):
 * ...". */
enum err identity_expect(const struct identity *id, enum identity_kind kind, const char *federation, int64_t now_s,
                         struct diag *why) MUST_USE;

/* "2026-03-01 12:00:00 UTC". */
void identity_moment(char out[IDENTITY_MOMENT_SIZE], int64_t moment_s);

/* The words for a key that two people compare by telephone: the first 128 bits of its SHA-256, as 3f2a-90c1-....
 * Against a second key with the same words 128 bits are enough, and eight groups can be read aloud. */
void identity_fingerprint(char out[IDENTITY_FINGERPRINT_SIZE], const uint8_t key[IDENTITY_KEY_SIZE]);

/* Is `signature` (DER, ECDSA with SHA-256) that of an authority in `authority_pem` over tag || F(body)? Several
 * certificates may stand in it (an authority and its successor). ERR_REFUSED when none made it, ERR_DATA when there
 * is no authority. */
enum err identity_verify(struct bytes authority_pem, const char *tag, struct bytes body, struct bytes signature,
                         struct diag *why) MUST_USE;

#endif
