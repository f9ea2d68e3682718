/*
 * The ledger under kills: a child process enters releases of two studies, one after another, and says each that was reported
 * committed; SIGKILL ends it at a random moment, a thousand times. What the ledger says is never below what was said, no round has
 * paid twice, and what is there are the octets that were to be released.
 *
 * A kill takes no page that was written, so fsync does nothing here; what a power cut takes is tests/test_ledger.c.
 */
#include "base/file.h"
#include "base/random.h"
#include "client/ledger.h"
#include "tests/support/sanitized.h"
#include "tests/support/tempdir.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILLS (SANITIZED ? 200 : 1000) /* a sanitizer makes forking ten times as slow */
#define KILLS_PER_LEDGER 50
#define SAID_MAX 4 /* after as many, or fewer, the child may die at any moment */
#define MOMENT_US 1000 /* a commit takes about as long, opening too */
#define STUDIES 2
#define OCTETS 600

int fsync(int fd)
{
	(void)fd;
	return 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

static const struct budget_limit limit = {1e9, 1e-4};

/* What a computation would give: other octets each time, as noise is. */
static struct bytes make_octets(uint8_t out[OCTETS])
{
	struct entropy entropy = entropy_system();

	entropy_fill(&entropy, out, OCTETS);
	return bytes_of(out, OCTETS);
}

static struct release_record release_of(uint8_t study, uint64_t round, struct bytes octets)
{
	struct release_record r = {.study_hash = {{study}},
	                           .round = round,
	                           .plan_hash = {{8}},
	                           .asks = ASK_TRAIN,
	                           .sites = 5,
	                           .octets = octets.len,
	                           .clip = 1};

	r.debit = (struct budget_debit){.mechanism = PRIVACY_DISTRIBUTED,
	                                .unit = UNIT_PATIENT,
	                                .what = DEBIT_TRAINING,
	                                .part_count = 1,
	                                .parts = {{1, 50 + study, 1}},
	                                .paid = UINT32_MAX};
	sha256_of(&r.content, octets);
	return r;
}

static struct ledger *open_ledger(const char *state)
{
	struct diag why = {{0}};
	struct ledger *l;

	if (ledger_open(&l, state, &why) != OK)
		fail_msg("%s", why.text);
	return l;
}

/* ---- the child */

struct said {
	uint8_t study;
	uint64_t round;
};

static uint64_t newest_round(struct ledger *l, uint8_t study)
{
	struct release_record newest;

	return ledger_newest(l, &(struct hash){{study}}, &newest) ? newest.round : 0;
}

static void release_one(struct ledger *l, uint8_t study, int pipe)
{
	uint8_t octets[OCTETS];
	struct said said = {.study = study, .round = newest_round(l, study) + 1};
	struct release_record r = release_of(study, said.round, make_octets(octets));

	if (ledger_commit(l, "heart", &r, "", bytes_of(octets, OCTETS), &limit, NULL) != OK)
		_exit(1);
	if (write(pipe, &said, sizeof said) != sizeof said) /* now it may leave */
		_exit(2);
	ledger_note_sent(l, &r.study_hash, r.round, 1, SENT_ACCEPTED, NULL);
	if (said.round > 2)
		ledger_discard(l, &r.study_hash, said.round - 2);
}

/* Opens and closes it now and then, for that writes, too. */
static void release_for_ever(const char *state, int pipe)
{
	for (;;) {
		struct ledger *l = open_ledger(state);

		for (int i = 0; i < 3 * STUDIES; i++)
			release_one(l, (uint8_t)(1 + i % STUDIES), pipe);
		ledger_close(l);
	}
}

/* ---- its parent */

struct truth {
	uint64_t rounds[STUDIES + 1]; /* the newest that was said, by study */
	uint64_t total;
};

/* One debit for a round, and nothing said was forgotten. False: the child has said all. */
static bool hear(struct truth *t, int pipe)
{
	struct said said;

	if (read(pipe, &said, sizeof said) != sizeof said)
		return false;
	assert_in_range(said.study, 1, STUDIES);
	assert_true(said.round > t->rounds[said.study]);
	t->rounds[said.study] = said.round;
	t->total++;
	return true;
}

static void run_and_kill(struct truth *truth, const char *state, struct rng *r)
{
	const struct timespec moment = {.tv_nsec = (long)rng_below(r, MOMENT_US) * 1000};
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		release_for_ever(state, ends[1]);
	}
	close(ends[1]);
	for (uint64_t n = rng_below(r, SAID_MAX); n > 0; n--)
		assert_true(hear(truth, ends[0]));
	nanosleep(&moment, NULL);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* it never ended by itself */
	while (hear(truth, ends[0]))
		;
	close(ends[0]);
}

