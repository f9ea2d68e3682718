/*
 * OpenSSL asks for a password on the terminal when it meets an encrypted PEM, unless told otherwise; every reading call
 * here tells it otherwise. Private keys pass through its "secure" BIOs, which wipe what they held.
 */
#include "net/pki.h"

#include "base/secret.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

const char *pki_reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_error());
	ERR_clear_error();
	return text ? text : "no reason given";
}

static int no_password(char *out, int size, int writing, void *context)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

static BIO *bio_over(struct bytes data)
{
	CHECK(data.len <= PEM_MAX);
	BIO *bio = BIO_new_mem_buf(data.ptr ? (const void *)data.ptr : "", (int)data.len); /* NULL is an error to it */
	CHECK(bio);
	return bio;
}

enum err pki_certificate_from_pem(X509 **out, struct bytes pem, struct diag *why)
{
	*out = NULL;
	if (pem.len > PEM_MAX)
		return diag_set(why, ERR_LIMIT, "certificate has %zu bytes, at most %u are allowed", pem.len, PEM_MAX);
	if (pki_certificates_from_pem(out, 1, pem) == 1)
		return OK;
	return diag_set(why, ERR_DATA, "is no certificate in PEM: %s", pki_reason());
}

size_t pki_certificates_from_pem(X509 **out, size_t max, struct bytes pem)
{
	size_t count = 0;

	BIO *bio = bio_over(pem);
	while (count < max && (out[count] = PEM_read_bio_X509(bio, NULL, no_password, NULL)))
		count++;
	BIO_free(bio);
	return count;
}

enum err pki_certificate_from_der(X509 **out, struct bytes der, struct diag *why)
{
	*out = NULL;
	if (der.len > PEM_MAX)
		return diag_set(why, ERR_LIMIT, "certificate has %zu bytes, at most %u are allowed", der.len, PEM_MAX);
	const unsigned char *at = der.ptr;
	X509 *x = d2i_X509(NULL, &at, (long)der.len);
	if (!x)
		return diag_set(why, ERR_DATA, "is no certificate: %s", pki_reason());
	if (at != der.ptr + der.len) {
		X509_free(x);
		return diag_set(why, ERR_DATA, "something follows the certificate");
	}
	*out = x;
	return OK;
}

enum err pki_request_from_pem(X509_REQ **out, struct bytes pem, struct diag *why)
{
	*out = NULL;
	if (pem.len > PEM_MAX)
		return diag_set(why, ERR_LIMIT, "request has %zu bytes, at most %u are allowed", pem.len, PEM_MAX);
	BIO *bio = bio_over(pem);
	*out = PEM_read_bio_X509_REQ(bio, NULL, no_password, NULL);
	BIO_free(bio);
	if (*out)
		return OK;
	return diag_set(why, ERR_DATA, "is no certificate request in PEM: %s", pki_reason());
}

EVP_PKEY *pki_key_new_tls(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	CHECK(key);
	return key;
}

EVP_PKEY *pki_key_new_signing(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	CHECK(key);
	return key;
}

void pki_key_free(EVP_PKEY *key)
{
	EVP_PKEY_free(key);
}

enum err pki_key_write(const char *path, const EVP_PKEY *key, struct diag *why)
{
	char *text = NULL;
	BIO *bio = BIO_new(BIO_s_secmem());
	CHECK(bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
	long length = BIO_get_mem_data(bio, &text);
	enum err e = secret_write(path, bytes_of(text, (size_t)length), why);
	BIO_free(bio);
	return e;
}

enum err pki_key_read(EVP_PKEY **out, const char *path, struct diag *why)
{
	struct secret file = {0};

	*out = NULL;
	enum err e = secret_read(&file, path, KEY_FILE_MAX, why);
	if (e)
		return e;
	BIO *bio = bio_over(bytes_of(file.ptr, file.len));
	*out = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	secret_free(&file);
	if (*out)
		return OK;
	return diag_set(why, ERR_DATA, "%s: is no private key in PEM without a password: %s", path, pki_reason());
}

enum err pki_tls_key(uint8_t out[PKI_TLS_KEY_SIZE], const EVP_PKEY *key, struct diag *why)
{
	char group[32] = "";
	unsigned char *der = NULL;

