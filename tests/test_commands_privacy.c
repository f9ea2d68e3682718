/* cohort-client privacy: the accountant on a command line, with the keys that scripts rely on, and what it refuses. */
#include "base/json.h"
#include "tests/support/program.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct program p;

static struct json *answer(const char *arguments)
{
	struct json *node;
	struct diag why;

	program_run(&p, "cohort-client", "%s", arguments);
	program_expect(&p, 0, "");
	assert_int_equal(json_parse(&node, bytes_text(p.out), 1u << 16, "answer", &why), OK);
	return node;
}

static double real(const struct json *node, const char *key)
{
	return json_as_real(json_get(node, key));
}

/* The Gaussian mechanism at sigma 1: Balle and Wang's formula. */
static void test_epsilon(void **state)
{
	struct json *node =
		answer("privacy epsilon --noise-multiplier 1 --sampling-rate 1 --steps 1 --delta 1e-5 --json");

	(void)state;
	assert_true(fabs(real(node, "epsilon") / 4.377178095681223 - 1) < 1e-9);
	assert_true(fabs(real(node, "epsilon_pld") / 4.377178095681223 - 1) < 1e-9);
	assert_true(fabs(real(node, "epsilon_rdp") / 4.752728336819823 - 1) < 1e-9);
	assert_true(real(node, "delta") == 1e-5);
	assert_string_equal(json_as_string(json_get(node, "adjacency")), "add/remove");
	assert_string_equal(json_as_string(json_get(node, "accountant")), "gaussian");
	json_free(node);
}

/* Two kinds of steps cost less together than their epsilons add up to. */
static void test_parts(void **state)
{
	struct json *both = answer("privacy epsilon --part 0.1,2,500 --part 0.05,1.3,100 --delta 1e-6 --json");
	struct json *same = answer("privacy epsilon --noise-multiplier 1.3 --sampling-rate 0.05 --steps 100 "
	                           "--part 0.1,2,500 --delta 1e-6 --json");

	(void)state;
	assert_true(real(both, "epsilon") >= 6.7131 * (1 - 1e-5) && real(both, "epsilon") <= 6.7131 * (1 + 1e-3));
	assert_true(fabs(real(both, "epsilon_rdp") - 7.29) < 0.005);
	assert_true(fabs(real(both, "epsilon") / real(same, "epsilon") - 1) < 1e-9);
	assert_string_equal(json_as_string(json_get(both, "accountant")), "pld");
	json_free(both);
	json_free(same);
}

static void test_noise(void **state)
{
	struct json *node = answer("privacy noise --epsilon 3 --sampling-rate 0.1 --steps 100 --delta 1e-3 --json");
	double z = real(node, "noise_multiplier");
	char back[160];

	(void)state;
	assert_true(z > 1.29 && z < 1.30);
	json_free(node);
	snprintf(back, sizeof back,
	         "privacy epsilon --noise-multiplier %.17g --sampling-rate 0.1 --steps 100 --delta 1e-3 --json", z);
	node = answer(back);
	assert_true(real(node, "epsilon") <= 3 && real(node, "epsilon") > 2.99);
	json_free(node);
	node = answer("privacy noise --epsilon 3 --sampling-rate 0.1 --steps 100 --delta 1e-3 --part 1,10,1 --json");
	assert_true(real(node, "noise_multiplier") > z); /* what is released beside it costs, too */
	json_free(node);
}

static void test_words(void **state)
{
	(void)state;
	program_run(&p, "cohort-client",
	            "privacy epsilon --noise-multiplier 1 --sampling-rate 1 --steps 1 --delta 1e-5");
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "epsilon 4.37718 at delta 1e-05, adding or removing one unit\n"));
	program_run(&p, "cohort-client", "privacy noise --epsilon 1 --sampling-rate 1 --steps 1 --delta 1e-5");
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "noise multiplier 3.731: times the clip, in each of 1 steps\n"));
}

static void test_refusals(void **state)
{
	static const struct {
		const char *arguments, *words;
		int code;
	} rows[] = {
		{"epsilon --sampling-rate 1 --steps 1 --delta 1e-5", "--noise-multiplier is missing", EX_USAGE},
		{"epsilon --noise-multiplier 0 --sampling-rate 1 --steps 1 --delta 1e-5", "is not above 0", EX_USAGE},
		{"epsilon --noise-multiplier -1 --sampling-rate 1 --steps 1 --delta 1e-5", "is not above 0", EX_USAGE},
		{"epsilon --noise-multiplier nan --sampling-rate 1 --steps 1 --delta 1e-5", "not a number", EX_USAGE},
		{"epsilon --noise-multiplier 1 --sampling-rate 0 --steps 1 --delta 1e-5", "is not in (0, 1]", EX_USAGE},
		{"epsilon --noise-multiplier 1 --sampling-rate 1.5 --steps 1 --delta 1e-5", "is not in (0, 1]",
	         EX_USAGE},
		{"epsilon --noise-multiplier 1 --sampling-rate 1 --steps 0 --delta 1e-5", "from 1 is needed", EX_USAGE},
		{"epsilon --noise-multiplier 1 --sampling-rate 1 --steps 1.5 --delta 1e-5", "from 1 is needed",
	         EX_USAGE},
		{"epsilon --noise-multiplier 1 --sampling-rate 1 --steps 1 --delta 0", "between 0 and 1", EX_USAGE},
		{"epsilon --noise-multiplier 1 --sampling-rate 1 --steps 1 --delta 1", "between 0 and 1", EX_USAGE},
		{"epsilon --noise-multiplier 1 --sampling-rate 1 --steps 1", "--delta is missing", EX_USAGE},
		{"epsilon --part 0.1,2 --delta 1e-5", "RATE,MULTIPLIER,STEPS is needed", EX_USAGE},
		{"epsilon --part 0.1,0,5 --delta 1e-5", "is not above 0", EX_USAGE},
		{"noise --epsilon 0 --sampling-rate 1 --steps 1 --delta 1e-5", "is not above 0", EX_USAGE},
		{"noise --epsilon -3 --sampling-rate 1 --steps 1 --delta 1e-5", "is not above 0", EX_USAGE},
		{"noise --epsilon 1 --sampling-rate 2 --steps 1 --delta 1e-5", "is not in (0, 1]", EX_USAGE},
		{"noise --epsilon 1 --sampling-rate 1 --steps 1 --delta 1e-5 --part 1,0.5,1", "no noise is enough",
	         EX_DATAERR},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		program_run(&p, "cohort-client", "privacy %s", rows[i].arguments);
		program_expect(&p, rows[i].code, rows[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_epsilon), cmocka_unit_test(test_parts),    cmocka_unit_test(test_noise),
		cmocka_unit_test(test_words),   cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
