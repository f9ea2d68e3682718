/* The hospital's policy: its file with every way to write it wrong, and each judge on both sides of its bound. */
#include "client/policy.h"
#include "tests/support/contracts.h"
#include "tests/support/small_study.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEFORE_S 1800000000 /* in 2027, before the small study's last day */
#define FIRST_DAY_AFTER_S 7258118400 /* 2200-01-01 00:00:00 UTC: the small study expires on 2199-12-31 */

static const char full_text[] = "masking: off\n"
				"mechanisms: [none, local]\n"
				"epsilon_per_study: 1.5\n"
				"budget: {epsilon: 4, delta: 1.0e-5}\n"
				"min_sites: 5\n"
				"min_rows: 100\n"
				"min_positives: 20\n"
				"cell_min: 7\n"
				"evaluation: [masked, none]\n"
				"on_data_change: continue\n"
				"resources: {threads: 4}\n";

static struct policy parsed(const char *text)
{
	struct diag why = {{0}};
	struct policy p;

	if (policy_parse(&p, bytes_text(text), "policy.yaml", &why) != OK)
		fail_msg("%s", why.text);
	return p;
}

static void test_defaults_are_strict(void **state)
{
	struct policy written = parsed("{}\n"), built_in = policy_strict();

	(void)state;
	assert_true(built_in.masking_required);
	assert_false(built_in.mechanisms[PRIVACY_NONE]);
	assert_true(built_in.mechanisms[PRIVACY_DISTRIBUTED]);
	assert_true(built_in.mechanisms[PRIVACY_LOCAL]);
	assert_false(built_in.mechanisms[PRIVACY_SITE]);
	assert_true(built_in.evaluation_noised);
	assert_false(built_in.evaluation_masked);
	assert_true(built_in.ask_on_data_change);
	assert_true(built_in.epsilon_per_study == 3 && built_in.budget_epsilon == 8 && built_in.budget_delta == 1e-4);
	assert_int_equal(built_in.min_sites, 3);
	assert_int_equal(built_in.min_rows, 50);
	assert_int_equal(built_in.min_positives, 11);
	assert_int_equal(built_in.cell_min, 11);
	assert_int_equal(built_in.threads, 1);
	assert_memory_equal(&written, &built_in, sizeof written);
}

static void test_every_key_is_read(void **state)
{
	struct policy p = parsed(full_text);

	(void)state;
	assert_false(p.masking_required);
	assert_true(p.mechanisms[PRIVACY_NONE]);
	assert_false(p.mechanisms[PRIVACY_DISTRIBUTED]);
	assert_true(p.mechanisms[PRIVACY_LOCAL]);
	assert_true(p.epsilon_per_study == 1.5 && p.budget_epsilon == 4 && p.budget_delta == 1e-5);
	assert_int_equal(p.min_sites, 5);
	assert_int_equal(p.min_rows, 100);
	assert_int_equal(p.min_positives, 20);
	assert_int_equal(p.cell_min, 7);
	assert_false(p.evaluation_noised);
	assert_true(p.evaluation_masked);
	assert_false(p.ask_on_data_change);
	assert_int_equal(p.threads, 4);
}

