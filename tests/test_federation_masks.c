/*
 * A study under masking with the real programs: five hospitals as processes, of which one may be missing from any sum. What the study
 * learns is, bit for bit, what the same hospitals' contributions give in the clear; what a hospital keeps afterwards holds no secret;
 * and hospitals and the coordinator may die in the middle.
 */
#include "client/masks_file.h"
#include "crypto/secagg_client.h"
#include "model/layers.h"
#include "tests/support/contracts.h"
#include "tests/support/federate.h"
#include "tests/support/federation.h"
#include "tests/support/program.h"
#include "tests/support/small_study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SITES 5
#define LIMIT_MS 60000 /* a study here takes a second; under a sanitizer and load far more */
#define ROUNDS 5 /* statistics, three of training, the last evaluation */

static const char *const names[SITES] = {"st-mary", "Lakeview", "north.2", "hilltop", "eastgate"};

/* n = 5: t = 4, m = 4, one may drop out. */
static const char *contract(void)
{
	static char *text;
	struct buf yaml;

	if (text != NULL)
		return text;
	buf_init(&yaml, YAML_TEXT_MAX);
	small_study_yaml(&yaml, "sites: {min: 4, max_dropouts: 1, max_colluders: 1, cell_min: 1}");
	text = contract_edited(buf_text(&yaml), "masking: off", "masking: required");
	buf_free(&yaml);
	return text;
}

struct world {
	struct federation f;
	struct study study;
	struct table tables[SITES];
};

static void make(struct world *w)
{
	char path[NAME_SIZE + 16];
	struct diag why = {{0}};

	if (study_parse(&w->study, bytes_text(contract()), "study.yaml", false, &why) != OK)
		fail_msg("%s", why.text);
	federation_make(&w->f, contract(), names, SITES);
	for (uint32_t i = 0; i < SITES; i++) {
		small_table(&w->tables[i], &w->f.dir, &w->study, i);
		snprintf(path, sizeof path, "site-%u.csv", i);
		federation_command(&w->f, "mv %s %s/data.csv", path, names[i]);
	}
}

static void remove_world(struct world *w)
{
	for (uint32_t i = 0; i < SITES; i++)
		table_free(&w->tables[i]);
	study_free(&w->study);
	federation_remove(&w->f);
}

/* The strictest policy that permits the study: masking is required, and `list`, when there is one, holds the known hospitals. */
static void write_policy(struct world *w, uint32_t site, const char *known)
{
	char path[NAME_SIZE + 16], text[512];

	snprintf(path, sizeof path, "%s/policy.yaml", names[site]);
	snprintf(text, sizeof text,
	         "masking: required\nmechanisms: [none]\nevaluation: [masked]\nmin_sites: 3\nmin_rows: "
	         "0\nmin_positives: 0\n"
	         "cell_min: 0\n%s",
	         known);
	tempdir_write(&w->f.dir, path, text);
}

/* What `cohort-ca list` shows of the first `count` hospitals, as a person would write it down. */
static void write_known(struct world *w, uint32_t site, uint32_t count)
{
	federation_command(&w->f,
	                   "\"$BIN/cohort-ca\" list ca --json | python3 -c 'import json,sys; [print(s[\"name\"], "
	                   "s[\"fingerprint\"]) for s in json.load(sys.stdin)[\"sites\"][:%u]]' >%s/known-sites.txt",
	                   count, names[site]);
}

static void expect_all_contributed(const struct json *round)
{
	assert_string_equal(federation_text(round, "outcome"), "done");
	for (uint32_t i = 0; i < SITES; i++)
		federation_expect_contributed(round, names[i]);
}

/* The records of all rounds are over: no keys, no shares; and they say that a round and the statistics were opened. */
static void expect_no_secrets(struct world *w, uint32_t site)
{
	char folder[NAME_SIZE + 16];
	struct secagg_record_summary summary;
	struct masks_file *m;
	struct diag why = {{0}};

	snprintf(folder, sizeof folder, "%s/state", names[site]);
	if (masks_file_open(&m, tempdir_path(&w->f.dir, folder), &w->study.hash, &why) != OK)
		fail_msg("%s", why.text);
	assert_int_equal(secagg_record_read(&summary, masks_file_record(m), &why), OK);
	assert_false(summary.resumable);
	assert_true(summary.opened && summary.statistics_opened);
	assert_int_equal(summary.round, ROUNDS);
	masks_file_close(m);
	snprintf(folder, sizeof folder, "%s/state/outbound", names[site]);
	assert_int_equal(tempdir_count(&w->f.dir, folder), 0);
}

