/*
 * The rows of masked attempts in the database: in their order, each group's own, durable with their commit and not before, gone with
 * the attempt; and a database from before there were any.
 */
#include "coordinator/store.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1700000000000

struct fixture {
	struct tempdir dir;
	const char *path;
	struct store *store;
	int64_t id, other; /* two studies */
};

static const uint32_t invited[] = {11, 18, 25};

static struct round_plan plan_of(uint64_t round, uint32_t attempt)
{
	return (struct round_plan){.round = round,
	                           .attempt = attempt,
	                           .step = 1,
	                           .asks = ASK_TRAIN,
	                           .sites = (uint32_t *)(uintptr_t)invited,
	                           .site_count = 3};
}

static void commit(struct fixture *f)
{
	struct diag why = {{0}};

	if (store_commit(f->store, &why) != OK)
		fail_msg("%s", why.text);
}

static void reopen(struct fixture *f)
{
	struct diag why = {{0}};

	store_close(f->store);
	if (store_open(&f->store, f->path, &why) != OK)
		fail_msg("%s", why.text);
}

static int64_t add_study(struct fixture *f, const char *line)
{
	struct json *record = json_new_object();
	struct study study;

	small_study(&study, line);
	int64_t id = store_add_study(f->store, &study, record, NOW);
	json_free(record);
	study_free(&study);
	return id;
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	const struct round_plan first = plan_of(4, 1), second = plan_of(4, 2);

	tempdir_make(&f->dir);
	f->path = tempdir_path(&f->dir, "coordinator.db");
	reopen(f);
	f->id = add_study(f, NULL);
	f->other = add_study(f, "study: other");
	assert_true(store_open_round(f->store, f->id, &first, 2, 64, NOW));
	assert_true(store_open_round(f->store, f->id, &second, 2, 64, NOW));
	assert_true(store_open_round(f->store, f->other, &first, 2, 64, NOW));
	commit(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	tempdir_remove(&f->dir);
	free(f);
	return 0;
}

static void put(struct fixture *f, int64_t study, uint32_t attempt, uint32_t group, uint64_t number,
                enum secagg_phase phase, uint32_t site, const char *octets)
{
	const struct secagg_row row = {.number = number, .phase = phase, .site = site, .octets = bytes_text(octets)};

	store_masked_row(f->store, study, 4, attempt, group, &row);
}

static void see(void *context, uint32_t group, const struct secagg_row *row)
{
	char *text = context;

	sprintf(text + strlen(text), "%u/%llu %s %u %.*s;", group, (unsigned long long)row->number,
	        secagg_phase_name(row->phase), row->site, (int)row->octets.len, (const char *)row->octets.ptr);
}

static void expect(struct fixture *f, int64_t study, uint32_t attempt, const char *expected)
{
	char text[1024] = "";
	struct diag why = {{0}};

	if (store_masked_rows(f->store, study, 4, attempt, see, text, &why) != OK)
		fail_msg("%s", why.text);
	assert_string_equal(text, expected);
}

static void put_an_attempt(struct fixture *f)
{
	put(f, f->id, 2, 1, 1, SECAGG_KEYS, 25, "later group");
	put(f, f->id, 2, 0, 2, SECAGG_KEYS, 11, "k11");
	put(f, f->id, 2, 0, 1, SECAGG_KEYS, 18, "k18");
	put(f, f->id, 2, 0, 3, SECAGG_SHARES, 0, "U1");
	put(f, f->id, 2, 0, 10, SECAGG_INPUT, 11, "C(y) sig");
	put(f, f->id, 2, 0, 9, SECAGG_INPUT, 0, "U2");
	put(f, f->id, 2, 0, 11, SECAGG_SURVIVORS, 0, "U3");
}

#define THE_ATTEMPT                                                                                                    \
	"0/1 keys 18 k18;0/2 keys 11 k11;0/3 shares 0 U1;0/9 input 0 U2;0/10 input 11 C(y) sig;0/11 survivors 0 U3;"   \
	"1/1 keys 25 later group;"

static void test_rows_come_back_in_their_order(void **state)
{
	struct fixture *f = *state;

	put_an_attempt(f);
	put(f, f->id, 1, 0, 1, SECAGG_KEYS, 11, "an earlier attempt");
	commit(f);
	reopen(f);
	expect(f, f->id, 2, THE_ATTEMPT);
	expect(f, f->id, 1, "0/1 keys 11 an earlier attempt;");
	expect(f, f->other, 1, "");
}

static void test_what_is_not_committed_is_not_there(void **state)
{
	struct fixture *f = *state;

	put(f, f->id, 2, 0, 1, SECAGG_KEYS, 11, "k11");
	assert_true(store_dirty(f->store));
	reopen(f);
	expect(f, f->id, 2, "");
}

/* A row stands once: another of its number would be another U2 or U3. */
static void test_a_number_is_never_written_twice(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};

	put(f, f->id, 2, 0, 1, SECAGG_SURVIVORS, 0, "U3");
	put(f, f->id, 2, 0, 1, SECAGG_SURVIVORS, 0, "another U3");
	assert_int_not_equal(store_commit(f->store, &why), OK);
	assert_non_null(strstr(why.text, "UNIQUE"));
	reopen(f);
	expect(f, f->id, 2, "");
}