static void test_refusals_of_the_file(void **state)
{
	static const struct {
		const char *text, *line;
	} cases[] = {
		{"maskin: off\n", "policy.yaml:1:1: unknown key \"maskin\"; did you mean \"masking\"?"},
		{"masking: on\n", "policy.yaml:1:10: masking: \"on\" is not one of required, off"},
		{"mechanisms: none\n", "policy.yaml:1:13: mechanisms: \"none\" is not a list"},
		{"mechanisms: [nothing]\n",
	         "policy.yaml:1:14: mechanisms[0]: \"nothing\" is not one of none, distributed, local, site"},
		{"min_sites: 0\n", "policy.yaml:1:12: min_sites: 0 is below 1"},
		{"min_sites: 3x\n", "policy.yaml:1:12: min_sites: \"3x\" is not an integer"},
		{"min_sites: \"3\"\n", "policy.yaml:1:12: min_sites: \"3\" is in quotes and so a text, not an integer"},
		{"cell_min: -1\n", "policy.yaml:1:11: cell_min: -1 is below 0"},
		{"budget: {epsilon: .nan}\n", "policy.yaml:1:19: budget.epsilon: \".nan\" is not a number"},
		{"budget: {delta: 2}\n", "policy.yaml:1:17: budget.delta: 2 is above 1"},
		{"min_sites: 3\nmin_sites: 4\n", "policy.yaml:2:1"},
		{"evaluation: [exact]\n",
	         "policy.yaml:1:14: evaluation[0]: \"exact\" is not one of noised, masked, none"},
		{"on_data_change: never\n", "policy.yaml:1:17: on_data_change: \"never\" is not one of ask, continue"},
		{"resources: {threads: 0}\n", "policy.yaml:1:22: resources.threads: 0 is below 1"},
		{"min_rows: 7\nknown: known-sites.txt\n",
	         "policy.yaml:2:8: known: how many of the list must be in a sum? add min_known: 3, say"},
		{"min_known: 3\n", "policy.yaml:1:12: min_known: known by what list? add known: known-sites.txt, say"},
		{"known: k.txt\nmin_known: 0\n", "policy.yaml:2:12: min_known: 0 is below 1"},
		{"known: k.txt\nmin_known: 3\n", "policy.yaml: known, min_known: the hospitals of a simulation have no "
	                                         "keys that could be known; remove "
	                                         "both"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct diag why = {{0}};
		struct policy p;

		assert_int_equal(policy_parse(&p, bytes_text(cases[i].text), "policy.yaml", &why), ERR_CONFIG);
		if (strncmp(why.text, cases[i].line, strlen(cases[i].line)) != 0)
			fail_msg("%s\n   got %s\nwanted %s", cases[i].text, why.text, cases[i].line);
	}
}

/* Whatever a disk or a hand makes of the file: a policy or a refusal with words, never something in between. */
static void judge_text(const char *text, size_t len)
{
	struct diag why = {{0}};
	struct policy p;
	enum err e = policy_parse(&p, bytes_of(text, len), "policy.yaml", &why);

	if (e == OK)
		return;
	assert_true(e == ERR_CONFIG || e == ERR_LIMIT);
	assert_true(why.text[0] != '\0');
}

static void test_damaged_files(void **state)
{
	size_t len = sizeof full_text - 1;

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		char *copy = malloc(cut + 1); /* of its own length, so that a read behind it is seen */

		memcpy(copy, full_text, cut);
		judge_text(copy, cut);
		free(copy);
	}
	for (size_t at = 0; at < len; at++)
		for (int bit = 0; bit < 8; bit++) {
			char copy[sizeof full_text];

			memcpy(copy, full_text, sizeof full_text);
			copy[at] = (char)(copy[at] ^ (1 << bit));
			judge_text(copy, len);
		}
}

/* ---- judges */

static void expect_judgement(const struct policy *p, const struct study *s, int64_t now_s, enum refusal wanted,
                             const char *words)
{
	struct diag why = {{0}};

	assert_int_equal(policy_judge_study(p, s, now_s, &why), wanted);
	assert_string_equal(why.text, words);
}

static void test_the_study_is_judged(void **state)
{
	struct policy p;
	struct study s;

	(void)state;
	small_study(&s, NULL);
	small_policy(&p);
	expect_judgement(&p, &s, BEFORE_S, REFUSAL_NONE, "");
	expect_judgement(&p, &s, FIRST_DAY_AFTER_S - 1, REFUSAL_NONE, "");
	expect_judgement(&p, &s, FIRST_DAY_AFTER_S, REFUSAL_EXPIRED, "the study expired on 2199-12-31");
	p.masking_required = true;
	expect_judgement(
		&p, &s, BEFORE_S, REFUSAL_POLICY_MASKING,
		"the study sends this hospital's numbers unmasked (masking: off); the policy requires masking");
	p.masking_required = false;
	p.mechanisms[PRIVACY_NONE] = false;
	expect_judgement(&p, &s, BEFORE_S, REFUSAL_POLICY_MECHANISM,
	                 "the study's privacy mechanism is `none`; the policy does not list it under mechanisms");
	p.mechanisms[PRIVACY_NONE] = true;
	p.min_sites = s.sites.min;
	expect_judgement(&p, &s, BEFORE_S, REFUSAL_NONE, "");
	p.min_sites = s.sites.min + 1;
	expect_judgement(&p, &s, BEFORE_S, REFUSAL_POLICY_SITES,
	                 "the study lets 2 hospitals make a sum; the policy wants at least 3 (min_sites)");
	study_free(&s);
}