/* What left is not what the ledger keeps: its hash is another one, in each round. */
static void expect_masked_ledger(struct world *w, uint32_t site)
{
	federation_command(
		&w->f,
		"\"$BIN/cohort-client\" ledger --json --config %s/client.yaml | python3 -c 'import json,sys; r = "
		"json.load(sys.stdin)[\"releases\"]; assert len(r) == %d; h = [x[k] for x in r for k in "
		"(\"sha256\", \"masked_sha256\")]; assert len(set(h)) == len(h) and None not in h; assert "
		"all(\"masked, "
		"in sums of at least 4\" in x[\"allowed\"] for x in r)'",
		names[site], ROUNDS);
}

static void test_same_model_as_in_the_clear(void **state)
{
	char model[HASH_HEX_SIZE], hex[HASH_HEX_SIZE];
	struct federated expected;
	struct json *rounds;
	const char *page;
	struct world w;

	(void)state;
	make(&w);
	federate(&expected, &w.study, w.tables, names, SITES);
	hash_hex(hex, &expected.model_sha256);
	for (uint32_t i = 0; i < SITES; i++) {
		write_known(&w, i, i);
		write_policy(&w, i, i >= 2 ? "known: known-sites.txt\nmin_known: 3\n" : "");
	}
	federation_begin(&w.f);
	federation_wait(&w.f, "finished", LIMIT_MS);
	federation_model(&w.f, model);
	assert_string_equal(model, hex);
	rounds = federation_rounds(&w.f);
	assert_int_equal(json_count(rounds), ROUNDS);
	for (size_t i = 0; i < ROUNDS; i++)
		expect_all_contributed(json_at(rounds, i));
	json_free(rounds);
	page = federation_command(&w.f, "\"$BIN/cohort-client\" show-outbound --round 2 --config st-mary/client.yaml");
	assert_non_null(
		strstr(page, "These octets never leave. What leaves is masked: the coordinator reads only the sum."));
	page = federation_command(&w.f, "\"$BIN/cohort-client\" show small --config eastgate/client.yaml");
	assert_non_null(strstr(page, "by roster 6: 5."));
	assert_non_null(strstr(page, "This hospital knows 5 of them, itself counted."));
	for (uint32_t i = 0; i < SITES; i++)
		expect_masked_ledger(&w, i);
	for (int who = SITES - 1; who >= FEDERATION_COORDINATOR; who--)
		federation_stop(&w.f, who);
	for (uint32_t i = 0; i < SITES; i++)
		expect_no_secrets(&w, i);
	buf_free(&expected.model);
	remove_world(&w);
}

/* One that knows too few refuses, by name; the others are enough. */
static void test_too_few_known_refuse(void **state)
{
	struct json *rounds;
	struct world w;

	(void)state;
	make(&w);
	write_known(&w, 4, 4);
	write_policy(&w, 4, "known: known-sites.txt\nmin_known: 4\n");
	federation_command(&w.f, "sed -i 's/^Lakeview ..../Lakeview 0000/; s/^hilltop ..../hilltop 0000/' "
	                         "eastgate/known-sites.txt");
	federation_begin(&w.f);
	federation_wait(&w.f, "finished", LIMIT_MS);
	rounds = federation_rounds(&w.f);
	for (size_t i = 0; i < json_count(rounds); i++) {
		for (uint32_t k = 0; k < 4; k++)
			federation_expect_contributed(json_at(rounds, i), names[k]);
		federation_expect_site(json_at(rounds, i), "eastgate", "refused", "keys", "policy_sites");
	}
	json_free(rounds);
	assert_non_null(strstr(tempdir_read(&w.f.dir, "eastgate/log", NULL), "ALARM: roster 6 gives Lakeview the key"));
	assert_non_null(strstr(tempdir_read(&w.f.dir, "eastgate/log", NULL),
	                       "3 of the hospitals in the sum are known here, this one counted"));
	remove_world(&w);
}

