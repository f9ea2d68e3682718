/*
 * Renyi sums against a second implementation in long double, which adds plain terms: never below it, and above it by less than
 * 1e-9 of itself. Known answers of the conversion are from the accountant's specification.
 */
#include "privacy/rdp.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* log A(a) / (a - 1) by its definition, the 1 taken out of A; +inf when a term does not fit. */
static long double plain_cost(long double q, long double z, int a)
{
	long double sum = 0, binomial = 1; /* binom(a, i) q^i (1-q)^(a-i), by logarithms where it is small */

	for (int i = 1; i <= a; i++) {
		binomial = lgammal(a + 1.0L) - lgammal(i + 1.0L) - lgammal(a - i + 1.0L) + i * logl(q);
		if (i < a)
			binomial += (a - i) * log1pl(-q);
		sum += expl(binomial) * expm1l(((long double)i * i - i) / (2 * z * z));
	}
	return log1pl(sum) / (a - 1);
}

static void assert_just_above(double got, long double expected, double q, double z, int a)
{
	if (!((long double)got >= expected && got <= expected * (1 + 1e-9L)))
		fail_msg("q %g, z %g, order %d: %.17g, expected %.17Lg", q, z, a, got, expected);
}

static void test_against_the_definition(void **state)
{
	struct rng r;
	int compared = 0;

	(void)state;
	rng_seeded(&r, 1, "rdp");
	for (int i = 0; i < 60; i++) {
		double q = i % 6 == 0 ? 1 : exp(-12 * rng_unit(&r)), z = exp(6 * rng_unit(&r) - 1);
		struct rdp sums = {{0}};
		rdp_add(&sums, &(struct account_steps){q, z, 1});
		for (int k = 0; k < RDP_ORDERS; k++) {
			long double expected = plain_cost(q, z, rdp_orders[k]);
			if (!isfinite(expected))
				continue;
			assert_just_above(sums.sums[k], expected, q, z, rdp_orders[k]);
			compared++;
		}
	}
	assert_true(compared > 3000);
}

static void test_without_sampling(void **state)
{
	struct rdp sums = {{0}};

	(void)state;
	rdp_add(&sums, &(struct account_steps){1, 3, 7});
	for (int k = 0; k < RDP_ORDERS; k++)
		assert_just_above(sums.sums[k], 7.0L * rdp_orders[k] / 18, 1, 3, rdp_orders[k]);
}

static void test_orders(void **state)
{
	static const uint16_t last[] = {64, 80, 96, 128, 192, 256, 384, 512, 768, 1024, 2048};

	(void)state;
	for (int k = 0; k < 63; k++)
		assert_int_equal(rdp_orders[k], k + 2);
	for (int k = 62; k < RDP_ORDERS; k++)
		assert_int_equal(rdp_orders[k], last[k - 62]);
}

static double epsilon_of(double q, double z, uint64_t steps, double delta)
{
	struct rdp sums = {{0}};

	rdp_add(&sums, &(struct account_steps){q, z, steps});
	return rdp_epsilon(&sums, delta);
}

static void assert_close(double got, double expected, double relative)
{
	if (!(fabs(got - expected) <= relative * expected))
		fail_msg("%.17g, expected %.17g", got, expected);
}

static void test_known_answers(void **state)
{
	struct rdp both = {{0}};

	(void)state;
	assert_close(epsilon_of(256.0 / 60000, 1.1, 14062, 1e-5), 2.597, 1e-4);
	/* q = 1, z = 1, delta = 1e-5: order 5 by hand, 5/2 + log(4/5) + (log 1e5 - log 5)/4 */
	assert_close(epsilon_of(1, 1, 1, 1e-5), 2.5 + log(0.8) + log(2e4) / 4, 1e-9);
	rdp_add(&both, &(struct account_steps){0.1, 2, 500});
	rdp_add(&both, &(struct account_steps){0.05, 1.3, 100});
	assert_close(rdp_epsilon(&both, 1e-6), 7.29, 1e-3);
}

