/* protocol/study: contracts with a mechanism of noise: their terms and defaults, what they refuse, what is solved for and judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/contracts.h"

#define TERMS "{mechanism: distributed, epsilon: 3, delta: 1.0e-4, clip: 1, sampling_rate: 0.1, patients: 644}"
#define SITE_TERMS "{mechanism: site, epsilon: 8, delta: 1.0e-2, clip: 1}"
#define LOCAL "rounds: 100\n  local: {steps: 4}\n"

static char *private;

static int read_texts(void **state)
{
	(void)state;
	private = contract_text("private.yaml");
	return 0;
}

static int free_texts(void **state)
{
	(void)state;
	free(private);
	return 0;
}

static void parse_edited(struct study *s, const char *old, const char *new)
{
	char *text = contract_edited(private, old, new);
	contract_parse(s, text);
	free(text);
}

/* ---- what a study promises */

static void terms_and_defaults(void **state)
{
	(void)state;
	struct study s;
	contract_parse(&s, private);
	const struct privacy_plan *p = &s.privacy;
	assert_int_equal(p->mechanism, PRIVACY_DISTRIBUTED);
	assert_int_equal(p->unit, UNIT_PATIENT);
	assert_true(p->epsilon == 3 && p->delta == 1e-4 && p->clip == 1 && p->sampling_rate == 0.1);
	assert_int_equal(p->patients, 644);
	assert_int_equal(p->hospitals_per_patient, 1);
	assert_true(p->statistics_share == 0.05 && p->evaluation_epsilon == 3);
	assert_int_equal(p->spare_rounds, 3);
	assert_true(p->clip_quantile == 0 && p->clip_rate == 0);
	assert_true(p->steps == 103);
	assert_int_equal(p->others, 1);
	assert_true(p->evaluates);
	assert_true(s.spent.epsilon > 2.9 && s.spent.epsilon <= 3);
	assert_true(s.spent.evaluation_epsilon > 2.9 && s.spent.evaluation_epsilon <= 3);
	assert_true(p->noise_multiplier > 1 && p->noise_multiplier < 2);
	assert_in_range(p->batch_cap, 100, 250);
	assert_int_equal(s.weights, WEIGHTS_EQUAL);
	assert_int_equal(s.evaluation, EVALUATION_NOISED);
	assert_int_equal(s.bins, 16);
	assert_int_equal(s.evaluate_every, 0);
	assert_int_equal(s.local.steps, 1);
	assert_int_equal(s.local.epochs, 0);
	assert_int_equal(s.warnings.len, 0);
	study_free(&s);
}

/* All but what is solved for, which a better accountant may make smaller; the stored contract stays good. */
static void canonical_bytes(void **state)
{
	(void)state;
	struct study s, stored;
	struct diag why = {{0}};
	char *expected = contract_text("private.json");
	contract_parse(&s, private);
	size_t fixed = (size_t)(strstr(expected, ",\"noise_multiplier\":") - expected);
	assert_true(s.canonical.len > fixed);
	assert_memory_equal(s.canonical.ptr, expected, fixed);
	if (study_from_canonical(&stored, bytes_text(expected), &why) != OK)
		fail_msg("%s", why.text);
	assert_true(stored.privacy.noise_multiplier >= s.privacy.noise_multiplier);
	study_free(&stored);
	study_free(&s);
	free(expected);
}