static void test_epsilon_is_judged(void **state)
{
	char *yaml = contract_text("private.yaml");
	struct policy p = policy_strict();
	struct study s;

	(void)state;
	contract_parse(&s, yaml);
	expect_judgement(&p, &s, BEFORE_S, REFUSAL_NONE, "");
	p.epsilon_per_study = 2.99;
	expect_judgement(&p, &s, BEFORE_S, REFUSAL_POLICY_EPSILON,
	                 "the study spends epsilon 3 of each patient (privacy.epsilon); the policy allows 2.99 a study "
	                 "(epsilon_per_study): ask for a revision that promises no more, or allow it");
	p.epsilon_per_study = 3;
	s.privacy.evaluation_epsilon = 3.5; /* the larger of the two is what a study costs */
	expect_judgement(
		&p, &s, BEFORE_S, REFUSAL_POLICY_EPSILON,
		"the study spends epsilon 3.5 of each patient (privacy.evaluation_epsilon); the policy allows 3 a "
		"study (epsilon_per_study): ask for a revision that promises no more, or allow it");
	s.privacy.evaluation_epsilon = 3;
	s.privacy.epsilon = NAN;
	assert_int_equal(policy_judge_study(&p, &s, BEFORE_S, NULL), REFUSAL_POLICY_EPSILON);
	s.privacy.epsilon = 3;
	p.mechanisms[PRIVACY_DISTRIBUTED] = false;
	assert_int_equal(policy_judge_study(&p, &s, BEFORE_S, NULL), REFUSAL_POLICY_MECHANISM);
	p.mechanisms[PRIVACY_DISTRIBUTED] = true;
	p.evaluation_noised = false;
	assert_int_equal(policy_judge_study(&p, &s, BEFORE_S, NULL), REFUSAL_POLICY_EVALUATION);
	study_free(&s);
	free(yaml);
}

static void test_the_public_number_of_patients_is_judged(void **state)
{
	char *yaml = contract_text("private.yaml");
	struct diag why = {{0}};
	struct study s;

	(void)state;
	contract_parse(&s, yaml);
	assert_int_equal(policy_judge_count(&s, 9999, 644, &why), REFUSAL_NONE);
	assert_int_equal(policy_judge_count(&s, 9999, 645, &why), REFUSAL_WEIGHT_CAP);
	assert_string_equal(
		why.text,
		"more training patients here than the study says it has altogether (privacy.patients, 644): it "
		"needs a new revision with a larger number");
	s.privacy.unit = UNIT_RECORD;
	assert_int_equal(policy_judge_count(&s, 644, 600, NULL), REFUSAL_NONE);
	assert_int_equal(policy_judge_count(&s, 645, 600, NULL), REFUSAL_WEIGHT_CAP);
	s.privacy.unit = UNIT_SITE;
	assert_int_equal(policy_judge_count(&s, 645, 645, NULL), REFUSAL_NONE);
	s.privacy.unit = UNIT_PATIENT;
	s.privacy.mechanism = PRIVACY_NONE;
	assert_int_equal(policy_judge_count(&s, 645, 645, NULL), REFUSAL_NONE);
	study_free(&s);
	free(yaml);
}

static void test_evaluation_is_judged(void **state)
{
	struct policy p;
	struct study s;

	(void)state;
	small_study(&s, NULL);
	small_policy(&p);
	p.evaluation_masked = false;
	expect_judgement(&p, &s, BEFORE_S, REFUSAL_POLICY_EVALUATION,
	                 "the study releases exact figures (evaluation.release: masked); the policy does not list "
	                 "`masked` under evaluation");
	s.evaluation = EVALUATION_NOISED;
	expect_judgement(&p, &s, BEFORE_S, REFUSAL_POLICY_EVALUATION,
	                 "the study releases noised figures; the policy does not list `noised` under evaluation");
	p.evaluation_noised = true;
	expect_judgement(&p, &s, BEFORE_S, REFUSAL_NONE, "");
	s.evaluation = EVALUATION_NONE; /* what is not released needs no permission */
	p.evaluation_noised = false;
	expect_judgement(&p, &s, BEFORE_S, REFUSAL_NONE, "");
	study_free(&s);
}

