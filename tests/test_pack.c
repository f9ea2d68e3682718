/* crypto/pack: against a packing bit by bit, for every k and every length around whole blocks. */
#include "base/random.h"
#include "crypto/pack.h"
#include "tests/support/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH_MAX 100 /* three blocks of 32 and some */
#define OCTETS_MAX (4 * LENGTH_MAX)
#define GUARD 0xa5

/* The definition: bit j of coordinate i is stream bit i k + j. */
static void slow_pack(uint8_t *out, const uint32_t *words, size_t n, uint32_t k)
{
	memset(out, 0, (n * k + 7) / 8);
	for (size_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < k; j++)
			out[(i * k + j) / 8] |= (uint8_t)((words[i] >> j & 1) << (i * k + j) % 8);
}

static void against_bits(void **state)
{
	(void)state;
	uint32_t words[LENGTH_MAX], sum[LENGTH_MAX + 1], expected[LENGTH_MAX + 1];
	uint8_t packed[OCTETS_MAX + 1], slow[OCTETS_MAX + 1];
	struct rng r;
	rng_seeded(&r, 1, "pack");
	for (uint32_t k = 1; k <= PACK_BITS_MAX; k++) {
		for (size_t n = 0; n <= LENGTH_MAX; n++) {
			size_t size = pack_size(n, k);
			assert_int_equal(size, (n * k + 7) / 8);
			for (size_t i = 0; i < n; i++)
				words[i] = rng_u32(&r);
			memset(packed, GUARD, sizeof packed);
			pack_words(packed, words, n, k);
			slow_pack(slow, words, n, k);
			assert_memory_equal(packed, slow, size);
			assert_int_equal(packed[size], GUARD);
			assert_true(pack_valid(bytes_of(packed, size), n, k));

			for (size_t i = 0; i <= n; i++)
				sum[i] = expected[i] = rng_u32(&r);
			for (size_t i = 0; i < n; i++)
				expected[i] += k == 32 ? words[i] : words[i] & ((1u << k) - 1);
			pack_add(sum, packed, n, k);
			assert_memory_equal(sum, expected, (n + 1) * sizeof *sum);
		}
	}
}

/* The picture in the header. */
static void by_hand(void **state)
{
	(void)state;
	const uint32_t words[] = {0xfff12345, 0x000abcde};
	const uint8_t expected[] = {0x45, 0x23, 0xe1, 0xcd, 0xab};
	uint8_t packed[5];
	pack_words(packed, words, 2, 20);
	assert_memory_equal(packed, expected, sizeof expected);
}

/* A piece that begins at a multiple of 8 coordinates is the same octets alone. */
static void pieces(void **state)
{
	(void)state;
	uint32_t words[LENGTH_MAX];
	uint8_t whole[OCTETS_MAX], piece[OCTETS_MAX];
	for (uint32_t i = 0; i < LENGTH_MAX; i++)
		words[i] = i * 2654435761u;
	for (uint32_t k = 1; k <= PACK_BITS_MAX; k++) {
		pack_words(whole, words, LENGTH_MAX, k);
		for (size_t cut = 0; cut <= LENGTH_MAX; cut += 8) {
			pack_words(piece, words, cut, k);
			pack_words(piece + cut / 8 * k, words + cut, LENGTH_MAX - cut, k);
			assert_memory_equal(piece, whole, pack_size(LENGTH_MAX, k));
		}
	}
}

static void malformed(void **state)
{
	(void)state;
	uint8_t octets[OCTETS_MAX] = {0};
	for (uint32_t k = 1; k <= PACK_BITS_MAX; k++) {
		for (size_t n = 1; n < 20; n++) {
			size_t size = pack_size(n, k);
			assert_true(pack_valid(bytes_of(octets, size), n, k));
			assert_false(pack_valid(bytes_of(octets, size - 1), n, k));
			assert_false(pack_valid(bytes_of(octets, size + 1), n, k));
			for (size_t bit = 0; bit < 8 * size; bit++) {
				octets[bit / 8] = (uint8_t)(1u << bit % 8);
				assert_true(pack_valid(bytes_of(octets, size), n, k) == (bit < n * k));
				octets[bit / 8] = 0;
			}
		}
	}
	assert_true(pack_valid(bytes_of(octets, 0), 0, 7));
}

static void signs(void **state)
{
	(void)state;
	assert_int_equal(pack_signed(0x80000, 20), -524288);
	assert_int_equal(pack_signed(0x7ffff, 20), 524287);
	assert_int_equal(pack_signed(0xfff00005, 20), 5); /* what is above k bits does not count */
	assert_int_equal(pack_signed(0xfffff, 20), -1);
	assert_int_equal(pack_signed(1, 1), -1);
	assert_int_equal(pack_signed(0, 1), 0);
	assert_int_equal(pack_signed(UINT32_MAX, 32), -1);
	assert_true(pack_signed(0x80000000, 32) == INT32_MIN);
	for (uint32_t k = 2; k <= 32; k++)
		for (int32_t v = -2; v <= 1; v++)
			assert_int_equal(pack_signed((uint32_t)v, k), v);
}

static void no_bits(void *context)
{
	(void)context;
	(void)pack_size(1, 0);
}

static void too_many_bits(void *context)
{
	(void)context;
	(void)pack_size(1, 33);
}

static void mistakes(void **state)
{
	(void)state;
	child_expect_check("k >= 1", no_bits, NULL);
	child_expect_check("k <= PACK_BITS_MAX", too_many_bits, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_bits), cmocka_unit_test(by_hand), cmocka_unit_test(pieces),
		cmocka_unit_test(malformed),    cmocka_unit_test(signs),   cmocka_unit_test(mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
