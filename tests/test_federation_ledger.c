/*
 * A hospital's state folder is set back to an older copy, with the real programs: it takes part no more, says why, and every round says
 * so at the coordinator. With the newest copy it goes on. When that is lost, a person states so, and the study is over for it.
 */
#include "base/clock.h"
#include "tests/support/contracts.h"
#include "tests/support/federation.h"
#include "tests/support/program.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SITES 4 /* n_C = 1: t = 3, m = 3, so one may be missing */
#define LIMIT_MS 60000 /* a round here takes a tenth of a second; under a sanitizer and load far more */
#define WHO 3

static const char *const names[SITES] = {"st-mary", "Lakeview", "north.2", "hilltop"};
static struct program said; /* too large for a stack */

static char *contract(void)
{
	struct buf yaml;
	char *masked, *longer;

	buf_init(&yaml, YAML_TEXT_MAX);
	small_study_yaml(&yaml, "sites: {min: 3, max_dropouts: 1, max_colluders: 1, cell_min: 1}");
	masked = contract_edited(buf_text(&yaml), "masking: off", "masking: required");
	longer = contract_edited(masked, "rounds: 3", "rounds: 5000"); /* more than the test waits for */
	free(masked);
	buf_free(&yaml);
	return longer;
}

static void begin(struct federation *f)
{
	char path[NAME_SIZE + 16], *yaml = contract();
	struct study study;
	struct table rows;

	small_study(&study, NULL);
	federation_make(f, yaml, names, SITES);
	for (uint32_t i = 0; i < SITES; i++) {
		small_table(&rows, &f->dir, &study, i);
		table_free(&rows);
		snprintf(path, sizeof path, "site-%u.csv", i);
		federation_command(f, "mv %s %s/data.csv", path, names[i]);
	}
	study_free(&study);
	free(yaml);
	federation_settings(f, "rounds: {join: 0.5, deadline: 60, phase: 2, pause: 0.1}\n");
	federation_begin(f);
}

/* Until a round after `after` has ended, in which the hospital has this state and reason. */
static void wait_state(struct federation *f, int64_t after, const char *state, const char *reason)
{
	int64_t until_ms = clock_monotonic_ms() + LIMIT_MS;
	bool found = false;

	while (!found) {
		struct json *rounds = federation_rounds(f);

		for (size_t i = 0; i < json_count(rounds); i++) {
			const struct json *round = json_at(rounds, i);

			if (federation_number(round, "round") <= after ||
			    strcmp(federation_text(round, "outcome"), "open") == 0)
				continue;
			const struct json *site = federation_site(round, names[WHO]);
			if (strcmp(federation_text(site, "state"), state) == 0 &&
			    strcmp(federation_text(site, "reason"), reason) == 0)
				found = true;
		}
		json_free(rounds);
		if (!found && clock_monotonic_ms() > until_ms)
			fail_msg("no round after %lld in which it has %s", (long long)after, state);
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	}
}

/* The newest round. What comes after it comes after all that was done before. */
static int64_t round_now(struct federation *f)
{
	struct json *rounds = federation_rounds(f);
	int64_t round = federation_number(json_at(rounds, json_count(rounds) - 1), "round");

	json_free(rounds);
	return round;
}

static void copy_state(struct federation *f, const char *from, const char *to)
{
	federation_command(f, "rm -rf %s/%s && cp -a %s/%s %s/%s", names[WHO], to, names[WHO], from, names[WHO], to);
}

/* How many entries the ledger has; the hospital's client does not run. */
static int64_t entries(struct federation *f)
{
	const char *out = federation_command(f,
	                                     "\"$BIN/cohort-client\" ledger --json --config %s/client.yaml | "
	                                     "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"entries\"])'",
	                                     names[WHO]);

	return strtoll(out, NULL, 10);
}

static void expect_logged(struct federation *f, const char *words)
{
	char path[NAME_SIZE + 8];

	snprintf(path, sizeof path, "%s/log", names[WHO]);
	if (strstr(tempdir_read(&f->dir, path, NULL), words) == NULL)
		fail_msg("the log does not say: %s", words);
}

/* Both numbers: what the copy has, and what was signed last. Stopped in the middle of a round, a hospital may have an entry more than that. */
static void expect_alarm(struct federation *f, int64_t older, int64_t newest)
{
	static const char begins[] = "ALARM: study small: this hospital's ledger has ";
	static const char goes_on[] = " entries, and the coordinator shows this hospital's signature on ";
	char path[NAME_SIZE + 8], *end;
	const char *at;
	int64_t number;

	snprintf(path, sizeof path, "%s/log", names[WHO]);
	at = strstr(tempdir_read(&f->dir, path, NULL), begins);
	assert_non_null(at);
	number = strtoll(at + strlen(begins), &end, 10);
	assert_int_equal(number, older);
	assert_memory_equal(end, goes_on, strlen(goes_on));
	number = strtoll(end + strlen(goes_on), &end, 10);
	assert_true(number > older && (number == newest || number == newest - 1));
	assert_memory_equal(end, ": it is an older copy", strlen(": it is an older copy"));
}