/* Honest programs that die are no reason to suspect anybody. */
static void expect_no_alarm(struct world *w)
{
	for (uint32_t i = 0; i < SITES; i++) {
		char path[NAME_SIZE + 16];

		snprintf(path, sizeof path, "%s/log", names[i]);
		assert_null(strstr(tempdir_read(&w->f.dir, path, NULL), "ALARM"));
	}
}

#define QUICK "rounds: {join: 2, deadline: 3, phase: 2, pause: 0.3}\n"

static bool is_done(const struct json *round)
{
	return strcmp(federation_text(round, "outcome"), "done") == 0;
}

static int done(const struct json *rounds)
{
	int n = 0;

	for (size_t i = 0; i < json_count(rounds); i++)
		n += is_done(json_at(rounds, i));
	return n;
}

static bool is_in(const struct json *round, const char *name)
{
	return strcmp(federation_text(federation_site(round, name), "state"), "contributed") == 0;
}

static uint32_t contributors(const struct json *round)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SITES; i++)
		n += is_in(round, names[i]);
	return n;
}

/* In how many of the done rounds it is. */
static int contributed(const struct json *rounds, const char *name)
{
	int n = 0;

	for (size_t i = 0; i < json_count(rounds); i++)
		n += is_done(json_at(rounds, i)) && is_in(json_at(rounds, i), name);
	return n;
}

static void test_a_hospital_is_killed_and_comes_back(void **state)
{
	struct json *rounds;
	struct world w;

	(void)state;
	make(&w);
	federation_settings(&w.f, QUICK);
	federation_begin(&w.f);
	federation_wait_round(&w.f, 2, LIMIT_MS);
	federation_kill(&w.f, 4);
	federation_wait_round(&w.f, 4, LIMIT_MS);
	federation_start(&w.f, 4);
	federation_wait(&w.f, "finished", LIMIT_MS);
	rounds = federation_rounds(&w.f);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(contributed(rounds, names[i]), ROUNDS);
	assert_in_range(contributed(rounds, "eastgate"), 1, ROUNDS - 1);
	expect_no_alarm(&w);
	json_free(rounds);
	for (int who = SITES - 1; who >= FEDERATION_COORDINATOR; who--)
		federation_stop(&w.f, who);
	for (uint32_t i = 0; i < 4; i++)
		expect_no_secrets(&w, i);
	remove_world(&w);
}

/* All that can die, dies, a few milliseconds after a round has begun; what comes back finishes with the model of all five, since no
 * round is done without at least four and every hospital's contribution is final. */
static void test_everybody_dies_in_turn(void **state)
{
	struct json *rounds;
	struct world w;

	(void)state;
	make(&w);
	federation_settings(&w.f, QUICK);
	federation_begin(&w.f);
	for (int round = 2; round <= 4; round++) {
		int who = round == 3 ? FEDERATION_COORDINATOR : round;

		if (!federation_wait_round(&w.f, round, LIMIT_MS))
			break;
		federation_kill(&w.f, who);
		federation_start(&w.f, who);
		federation_ready(&w.f);
	}
	federation_wait(&w.f, "finished", 2 * LIMIT_MS);
	rounds = federation_rounds(&w.f);
	for (size_t i = 0; i < json_count(rounds); i++)
		if (is_done(json_at(rounds, i)))
			assert_in_range(contributors(json_at(rounds, i)), 4, SITES);
	assert_int_equal(done(rounds), ROUNDS);
	expect_no_alarm(&w);
	json_free(rounds);
	for (int who = SITES - 1; who >= FEDERATION_COORDINATOR; who--)
		federation_stop(&w.f, who);
	for (uint32_t i = 0; i < SITES; i++)
		if (i != 2 && i != 4)
			expect_no_secrets(&w, i);
	remove_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_model_as_in_the_clear),
		cmocka_unit_test(test_too_few_known_refuse),
		cmocka_unit_test(test_a_hospital_is_killed_and_comes_back),
		cmocka_unit_test(test_everybody_dies_in_turn),
	};
	layers_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
