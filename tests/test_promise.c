/* protocol/promise: every number of the promise is said, to people and as JSON, and what is not covered is said, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "protocol/promise.h"
#include "tests/support/close.h"
#include "tests/support/contracts.h"

#define TERMS "{mechanism: distributed, epsilon: 3, delta: 1.0e-4, clip: 1, sampling_rate: 0.1, patients: 644}"

static struct study s;
static struct buf words;

static void read_study(const char *old, const char *new)
{
	char *whole = contract_text("private.yaml"), *text = contract_edited(whole, old, new);
	contract_parse(&s, text);
	buf_init(&words, PROMISE_WORDS_MAX);
	promise_words(&words, &s);
	promise_warning(&words, &s);
	assert_false(words.failed);
	free(text);
	free(whole);
}

static void drop_study(void)
{
	buf_free(&words);
	study_free(&s);
}

PRINTF_LIKE(1, 2) static void says(const char *fmt, ...)
{
	char wanted[512];
	va_list args;
	va_start(args, fmt);
	vsnprintf(wanted, sizeof wanted, fmt, args);
	va_end(args);
	if (!strstr(buf_text(&words), wanted))
		fail_msg("not said: %s\n%s", wanted, buf_text(&words));
}

static void silent(const char *never)
{
	if (strstr(buf_text(&words), never))
		fail_msg("said: %s\n%s", never, buf_text(&words));
}

static void distributed(void **state)
{
	(void)state;
	read_study("privacy:", "privacy:");
	const struct privacy_plan *p = &s.privacy;
	says("privacy: distributed: epsilon 3, delta 0.0001 for each patient (all rows of one patient at one "
	     "hospital), in the "
	     "sense of adding or removing one, over the whole study.\n");
	says("against the coordinator and up to 1 hospital together, while masking holds");
	says("with probability q = 0.1; there are at least N = 644 for training");
	says("T = 103 noised steps (100 rounds and 3 spare ones), and E = 1 other releases (the statistics).");
	says("Clip C = 1; noise multiplier z = %g of each step, %g of each other release; their cost is epsilon %.6g",
	     p->noise_multiplier, p->statistics_multiplier, s.spent.epsilon);
	says("privacy loss distributions %.6g, Renyi %.6g", s.spent.epsilon_pld, s.spent.epsilon_rdp);
	says("evaluation: noised, once, at the end: epsilon 3, delta 0.0001 for each patient among the test rows");
	says("noise multiplier %g, cost epsilon %.6g", p->evaluation_multiplier, s.spent.evaluation_epsilon);
	assert_null(strstr(buf_text(&words), "WARNING"));
	assert_int_equal(s.model.parameters, 8 * s.model.inputs + 8 + 9);
	assert_close(promise_signal_to_noise(&s), 64.4 / (p->noise_multiplier * sqrt((double)s.model.parameters)),
	             1e-9);
	says("at most %.3g (q N C over z C sqrt(%zu parameters)", promise_signal_to_noise(&s), s.model.parameters);
	drop_study();
}

static void other_mechanisms(void **state)
{
	(void)state;
	read_study(
		"rounds: 100\nprivacy: {mechanism: distributed,",
		"rounds: 10\n  local: {steps: 4}\nprivacy: {unit: record, hospitals_per_patient: 2, mechanism: local,");
	says("privacy: local: epsilon 3, delta 0.0001 for each record (a row), at up to 2 hospitals, in the sense");
	says("It holds against everybody, the coordinator and all other hospitals included");
	says("T = 52 noised steps (10 rounds and 3 spare ones, of 4 steps each)");
	assert_close(promise_signal_to_noise(&s),
	             64.4 / (s.privacy.noise_multiplier * sqrt((double)s.model.parameters) * sqrt(3)), 1e-9);
	drop_study();
	read_study(TERMS, "{mechanism: site, epsilon: 8, delta: 1.0e-2, clip: 0.5, clip_quantile: 0.5}");
	says("privacy: site: epsilon 8, delta 0.01 for each hospital (all its rows), in the sense");
	says("E = 105 other releases (the statistics; in each round who was within the clip; the evaluation).");
	says("Clip C = 0.5 at first, then it follows the updates;");
	says("evaluation: noised, once, at the end: one of the releases that epsilon covers.");
	assert_null(strstr(buf_text(&words), "probability q"));
	assert_close(promise_signal_to_noise(&s), 3 / (s.privacy.noise_multiplier * sqrt((double)s.model.parameters)),
	             1e-9);
	says("a step is mostly noise");
	drop_study();
	read_study("privacy: " TERMS, "privacy: {mechanism: none}");
	assert_string_equal(buf_text(&words),
	                    "privacy: none: no noise is added, and nothing is promised about single patients.\n");
	assert_true(promise_signal_to_noise(&s) == 0);
	drop_study();
}

static void what_is_not_covered(void **state)
{
	(void)state;
	read_study("privacy:", "evaluation: {release: masked}\nprivacy:");
	says("evaluation: masked: figures are exact, NOT covered by epsilon.\n");
	drop_study();
	read_study("privacy:", "evaluation: {release: none}\nprivacy:");
	says("evaluation: none: no figures are released.\n");
	drop_study();
	read_study("1.0e-4", "1.0e-3");
	says("WARNING: delta is above a tenth of 1 / patients = 0.00155");
	drop_study();
	read_study("patients: 644", "patients: 644, hospitals_per_patient: 3");
	says("(all rows of one patient at up to 3 hospitals)");
	says("A patient of several hospitals may be for training at one and for testing at another: then both "
	     "count.\n");
	silent("patient_id");
	drop_study();
	read_study("privacy: {", "evaluation: {release: none}\nprivacy: {hospitals_per_patient: 3, ");
	silent("several hospitals");
	drop_study();
	read_study("  patient_id: patient\n", "");
	says("The study names no patient_id: each row counts as a patient, and one with several rows is promised "
	     "less.\n");
	says("A row's place in the file decides whether it is for training: here, to remove one is to empty it.\n");
	drop_study();
	read_study("  patient_id: patient\n", "  split: {column: part, train: a, test: b}\n");
	says("The study names no patient_id: ");
	silent("place in the file");
	drop_study();
}

static void expect_number(const struct json *node, const char *key, double value)
{
	const struct json *number = json_get(node, key);
	assert_non_null(number);
	assert_true(json_as_real(number) == value);
}

static void as_json(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"mechanism",  "unit",          "epsilon",      "delta",      "noise_multiplier",
		"adjacency",  "sampling_rate", "patients",     "clip",       "steps",
		"others",     "spare_rounds",  "batch_cap",    "accountant", "signal_to_noise",
		"evaluation", "holds_against", "clip_quantile"};
	read_study("privacy:", "privacy:");
	struct json *node = promise_json(&s);
	expect_number(node, "epsilon", 3);
	expect_number(node, "delta", 1e-4);
	expect_number(node, "sampling_rate", 0.1);
	expect_number(node, "noise_multiplier", s.privacy.noise_multiplier);
	expect_number(node, "statistics_multiplier", s.privacy.statistics_multiplier);
	expect_number(node, "patients", 644);
	expect_number(node, "steps", 103);
	expect_number(node, "batch_cap", s.privacy.batch_cap);
	expect_number(node, "signal_to_noise", promise_signal_to_noise(&s));
	expect_number(json_get(node, "cost"), "epsilon", s.spent.epsilon);
	expect_number(json_get(node, "evaluation"), "epsilon", 3);
	assert_true(json_as_bool(json_get(json_get(node, "evaluation"), "covered")));
	json_free(node);
	drop_study();
	read_study("privacy: " TERMS, "privacy: {mechanism: none}");
	node = promise_json(&s);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		assert_non_null(json_get(node, keys[i]));
	assert_int_equal(json_kind(json_get(node, "epsilon")), JSON_IS_NULL);
	assert_string_equal(json_as_string(json_get(node, "holds_against")), "nobody");
	assert_false(json_as_bool(json_get(json_get(node, "evaluation"), "covered")));
	json_free(node);
	drop_study();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distributed),
		cmocka_unit_test(other_mechanisms),
		cmocka_unit_test(what_is_not_covered),
		cmocka_unit_test(as_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
