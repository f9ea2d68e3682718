/*
 * Credentials from files, and the verdict on a certificate in words.
 *
 * Problems are looked for in the order in which a person can solve them: the file, the key, the certificate itself (is
 * it an identity of the right kind, valid now), then its issuer. So an expired certificate of another authority is
 * first called expired.
 *
 * Revocations: once a CRL file is configured, each authority in the authority file must have its list there, signed by
 * it. A list past its nextUpdate still counts: it lies on this machine's own disk, where nobody can roll it back, and
 * stopping a federation because a date passed helps nobody. It is warned about each time it is loaded.
 */
#include "net/tls_own.h"

#include "base/file.h"
#include "base/log.h"
#include "net/pki.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ISSUER_SIZE 128 /* a common name of 64 characters and some more; longer ones are cut */

static void *no_password(void)
{
	return (void *)(uintptr_t) ""; /* an encrypted file is refused, never asked about at a terminal */
}

/* All certificates of a PEM file, at least one. */
static enum err read_certificates(struct stack_st_X509 **out, const char *path, struct diag *why)
{
	struct buf text;
	X509 *x;

	*out = sk_X509_new_null();
	CHECK(*out);
	enum err e = file_read(&text, path, PEM_MAX, why);
	BIO *bio = BIO_new_mem_buf(text.ptr ? (const char *)text.ptr : "", (int)text.len);
	CHECK(bio);
	while (!e && (x = PEM_read_bio_X509(bio, NULL, NULL, no_password())) != NULL)
		CHECK(sk_X509_push(*out, x) > 0);
	bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	if (!e && !ended)
		e = diag_set(why, ERR_CONFIG, "%s: certificate %d is broken: %s", path, sk_X509_num(*out) + 1,
		             pki_reason());
	else if (!e && sk_X509_num(*out) == 0)
		e = diag_set(why, ERR_CONFIG, "%s: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", path);
	ERR_clear_error();
	BIO_free(bio);
	buf_free(&text);
	return e;
}

static void name_text(char out[ISSUER_SIZE], const X509_NAME *name)
{
	if (X509_NAME_get_text_by_NID(name, NID_commonName, out, ISSUER_SIZE) < 0)
		X509_NAME_oneline(name, out, ISSUER_SIZE);
}

/* ---- verdict */

static enum err say(struct x509_store_ctx_st *ctx, const char *subject, struct diag *why)
{
	X509 *x = X509_STORE_CTX_get_current_cert(ctx);
	int problem = X509_STORE_CTX_get_error(ctx);
	bool authority = X509_STORE_CTX_get_error_depth(ctx) > 0;
	char issuer[ISSUER_SIZE] = "nobody";

	if (x)
		name_text(issuer, X509_get_issuer_name(x));
	switch (problem) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return diag_set(why, ERR_REFUSED, "%s: issued by \"%s\", not by this federation's authority", subject,
		                issuer);
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return diag_set(why, ERR_REFUSED, "%s: signed by itself, not by this federation's authority", subject);
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return diag_set(why, ERR_REFUSED,
		                "%s: issued by another \"%s\" than this federation's authority of that name", subject,
		                issuer);
	case X509_V_ERR_CERT_REVOKED:
		return diag_set(why, ERR_REFUSED, "%s: revoked by the authority; ask it for a new certificate",
		                subject);
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return diag_set(why, ERR_REFUSED, "%s: %s %s", subject,
		                authority ? "the authority's certificate" : "the certificate",
		                problem == X509_V_ERR_CERT_HAS_EXPIRED
		                        ? "has expired"
		                        : "is not valid yet: is this machine's clock right?");
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return diag_set(why, ERR_REFUSED, "%s: is not made out to the host name that was called", subject);
	case X509_V_ERR_INVALID_PURPOSE:
		return diag_set(why, ERR_REFUSED, "%s: is not made out for this use (extended key usage)", subject);
	default:
		return diag_set(why, ERR_REFUSED, "%s: %s", subject, X509_verify_cert_error_string(problem));
	}
}

