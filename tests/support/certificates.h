/*
 * A factory of certificates, right and wrong: what cohort-ca would never issue is made here, by hand from OpenSSL, so
 * that tests can show that it is refused.
 *
 *   struct made authority, site;
 *   certificate_authority(&authority, "heart");
 *   struct recipe r = recipe_site("heart", "st-mary", KEY);      a right one ...
 *   r.until_s = -DAY;                                            ... with one fault
 *   certificate_make(&site, &r, &authority);
 */
#ifndef COHORT_TESTS_SUPPORT_CERTIFICATES_H
#define COHORT_TESTS_SUPPORT_CERTIFICATES_H

#include "base/bytes.h"

#include <openssl/x509.h>

#define RECIPE_NAMES_MAX 4

enum recipe_key { KEY_P256, KEY_P384, KEY_RSA_1024, KEY_RSA_2048, KEY_ED25519 };

struct recipe {
	const char *common_name; /* NULL: an empty subject */
	char uris[RECIPE_NAMES_MAX][512];
	size_t uri_count;
	const char *hosts; /* further alternative names, as "DNS:localhost,IP:127.0.0.1", or NULL */
	const char *constraints; /* "critical,CA:FALSE", NULL: none */
	const char *key_usage, *extended_usage; /* as openssl.cnf writes them; NULL: none */
	int64_t from_s, until_s; /* relative to now */
	const char *digest; /* "SHA256"; ignored when the issuer's key is Ed25519 */
	enum recipe_key key;
	bool unknown_critical; /* adds a critical extension that nobody knows */
	const char *serial; /* hexadecimal; NULL: random */
};

struct made {
	X509 *certificate;
	EVP_PKEY *key;
};

struct recipe recipe_authority(const char *federation);
struct recipe recipe_coordinator(const char *federation);
struct recipe recipe_site(const char *federation, const char *site, const uint8_t signing_key[32]);
void recipe_uri(struct recipe *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

EVP_PKEY *certificate_key(enum recipe_key kind);
/* `issuer` NULL: self-signed. `out->key` is made when NULL, otherwise used. */
void certificate_make(struct made *out, const struct recipe *r, const struct made *issuer);
void certificate_free(struct made *m);

struct buf certificate_der(const X509 *x); /* the caller frees */
struct buf certificate_pem(const X509 *x);
struct buf certificate_key_pem(const EVP_PKEY *key);
/* A CRL in PEM by `issuer` that lists `revoked` (NULL: nobody). */
struct buf certificate_crl(const struct made *issuer, const struct made *revoked, int64_t from_s, int64_t until_s);

#endif
