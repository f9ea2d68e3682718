/*
 * Epsilon by the privacy loss distribution: never below the truth, and hardly above it. The truth is by quadrature of the continuous
 * distributions (tests/support/loss_quadrature.c), in closed form for a single step, and from the specification for a few settings that
 * other accountants were compared on.
 */
#include "privacy/pld.h"

#include "base/err.h"
#include "base/random.h"
#include "privacy/gaussian.h"
#include "tests/support/loss_quadrature.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define QUADRATURES 600
#define CLOSED_FORMS 400

static void assert_bound(double got, double truth, const struct account_steps *list, size_t count, double delta)
{
	if (!(got >= truth * (1 - 1e-8) && got <= truth * (1 + 1e-3) + 1e-5))
		fail_msg("%zu parts, first q %g, z %g, %g steps, delta %g: %.12g, expected %.12g", count,
		         list[0].sampling_rate, list[0].noise_multiplier, (double)list[0].count, delta, got, truth);
}

static double range(struct rng *r, double low, double high) /* evenly in the logarithm */
{
	return exp(log(low) + (log(high) - log(low)) * rng_unit(r));
}

/* Lists of one to three parts, some without sampling. */
static size_t draw_list(struct account_steps list[3], struct rng *r)
{
	size_t count = 1 + rng_below(r, 3);

	for (size_t j = 0; j < count; j++) {
		list[j].sampling_rate = j == 1 && rng_below(r, 2) == 0 ? 1 : range(r, 0.03, 1);
		list[j].noise_multiplier = range(r, 0.6, 5) * (list[j].sampling_rate == 1 ? 5 : 1);
		list[j].count = list[j].sampling_rate == 1 ? 1 + rng_below(r, 5) : (uint64_t)range(r, 30, 1500);
	}
	return count;
}

static void test_against_quadrature(void **state)
{
	int compared = 0;
	struct rng r;

	(void)state;
	rng_seeded(&r, 1, "pld");
	for (int i = 0; i < QUADRATURES; i++) {
		struct account_steps list[3];
		size_t count = draw_list(list, &r);
		double delta = range(&r, 1e-12, 0.1), got = pld_epsilon(list, count, delta);
		double truth = loss_quadrature_epsilon(list, count, delta, got);
		if (isnan(truth))
			continue;
		assert_bound(got, truth, list, count, delta);
		compared++;
	}
	assert_true(compared > QUADRATURES * 9 / 10);
}

static long double tail(long double x)
{
	return erfcl(x / sqrtl(2)) / 2;
}

/* delta(eps) of a single step; the larger direction. */
static long double single_delta(long double q, long double z, long double epsilon)
{
	long double x = z * z * log1pl(expm1l(epsilon) / q) + 0.5L, add = 0;
	long double remove = q * tail((x - 1) / z) - (expm1l(epsilon) + q) * tail(x / z);

	if (expm1l(-epsilon) > -q) {
		x = z * z * log1pl(expm1l(-epsilon) / q) + 0.5L;
		add = tail(-x / z) - expl(epsilon) * ((1 - q) * tail(-x / z) + q * tail((1 - x) / z));
	}
	return fmaxl(remove, add);
}

static double single_epsilon(double q, double z, double delta)
{
	long double low = 0, high = 1000;

	if (single_delta(q, z, 0) <= delta)
		return 0;
	for (int i = 0; i < 60; i++) {
		long double middle = (low + high) / 2;
		if (single_delta(q, z, middle) > delta)
			low = middle;
		else
			high = middle;
	}
	return (double)high;
}

