/* The server's moments in the database: in pieces, all or none, with the model that they belong to; and a database from before
 * there were any. */
#include "coordinator/store.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1700000000000
#define PIECE (MOMENTS_PIECE / sizeof(float)) /* moments in one */

static int syncs;

int fsync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

struct fixture {
	struct tempdir dir;
	const char *path;
	struct store *store;
	int64_t id;
	float *moments; /* 2 * PIECE + 5, all different */
};

static const struct hash model = {{1}}, other = {{2}};
static const size_t counts[] = {1, 28, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 5};

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

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct json *record = json_new_object();
	struct study study;

	tempdir_make(&f->dir);
	f->path = tempdir_path(&f->dir, "coordinator.db");
	reopen(f);
	small_study(&study, NULL);
	f->id = store_add_study(f->store, &study, record, NOW);
	commit(f);
	study_free(&study);
	json_free(record);
	f->moments = mem_array(2 * PIECE + 5, sizeof *f->moments);
	for (size_t i = 0; i < 2 * PIECE + 5; i++)
		f->moments[i] = (float)i - 7;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	tempdir_remove(&f->dir);
	free(f->moments);
	free(f);
	return 0;
}

static void tamper(struct fixture *f, const char *sql)
{
	sqlite3 *db;
	char *error = NULL;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
	sqlite3_close(db);
}

static void assert_there(struct fixture *f, const struct hash *of, const float *expected, size_t count)
{
	float *found = mem_array(count, sizeof *found);
	struct diag why = {{0}};

	assert_int_equal(store_check_moments(f->store, f->id, of, count, &why), OK);
	assert_int_equal(store_read_moments(f->store, f->id, of, found, count, &why), OK);
	assert_memory_equal(found, expected, count * sizeof *found);
	free(found);
}

static void assert_damaged(struct fixture *f, const struct hash *of, size_t count, const char *words)
{
	float *found = mem_array(count, sizeof *found);
	struct diag why = {{0}}, again = {{0}};

	assert_int_equal(store_check_moments(f->store, f->id, of, count, &why), ERR_DATA);
	assert_int_equal(store_read_moments(f->store, f->id, of, found, count, &again), ERR_DATA);
	assert_string_equal(why.text, again.text);
	if (strstr(why.text, words) == NULL || strstr(why.text, "coordinator.db: ") == NULL)
		fail_msg("%s", why.text);
	free(found);
}

static void test_they_last_whatever_their_length(void **state)
{
	struct fixture *f = *state;

	for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
		store_moments(f->store, f->id, &model, f->moments, counts[k]);
		commit(f);
		reopen(f);
		assert_there(f, &model, f->moments, counts[k]);
		store_drop_moments(f->store, f->id);
		commit(f);
	}
}

/* The next round's take their place with the commit, and not before. */
static void test_those_of_the_next_model_replace_them(void **state)
{
	struct fixture *f = *state;
	const size_t count = PIECE + 3;

	store_moments(f->store, f->id, &model, f->moments, count);
	commit(f);
	store_moments(f->store, f->id, &other, f->moments + 9, count);
	reopen(f);
	assert_there(f, &model, f->moments, count);
	store_moments(f->store, f->id, &other, f->moments + 9, count);
	commit(f);
	reopen(f);
	assert_there(f, &other, f->moments + 9, count);
	assert_damaged(f, &model, count, "do not belong to the study's newest model");
}

static void test_they_are_a_studys_own(void **state)
{
	struct fixture *f = *state;
	struct json *record = json_new_object();
	struct study newer;
	int64_t first = f->id;

	small_study(&newer, "revision: 2");
	store_moments(f->store, f->id, &model, f->moments, 28);
	f->id = store_add_study(f->store, &newer, record, NOW);
	assert_damaged(f, &model, 28, "are missing");
	store_moments(f->store, f->id, &other, f->moments + 1, 28);
	commit(f);
	assert_there(f, &other, f->moments + 1, 28);
	store_drop_moments(f->store, first);
	commit(f);
	assert_there(f, &other, f->moments + 1, 28);
	f->id = first;
	assert_damaged(f, &model, 28, "are missing");
	study_free(&newer);
	json_free(record);
}