static void test_invited_sites_are_judged(void **state)
{
	struct policy p = parsed(full_text);
	struct diag why = {{0}};

	(void)state;
	assert_int_equal(policy_judge_sites(&p, 5, &why), REFUSAL_NONE);
	assert_string_equal(why.text, "");
	assert_int_equal(policy_judge_sites(&p, 4, &why), REFUSAL_POLICY_SITES);
	assert_string_equal(why.text, "4 hospitals are invited; the policy wants at least 5 (min_sites)");
}

/* ---- known hospitals */

static void test_the_list_is_named(void **state)
{
	char known[PATH_SIZE] = "before";
	struct policy p;

	(void)state;
	assert_int_equal(
		policy_parse_hospital(&p, known, bytes_text("known: k.txt\nmin_known: 4\n"), "policy.yaml", NULL), OK);
	assert_string_equal(known, "k.txt");
	assert_int_equal(p.min_known, 4);
	assert_null(p.known);
	assert_int_equal(policy_parse_hospital(&p, known, bytes_text("{}\n"), "policy.yaml", NULL), OK);
	assert_string_equal(known, "");
	assert_int_equal(p.min_known, 0);
}

/* A list of three, a, b and c, and a roster's entries for them and two more. */
static void listed(struct known_sites *k, struct roster_site sites[5])
{
	struct hash h;

	memset(k, 0, sizeof *k);
	k->count = 3;
	k->sites = mem_array(3, sizeof *k->sites);
	for (uint32_t i = 0; i < 5; i++) {
		memset(&sites[i], 0, sizeof sites[i]);
		sites[i].number = 11 + 7 * i;
		sites[i].name[0] = (char)('a' + i);
		sites[i].key[3] = (uint8_t)(i + 1);
		if (i >= 3)
			continue;
		sha256_of(&h, bytes_of(sites[i].key, ROSTER_KEY_SIZE));
		memcpy(k->sites[i].fingerprint, h.b, KNOWN_FINGERPRINT_SIZE);
		memcpy(k->sites[i].name, sites[i].name, 2);
	}
}

static void test_known_sites_are_counted(void **state)
{
	static const uint32_t invited[5] = {11, 18, 25, 32,
	                                    40}; /* 40 is not on the roster, 32 is not known, 39 not invited */
	struct roster_site sites[5];
	struct roster roster = {.version = 1, .sites = sites, .count = 5};
	struct known_sites k;
	struct policy p = policy_strict();
	bool known[5];

	(void)state;
	listed(&k, sites);
	assert_int_equal(policy_known(&p, known, &roster, invited, 5, 32), 0); /* no list: nobody, not even ourselves */
	p.known = &k;
	assert_int_equal(policy_known(&p, known, &roster, invited, 5, 39), 3);
	assert_true(known[0] && known[1] && known[2]);
	assert_false(known[3] || known[4]);
	assert_int_equal(policy_known(&p, known, &roster, invited, 5, 32), 4); /* ourselves */
	assert_true(known[3]);
	assert_int_equal(policy_known(&p, known, &roster, invited, 5, 18), 3); /* once, though we are on the list */
	sites[1].key[0] = 1;
	assert_int_equal(policy_known(&p, known, &roster, invited, 5, 39), 2);
	assert_false(known[1]);
	known_sites_free(&k);
}

static void test_known_sites_are_judged(void **state)
{
	struct policy p = policy_strict();
	struct known_sites k = {0};
	struct diag why = {{0}};

	(void)state;
	assert_int_equal(policy_judge_known(&p, 0, &why), REFUSAL_NONE);
	p.known = &k;
	p.min_known = 3;
	assert_int_equal(policy_judge_known(&p, 3, &why), REFUSAL_NONE);
	assert_string_equal(why.text, "");
	assert_int_equal(policy_judge_known(&p, 2, &why), REFUSAL_POLICY_SITES);
	assert_string_equal(why.text,
	                    "2 of the hospitals in the sum are known here, this one counted; the policy wants at "
	                    "least 3 (min_known)");
}

