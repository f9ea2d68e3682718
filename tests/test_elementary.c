/* model/elementary: the stated error over the whole range, against the C library in long double, and the ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "model/elementary.h"

#define BOUND 1e-15 /* the header's */

static void assert_relative(double got, long double wanted, double at)
{
	if (!(fabsl(got - wanted) <= BOUND * wanted))
		fail_msg("%.17g is not %.17Lg at %a", got, wanted, at);
}

/* Evenly, near 0, and on both sides of every place where k changes. */
static void exp_error_bound(void **state)
{
	(void)state;
	struct rng r;
	rng_seeded(&r, 1, "exp");
	for (int i = 0; i < 1000000; i++) {
		double t = ELEMENTARY_EXP_MIN * rng_unit(&r), tiny = ldexp(t, -(int)rng_below(&r, 1000));
		assert_relative(elementary_exp(t), expl(t), t);
		assert_relative(elementary_exp(tiny), expl(tiny), tiny);
	}
	for (double k = 0.5; k < 1021; k++)
		for (int step = -2; step <= 2; step++) {
			double t = -k * 0.69314718055994531 * (1 + step * 0x1p-52);
			assert_relative(elementary_exp(t), expl(t), t);
		}
	assert_relative(elementary_exp(ELEMENTARY_EXP_MIN), expl(ELEMENTARY_EXP_MIN), ELEMENTARY_EXP_MIN);
}

static void exp_ends(void **state)
{
	(void)state;
	assert_true(elementary_exp(0) == 1 && elementary_exp(-0.0) == 1);
	assert_true(elementary_exp(-1e-300) == 1);
	assert_true(elementary_exp(nextafter(ELEMENTARY_EXP_MIN, -1000)) == 0);
	assert_true(elementary_exp(-1e300) == 0 && elementary_exp(-INFINITY) == 0);
	assert_true(isnan(elementary_exp(NAN)) && isnan(elementary_exp(-NAN)));
}

/* Down to where the logarithm is its argument, and on both sides of the place where the formula changes. */
static void log1p_error_bound(void **state)
{
	(void)state;
	struct rng r;
	rng_seeded(&r, 1, "log1p");
	for (int i = 0; i < 1000000; i++) {
		double x = rng_unit(&r), tiny = ldexp(x, -(int)rng_below(&r, 1000));
		double seam = 0.41421356237309503 + (x - 0.5) * ldexp(1, -(int)rng_below(&r, 50));
		assert_relative(elementary_log1p(x), log1pl(x), x);
		assert_relative(elementary_log1p(tiny), log1pl(tiny), tiny);
		if (seam >= 0 && seam <= 1)
			assert_relative(elementary_log1p(seam), log1pl(seam), seam);
	}
}

static void log1p_ends(void **state)
{
	(void)state;
	assert_true(elementary_log1p(0) == 0);
	assert_true(elementary_log1p(1) == 0x1.62e42fefa39efp-1);
	assert_true(isnan(elementary_log1p(NAN)) && isnan(elementary_log1p(-NAN)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exp_error_bound),
		cmocka_unit_test(exp_ends),
		cmocka_unit_test(log1p_error_bound),
		cmocka_unit_test(log1p_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
