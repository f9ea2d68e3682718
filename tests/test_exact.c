/*
 * Logarithm and exponential against the C library's, which are right to an ulp or so.
 */
#include "base/exact.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"

static void assert_close(double got, double expected, double scale, double x)
{
	if (!(fabs(got - expected) <= 1e-15 * scale))
		fail_msg("at %.17g: %.17g, expected %.17g", x, got, expected);
}

static void test_logarithm(void **state)
{
	struct rng r;

	(void)state;
	assert_true(exact_log(1) == 0);
	assert_true(exact_log(2) == 0x1.62e42fefa39efp-1);
	rng_seeded(&r, 1, "log");
	for (int i = 0; i < 100000; i++) {
		double x = ldexp(1 + rng_unit(&r), (int)rng_below(&r, 2000) - 1000);
		assert_close(exact_log(x), log(x), fmax(1, fabs(log(x))), x);
		x = 0.5 + rng_unit(&r);
		assert_close(exact_log(x), log(x), 1, x);
	}
}

static void test_exponential(void **state)
{
	struct rng r;

	(void)state;
	assert_true(exact_exp(0) == 1);
	assert_true(exact_exp(-701) == 0);
	assert_true(exact_exp(-INFINITY) == 0);
	rng_seeded(&r, 1, "exp");
	for (int i = 0; i < 100000; i++) {
		double x = -700 * rng_unit(&r);
		assert_close(exact_exp(x), exp(x), exp(x), x);
		x = -rng_unit(&r);
		assert_close(exact_exp(x), exp(x), exp(x), x);
	}
}

static void test_one_undoes_the_other(void **state)
{
	(void)state;
	for (double x = -600; x < -1; x += 0.37)
		assert_close(exact_log(exact_exp(x)), x, -x, x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logarithm),
		cmocka_unit_test(test_exponential),
		cmocka_unit_test(test_one_undoes_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
