/*
 * The store: migrations, what is written and read back, transactions, the chain of events under an insider's hands, and a disk
 * that fails at every write and every sync. SQLite's own calls are replaced at link time, as in test_file_faults.
 */
#include "coordinator/store.h"
#include "tests/support/child.h"
#include "tests/support/small_study.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1700000000000
#define TEXT_OF(x) #x
#define TEXT_OF_MACRO(x) TEXT_OF(x)
#define FORMAT_NOW TEXT_OF_MACRO(STORE_FORMAT)

/* ---- the disk */

static struct {
	bool watching;
	int calls, fail_at; /* writes and syncs while watching */
	int fail_errno;
} fault;

static bool fails(void)
{
	if (!fault.watching || fault.calls++ != fault.fail_at)
		return false;
	errno = fault.fail_errno;
	return true;
}

int fsync(int fd)
{
	return fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return fails() ? -1 : (int)syscall(SYS_fdatasync, fd);
}

ssize_t write(int fd, const void *data, size_t len)
{
	return fails() ? -1 : syscall(SYS_write, fd, data, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	return fails() ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	return fails() ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

/* ---- a store with a study */

struct fixture {
	struct tempdir dir;
	const char *path;
	struct store *store;
	struct study study;
	int64_t id;
};

static void commit(struct fixture *f)
{
	struct diag why = {{0}};

	if (store_commit(f->store, &why) != OK)
		fail_msg("%s", why.text);
	assert_false(store_dirty(f->store));
}

static void open_store(struct fixture *f)
{
	struct diag why = {{0}};

	if (store_open(&f->store, f->path, &why) != OK)
		fail_msg("%s", why.text);
}

static void reopen(struct fixture *f)
{
	store_close(f->store);
	open_store(f);
}

static struct json *text_record(const char *words)
{
	struct json *record = json_new_object();

	json_set_string(record, "words", words);
	return record;
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct json *record = text_record("first");

	tempdir_make(&f->dir);
	f->path = tempdir_path(&f->dir, "coordinator.db");
	small_study(&f->study, NULL);
	open_store(f);
	f->id = store_add_study(f->store, &f->study, record, NOW);
	json_free(record);
	commit(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fault.watching = false;
	store_close(f->store);
	study_free(&f->study);
	tempdir_remove(&f->dir);
	free(f);
	return 0;
}

/* What an insider does, with SQLite's own shell. */
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
}

/* ---- studies */

struct seen_study {
	int count;
	int64_t id;
	char record[256];
	bool in_force;
	struct hash canonical;
};

static void see_study(void *context, const struct stored_study *row)
{
	struct seen_study *seen = context;

	seen->count++;
	seen->id = row->id;
	seen->in_force = row->in_force;
	snprintf(seen->record, sizeof seen->record, "%.*s", (int)row->record.len, (const char *)row->record.ptr);
	hash_blake2b(&seen->canonical, row->canonical);
}

static void test_studies_last(void **state)
{
	struct fixture *f = *state;
	struct seen_study seen = {0};
	struct json *record = text_record("second");

	store_record(f->store, f->id, record);
	json_free(record);
	assert_true(store_dirty(f->store));
	commit(f);
	reopen(f);
	assert_int_equal(store_studies(f->store, see_study, &seen, NULL), OK);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.id, f->id);
	assert_true(seen.in_force);
	assert_string_equal(seen.record, "{\"words\":\"second\"}");
	assert_true(hash_equal(&seen.canonical, &f->study.hash)); /* the very bytes that were hashed */
}

static void test_what_is_not_committed_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct seen_study seen = {0};
	struct json *record = text_record("lost");

	store_record(f->store, f->id, record);
	reopen(f);
	assert_int_equal(store_studies(f->store, see_study, &seen, NULL), OK);
	assert_string_equal(seen.record, "{\"words\":\"first\"}");
	store_record(f->store, f->id, record);
	store_rollback(f->store);
	assert_false(store_dirty(f->store));
	assert_int_equal(store_studies(f->store, see_study, &seen, NULL), OK);
	assert_string_equal(seen.record, "{\"words\":\"first\"}");
	json_free(record);
}