/* steps and others of the plan: what is paid for. */
static void releases_are_counted(void **state)
{
	(void)state;
	static const struct {
		const char *training, *terms, *evaluation;
		uint64_t steps;
		uint32_t others;
		bool evaluates;
	} cases[] = {
		{"rounds: 100\n", TERMS, "{release: none}", 103, 1, false},
		{"rounds: 100\n", TERMS, "{release: masked}", 103, 1, false},
		{"rounds: 1\n",
	         "{mechanism: distributed, epsilon: 3, delta: 1.0e-4, clip: 1, sampling_rate: 1, patients: 644, "
	         "spare_rounds: 0}",
	         "{}", 1, 1, true},
		{"rounds: 10\n  local: {steps: 4, optimizer: adam}\n",
	         "{mechanism: local, epsilon: 3, delta: 1.0e-4, clip: 1, sampling_rate: 0.1, patients: 644, "
	         "spare_rounds: 2, unit: record}",
	         "{}", 48, 1, true},
		{LOCAL, SITE_TERMS, "{}", 103, 2, false},
		{LOCAL, SITE_TERMS, "{release: masked}", 103, 1, false},
		{LOCAL, "{mechanism: site, unit: site, epsilon: 8, delta: 1.0e-2, clip: 1, clip_quantile: 0.5}", "{}",
	         103, 105, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct study s;
		char tail[512];
		snprintf(tail, sizeof tail, "%sevaluation: %s\nprivacy: %s\n", cases[i].training, cases[i].evaluation,
		         cases[i].terms);
		parse_edited(&s, "rounds: 100\nprivacy: " TERMS "\n", tail);
		assert_true(s.privacy.steps == cases[i].steps);
		assert_int_equal(s.privacy.others, cases[i].others);
		assert_int_equal(s.privacy.evaluates, cases[i].evaluates);
		assert_true((s.privacy.evaluation_multiplier > 0) == cases[i].evaluates);
		assert_true(s.privacy.evaluation_epsilon == (cases[i].evaluates ? 3 : 0));
		study_free(&s);
	}
}

static void units_and_adaptive_clips(void **state)
{
	(void)state;
	struct study s;
	parse_edited(&s, TERMS, SITE_TERMS);
	assert_int_equal(s.privacy.unit, UNIT_SITE);
	assert_true(s.privacy.sampling_rate == 1);
	assert_int_equal(s.privacy.patients, 0);
	assert_int_equal(s.privacy.batch_cap, 1);
	assert_null(strstr(buf_text(&s.canonical), "hospitals_per_patient"));
	assert_null(strstr(buf_text(&s.canonical), "clip_"));
	study_free(&s);
	parse_edited(&s, TERMS, "{mechanism: site, epsilon: 8, delta: 1.0e-2, clip: 1, clip_quantile: 0.7}");
	assert_true(s.privacy.clip_quantile == 0.7 && s.privacy.clip_rate == 0.2);
	study_free(&s);
	parse_edited(&s, "patients: 644}", "patients: 644, hospitals_per_patient: 2, unit: record}");
	assert_int_equal(s.privacy.unit, UNIT_RECORD);
	assert_int_equal(s.privacy.hospitals_per_patient, 2);
	study_free(&s);
}

/* More patients, or less noise, make a bin that holds something; and nobody knows how many test patients a column has. */
static void bins_follow_from_the_noise(void **state)
{
	(void)state;
	static const struct {
		const char *old, *new;
		uint32_t bins;
	} cases[] = {
		{"patients: 644", "patients: 644", 16},
		{"patients: 644", "patients: 900", 16},
		{"patients: 644", "patients: 1400", 32},
		{"delta: 1.0e-4, clip: 1, sampling_rate: 0.1, patients: 644",
	         "delta: 1.0e-5, clip: 1, sampling_rate: 0.1, patients: 9000", 64},
		{"  patient_id", "  split: {column: part, train: a, test: b}\n  patient_id", 16},
		{"privacy:", "evaluation: {bins: 48}\nprivacy:", 48},
		{"privacy:", "evaluation: {release: masked}\nprivacy:", 2048},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct study s;
		parse_edited(&s, cases[i].old, cases[i].new);
		assert_int_equal(s.bins, cases[i].bins);
		study_free(&s);
	}
}

static void warns(const char *old, const char *new, const char *expected)
{
	struct study s;
	parse_edited(&s, old, new);
	assert_string_equal(buf_text(&s.warnings), expected);
	study_free(&s);
}

static void warnings(void **state)
{
	(void)state;
	warns("1.0e-4", "1.0e-3",
	      "study.yaml:15:54: privacy.delta: 0.001 is above a tenth of 1 / patients = 0.0015528: so often the "
	      "promise may "
	      "fail; take 0.0001 or less\n");
	warns(TERMS, "{mechanism: site, epsilon: 8, delta: 0.1, clip: 1}",
	      "study.yaml:15:47: privacy.delta: 0.1 is above a tenth of 1 / sites.min = 0.333333: so often the promise "
	      "may "
	      "fail; take 0.03 or less\n");
	warns("rounds: 100", "rounds: 100\n  local: {batch: 64}",
	      "study.yaml:15:18: training.local.batch: means nothing under mechanism distributed, which draws patients "
	      "by "
	      "privacy.sampling_rate\n");
	warns("rounds: 100", "rounds: 100\n  update_range: 4",
	      "study.yaml:15:17: training.update_range: means nothing under mechanism distributed; privacy.clip "
	      "does\n");
	warns("rounds: 100", "rounds: 100\n  weights: {by: patients, cap: 70}",
	      "study.yaml:15:17: training.weights.by: is equal under privacy, since a weight would tell how many "
	      "patients "
	      "there are; the contract says so\n"
	      "study.yaml:15:32: training.weights.cap: means nothing under privacy, where all hospitals count the "
	      "same\n");
	warns("rounds: 100", "rounds: 100\n  weights: {by: equal}", "");
}

/* ---- what was solved for */

/* Nobody believes it: a contract that costs more than it states is refused, whoever wrote it. */
static void received_contracts_are_judged(void **state)
{
	(void)state;
	static const struct {
		const char *key, *value, *expected;
	} cases[] = {
		{"\"noise_multiplier\":", "1.25", "contract: privacy."},
		{"\"statistics_multiplier\":", "0.75", "contract: privacy."},
		{"\"evaluation_multiplier\":", "0.875", "contract: privacy."},
		{"\"batch_cap\":", "70", "contract: privacy."},
		{"\"steps\":", "2", "contract: training.local.steps: "},
		{"\"rounds\":", "1000", "contract: privacy."},
		{"\"spare_rounds\":", "900", "contract: privacy."},
		{"\"by\":", "\"patients\",\"cap\":5", "contract: training.weights.by: "},
	};
	struct study s, again;
	contract_parse(&s, private);
	assert_int_equal(study_from_canonical(&again, buf_bytes(&s.canonical), NULL), OK);
	assert_memory_equal(&again.privacy, &s.privacy, sizeof s.privacy);
	assert_true(again.spent.epsilon == s.spent.epsilon);
	study_free(&again);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *whole = buf_text(&s.canonical), *at = strstr(whole, cases[i].key);
		struct diag why = {{0}};
		char *text;
		assert_non_null(at);
		at += strlen(cases[i].key);
		assert_true(asprintf(&text, "%.*s%s%s", (int)(at - whole), whole, cases[i].value,
		                     at + strcspn(at, ",}")) > 0);
		enum err e = study_from_canonical(&again, bytes_text(text), &why);
		if (e == OK || strncmp(why.text, cases[i].expected, strlen(cases[i].expected)) != 0)
			fail_msg("%s%s: %s", cases[i].key, cases[i].value, why.text);
		free(text);
	}
	study_free(&s);
}