/* Old revocations still revoke; see the top of this file. */
static int allow_old_revocations(int good, X509_STORE_CTX *ctx)
{
	return good || X509_STORE_CTX_get_error(ctx) == X509_V_ERR_CRL_HAS_EXPIRED;
}

enum err tls_judge_prepared(struct x509_store_ctx_st *ctx, const char *subject, struct diag *why)
{
	X509_STORE_CTX_set_verify_cb(ctx, allow_old_revocations);
	if (X509_verify_cert(ctx) != 1)
		return say(ctx, subject, why);
	X509_STORE_CTX_set_error(ctx, X509_V_OK); /* what the callback allowed is still noted there */
	return OK;
}

enum err tls_judge(struct x509_store_st *store, struct x509_st *leaf, struct stack_st_X509 *untrusted,
                   enum tls_role role_of_leaf, int64_t now_s, const char *subject, struct diag *why)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	CHECK(ctx && X509_STORE_CTX_init(ctx, store, leaf, untrusted));
	CHECK(X509_STORE_CTX_set_default(ctx, role_of_leaf == TLS_CLIENT ? "ssl_client" : "ssl_server"));
	X509_STORE_CTX_set_time(ctx, 0, (time_t)now_s);
	enum err e = tls_judge_prepared(ctx, subject, why);
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return e;
}

enum err tls_identify(struct identity *out, const struct x509_st *leaf, enum tls_role role_of_leaf,
                      const char *federation, int64_t now_s, struct diag *why)
{
	unsigned char *der = NULL;
	int len = i2d_X509(leaf, &der);

	CHECK(len > 0);
	enum err e = identity_from_certificate(out, bytes_of(der, (size_t)len), why);
	OPENSSL_free(der);
	if (e)
		return e;
	return identity_expect(out, role_of_leaf == TLS_CLIENT ? IDENTITY_SITE : IDENTITY_COORDINATOR, federation,
	                       now_s, why);
}

/* ---- loading */

static enum err load_leaf(struct tls_own *own, enum tls_role role, const struct tls_files *files, int64_t now_s,
                          struct diag *why)
{
	enum err e = read_certificates(&own->chain, files->certificate, why);
	if (e)
		return e;
	own->leaf = sk_X509_shift(own->chain);
	if (X509_check_private_key(own->leaf, own->key) != 1) {
		ERR_clear_error();
		return diag_set(why, ERR_CONFIG, "%s: is not the key of the certificate in %s", files->key,
		                files->certificate);
	}
	e = tls_identify(&own->self, own->leaf, role, NULL, now_s, why);
	return e ? diag_prefix(why, e, "%s", files->certificate) : OK;
}

static enum err add_authorities(X509_STORE *store, STACK_OF(X509) * authorities, const char *path, struct diag *why)
{
	for (int i = 0; i < sk_X509_num(authorities); i++) {
		X509 *x = sk_X509_value(authorities, i);
		if (X509_check_ca(x) != 1)
			return diag_set(why, ERR_CONFIG, "%s: certificate %d is no authority's", path, i + 1);
		CHECK(X509_STORE_add_cert(store, x) == 1);
	}
	return OK;
}

static bool revocations_signed_by(X509_CRL *crl, X509 *authority)
{
	EVP_PKEY *key = X509_get0_pubkey(authority);
	return X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(authority)) == 0 && key &&
	       X509_CRL_verify(crl, key) == 1;
}