static void see_newest(void *context, const struct stored_study *row)
{
	if (row->in_force)
		*(int64_t *)context = row->id;
}

static void test_the_newest_revision_is_in_force(void **state)
{
	struct fixture *f = *state;
	struct json *record = text_record("third");
	struct study newer;
	int64_t newest = 0;

	small_study(&newer, "revision: 2");
	int64_t id = store_add_study(f->store, &newer, record, NOW);
	commit(f);
	assert_int_not_equal(id, f->id);
	assert_int_equal(store_studies(f->store, see_newest, &newest, NULL), OK);
	assert_int_equal(newest, id);
	/* the same revision twice: the commit reports it, and nothing of the transaction stays */
	store_answer(f->store, id, 7, ANSWER_APPROVED, NOW);
	(void)store_add_study(f->store, &newer, record, NOW);
	struct diag why = {{0}};
	assert_int_not_equal(store_commit(f->store, &why), OK);
	assert_non_null(strstr(why.text, "UNIQUE"));
	assert_true(store_dirty(f->store)); /* sticky */
	json_free(record);
	study_free(&newer);
}

/* ---- answers, sites, rounds */

static void see_answer(void *context, uint32_t site, enum site_answer answer)
{
	char *text = context;

	sprintf(text + strlen(text), "%u %s;", site, answer_name(answer));
}

static void see_site(void *context, uint32_t number, const char *name, const char *serial, int64_t last_seen_ms,
                     const struct ledger_mark *ledger)
{
	char *text = context;

	sprintf(text + strlen(text), "%u %s %s %lld;", number, name, serial, (long long)last_seen_ms);
	if (ledger->counter > 0)
		sprintf(text + strlen(text), "%llu %02x %02x;", (unsigned long long)ledger->counter, ledger->head.b[31],
		        ledger->signature[63]);
}

static void test_answers_and_sites(void **state)
{
	struct fixture *f = *state;
	struct ledger_mark mark = {.counter = 41};
	char text[256] = "";
	uint32_t version;

	store_answer(f->store, f->id, 18, ANSWER_APPROVED, NOW);
	store_answer(f->store, f->id, 11, ANSWER_REJECTED, NOW);
	store_answer(f->store, f->id, 18, ANSWER_WITHDRAWN, NOW + 1);
	store_site(f->store, 11, "st-mary", "0a", 0);
	store_site(f->store, 11, "st-mary", "0b", NOW);
	store_roster_version(f->store, 7);
	commit(f);
	reopen(f);
	assert_int_equal(store_answers(f->store, f->id, see_answer, text, NULL), OK);
	assert_string_equal(text, "11 rejected;18 withdrawn;");
	text[0] = '\0';
	assert_int_equal(store_sites(f->store, see_site, text, NULL), OK);
	assert_string_equal(text, "11 st-mary 0b 1700000000000;");
	memset(mark.head.b, 0xab, sizeof mark.head.b);
	memset(mark.signature, 0xcd, sizeof mark.signature);
	store_ledger_mark(f->store, 11, &mark);
	store_site(f->store, 11, "st-mary", "0c", NOW); /* leaves it */
	commit(f);
	reopen(f);
	text[0] = '\0';
	assert_int_equal(store_sites(f->store, see_site, text, NULL), OK);
	assert_string_equal(text, "11 st-mary 0c 1700000000000;41 ab cd;");
	store_ledger_mark(f->store, 11, &(struct ledger_mark){0}); /* forgotten */
	text[0] = '\0';
	assert_int_equal(store_sites(f->store, see_site, text, NULL), OK);
	assert_string_equal(text, "11 st-mary 0c 1700000000000;");
	assert_int_equal(store_read_roster_version(f->store, &version, NULL), OK);
	assert_int_equal(version, 7);
}