static void test_sums_add(void **state)
{
	struct rdp once = {{0}}, parts = {{0}}, joined = {{0}};

	(void)state;
	rdp_add(&once, &(struct account_steps){0.02, 1, 1000});
	for (int i = 0; i < 10; i++) {
		struct rdp part = {{0}};
		rdp_add(&parts, &(struct account_steps){0.02, 1, 100});
		rdp_add(&part, &(struct account_steps){0.02, 1, 100});
		rdp_join(&joined, &part);
	}
	rdp_join(&joined, &(struct rdp){{0}});
	for (int k = 0; k < RDP_ORDERS; k++) {
		assert_close(parts.sums[k], once.sums[k], 1e-13);
		assert_close(joined.sums[k], once.sums[k], 1e-13);
	}
}

/* A debit too small to change the nearest double still counts. */
static void test_small_debits_are_not_lost(void **state)
{
	struct rdp sums = {{0}}, small = {{0}};

	(void)state;
	for (int k = 0; k < RDP_ORDERS; k++) {
		sums.sums[k] = 1;
		small.sums[k] = 0x1p-60;
	}
	for (int i = 0; i < 1000; i++)
		rdp_join(&sums, &small);
	for (int k = 0; k < RDP_ORDERS; k++)
		assert_true(sums.sums[k] >= 1 + 1000 * 0x1p-60 && sums.sums[k] > 1);
}

static void test_what_cannot_be_promised(void **state)
{
	static const struct account_steps bad[] = {
		{0, 1, 1},    {1e-16, 1, 1}, {-0.1, 1, 1},     {1.1, 1, 1},    {NAN, 1, 1},        {0.1, 0, 1},
		{0.1, -1, 1}, {0.1, NAN, 1}, {0.1, 1e-200, 1}, {1, 1e-200, 1}, {0.1, INFINITY, 1}, {INFINITY, 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct rdp sums = {{0}};
		rdp_add(&sums, &bad[i]);
		for (int k = 0; k < RDP_ORDERS; k++)
			assert_true(sums.sums[k] == INFINITY);
		assert_true(rdp_epsilon(&sums, 1e-5) == INFINITY);
		rdp_add(&sums, &bad[i]); /* inf + inf */
		assert_true(sums.sums[0] == INFINITY);
		sums = (struct rdp){{0}};
		rdp_add(&sums, &(struct account_steps){bad[i].sampling_rate, bad[i].noise_multiplier, 0});
		assert_true(sums.sums[0] == 0);
	}
}

static void test_edges_of_the_conversion(void **state)
{
	struct rdp sums = {{0}};

	(void)state;
	assert_true(rdp_epsilon(&sums, 0) == INFINITY);
	assert_true(rdp_epsilon(&sums, 1) == INFINITY);
	assert_true(rdp_epsilon(&sums, NAN) == INFINITY);
	assert_true(rdp_epsilon(&sums, 0.5) == 0); /* clamped */
	for (int k = 0; k < RDP_ORDERS; k++)
		sums.sums[k] = k < RDP_ORDERS - 1 ? 1 : NAN;
	assert_true(rdp_epsilon(&sums, 1e-5) > 1 && rdp_epsilon(&sums, 1e-5) < 2);
	sums = (struct rdp){{0}};
	/* neither nothing, nor no number: noise so large that powers of it overflow */
	rdp_add(&sums, &(struct account_steps){0.5, 1e200, UINT64_MAX});
	assert_true(sums.sums[0] > 0 && sums.sums[72] > 0 && sums.sums[72] < 1e-280);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_the_definition),
		cmocka_unit_test(test_without_sampling),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_sums_add),
		cmocka_unit_test(test_small_debits_are_not_lost),
		cmocka_unit_test(test_what_cannot_be_promised),
		cmocka_unit_test(test_edges_of_the_conversion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
