/*
 * `ledger` and `show-outbound` of a hospital that has taken part in private studies: what it cost, and of each release its noise and
 * whether epsilon covers it.
 */
#include "base/json.h"
#include "client/contract.h"
#include "client/ledger.h"
#include "tests/support/contracts.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITES 5

static struct tempdir t;
static struct program p;
static struct json *root;

static int setup(void **state)
{
	(void)state;
	tempdir_make(&t);
	tempdir_folder(&t, "state");
	tempdir_write(&t, "client.yaml", "site: a\ncoordinator: https://localhost:1\n");
	tempdir_write(&t, "policy.yaml", "budget: {epsilon: 8, delta: 1.0e-6}\n");
	root = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_free(root);
	tempdir_remove(&t);
	return 0;
}

static const char *client(const char *words)
{
	program_run(&p, "cohort-client", "%s --config '%s'", words, tempdir_path(&t, "client.yaml"));
	program_expect(&p, 0, "");
	return p.out;
}

static const struct json *client_json(const char *words)
{
	char with_json[256];

	json_free(root);
	root = NULL;
	snprintf(with_json, sizeof with_json, "%s --json", words);
	assert_int_equal(json_parse(&root, bytes_text(client(with_json)), PROGRAM_OUTPUT_MAX, "out", NULL), OK);
	return root;
}

static double real_at(const struct json *node, const char *key)
{
	return json_as_real(json_get(node, key));
}

/* ---- a hospital's past */

static struct ledger *open_ledger(void)
{
	struct diag why = {{0}};
	struct ledger *l;

	if (ledger_open(&l, tempdir_path(&t, "state"), &why) != OK)
		fail_msg("%s", why.text);
	return l;
}

/* tests/fuzz/corpus/study/private.yaml with `old` replaced by `new`, as fetched. */
static void fetched(struct study *s, const char *old, const char *new)
{
	char *whole = contract_text("private.yaml"), *text = contract_edited(whole, old, new);

	contract_parse(s, text);
	assert_int_equal(contract_store(tempdir_path(&t, "state"), s, NULL), OK);
	free(text);
	free(whole);
}

static void release(struct ledger *l, const struct study *s, uint64_t round, unsigned asks)
{
	const struct budget_limit limit = {1e6, 1e-6};
	struct release_record r = {
		.study_hash = s->hash, .round = round, .step = (uint32_t)round - 1, .asks = asks, .sites = SITES};
	struct layout layout;
	struct diag why = {{0}};
	uint8_t *octets;

	r.clip = asks & ASK_TRAIN ? s->privacy.clip : 0;
	budget_debit_of(&r.debit, s, asks);
	assert_int_equal(round_plan_layout(&layout, s, asks, SITES, NULL), OK);
	r.octets = layout_octets(&layout);
	octets = mem_array(r.octets, 1);
	sha256_of(&r.content, bytes_of(octets, r.octets));
	if (ledger_commit(l, s->name, &r, "masking: required", bytes_of(octets, r.octets), &limit, &why) != OK)
		fail_msg("%s", why.text);
	free(octets);
}

/* ---- show-outbound */

static const struct json *segment(const struct json *release, const char *name)
{
	const struct json *segments = json_get(release, "segments");

	for (size_t i = 0; i < json_count(segments); i++)
		if (strcmp(json_as_string(json_get(json_at(segments, i), "segment")), name) == 0)
			return json_at(segments, i);
	fail_msg("no segment %s", name);
	return NULL;
}

static const struct json *outbound(const char *words)
{
	const struct json *list = json_get(client_json(words), "outbound");

	assert_int_equal(json_count(list), 1);
	return json_at(list, 0);
}

static void expect_noise(const struct json *segment, const struct noised *n, int64_t times)
{
	const struct json *noise = json_get(segment, "noise");

	assert_true(json_as_bool(json_get(segment, "covered")));
	assert_true(real_at(noise, "grid") == n->grid && real_at(noise, "sensitivity") == n->sensitivity);
	assert_int_equal(json_as_integer(json_get(noise, "variance")), n->variance);
	assert_true(fabs(real_at(noise, "deviation") - n->grid * sqrt((double)n->variance)) < 1e-12);
	assert_int_equal(json_as_integer(json_get(noise, "times")), times);
}

static void expect_bare(const struct json *segment)
{
	assert_false(json_as_bool(json_get(segment, "covered")));
	assert_int_equal(json_kind(json_get(segment, "noise")), JSON_IS_NULL);
}