static const uint32_t invited[] = {11, 18, 25, 32};

static struct round_plan plan_of(uint64_t round, uint32_t attempt)
{
	return (struct round_plan){.round = round,
	                           .attempt = attempt,
	                           .step = 1,
	                           .asks = ASK_TRAIN | ASK_EVALUATE,
	                           .sites = (uint32_t *)(uintptr_t)invited,
	                           .site_count = 4};
}

/* An attempt in which 11 contributed, 18 refused, 25 joined and 32 was never seen. */
static struct round *play_round(void)
{
	const struct round_config config = {
		.sites = invited, .site_count = 4, .quorum = 1, .octets = 64, .join_ms = 10, .deadline_ms = 100};
	struct round *r = round_open(&config, 0);
	struct round_action a;
	struct hash content;

	sha256_of(&content, bytes_text("contribution"));
	round_joined(r, 25, 1);
	round_refused(r, 18, REFUSAL_DATA_CHANGED, 2);
	assert_int_equal(round_upload(r, 11, 64, &content, 3), UPLOAD_WANTED);
	while (round_next(r, &a))
		;
	return r;
}

static void see_participant(void *context, const struct stored_participant *row)
{
	char *text = context;

	sprintf(text + strlen(text), "%u %s %s %llu %d;", row->site, row->state, row->reason,
	        (unsigned long long)row->octets, row->late_ms > 0);
}

static void see_row(void *context, const struct round_site *row)
{
	char *text = context;

	sprintf(text + strlen(text), "%u %s;", row->number, site_state_name(row->state));
}

static void test_rounds_and_participants(void **state)
{
	struct fixture *f = *state;
	const struct round_plan plan = plan_of(3, 1);
	struct round *r = play_round();
	char text[512] = "";

	assert_true(store_open_round(f->store, f->id, &plan, 1, 64, NOW));
	assert_false(store_open_round(f->store, f->id, &plan, 1, 64, NOW + 1));
	assert_true(store_participant(f->store, f->id, &plan, round_site(r, 11), 64, NOW + 2));
	assert_false(store_participant(f->store, f->id, &plan, round_site(r, 11), 64, NOW + 3)); /* counted once */
	assert_true(store_participant(f->store, f->id, &plan, round_site(r, 18), 64, NOW + 2));
	commit(f);
	/* what a restart reads: an upload whose row is committed has contributed */
	assert_int_equal(store_rows(f->store, f->id, 3, 1, see_row, text, NULL), OK);
	assert_string_equal(text, "11 contributed;18 refused;");
	const struct round_report report = {.plan = &plan,
	                                    .outcome = OUTCOME_DONE,
	                                    .round = r,
	                                    .evaluated = true,
	                                    .validation = {.rows = 0,
	                                                   .loss = NAN,
	                                                   .accuracy = NAN,
	                                                   .precision = NAN,
	                                                   .recall = NAN,
	                                                   .f1 = NAN,
	                                                   .auc = NAN},
	                                    .test = {.rows = 50,
	                                             .loss = 0.25,
	                                             .accuracy = 0.9,
	                                             .precision = 0.8,
	                                             .recall = 0.7,
	                                             .f1 = 0.75,
	                                             .auc = NAN},
	                                    .weight = 33,
	                                    .model = round_site(r, 11)->content,
	                                    .model_octets = 1234,
	                                    .started_ms = 100,
	                                    .ended_ms = 350};
	assert_true(store_close_round(f->store, f->id, &report, NOW + 9));
	assert_false(store_close_round(f->store, f->id, &report, NOW + 10)); /* written once */
	assert_true(store_late(f->store, f->id, 3, 1, 25, NOW + 11));
	assert_false(store_late(f->store, f->id, 3, 1, 25, NOW + 12)); /* the first time is kept */
	assert_false(store_late(f->store, f->id, 3, 1, 11, NOW + 12)); /* who contributed stays so */
	assert_false(store_late(f->store, f->id, 3, 1, 18, NOW + 12));
	assert_false(store_late(f->store, f->id, 9, 1, 25, NOW + 12));
	commit(f);
	text[0] = '\0';
	assert_int_equal(store_participants(f->store, f->id, 3, 1, see_participant, text, NULL), OK);
	assert_string_equal(text, "11 contributed  64 0;18 refused data_changed 0 0;25 late  0 1;32 absent  0 0;");
	round_free(r);
}

