/*
 * Making a request and judging one. Both sides build the proof's message with proof_message(), the only place that
 * knows what is signed.
 */
#include "net/enrol.h"

#include "base/file.h"
#include "base/name.h"
#include "net/pki.h"

#include <assert.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEME "cohort-request://"
#define URI_PARTS 4 /* NAME/ed25519/KEY/PROOF */
#define PROOF_TAG "COHRTreq"
#define PROOF_SIZE 64 /* Ed25519 signature, RFC 8032 */
#define FOLDER_MODE 0700
#define REQUEST_MODE 0644 /* it is sent away by mail: nothing in it is secret */

static_assert(ENROL_TLS_KEY_SIZE == PKI_TLS_KEY_SIZE, "one size of TLS key");

/* PROOF_TAG || F(name) || F(TLS key) */
static void proof_message(struct buf *out, const struct enrol_request *r)
{
	buf_init(out, HASH_TAG_SIZE + 2 * sizeof(uint32_t) + NAME_SIZE + ENROL_TLS_KEY_SIZE);
	buf_put_text(out, PROOF_TAG);
	buf_put_field(out, bytes_text(r->name));
	buf_put_field(out, bytes_of(r->tls_key, ENROL_TLS_KEY_SIZE));
	CHECK(!out->failed);
}

/* ---- the site's side */

static void proof_make(uint8_t proof[PROOF_SIZE], const struct enrol_request *r, EVP_PKEY *signing)
{
	struct buf message;
	size_t length = PROOF_SIZE;

	proof_message(&message, r);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	CHECK(ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, signing) == 1);
	CHECK(EVP_DigestSign(ctx, proof, &length, message.ptr, message.len) == 1 && length == PROOF_SIZE);
	EVP_MD_CTX_free(ctx);
	buf_free(&message);
}

static void add_uri(X509_REQ *request, const char *uri)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	STACK_OF(X509_EXTENSION) *extensions = NULL;

	CHECK(names && name && text && ASN1_STRING_set(text, uri, -1));
	GENERAL_NAME_set0_value(name, GEN_URI, text);
	CHECK(sk_GENERAL_NAME_push(names, name) > 0);
	CHECK(X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1);
	CHECK(X509_REQ_add_extensions(request, extensions));
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	GENERAL_NAMES_free(names);
}

/* The request's PEM, appended to `out`. */
static void request_write(struct buf *out, const struct enrol_request *r, EVP_PKEY *tls, EVP_PKEY *signing)
{
	uint8_t proof[PROOF_SIZE];
	char key_hex[2 * IDENTITY_KEY_SIZE + 1], proof_hex[2 * PROOF_SIZE + 1], uri[PKI_URI_SIZE];
	char *text = NULL;

	proof_make(proof, r, signing);
	hex_encode(key_hex, bytes_of(r->signing_key, IDENTITY_KEY_SIZE));
	hex_encode(proof_hex, bytes_of(proof, PROOF_SIZE));
	int length = snprintf(uri, sizeof(uri), SCHEME "%s/ed25519/%s/%s", r->name, key_hex, proof_hex);
	CHECK(length > 0 && (size_t)length < sizeof(uri));

	X509_REQ *request = X509_REQ_new();
	CHECK(request && X509_REQ_set_version(request, X509_REQ_VERSION_1) && X509_REQ_set_pubkey(request, tls));
	CHECK(X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), NID_commonName, MBSTRING_ASC,
	                                 (const unsigned char *)r->name, -1, -1, 0));
	add_uri(request, uri);
	CHECK(X509_REQ_sign(request, tls, EVP_sha256()));
	BIO *bio = BIO_new(BIO_s_mem());
	CHECK(bio && PEM_write_bio_X509_REQ(bio, request));
	long size = BIO_get_mem_data(bio, &text);
	buf_put(out, bytes_of(text, (size_t)size));
	BIO_free(bio);
	X509_REQ_free(request);
}

/* Where the three files go, and how far we came: what was made is taken back after a failure. */
struct workplace {
	char tls_key[PATH_SIZE], signing_key[PATH_SIZE], request[PATH_SIZE];
	bool made_folder, made_tls_key, made_signing_key;
};

static enum err place(char out[PATH_SIZE], const char *folder, const char *file, struct diag *why)
{
	struct stat st;

	int length = snprintf(out, PATH_SIZE, "%s/%s", folder, file);
	if (length < 0 || length >= PATH_SIZE)
		return diag_set(why, ERR_USAGE, "%s: the path is too long", folder);
	if (lstat(out, &st) == 0)
		return diag_set(why, ERR_CONFLICT, "%s: exists already and is not overwritten; choose another folder",
		                out);
	return OK;
}

static enum err workplace_open(struct workplace *w, const char *folder, struct diag *why)
{
	enum err e = place(w->tls_key, folder, ENROL_TLS_KEY, why);
	if (!e)
		e = place(w->signing_key, folder, ENROL_SIGNING_KEY, why);
	if (!e)
		e = place(w->request, folder, ENROL_REQUEST, why);
	if (e)
		return e;
	w->made_folder = mkdir(folder, FOLDER_MODE) == 0;
	if (!w->made_folder && errno != EEXIST)
		return diag_set(why, ERR_CREATE, "%s: folder cannot be made: %s", folder, strerror(errno));
	return OK;
}

static void workplace_undo(const struct workplace *w, const char *folder)
{
	if (w->made_tls_key)
		unlink(w->tls_key);
	if (w->made_signing_key)
		unlink(w->signing_key);
	if (w->made_folder)
		rmdir(folder);
}

