/*
 * Composition on a grid against a plain one: the same masses convolved by direct sums in long double, untilted, and epsilon read off
 * the result. The two must agree but for the share of delta that the fast one keeps for rounding and for the window's ends. And the
 * cumulants, which choose the tilt, against closed forms and finite differences.
 */
#include "privacy/compose.h"

#include "base/err.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the plain one */

struct plain {
	int64_t first;
	size_t count;
	long double *mass, infinite;
};

static void plain_one(struct plain *p)
{
	*p = (struct plain){0, 1, mem_array(1, sizeof(long double)), 0};
	p->mass[0] = 1;
}

static void plain_times(struct plain *p, const struct loss_masses *m)
{
	struct plain out = {p->first + m->first, p->count + m->count - 1, NULL, 0};

	out.mass = mem_array(out.count, sizeof(long double));
	for (size_t i = 0; i < p->count; i++)
		for (size_t j = 0; j < m->count; j++)
			out.mass[i + j] += p->mass[i] * m->mass[j];
	out.infinite = p->infinite + m->infinite - p->infinite * m->infinite;
	free(p->mass);
	*p = out;
}

static double plain_epsilon(const struct plain *p, double step, double delta)
{
	long double low = 0, high = 1000;

	for (int round = 0; round < 70; round++) {
		long double middle = (low + high) / 2, sum = p->infinite;
		for (size_t i = 0; i < p->count; i++) {
			long double loss = step * (long double)(p->first + (int64_t)i);
			if (loss > middle)
				sum -= p->mass[i] * expm1l(middle - loss);
		}
		if (sum > delta)
			low = middle;
		else
			high = middle;
	}
	return (double)high;
}

/* ---- both */

static void compare(const struct saddle_part *list, size_t count, double step, double delta)
{
	struct saddle_part parts[3];
	struct loss_masses masses[3];
	double steps = 0;

	memcpy(parts, list, count * sizeof *parts);
	for (size_t j = 0; j < count; j++)
		steps += parts[j].count;
	for (size_t j = 0; j < count; j++)
		loss_range(&parts[j].low, &parts[j].high, parts[j].sampling_rate, parts[j].noise_multiplier,
		           1e-14 * delta / steps);
	for (int d = 0; d < 2; d++) {
		struct saddle *s = saddle_new(parts, count, (enum loss_direction)d, delta);
		struct compose_window w;
		struct plain p;
		double got, expected;

		compose_window_make(&w, s, delta);
		plain_one(&p);
		for (size_t j = 0; j < count; j++) {
			struct loss_curve c;
			loss_curve_make(&c, parts[j].sampling_rate, parts[j].noise_multiplier, step, parts[j].low,
			                parts[j].high);
			loss_masses_make(&masses[j], &c, (enum loss_direction)d);
			for (int t = 0; t < (int)parts[j].count; t++)
				plain_times(&p, &masses[j]);
			loss_curve_free(&c);
		}
		got = compose_epsilon(s, parts, masses, count, &w, delta);
		expected = plain_epsilon(&p, step, delta);
		if (!(got >= expected * (1 - 1e-12) && got <= expected * (1 + 1e-5) + 1e-7))
			fail_msg("direction %d, q %g, z %g, %g steps, delta %g: %.12g, expected %.12g", d,
			         parts[0].sampling_rate, parts[0].noise_multiplier, parts[0].count, delta, got,
			         expected);
		for (size_t j = 0; j < count; j++)
			loss_masses_free(&masses[j]);
		free(p.mass);
		saddle_free(s);
	}
}