static void take_round(void *context, const struct stored_round *row)
{
	*(struct stored_round *)context = *row;
}

static void count_round(void *context, const struct stored_round *row)
{
	char *text = context;

	sprintf(text + strlen(text), "%llu.%u %s;", (unsigned long long)row->round, row->attempt, row->outcome);
}

static void test_rounds_are_read_by_the_page(void **state)
{
	struct fixture *f = *state;
	struct stored_round row, newest;
	char text[512] = "";
	bool found;

	assert_int_equal(store_newest_metrics(f->store, f->id, &newest, &found, NULL), OK);
	assert_false(found);
	for (uint64_t round = 1; round <= 3; round++)
		for (uint32_t attempt = 1; attempt <= 2; attempt++) {
			const struct round_plan plan = plan_of(round, attempt);
			assert_true(store_open_round(f->store, f->id, &plan, 2, 64, NOW));
		}
	const struct round_plan plan = plan_of(2, 2);
	struct round *r = play_round();
	const struct round_report report = {.plan = &plan,
	                                    .outcome = OUTCOME_DONE,
	                                    .round = r,
	                                    .evaluated = true,
	                                    .validation = {.rows = 4,
	                                                   .loss = 1,
	                                                   .accuracy = NAN,
	                                                   .precision = NAN,
	                                                   .recall = NAN,
	                                                   .f1 = NAN,
	                                                   .auc = 0.5,
	                                                   .brier = 0.25,
	                                                   .r2 = -3,
	                                                   .rmse = 17,
	                                                   .mae = 11},
	                                    .validation_calibration = {true, {{4, 0.0625, 0.75}, {0, NAN, NAN}}},
	                                    .validation_margin = {2, 0.5, NAN, NAN, NAN, NAN, 0.03125, 0.25, 1, 3, 2},
	                                    .test_margin = METRICS_NONE,
	                                    .test = {.rows = 0,
	                                             .loss = NAN,
	                                             .accuracy = NAN,
	                                             .precision = NAN,
	                                             .recall = NAN,
	                                             .f1 = NAN,
	                                             .auc = NAN,
	                                             .brier = NAN,
	                                             .r2 = NAN,
	                                             .rmse = NAN,
	                                             .mae = NAN},
	                                    .started_ms = 5,
	                                    .ended_ms = 7};
	assert_true(store_close_round(f->store, f->id, &report, NOW + 5));
	commit(f);
	assert_int_equal(store_rounds(f->store, f->id, 0, 0, 100, count_round, text, NULL), OK);
	assert_string_equal(text, "1.1 open;1.2 open;2.1 open;2.2 done;3.1 open;3.2 open;");
	text[0] = '\0';
	assert_int_equal(store_rounds(f->store, f->id, 1, 2, 2, count_round, text, NULL), OK);
	assert_string_equal(text, "2.1 open;2.2 done;");
	assert_int_equal(store_rounds(f->store, f->id, 2, 1, 1, take_round, &row, NULL), OK);
	assert_int_equal(row.took_ms, 2);
	assert_int_equal(row.asks, ASK_TRAIN | ASK_EVALUATE);
	assert_true(row.evaluated);
	assert_true(row.validation.auc == 0.5 && row.validation.rows == 4);
	assert_true(row.validation.brier == 0.25 && row.validation.r2 == -3 && row.validation.rmse == 17 &&
	            row.validation.mae == 11);
	assert_true(row.validation_calibration.known && !row.test_calibration.known);
	assert_true(row.validation_calibration.points[0].predicted == 0.0625);
	assert_true(row.validation_calibration.points[0].observed == 0.75 &&
	            row.validation_calibration.points[0].rows == 4);
	assert_true(isnan(row.validation_calibration.points[1].predicted));
	assert_true(isnan(row.test.auc) && row.test.rows == 0);
	assert_true(row.validation_margin.auc == 0.03125 && row.validation_margin.rows == 2);
	assert_true(isnan(row.validation_margin.f1) && isnan(row.test_margin.rows) && isnan(row.test_margin.auc));
	assert_int_equal(store_newest_metrics(f->store, f->id, &newest, &found, NULL), OK);
	assert_true(found);
	assert_int_equal(newest.round, 2);
	round_free(r);
}

