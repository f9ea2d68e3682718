/* net/enrol: the two keys and the request of a site, and what the authority makes of requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/secret.h"
#include "net/enrol.h"
#include "net/pki.h"
#include "tests/support/certificates.h"
#include "tests/support/tempdir.h"

static unsigned mode_of(struct tempdir *t, const char *name)
{
	struct stat st;
	assert_int_equal(stat(tempdir_path(t, name), &st), 0);
	return st.st_mode & 07777;
}

static struct bytes request_of(struct tempdir *t, const char *name)
{
	size_t length;
	const char *text = tempdir_read(t, name, &length);
	return bytes_of(text, length);
}

/* Does openssl's own command line accept it? */
static void openssl_accepts(const char *fmt, const char *file)
{
	char command[PATH_SIZE + 200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(command, sizeof(command), fmt, file);
#pragma GCC diagnostic pop
	if (system(command) != 0)
		fail_msg("refused: %s", command);
}

static void three_files_are_made(void **state)
{
	(void)state;
	struct tempdir t;
	struct diag why = {0};
	struct enrol_request made, seen;

	tempdir_make(&t);
	assert_int_equal(enrol_create(&made, tempdir_path(&t, "keys"), "st-mary", NULL, &why), OK);
	assert_int_equal(mode_of(&t, "keys"), 0700);
	assert_int_equal(mode_of(&t, "keys/site.key"), 0600);
	assert_int_equal(mode_of(&t, "keys/sign.key"), 0600);
	assert_int_equal(tempdir_count(&t, "keys"), 3);
	assert_int_equal(enrol_read(&seen, request_of(&t, "keys/site.csr"), &why), OK);
	assert_memory_equal(&made, &seen, sizeof(made));
	assert_string_equal(seen.name, "st-mary");
	openssl_accepts("openssl req -in '%s' -noout -verify -text 2>&1 | grep -q 'verify OK'",
	                tempdir_path(&t, "keys/site.csr"));
	openssl_accepts("openssl pkey -in '%s' -noout -text | grep -q 'NIST CURVE: P-256'",
	                tempdir_path(&t, "keys/site.key"));
	openssl_accepts("openssl pkey -in '%s' -noout -text | grep -q 'ED25519 Private-Key'",
	                tempdir_path(&t, "keys/sign.key"));
	tempdir_remove(&t);
}

/* The fingerprint is what a person finds with standard tools from the signing key's file. */
static void fingerprint_by_other_tools(void **state)
{
	(void)state;
	struct tempdir t;
	struct diag why = {0};
	struct enrol_request made;
	char text[IDENTITY_FINGERPRINT_SIZE], command[PATH_SIZE + 200], line[100] = "";

	tempdir_make(&t);
	assert_int_equal(enrol_create(&made, tempdir_path(&t, NULL), "a", NULL, &why), OK);
	identity_fingerprint(text, made.signing_key);
	snprintf(command, sizeof(command),
	         "openssl pkey -in '%s' -pubout -outform DER | tail -c 32 | sha256sum | cut -c 1-32 | "
	         "sed 's/..../&-/g; s/-$//'",
	         tempdir_path(&t, "sign.key"));
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(fgets(line, sizeof(line), pipe));
	pclose(pipe);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(text, line);
	tempdir_remove(&t);
}

static void nothing_is_overwritten(void **state)
{
	(void)state;
	static const char *const files[] = {"site.key", "sign.key", "site.csr"};
	for (size_t i = 0; i < 3; i++) {
		struct tempdir t;
		struct diag why = {0};
		struct enrol_request made;

		tempdir_make(&t);
		tempdir_write(&t, files[i], "precious");
		assert_int_equal(enrol_create(&made, tempdir_path(&t, NULL), "a", NULL, &why), ERR_CONFLICT);
		assert_non_null(strstr(why.text, files[i]));
		assert_string_equal(tempdir_read(&t, files[i], NULL), "precious");
		assert_int_equal(tempdir_count(&t, NULL), 1);
		tempdir_remove(&t);
	}
}

static void failures_leave_nothing(void **state)
{
	(void)state;
	struct tempdir t;
	struct diag why = {0};
	struct enrol_request made;

	tempdir_make(&t);
	const char *bad[] = {"", "-a", "a/b", "St. Mary", "coordinator", "Coordinator"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(enrol_create(&made, tempdir_path(&t, "new"), bad[i], NULL, &why), ERR_USAGE);
	assert_int_equal(enrol_create(&made, tempdir_path(&t, "no/such"), "a", NULL, &why), ERR_CREATE);
	assert_non_null(strstr(why.text, "no/such"));
	assert_int_equal(enrol_create(&made, tempdir_path(&t, "new"), "a", tempdir_path(&t, "none"), &why),
	                 ERR_NO_INPUT);
	tempdir_write(&t, "bad.key", "no key");
	assert_int_equal(enrol_create(&made, tempdir_path(&t, "new"), "a", tempdir_path(&t, "bad.key"), &why),
	                 ERR_DATA);
	assert_int_equal(chmod(tempdir_path(&t, "bad.key"), 0640), 0);
	assert_int_equal(enrol_create(&made, tempdir_path(&t, "new"), "a", tempdir_path(&t, "bad.key"), &why),
	                 ERR_REFUSED);
	assert_int_equal(tempdir_count(&t, NULL), 1);
	tempdir_remove(&t);
}

static void renewal_keeps_the_signing_key(void **state)
{
	(void)state;
	struct tempdir t;
	struct diag why = {0};
	struct enrol_request first, second;

	tempdir_make(&t);
	assert_int_equal(enrol_create(&first, tempdir_path(&t, "old"), "a", NULL, &why), OK);
	assert_int_equal(enrol_create(&second, tempdir_path(&t, "new"), "a", tempdir_path(&t, "old/sign.key"), &why),
	                 OK);
	assert_memory_equal(first.signing_key, second.signing_key, IDENTITY_KEY_SIZE);
	assert_memory_not_equal(first.tls_key, second.tls_key, ENROL_TLS_KEY_SIZE);
	assert_string_equal(tempdir_read(&t, "old/sign.key", NULL), tempdir_read(&t, "new/sign.key", NULL));
	assert_int_equal(enrol_read(&first, request_of(&t, "new/site.csr"), &why), OK);
	assert_int_equal(enrol_create(&second, tempdir_path(&t, "third"), "a", tempdir_path(&t, "old/site.key"), &why),
	                 ERR_DATA);
	assert_non_null(strstr(why.text, "Ed25519 key is needed"));
	assert_false(tempdir_exists(&t, "third"));
	tempdir_remove(&t);
}

/* ---- requests that cohort-client would not make */

struct forgery {
	const char *common_name;
	const char *uri; /* NULL: none */
	const char *second_uri;
	const EVP_MD *digest;
};

static void push_uri(GENERAL_NAMES *names, const char *uri)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	assert_true(name && text && ASN1_STRING_set(text, uri, -1));
	GENERAL_NAME_set0_value(name, GEN_URI, text);
	assert_true(sk_GENERAL_NAME_push(names, name));
}

static struct buf forge(const struct forgery *f, EVP_PKEY *key)
{
	X509_REQ *request = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	struct buf out;
	char *text = NULL;

	assert_true(X509_REQ_set_pubkey(request, key));
	X509_NAME *subject = X509_REQ_get_subject_name(request);
	assert_true(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)f->common_name, -1,
	                                       -1, 0));
	if (f->uri)
		push_uri(names, f->uri);
	if (f->second_uri)
		push_uri(names, f->second_uri);
	if (sk_GENERAL_NAME_num(names) > 0) {
		assert_true(X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT));
		assert_true(X509_REQ_add_extensions(request, extensions));
	}
	assert_true(X509_REQ_sign(request, key, f->digest));
	BIO *bio = BIO_new(BIO_s_mem());
	assert_true(PEM_write_bio_X509_REQ(bio, request));
	long length = BIO_get_mem_data(bio, &text);
	buf_init(&out, PEM_MAX);
	buf_put(&out, bytes_of(text, (size_t)length));
	BIO_free(bio);
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(request);
	return out;
}