static void received_contracts_are_whole(void **state)
{
	(void)state;
	static const char *const keys[] = {"epsilon",
	                                   "delta",
	                                   "clip",
	                                   "sampling_rate",
	                                   "patients",
	                                   "hospitals_per_patient",
	                                   "statistics_share",
	                                   "evaluation_epsilon",
	                                   "spare_rounds",
	                                   "noise_multiplier",
	                                   "batch_cap",
	                                   "statistics_multiplier",
	                                   "unit",
	                                   "evaluation_multiplier"};
	struct study s, again;
	contract_parse(&s, private);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *whole = buf_text(&s.canonical), *section = strstr(whole, "\"privacy\":"), *at, *end;
		struct diag why = {{0}};
		char key[64], *text;
		snprintf(key, sizeof key, "\"%s\":", keys[i]);
		at = strstr(section, key);
		assert_non_null(at);
		end = at + strcspn(at, ",}") + (at[strcspn(at, ",}")] == ',');
		at -= *end == '}'; /* the last one goes with the comma before it */
		assert_true(asprintf(&text, "%.*s%s", (int)(at - whole), whole, end) > 0);
		assert_int_equal(study_from_canonical(&again, bytes_text(text), &why), ERR_DATA);
		snprintf(key, sizeof key, "contract: privacy.%s: is missing", keys[i]);
		if (strncmp(why.text, key, strlen(key)) != 0)
			fail_msg("%s: %s", keys[i], why.text);
		free(text);
	}
	study_free(&s);
}

static void noise_beyond_use_is_refused(void **state)
{
	(void)state;
	static const struct contract_refusal cases[] = {
		{TERMS, "{mechanism: site, epsilon: 1.0e-7, delta: 1.0e-7, clip: 1}",
	         "15:37: privacy.epsilon: 1e-07 needs noise of "},
		{TERMS,
	         "{mechanism: distributed, epsilon: 1.0e-9, delta: 1.0e-12, clip: 1, sampling_rate: 0.1, patients: "
	         "644}",
	         "15:44: privacy.epsilon: "},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct study s;
		struct diag why = {{0}};
		char *text = contract_edited(private, cases[i].old, cases[i].new);
		assert_int_not_equal(study_parse(&s, bytes_text(text), "study.yaml", false, &why), OK);
		if (!strstr(why.text, cases[i].expected))
			fail_msg("%s", why.text);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terms_and_defaults),
		cmocka_unit_test(canonical_bytes),
		cmocka_unit_test(releases_are_counted),
		cmocka_unit_test(units_and_adaptive_clips),
		cmocka_unit_test(bins_follow_from_the_noise),
		cmocka_unit_test(warnings),
		cmocka_unit_test(received_contracts_are_judged),
		cmocka_unit_test(received_contracts_are_whole),
		cmocka_unit_test(noise_beyond_use_is_refused),
	};
	return cmocka_run_group_tests(tests, read_texts, free_texts);
}