static void test_an_unreadable_contribution_does_not_count(void **state)
{
	struct fixture *f = *state;
	const struct round_plan plan = plan_of(1, 1);
	struct round *r = play_round();
	char text[128] = "";

	assert_true(store_open_round(f->store, f->id, &plan, 1, 64, NOW));
	assert_true(store_participant(f->store, f->id, &plan, round_site(r, 11), 64, NOW));
	store_unreadable(f->store, f->id, 1, 1, 11);
	commit(f);
	assert_int_equal(store_participants(f->store, f->id, 1, 1, see_participant, text, NULL), OK);
	assert_string_equal(text, "11 dropped unreadable 0 0;");
	text[0] = '\0';
	assert_int_equal(store_rows(f->store, f->id, 1, 1, see_row, text, NULL), OK);
	assert_string_equal(text, "11 dropped;");
	round_free(r);
}

/* ---- whose database is it? */

static void test_a_newer_format_is_refused_by_name(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};

	tamper(f, "PRAGMA user_version = 99");
	assert_int_equal(store_open(&f->store, f->path, &why), ERR_DATA);
	assert_non_null(
		strstr(why.text, "coordinator.db: made by a newer version of cohort-coordinator (format 99, this"));
	assert_null(strchr(why.text, '\n'));
	/* and nothing was changed in it */
	tamper(f, "PRAGMA user_version = " FORMAT_NOW);
	open_store(f);
}

/* Figures of a database that was made before there were Brier scores and calibration. */
static void test_an_older_format_is_brought_up(void **state)
{
	struct fixture *f = *state;
	const struct round_plan plan = plan_of(1, 1), next = plan_of(2, 1);
	struct round *r = play_round();
	struct round_report report = {
		.plan = &plan, .outcome = OUTCOME_DONE, .round = r, .evaluated = true, .test = METRICS_NONE};
	struct stored_round row;

	report.validation = (struct metrics){.rows = 40, .loss = 0.25, .auc = 0.75};
	report.test.rows = 0;
	assert_true(store_open_round(f->store, f->id, &plan, 2, 64, NOW));
	assert_true(store_close_round(f->store, f->id, &report, NOW + 5));
	commit(f);
	tamper(f, "ALTER TABLE sites DROP COLUMN ledger_counter; ALTER TABLE sites DROP COLUMN ledger_head;"
	          "ALTER TABLE sites DROP COLUMN ledger_signature; ALTER TABLE metrics DROP COLUMN margin; DROP TABLE "
	          "masked_rows; ALTER TABLE participants "
	          "DROP COLUMN phase; DROP TABLE moments; ALTER TABLE "
	          "metrics DROP COLUMN calibration; ALTER TABLE metrics DROP COLUMN mae;"
	          "ALTER TABLE metrics DROP COLUMN rmse; ALTER TABLE metrics DROP COLUMN r2;"
	          "ALTER TABLE metrics DROP COLUMN brier; PRAGMA user_version = 1");
	open_store(f);
	assert_int_equal(store_rounds(f->store, f->id, 0, 0, 1, take_round, &row, NULL), OK);
	assert_true(row.validation.loss == 0.25 && row.validation.auc == 0.75 && isnan(row.validation.brier));
	assert_false(row.validation_calibration.known);
	report.plan = &next;
	report.validation.brier = 0.125;
	assert_true(store_open_round(f->store, f->id, &next, 2, 64, NOW));
	assert_true(store_close_round(f->store, f->id, &report, NOW + 5));
	commit(f);
	assert_int_equal(store_rounds(f->store, f->id, 1, 1, 1, take_round, &row, NULL), OK);
	assert_true(row.validation.brier == 0.125);
	round_free(r);
}

