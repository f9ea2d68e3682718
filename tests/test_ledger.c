/*
 * The ledger: what is committed is there again after any end of the process, and never changes. The system calls that write and
 * sync are replaced here, at link time, by ones that can fail or end the process at the k-th call: SQLite's and our own.
 */
#include "base/file.h"
#include "base/log.h"
#include "client/ledger.h"
#include "tests/support/child.h"
#include "tests/support/tempdir.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include <cmocka.h>

#define CRASHED 99 /* exit code of a process that ended itself in the middle */
#define NEVER (-1)
#define CALLS_MAX 200 /* of one commit; it takes about twenty */

/* ---- failing system calls */

static struct {
	bool watching;
	int calls, fail_at, crash_at;
	int syncs; /* of files and folders */
	int fail_errno;
} fault;

static void watch(int fail_at, int fail_errno, int crash_at)
{
	memset(&fault, 0, sizeof fault);
	fault.watching = true;
	fault.fail_at = fail_at;
	fault.fail_errno = fail_errno;
	fault.crash_at = crash_at;
}

static bool fails(void)
{
	if (!fault.watching)
		return false;
	if (fault.calls == fault.crash_at)
		_exit(CRASHED);
	if (fault.calls++ != fault.fail_at)
		return false;
	errno = fault.fail_errno;
	return true;
}

