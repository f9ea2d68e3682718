/* examples/breast-cancer/study.yaml over ten seeds of noise: as good as the demo may hope for, at epsilon 3 and 1. */
#include "base/json.h"
#include "tests/support/program.h"

#include <math.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SEEDS 10

struct spread_of_auc {
	double mean, least;
};

static double auc_of(const char *epsilon, int seed)
{
	static struct program p;
	struct json *run;
	struct diag why;

	program_run(&p, "cohort-sim",
	            "run examples/breast-cancer/study.yaml --data examples/breast-cancer/together.csv --site-column "
	            "hospital --seed %d --set privacy.epsilon=%s --json",
	            seed, epsilon);
	program_expect(&p, 0, "");
	assert_int_equal(json_parse(&run, bytes_text(p.out), 1u << 20, "run", &why), OK);
	double auc = json_as_real(json_get(json_get(run, "metrics"), "auc"));
	json_free(run);
	return auc;
}

static struct spread_of_auc play(const char *epsilon)
{
	struct spread_of_auc s = {0, 1};

	for (int seed = 1; seed <= SEEDS; seed++) {
		double auc = auc_of(epsilon, seed);

		s.mean += auc / SEEDS;
		s.least = auc < s.least ? auc : s.least;
	}
	print_message("breast cancer, epsilon %s: AUC %.4f, least %.4f\n", epsilon, s.mean, s.least);
	return s;
}

static void test_epsilon_3(void **state)
{
	struct spread_of_auc s = play("3");

	(void)state;
	assert_true(s.mean >= 0.985);
	assert_true(s.least >= 0.97);
}

static void test_epsilon_1(void **state)
{
	(void)state;
	assert_true(play("1").mean >= 0.96);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_epsilon_3),
		cmocka_unit_test(test_epsilon_1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
