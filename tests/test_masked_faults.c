/*
 * Masked attempts when the coordinator's disk fails. The daemon runs in a forked child of this program, where fsync and fdatasync are
 * ours: what is synced is written down, and the k-th sync of an attempt fails, for every k. The process then ends, is started
 * again, and the attempt goes on: what was acknowledged is not sent again, and the sum is exact.
 */
#include "tests/support/masked_daemon.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SITES 4 /* the threshold of four with one colluder is 3 */
#define ALL ((1u << SITES) - 1)
#define NEVER INT32_MAX
#define EXIT_IO 74
#define SYNCS_MAX 256
#define TURNS_MAX 400 /* of an attempt that goes on: what was lost would never come */

/* ---- libc's calls, written down and made to fail */

static struct faults {
	atomic_int syncs; /* since the count was set */
	atomic_int fail_sync_at; /* this one (from 0) fails; NEVER */
	char synced[SYNCS_MAX]; /* 's' the staging file, 'm' models and folders, 'd' the database */
} * faults;

static char kind_of(int fd)
{
	char link[64], path[PATH_SIZE];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
	return strstr(path, "/staging/") != NULL ? 's' : strstr(path, "coordinator.db") != NULL ? 'd' : 'm';
}

static int sync_one(long call, int fd)
{
	int number = faults != NULL ? atomic_fetch_add(&faults->syncs, 1) : NEVER;

	if (number < SYNCS_MAX)
		faults->synced[number] = kind_of(fd);
	if (faults != NULL && number == atomic_load(&faults->fail_sync_at)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(call, fd);
}

int fsync(int fd)
{
	return sync_one(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return sync_one(SYS_fdatasync, fd);
}

static void watch(int fail_at)
{
	memset(faults->synced, 0, sizeof faults->synced);
	atomic_store(&faults->fail_sync_at, fail_at);
	atomic_store(&faults->syncs, 0);
}

static int make_faults(void **state)
{
	(void)state;
	faults = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(faults != MAP_FAILED);
	watch(NEVER);
	return 0;
}

/* ---- hospitals that go on by themselves */

struct fixture {
	struct masked_daemon d;
	struct round_plan plan; /* of the attempt in hand: a poll may bring the next round with its end */
	bool said[SITES][SECAGG_PHASE_COUNT]; /* and it was answered well */
};

static struct fixture *setup(void)
{
	struct fixture *f = mem_alloc(sizeof *f);

	watch(NEVER);
	masked_daemon_make(&f->d, &(struct masked_daemon_config){
					  .sites = SITES, .in_process = true, .edits = {{"rounds: 3", "rounds: 60"}}});
	return f;
}

static void teardown(struct fixture *f)
{
	masked_daemon_remove(&f->d);
	round_plan_free(&f->plan);
	free(f);
}

static bool is_closed(const struct fixture *f, uint32_t i)
{
	const struct message *closed = &f->d.h[i].closed;

	return closed->plan.round == f->plan.round && closed->plan.attempt == f->plan.attempt;
}

/* Says what it has not said yet. False: there was no answer. */
static bool say(struct fixture *f, uint32_t i, enum secagg_phase phase)
{
	struct masker *m = &f->d.m[i];
	unsigned status;

	if (f->said[i][phase])
		return true;
	status = phase == SECAGG_INPUT ? masker_send(m) : masker_say(m, phase);
	if (status == 0)
		return false;
	if (status == 425 && phase == SECAGG_OPENING) { /* a restart has lost the signatures */
		f->said[i][SECAGG_SURVIVORS] = false;
		return say(f, i, SECAGG_SURVIVORS);
	}
	assert_true(status == 204 || status == 200);
	f->said[i][phase] = true;
	return true;
}

/* Says its message of a phase, and listens for what follows. */
static bool say_and_listen(struct fixture *f, uint32_t i, enum secagg_phase phase)
{
	unsigned status;

	if (!say(f, i, phase))
		return false;
	status = masker_listen(&f->d.m[i], (enum secagg_phase)(phase + 1), 0);
	if (status == 204 && phase == SECAGG_SURVIVORS)
		f->said[i][phase] = false;
	assert_true(status == 0 || status == 200 || status == 204);
	return status != 0;
}

static bool step(struct fixture *f, uint32_t i)
{
	switch (secagg_client_state(f->d.m[i].client)) {
	case SECAGG_CLIENT_EXPECT_U1:
		return say_and_listen(f, i, SECAGG_KEYS);
	case SECAGG_CLIENT_EXPECT_U2:
		return say_and_listen(f, i, SECAGG_SHARES);
	case SECAGG_CLIENT_EXPECT_U3:
		return say_and_listen(f, i, SECAGG_INPUT);
	case SECAGG_CLIENT_EXPECT_SIGNATURES:
		return say_and_listen(f, i, SECAGG_SURVIVORS);
	case SECAGG_CLIENT_ANSWERED:
		return say(f, i, SECAGG_OPENING) && hospital_poll(&f->d.h[i], 0) != 0;
	default:
		fail_msg("hospital %u is out", i);
		return false;
	}
}

/* It has ended because of its disk: the next start goes on from what is there. */
static void start_again(struct fixture *f)
{
	assert_int_equal(coordinating_end(&f->d.c, 0), EXIT_IO);
	watch(NEVER);
	coordinating_start(&f->d.c);
	masked_daemon_reconnect(&f->d);
	for (uint32_t i = 0; i < SITES; i++)
		f->said[i][SECAGG_SURVIVORS] = f->said[i][SECAGG_OPENING] = false;
}

/* Every hospital in turn, until all know how the attempt has ended. True when the daemon died on the way. */
static bool drive(struct fixture *f)
{
	bool died = false;

	for (int turn = 0; turn < TURNS_MAX; turn++) {
		uint32_t closed = 0;
		bool dead = false;

		for (uint32_t i = 0; i < SITES && !dead; i++) {
			closed += is_closed(f, i);
			dead = !is_closed(f, i) && !step(f, i);
		}
		if (dead)
			start_again(f);
		died |= dead;
		if (closed == SITES)
			return died;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	fail_msg("the attempt does not come to its end: %s", coordinating_log(&f->d.c));
	return died;
}

static void begin(struct fixture *f)
{
	masked_daemon_begin(&f->d);
	round_plan_copy(&f->plan, &f->d.h[0].round.plan);
	memset(f->said, 0, sizeof f->said);
}

/* ---- the tests */

static void test_every_failing_sync(void **state)
{
	struct fixture *f = setup();
	bool died = true;
	int k;

	(void)state;
	for (k = 0; died; k++) {
		begin(f);
		watch(k);
		died = drive(f);
		watch(NEVER);
		masked_daemon_expect(&f->d, &f->plan, ALL);
	}
	print_message("an attempt of %d hospitals has %d syncs\n", SITES, k - 1);
	assert_true(k > 3 * SITES + 3); /* a row for each message and set at least, and the end's */
	teardown(f);
}

/* The row that speaks of a vector is not written before the vector is synced. */
static void test_a_vector_is_synced_before_its_row(void **state)
{
	struct fixture *f = setup();

	(void)state;
	begin(f);
	for (uint32_t i = 0; i < SITES; i++)
		f->d.all[i] = &f->d.m[i];
	masked_daemon_play(&f->d, SECAGG_KEYS, SECAGG_SHARES);
	for (uint32_t i = 0; i < SITES; i++) {
		assert_int_equal(masker_listen(&f->d.m[i], SECAGG_INPUT, MASKED_DAEMON_WAIT_S), 200);
		watch(NEVER);
		assert_int_equal(masker_send(&f->d.m[i]), 200);
		const char *row = strchr(faults->synced, 'd'), *vector = strchr(faults->synced, 's');
		if (row == NULL || vector == NULL || vector > row)
			fail_msg("synced \"%s\"", faults->synced);
	}
	teardown(f);
}

/* Repeats and listening cost no sync, and a message one. */
static void test_what_costs_a_sync(void **state)
{
	struct fixture *f = setup();
	struct masker *m = &f->d.m[0];

	(void)state;
	begin(f);
	watch(NEVER);
	assert_int_equal(masker_say(m, SECAGG_KEYS), 204);
	assert_string_equal(faults->synced, "d");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(masker_say(m, SECAGG_KEYS), 204);
		assert_int_equal(masker_listen(m, SECAGG_SHARES, 0), 204);
	}
	assert_string_equal(faults->synced, "d");
	teardown(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_failing_sync),
		cmocka_unit_test(test_a_vector_is_synced_before_its_row),
		cmocka_unit_test(test_what_costs_a_sync),
	};

	return cmocka_run_group_tests(tests, make_faults, NULL);
}
