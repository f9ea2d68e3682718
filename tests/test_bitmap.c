/* crypto/bitmap: against arrays of bool, and every spelling that is not the only one. */
#include "base/random.h"
#include "crypto/bitmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MEMBERS_MAX 70
#define OCTETS_MAX 16

static void against_arrays(void **state)
{
	(void)state;
	struct rng r;
	rng_seeded(&r, 1, "bitmap");
	for (uint32_t n = 0; n <= MEMBERS_MAX; n++) {
		uint8_t set[OCTETS_MAX] = {0}, other[OCTETS_MAX] = {0};
		bool in[MEMBERS_MAX] = {false}, in_other[MEMBERS_MAX] = {false}, within = true;
		uint32_t count = 0;
		for (uint32_t i = 0; i < n; i++) {
			in[i] = rng_below(&r, 3) == 0;
			in_other[i] = in[i] || rng_below(&r, 2) == 0;
			if (in[i])
				bitmap_add(set, i);
			if (in_other[i])
				bitmap_add(other, i);
			count += in[i];
			within &= in[i] || !in_other[i];
		}
		for (uint32_t i = 0; i < n; i++)
			assert_true(bitmap_has(set, i) == in[i]);
		assert_int_equal(bitmap_count(set, n), count);
		assert_true(bitmap_within(set, other, n));
		assert_true(bitmap_within(other, set, n) == within);
		assert_true(bitmap_valid(bytes_of(set, bitmap_size(n)), n));
	}
}

static void by_hand(void **state)
{
	(void)state;
	uint8_t set[2] = {0};
	bitmap_add(set, 0);
	bitmap_add(set, 3);
	bitmap_add(set, 8);
	assert_int_equal(set[0], 0x09); /* least significant bit first */
	assert_int_equal(set[1], 0x01);
}

static void one_member_outside(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < MEMBERS_MAX; i++) {
		uint8_t inner[OCTETS_MAX] = {0}, outer[OCTETS_MAX];
		memset(outer, 0xff, sizeof outer);
		bitmap_add(inner, i);
		outer[i / 8] = (uint8_t)~inner[i / 8];
		assert_false(bitmap_within(inner, outer, MEMBERS_MAX));
	}
}

static void malformed(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= MEMBERS_MAX; n++) {
		uint8_t set[OCTETS_MAX] = {0};
		size_t size = bitmap_size(n);
		assert_int_equal(size, n / 8 + (n % 8 != 0));
		assert_false(bitmap_valid(bytes_of(set, size - 1), n));
		assert_false(bitmap_valid(bytes_of(set, size + 1), n));
		for (uint32_t bit = 0; bit < 8 * size; bit++) {
			set[bit / 8] = (uint8_t)(1u << bit % 8);
			assert_true(bitmap_valid(bytes_of(set, size), n) == (bit < n));
			set[bit / 8] = 0;
		}
	}
	assert_true(bitmap_valid(bytes_of(NULL, 0), 0));
	assert_false(bitmap_valid(bytes_of("", 1), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_arrays),
		cmocka_unit_test(by_hand),
		cmocka_unit_test(one_member_outside),
		cmocka_unit_test(malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