/* "cohort-request://NAME/ed25519/KEY/PROOF", the proof made here by hand from what the header documents. */
static void claim(char uri[512], const char *name, const char *proven_name, EVP_PKEY *signing, EVP_PKEY *proven_tls)
{
	unsigned char *spki = NULL;
	uint8_t raw[32], proof[64];
	size_t raw_length = 32, proof_length = 64;
	char raw_hex[65], proof_hex[129];
	struct buf message;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	int length = i2d_PUBKEY(proven_tls, &spki);
	buf_init(&message, 4096);
	buf_printf(&message, "COHRTreq");
	buf_put_u32(&message, (uint32_t)strlen(proven_name));
	buf_put_text(&message, proven_name);
	buf_put_u32(&message, (uint32_t)length);
	buf_put(&message, bytes_of(spki, (size_t)length));
	assert_true(EVP_PKEY_get_raw_public_key(signing, raw, &raw_length));
	assert_true(EVP_DigestSignInit(ctx, NULL, NULL, NULL, signing));
	assert_true(EVP_DigestSign(ctx, proof, &proof_length, message.ptr, message.len));
	hex_encode(raw_hex, bytes_of(raw, 32));
	hex_encode(proof_hex, bytes_of(proof, 64));
	snprintf(uri, 512, "cohort-request://%s/ed25519/%s/%s", name, raw_hex, proof_hex);
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(spki);
	buf_free(&message);
}

