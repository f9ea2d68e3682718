/*
 * What identity, enrolment and the authority share of OpenSSL's X.509: PEM in and out, keys, the URIs of a certificate.
 * OpenSSL's objects stay opaque here, so a header of net needs no header of OpenSSL.
 */
#ifndef COHORT_NET_PKI_H
#define COHORT_NET_PKI_H

#include "base/bytes.h"
#include "base/limits.h"

struct x509_st; /* X509, X509_REQ, X509_NAME, EVP_PKEY, GENERAL_NAMES */
struct X509_req_st;
struct X509_name_st;
struct evp_pkey_st;
struct stack_st_GENERAL_NAME;

#define PKI_URIS_MAX 4 /* two are meant; more than two are shown in the refusal */
#define PKI_URI_SIZE 384 /* the longest, a request's, has 282 characters */
#define PKI_TLS_KEY_SIZE 91 /* DER of every P-256 SubjectPublicKeyInfo (RFC 5480) */

struct pki_uris {
	char text[PKI_URIS_MAX][PKI_URI_SIZE];
	size_t count;
};

/* OpenSSL's own words for the first error in its queue of this thread, which is emptied. Never NULL. */
const char *pki_reason(void);

/* The first certificate or request of a PEM text, or one in DER with nothing after it. ERR_DATA. The caller frees it
 * with OpenSSL's X509_free or X509_REQ_free. A key file that is encrypted is refused, never asked about at a
 * terminal. */
enum err pki_certificate_from_pem(struct x509_st **out, struct bytes pem, struct diag *why) MUST_USE;
enum err pki_certificate_from_der(struct x509_st **out, struct bytes der, struct diag *why) MUST_USE;
enum err pki_request_from_pem(struct X509_req_st **out, struct bytes pem, struct diag *why) MUST_USE;

/* All certificates of a PEM text, at most `max`; how many. 0 when it holds none. */
size_t pki_certificates_from_pem(struct x509_st **out, size_t max, struct bytes pem);

/* New keys; memory and the random source are the only ways to fail, so both end the process. */
struct evp_pkey_st *pki_key_new_tls(void); /* ECDSA P-256 */
struct evp_pkey_st *pki_key_new_signing(void); /* Ed25519 */
void pki_key_free(struct evp_pkey_st *key); /* accepts NULL */

/* A private key file: PKCS#8 PEM, 0600, never over an existing file; read as secret_read does. */
enum err pki_key_write(const char *path, const struct evp_pkey_st *key, struct diag *why) MUST_USE;
enum err pki_key_read(struct evp_pkey_st **out, const char *path, struct diag *why) MUST_USE;

/* The SubjectPublicKeyInfo of a P-256 key; ERR_DATA for any other kind of key, which is named. */
enum err pki_tls_key(uint8_t out[PKI_TLS_KEY_SIZE], const struct evp_pkey_st *key, struct diag *why) MUST_USE;

/* The 32 bytes of an Ed25519 public key; ERR_DATA for another kind. */
enum err pki_signing_key(uint8_t out[32], const struct evp_pkey_st *key, struct diag *why) MUST_USE;

/* The private half of an Ed25519 key file, seed || public key (libsodium's form, 64 octets), in locked memory. ERR_DATA for another
 * kind; those of pki_key_read. */
struct secret;
enum err pki_signing_secret(struct secret *out, const char *path, struct diag *why) MUST_USE;

/* All URIs among subject alternative names (NULL: none). ERR_DATA for one with a NUL inside, too long, or too many. */
enum err pki_uris(struct pki_uris *out, const struct stack_st_GENERAL_NAME *names, struct diag *why) MUST_USE;

/* Cuts a URI after its scheme "x://" at the slashes, in place; how many parts, or 0 when there are more than `max`. */
size_t pki_uri_parts(char **parts, size_t max, char *after_scheme);

/* The one common name of a subject; "" when there is none, ERR_DATA when there are two or it does not fit. */
enum err pki_common_name(char out[NAME_SIZE], const struct X509_name_st *subject, struct diag *why) MUST_USE;

#endif