static enum err workplace_fill(struct workplace *w, const struct enrol_request *r, EVP_PKEY *tls, EVP_PKEY *signing,
                               struct diag *why)
{
	struct buf pem;

	buf_init(&pem, PEM_MAX);
	request_write(&pem, r, tls, signing);
	CHECK(!pem.failed);
	enum err e = pki_key_write(w->tls_key, tls, why);
	w->made_tls_key = !e;
	if (!e) {
		e = pki_key_write(w->signing_key, signing, why);
		w->made_signing_key = !e;
	}
	if (!e)
		e = file_create(w->request, buf_bytes(&pem), REQUEST_MODE, why);
	buf_free(&pem);
	return e;
}

enum err enrol_create(struct enrol_request *out, const char *folder, const char *site, const char *signing_key,
                      struct diag *why)
{
	struct workplace w = {0};
	EVP_PKEY *tls = NULL, *signing = NULL;

	*out = (struct enrol_request){0};
	if (!name_is_site(site))
		return diag_set(why, ERR_USAGE,
		                "site name \"%s\": letters, digits, '.', '_' and '-' only, at most 64, a letter or "
		                "digit first",
		                site);
	if (name_compare(site, "coordinator") == 0)
		return diag_set(why, ERR_USAGE, "site name \"%s\" is the coordinator's; choose another", site);
	memcpy(out->name, site, strlen(site) + 1);
	enum err e = signing_key ? pki_key_read(&signing, signing_key, why) : OK;
	if (e)
		return e;
	if (!signing)
		signing = pki_key_new_signing();
	tls = pki_key_new_tls();
	e = pki_signing_key(out->signing_key, signing, why);
	if (e)
		e = diag_prefix(why, e, "%s", signing_key);
	else
		e = pki_tls_key(out->tls_key, tls, why);
	if (!e)
		e = workplace_open(&w, folder, why);
	if (!e)
		e = workplace_fill(&w, out, tls, signing, why);
	if (e)
		workplace_undo(&w, folder);
	EVP_PKEY_free(tls);
	EVP_PKEY_free(signing);
	return e;
}

/* ---- the authority's side */

static enum err read_uri(struct pki_uris *uris, X509_REQ *request, struct diag *why)
{
	int critical = 0;

	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
	GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	enum err e = pki_uris(uris, names, why);
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	if (e)
		return diag_prefix(why, e, "request");
	if (uris->count != 1)
		return diag_set(why, ERR_DATA,
		                "request has %zu URIs, one is needed: make it with `cohort-client request`",
		                uris->count);
	return OK;
}

static bool proof_holds(const struct enrol_request *r, const uint8_t proof[PROOF_SIZE])
{
	struct buf message;

	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, r->signing_key, IDENTITY_KEY_SIZE);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	CHECK(key && ctx);
	proof_message(&message, r);
	bool good = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	            EVP_DigestVerify(ctx, proof, PROOF_SIZE, message.ptr, message.len) == 1;
	buf_free(&message);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return good;
}

static enum err read_claim(struct enrol_request *out, char *uri, struct diag *why)
{
	char *parts[URI_PARTS];
	uint8_t proof[PROOF_SIZE];

	bool ours = strncmp(uri, SCHEME, strlen(SCHEME)) == 0 &&
	            pki_uri_parts(parts, URI_PARTS, uri + strlen(SCHEME)) == URI_PARTS && name_is_site(parts[0]) &&
	            strcmp(parts[1], "ed25519") == 0 && hex_decode(out->signing_key, IDENTITY_KEY_SIZE, parts[2]) &&
	            hex_decode(proof, PROOF_SIZE, parts[3]);
	if (!ours)
		return diag_set(why, ERR_DATA,
		                "request has no " SCHEME " URI with name, key and proof: make it with "
		                "`cohort-client request`");
	memcpy(out->name, parts[0], strlen(parts[0]) + 1);
	if (!proof_holds(out, proof))
		return diag_set(why, ERR_DATA, "request of %s does not prove that the site holds its signing key",
		                out->name);
	return OK;
}

static enum err request_check(struct enrol_request *out, X509_REQ *request, struct diag *why)
{
	char name[NAME_SIZE];
	struct pki_uris uris;
	EVP_PKEY *key = X509_REQ_get0_pubkey(request);

	enum err e = pki_tls_key(out->tls_key, key, why);
	if (e)
		return diag_prefix(why, e, "request");
	if (X509_REQ_get_signature_nid(request) != NID_ecdsa_with_SHA256 || X509_REQ_verify(request, key) != 1) {
		ERR_clear_error();
		return diag_set(why, ERR_DATA, "request is not signed by its own key with SHA-256, or was altered");
	}
	e = read_uri(&uris, request, why);
	if (!e)
		e = read_claim(out, uris.text[0], why);
	if (!e)
		e = pki_common_name(name, X509_REQ_get_subject_name(request), why);
	if (!e && strcmp(name, out->name) != 0)
		e = diag_set(why, ERR_DATA, "request of %s has the common name \"%s\"", out->name, name);
	return e;
}

enum err enrol_read(struct enrol_request *out, struct bytes pem, struct diag *why)
{
	X509_REQ *request;

	*out = (struct enrol_request){0};
	enum err e = pki_request_from_pem(&request, pem, why);
	if (e)
		return e;
	e = request_check(out, request, why);
	X509_REQ_free(request);
	if (e)
		*out = (struct enrol_request){0};
	return e;
}
