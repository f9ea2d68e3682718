/*
 * The daemon when its disk fails, how often it syncs, and how it comes and goes. It runs in a forked child of this program, where
 * fsync, fdatasync, pwrite and pwritev are ours: they count, and fail when told to. What is shared with the child lies in one page.
 */
#include "tests/support/hospital.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SITES 3
#define MOMENTS                                                                                                        \
	"training: {strategy: fedyogi, rounds: 3, local: {batch: 8}}" /* its moments are in the commit of the round's  \
	                                                                 end */
#define QUICK "rounds: {join: 5, deadline: 60, pause: 0.05}\n"
#define NEVER INT32_MAX
#define EXIT_IO 74

/* ---- libc's calls, counted and made to fail */

static struct faults {
	atomic_int syncs; /* fsync and fdatasync since the count was set */
	atomic_int fail_sync_at; /* this one (from 0) fails; NEVER */
	atomic_bool staging_full; /* writes into staging find no space */
	atomic_int reads; /* of staging since the count was set */
	atomic_int fail_read_at; /* this one (from 0) fails; NEVER */
} * faults;

static int sync_one(long call, int fd)
{
	if (faults != NULL && atomic_fetch_add(&faults->syncs, 1) == atomic_load(&faults->fail_sync_at)) {
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

static bool is_staged(int fd)
{
	char link[64], path[PATH_SIZE];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
	return strstr(path, "/staging/") != NULL;
}

ssize_t pwritev(int fd, const struct iovec *v, int count, off_t at)
{
	if (faults != NULL && atomic_load(&faults->staging_full) && is_staged(fd)) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_pwritev, fd, v, count, (long)at, 0L);
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
	if (faults != NULL && is_staged(fd) &&
	    atomic_fetch_add(&faults->reads, 1) == atomic_load(&faults->fail_read_at)) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, to, n, (long)at);
}

static void heal(void)
{
	atomic_store(&faults->reads, 0);
	atomic_store(&faults->fail_read_at, NEVER);
	atomic_store(&faults->syncs, 0);
	atomic_store(&faults->fail_sync_at, NEVER);
	atomic_store(&faults->staging_full, false);
}

/* ---- a coordinator with a study that has a round open */

struct fixture {
	struct coordinating c;
	struct hospital h[SITES];
	struct program p;
};

static struct fixture *setup_with(const char *training)
{
	struct fixture *f = mem_alloc(sizeof *f);

	heal();
	coordinating_make(&f->c, SITES, training, QUICK);
	f->c.in_process = true;
	coordinating_start(&f->c);
	coordinating_must(&f->c, "study add '%s'", tempdir_path(&f->c.dir, "study.yaml"));
	for (uint32_t i = 0; i < SITES; i++) {
		hospital_open(&f->h[i], &f->c, i);
		assert_int_equal(hospital_poll(&f->h[i], 0), 200);
	}
	coordinating_must(&f->c, "study start small");
	for (uint32_t i = 0; i < SITES; i++) {
		assert_int_equal(hospital_poll(&f->h[i], 10), 200);
		assert_true(f->h[i].has_round);
		hospital_compute(&f->h[i]);
	}
	return f;
}

static struct fixture *setup(void)
{
	return setup_with(MOMENTS);
}

static void teardown(struct fixture *f)
{
	for (uint32_t i = 0; i < SITES; i++)
		hospital_close(&f->h[i]);
	coordinating_remove(&f->c);
	free(f);
}