static void test_a_noised_round(void **state)
{
	const struct json *r, *cost;
	struct layout layout;
	struct ledger *l;
	struct study s;

	(void)state;
	fetched(&s, "privacy:", "privacy:");
	l = open_ledger();
	release(l, &s, 1, ASK_STATISTICS);
	release(l, &s, 2, ASK_TRAIN);
	ledger_close(l);
	r = outbound("show-outbound heart-private --round 2");
	assert_int_equal(round_plan_layout(&layout, &s, ASK_TRAIN, SITES, NULL), OK);
	expect_noise(segment(r, "gradient"), &layout.segments[0].noised, 1);
	assert_true(json_as_bool(json_get(r, "masked")));
	assert_string_equal(json_as_string(json_get(r, "mechanism")), "distributed");
	assert_string_equal(json_as_string(json_get(r, "kind")), "training");
	cost = json_at(json_get(r, "cost"), 0);
	assert_true(real_at(cost, "q") == 0.1 && real_at(cost, "z") == s.privacy.noise_multiplier);
	assert_int_equal(json_as_integer(json_get(cost, "count")), 1);
	assert_true(real_at(r, "clip") == 1);
	client("show-outbound heart-private --round 2");
	assert_non_null(strstr(p.out,
	                       "privacy mechanism: distributed, of each patient; this release (training) is paid for "
	                       "as q 0.1, z "));
	assert_non_null(strstr(p.out, ", 1 time; clip C 1\n"));
	assert_non_null(strstr(p.out, "covers it"));
	assert_null(strstr(p.out, "does not cover it"));
	assert_non_null(strstr(p.out, "permitted by masking: required; budget: epsilon "));
	r = outbound("show-outbound --round 1");
	assert_int_equal(round_plan_layout(&layout, &s, ASK_STATISTICS, SITES, NULL), OK);
	expect_noise(segment(r, "statistics"), &layout.segments[0].noised, 1);
	assert_int_equal(json_kind(json_get(r, "clip")), JSON_IS_NULL);
	study_free(&s);
}

/* Exact figures beside a noised gradient: epsilon covers one and not the other. */
static void test_exact_figures(void **state)
{
	const struct json *r;
	struct ledger *l;
	struct study s;

	(void)state;
	fetched(&s, "privacy:", "evaluation: {release: masked}\nprivacy:");
	l = open_ledger();
	release(l, &s, 3, ASK_TRAIN | ASK_EVALUATE);
	release(l, &s, 102, ASK_EVALUATE);
	ledger_close(l);
	r = outbound("show-outbound --round 3");
	assert_true(json_as_bool(json_get(segment(r, "gradient"), "covered")));
	expect_bare(segment(r, "loss"));
	expect_bare(segment(r, "counts"));
	client("show-outbound --round 3");
	assert_non_null(strstr(p.out, "does not cover it"));
	r = outbound("show-outbound --round 102");
	expect_bare(segment(r, "counts"));
	assert_int_equal(json_count(json_get(r, "cost")), 0);
	client("show-outbound --round 102");
	assert_non_null(strstr(p.out, "privacy mechanism: distributed; no epsilon covers these numbers\n"));
	study_free(&s);
}

/* Noise in every local step: the update rests on it, and its weight says nothing. */
static void test_noise_in_local_steps(void **state)
{
	const struct json *r;
	struct noised step;
	struct ledger *l;
	struct study s;

	(void)state;
	fetched(&s, "rounds: 100\nprivacy: {mechanism: distributed,",
	        "rounds: 9\n  local: {steps: 4, learning_rate: 0.2}\nmasking: off\nprivacy: {mechanism: local,");
	l = open_ledger();
	release(l, &s, 2, ASK_TRAIN);
	ledger_close(l);
	r = outbound("show-outbound --round 2");
	assert_int_equal(round_plan_step_noise(&step, &s, NULL), OK);
	expect_noise(segment(r, "update"), &step, 4);
	assert_true(json_as_bool(json_get(segment(r, "weight"), "covered")));
	assert_int_equal(json_as_integer(json_get(json_at(json_get(r, "cost"), 0), "count")), 4);
	assert_false(json_as_bool(json_get(r, "masked")));
	client("show-outbound --round 2");
	assert_non_null(strstr(p.out, "Not masked: the coordinator can read these octets as they are.\n"));
	assert_non_null(strstr(p.out, " in each step"));
	study_free(&s);
}