static void check_octets(struct ledger *l, uint8_t study)
{
	struct release_record newest;
	char path[PATH_SIZE];
	struct hash content;
	struct buf octets;

	if (!ledger_newest(l, &(struct hash){{study}}, &newest))
		return;
	assert_true(ledger_vector(l, path, &newest.study_hash, newest.round));
	assert_int_equal(file_read(&octets, path, OCTETS, NULL), OK);
	sha256_of(&content, buf_bytes(&octets));
	assert_true(hash_equal(&content, &newest.content)); /* what a retry sends */
	buf_free(&octets);
}

struct rows {
	uint64_t last[STUDIES + 1], count;
};

static void see(void *context, const struct ledger_line *line)
{
	struct rows *rows = context;
	uint64_t *last = &rows->last[line->record.study_hash.b[0]];

	assert_true(line->record.round == *last + 1); /* each round once */
	assert_int_equal(line->record.debit.part_count, 1);
	*last = line->record.round;
	rows->count++;
}

/* The sums are those of the rows that are there, to the bit. */
static void check_sums(struct ledger *l, const struct rows *rows)
{
	struct budget is = {0}, should = {0};

	ledger_budget(l, &is);
	for (uint8_t study = 1; study <= STUDIES; study++) {
		struct release_record r = release_of(study, 1, bytes_of(NULL, 0));
		const struct budget_study *got = budget_find(&is, &r.study_hash);

		for (uint64_t i = 0; i < rows->last[study]; i++)
			budget_spend(&should, &r.study_hash, &r.debit);
		if (rows->last[study] == 0)
			continue;
		assert_non_null(got);
		assert_int_equal(got->releases[DEBIT_TRAINING], rows->last[study]);
		assert_memory_equal(&got->training, &budget_find(&should, &r.study_hash)->training,
		                    sizeof got->training);
	}
	budget_free(&is);
	budget_free(&should);
}

static void check(const struct truth *truth, const char *state)
{
	struct ledger *l = open_ledger(state);
	struct rows rows = {.count = 0};

	ledger_each(l, NULL, see, &rows);
	assert_true(rows.count >= truth->total);
	for (uint8_t study = 1; study <= STUDIES; study++) {
		assert_true(rows.last[study] >= truth->rounds[study]); /* never below what was said */
		check_octets(l, study);
	}
	check_sums(l, &rows);
	ledger_close(l);
}

static void test_a_thousand_kills(void **state)
{
	uint64_t said = 0;
	struct rng r;

	(void)state;
	rng_seeded(&r, 5, "kills");
	for (int i = 0; i < KILLS / KILLS_PER_LEDGER; i++) {
		struct truth truth = {.total = 0};
		struct tempdir t;

		tempdir_make(&t);
		for (int k = 1; k <= KILLS_PER_LEDGER; k++) {
			run_and_kill(&truth, tempdir_path(&t, NULL), &r);
			if (k % 10 ==
			    0) /* between, what one child has left the next recovers, or is killed while it does */
				check(&truth, tempdir_path(&t, NULL));
		}
		said += truth.total;
		tempdir_remove(&t);
	}
	assert_true(said > KILLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_thousand_kills),
	};

	return cmocka_run_group_tests_name("ledger_kill", tests, NULL, NULL);
}
