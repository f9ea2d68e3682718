/* net/identity: which certificates are somebody, whose, and the words for those that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "net/identity.h"
#include "tests/support/certificates.h"

#define TAG "COHRTros"

static const uint8_t key[32] = {11, 18, 25};
static struct made authority;

static int setup(void **state)
{
	(void)state;
	struct recipe r = recipe_authority("heart");
	certificate_make(&authority, &r, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	certificate_free(&authority);
	return 0;
}

/* Makes the certificate of a recipe and reads it; the message must hold `words`. */
static enum err read_recipe(struct identity *id, const struct recipe *r, const char *words)
{
	struct made made = {0};
	struct diag why = {0};

	certificate_make(&made, r, &authority);
	struct buf der = certificate_der(made.certificate), pem = certificate_pem(made.certificate);
	enum err e = identity_from_certificate(id, buf_bytes(&der), &why);
	struct identity again;
	struct diag same = {0};
	assert_int_equal(identity_from_pem(&again, buf_bytes(&pem), &same), e);
	assert_memory_equal(&again, id, sizeof(again));
	assert_string_equal(why.text, same.text);
	if (!strstr(why.text, words))
		fail_msg("\"%s\" does not say \"%s\"", why.text, words);
	if (e) {
		const struct identity nobody = {0};
		assert_memory_equal(id, &nobody, sizeof(nobody));
	}
	buf_free(&der);
	buf_free(&pem);
	certificate_free(&made);
	return e;
}

static void a_site_is_read(void **state)
{
	(void)state;
	struct identity id;
	struct recipe r = recipe_site("heart", "St-Mary_2.x", key);
	r.serial = "00A1B2C3D4E5F60718293A4B5C6D7E8F";
	assert_int_equal(read_recipe(&id, &r, ""), OK);
	assert_int_equal(id.kind, IDENTITY_SITE);
	assert_string_equal(id.federation, "heart");
	assert_string_equal(id.name, "St-Mary_2.x");
	assert_memory_equal(id.signing_key, key, 32);
	assert_string_equal(id.serial, "a1b2c3d4e5f60718293a4b5c6d7e8f");
	assert_int_equal(id.not_after_s - id.not_before_s, 90 * 86400 + 300);
	assert_in_range(id.not_before_s, time(NULL) - 330, time(NULL) - 290);
	assert_false(hash_is_zero(&id.fingerprint) || hash_is_zero(&id.key_hash));
}

static void order_of_the_uris_does_not_matter(void **state)
{
	(void)state;
	struct identity id;
	struct recipe r = recipe_site("heart", "a", key), swapped = r;
	memcpy(swapped.uris[0], r.uris[1], sizeof(r.uris[0]));
	memcpy(swapped.uris[1], r.uris[0], sizeof(r.uris[0]));
	assert_int_equal(read_recipe(&id, &swapped, ""), OK);
	assert_memory_equal(id.signing_key, key, 32);
}

static void coordinator_and_authority_are_read(void **state)
{
	(void)state;
	struct identity id;
	struct recipe r = recipe_coordinator("heart");
	assert_int_equal(read_recipe(&id, &r, ""), OK);
	assert_int_equal(id.kind, IDENTITY_COORDINATOR);
	assert_string_equal(id.name, "coordinator");
	r = recipe_authority("heart");
	assert_int_equal(read_recipe(&id, &r, ""), OK);
	assert_int_equal(id.kind, IDENTITY_AUTHORITY);
	assert_string_equal(identity_kind_text(id.kind), "authority");
}

/* Fingerprints as other tools compute them: SHA-256 of the DER certificate, of the SubjectPublicKeyInfo. */
static void hashes_are_openssls(void **state)
{
	(void)state;
	struct identity id;
	struct diag why = {0};
	unsigned char digest[EVP_MAX_MD_SIZE], *spki = NULL;
	unsigned length = 0;

	struct buf der = certificate_der(authority.certificate);
	assert_int_equal(identity_from_certificate(&id, buf_bytes(&der), &why), OK);
	assert_true(X509_digest(authority.certificate, EVP_sha256(), digest, &length));
	assert_memory_equal(id.fingerprint.b, digest, 32);
	int size = i2d_PUBKEY(authority.key, &spki);
	assert_true(EVP_Digest(spki, (size_t)size, digest, &length, EVP_sha256(), NULL));
	assert_memory_equal(id.key_hash.b, digest, 32);
	OPENSSL_free(spki);
	buf_free(&der);
}