static void test_a_database_of_another_program_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *other = NULL;
	struct diag why = {{0}};
	const char *path = tempdir_path(&f->dir, "other.db");
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE patients (name TEXT)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(store_open(&other, path, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "another program's database"));
	tempdir_write(&f->dir, "text.db",
	              "This is no database at all, but it is long enough to be read as one, surely.");
	assert_int_equal(store_open(&other, tempdir_path(&f->dir, "text.db"), &why), ERR_DATA);
	assert_non_null(strstr(why.text, "not a database"));
	assert_int_equal(store_open(&other, tempdir_path(&f->dir, "missing/x.db"), &why), ERR_CREATE);
	assert_null(other);
}

/* Cut anywhere, or a byte changed anywhere: it opens or it says why not; it never crashes, and never lies in silence where a
 * study's bytes have changed. */
static void test_damaged_files(void **state)
{
	struct fixture *f = *state;
	size_t len;
	struct diag why = {{0}};

	store_close(f->store);
	f->store = NULL;
	const char *good = tempdir_read(&f->dir, "coordinator.db", &len);
	uint8_t *copy = mem_alloc(len);
	for (size_t at = 0; at < len; at += len / 61 + 1) {
		struct store *s = NULL;
		struct seen_study seen = {0};

		memcpy(copy, good, len);
		copy[at] ^= 0x55;
		tempdir_write_bytes(&f->dir, "flipped.db", bytes_of(copy, len));
		if (store_open(&s, tempdir_path(&f->dir, "flipped.db"), &why) == OK)
			(void)!store_studies(s, see_study, &seen, &why);
		store_close(s);
		s = NULL;
		unlink(tempdir_path(&f->dir, "flipped.db"));
		tempdir_write_bytes(&f->dir, "flipped.db", bytes_of(good, at));
		if (store_open(&s, tempdir_path(&f->dir, "flipped.db"), &why) == OK)
			(void)!store_studies(s, see_study, &seen, &why);
		store_close(s);
		unlink(tempdir_path(&f->dir, "flipped.db"));
	}
	free(copy);
}

/* ---- the event log */

static void write_events(struct fixture *f, int count)
{
	for (int i = 0; i < count; i++) {
		struct json *body = json_new_object();

		json_set_integer(body, "n", i);
		store_event(f->store, i % 2 ? "small" : "", "happened", body, NOW + i);
		json_free(body);
	}
	commit(f);
}

static enum err verify(struct fixture *f, struct diag *why)
{
	uint64_t events;
	struct hash head;

	return store_verify(f->store, &events, &head, why);
}

/* The chain by a second implementation: BLAKE2b-256 over tag and fields, written out by hand. */
static void test_the_chain_is_what_the_header_says(void **state)
{
	struct fixture *f = *state;
	struct hash hash = {{0}}, head;
	uint64_t events;

	write_events(f, 3);
	for (int i = 0; i < 3; i++) {
		struct buf b;
		char body[32];

		snprintf(body, sizeof body, "{\"n\":%d}", i);
		buf_init(&b, 1000);
		buf_put_text(&b, "COHRTevt");
		buf_put_u32(&b, 32);
		buf_put(&b, bytes_of(hash.b, 32));
		buf_put_u32(&b, 8);
		buf_put_u64(&b, (uint64_t)i + 1);
		buf_put_u32(&b, 8);
		buf_put_u64(&b, (uint64_t)(NOW + i));
		buf_put_field(&b, bytes_text(i % 2 ? "small" : ""));
		buf_put_field(&b, bytes_text("happened"));
		buf_put_field(&b, bytes_text(body));
		hash_blake2b(&hash, buf_bytes(&b));
		buf_free(&b);
	}
	assert_int_equal(store_verify(f->store, &events, &head, NULL), OK);
	assert_int_equal(events, 3);
	assert_true(hash_equal(&head, &hash));
}