static struct round *play_round(void)
{
	const struct round_config config = {
		.sites = invited, .site_count = 3, .quorum = 1, .octets = 64, .join_ms = 10, .deadline_ms = 100};

	return round_open(&config, 0);
}

static void test_they_go_with_the_attempt(void **state)
{
	struct fixture *f = *state;
	const struct round_plan plan = plan_of(4, 2);
	struct round *r = play_round();
	const struct round_report report = {.plan = &plan, .outcome = OUTCOME_FAILED, .round = r};

	put_an_attempt(f);
	put(f, f->other, 1, 0, 1, SECAGG_KEYS, 11, "another study");
	commit(f);
	assert_true(store_close_round(f->store, f->id, &report, NOW + 1));
	commit(f);
	reopen(f);
	expect(f, f->id, 2, "");
	expect(f, f->other, 1, "0/1 keys 11 another study;");
	store_abandon_planned(f->store, f->other, NOW + 2);
	commit(f);
	expect(f, f->other, 1, "");
	round_free(r);
}

static void tamper(struct fixture *f, const char *sql)
{
	sqlite3 *db;
	char *error = NULL;

	store_close(f->store);
	f->store = NULL;
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
	sqlite3_close(db);
	reopen(f);
}

static void test_a_damaged_row_is_found(void **state)
{
	struct fixture *f = *state;
	char text[1024] = "";
	struct diag why = {{0}};

	put_an_attempt(f);
	commit(f);
	tamper(f, "UPDATE masked_rows SET phase = 'kegs' WHERE number = 2");
	assert_int_equal(store_masked_rows(f->store, f->id, 4, 2, see, text, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "a row of an open masked round is damaged"));
	assert_string_equal(text, "0/1 keys 18 k18;"); /* none behind it, as if that were the next */
}

static void see_participant(void *context, const struct stored_participant *row)
{
	char *text = context;

	sprintf(text + strlen(text), "%u %s %s;", row->site, row->state, row->phase);
}

/* What format 3 was: its rounds and participants stay, and a masked attempt can be written. */
static void test_the_format_before_is_brought_up(void **state)
{
	struct fixture *f = *state;
	const struct round_plan plan = plan_of(4, 2);
	struct round *r = play_round();
	const struct round_report report = {.plan = &plan, .outcome = OUTCOME_FAILED, .round = r};
	char text[256] = "";

	assert_true(store_close_round(f->store, f->id, &report, NOW + 1));
	commit(f);
	tamper(f, "ALTER TABLE sites DROP COLUMN ledger_counter; ALTER TABLE sites DROP COLUMN ledger_head; ALTER "
	          "TABLE sites DROP COLUMN ledger_signature; ALTER TABLE metrics DROP COLUMN margin; DROP TABLE "
	          "masked_rows; ALTER TABLE participants DROP "
	          "COLUMN phase; PRAGMA user_version = 3");
	assert_int_equal(store_participants(f->store, f->id, 4, 2, see_participant, text, NULL), OK);
	assert_string_equal(text, "11 absent ;18 absent ;25 absent ;");
	put(f, f->id, 2, 0, 1, SECAGG_KEYS, 11, "k11");
	commit(f);
	expect(f, f->id, 2, "0/1 keys 11 k11;");
	round_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows_come_back_in_their_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_not_committed_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_number_is_never_written_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_they_go_with_the_attempt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_damaged_row_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_format_before_is_brought_up, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
