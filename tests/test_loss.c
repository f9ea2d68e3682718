/*
 * The loss of one step: its curve against the definition in long double, and the masses against what they are for: a distribution
 * whose own curve is the given one at the grid's points and nowhere below it between them.
 */
#include "privacy/loss.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static long double tail(long double x)
{
	return erfcl(x / sqrtl(2)) / 2;
}

/* delta(eps) from the probabilities of the set in which the loss is above eps: x beyond x* (remove), or below it (add). */
static long double delta_remove(long double q, long double z, long double epsilon)
{
	long double x;

	if (expm1l(epsilon) <= -q)
		return -expm1l(epsilon);
	x = z * z * log1pl(expm1l(epsilon) / q) + 0.5L;
	return q * tail((x - 1) / z) - (expm1l(epsilon) + q) * tail(x / z);
}

static long double delta_add(long double q, long double z, long double epsilon)
{
	long double x;

	if (expm1l(-epsilon) <= -q)
		return 0;
	x = z * z * log1pl(expm1l(-epsilon) / q) + 0.5L;
	return tail(-x / z) - expl(epsilon) * ((1 - q) * tail(-x / z) + q * tail((1 - x) / z));
}

static const struct {
	double q, z;
} steps[] = {{1, 1}, {0.5, 2}, {0.1, 0.7}, {0.01, 1.1}, {0.99, 0.5}, {0.3, 30}, {1e-4, 0.6}};

#define STEPS (sizeof steps / sizeof *steps)

static void test_curve(void **state)
{
	(void)state;
	for (size_t i = 0; i < STEPS; i++) {
		double q = steps[i].q, z = steps[i].z;
		for (double epsilon = -6; epsilon < 8; epsilon += 0.0937) {
			long double expected = delta_remove(q, z, epsilon), got = loss_value(q, z, epsilon);
			if (epsilon < 0)
				got -= expm1l(epsilon);
			if (!(fabsl(got - expected) < 1e-15L))
				fail_msg("q %g, z %g, epsilon %g: %.17Lg, expected %.17Lg", q, z, epsilon, got,
				         expected);
		}
	}
}

static void test_sampled_loss(void **state)
{
	(void)state;
	for (double w = -100; w < 100; w += 0.317) {
		assert_true(loss_sampled(1, w) == w);
		for (size_t i = 1; i < STEPS; i++) {
			long double expected = log1pl(steps[i].q * expm1l(w));
			assert_true(fabsl(loss_sampled(steps[i].q, w) - expected) <= 2e-14L * (1 + fabsl(expected)));
		}
	}
	assert_true(loss_sampled(0.5, 1e6) == 1e6 + log(0.5));
}

static void test_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < STEPS; i++) {
		double low, high, q = steps[i].q, z = steps[i].z;
		loss_range(&low, &high, q, z, 1e-14);
		assert_true(low < 0 && high > 0);
		assert_true(delta_remove(q, z, high) <= 1e-14L + 1e-17L && delta_add(q, z, -low) <= 1e-14L + 1e-17L);
		if (q < 1)
			assert_true(low >= log1p(-q));
	}
}

/* What a distribution on a grid gives away at epsilon. */
static long double delta_of(const struct loss_masses *m, long double epsilon)
{
	long double sum = m->infinite;

	for (size_t i = 0; i < m->count; i++) {
		long double loss = m->step * (long double)(m->first + (int64_t)i);
		if (loss > epsilon)
			sum -= m->mass[i] * expm1l(epsilon - loss);
	}
	return sum;
}

static void compare_masses(const struct loss_masses *m, enum loss_direction direction, double q, double z)
{
	long double sum = m->infinite;

	for (size_t i = 0; i < m->count; i++) {
		sum += m->mass[i];
		assert_true(m->mass[i] > -1e-15);
	}
	assert_true(fabsl(sum - 1) < 1e-13L);
	for (int64_t i = m->first + 1; i < m->first + (int64_t)m->count - 1; i++) { /* the highest's mass is at +inf */
		long double at = m->step * (long double)i, between = at - 0.4L * m->step;
		long double expected = direction == LOSS_ADD ? delta_add(q, z, at) : delta_remove(q, z, at);
		long double least = direction == LOSS_ADD ? delta_add(q, z, between) : delta_remove(q, z, between);
		if (!(fabsl(delta_of(m, at) - expected) < 1e-11L && delta_of(m, at) >= expected - 1e-13L &&
		      delta_of(m, between) >= least - 1e-13L))
			fail_msg("direction %d, q %g, z %g, loss %Lg: %.17Lg, expected %.17Lg; between %.17Lg, not "
			         "below %.17Lg",
			         direction, q, z, at, delta_of(m, at), expected, delta_of(m, between), least);
	}
}

static void test_masses(void **state)
{
	(void)state;
	for (size_t i = 0; i < STEPS; i++) {
		double low, high, q = steps[i].q, z = steps[i].z;
		loss_range(&low, &high, q, z, 1e-14);
		for (int points = 3; points < 200; points *= 3) {
			struct loss_curve c;
			loss_curve_make(&c, q, z, (high - low) / points, low, high);
			for (int d = 0; d < 2; d++) {
				struct loss_masses m;
				loss_masses_make(&m, &c, (enum loss_direction)d);
				compare_masses(&m, (enum loss_direction)d, q, z);
				loss_masses_free(&m);
			}
			loss_curve_free(&c);
		}
	}
}

/* A cut that is too low is no mistake: what lies above is counted at +inf, what lies below is raised. */
static void test_narrow_range(void **state)
{
	struct loss_curve c;

	(void)state;
	loss_curve_make(&c, 0.5, 1, 0.1, -0.2, 0.5);
	for (int d = 0; d < 2; d++) {
		struct loss_masses m;
		loss_masses_make(&m, &c, (enum loss_direction)d);
		assert_true(m.infinite > 0.01);
		for (double epsilon = -3; epsilon < 6; epsilon += 0.05)
			assert_true(delta_of(&m, epsilon) >=
			            (d == LOSS_ADD ? delta_add(0.5, 1, epsilon) : delta_remove(0.5, 1, epsilon)) -
			                    1e-14L);
		loss_masses_free(&m);
	}
	loss_curve_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_curve),  cmocka_unit_test(test_sampled_loss), cmocka_unit_test(test_range),
		cmocka_unit_test(test_masses), cmocka_unit_test(test_narrow_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
