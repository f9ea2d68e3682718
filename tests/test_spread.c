/* Student's t against printed tables and a second computation, and intervals worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "simulator/spread.h"
#include "tests/support/close.h"

/* Abramowitz and Stegun, table 26.10, column .95 (two-sided), and more digits for 1 (tan(.95 pi / 2)) and 2 (2 a / sqrt(2 (1 - a^2))). */
static void quantiles_of_tables(void **state)
{
	static const struct {
		uint32_t degrees;
		double share, t;
	} cases[] = {
		{1, 0.95, 12.706}, {2, 0.95, 4.303},  {3, 0.95, 3.182},  {4, 0.95, 2.776},   {5, 0.95, 2.571},
		{6, 0.95, 2.447},  {7, 0.95, 2.365},  {8, 0.95, 2.306},  {9, 0.95, 2.262},   {10, 0.95, 2.228},
		{20, 0.95, 2.086}, {29, 0.95, 2.045}, {60, 0.95, 2.000}, {120, 0.95, 1.980}, {1, 0.5, 1.000},
		{4, 0.99, 4.604},  {30, 0.99, 2.750}, {10, 0.9, 1.812},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_close(spread_student(cases[i].share, cases[i].degrees), cases[i].t, 0.0005);
	assert_close(spread_student(0.95, 1), tan(0.95 * M_PI / 2), 1e-9);
	assert_close(spread_student(0.95, 2), 2 * 0.95 / sqrt(2 * (1 - 0.95 * 0.95)), 1e-12);
	assert_close(spread_student(0.95, 1u << 30), 1.959964, 0.002); /* the normal's */
}

/* Simpson's rule over the density: no more than the definition. */
static double probability_by_area(double t, double degrees)
{
	const int steps = 20000;
	double factor = exp(lgamma((degrees + 1) / 2) - lgamma(degrees / 2)) / sqrt(degrees * M_PI), sum = 0;

	for (int i = 0; i <= steps; i++) {
		double x = t * i / steps, density = factor * pow(1 + x * x / degrees, -(degrees + 1) / 2);
		sum += density * (i == 0 || i == steps ? 1 : i % 2 ? 4 : 2);
	}
	return 2 * sum * t / steps / 3;
}

static void quantiles_hold_their_share(void **state)
{
	static const double shares[] = {0.5, 0.8, 0.95, 0.99};

	(void)state;
	for (uint32_t degrees = 1; degrees <= 40; degrees++)
		for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
			assert_close(probability_by_area(spread_student(shares[i], degrees), degrees), shares[i], 1e-8);
}

static void intervals_by_hand(void **state)
{
	const double three[] = {0.8, NAN, 0.9, 0.85, INFINITY}, one[] = {0.5}, none[] = {NAN};
	struct spread s = spread_of(three, 5);

	(void)state;
	/* mean .85, deviation sqrt((.05^2 + .05^2) / 2) = .05, t(2) = 4.302653, half = 4.302653 * .05 / sqrt(3) = .124207 */
	assert_int_equal(s.n, 3);
	assert_close(s.mean, 0.85, 1e-12);
	assert_close(s.deviation, 0.05, 1e-12);
	assert_close(s.low, 0.725793, 1e-6);
	assert_close(s.high, 0.974207, 1e-6);
	s = spread_of(one, 1);
	assert_true(s.n == 1 && s.mean == 0.5 && isnan(s.deviation) && isnan(s.low) && isnan(s.high));
	s = spread_of(none, 1);
	assert_true(s.n == 0 && isnan(s.mean));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_of_tables),
		cmocka_unit_test(quantiles_hold_their_share),
		cmocka_unit_test(intervals_by_hand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