static void other_uris_are_refused(void **state)
{
	(void)state;
	static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
	static const struct {
		const char *first, *second, *words;
	} cases[] = {
		{NULL, NULL, "names nobody"},
		{"cohort://heart/site/a", NULL, "one URI with its name and one with its Ed25519 key"},
		{"cohort://heart/site/a", "cohort://heart/site/a", "one URI with its name"},
		{"cohort://heart/site/a", "cohort://heart/site/b", "two owners"},
		{"cohort://heart/site/a", "cohort://heart/site/b/ed25519/%s", "two owners"},
		{"cohort://heart/site/a", "cohort://lungs/site/a/ed25519/%s", "two owners"},
		{"cohort://heart/site/a", "cohort://heart/coordinator", "two owners"},
		{"cohort://heart/coordinator", "cohort://heart/coordinator", "repeats"},
		{"cohort://heart/site/a/ed25519/%s", "cohort://heart/site/a/ed25519/%s", "one URI with its name"},
		{"cohort://heart/site/a", "https://example.org/a", "another kind: \"https://example.org/a\""},
		{"cohort://heart/site/a", "cohort://heart/site/a/rsa/%s", "another kind"},
		{"cohort://heart/site/a", "cohort://heart/site/a/ed25519/00", "another kind"},
		{"cohort://heart/site/a", "cohort://heart/site/a/ed25519/%s/x", "another kind"},
		{"cohort://heart/site/a/", NULL, "another kind"},
		{"cohort://heart/site/", NULL, "another kind"},
		{"cohort://heart//a", NULL, "another kind"},
		{"cohort://Heart/site/a", NULL, "another kind"},
		{"cohort:///site/a", NULL, "another kind"},
		{"cohort://heart", NULL, "another kind"},
		{"cohort://", NULL, "another kind"},
		{"COHORT://heart/site/a", NULL, "another kind"},
		{"cohort://heart/site/-a", NULL, "another kind"},
		{"cohort://heart/site/a%%2fb", NULL, "another kind"},
		{"cohort://heart/site/a\n", NULL, "another kind"},
		{"cohort://heart/coordinator/x", NULL, "another kind"},
		{"cohort://heart/administrator", NULL, "another kind"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct identity id;
		struct recipe r = recipe_site("heart", "a", key);
		r.uri_count = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
		if (cases[i].first)
			recipe_uri(&r, cases[i].first, zeros);
		if (cases[i].second)
			recipe_uri(&r, cases[i].second, zeros);
#pragma GCC diagnostic pop
		assert_int_equal(read_recipe(&id, &r, cases[i].words), ERR_REFUSED);
	}
}

static void too_many_or_broken_uris_are_refused(void **state)
{
	(void)state;
	struct identity id;
	struct recipe r = recipe_site("heart", "a", key);
	recipe_uri(&r, "cohort://heart/site/a");
	assert_int_equal(read_recipe(&id, &r, "3 URIs"), ERR_REFUSED);
	r = recipe_site("heart", "a", key);
	memset(r.uris[1], 'x', 400);
	r.uris[1][400] = '\0';
	assert_int_equal(read_recipe(&id, &r, "too long"), ERR_REFUSED);
}

static void use_must_fit(void **state)
{
	(void)state;
	struct identity id;
	struct recipe r = recipe_site("heart", "a", key);
	r.extended_usage = "serverAuth";
	assert_int_equal(read_recipe(&id, &r, "not meant for a TLS client"), ERR_REFUSED);
	r.extended_usage = NULL;
	assert_int_equal(read_recipe(&id, &r, "not meant for a TLS client"), ERR_REFUSED);
	r = recipe_coordinator("heart");
	r.extended_usage = "clientAuth";
	assert_int_equal(read_recipe(&id, &r, "not meant for a TLS server"), ERR_REFUSED);
	r = recipe_site("heart", "a", key);
	r.constraints = "critical,CA:TRUE";
	r.key_usage = "critical,digitalSignature,keyCertSign";
	assert_int_equal(read_recipe(&id, &r, "an authority's by its basic constraints"), ERR_REFUSED);
	r = recipe_authority("heart");
	r.constraints = "critical,CA:FALSE";
	r.key_usage = "critical,digitalSignature";
	assert_int_equal(read_recipe(&id, &r, "no authority's"), ERR_REFUSED);
}

static void common_name_must_be_the_sites(void **state)
{
	(void)state;
	struct identity id;
	struct recipe r = recipe_site("heart", "a", key);
	r.common_name = "b";
	assert_int_equal(read_recipe(&id, &r, "certificate of site a has the common name \"b\""), ERR_REFUSED);
	r.common_name = NULL;
	assert_int_equal(read_recipe(&id, &r, "common name \"\""), ERR_REFUSED);
}

static void expectations(void **state)
{
	(void)state;
	struct identity id = {.kind = IDENTITY_SITE,
	                      .federation = "heart",
	                      .name = "a",
	                      .not_before_s = 1700000000, /* 2023-11-14 22:13:20 UTC (date -u -d @1700000000) */
	                      .not_after_s = 1700086400};
	static const struct {
		enum identity_kind kind;
		const char *federation;
		int64_t now_s;
		const char *words;
	} cases[] = {
		{IDENTITY_SITE, "heart", 1700000000, NULL},
		{IDENTITY_SITE, NULL, 1700086400, NULL},
		{IDENTITY_COORDINATOR, NULL, 1700000000, "is of site a, a coordinator was expected"},
		{IDENTITY_SITE, "lungs", 1700000000, "belongs to federation heart, not to lungs"},
		{IDENTITY_SITE, "heart", 1699999999, "not valid before 2023-11-14 22:13:20 UTC"},
		{IDENTITY_SITE, "heart", 1699999999, "clock off by 1 second or more"},
		{IDENTITY_SITE, "heart", 1700000000 - 7199, "clock off by 1 hour or more"},
		{IDENTITY_SITE, "heart", 1700086401, "expired on 2023-11-15 22:13:20 UTC (1 second ago)"},
		{IDENTITY_SITE, "heart", 1700086400 + 3 * 86400, "(3 days ago); ask the authority"},
		{IDENTITY_SITE, "heart", INT64_MAX, "expired on"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag why = {0};
		enum err e = identity_expect(&id, cases[i].kind, cases[i].federation, cases[i].now_s, &why);
		assert_int_equal(e, cases[i].words ? ERR_REFUSED : OK);
		if (!strstr(why.text, cases[i].words ? cases[i].words : ""))
			fail_msg("\"%s\" does not say \"%s\"", why.text, cases[i].words);
	}
}

/* printf 00...00 | xxd -r -p | sha256sum  ->  66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925 */
static void fingerprint_is_sha256(void **state)
{
	(void)state;
	const uint8_t zero[32] = {0};
	char text[IDENTITY_FINGERPRINT_SIZE];
	identity_fingerprint(text, zero);
	assert_string_equal(text, "6668-7aad-f862-bd77-6c8f-c18b-8e9f-8e20");
}

static struct buf sign(EVP_PKEY *by, const char *tag, const char *body)
{
	struct buf message, signature;
	size_t length = 80;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	buf_init(&message, 1000);
	buf_put_text(&message, tag);
	buf_put_field(&message, bytes_text(body));
	buf_init(&signature, 80);
	assert_true(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, by));
	uint8_t *out = buf_extend(&signature, 80);
	assert_true(EVP_DigestSign(ctx, out, &length, message.ptr, message.len));
	signature.len = length;
	EVP_MD_CTX_free(ctx);
	buf_free(&message);
	return signature;
}

static enum err verify(const struct buf *pem, const char *tag, const char *body, const struct buf *signature)
{
	struct diag why = {0};
	enum err e = identity_verify(buf_bytes(pem), tag, bytes_text(body), buf_bytes(signature), &why);
	assert_int_equal(e != OK, why.text[0] != '\0');
	return e;
}

static void signatures_of_the_authority(void **state)
{
	(void)state;
	struct made other = {0}, leaf = {0};
	struct recipe r = recipe_authority("heart"), site = recipe_site("heart", "a", key);

	certificate_make(&other, &r, NULL);
	certificate_make(&leaf, &site, &authority);
	struct buf pem = certificate_pem(authority.certificate), other_pem = certificate_pem(other.certificate);
	struct buf leaf_pem = certificate_pem(leaf.certificate);
	struct buf good = sign(authority.key, TAG, "body"), by_leaf = sign(leaf.key, TAG, "body");
	assert_int_equal(verify(&pem, TAG, "body", &good), OK);
	assert_int_equal(verify(&pem, TAG, "bodY", &good), ERR_REFUSED);
	assert_int_equal(verify(&pem, "COHRTxyz", "body", &good), ERR_REFUSED);
	assert_int_equal(verify(&other_pem, TAG, "body", &good), ERR_REFUSED);
	assert_int_equal(verify(&leaf_pem, TAG, "body", &by_leaf), ERR_REFUSED); /* a leaf speaks for nobody else */
	buf_put(&other_pem, buf_bytes(&pem)); /* an authority and its successor in one file */
	assert_int_equal(verify(&other_pem, TAG, "body", &good), OK);
	struct buf empty = {0};
	assert_int_equal(verify(&empty, TAG, "body", &good), ERR_DATA);
	assert_int_equal(verify(&pem, TAG, "body", &empty), ERR_REFUSED);
	for (size_t i = 0; i < good.len; i++) {
		good.ptr[i] ^= 1;
		assert_int_equal(verify(&pem, TAG, "body", &good), ERR_REFUSED);
		good.ptr[i] ^= 1;
	}
	buf_free(&pem);
	buf_free(&other_pem);
	buf_free(&leaf_pem);
	buf_free(&good);
	buf_free(&by_leaf);
	certificate_free(&other);
	certificate_free(&leaf);
}

/* Truncated at every byte and each byte flipped: no crash; what still reads as an identity has sane fields. */
static void malformed_certificates(void **state)
{
	(void)state;
	struct made made = {0};
	struct identity id;
	struct recipe r = recipe_site("heart", "a", key);

	certificate_make(&made, &r, &authority);
	struct buf der = certificate_der(made.certificate);
	assert_true(der.len < 2048);
	for (size_t n = 0; n < der.len; n++) {
		struct diag why = {0};
		uint8_t *cut = malloc(n ? n : 1); /* of exactly that size, so that reading past it is seen */
		memcpy(cut, der.ptr, n);
		assert_int_not_equal(identity_from_certificate(&id, bytes_of(cut, n), &why), OK);
		assert_true(why.text[0]);
		free(cut);
	}
	for (size_t i = 0; i < der.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			struct diag why = {0};
			der.ptr[i] ^= (uint8_t)(1 << bit);
			if (identity_from_certificate(&id, buf_bytes(&der), &why) == OK)
				assert_true(id.name[0] && id.federation[0] && strlen(id.serial) <= 40);
			else
				assert_true(why.text[0]);
			der.ptr[i] ^= (uint8_t)(1 << bit);
		}
	}
	buf_put_u8(&der, 0);
	struct diag why = {0};
	assert_int_equal(identity_from_certificate(&id, buf_bytes(&der), &why), ERR_DATA);
	assert_non_null(strstr(why.text, "follows"));
	buf_free(&der);
	certificate_free(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_site_is_read),
		cmocka_unit_test(order_of_the_uris_does_not_matter),
		cmocka_unit_test(coordinator_and_authority_are_read),
		cmocka_unit_test(hashes_are_openssls),
		cmocka_unit_test(other_uris_are_refused),
		cmocka_unit_test(too_many_or_broken_uris_are_refused),
		cmocka_unit_test(use_must_fit),
		cmocka_unit_test(common_name_must_be_the_sites),
		cmocka_unit_test(expectations),
		cmocka_unit_test(fingerprint_is_sha256),
		cmocka_unit_test(signatures_of_the_authority),
		cmocka_unit_test(malformed_certificates),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