static void test_a_contract_that_is_gone(void **state)
{
	char hex[HASH_HEX_SIZE], name[HASH_HEX_SIZE + 32];
	const struct json *r;
	struct ledger *l;
	struct study s;

	(void)state;
	fetched(&s, "privacy:", "privacy:");
	l = open_ledger();
	release(l, &s, 2, ASK_TRAIN);
	ledger_close(l);
	hash_hex(hex, &s.hash);
	snprintf(name, sizeof name, "state/contracts/%s.json", hex);
	assert_int_equal(unlink(tempdir_path(&t, name)), 0);
	r = outbound("show-outbound --round 2");
	assert_int_equal(json_count(json_get(r, "segments")), 0);
	assert_int_equal(json_kind(json_get(r, "masked")), JSON_IS_NULL);
	assert_string_equal(json_as_string(json_get(r, "kind")), "training"); /* the ledger keeps that */
	client("show-outbound --round 2");
	study_free(&s);
}

/* ---- ledger */

/* Two studies that end at 6.7131 by the tighter accountant, 7.2885 by Renyi sums, and would add to 8.69. */
static void two_studies(struct study *a, struct study *b)
{
	struct budget_limit limit = {8, 1e-6};
	struct study *both[] = {a, b};
	struct ledger *l;

	fetched(a, "privacy:", "privacy:");
	fetched(b, "heart-private", "lung");
	l = open_ledger();
	for (int i = 0; i < 2; i++) {
		struct release_record r = {.study_hash = both[i]->hash,
		                           .round = 2,
		                           .step = 1,
		                           .asks = ASK_TRAIN,
		                           .sites = SITES,
		                           .octets = 1};

		r.debit = (struct budget_debit){.mechanism = PRIVACY_DISTRIBUTED,
		                                .unit = UNIT_PATIENT,
		                                .what = DEBIT_TRAINING,
		                                .part_count = 1,
		                                .paid = 1000};
		r.debit.parts[0] =
			i == 0 ? (struct account_steps){0.1, 2, 500} : (struct account_steps){0.05, 1.3, 100};
		assert_int_equal(ledger_commit(l, both[i]->name, &r, "", bytes_text("v"), &limit, NULL), OK);
	}
	ledger_close(l);
}

static void test_the_account(void **state)
{
	const struct json *privacy, *study;
	struct study a, b;

	(void)state;
	two_studies(&a, &b);
	privacy = json_get(client_json("ledger"), "privacy");
	assert_true(fabs(real_at(privacy, "spent") - 7.28851191998813) < 1e-6);
	assert_true(fabs(real_at(privacy, "remains") - (8 - 7.28851191998813)) < 1e-6);
	assert_true(real_at(privacy, "spent_pld") > 6.7131 - 1e-4 && real_at(privacy, "spent_pld") < 6.7131 * 1.002);
	study = json_at(json_get(privacy, "studies"), 0);
	assert_string_equal(json_as_string(json_get(study, "study")), "heart-private");
	assert_true(real_at(study, "delta") == 1e-4); /* the contract's */
	assert_true(real_at(json_get(study, "promised"), "epsilon") == 3);
	assert_int_equal(json_as_integer(json_get(study, "training")), 1);
	assert_true(real_at(json_get(study, "training_patients"), "epsilon") <=
	            real_at(json_get(study, "training_patients"), "renyi"));
	assert_int_equal(json_kind(json_get(study, "evaluation_patients")), JSON_IS_NULL);
	client("ledger");
	assert_non_null(
		strstr(p.out, "All studies together: epsilon 7.2885 of 8 spent at delta 1e-06, 0.7115 remains"));
	assert_non_null(strstr(p.out, "for studies\nfixed in advance it would be 6.71"));
	assert_non_null(strstr(p.out, "Test patients are other people than training"));
	assert_non_null(strstr(p.out, "q 0.1, z 2, 500 times"));
	assert_null(strstr(p.out, "units differ"));
	study_free(&a);
	study_free(&b);
}

/* The releases shown are those asked for; the account is of all. */
static void test_the_account_of_one_study(void **state)
{
	const struct json *all;
	struct study a, b;

	(void)state;
	two_studies(&a, &b);
	all = client_json("ledger --study lung");
	assert_int_equal(json_count(json_get(all, "releases")), 1);
	assert_int_equal(json_count(json_get(json_get(all, "privacy"), "studies")), 2);
	assert_true(fabs(real_at(json_get(all, "privacy"), "spent") - 7.28851191998813) < 1e-6);
	study_free(&a);
	study_free(&b);
}

