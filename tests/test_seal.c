/* crypto/seal: what is sealed opens under its own label alone, and nothing malformed gets through. */
#include "base/random.h"
#include "crypto/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define CONTENT_SIZE 72

static uint8_t key[KEYS_SIZE], nonce[SEAL_NONCE_SIZE], ct[SEAL_SIZE];
static struct hash sid;
static struct seal_label label;
static struct seal_shares shares;

static int prepare(void **state)
{
	struct rng r;
	(void)state;
	if (sodium_init() < 0)
		return -1;
	rng_seeded(&r, 1, "seal");
	rng_octets(&r, key, sizeof key);
	rng_octets(&r, nonce, sizeof nonce);
	rng_octets(&r, sid.b, sizeof sid.b);
	rng_octets(&r, (uint8_t *)&shares, sizeof shares);
	shares.sigma.b[31] &= 0x0f; /* canonical */
	shares.beta.b[31] &= 0x0f;
	label = (struct seal_label){.sid = &sid, .from = 11, .to = 25, .x = 3, .t = 2};
	seal_close(ct, key, nonce, &label, &shares);
	return 0;
}

static void opens(void **state)
{
	(void)state;
	struct seal_shares out;
	assert_memory_equal(ct, nonce, sizeof nonce);
	assert_int_equal(seal_open(&out, key, &label, bytes_of(ct, sizeof ct)), OK);
	assert_memory_equal(&out, &shares, sizeof out);
}

/* A refusal leaves nothing behind. */
static void expect_refused(const uint8_t *with, const struct seal_label *under, struct bytes octets)
{
	struct seal_shares out;
	memset(&out, 0xa5, sizeof out);
	assert_int_equal(seal_open(&out, with, under, octets), ERR_PEER_MESSAGE);
	assert_true(sodium_is_zero((const uint8_t *)&out, sizeof out));
}

static void every_bit_counts(void **state)
{
	(void)state;
	uint8_t changed[SEAL_SIZE];
	memcpy(changed, ct, sizeof changed);
	for (uint32_t bit = 0; bit < 8 * SEAL_SIZE; bit++) {
		changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		expect_refused(key, &label, bytes_of(changed, sizeof changed));
		changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void sizes(void **state)
{
	(void)state;
	uint8_t longer[SEAL_SIZE + 1] = {0};
	memcpy(longer, ct, sizeof ct);
	for (size_t n = 0; n <= sizeof longer; n++)
		if (n != SEAL_SIZE)
			expect_refused(key, &label, bytes_of(longer, n));
}

static void labels(void **state)
{
	(void)state;
	struct hash other_sid = sid;
	struct seal_label other = label;
	uint8_t other_key[KEYS_SIZE];
	memcpy(other_key, key, sizeof key);
	other_key[7] ^= 1;
	expect_refused(other_key, &label, bytes_of(ct, sizeof ct));
	other_sid.b[31] ^= 0x80;
	other.sid = &other_sid;
	expect_refused(key, &other, bytes_of(ct, sizeof ct));
	other = label;
	other.from = 12;
	expect_refused(key, &other, bytes_of(ct, sizeof ct));
	other = label;
	other.to = 24;
	expect_refused(key, &other, bytes_of(ct, sizeof ct));
	other = (struct seal_label){.sid = &sid, .from = label.to, .to = label.from, .x = label.x, .t = label.t};
	expect_refused(key, &other, bytes_of(ct, sizeof ct));
	other = label;
	other.x++;
	expect_refused(key, &other, bytes_of(ct, sizeof ct));
	other = label;
	other.t++;
	expect_refused(key, &other, bytes_of(ct, sizeof ct));
}

/* Seals any content under the right label, by libsodium alone. */
static void seal_content(uint8_t out[SEAL_SIZE], const uint8_t content[CONTENT_SIZE])
{
	struct buf ad;
	uint8_t number[4];
	const uint32_t numbers[] = {label.from, label.to, label.x, label.t};
	buf_init(&ad, 256);
	buf_put_text(&ad, "COHRTsad");
	buf_put_field(&ad, bytes_of(sid.b, sizeof sid.b));
	for (int i = 0; i < 4; i++) {
		store_u32(number, numbers[i]);
		buf_put_field(&ad, bytes_of(number, sizeof number));
	}
	memcpy(out, nonce, sizeof nonce);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + sizeof nonce, NULL, content, CONTENT_SIZE, ad.ptr, ad.len,
	                                           NULL, nonce, key);
	buf_free(&ad);
}

static void right_content(uint8_t content[CONTENT_SIZE])
{
	store_u32(content, label.from);
	store_u32(content + 4, label.to);
	memcpy(content + 8, &shares, sizeof shares);
}

/* The layout, and that a dealer who seals nonsense is found out by its reader. */
static void contents(void **state)
{
	(void)state;
	uint8_t content[CONTENT_SIZE], sealed[SEAL_SIZE];
	right_content(content);
	seal_content(sealed, content);
	assert_memory_equal(sealed, ct, sizeof sealed);
	for (size_t i = 0; i < 8; i++) { /* the two sites */
		right_content(content);
		content[i] ^= 1;
		seal_content(sealed, content);
		expect_refused(key, &label, bytes_of(sealed, sizeof sealed));
	}
	for (size_t scalar = 0; scalar < 2; scalar++) {
		right_content(content);
		memset(content + 8 + 32 * scalar, 0, 32);
		seal_content(sealed, content);
		struct seal_shares out;
		assert_int_equal(seal_open(&out, key, &label, bytes_of(sealed, sizeof sealed)),
		                 OK); /* zero is a scalar */
		content[8 + 32 * scalar + 31] = 0x20; /* 2^253 > l */
		seal_content(sealed, content);
		expect_refused(key, &label, bytes_of(sealed, sizeof sealed));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens),  cmocka_unit_test(every_bit_counts), cmocka_unit_test(sizes),
		cmocka_unit_test(labels), cmocka_unit_test(contents),
	};
	return cmocka_run_group_tests(tests, prepare, NULL);
}