static void test_what_is_missing_or_damaged(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *sql, *words;
	} cases[] = {
		{"DELETE FROM moments", "are missing for the study's newest model; restore the database"},
		{"DELETE FROM moments WHERE piece = 0", "do not belong"},
		{"DELETE FROM moments WHERE piece = 1", "do not belong"},
		{"DELETE FROM moments WHERE piece = 2", "do not belong"},
		{"UPDATE moments SET piece = 7 WHERE piece = 1", "do not belong"},
		{"UPDATE moments SET piece = 7 WHERE piece = 2", "do not belong"},
		{"UPDATE moments SET octets = zeroblob(19) WHERE piece = 2", "do not belong"},
		{"UPDATE moments SET model = zeroblob(32) WHERE piece = 1", "do not belong"},
		{"INSERT INTO moments SELECT study, 3, model, octets FROM moments WHERE piece = 2", "do not belong"},
	};

	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		store_drop_moments(f->store, f->id);
		store_moments(f->store, f->id, &model, f->moments, 2 * PIECE + 5);
		commit(f);
		assert_there(f, &model, f->moments, 2 * PIECE + 5);
		tamper(f, cases[k].sql);
		assert_damaged(f, &model, 2 * PIECE + 5, cases[k].words);
	}
	store_drop_moments(f->store, f->id);
	store_moments(f->store, f->id, &model, f->moments, 28);
	assert_damaged(f, &model, 27, "do not belong");
	assert_damaged(f, &model, 29, "do not belong");
	assert_damaged(f, &model, PIECE + 1, "do not belong");
}

/* However large they are, their commit is one sync. */
static void test_they_cost_no_sync(void **state)
{
	struct fixture *f = *state;
	struct json *record = json_new_object();

	store_record(f->store, f->id, record);
	store_moments(f->store, f->id, &model, f->moments, 2 * PIECE + 5);
	commit(f);
	syncs = 0;
	store_record(f->store, f->id, record);
	store_moments(f->store, f->id, &other, f->moments + 1, 2 * PIECE + 4);
	commit(f);
	assert_int_equal(syncs, 1);
	json_free(record);
}

static void see_study(void *context, const struct stored_study *row)
{
	*(int64_t *)context = row->id;
}

/* Format 2 had all tables but this one. */
static void test_a_database_of_format_2_is_brought_up_to_date(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};
	int64_t found = 0;

	store_close(f->store);
	f->store = NULL;
	tamper(f, "ALTER TABLE sites DROP COLUMN ledger_counter; ALTER TABLE sites DROP COLUMN ledger_head; ALTER "
	          "TABLE sites DROP COLUMN ledger_signature; ALTER TABLE metrics DROP COLUMN margin; DROP TABLE "
	          "moments; DROP TABLE masked_rows; ALTER TABLE "
	          "participants DROP COLUMN phase;"
	          "PRAGMA user_version = 2");
	reopen(f);
	assert_int_equal(store_studies(f->store, see_study, &found, &why), OK);
	assert_int_equal(found, f->id);
	assert_damaged(f, &model, 28, "are missing");
	store_moments(f->store, f->id, &model, f->moments, 28);
	commit(f);
	reopen(f);
	assert_there(f, &model, f->moments, 28);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_they_last_whatever_their_length, setup, teardown),
		cmocka_unit_test_setup_teardown(test_those_of_the_next_model_replace_them, setup, teardown),
		cmocka_unit_test_setup_teardown(test_they_are_a_studys_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_missing_or_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_they_cost_no_sync, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_database_of_format_2_is_brought_up_to_date, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_moments", tests, NULL, NULL);
}