static void test_insider_edits_are_found(void **state)
{
	static const struct {
		const char *sql, *words;
	} edits[] = {
		{"UPDATE events SET body = '{\"n\":7}' WHERE seq = 3", "event 3 is not"},
		{"UPDATE events SET body = body || char(0) || 'x' WHERE seq = 3", "event 3 is not"},
		{"UPDATE events SET at_ms = at_ms + 1 WHERE seq = 2", "event 2 is not"},
		{"UPDATE events SET study = 'other' WHERE seq = 4", "event 4 is not"},
		{"UPDATE events SET kind = 'nothing' WHERE seq = 1", "event 1 is not"},
		{"UPDATE events SET hash = zeroblob(32) WHERE seq = 5", "event 5 is not"},
		{"DELETE FROM events WHERE seq = 3", "event 3 is not"},
		{"DELETE FROM events WHERE seq = 1", "event 1 is not"},
		{"DELETE FROM events WHERE seq = 6", "ends with event 5, but 6 were written"},
		{"DELETE FROM events WHERE seq > 2", "ends with event 2, but 6 were written"},
		{"DELETE FROM events", "ends with event 0, but 6 were written"},
		{"UPDATE events SET seq = -2 WHERE seq = 2; UPDATE events SET seq = 2 WHERE seq = 3;"
	         "UPDATE events SET seq = 3 WHERE seq = -2",
	         "event 2 is not"},
		{"INSERT INTO events SELECT 7, at_ms, study, kind, body, hash FROM events WHERE seq = 6",
	         "event 7 is not"},
		{"INSERT INTO events SELECT -1, at_ms, study, kind, body, hash FROM events WHERE seq = 6",
	         "never written"},
		{"UPDATE head SET seq = 5", "ends with event 6, but 5 were written"},
		{"DELETE FROM head", "head of the event log is missing"},
	};
	struct fixture *f = *state;
	size_t len;

	write_events(f, 6);
	assert_int_equal(verify(f, NULL), OK);
	store_close(f->store);
	const char *good = tempdir_read(&f->dir, "coordinator.db", &len);
	f->store = NULL;
	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		struct diag why = {{0}};

		tempdir_write_bytes(&f->dir, "coordinator.db", bytes_of(good, len));
		tamper(f, edits[i].sql);
		enum err e = store_open(&f->store, f->path, &why);
		if (e == OK)
			e = verify(f, &why);
		if (e != ERR_DATA || strstr(why.text, edits[i].words) == NULL)
			fail_msg("%s: %s, \"%s\"", edits[i].sql, err_name(e), why.text);
	}
	tempdir_write_bytes(&f->dir, "coordinator.db", bytes_of(good, len));
	reopen(f);
	assert_int_equal(verify(f, NULL), OK);
}

static void test_a_rolled_back_event_leaves_no_gap(void **state)
{
	struct fixture *f = *state;
	struct json *body = json_new_object();

	write_events(f, 2);
	store_event(f->store, "", "undone", body, NOW);
	store_rollback(f->store);
	store_event(f->store, "", "done", body, NOW);
	commit(f);
	assert_int_equal(verify(f, NULL), OK);
	json_free(body);
}

/* ---- the disk fails */

