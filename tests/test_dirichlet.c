/*
 * Gamma and Dirichlet draws against their distribution functions where those are elementary, against their moments
 * elsewhere, and against themselves: numbers that every machine must give.
 */
#include "simulator/dirichlet.h"
#include "tests/support/chi_square.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { DRAWS = 20000, BINS = 40 };

static double gamma_half(double x)
{
	return erf(sqrt(x)); /* half the square of a normal */
}

static double gamma_one(double x)
{
	return 1 - exp(-x);
}

static double gamma_two(double x)
{
	return 1 - exp(-x) * (1 + x);
}

static double gamma_four(double x)
{
	return 1 - exp(-x) * (1 + x + x * x / 2 + x * x * x / 6);
}

static void test_gamma_has_its_distribution(void **state)
{
	static const struct {
		double alpha;
		double (*cdf)(double);
	} cases[] = {{0.5, gamma_half}, {1, gamma_one}, {2, gamma_two}, {4, gamma_four}};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
		uint32_t counts[BINS] = {0};
		struct rng r;
		rng_seeded(&r, k, "gamma");
		for (int i = 0; i < DRAWS; i++)
			counts[(int)(BINS * cases[k].cdf(exp(dirichlet_log_gamma(&r, cases[k].alpha))))]++;
		assert_true(chi_square(counts, BINS, (double)DRAWS / BINS) < chi_square_limit(BINS - 1));
	}
}

/* Mean and variance of Gamma(alpha, 1) are alpha; those of the sample mean follow. */
static void test_gamma_has_its_mean(void **state)
{
	static const double alphas[] = {0.01, 0.1, 0.9, 3.3, 30, 1e4};

	(void)state;
	for (size_t k = 0; k < sizeof alphas / sizeof alphas[0]; k++) {
		double sum = 0;
		struct rng r;
		rng_seeded(&r, k, "gamma");
		for (int i = 0; i < DRAWS; i++)
			sum += exp(dirichlet_log_gamma(&r, alphas[k]));
		assert_true(fabs(sum / DRAWS - alphas[k]) < 4 * sqrt(alphas[k] / DRAWS));
	}
}

/* A share of n is Beta(alpha, (n - 1) alpha): for alpha 1 its distribution function is 1 - (1 - x)^(n - 1). */
static void test_shares_have_their_distribution(void **state)
{
	(void)state;
	for (uint32_t n = 2; n <= 5; n++) {
		uint32_t counts[BINS] = {0};
		double shares[5];
		struct rng r;
		rng_seeded(&r, n, "shares");
		for (int i = 0; i < DRAWS; i++) {
			dirichlet_draw(shares, n, 1, &r);
			double u = 1 - pow(1 - shares[i % (int)n], n - 1);
			counts[(int)fmin(BINS - 1, BINS * u)]++;
		}
		assert_true(chi_square(counts, BINS, (double)DRAWS / BINS) < chi_square_limit(BINS - 1));
	}
}

/* Variance of a share: (n - 1) / (n^2 (n alpha + 1)); shares sum to 1 even where most of them are no doubles. */
static void test_shares_have_their_variance(void **state)
{
	static const double alphas[] = {1e-4, 0.01, 0.5, 2, 100, 1e6};
	enum { N = 5 };

	(void)state;
	for (size_t k = 0; k < sizeof alphas / sizeof alphas[0]; k++) {
		double shares[N], square = 0;
		double expected = (N - 1) / (N * N * (N * alphas[k] + 1));
		struct rng r;
		rng_seeded(&r, k, "shares");
		for (int i = 0; i < DRAWS; i++) {
			double sum = 0;
			dirichlet_draw(shares, N, alphas[k], &r);
			for (int j = 0; j < N; j++) {
				assert_true(shares[j] >= 0 && shares[j] <= 1);
				sum += shares[j];
				square += (shares[j] - 1.0 / N) * (shares[j] - 1.0 / N);
			}
			assert_true(fabs(sum - 1) < 1e-12);
		}
		assert_true(fabs(square / DRAWS / N / expected - 1) < 0.05);
	}
}

static void test_the_same_numbers_everywhere(void **state)
{
	static const double expected[] = {0x1.36cd943c5f1b1p-2, 0x1.1db9fc866e2f7p-1, 0x1.30d0a282c675dp-4,
	                                  0x1.062928584ba28p-4};
	double shares[4];
	struct rng r;

	(void)state;
	rng_seeded(&r, 1, "shares");
	dirichlet_draw(shares, 4, 0.5, &r);
	for (int i = 0; i < 4; i++)
		if (shares[i] != expected[i])
			fail_msg("share %d is %a", i, shares[i]);
}

static void test_cuts_are_whole_and_near(void **state)
{
	struct rng r;
	double shares[7];
	uint32_t cut[7];

	(void)state;
	rng_seeded(&r, 3, "cuts");
	for (int trial = 0; trial < 2000; trial++) {
		uint32_t n = 1 + (uint32_t)rng_below(&r, 7), count = (uint32_t)rng_below(&r, 1000), sum = 0;
		dirichlet_draw(shares, n, 0.3, &r);
		dirichlet_cut(cut, shares, n, count);
		for (uint32_t i = 0; i < n; i++) {
			assert_true(fabs(cut[i] - shares[i] * count) <= 1 + 1e-9);
			sum += cut[i];
		}
		assert_int_equal(sum, count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gamma_has_its_distribution),
		cmocka_unit_test(test_gamma_has_its_mean),
		cmocka_unit_test(test_shares_have_their_distribution),
		cmocka_unit_test(test_shares_have_their_variance),
		cmocka_unit_test(test_the_same_numbers_everywhere),
		cmocka_unit_test(test_cuts_are_whole_and_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
