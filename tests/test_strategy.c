/* What a strategy makes of the mean update. */
#include "coordinator/strategy.h"

#include "base/random.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#define N 1000

static struct study study_with(double learning_rate)
{
	return (struct study){.name = "small", .strategy = STRATEGY_FEDAVG, .server_learning_rate = learning_rate};
}

static void test_fedavg_by_hand(void **state)
{
	struct study s = study_with(0.5);
	float w[4] = {1, -2, 0, 0.25f};
	const double update[4] = {2, 2, -0.5, 0};
	const float expected[4] = {2, -1, -0.25f, 0.25f};
	struct diag why;

	(void)state;
	assert_int_equal(strategy_apply(&s, w, update, 4, &why), OK);
	assert_memory_equal(w, expected, sizeof w);
}

/* The definition in long double, rounded to float once. The two may differ only where double's own rounding hits the
 * middle between two floats, which does not happen in these draws. */
static void test_fedavg_rounds_once(void **state)
{
	static const double rates[] = {1, 0.1, 3.7};
	struct rng r;

	(void)state;
	rng_seeded(&r, 8, "strategy");
	for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
		struct study s = study_with(rates[k]);
		float w[N], before[N];
		double update[N];
		struct diag why;

		for (int i = 0; i < N; i++) {
			before[i] = w[i] = (float)rng_normal(&r);
			update[i] = rng_normal(&r) * pow(10, -(double)(i % 9));
		}
		assert_int_equal(strategy_apply(&s, w, update, N, &why), OK);
		for (int i = 0; i < N; i++) {
			long double exact = (long double)before[i] + (long double)rates[k] * (long double)update[i];

			assert_true(w[i] == (float)exact);
		}
	}
}

static void test_what_is_no_longer_finite_is_an_error_that_names_its_cause(void **state)
{
	static const double bad[] = {DBL_MAX, -DBL_MAX, INFINITY, NAN, 4e38};
	struct study s = study_with(1);

	(void)state;
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		for (size_t at = 0; at < 3; at++) {
			float w[3] = {0, 0, 0};
			double update[3] = {0, 0, 0};
			struct diag why = {{0}};

			update[at] = bad[k];
			assert_int_equal(strategy_apply(&s, w, update, 3, &why), ERR_DATA);
			assert_non_null(strstr(why.text, "study small"));
			assert_non_null(strstr(why.text, "training.server.learning_rate"));
		}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(strategy_name(STRATEGY_FEDAVG), "fedavg");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fedavg_by_hand),
		cmocka_unit_test(test_fedavg_rounds_once),
		cmocka_unit_test(test_what_is_no_longer_finite_is_an_error_that_names_its_cause),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("strategy", tests, NULL, NULL);
}