static void change_something(struct fixture *f)
{
	struct json *record = text_record("changed");

	store_record(f->store, f->id, record);
	store_answer(f->store, f->id, 11, ANSWER_APPROVED, NOW);
	json_free(record);
}

/* The k-th write or sync fails, for every k that a commit has: it is reported, all of the transaction is gone or all is there,
 * and the store refuses to go on. */
static void test_every_failing_call_of_a_commit(void **state)
{
	static const int errnums[] = {EIO, ENOSPC};
	int reached = 0;

	(void)state;
	for (size_t e = 0; e < 2; e++) {
		for (int at = 0; at < 30; at++) {
			struct fixture *f;
			struct seen_study seen = {0};
			char answers[64] = "";
			struct diag why = {{0}};

			setup((void **)&f);
			fault.watching = true;
			fault.calls = 0;
			fault.fail_at = at;
			fault.fail_errno = errnums[e];
			change_something(f);
			enum err result = store_commit(f->store, &why);
			fault.watching = false;
			bool failed = fault.calls > at;
			reached += failed;
			assert_true(failed == (result != OK));
			if (failed) {
				assert_true(result == ERR_IO || result == ERR_FULL);
				assert_non_null(strstr(why.text, "coordinator.db: "));
				change_something(f);
				assert_int_equal(store_commit(f->store, NULL), result); /* for good */
			}
			reopen(f);
			assert_int_equal(store_studies(f->store, see_study, &seen, NULL), OK);
			assert_int_equal(store_answers(f->store, f->id, see_answer, answers, NULL), OK);
			bool changed = strcmp(seen.record, "{\"words\":\"changed\"}") == 0;
			assert_true(changed == (answers[0] != '\0'));
			assert_true(changed || failed);
			teardown((void **)&f);
			if (!failed)
				break;
		}
	}
	assert_true(reached >= 4); /* log frames and their sync, with each of the two */
}

static void fill_the_disk(void *context)
{
	struct fixture *f = context;
	const struct rlimit limit = {300 << 10, 300 << 10};
	struct diag why = {{0}};

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 0; i < 10000; i++) {
		struct json *body = json_new_object();

		store_event(f->store, "small", "filling", body, NOW);
		json_free(body);
		enum err e = store_commit(f->store, &why);
		if (e != OK) {
			fprintf(stderr, "%s\n", why.text);
			_exit(e == ERR_FULL || e == ERR_IO ? 74 : 1);
		}
	}
	_exit(0);
}

/* A file that may not grow: the commit fails in one clear line, and what was committed before is there. */
static void test_a_full_disk_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct child c;

	child_run(&c, false, fill_the_disk, f);
	assert_int_equal(c.exit_code, 74);
	assert_non_null(strstr(c.output, "coordinator.db: cannot"));
	reopen(f);
	assert_int_equal(verify(f, NULL), OK);
}

/* ---- the write-ahead log */

static void test_the_log_is_tidied(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};
	size_t len;

	for (int i = 0; i < 3000; i++) {
		struct json *body = json_new_object();

		store_event(f->store, "small", "many", body, NOW + i);
		json_free(body);
		commit(f);
		assert_int_equal(store_tidy(f->store, &why), OK);
	}
	(void)tempdir_read(&f->dir, "coordinator.db-wal", &len);
	assert_true(len < (12u << 20));
	assert_int_equal(verify(f, NULL), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_studies_last, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_not_committed_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_newest_revision_is_in_force, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers_and_sites, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rounds_and_participants, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rounds_are_read_by_the_page, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_unreadable_contribution_does_not_count, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_newer_format_is_refused_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_older_format_is_brought_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_database_of_another_program_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_chain_is_what_the_header_says, setup, teardown),
		cmocka_unit_test_setup_teardown(test_insider_edits_are_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_rolled_back_event_leaves_no_gap, setup, teardown),
		cmocka_unit_test(test_every_failing_call_of_a_commit),
		cmocka_unit_test_setup_teardown(test_a_full_disk_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_log_is_tidied, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
