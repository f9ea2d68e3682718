/*
 * Enrolment, the site's half: two keys and one request. The private keys never leave the folder they are made in.
 *
 *     FOLDER/site.key    ECDSA P-256, PKCS#8 PEM, 0600     proves who connects (TLS)
 *     FOLDER/sign.key    Ed25519,     PKCS#8 PEM, 0600     the lasting identity; signs in secure aggregation
 *     FOLDER/site.csr    PKCS#10 PEM                       goes to the authority
 *
 * The request carries CN = NAME and one URI in its subject alternative names:
 *
 *     cohort-request://NAME/ed25519/KEY/PROOF
 *     PROOF = Ed25519(sign.key, "COHRTreq" || F(NAME) || F(SubjectPublicKeyInfo))
 *
 * so each key vouches for the other: the request's own ECDSA signature covers the URI, the proof covers the TLS key
 * and the name. Whoever knows the fingerprint of the signing key knows that nobody exchanged the rest on the way.
 */
#ifndef COHORT_NET_ENROL_H
#define COHORT_NET_ENROL_H

#include "net/identity.h"

#define ENROL_TLS_KEY "site.key"
#define ENROL_SIGNING_KEY "sign.key"
#define ENROL_REQUEST "site.csr"
#define ENROL_TLS_KEY_SIZE 91 /* DER of every P-256 SubjectPublicKeyInfo (RFC 5480) */

/* What a request claims and proves. */
struct enrol_request {
	char name[NAME_SIZE];
	uint8_t signing_key[IDENTITY_KEY_SIZE];
	uint8_t tls_key[ENROL_TLS_KEY_SIZE]; /* SubjectPublicKeyInfo, DER */
};

/* Makes the folder (0700) when missing, both keys and the request; `out` gets what the request says, for
 * identity_fingerprint. With `signing_key`, the path of an existing sign.key, that key is copied instead of making a
 * new one: the request then renews the same site's certificate with a fresh TLS key. Refuses when one of the three
 * files exists (ERR_CONFLICT names it) or the name is no site name (ERR_USAGE); on any failure no file made here
 * remains. */
enum err enrol_create(struct enrol_request *out, const char *folder, const char *site, const char *signing_key,
                      struct diag *why) MUST_USE;

/* Reads and checks a PEM request: both signatures, P-256, the name. ERR_DATA says what is wrong with it. */
enum err enrol_read(struct enrol_request *out, struct bytes pem, struct diag *why) MUST_USE;

#endif