static void read_forged(const struct forgery *f, EVP_PKEY *key, enum err expected, const char *words)
{
	struct diag why = {0};
	struct enrol_request r, nothing = {0};

	struct buf pem = forge(f, key);
	enum err e = enrol_read(&r, buf_bytes(&pem), &why);
	if (e != expected || !strstr(why.text, words))
		fail_msg("%s \"%s\", expected \"%s\"", err_name(e), why.text, words);
	if (e)
		assert_memory_equal(&r, &nothing, sizeof(r));
	buf_free(&pem);
}

static void requests_by_hand(void **state)
{
	(void)state;
	char good[512], other_name[512], other_key[512], other[512];
	EVP_PKEY *tls = certificate_key(KEY_P256), *tls2 = certificate_key(KEY_P256);
	EVP_PKEY *signing = certificate_key(KEY_ED25519);
	const EVP_MD *sha256 = EVP_sha256();

	claim(good, "a", "a", signing, tls);
	claim(other, "b", "b", signing, tls);
	claim(other_name, "a", "b", signing, tls);
	claim(other_key, "a", "a", signing, tls2);
	read_forged(&(struct forgery){"a", good, NULL, sha256}, tls, OK, "");
	read_forged(&(struct forgery){"a", other_name, NULL, sha256}, tls, ERR_DATA, "does not prove");
	read_forged(&(struct forgery){"a", other_key, NULL, sha256}, tls, ERR_DATA, "does not prove");
	read_forged(&(struct forgery){"a", good, NULL, sha256}, tls2, ERR_DATA, "does not prove");
	read_forged(&(struct forgery){"b", good, NULL, sha256}, tls, ERR_DATA, "common name \"b\"");
	read_forged(&(struct forgery){"a", NULL, NULL, sha256}, tls, ERR_DATA, "0 URIs");
	read_forged(&(struct forgery){"a", good, other, sha256}, tls, ERR_DATA, "2 URIs");
	read_forged(&(struct forgery){"a", "cohort://heart/site/a", NULL, sha256}, tls, ERR_DATA,
	            "cohort-client request");
	read_forged(&(struct forgery){"a", good, NULL, EVP_sha1()}, tls, ERR_DATA, "SHA-256");
	EVP_PKEY_free(tls);
	EVP_PKEY_free(tls2);
	EVP_PKEY_free(signing);
}

static void other_kinds_of_key(void **state)
{
	(void)state;
	static const struct {
		enum recipe_key kind;
		const char *words;
	} cases[] = {
		{KEY_P384, "secp384r1"}, {KEY_RSA_1024, "RSA"}, {KEY_RSA_2048, "2048 bits"}, {KEY_ED25519, "ED25519"}};
	EVP_PKEY *signing = certificate_key(KEY_ED25519);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char uri[512];
		EVP_PKEY *key = certificate_key(cases[i].kind);
		claim(uri, "a", "a", signing, key);
		const EVP_MD *digest = cases[i].kind == KEY_ED25519 ? NULL : EVP_sha256();
		read_forged(&(struct forgery){"a", uri, NULL, digest}, key, ERR_DATA, cases[i].words);
		EVP_PKEY_free(key);
	}
	EVP_PKEY_free(signing);
}