int fsync(int fd)
{
	fault.syncs++;
	return fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	fault.syncs++;
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

int rename(const char *from, const char *to)
{
	return fails() ? -1 : (int)syscall(SYS_renameat, -100, from, -100, to);
}

int ftruncate(int fd, off_t len)
{
	return fails() ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int ftruncate64(int fd, off64_t len)
{
	return fails() ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

/* ---- the example */

static const char vector_text[] = "the octets of a contribution";
static const struct budget_limit limit = {8, 1e-4};

static struct release_record example(uint64_t round)
{
	struct release_record r = {.round = round,
	                           .step = 4,
	                           .asks = ASK_TRAIN | ASK_EVALUATE,
	                           .sites = 5,
	                           .octets = sizeof vector_text - 1};

	r.debit = (struct budget_debit){.mechanism = PRIVACY_DISTRIBUTED,
	                                .unit = UNIT_PATIENT,
	                                .what = DEBIT_TRAINING,
	                                .part_count = 1,
	                                .parts = {{1, 20, 1}},
	                                .paid = 100};
	memset(&r.study_hash, 7, sizeof r.study_hash);
	memset(&r.plan_hash, 8, sizeof r.plan_hash);
	memset(&r.content, (int)(9 + round), sizeof r.content);
	return r;
}

static struct ledger *open_ledger(struct tempdir *t)
{
	struct diag why = {{0}};
	struct ledger *l;

	if (ledger_open(&l, tempdir_path(t, NULL), &why) != OK)
		fail_msg("%s", why.text);
	return l;
}

static enum err commit(struct ledger *l, uint64_t round, struct diag *why)
{
	struct release_record r = example(round);

	return ledger_commit(l, "heart", &r, "masking: off", bytes_text(vector_text), &limit, why);
}

static void commit_good(struct ledger *l, uint64_t round)
{
	struct diag why = {{0}};

	if (commit(l, round, &why) != OK)
		fail_msg("%s", why.text);
}

static void assert_record(const struct release_record *a, const struct release_record *b)
{
	assert_memory_equal(&a->study_hash, &b->study_hash, sizeof a->study_hash);
	assert_memory_equal(&a->plan_hash, &b->plan_hash, sizeof a->plan_hash);
	assert_memory_equal(&a->content, &b->content, sizeof a->content);
	assert_int_equal(a->round, b->round);
	assert_int_equal(a->step, b->step);
	assert_int_equal(a->asks, b->asks);
	assert_int_equal(a->sites, b->sites);
	assert_int_equal(a->octets, b->octets);
}

static void assert_vector(struct ledger *l, uint64_t round)
{
	struct release_record r = example(round);
	char path[PATH_SIZE];
	struct buf text;

	assert_true(ledger_vector(l, path, &r.study_hash, round));
	assert_int_equal(file_read(&text, path, 1000, NULL), OK);
	assert_true(bytes_equal(buf_bytes(&text), bytes_text(vector_text)));
	buf_free(&text);
}

/* ---- in good weather */

static void test_what_was_committed_is_there_again(void **state)
{
	struct release_record want = example(12), got;
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	assert_false(ledger_exists(tempdir_path(&t, NULL)));
	l = open_ledger(&t);
	assert_true(ledger_exists(tempdir_path(&t, NULL)));
	assert_false(ledger_newest(l, &want.study_hash, &got));
	commit_good(l, 3);
	commit_good(l, 12);
	commit_good(l, 7);
	for (int boot = 0; boot < 2; boot++) {
		assert_true(ledger_newest(l, &want.study_hash, &got)); /* by round, not by time */
		assert_record(&got, &want);
		assert_false(ledger_newest(l, &(struct hash){{1}}, &got));
		assert_vector(l, 12);
		ledger_close(l);
		l = open_ledger(&t);
	}
	ledger_close(l);
	tempdir_remove(&t);
}

static void test_a_round_is_committed_once(void **state)
{
	static const char other[] = "quite other octets, of another computation";
	struct release_record r = example(3);
	struct diag why = {{0}};
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	commit_good(l, 3);
	r.octets = sizeof other - 1;
	assert_int_equal(ledger_commit(l, "heart", &r, "", bytes_text(other), &limit, &why), ERR_CONFLICT);
	assert_string_equal(why.text, "ledger: round 3 of study heart was released before");
	assert_vector(l, 3); /* the file, too, is as it was */
	assert_false(ledger_failed(l, NULL));
	ledger_close(l);
	tempdir_remove(&t);
}

static void test_discarding(void **state)
{
	struct release_record r = example(1), other = example(2);
	char path[PATH_SIZE];
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	for (uint64_t round = 8; round <= 12; round++)
		commit_good(l, round);
	memset(&other.study_hash, 1, sizeof other.study_hash);
	assert_int_equal(ledger_commit(l, "lung", &other, "", bytes_text(vector_text), &limit, NULL), OK);
	ledger_discard(l, &r.study_hash, 10); /* as a number: 9 before 10 */
	for (uint64_t round = 8; round <= 12; round++)
		assert_true(ledger_vector(l, path, &r.study_hash, round) == (round > 10));
	assert_true(ledger_vector(l, path, &other.study_hash, 2));
	assert_true(ledger_newest(l, &r.study_hash, &r)); /* rows stay */
	assert_int_equal(r.round, 12);
	ledger_discard(l, &r.study_hash, UINT64_MAX);
	assert_int_equal(tempdir_count(&t, "outbound"), 1);
	ledger_close(l);
	tempdir_remove(&t);
}

/* What left under masks: octets in a file beside v's, and their hash in the row, of the attempt that they were sent to last. */
static void test_masked_octets(void **state)
{
	struct release_record r = example(3), other = example(3);
	char path[PATH_SIZE], plain[PATH_SIZE];
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	commit_good(l, 3);
	commit_good(l, 12);
	memset(&other.study_hash, 1, sizeof other.study_hash);
	for (int i = 0; i < 3; i++) {
		const struct release_record *its = i < 2 ? &r : &other;

		assert_false(ledger_masked(l, path, &its->study_hash, i == 1 ? 12 : 3));
		assert_int_equal(file_replace(path, bytes_text("y"), 0600, NULL), OK);
		assert_true(ledger_masked(l, path, &its->study_hash, i == 1 ? 12 : 3));
	}
	assert_true(ledger_vector(l, plain, &r.study_hash, 3));
	assert_string_not_equal(path, plain);
	ledger_discard(l, &r.study_hash, UINT64_MAX);
	assert_false(ledger_vector(l, plain, &r.study_hash, 3));
	assert_true(ledger_masked(l, path, &r.study_hash, 3));
	ledger_discard_masked(l, &r.study_hash);
	assert_false(ledger_masked(l, path, &r.study_hash, 3));
	assert_false(ledger_masked(l, path, &r.study_hash, 12));
	assert_true(ledger_masked(l, path, &other.study_hash, 3));
	ledger_close(l);
	tempdir_remove(&t);
}

struct seen {
	int count;
	uint64_t rounds[8];
	struct ledger_line last;
	char sent[16], outcome[16], allowed[128], study[16];
};

static void see(void *context, const struct ledger_line *line)
{
	struct seen *s = context;

	s->rounds[s->count++] = line->record.round;
	s->last = *line;
	snprintf(s->sent, sizeof s->sent, "%s", line->sent);
	snprintf(s->outcome, sizeof s->outcome, "%s", line->outcome);
	snprintf(s->allowed, sizeof s->allowed, "%s", line->allowed);
	snprintf(s->study, sizeof s->study, "%s", line->study);
}

static void test_lines_and_notes(void **state)
{
	struct release_record r = example(3);
	struct message closed = {.type = MESSAGE_CLOSED, .outcome = OUTCOME_DONE, .participant_count = 4};
	struct contribution_report own = {
		.training_rows = 120,
		.weight = 118,
		.training_loss = 0.25,
		.saturated = 2,
		.evaluated = true,
		.validation = {.rows = 0,
	                       .loss = NAN,
	                       .accuracy = NAN,
	                       .precision = NAN,
	                       .recall = NAN,
	                       .f1 = NAN,
	                       .auc = NAN},
		.test = {.rows = 57,
	                 .loss = 1.0 / 3,
	                 .accuracy = 0.75,
	                 .precision = 0.5,
	                 .recall = NAN,
	                 .f1 = 0.625,
	                 .auc = 0.875},
	};
	struct seen s = {0};
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	commit_good(l, 9);
	commit_good(l, 3);
	ledger_each(l, NULL, see, &s);
	assert_int_equal(s.count, 2);
	assert_true(s.rounds[0] == 9 && s.rounds[1] == 3); /* in the order of release */
	assert_string_equal(s.sent, "");
	assert_string_equal(s.outcome, "");
	assert_ptr_equal(strstr(s.allowed, "masking: off; budget: epsilon "), s.allowed);
	assert_false(s.last.has_own);
	assert_true(s.last.kept);

	assert_true(hash_is_zero(&s.last.masked));
	ledger_note_sent(l, &r.study_hash, 3, 1, SENT_ACCEPTED, &r.content);
	ledger_note_sent(l, &r.study_hash, 3, 2, SENT_LATE, &r.plan_hash);
	closed.plan.study_hash = r.study_hash;
	closed.plan.round = 3;
	ledger_note_closed(l, &closed);
	ledger_note_figures(l, &r, &own);
	ledger_discard(l, &r.study_hash, 3);
	ledger_close(l);
	l = open_ledger(&t);
	memset(&s, 0, sizeof s);
	ledger_each(l, "heart", see, &s);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.sent, "late");
	assert_true(hash_equal(&s.last.masked, &r.plan_hash));
	assert_int_equal(s.last.attempt, 2);
	assert_string_equal(s.outcome, "done");
	assert_int_equal(s.last.participants, 4);
	assert_false(s.last.kept);
	assert_true(s.last.has_own && s.last.own.evaluated);
	assert_true(s.last.own.training_rows == 120 && s.last.own.weight == 118 && s.last.own.training_loss == 0.25);
	assert_int_equal(s.last.own.saturated, 2);
	assert_true(s.last.own.validation.rows == 0 && isnan(s.last.own.validation.loss));
	assert_true(s.last.own.test.rows == 57 && s.last.own.test.loss == 1.0 / 3); /* every bit */
	assert_true(isnan(s.last.own.test.recall) && s.last.own.test.auc == 0.875);
	memset(&s, 0, sizeof s);
	ledger_each(l, "lung", see, &s);
	assert_int_equal(s.count, 0);
	ledger_close(l);
	tempdir_remove(&t);
}

static void test_endings_and_the_roster(void **state)
{
	struct message finished = {.type = MESSAGE_FINISHED, .complete = true, .model_octets = 51204};
	struct ledger_ending ending;
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	finished.plan.study_hash = (struct hash){{5}};
	finished.model = (struct hash){{6}};
	assert_false(ledger_ending(l, &finished.plan.study_hash, &ending));
	ledger_note_ending(l, &finished);
	assert_int_equal(ledger_roster_version(l), 0);
	assert_int_equal(ledger_saw_roster(l, 4, NULL), OK);
	assert_int_equal(ledger_saw_roster(l, 4, NULL), OK);
	ledger_close(l);
	l = open_ledger(&t);
	assert_true(ledger_ending(l, &finished.plan.study_hash, &ending));
	assert_true(ending.complete && hash_equal(&ending.model, &finished.model));
	assert_int_equal(ending.model_octets, 51204);
	assert_int_equal(ledger_roster_version(l), 4);
	ledger_close(l);
	tempdir_remove(&t);
}

/* ---- strange files */

static void execute(struct tempdir *t, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(tempdir_path(t, "ledger.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_a_newer_version(void **state)
{
	struct diag why = {{0}};
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	ledger_close(open_ledger(&t));
	execute(&t, "PRAGMA user_version = 5");
	assert_int_equal(ledger_open(&l, tempdir_path(&t, NULL), &why), ERR_CONFIG);
	assert_non_null(
		strstr(why.text, "ledger.db was written by a newer version of Cohort (format 5, this one knows 4)"));
	assert_null(l);
	tempdir_remove(&t);
}

/* Ledgers of older versions: their rows are read, they have spent nothing, and new ones are written. */
static void check_the_format_of(int version)
{
	static const char *const back[] = {
		"ALTER TABLE releases DROP COLUMN masked; PRAGMA user_version = 1",
		"DROP INDEX releases_number; ALTER TABLE releases DROP COLUMN number;"
		"ALTER TABLE releases DROP COLUMN head; DROP TABLE losses; PRAGMA user_version = 2",
		"ALTER TABLE releases DROP COLUMN mechanism; ALTER TABLE releases DROP COLUMN clip;"
		"ALTER TABLE releases DROP COLUMN unit; ALTER TABLE releases DROP COLUMN kind;"
		"ALTER TABLE releases DROP COLUMN cost; ALTER TABLE releases DROP COLUMN sums; PRAGMA user_version = 3",
	};
	struct release_record r = example(3), old;
	struct budget spent = {0};
	struct seen s = {0};
	struct ledger *l;
	struct tempdir t;

	tempdir_make(&t);
	l = open_ledger(&t);
	commit_good(l, 3);
	ledger_close(l);
	for (int v = (int)(sizeof back / sizeof *back); v >= version; v--)
		execute(&t, back[v - 1]);
	l = open_ledger(&t);
	assert_true(ledger_newest(l, &r.study_hash, &old));
	assert_record(&old, &r);
	assert_int_equal(old.debit.mechanism, PRIVACY_NONE);
	assert_int_equal(old.debit.part_count, 0);
	ledger_budget(l, &spent);
	assert_int_equal(spent.count, 0);
	commit_good(l, 4);
	ledger_note_sent(l, &r.study_hash, 4, 1, SENT_ACCEPTED, &r.plan_hash);
	ledger_each(l, NULL, see, &s);
	assert_int_equal(s.count, 2);
	assert_true(hash_equal(&s.last.masked, &r.plan_hash));
	ledger_close(l);
	tempdir_remove(&t);
}

static void test_older_formats(void **state)
{
	(void)state;
	check_the_format_of(1); /* before masks */
	check_the_format_of(2); /* before entries had numbers */
	check_the_format_of(3); /* before noise */
}

static void test_no_database(void **state)
{
	char noise[4096];
	struct diag why = {{0}};
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	memset(noise, 'x', sizeof noise);
	tempdir_write_bytes(&t, "ledger.db", bytes_of(noise, sizeof noise));
	assert_int_equal(ledger_open(&l, tempdir_path(&t, NULL), &why), ERR_IO);
	assert_non_null(strstr(why.text, "ledger: "));
	assert_null(l);
	tempdir_remove(&t);
}

/* Figures are text, so that a ledger outlives the struct that a version keeps them in. */
static void test_figures_of_another_version(void **state)
{
	struct release_record r = example(3);
	struct contribution_report own = {.training_loss = NAN, .evaluated = true};
	struct seen s = {0};
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	commit_good(l, 3);
	ledger_note_figures(l, &r, &own);
	ledger_close(l);
	execute(&t, "UPDATE figures SET test = '{\"rows\":7,\"shade\":0.5,\"auc\":\"high\"}', validation = 'not json'");
	l = open_ledger(&t);
	ledger_each(l, NULL, see, &s);
	assert_true(s.last.own.test.rows == 7);
	assert_true(isnan(s.last.own.test.auc) && isnan(s.last.own.test.loss));
	assert_true(isnan(s.last.own.validation.rows));
	ledger_close(l);
	tempdir_remove(&t);
}

/* ---- in bad weather */

static void assert_spent(struct ledger *l, uint64_t releases)
{
	struct release_record r = example(1);
	struct budget spent = {0}, want = {0};
	const struct budget_study *study;

	ledger_budget(l, &spent);
	for (uint64_t i = 0; i < releases; i++)
		budget_spend(&want, &r.study_hash, &r.debit);
	study = budget_find(&spent, &r.study_hash);
	assert_non_null(study);
	assert_int_equal(study->releases[DEBIT_TRAINING], releases);
	assert_memory_equal(&study->training, &want.studies[0].training, sizeof study->training);
	budget_free(&spent);
	budget_free(&want);
}

/* After any failure: a row has its file and has paid, what was reported is there, and the next process can go on. */
static void check_after(struct tempdir *t, enum err reported)
{
	struct ledger *l = open_ledger(t);
	struct release_record r = example(2), newest;
	bool there;

	assert_true(ledger_newest(l, &r.study_hash, &newest));
	there = newest.round == 2;
	assert_vector(l, 1); /* of before */
	if (there)
		assert_vector(l, 2);
	if (reported == OK)
		assert_true(there);
	assert_spent(l, there ? 2 : 1); /* every row has paid, and nothing else has */
	assert_int_equal(commit(l, 2, NULL), there ? ERR_CONFLICT : OK);
	assert_vector(l, 2);
	assert_spent(l, 2);
	ledger_close(l);
	assert_int_equal(tempdir_count(t, "outbound"), 2); /* nothing of the failed try is left */
}

static void ignore(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static void fail_every_call(int errnum, enum err expected)
{
	int failures = 0;

	for (int k = 0; k < CALLS_MAX; k++) {
		struct release_record r = example(2);
		struct diag why = {{0}};
		struct tempdir t;
		struct ledger *l;
		enum err e;
		bool reached;

		tempdir_make(&t);
		l = open_ledger(&t);
		commit_good(l, 1);
		watch(k, errnum, NEVER);
		e = commit(l, 2, &why);
		reached = fault.calls > k;
		fault.watching = false;
		if (e != OK) {
			failures++;
			assert_true(e == expected || e == ERR_IO || e == ERR_CREATE);
			assert_true(why.text[0] != '\0');
		}
		if (e == ERR_IO) { /* fatal: nothing is committed any more */
			assert_true(ledger_failed(l, &why));
			assert_int_equal(commit(l, 3, NULL), ERR_IO);
			assert_int_equal(ledger_saw_roster(l, 9, NULL), ERR_IO);
			ledger_note_sent(l, &r.study_hash, 1, 1, SENT_ACCEPTED, NULL); /* harmless */
		} else if (e != OK) { /* nothing was released and the process may go on */
			assert_false(ledger_failed(l, NULL));
		}
		ledger_close(l);
		check_after(&t, e);
		tempdir_remove(&t);
		if (!reached) {
			assert_true(failures >= 8); /* file, fsync, rename, folder; the log's pages and its sync */
			return;
		}
	}
	fail_msg("more than %d calls", CALLS_MAX);
}

/* The file, its folder, and the database's log: what a power cut must not take is synced before a commit is reported. */
static void test_a_commit_is_synced(void **state)
{
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	commit_good(l, 1);
	watch(NEVER, 0, NEVER);
	commit_good(l, 2);
	fault.watching = false;
	assert_int_equal(fault.syncs, 3);
	ledger_close(l);
	tempdir_remove(&t);
}

/* A note waits for no disk; what is committed after it does, as before. */
static void test_a_note_is_not_synced(void **state)
{
	struct release_record r = example(1);
	const struct contribution_report own = {.training_rows = 1};
	struct ledger *l;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	l = open_ledger(&t);
	commit_good(l, 1);
	watch(NEVER, 0, NEVER);
	ledger_note_sent(l, &r.study_hash, 1, 1, SENT_ACCEPTED, NULL);
	ledger_note_figures(l, &r, &own);
	assert_int_equal(fault.syncs, 0);
	assert_true(fault.calls > 0);
	commit_good(l, 2);
	fault.watching = false;
	assert_int_equal(fault.syncs, 3);
	ledger_close(l);
	tempdir_remove(&t);
}

static void test_every_call_fails_once(void **state)
{
	(void)state;
	log_capture(ignore, NULL);
	fail_every_call(EIO, ERR_IO);
	fail_every_call(ENOSPC, ERR_FULL);
	log_capture(NULL, NULL);
}

static void commit_and_crash(struct tempdir *t, int k)
{
	struct ledger *l = open_ledger(t);

	commit_good(l, 1);
	watch(NEVER, 0, k);
	_exit(commit(l, 2, NULL) == OK ? 0 : 1);
}

static void test_the_process_ends_at_every_call(void **state)
{
	int status = CRASHED;

	(void)state;
	for (int k = 0; k < CALLS_MAX && status == CRASHED; k++) {
		struct tempdir t;
		pid_t pid;

		tempdir_make(&t);
		pid = fork();
		if (pid == 0)
			commit_and_crash(&t, k);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		status = WEXITSTATUS(status);
		assert_true(status == CRASHED || status == 0);
		assert_true(status == CRASHED || k >= 8);
		check_after(&t, status == 0 ? OK : ERR_IO);
		tempdir_remove(&t);
	}
	assert_int_equal(status, 0); /* in the end a commit ran through */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_committed_is_there_again),
		cmocka_unit_test(test_a_round_is_committed_once),
		cmocka_unit_test(test_discarding),
		cmocka_unit_test(test_masked_octets),
		cmocka_unit_test(test_older_formats),
		cmocka_unit_test(test_lines_and_notes),
		cmocka_unit_test(test_endings_and_the_roster),
		cmocka_unit_test(test_a_newer_version),
		cmocka_unit_test(test_no_database),
		cmocka_unit_test(test_figures_of_another_version),
		cmocka_unit_test(test_a_commit_is_synced),
		cmocka_unit_test(test_a_note_is_not_synced),
		cmocka_unit_test(test_every_call_fails_once),
		cmocka_unit_test(test_the_process_ends_at_every_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
