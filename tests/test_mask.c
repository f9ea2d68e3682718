/* crypto/mask: against libsodium's ChaCha20 and one addition after another, and masks that cancel. */
#include "base/random.h"
#include "base/vec.h"
#include "crypto/mask.h"
#include "tests/support/child.h"
#include "tests/support/remains.h"
#include "tests/support/sanitized.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#define MASKS 5
#define LENGTH_MAX (2 * MASK_TILE + 40)

static struct mask masks[MASKS];
static uint32_t x[LENGTH_MAX];

static int prepare(void **state)
{
	(void)state;
	struct rng r;
	if (sodium_init() < 0)
		return -1;
	rng_seeded(&r, 1, "mask");
	for (uint32_t j = 0; j < MASKS; j++) {
		rng_octets(&r, masks[j].key, KEYS_SIZE);
		masks[j].subtract = j % 2 == 1;
	}
	for (uint32_t i = 0; i < LENGTH_MAX; i++)
		x[i] = rng_u32(&r);
	return 0;
}

/* Words first .. first + count - 1 of the stream from its very beginning. */
static void slow_words(uint32_t *out, const uint8_t *key, size_t first, size_t count)
{
	const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = {0};
	uint8_t *stream = mem_alloc(4 * (first + count));
	crypto_stream_chacha20_ietf(stream, 4 * (first + count), nonce, key);
	for (size_t i = 0; i < count; i++)
		out[i] = load_u32(stream + 4 * (first + i));
	free(stream);
}

static void slow_add(uint32_t *sum, size_t first, size_t count, size_t mask_count)
{
	uint32_t *words = vec_u32(count);
	for (size_t j = 0; j < mask_count; j++) {
		slow_words(words, masks[j].key, first, count);
		for (size_t i = 0; i < count; i++)
			sum[i] = masks[j].subtract ? sum[i] - words[i] : sum[i] + words[i];
	}
	free(words);
}

static void expect_sum(uint32_t first, size_t count, size_t mask_count)
{
	uint32_t *sum = vec_u32(count + 1), *expected = vec_u32(count + 1);
	memcpy(sum, x, count * sizeof *sum);
	memcpy(expected, x, count * sizeof *sum);
	mask_add(sum, first, count, masks, mask_count);
	slow_add(expected, first, count, mask_count);
	assert_memory_equal(sum, expected, (count + 1) * sizeof *sum);
	free(sum);
	free(expected);
}

static const size_t lengths[] = {0,
                                 1,
                                 2,
                                 3,
                                 15,
                                 16,
                                 17,
                                 31,
                                 33,
                                 63,
                                 64,
                                 65,
                                 127,
                                 129,
                                 255,
                                 1001,
                                 MASK_TILE - 1,
                                 MASK_TILE,
                                 MASK_TILE + 1,
                                 MASK_TILE + 15,
                                 MASK_TILE + 17,
                                 2 * MASK_TILE - 1,
                                 2 * MASK_TILE,
                                 2 * MASK_TILE + 1,
                                 LENGTH_MAX};
#define LENGTHS (sizeof lengths / sizeof lengths[0])

static void sums(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTHS; i++)
		for (size_t count = 0; count <= MASKS; count++)
			expect_sum(0, lengths[i], count);
}

/* The counter seeks: any beginning, also where its low octets carry, and the last block that a u32 can name. */
static void ranges(void **state)
{
	(void)state;
	const uint32_t firsts[] = {16,       32,       MASK_TILE - 16, MASK_TILE, MASK_TILE + 16,
	                           16 * 255, 16 * 256, 16 * 65535,     16 * 65536};
	for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
		expect_sum(firsts[i], 77, MASKS);
		expect_sum(firsts[i], MASK_TILE + 1, 2);
	}
	uint32_t last[16] = {0}, first = UINT32_MAX - 15;
	const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = {0};
	uint8_t block[64] = {0};
	mask_add(last, first, 16, masks, 1);
	crypto_stream_chacha20_ietf_xor_ic(block, block, sizeof block, nonce, first / 16, masks[0].key);
	for (uint32_t i = 0; i < 16; i++)
		assert_int_equal(last[i], load_u32(block + 4 * i));
}

/* Disjoint ranges make the same vector as one. */
static void cuts(void **state)
{
	(void)state;
	uint8_t *whole = mem_alloc(4 * LENGTH_MAX), *cut = mem_alloc(4 * LENGTH_MAX);
	for (uint32_t k = 1; k <= PACK_BITS_MAX; k++) {
		mask_input(whole, x, 0, LENGTH_MAX, k, masks, MASKS);
		for (size_t at = MASK_ALIGN; at < LENGTH_MAX; at += 61 * MASK_ALIGN) {
			mask_input(cut, x, 0, at, k, masks, MASKS);
			mask_input(cut + at / 8 * k, x + at, (uint32_t)at, LENGTH_MAX - at, k, masks, MASKS);
			assert_memory_equal(cut, whole, pack_size(LENGTH_MAX, k));
		}
	}
	free(whole);
	free(cut);
}