/* What is no request: an answer in words, no question at a terminal. */
static void other_files(void **state)
{
	(void)state;
	struct made authority = {0};
	struct recipe r = recipe_authority("heart");
	struct enrol_request q;
	struct diag why = {0};

	certificate_make(&authority, &r, NULL);
	struct buf certificate = certificate_pem(authority.certificate), key = certificate_key_pem(authority.key);
	assert_int_equal(enrol_read(&q, buf_bytes(&certificate), &why), ERR_DATA);
	assert_int_equal(enrol_read(&q, buf_bytes(&key), &why), ERR_DATA);
	assert_int_equal(enrol_read(&q, bytes_text(""), &why), ERR_DATA);
	assert_int_equal(enrol_read(&q,
	                            bytes_text("-----BEGIN CERTIFICATE REQUEST-----\nProc-Type: 4,ENCRYPTED\n"
	                                       "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n"
	                                       "-----END CERTIFICATE REQUEST-----\n"),
	                            &why),
	                 ERR_DATA);
	struct buf large = {0};
	buf_init(&large, PEM_MAX + 1);
	memset(buf_extend(&large, PEM_MAX + 1), 'x', PEM_MAX + 1);
	assert_int_equal(enrol_read(&q, buf_bytes(&large), &why), ERR_LIMIT);
	buf_free(&large);
	buf_free(&certificate);
	buf_free(&key);
	certificate_free(&authority);
}

/* Cut at each byte, each byte flipped: refused, or the very same request (an end of line, a word outside it). */
static void malformed_requests(void **state)
{
	(void)state;
	struct tempdir t;
	struct diag why = {0};
	struct enrol_request made, r;
	size_t same = 0;

	tempdir_make(&t);
	assert_int_equal(enrol_create(&made, tempdir_path(&t, NULL), "a", NULL, &why), OK);
	struct bytes pem = request_of(&t, "site.csr");
	assert_true(pem.len < 2048);
	for (size_t n = 0; n < pem.len; n++) {
		uint8_t *cut = malloc(n ? n : 1);
		memcpy(cut, pem.ptr, n);
		if (enrol_read(&r, bytes_of(cut, n), &why) == OK)
			assert_true(n + 1 == pem.len); /* only the last newline may be missing */
		free(cut);
	}
	uint8_t *flipped = malloc(pem.len);
	memcpy(flipped, pem.ptr, pem.len);
	for (size_t i = 0; i < pem.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			flipped[i] ^= (uint8_t)(1 << bit);
			if (enrol_read(&r, bytes_of(flipped, pem.len), &why) == OK) {
				assert_memory_equal(&r, &made, sizeof(r));
				same++;
			}
			flipped[i] ^= (uint8_t)(1 << bit);
		}
	}
	assert_true(same < 8 * 64); /* a handful of ends of lines */
	free(flipped);
	tempdir_remove(&t);
}

/* As above below the armour: every byte of the DER is covered by a signature or by the parser. */
static void malformed_requests_der(void **state)
{
	(void)state;
	struct tempdir t;
	struct diag why = {0};
	struct enrol_request made, r;
	unsigned char *der = NULL;

	tempdir_make(&t);
	assert_int_equal(enrol_create(&made, tempdir_path(&t, NULL), "a", NULL, &why), OK);
	X509_REQ *request;
	assert_int_equal(pki_request_from_pem(&request, request_of(&t, "site.csr"), &why), OK);
	int length = i2d_X509_REQ(request, &der);
	X509_REQ_free(request);
	for (int i = 0; i < length; i++) {
		char *text = NULL;
		der[i] ^= 1;
		BIO *bio = BIO_new(BIO_s_mem());
		assert_true(PEM_write_bio(bio, "CERTIFICATE REQUEST", "", der, length) > 0);
		long size = BIO_get_mem_data(bio, &text);
		if (enrol_read(&r, bytes_of(text, (size_t)size), &why) == OK)
			fail_msg("byte %d of the request may be changed", i);
		BIO_free(bio);
		der[i] ^= 1;
	}
	OPENSSL_free(der);
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_files_are_made),
		cmocka_unit_test(fingerprint_by_other_tools),
		cmocka_unit_test(nothing_is_overwritten),
		cmocka_unit_test(failures_leave_nothing),
		cmocka_unit_test(renewal_keeps_the_signing_key),
		cmocka_unit_test(requests_by_hand),
		cmocka_unit_test(other_kinds_of_key),
		cmocka_unit_test(other_files),
		cmocka_unit_test(malformed_requests),
		cmocka_unit_test(malformed_requests_der),
	};
	secret_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