static void test_against_direct_sums(void **state)
{
	static const struct saddle_part lists[][3] = {
		{{0.5, 1, 1, 0, 0}},
		{{0.2, 1, 8, 0, 0}},
		{{0.01, 0.6, 12, 0, 0}},
		{{0.9, 3, 20, 0, 0}},
		{{0.3, 2, 5, 0, 0}, {1, 4, 1, 0, 0}},
		{{0.05, 0.8, 6, 0, 0}, {0.4, 1.5, 3, 0, 0}, {1, 3, 1, 0, 0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		size_t count = 1;
		while (count < 3 && lists[i][count].count > 0)
			count++;
		compare(lists[i], count, 0.02, 1e-2);
		compare(lists[i], count, 0.02, 1e-5);
		compare(lists[i], count, 0.03, 1e-12);
	}
}

static void assert_close(double got, double expected, double relative)
{
	if (!(fabs(got - expected) <= relative * fabs(expected)))
		fail_msg("%.15g, expected %.15g", got, expected);
}

/* Without sampling the loss is normal, with mean mu^2/2 and variance mu^2: K(theta) = theta (theta + 1) mu^2 / 2. */
static void test_cumulants_of_a_normal_loss(void **state)
{
	struct saddle_part part = {1, 2, 7, -100, 100};

	(void)state;
	for (int d = 0; d < 2; d++) {
		struct saddle *s = saddle_new(&part, 1, (enum loss_direction)d, 1e-6);
		for (double theta = -3; theta < 9; theta += 0.7) {
			struct cumulants c = saddle_total(s, theta);
			assert_true(fabs(c.k - 7 * theta * (theta + 1) / 8) < 1e-11);
			assert_true(fabs(c.mean - 7 * (theta + 0.5) / 4) < 1e-11);
			assert_close(c.variance, 7.0 / 4, 1e-10);
		}
		/* the exponent theta K' - K is theta^2 mu^2 / 2 */
		assert_close(saddle_beyond(s, 0, 1, -20), sqrt(2 * 20 * 4 / 7.0), 1e-5);
		assert_close(saddle_beyond(s, 1, 1, -8), 1 + sqrt(2 * 8 * 4 / 7.0), 1e-5);
		assert_close(saddle_beyond(s, 1, -1, -8), 1 - sqrt(2 * 8 * 4 / 7.0), 1e-5);
		saddle_free(s);
	}
}

static void test_cumulants_are_derivatives(void **state)
{
	struct saddle_part parts[2] = {{0.1, 0.8, 30, -100, 100}, {0.02, 2, 500, -100, 100}};

	(void)state;
	for (int d = 0; d < 2; d++) {
		struct saddle *s = saddle_new(parts, 2, (enum loss_direction)d, 1e-6);
		assert_true(fabs(saddle_total(s, 0).k) < 1e-11); /* a distribution */
		assert_true(fabs(saddle_total(s, -1).k) < 1e-11); /* E e^-L is the other one's total */
		for (double theta = 0.5; theta < 9; theta += 0.7) {
			struct cumulants low = saddle_total(s, theta - 1e-4), at = saddle_total(s, theta),
					 high = saddle_total(s, theta + 1e-4);
			assert_close((high.k - low.k) / 2e-4, at.mean, 1e-6);
			assert_close((high.mean - low.mean) / 2e-4, at.variance, 1e-6);
		}
		saddle_free(s);
	}
}

/* Whatever the tilt and the window, the result is a bound: here from a wrong place. */
static void test_a_wrong_window_is_safe(void **state)
{
	struct saddle_part part = {0.2, 1, 50, 0, 0};
	struct compose_window right, wrong;
	struct loss_masses m;
	struct loss_curve c;
	struct saddle *s;
	double epsilon;

	(void)state;
	loss_range(&part.low, &part.high, part.sampling_rate, part.noise_multiplier, 1e-20);
	s = saddle_new(&part, 1, LOSS_REMOVE, 1e-5);
	compose_window_make(&right, s, 1e-5);
	loss_curve_make(&c, part.sampling_rate, part.noise_multiplier, 0.0005, part.low, part.high);
	loss_masses_make(&m, &c, LOSS_REMOVE);
	epsilon = compose_epsilon(s, &part, &m, 1, &right, 1e-5);
	assert_true(epsilon > 1 && epsilon <= right.bound);
	wrong = right;
	wrong.theta *= 0.8;
	assert_close(compose_epsilon(s, &part, &m, 1, &wrong, 1e-5), epsilon, 1e-6);
	wrong = right;
	wrong.bottom = right.top * 0.99; /* it is lowered until epsilon is inside */
	wrong.width = right.top * 0.01;
	assert_close(compose_epsilon(s, &part, &m, 1, &wrong, 1e-5), epsilon, 0.01);
	wrong = right;
	wrong.width /= 20; /* what comes back at the top counts too much */
	assert_true(compose_epsilon(s, &part, &m, 1, &wrong, 1e-5) >= epsilon * (1 - 1e-9));
	loss_masses_free(&m);
	loss_curve_free(&c);
	saddle_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_direct_sums),
		cmocka_unit_test(test_cumulants_of_a_normal_loss),
		cmocka_unit_test(test_cumulants_are_derivatives),
		cmocka_unit_test(test_a_wrong_window_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