static void test_single_steps(void **state)
{
	/* two coarse grids agree on it by chance */
	struct account_steps odd = {0.00105973, 1.22471, 1};
	struct rng r;

	(void)state;
	assert_bound(pld_epsilon(&odd, 1, 7.7694e-11), single_epsilon(0.00105973, 1.22471, 7.7694e-11), &odd, 1,
	             7.7694e-11);
	rng_seeded(&r, 2, "pld");
	for (int i = 0; i < CLOSED_FORMS; i++) {
		struct account_steps step = {range(&r, 1e-3, 1), range(&r, 0.2, 20), 1};
		double delta = range(&r, 1e-13, 0.3);
		assert_bound(pld_epsilon(&step, 1, delta),
		             single_epsilon(step.sampling_rate, step.noise_multiplier, delta), &step, 1, delta);
	}
}

static void test_known_answers(void **state)
{
	static const struct {
		struct account_steps list[2];
		double delta, epsilon;
	} known[] = {
		/* a transform without tilting has an error near 1e-12, and says 12.2389 or more */
		{{{0.02, 0.9, 2000}}, 1e-12, 12.27328478},         {{{0.1, 2, 500}, {0.05, 1.3, 100}}, 1e-6, 6.7131},
		{{{256.0 / 60000, 1.1, 14062}}, 1e-5, 2.38159692}, {{{0.0001, 0.3, 1000}}, 1e-5, 8.20997377},
		{{{0.9, 50, 100000}}, 1e-5, 39.73283198},
	};

	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		double got = pld_epsilon(known[i].list, 2, known[i].delta);
		if (!(got >= known[i].epsilon * (1 - 1e-6) && got <= known[i].epsilon * (1 + 1e-3)))
			fail_msg("%.12g, expected %.12g", got, known[i].epsilon);
	}
}

static void test_without_sampling_it_is_exact(void **state)
{
	struct account_steps list[] = {{1, 3, 7}, {1, 5, 2}};

	(void)state;
	assert_true(pld_epsilon(list, 1, 1e-5) == gaussian_epsilon(sqrt(7.0 / 9), 1e-5));
	assert_true(fabs(pld_epsilon(list, 2, 1e-250) / gaussian_epsilon(sqrt(7.0 / 9 + 2.0 / 25), 1e-250) - 1) <
	            1e-14);
	assert_true(pld_epsilon(NULL, 0, 1e-5) == 0);
}

/* To the last bit: the order of a list, and how it is cut into parts. */
static void test_order_and_cut(void **state)
{
	static const struct account_steps a[] = {{0.1, 2, 500}, {0.05, 1.3, 100}, {1, 9, 3}, {1, 7, 1}};
	static const struct account_steps b[] = {{1, 7, 1},     {0.1, 2, 200}, {1, 9, 1}, {0.05, 1.3, 99},
	                                         {0.1, 2, 300}, {0.3, 1, 0},   {1, 9, 2}, {0.05, 1.3, 1}};

	(void)state;
	for (double delta = 1e-2; delta > 1e-9; delta /= 30)
		assert_true(pld_epsilon(a, 4, delta) == pld_epsilon(b, 8, delta));
}

/* More steps, a larger rate, less noise or a smaller delta never cost less. Steps of 1 %, which are far larger than what two grids
 * may differ by. */
static void test_monotone(void **state)
{
	struct rng r;

	(void)state;
	rng_seeded(&r, 3, "pld");
	for (int i = 0; i < 40; i++) {
		struct account_steps s = {range(&r, 0.003, 0.97), range(&r, 0.5, 8), (uint64_t)range(&r, 100, 3000)}, t;
		double delta = range(&r, 1e-10, 1e-3), epsilon = pld_epsilon(&s, 1, delta);

		t = s;
		t.sampling_rate *= 1.01;
		assert_true(pld_epsilon(&t, 1, delta) >= epsilon);
		t = s;
		t.noise_multiplier /= 1.01;
		assert_true(pld_epsilon(&t, 1, delta) >= epsilon);
		t = s;
		t.count += t.count / 50;
		assert_true(pld_epsilon(&t, 1, delta) >= epsilon);
		assert_true(pld_epsilon(&s, 1, delta / 1.1) >= epsilon);
	}
}