static void test_more_than_can_be_known(void **state)
{
	struct policy p = policy_strict();
	struct roster_site sites[5];
	struct diag why = {{0}};
	struct known_sites k;

	(void)state;
	assert_int_equal(policy_check_known(&p, "a", "policy.yaml", &why), OK);
	listed(&k, sites);
	p.known = &k;
	p.min_known = 4;
	assert_int_equal(policy_check_known(&p, "d", "policy.yaml", &why), OK);
	assert_int_equal(policy_check_known(&p, "B", "policy.yaml", &why), ERR_CONFIG);
	assert_string_equal(why.text,
	                    "policy.yaml: min_known: 4 can never be known: the list and this hospital are 3; lower "
	                    "it, or telephone more hospitals");
	p.min_known = 5;
	assert_int_equal(policy_check_known(&p, "d", "policy.yaml", &why), ERR_CONFIG);
	known_sites_free(&k);
}

static void test_data_are_judged(void **state)
{
	struct policy p = parsed(full_text);
	struct diag why = {{0}};

	(void)state;
	assert_int_equal(policy_judge_data(&p, 100, 20, &why), REFUSAL_NONE);
	assert_int_equal(policy_judge_data(&p, 99, 20, &why), REFUSAL_DATA_SMALL);
	assert_string_equal(why.text, "fewer than 100 training rows (the policy's min_rows)");
	assert_int_equal(policy_judge_data(&p, 100, 19, &why), REFUSAL_DATA_SMALL);
	assert_string_equal(why.text, "fewer than 20 training rows of the rarest label (the policy's min_positives)");
	assert_int_equal(policy_judge_data(&p, UINT64_MAX, UINT64_MAX, &why), REFUSAL_NONE);
}

static void test_rules_in_words(void **state)
{
	static const struct known_sites known;
	struct policy p;
	struct study s;
	struct buf text;

	(void)state;
	small_study(&s, NULL);
	small_policy(&p);
	buf_init(&text, 1024);
	policy_rules(&text, &p, &s, 7);
	assert_string_equal(buf_text(&text),
	                    "masking: off; mechanisms: none; evaluation: masked; min_sites: 2 of 7 invited");
	buf_clear(&text);
	s.evaluation = EVALUATION_NONE;
	policy_rules(&text, &p, &s, 2);
	assert_string_equal(buf_text(&text), "masking: off; mechanisms: none; min_sites: 2 of 2 invited");
	buf_clear(&text);
	s.sites.masking = MASKING_REQUIRED;
	policy_rules(&text, &p, &s, 7);
	assert_string_equal(buf_text(&text),
	                    "masking: off; mechanisms: none; min_sites: 2 of 7 invited; masked, in sums of at least 6");
	buf_clear(&text);
	p.known = &known;
	p.min_known = 4;
	policy_rules(&text, &p, &s, 7);
	assert_string_equal(buf_text(&text),
	                    "masking: off; mechanisms: none; min_sites: 2 of 7 invited; masked, in sums of at "
	                    "least 6; min_known: 4");
	buf_free(&text);
	study_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_strict),
		cmocka_unit_test(test_every_key_is_read),
		cmocka_unit_test(test_refusals_of_the_file),
		cmocka_unit_test(test_damaged_files),
		cmocka_unit_test(test_the_study_is_judged),
		cmocka_unit_test(test_epsilon_is_judged),
		cmocka_unit_test(test_the_public_number_of_patients_is_judged),
		cmocka_unit_test(test_evaluation_is_judged),
		cmocka_unit_test(test_invited_sites_are_judged),
		cmocka_unit_test(test_data_are_judged),
		cmocka_unit_test(test_rules_in_words),
		cmocka_unit_test(test_the_list_is_named),
		cmocka_unit_test(test_known_sites_are_counted),
		cmocka_unit_test(test_known_sites_are_judged),
		cmocka_unit_test(test_more_than_can_be_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