static void restart(struct fixture *f)
{
	heal();
	coordinating_start(&f->c);
	for (uint32_t i = 0; i < SITES; i++)
		hospital_reconnect(&f->h[i], &f->c, i);
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* ---- syncs */

/* Model file, its folder, the commit. The last upload's own two (staged octets, row) come before. */
static void test_closing_a_round_takes_three_syncs(void **state)
{
	struct fixture *f = setup();

	(void)state;
	for (int round = 1; round <= 3; round++) {
		assert_int_equal(hospital_upload(&f->h[0]), 200);
		assert_int_equal(hospital_upload(&f->h[1]), 200);
		sleep_ms(50);
		atomic_store(&faults->syncs, 0);
		caller_mark(&f->h[2].caller, 2, (uint64_t)round, 7); /* costs none */
		assert_int_equal(hospital_upload(&f->h[2]), 200);
		for (uint32_t i = 0; i < SITES; i++) {
			f->h[i].has_round = false;
			assert_int_equal(hospital_poll(&f->h[i], 10), 200);
			assert_int_equal(f->h[i].closed.plan.round, round);
			assert_true(f->h[i].has_round);
			hospital_compute(&f->h[i]);
		}
		sleep_ms(20);
		assert_int_equal(atomic_load(&faults->syncs), 2 + 3);
	}
	teardown(f);
}

/* Many uploads that come together share their syncs. A ledger's mark has none of its own. */
static void test_polls_and_repeats_cost_no_sync(void **state)
{
	struct fixture *f = setup();

	(void)state;
	assert_int_equal(hospital_upload(&f->h[0]), 200);
	sleep_ms(50);
	atomic_store(&faults->syncs, 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(hospital_poll(&f->h[1], 0), 200);
		caller_mark(&f->h[0].caller, 0, (uint64_t)i + 1, 7);
		assert_int_equal(hospital_upload(&f->h[0]), 200);
		assert_int_equal(caller_ask(&f->h[2].caller, "GET", "/v1/studies"), 200);
	}
	assert_int_equal(atomic_load(&faults->syncs), 0);
	teardown(f);
}

/* ---- failures */

/* Every sync of an upload and of a round's end fails once: the process ends with 74 each time, and started again it goes on with
 * the same round; what was acknowledged is in the sum, and counted once. */
static void test_a_failed_sync_is_fatal_and_recovered_from(void **state)
{
	int reached = 0;

	(void)state;
	for (int at = 0; at < 12; at++) {
		struct fixture *f = setup();

		assert_int_equal(hospital_upload(&f->h[0]), 200);
		assert_int_equal(hospital_upload(&f->h[1]), 200);
		sleep_ms(20);
		heal();
		atomic_store(&faults->fail_sync_at, at);
		bool accepted = hospital_upload(&f->h[2]) == 200 && hospital_accepted(&f->h[2]);
		for (int i = 0; i < 400 && atomic_load(&faults->syncs) <= at && i * 5 < 300; i++)
			sleep_ms(5);
		if (atomic_load(&faults->syncs) <= at) { /* all syncs of the round's end have passed */
			teardown(f);
			break;
		}
		reached++;
		assert_int_equal(coordinating_end(&f->c, 0), EXIT_IO);
		assert_true(coordinating_logged(&f->c, "recover from the disk", 0));
		restart(f);
		assert_int_equal(hospital_upload(&f->h[2]), 200);
		assert_true(hospital_accepted(&f->h[2]));
		f->h[0].has_round = false;
		assert_int_equal(hospital_poll(&f->h[0], 10), 200);
		assert_int_equal(f->h[0].closed.plan.round, 1);
		assert_int_equal(f->h[0].closed.participant_count, SITES);
		/* not acknowledged before its own two syncs */
		assert_true(accepted == (at >= 2));
		teardown(f);
	}
	assert_true(reached >= 5);
}

/* An answer is told only after the commit that it follows from: where that fails, nobody hears of it, and the disk does not know. */
static void test_nothing_is_told_before_it_is_on_disk(void **state)
{
	struct fixture *f = setup();
	struct hospital *h = &f->h[2];
	char body[256];

	(void)state;
	snprintf(body, sizeof body,
	         "{\"type\":\"answer\",\"study\":\"small\",\"study_hash\":\"%s\",\"answer\":\"rejected\"}", h->hash);
	heal();
	atomic_store(&faults->fail_sync_at, 0);
	assert_int_equal(caller_send(&h->caller, "POST", bytes_text(body), "/v1/studies/small/answer"), 0);
	assert_int_equal(coordinating_end(&f->c, 0), EXIT_IO);
	restart(f);
	assert_int_equal(caller_send(&h->caller, "POST", bytes_text(body), "/v1/studies/small/answer"), 204);
	teardown(f);
}

static void test_a_full_disk_harms_no_round(void **state)
{
	struct fixture *f = setup();

	(void)state;
	assert_int_equal(hospital_upload(&f->h[0]), 200);
	atomic_store(&faults->staging_full, true);
	assert_int_equal(hospital_upload(&f->h[1]), 507);
	assert_true(f->h[1].caller.response.retry_after_ms > 0);
	assert_int_equal(hospital_part(&f->h[2], 0, 12), 507);
	assert_int_equal(hospital_poll(&f->h[2], 0), 200); /* all else works */
	assert_int_equal(hospital_upload(&f->h[0]), 200);
	assert_true(hospital_accepted(&f->h[0]));
	atomic_store(&faults->staging_full, false);
	assert_int_equal(hospital_part(&f->h[2], 0, 12), 200);
	assert_int_equal(hospital_offset(&f->h[2]), 12);
	assert_int_equal(hospital_upload(&f->h[1]), 200);
	assert_int_equal(hospital_part(&f->h[2], 12, f->h[2].contribution.len - 12), 200);
	assert_true(hospital_accepted(&f->h[2]));
	for (uint32_t i = 0; i < SITES; i++)
		f->h[i].has_round = false;
	hospital_play(f->h, SITES);
	teardown(f);
}

/* A model file that somebody damaged is found before it is trained on. */
static void test_a_damaged_model_is_found(void **state)
{
	struct fixture *f = setup();
	char name[128], hex[HASH_HEX_SIZE];

	(void)state;
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(hospital_upload(&f->h[i]), 200);
	for (uint32_t i = 0; i < SITES; i++) {
		f->h[i].has_round = false;
		assert_int_equal(hospital_poll(&f->h[i], 10), 200);
		hospital_compute(&f->h[i]);
	}
	hash_hex(hex, &f->h[0].round.plan.model);
	snprintf(name, sizeof name, "state/models/%s.safetensors", hex);
	tempdir_write(&f->c.dir, name, "damaged");
	for (uint32_t i = 0; i < SITES; i++)
		hospital_upload(&f->h[i]);
	assert_int_equal(coordinating_end(&f->c, 0), EXIT_IO);
	assert_true(coordinating_logged(&f->c, "damaged: its SHA-256 is not its name", 0));
	teardown(f);
}

/* A strategy that looks at single updates reads them again when the round ends: 3 reads to add, then 3 of weights, 3 of updates.
 * None may be missing unnoticed, and after a restart the disk is well and the round goes on. */
static void test_contributions_that_cannot_be_read_back(void **state)
{
	(void)state;
	for (int at = 0; at < 3 * SITES; at++) {
		struct fixture *f = setup_with("training: {strategy: median, rounds: 2, local: {batch: 8}}");

		for (uint32_t i = 0; i < SITES; i++)
			assert_int_equal(hospital_upload(&f->h[i]), 200);
		for (uint32_t i = 0; i < SITES; i++) {
			f->h[i].has_round = false;
			assert_int_equal(hospital_poll(&f->h[i], 10), 200);
			hospital_compute(&f->h[i]);
		}
		heal();
		atomic_store(&faults->fail_read_at, at);
		for (uint32_t i = 0; i < SITES; i++)
			hospital_upload(&f->h[i]);
		assert_int_equal(coordinating_end(&f->c, 0), EXIT_IO);
		assert_true(coordinating_logged(&f->c, "a contribution cannot be read back", 0));
		restart(f);
		for (uint32_t i = 0; i < SITES; i++)
			f->h[i].has_round = false;
		hospital_play(f->h, SITES);
		teardown(f);
	}
}

/* ---- coming and going */

static void test_systemd_is_told(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char text[4096] = "", one[1024];
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	(void)state;
	heal();
	coordinating_make(&f->c, SITES, NULL, QUICK);
	f->c.in_process = true;
	snprintf(at.sun_path, sizeof at.sun_path, "%s", tempdir_path(&f->c.dir, "notify"));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	setenv("WATCHDOG_USEC", "100000", 1);
	coordinating_start(&f->c);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	sleep_ms(200);
	kill(f->c.pid, SIGHUP);
	assert_true(coordinating_logged(&f->c, "read again", 5000));
	assert_int_equal(coordinating_end(&f->c, SIGTERM), 0);
	for (ssize_t n; (n = recv(fd, one, sizeof one - 1, MSG_DONTWAIT)) > 0;) {
		one[n] = '\0';
		strncat(text, one, sizeof text - strlen(text) - 2);
		strcat(text, "|");
	}
	assert_non_null(strstr(text, "READY=1"));
	assert_non_null(strstr(text, "WATCHDOG=1"));
	assert_non_null(strstr(text, "RELOADING=1"));
	assert_non_null(strstr(text, "STOPPING=1"));
	assert_true(strstr(text, "READY=1") < strstr(text, "RELOADING=1"));
	assert_true(strstr(text, "RELOADING=1") < strstr(text, "STOPPING=1"));
	close(fd);
	teardown(f);
}

/* What is broken when it is read again is named, and what was in force stays. */
static void test_a_broken_reload_changes_nothing(void **state)
{
	struct fixture *f = setup();

	(void)state;
	tempdir_write(&f->c.dir, "crl.pem", "not a list\n");
	tempdir_write(&f->c.dir, "roster.signed", "not a roster\n");
	assert_true(coordinating_logged(&f->c, "the credentials in force stay", 5000));
	assert_true(coordinating_logged(&f->c, "the roster in force (version 1) stays", 5000));
	assert_int_equal(hospital_upload(&f->h[0]), 200);
	assert_int_equal(hospital_poll(&f->h[1], 0), 200);
	teardown(f);
}

static void test_it_ends_in_good_order(void **state)
{
	struct fixture *f = setup();

	(void)state;
	assert_int_equal(hospital_upload(&f->h[0]), 200);
	assert_int_equal(coordinating_end(&f->c, SIGTERM), 0);
	assert_false(tempdir_exists(&f->c.dir, "state/admin.sock"));
	/* the log's head is in the database, nothing is left in the write-ahead log */
	assert_false(tempdir_exists(&f->c.dir, "state/coordinator.db-wal"));
	restart(f);
	assert_int_equal(hospital_upload(&f->h[0]), 200);
	assert_true(hospital_accepted(&f->h[0]));
	teardown(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closing_a_round_takes_three_syncs),
		cmocka_unit_test(test_polls_and_repeats_cost_no_sync),
		cmocka_unit_test(test_a_failed_sync_is_fatal_and_recovered_from),
		cmocka_unit_test(test_nothing_is_told_before_it_is_on_disk),
		cmocka_unit_test(test_a_full_disk_harms_no_round),
		cmocka_unit_test(test_contributions_that_cannot_be_read_back),
		cmocka_unit_test(test_a_damaged_model_is_found),
		cmocka_unit_test(test_systemd_is_told),
		cmocka_unit_test(test_a_broken_reload_changes_nothing),
		cmocka_unit_test(test_it_ends_in_good_order),
	};

	faults = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (faults == MAP_FAILED)
		return 1;
	heal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