/* The client runs: it holds the lock, and tells. */
static void expect_status(struct federation *f, const char *words)
{
	const char *out =
		federation_command(f, "\"$BIN/cohort-client\" status --json --config %s/client.yaml", names[WHO]);

	if (strstr(out, words) == NULL)
		fail_msg("status does not say \"%s\": %s", words, out);
}

/* Two copies: an older one of the whole state folder, and the newest. The client is stopped. */
static void make_copies(struct federation *f, int64_t *older, int64_t *newest)
{
	wait_state(f, 0, "contributed", "");
	federation_stop(f, WHO);
	copy_state(f, "state", "backup");
	*older = entries(f);
	federation_start(f, WHO);
	wait_state(f, round_now(f), "contributed", "");
	federation_stop(f, WHO);
	copy_state(f, "state", "newest");
	*newest = entries(f);
	assert_true(*older > 0 && *newest > *older);
}

static void run_loss(struct federation *f, long long counter)
{
	program_shell(&said, "cd '%s' && \"$BIN/cohort-client\" ledger --accept-loss %lld --config %s/client.yaml",
	              f->dir.path, counter, names[WHO]);
}

/* A study with noise, which spends: it cannot even be approved. */
static void expect_no_budget(struct federation *f)
{
	char path[NAME_SIZE + 16], *yaml = contract_text("private.yaml");

	tempdir_write(&f->dir, "private.yaml", yaml);
	free(yaml);
	snprintf(path, sizeof path, "%s/policy.yaml", names[WHO]);
	tempdir_write(&f->dir, path, "mechanisms: [distributed]\nepsilon_per_study: 3\nmin_sites: 2\n");
	federation_command(
		f,
		"\"$BIN/cohort-coordinator\" study add private.yaml --config coordinator/coordinator.yaml && "
		"\"$BIN/cohort-client\" fetch heart-private --config %s/client.yaml",
		names[WHO]);
	program_shell(&said,
	              "cd '%s' && \"$BIN/cohort-client\" approve heart-private --config %s/client.yaml --hash "
	              "$(\"$BIN/cohort-client\" "
	              "show heart-private --json --config %s/client.yaml | b2sum -l 256 | cut -c1-64)",
	              f->dir.path, names[WHO], names[WHO]);
	program_expect(&said, 77, "refused (budget): entry ");
}

/* What was taken for an older copy is made the ledger, by a statement; the study was under way. */
static void lose_the_newest(struct federation *f, int64_t counter)
{
	copy_state(f, "backup", "state");
	federation_start(f, WHO);
	wait_state(f, round_now(f), "refused", "ledger");
	run_loss(f, counter);
	program_expect(&said, 75, "stop cohort-client first");
	federation_stop(f, WHO);
	run_loss(f, 0);
	program_expect(&said, 64, "entries");
	run_loss(f, counter);
	program_expect(&said, 0, "Nothing is left of any privacy budget");
	assert_int_equal(entries(f), counter + 1);
	program_shell(&said, "cd '%s' && \"$BIN/cohort-client\" ledger --config %s/client.yaml", f->dir.path,
	              names[WHO]);
	program_expect(&said, 0, "a person stated that the entries from ");
	federation_start(f, WHO);
	wait_state(f, round_now(f), "refused", "ledger");
	expect_logged(f, "this study was under way by then: its rounds may have been answered; ask for a new revision");
	federation_stop(f, WHO);
	assert_int_equal(entries(f), counter + 1); /* still */
	expect_no_budget(f);
}

static void test_older_newest_and_lost(void **state)
{
	int64_t older, newest;
	struct federation f;

	(void)state;
	begin(&f);
	make_copies(&f, &older, &newest);
	copy_state(&f, "backup", "state");
	federation_start(&f, WHO);
	for (int i = 0; i < 2; i++) /* and so on */
		wait_state(&f, round_now(&f), "refused", "ledger");
	expect_alarm(&f, older, newest);
	expect_logged(&f, "put the newest state folder back");
	expect_status(&f, "it is an older copy");
	federation_stop(&f, WHO);
	assert_int_equal(entries(&f), older); /* nothing was released */
	copy_state(&f, "newest", "state");
	federation_start(&f, WHO);
	wait_state(&f, round_now(&f), "contributed", "");
	federation_stop(&f, WHO);
	newest = entries(&f);
	lose_the_newest(&f, newest);
	federation_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_older_newest_and_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
