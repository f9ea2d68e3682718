/* base/vec: memory, and each loop against a slow one. */
#include "base/random.h"
#include "base/vec.h"
#include "tests/support/child.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH_MAX 70 /* more than four vectors of 16 elements, and every remainder */

static void assert_zeroed(void *p, size_t size)
{
	assert_non_null(p);
	assert_int_equal((uintptr_t)p % VEC_ALIGN, 0);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(((uint8_t *)p)[i], 0);
	memset(p, 0xff, size); /* so that the next one is not zero by luck */
	free(p);
}

static void test_memory(void **state)
{
	(void)state;
	for (size_t n = 0; n <= LENGTH_MAX; n++) {
		assert_zeroed(vec_f32(n), 4 * n);
		assert_zeroed(vec_u32(n), 4 * n);
		assert_zeroed(vec_i64(n), 8 * n);
	}
	assert_zeroed(vec_f32(1 << 16), 4 << 16);
}

static void allocate_too_much(void *context)
{
	(void)context;
	free(vec_i64(SIZE_MAX / 8));
}

static void test_memory_overflow(void **state)
{
	(void)state;
	child_expect_check("VEC_ALIGN", allocate_too_much, NULL);
}

static float any_float(struct rng *r)
{
	return (float)ldexp(2 * rng_unit(r) - 1, (int)rng_below(r, 40) - 20);
}

/* Same bits as one rounded product and one rounded sum per element; neighbours stay untouched. */
static void test_add_scaled(void **state)
{
	float x[LENGTH_MAX], y[LENGTH_MAX + 1], expected[LENGTH_MAX + 1];
	struct rng r;

	(void)state;
	rng_seeded(&r, 1, "vec");
	for (size_t n = 0; n <= LENGTH_MAX; n++) {
		float a = any_float(&r);
		for (size_t i = 0; i <= n; i++)
			y[i] = expected[i] = any_float(&r);
		for (size_t i = 0; i < n; i++) {
			x[i] = any_float(&r);
			volatile float product = a * x[i];
			volatile float sum = y[i] + product;
			expected[i] = sum;
		}
		vec_add_scaled(y, a, x, n);
		assert_memory_equal(y, expected, (n + 1) * sizeof *y);
	}
}

static void test_zero_and_copy(void **state)
{
	float x[LENGTH_MAX + 1], y[LENGTH_MAX + 1];

	(void)state;
	for (size_t n = 0; n <= LENGTH_MAX; n++) {
		for (size_t i = 0; i <= n; i++) {
			x[i] = (float)i + 1;
			y[i] = -7;
		}
		vec_copy(y, x, n);
		assert_memory_equal(y, x, n * sizeof *y);
		assert_true(y[n] == -7);
		vec_zero(y, n);
		for (size_t i = 0; i < n; i++)
			assert_true(y[i] == 0 && !signbit(y[i]));
		assert_true(y[n] == -7);
	}
}

static void test_finite(void **state)
{
	static const uint32_t bad_bits[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0x7fffffff};
	static const float good[] = {0, -0.0f, 1, -1, FLT_MAX, -FLT_MAX, FLT_MIN, FLT_TRUE_MIN, -FLT_TRUE_MIN};
	float x[LENGTH_MAX] = {0};

	(void)state;
	for (size_t n = 0; n <= LENGTH_MAX; n++) {
		for (size_t i = 0; i < n; i++)
			x[i] = good[i % (sizeof good / sizeof *good)];
		assert_true(vec_finite(x, n));
		for (size_t i = 0; i < n; i++) {
			float kept = x[i];
			memcpy(&x[i], &bad_bits[(i + n) % 6], sizeof x[i]);
			assert_false(vec_finite(x, n));
			x[i] = kept;
		}
	}
}

/* Two's complement from its definition: the top bit weighs -2^31. */
static int64_t slow_element(const uint8_t *octets)
{
	int64_t value = 0, weight = 1;

	for (int bit = 0; bit < 32; bit++, weight *= 2)
		if (octets[bit / 8] >> bit % 8 & 1)
			value += bit == 31 ? -weight : weight;
	return value;
}

/* Against the slow loop, at every length and at every misalignment of the octets. */
static void test_sum_octets(void **state)
{
	uint8_t octets[4 * LENGTH_MAX + 8];
	int64_t sum[LENGTH_MAX + 1], expected[LENGTH_MAX + 1];
	struct rng r;

	(void)state;
	rng_seeded(&r, 2, "vec");
	for (size_t n = 0; n <= LENGTH_MAX; n++) {
		for (size_t shift = 0; shift < 8; shift++) {
			for (size_t i = 0; i < sizeof octets; i++)
				octets[i] = (uint8_t)rng_u32(&r);
			for (size_t i = 0; i <= n; i++)
				sum[i] = expected[i] = (int64_t)rng_u64(&r) / 2;
			for (size_t i = 0; i < n; i++)
				expected[i] += slow_element(octets + shift + 4 * i);
			vec_sum_octets(sum, octets + shift, n);
			assert_memory_equal(sum, expected, (n + 1) * sizeof *sum);
		}
	}
}

static void test_sum_octets_extremes(void **state)
{
	static const uint8_t octets[] = {0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0};
	int64_t *sum = vec_i64(4);

	(void)state;
	for (int site = 1; site <= 4096; site++) {
		vec_sum_octets(sum, octets, 4);
		assert_true(sum[0] == (int64_t)INT32_MIN * site);
		assert_true(sum[1] == (int64_t)INT32_MAX * site);
		assert_true(sum[2] == -site && sum[3] == site);
	}
	free(sum);
}

static void test_add_octets(void **state)
{
	uint8_t octets[4 * LENGTH_MAX + 8];
	uint32_t sum[LENGTH_MAX + 1], expected[LENGTH_MAX + 1];
	struct rng r;

	(void)state;
	rng_seeded(&r, 3, "vec");
	for (size_t n = 0; n <= LENGTH_MAX; n++) {
		for (size_t shift = 0; shift < 8; shift++) {
			for (size_t i = 0; i < sizeof octets; i++)
				octets[i] = (uint8_t)rng_u32(&r);
			for (size_t i = 0; i <= n; i++)
				sum[i] = expected[i] = rng_u32(&r);
			for (size_t i = 0; i < n; i++)
				expected[i] += (uint32_t)slow_element(octets + shift + 4 * i); /* modulo 2^32 */
			vec_add_octets(sum, octets + shift, n);
			assert_memory_equal(sum, expected, (n + 1) * sizeof *sum);
			for (size_t i = 0; i < n; i++)
				expected[i] -= 3 * (uint32_t)slow_element(octets + shift + 4 * i);
			for (int times = 0; times < 3; times++)
				vec_subtract_octets(sum, octets + shift, n);
			assert_memory_equal(sum, expected, (n + 1) * sizeof *sum);
			for (size_t i = 0; i < n; i++)
				expected[i] -= 3 * (uint32_t)slow_element(octets + shift + 4 * i);
			for (int times = 0; times < 3; times++)
				vec_subtract_octets(sum, octets + shift, n);
			assert_memory_equal(sum, expected, (n + 1) * sizeof *sum);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),     cmocka_unit_test(test_memory_overflow),
		cmocka_unit_test(test_add_scaled), cmocka_unit_test(test_zero_and_copy),
		cmocka_unit_test(test_finite),     cmocka_unit_test(test_add_octets),
		cmocka_unit_test(test_sum_octets), cmocka_unit_test(test_sum_octets_extremes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
