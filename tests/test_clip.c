/* Clipping: weights at and around the clip, what is not a number, and the norm of what comes out, in long double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/random.h"
#include "privacy/clip.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_weights(void **state)
{
	(void)state;
	assert_true(clip_weight(0, 2) == CLIP_MARGIN);
	assert_true(clip_weight(1, 2) == CLIP_MARGIN);
	assert_true(clip_weight(2, 2) == CLIP_MARGIN);
	assert_true(clip_weight(8, 2) == CLIP_MARGIN / 4);
	assert_true(CLIP_MARGIN < 1 && CLIP_MARGIN > 1 - 1e-6);
	for (double norm = 1e-300; norm < 1e300; norm *= 7.3) {
		double weight = clip_weight(norm, 0.7);
		assert_true(weight > 0 && weight <= CLIP_MARGIN);
		assert_true((long double)weight * norm <= 0.7L);
		if (norm >= 0.7)
			assert_true((long double)weight * norm >= 0.7L * (1 - 0x1p-19L));
	}
}

static void test_what_is_not_a_number_weighs_nothing(void **state)
{
	(void)state;
	assert_true(clip_weight(NAN, 1) == 0);
	assert_true(clip_weight(-NAN, 1) == 0);
	assert_true(clip_weight(INFINITY, 1) == 0);
	assert_true(clip_weight(DBL_MAX, 1) > 0);
}

static long double norm_of(const double *x, size_t n)
{
	long double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (long double)x[i] * x[i];
	return sqrtl(sum);
}

static void test_updates_are_never_longer_than_the_clip(void **state)
{
	(void)state;
	struct rng r;
	rng_seeded(&r, 1, "clip");
	for (int round = 0; round < 2000; round++) {
		size_t n = 1 + rng_below(&r, 60);
		double x[60], before[60], size = exp(20 * rng_normal(&r)), clip = exp(3 * rng_normal(&r));
		for (size_t i = 0; i < n; i++)
			x[i] = before[i] = size * rng_normal(&r);
		if (round % 3 == 0) { /* right at the clip */
			double scale = clip / (double)norm_of(x, n);
			for (size_t i = 0; i < n; i++)
				x[i] = before[i] = x[i] * scale;
		}
		long double norm = norm_of(before, n), expected = norm > clip ? (long double)clip : norm;
		bool within = clip_update(x, n, clip);
		if (fabsl(norm - clip) > 1e-12L * clip)
			assert_true(within == (norm <= clip));
		assert_true(norm_of(x, n) <= clip);
		assert_true(norm_of(x, n) >= expected * (1 - 0x1p-19L));
		for (size_t i = 0; i < n; i++)
			assert_true(fabsl(x[i] * norm - before[i] * expected) <=
			            0x1p-19L * fabsl(before[i] * expected));
	}
}

static void test_an_update_that_is_not_finite_is_nothing(void **state)
{
	(void)state;
	static const double bad[] = {NAN, -NAN, INFINITY, -INFINITY, 1e200, -DBL_MAX};
	enum { N = 21 };
	for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
		for (size_t at = 0; at < N; at++) {
			double x[N], zeros[N] = {0};
			for (size_t i = 0; i < N; i++)
				x[i] = i == at ? bad[k] : 0.001;
			assert_false(clip_update(x, N, 1));
			assert_memory_equal(x, zeros, sizeof x);
		}
	double both[] = {INFINITY, -INFINITY};
	assert_false(clip_update(both, 2, 1));
	assert_true(both[0] == 0 && both[1] == 0);
}

static void test_a_long_update(void **state)
{
	(void)state;
	size_t n = 3000001;
	double *x = mem_array(n, sizeof *x);
	for (size_t i = 0; i < n; i++)
		x[i] = i % 3 == 0 ? -1 : 0.3;
	assert_false(clip_update(x, n, 2.5));
	long double norm = norm_of(x, n);
	assert_true(norm <= 2.5L && norm >= 2.5L * (1 - 0x1p-19L));
	assert_true(clip_update(x, n, 2.5));
	free(x);
	assert_true(clip_update(NULL, 0, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_what_is_not_a_number_weighs_nothing),
		cmocka_unit_test(test_updates_are_never_longer_than_the_clip),
		cmocka_unit_test(test_an_update_that_is_not_finite_is_nothing),
		cmocka_unit_test(test_a_long_update),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