/* Adds one list. `covered[i]` is set for the authority that signed it. */
static enum err add_revocations(X509_STORE *store, X509_CRL *crl, STACK_OF(X509) * authorities, bool *covered,
                                const char *path, struct diag *why)
{
	int by = -1;

	for (int i = 0; by < 0 && i < sk_X509_num(authorities); i++)
		if (revocations_signed_by(crl, sk_X509_value(authorities, i)))
			by = i;
	ERR_clear_error();
	if (by < 0)
		return diag_set(why, ERR_CONFIG, "%s: holds a list that this federation's authority has not signed",
		                path);
	covered[by] = true;
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
	if (next && X509_cmp_current_time(next) < 0)
		log_warning("%s: a newer list of revocations is overdue; ask the authority (this one still counts)",
		            path);
	CHECK(X509_STORE_add_crl(store, crl) == 1);
	return OK;
}

static enum err parse_revocations(X509_STORE *store, BIO *bio, STACK_OF(X509) * authorities, const char *path,
                                  struct diag *why)
{
	bool *covered = mem_array((size_t)sk_X509_num(authorities), sizeof *covered);
	X509_CRL *crl;
	enum err e = OK;

	while (!e && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, no_password())) != NULL) {
		e = add_revocations(store, crl, authorities, covered, path, why);
		X509_CRL_free(crl);
	}
	if (!e && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		e = diag_set(why, ERR_CONFIG, "%s: is broken: %s", path, pki_reason());
	for (int i = 0; !e && i < sk_X509_num(authorities); i++) {
		char name[ISSUER_SIZE];
		name_text(name, X509_get_subject_name(sk_X509_value(authorities, i)));
		if (!covered[i])
			e = diag_set(why, ERR_CONFIG, "%s: holds no list of revocations by \"%s\"", path, name);
	}
	ERR_clear_error();
	free(covered);
	return e;
}

static enum err load_revocations(X509_STORE *store, STACK_OF(X509) * authorities, const char *path, struct diag *why)
{
	struct buf text;
	enum err e = file_read(&text, path, CRL_FILE_MAX, why);

	if (!e) {
		BIO *bio = BIO_new_mem_buf(text.len ? (const char *)text.ptr : "", (int)text.len);
		CHECK(bio);
		e = parse_revocations(store, bio, authorities, path, why);
		BIO_free(bio);
	}
	buf_free(&text);
	CHECK(X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1);
	return e;
}

static enum err load_extra(X509_STORE *store, const char *path, struct diag *why)
{
	STACK_OF(X509) *extra = NULL;
	enum err e = read_certificates(&extra, path, why);
	if (!e)
		e = add_authorities(store, extra, path, why);
	sk_X509_pop_free(extra, X509_free);
	return e;
}

static enum err load_store(struct tls_own *own, const struct tls_files *files, struct diag *why)
{
	STACK_OF(X509) *authorities = NULL;

	own->store = X509_STORE_new();
	CHECK(own->store);
	enum err e = read_certificates(&authorities, files->authority, why);
	if (!e)
		e = add_authorities(own->store, authorities, files->authority, why);
	if (!e && files->revocations)
		e = load_revocations(own->store, authorities, files->revocations, why);
	sk_X509_pop_free(authorities, X509_free);
	return e;
}

enum err tls_own_load(struct tls_own *out, enum tls_role role, const struct tls_files *files, int64_t now_s,
                      struct diag *why)
{
	*out = (struct tls_own){0};
	enum err e = pki_key_read(&out->key, files->key, why);
	if (!e)
		e = load_leaf(out, role, files, now_s, why);
	if (!e)
		e = load_store(out, files, why);
	if (!e)
		e = tls_judge(out->store, out->leaf, out->chain, role, now_s, files->certificate, why);
	if (!e && files->extra_authority && role == TLS_CLIENT)
		e = load_extra(out->store, files->extra_authority, why);
	if (e)
		tls_own_free(out);
	return e;
}

void tls_own_free(struct tls_own *own)
{
	X509_free(own->leaf);
	sk_X509_pop_free(own->chain, X509_free);
	EVP_PKEY_free(own->key);
	X509_STORE_free(own->store);
	*own = (struct tls_own){0};
}