	if (!key || !EVP_PKEY_is_a(key, "EC") || !EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) ||
	    strcmp(group, SN_X9_62_prime256v1) != 0) {
		ERR_clear_error();
		return diag_set(why, ERR_DATA, "its key is %s %s with %d bits, ECDSA P-256 is needed",
		                key ? EVP_PKEY_get0_type_name(key) : "unreadable", group,
		                key ? EVP_PKEY_get_bits(key) : 0);
	}
	int length = i2d_PUBKEY(key, &der);
	if (length == PKI_TLS_KEY_SIZE)
		memcpy(out, der, PKI_TLS_KEY_SIZE);
	OPENSSL_free(der);
	if (length != PKI_TLS_KEY_SIZE)
		return diag_set(why, ERR_DATA, "its key is not written in the usual form (named curve, whole point)");
	return OK;
}

enum err pki_signing_key(uint8_t out[32], const EVP_PKEY *key, struct diag *why)
{
	size_t length = 32;

	if (EVP_PKEY_is_a(key, "ED25519") && EVP_PKEY_get_raw_public_key(key, out, &length) && length == 32)
		return OK;
	ERR_clear_error();
	return diag_set(why, ERR_DATA, "the key is %s, an Ed25519 key is needed", EVP_PKEY_get0_type_name(key));
}

enum err pki_signing_secret(struct secret *out, const char *path, struct diag *why)
{
	enum { SEED = 32, PUBLIC = 32 };
	EVP_PKEY *key = NULL;
	size_t length = SEED;
	enum err e = pki_key_read(&key, path, why);

	if (e)
		return e;
	secret_new(out, SEED + PUBLIC);
	e = pki_signing_key(out->ptr + SEED, key, why);
	if (!e)
		CHECK(EVP_PKEY_get_raw_private_key(key, out->ptr, &length) == 1 && length == SEED);
	else
		secret_free(out);
	EVP_PKEY_free(key); /* wipes its own copy */
	return e ? diag_prefix(why, e, "%s", path) : OK;
}

enum err pki_uris(struct pki_uris *out, const GENERAL_NAMES *names, struct diag *why)
{
	*out = (struct pki_uris){0};
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_URI)
			continue;
		const unsigned char *text = ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
		size_t length = (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier);
		if (out->count == PKI_URIS_MAX)
			return diag_set(why, ERR_DATA, "has more than %d URIs", PKI_URIS_MAX);
		if (length >= PKI_URI_SIZE || memchr(text, 0, length))
			return diag_set(why, ERR_DATA, "has a URI that is too long or has a NUL inside");
		memcpy(out->text[out->count++], text, length); /* zeroed above: the NUL is there */
	}
	return OK;
}

size_t pki_uri_parts(char **parts, size_t max, char *after_scheme)
{
	size_t count = 0;

	for (char *at = after_scheme; at; count++) {
		if (count == max)
			return 0;
		parts[count] = at;
		at = strchr(at, '/');
		if (at)
			*at++ = '\0';
	}
	return count;
}

enum err pki_common_name(char out[NAME_SIZE], const X509_NAME *subject, struct diag *why)
{
	unsigned char *text = NULL;

	memset(out, 0, NAME_SIZE);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (at < 0)
		return OK;
	if (X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return diag_set(why, ERR_DATA, "has two common names");
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	int length = ASN1_STRING_to_UTF8(&text, value);
	bool fits = length >= 0 && length < NAME_SIZE && !memchr(text, 0, (size_t)length);
	if (fits)
		memcpy(out, text, (size_t)length);
	if (length >= 0)
		OPENSSL_free(text);
	ERR_clear_error();
	return fits ? OK : diag_set(why, ERR_DATA, "has a common name that is too long or has a NUL inside");
}
