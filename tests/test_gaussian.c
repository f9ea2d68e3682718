/*
 * The Gaussian mechanism against its definition in long double, where that does not cancel, and against known answers: the values
 * of delta(epsilon) were worked out by another program with 60 digits.
 */
#include "privacy/gaussian.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_close(double got, long double expected, double relative)
{
	if (!(fabsl(got - expected) <= relative * fabsl(expected)))
		fail_msg("%.17g, expected %.17Lg", got, expected);
}

static long double tail(long double x)
{
	return erfcl(x / sqrtl(2)) / 2;
}

static void test_mills(void **state)
{
	(void)state;
	for (double x = 0; x < 60; x += 0.0137) {
		long double density = expl(-(long double)x * x / 2) / sqrtl(2 * acosl(-1));
		assert_close(gaussian_mills(x), tail(x) / density, 1e-15);
	}
	assert_close(gaussian_mills(1e10), 1e-10L, 1e-15);
	assert_close(gaussian_mills(1e200), 1e-200L, 1e-15);
}

/* For mu from 1e-4 to 60, over the switch between the two ways to take the difference. */
static void test_delta_by_its_definition(void **state)
{
	(void)state;
	for (double mu = 1e-4; mu < 60; mu *= 1.17) {
		for (double epsilon = 0; epsilon < 8 * mu + mu * mu; epsilon += 0.37 * mu) {
			long double v = epsilon / (long double)mu - mu / 2.0L;
			long double expected = tail(v) - expl(epsilon) * tail(v + mu);
			if (expected > 1e-14L)
				assert_close(gaussian_delta(epsilon, mu), expected, 1e-15 / mu + 1e-12);
		}
	}
}

static void test_known_answers(void **state)
{
	static const struct {
		double z, steps, delta, epsilon;
	} known[] = {
		{1, 1, 1e-5, 4.3771780956812245},    {0.25, 1, 1e-6, 26.356963925325815},
		{3.5, 7, 1e-12, 5.3525700407775956}, {40, 100, 0.001, 0.59200671836212915},
		{9, 1000, 1e-9, 26.665167204968856},
	};

	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		assert_close(gaussian_epsilon(sqrt(known[i].steps) / known[i].z, known[i].delta), known[i].epsilon,
		             1e-12);
}

static void test_epsilon_and_mu_undo_each_other(void **state)
{
	(void)state;
	for (double delta = 0.1; delta > 1e-300; delta *= 1e-7) {
		for (double epsilon = 1e-3; epsilon < 1e4; epsilon *= 7.3) {
			double mu = gaussian_mu(epsilon, delta);
			assert_true(gaussian_epsilon(mu, delta) <= epsilon);
			assert_true(gaussian_epsilon(mu * (1 + 1e-9), delta) > epsilon);
		}
	}
}

static void test_edges(void **state)
{
	(void)state;
	assert_true(gaussian_epsilon(0, 1e-5) == 0);
	assert_true(gaussian_epsilon(1e-6, 1e-5) == 0); /* delta(0) = mu / sqrt(2 pi) */
	assert_true(gaussian_epsilon(1e-4, 1e-5) > 0);
	assert_true(gaussian_epsilon(1e-300, 1e-5) >= 0 && gaussian_epsilon(1e-300, 1e-5) < 1e-290);
	assert_true(gaussian_epsilon(1e200, 1e-5) == INFINITY);
	assert_true(gaussian_epsilon(INFINITY, 1e-5) == INFINITY);
	assert_true(gaussian_epsilon(NAN, 1e-5) == INFINITY);
	assert_true(gaussian_epsilon(-1, 1e-5) == INFINITY);
	assert_true(gaussian_epsilon(1, 0) == INFINITY);
	assert_true(gaussian_epsilon(1, 1) == INFINITY);
	assert_true(gaussian_epsilon(1, NAN) == INFINITY);
	assert_true(isfinite(gaussian_epsilon(1, 5e-324)) && gaussian_epsilon(1, 5e-324) > gaussian_epsilon(1, 1e-300));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mills),

		cmocka_unit_test(test_delta_by_its_definition),
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_epsilon_and_mu_undo_each_other),
		cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