/* Patients of the noised evaluation have an epsilon of their own. */
static void test_people(void **state)
{
	const struct json *study;
	struct ledger *l;
	struct study s;

	(void)state;
	fetched(&s, "privacy:", "privacy:");
	l = open_ledger();
	release(l, &s, 1, ASK_STATISTICS);
	for (uint64_t round = 2; round <= 11; round++)
		release(l, &s, round, ASK_TRAIN);
	release(l, &s, 102, ASK_EVALUATE);
	ledger_close(l);
	study = json_at(json_get(json_get(client_json("ledger"), "privacy"), "studies"), 0);
	assert_int_equal(json_as_integer(json_get(study, "statistics")), 1);
	assert_int_equal(json_as_integer(json_get(study, "training")), 10);
	assert_int_equal(json_as_integer(json_get(study, "evaluation")), 1);
	assert_true(real_at(json_get(study, "training_patients"), "epsilon") < 2); /* a tenth of the way to 3 */
	assert_true(fabs(real_at(json_get(study, "evaluation_patients"), "epsilon") - 3) < 0.01); /* all of its 3 */
	client("ledger");
	assert_non_null(strstr(p.out, "1 + 10 + 1"));
	assert_non_null(strstr(p.out, " of 3"));
	study_free(&s);
}

/* After a stated loss nothing is left, whatever the entries that are here have spent. */
static void test_lost_entries(void **state)
{
	const struct json *privacy;
	struct study a, b;
	struct ledger *l;

	(void)state;
	two_studies(&a, &b);
	l = open_ledger();
	assert_int_equal(ledger_accept_loss(l, 7, NULL), OK);
	ledger_close(l);
	privacy = json_get(client_json("ledger"), "privacy");
	assert_true(json_as_bool(json_get(privacy, "lost")));
	assert_true(real_at(privacy, "remains") == 0);
	client("ledger");
	assert_non_null(strstr(p.out,
	                       "Entries are lost, and with them what they have spent: nothing remains of the privacy "
	                       "budget."));
	study_free(&a);
	study_free(&b);
}

/* A hospital that took part as a unit, beside one study of patients: each sum is of its own. */
static void test_units(void **state)
{
	const struct budget_limit limit = {8, 1e-6};
	struct release_record r = {.study_hash = {{1}}, .round = 3, .octets = 1};
	struct study a, b;
	struct ledger *l;

	(void)state;
	two_studies(&a, &b);
	r.debit = (struct budget_debit){.mechanism = PRIVACY_SITE,
	                                .unit = UNIT_SITE,
	                                .what = DEBIT_EVALUATION,
	                                .part_count = 2,
	                                .parts = {{1, 60, 1}, {1, 70, 1}},
	                                .paid = 1};
	l = open_ledger();
	assert_int_equal(ledger_commit(l, "wards", &r, "", bytes_text("v"), &limit, NULL), OK);
	ledger_close(l);
	client("ledger");
	assert_non_null(
		strstr(p.out, "The studies' units differ: the sum holds for each unit with the studies that have it."));
	assert_non_null(strstr(p.out, "q 1, z 60; q 1, z 70"));
	study_free(&a);
	study_free(&b);
}

static void test_without_noise(void **state)
{
	struct ledger *l;
	struct study s;

	(void)state;
	fetched(&s,
	        "privacy: {mechanism: distributed, epsilon: 3, delta: 1.0e-4, clip: 1, sampling_rate: 0.1, patients: "
	        "644}",
	        "privacy: {mechanism: none}");
	l = open_ledger();
	release(l, &s, 1, ASK_STATISTICS);
	ledger_close(l);
	client("ledger");
	assert_non_null(strstr(p.out, "no epsilon"));
	assert_non_null(strstr(p.out, "None of it has spent any of the privacy budget"));
	assert_int_equal(json_count(json_get(json_get(client_json("ledger"), "privacy"), "studies")), 0);
	study_free(&s);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_a_noised_round),
		CASE(test_exact_figures),
		CASE(test_noise_in_local_steps),
		CASE(test_a_contract_that_is_gone),
		CASE(test_the_account),
		CASE(test_the_account_of_one_study),
		CASE(test_people),
		CASE(test_without_noise),
		CASE(test_lost_entries),
		CASE(test_units),
	};

	return cmocka_run_group_tests_name("ledger_commands", tests, NULL, NULL);
}