static void inputs(void **state)
{
	(void)state;
	uint8_t *y = mem_alloc(4 * LENGTH_MAX + 1), *expected = mem_alloc(4 * LENGTH_MAX + 1);
	uint32_t *sum = vec_u32(LENGTH_MAX);
	for (size_t i = 0; i < LENGTHS; i++) {
		size_t n = lengths[i];
		memcpy(sum, x, n * sizeof *sum);
		slow_add(sum, 0, n, MASKS);
		for (uint32_t k = 1; k <= PACK_BITS_MAX; k++) {
			size_t size = pack_size(n, k);
			y[size] = 0xa5;
			mask_input(y, x, 0, n, k, masks, MASKS);
			pack_words(expected, sum, n, k); /* held against single bits in test_pack */
			assert_memory_equal(y, expected, size);
			assert_int_equal(y[size], 0xa5);
		}
	}
	free(y);
	free(expected);
	free(sum);
}

/* Three sites with masks between each two and one of their own: the sum of what they send, less their own masks, is the
 * sum of x. */
static void masks_cancel(void **state)
{
	(void)state;
	enum { SITES = 3, WORDS = 100, BITS = 20 };
	uint32_t sum[WORDS] = {0}, expected[WORDS] = {0};
	uint8_t y[4 * WORDS];
	for (uint32_t u = 0; u < SITES; u++) {
		struct mask own[SITES];
		for (uint32_t v = 0; v < SITES;
		     v++) { /* pairs 01, 02, 12 use the masks 0, 1, 2; own ones are 2, 3, 4 */
			memcpy(own[v].key, v == u ? masks[2 + u].key : masks[u + v - 1].key, KEYS_SIZE);
			own[v].subtract = v > u;
		}
		mask_input(y, x + u * WORDS, 0, WORDS, BITS, own, SITES);
		pack_add(sum, y, WORDS, BITS);
		for (uint32_t i = 0; i < WORDS; i++)
			expected[i] += x[u * WORDS + i];
	}
	for (uint32_t u = 0; u < SITES; u++) {
		struct mask own = {.subtract = true};
		memcpy(own.key, masks[2 + u].key, KEYS_SIZE);
		mask_add(sum, 0, WORDS, &own, 1);
	}
	for (uint32_t i = 0; i < WORDS; i++)
		assert_int_equal(pack_signed(sum[i], BITS), pack_signed(expected[i], BITS));
}

/* ---- what stays in memory */

enum needle { OF_KEY, OF_STREAM, OF_LANES }; /* lanes: a word of the key in each lane of a vector register */

static void expect_found(struct remains *s, bool key)
{
	remains_search(s);
	CHECK((s->found[OF_KEY] > 0) == key);
	CHECK(s->found[OF_STREAM] == 0);
	CHECK(s->found[OF_LANES] == 0);
}

/* After masking, the key is only where the caller has it (so that the search is seen to find it), and the stream
 * nowhere. */
static int mask_and_search(void)
{
	const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = {0};
	static struct remains search;
	static uint32_t words[1000];
	static uint8_t y[4 * 1000];
	static struct mask one;
	uint8_t block[64];
	CHECK(sodium_init() >= 0);
	randombytes_buf(one.key, sizeof one.key);
	crypto_stream_chacha20_ietf(block, sizeof block, nonce, one.key);
	remains_add(&search, one.key);
	remains_add(&search, block);
	for (size_t i = 0; i < REMAINS_NEEDLE; i++)
		block[i] = one.key[i % 4];
	remains_add(&search, block);
	secret_wipe(block, sizeof block);
	sodium_stackzero(4096); /* libsodium's own copies */
	mask_add(words, 0, 1000, &one, 1);
	one.subtract = true;
	mask_add(words, 0, 1000, &one, 1); /* back at zero: no stream in the sum either */
	expect_found(&search, true);
	one.subtract = false;
	mask_input(y, words, 0, 1000, 20, &one, 1);
	expect_found(&search, true);
	secret_wipe(one.key, sizeof one.key);
	expect_found(&search, false);
	return 0;
}

static void start_search(void *context)
{
	if (context)
		CHECK(setenv("OPENSSL_ia32cap", context, 1) == 0);
	execl("/proc/self/exe", "test_mask", "search", (char *)NULL);
	_exit(127);
}

/* In processes of their own, for each way in which OpenSSL computes the cipher: the older ones leave the key on the
 * stack. */
static void nothing_left_behind(void **state)
{
	(void)state;
	static char avx2[] = ":~0xd0230000", none[] = "~0x200000200000000:0";
	char *const capabilities[] = {NULL, avx2, none};
	static struct child c;
	if (SANITIZED) {
		printf("skipped: a sanitizer's own memory cannot be searched\n");
		skip();
	}
	for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++) {
		child_run(&c, false, start_search, capabilities[i]);
		if (c.exit_code != 0)
			fail_msg("%s: %s", capabilities[i] ? capabilities[i] : "all of the processor", c.output);
	}
}

static void off_a_block(void *context)
{
	uint32_t sum[1] = {0};
	(void)context;
	mask_add(sum, 8, 1, masks, 1);
}

static void input_off_a_block(void *context)
{
	uint8_t y[4];
	(void)context;
	mask_input(y, x, 8, 1, 32, masks, 1);
}

static void mistakes(void **state)
{
	(void)state;
	child_expect_check("first % MASK_ALIGN == 0", off_a_block, NULL);
	child_expect_check("first % MASK_ALIGN == 0", input_off_a_block, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),     cmocka_unit_test(ranges),       cmocka_unit_test(cuts),
		cmocka_unit_test(inputs),   cmocka_unit_test(masks_cancel), cmocka_unit_test(nothing_left_behind),
		cmocka_unit_test(mistakes),
	};
	if (argc == 2 && strcmp(argv[1], "search") == 0)
		return mask_and_search();
	return cmocka_run_group_tests(tests, prepare, NULL);
}