static void test_what_is_not_computed(void **state)
{
	static const struct account_steps bad[] = {
		{0, 1, 1},          {1e-16, 1, 1},        {-0.1, 1, 1},  {1.1, 1, 1},      {NAN, 1, 1},
		{0.1, 0, 1},        {0.1, -1, 1},         {0.1, NAN, 1}, {0.1, 1e-200, 1}, {1, 1e-200, 1},
		{0.1, INFINITY, 1}, {0.1, 1, UINT64_MAX}, {1, NAN, 1},   {1, INFINITY, 1}, {1, -1, 1},
	};
	static const double bad_deltas[] = {0, 1, -1, 2, NAN};
	struct account_steps good = {0.1, 2, 10};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct account_steps list[] = {good, bad[i], good};
		assert_true(pld_epsilon(&bad[i], 1, 1e-5) == INFINITY);
		assert_true(pld_epsilon(list, 3, 1e-5) == INFINITY);
		if (bad[i].count == 1) {
			list[1].count = 0;
			assert_true(isfinite(pld_epsilon(list, 3, 1e-5)));
		}
	}
	for (size_t i = 0; i < sizeof bad_deltas / sizeof *bad_deltas; i++) {
		assert_true(pld_epsilon(&good, 1, bad_deltas[i]) == INFINITY);
		assert_true(pld_epsilon(NULL, 0, bad_deltas[i]) == INFINITY);
	}
	assert_true(pld_epsilon(&good, 1, 1e-250) == INFINITY);
}

/* At the ends of what is permitted: numbers that are none too small, and no NaN. For a single step the truth is known. */
static void test_extremes(void **state)
{
	static const struct {
		struct account_steps steps;
		double delta, least, most;
	} ends[] = {
		{{1e-15, 1e4, 1}, 1e-200, 2.864e-18, 2.9e-18},
		{{1e-15, 1, 1}, 1e-9, 0, 0},
		{{1e-15, 1, 1000}, 0.5, 0, 0},
		{{1e-3, 0x1p-6, 1000}, 1e-9, 20000, 26000},
		{{1e-3, 0x1p-6, 1}, 1e-2, 0, 0},
		{{0.5, 0x1p32, 1}, 1e-100, 2e-9, 3e-9},
		{{0.5, 1e4, 1000}, 1 - 1e-9, 0, 0},
		{{1 - 1e-12, 1, 1}, 1e-5, 4.377178, 4.3816},
		{{1 - 1e-12, 0x1p-6, 10}, 1e-200, 20480, 27000},
		{{0.5, 2, 1u << 20}, 1e-9, 30000, 50000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		double epsilon = pld_epsilon(&ends[i].steps, 1, ends[i].delta);
		if (!(epsilon >= ends[i].least && epsilon <= ends[i].most))
			fail_msg("q %g, z %g, %g steps, delta %g: %g", ends[i].steps.sampling_rate,
			         ends[i].steps.noise_multiplier, (double)ends[i].steps.count, ends[i].delta, epsilon);
	}
}

/* Rare steps at a small delta: what the grid holds beyond the window's losses rules the tilted distribution, and once came round the
 * cycle, so that 600 steps cost more than 632. */
static void test_rare_steps_do_not_come_round(void **state)
{
	static const double counts[] = {500, 600, 622, 632, 700};
	double last = 0;

	(void)state;
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		struct account_steps step = {0.000971774, 1.47212, (uint64_t)counts[i]};
		double epsilon = pld_epsilon(&step, 1, 9.857e-12);

		assert_true(epsilon > last && epsilon < 0.13);
		last = epsilon;
	}
	assert_true(pld_epsilon(&(struct account_steps){0.00040267, 1.28695, 610}, 1, 1.156e-11) < 0.07);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rare_steps_do_not_come_round),
		cmocka_unit_test(test_against_quadrature),
		cmocka_unit_test(test_single_steps),
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_without_sampling_it_is_exact),
		cmocka_unit_test(test_order_and_cut),
		cmocka_unit_test(test_monotone),
		cmocka_unit_test(test_what_is_not_computed),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
