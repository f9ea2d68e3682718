/*
 * The masks' record on disk: what is written is there, a write that was torn at any octet leaves the record before it, a process
 * that is killed leaves what it has acknowledged, no secret stays behind, and a disk that fails ends it. Calls to the disk are replaced here,
 * at link time, by ones that count and can be told to fail.
 */
#include "client/masks_file.h"
#include "tests/support/tempdir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
	unsigned syncs, writes;
	bool sync_fails;
	unsigned write_fails_at; /* this pwrite and those after it, from 1; 0: none */
} disk;

int fdatasync(int fd)
{
	disk.syncs++;
	if (disk.sync_fails) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	disk.writes++;
	if (disk.write_fails_at > 0 && disk.writes >= disk.write_fails_at) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, data, len, at);
}

/* ---- one folder, one study */

#define FILE_NAME "masks/0700000000000000000000000000000000000000000000000000000000000000"

static const struct hash study_hash = {{7}};

static struct fixture {
	struct tempdir dir;
	struct masks_file *m;
	struct diag why;
} f;

static int make(void **state)
{
	(void)state;
	memset(&f, 0, sizeof f);
	memset(&disk, 0, sizeof disk);
	tempdir_make(&f.dir);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	masks_file_close(f.m);
	tempdir_remove(&f.dir);
	return 0;
}

static enum err open_it(void)
{
	masks_file_close(f.m);
	return masks_file_open(&f.m, tempdir_path(&f.dir, NULL), &study_hash, &f.why);
}

static void reopen(void)
{
	if (open_it() != OK)
		fail_msg("%s", f.why.text);
}

static void put(const char *text, bool secrets)
{
	if (masks_file_write(f.m, bytes_text(text), secrets, &f.why) != OK)
		fail_msg("%s", f.why.text);
}

static void assert_record(const char *text)
{
	struct bytes r = masks_file_record(f.m);

	assert_int_equal(r.len, strlen(text));
	assert_memory_equal(r.ptr, text, r.len);
}

/* Whether the file's octets have `text` anywhere. */
static bool holds(const char *text)
{
	size_t len;
	const char *all = tempdir_read(&f.dir, FILE_NAME, &len);

	return memmem(all, len, text, strlen(text)) != NULL;
}

/* ---- */

static void test_records_replace_each_other(void **state)
{
	struct stat st;

	(void)state;
	reopen();
	assert_int_equal(masks_file_record(f.m).len, 0);
	reopen();
	assert_int_equal(masks_file_record(f.m).len, 0);
	put("one", true);
	assert_record("one");
	put("the second", true);
	assert_record("the second");
	reopen();
	assert_record("the second");
	for (int i = 0; i < 5; i++) {
		char text[32];

		snprintf(text, sizeof text, "number %d", i);
		put(text, true);
		assert_record(text);
		reopen();
		assert_record(text);
	}
	assert_int_equal(stat(tempdir_path(&f.dir, FILE_NAME), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 2 * MASKS_SLOT);
	assert_int_equal(stat(tempdir_path(&f.dir, "masks"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void test_one_sync_each(void **state)
{
	(void)state;
	reopen();
	for (unsigned i = 1; i <= 6; i++) {
		put("a record", i != 4);
		assert_int_equal(disk.syncs, i);
	}
}

static void test_the_longest_record(void **state)
{
	static char text[MASKS_RECORD_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof text);
	reopen();
	put("before", false);
	assert_int_equal(masks_file_write(f.m, bytes_of(text, sizeof text), true, &f.why), ERR_LIMIT);
	assert_record("before");
	assert_int_equal(masks_file_write(f.m, bytes_of(text, sizeof text - 1), true, &f.why), OK);
	reopen();
	assert_int_equal(masks_file_record(f.m).len, MASKS_RECORD_MAX);
	assert_memory_equal(masks_file_record(f.m).ptr, text, MASKS_RECORD_MAX);
	put("after", false);
	assert_false(holds("xxxx"));
}

/* ---- torn writes */

#define OLD "the record before: an attempt in phase shares"
#define NEW "the new record, which is a little longer than the one before it: phase input"

/* The file as it is, owned by the caller. */
static uint8_t *image(void)
{
	size_t len;
	const char *all = tempdir_read(&f.dir, FILE_NAME, &len);
	uint8_t *copy = malloc(len);

	assert_int_equal(len, 2 * MASKS_SLOT);
	memcpy(copy, all, len);
	return copy;
}

/* The first `cut` octets of slot `which` (or, `ends`, all but those) are new, the others old. */
static void tear(const uint8_t *before, const uint8_t *after, size_t cut, bool ends)
{
	int fd = open(tempdir_path(&f.dir, FILE_NAME), O_WRONLY);
	size_t span = MASKS_SLOT_HEAD + sizeof NEW;

	assert_true(fd >= 0);
	for (size_t slot = 0; slot < 2; slot++) {
		size_t at = slot * MASKS_SLOT;

		assert_int_equal(syscall(SYS_pwrite64, fd, (ends ? before : after) + at, cut, at), cut);
		assert_int_equal(syscall(SYS_pwrite64, fd, (ends ? after : before) + at + cut, span - cut, at + cut),
		                 span - cut);
	}
	close(fd);
}

static void expect_whole(const char *either, const char * or)
{
	struct bytes r;

	reopen();
	r = masks_file_record(f.m);
	if (!bytes_equal(r, bytes_text(either)) && !bytes_equal(r, bytes_text(or)))
		fail_msg("a record of %zu octets is neither", r.len);
}

/* `earlier` records, then OLD, then NEW torn at every octet, from both ends. */
static void tear_everywhere(int earlier)
{
	uint8_t *before, *after;
	size_t span = MASKS_SLOT_HEAD + strlen(NEW);
	unsigned old = 0;

	reopen();
	for (int i = 0; i < earlier; i++)
		put("earlier", true);
	put(OLD, true);
	before = image();
	put(NEW, true);
	after = image();
	for (int ends = 0; ends < 2; ends++)
		for (size_t cut = 0; cut <= span; cut++) {
			tear(before, after, cut, ends);
			expect_whole(OLD, NEW);
			old += bytes_equal(masks_file_record(f.m), bytes_text(OLD));
			if (cut % 8 != 0)
				continue;
			put("written over what was torn", true); /* goes into the torn slot */
			reopen();
			assert_record("written over what was torn");
		}
	assert_true(old >=
	            2 * span - 40); /* all but those where the rest happens to be the same, as zeros of the head */
	free(before);
	free(after);
}

static void test_torn_writes(void **state)
{
	(void)state;
	tear_everywhere(2);
	unmake(state);
	make(state);
	tear_everywhere(1);
	unmake(state);
	make(state);
	tear_everywhere(0);
}

static void test_a_torn_first_write(void **state)
{
	uint8_t *before, *after;

	(void)state;
	reopen();
	before = image();
	put(NEW, true);
	after = image();
	for (size_t cut = 0; cut < MASKS_SLOT_HEAD + strlen(NEW); cut++) {
		tear(before, after, cut, false);
		reopen();
		assert_int_equal(masks_file_record(f.m).len, 0);
	}
	put(OLD, true);
	reopen();
	assert_record(OLD);
	free(before);
	free(after);
}

/* A file that was made and not made long. */
static void test_a_short_file(void **state)
{
	(void)state;
	for (int len = 0; len < 200; len += 50) {
		char text[200];

		memset(text, 0, sizeof text);
		tempdir_folder(&f.dir, "masks");
		tempdir_write_bytes(&f.dir, FILE_NAME, bytes_of(text, (size_t)len));
		reopen();
		put(OLD, true);
		reopen();
		assert_record(OLD);
		unmake(state);
		make(state);
	}
}

static void flip(size_t at, int bit)
{
	int fd = open(tempdir_path(&f.dir, FILE_NAME), O_RDWR);
	uint8_t octet;

	assert_int_equal(pread(fd, &octet, 1, (off_t)at), 1);
	octet ^= (uint8_t)(1 << bit);
	assert_int_equal(syscall(SYS_pwrite64, fd, &octet, 1, at), 1);
	close(fd);
}

static void test_every_octet_counts(void **state)
{
	(void)state;
	reopen();
	put(OLD, true); /* slot 0 */
	put(NEW, true); /* slot 1 */
	for (size_t at = 0; at < MASKS_SLOT_HEAD + strlen(NEW); at++) {
		int bit = (int)(at * 5 % 8);

		flip(MASKS_SLOT + at, bit);
		reopen();
		assert_record(OLD);
		flip(MASKS_SLOT + at, bit);
	}
	reopen();
	assert_record(NEW);
}

static void test_both_damaged(void **state)
{
	(void)state;
	reopen();
	put(OLD, true);
	put(NEW, true);
	flip(100, 3);
	flip(MASKS_SLOT + 100, 3);
	assert_int_equal(open_it(), ERR_DATA);
	assert_non_null(strstr(f.why.text, "both records are damaged"));
}

static void test_another_studys_file(void **state)
{
	static const struct hash other = {{8}};

	(void)state;
	reopen();
	put(OLD, true);
	put(NEW, true);
	masks_file_close(f.m);
	f.m = NULL;
	assert_int_equal(
		rename(tempdir_path(&f.dir, FILE_NAME),
	               tempdir_path(&f.dir, "masks/08000000000000000000000000000000000000000000000000000000000000"
	                                    "00")),
		0);
	assert_int_equal(masks_file_open(&f.m, tempdir_path(&f.dir, NULL), &other, &f.why), ERR_DATA);
}

/* ---- secrets */

#define SECRET "a secret of forty octets, as keys are...."

static void test_secrets_go(void **state)
{
	(void)state;
	reopen();
	put("x" SECRET SECRET, true);
	put("y" SECRET, true);
	assert_true(holds(SECRET));
	put("over", false);
	assert_false(holds("are...."));
	assert_record("over");
	reopen();
	assert_record("over");
	assert_int_equal(disk.syncs, 3);
	put("and the next", false);
	reopen();
	assert_record("and the next");
}

/* The copy was lost in a crash: whoever opens the file next makes it. */
static void test_secrets_go_at_the_next_start(void **state)
{
	(void)state;
	reopen();
	put("x" SECRET SECRET, true);
	put("y" SECRET, true);
	disk.writes = 0;
	disk.write_fails_at = 3; /* head and record, no zeros since it is the longer one; then the copy */
	put("over, and as long as the one with the secrets, so that no zeros need to follow it; and some more octets",
	    false);
	assert_true(holds(SECRET));
	disk.write_fails_at = 0;
	reopen();
	assert_false(holds("are...."));
	put("next", false);
	reopen();
	assert_record("next");
}

/* The slot in which two images differ. */
static size_t changed(const uint8_t *before, const uint8_t *after)
{
	return memcmp(before, after, MASKS_SLOT) != 0 ? 0 : MASKS_SLOT;
}

/* After the copy the next write must not touch the slot that was synced: torn, and the copy never having come to the disk, the closed
 * record is there. */
static void leave_the_synced_slot_alone(int earlier)
{
	uint8_t *lost, *before, *after;
	size_t synced = (size_t)(earlier % 2) * MASKS_SLOT, copy = MASKS_SLOT - synced, at;
	int fd;

	reopen();
	for (int i = 0; i < earlier; i++)
		put(OLD, true);
	put("x" SECRET, true);
	put("y" SECRET, true);
	lost = image();
	put("over", false);
	before = image();
	put(NEW, true);
	after = image();
	at = changed(before, after);
	memcpy(before + copy, lost + copy, MASKS_SLOT);
	memcpy(before + at, after + at, 60);
	fd = open(tempdir_path(&f.dir, FILE_NAME), O_WRONLY);
	assert_int_equal(syscall(SYS_pwrite64, fd, before, 2 * MASKS_SLOT, 0), 2 * MASKS_SLOT);
	close(fd);
	reopen();
	assert_record("over");
	free(lost);
	free(before);
	free(after);
}

static void test_the_synced_slot_is_left_alone(void **state)
{
	leave_the_synced_slot_alone(0);
	unmake(state);
	make(state);
	leave_the_synced_slot_alone(1);
}

/* ---- a process that is killed, and a disk that fails */

static void write_until_killed(int to)
{
	for (uint32_t i = 1;; i++) {
		char text[300];
		uint32_t done = i;

		memset(text, 'a' + (int)(i % 26), sizeof text);
		memcpy(text, &i, sizeof i);
		if (masks_file_write(f.m, bytes_of(text, 40 + i % 260), i % 7 != 0, NULL) != OK ||
		    write(to, &done, sizeof done) != sizeof done)
			_exit(1);
	}
}

static void test_killed_anywhere(void **state)
{
	(void)state;
	for (int run = 0; run < 40; run++) {
		struct timespec a_little = {0, 300000L * (run % 20 + 1)};
		uint32_t done = 0, seen = 0, number;
		int pipes[2];
		pid_t child;

		assert_int_equal(pipe(pipes), 0);
		reopen();
		child = fork();
		if (child == 0)
			write_until_killed(pipes[1]);
		close(pipes[1]);
		nanosleep(&a_little, NULL);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		while (read(pipes[0], &number, sizeof number) == sizeof number)
			done = number;
		close(pipes[0]);
		reopen();
		if (masks_file_record(f.m).len >= sizeof seen)
			memcpy(&seen, masks_file_record(f.m).ptr, sizeof seen);
		assert_in_range(seen, done, done + 1);
		unmake(state);
		make(state);
	}
}

static void test_a_failed_sync_is_the_last(void **state)
{
	(void)state;
	reopen();
	put(OLD, true);
	assert_false(masks_file_failed(f.m));
	disk.sync_fails = true;
	assert_int_equal(masks_file_write(f.m, bytes_text(NEW), true, &f.why), ERR_IO);
	assert_non_null(strstr(f.why.text, "fdatasync failed"));
	assert_true(masks_file_failed(f.m));
	disk.sync_fails = false;
	assert_int_equal(masks_file_write(f.m, bytes_text(NEW), true, &f.why), ERR_IO);
	assert_int_equal(disk.syncs, 2);
	expect_whole(OLD, NEW);
}

static void test_a_full_disk_leaves_the_last(void **state)
{
	(void)state;
	for (unsigned at = 1; at <= 2; at++) {
		reopen();
		put("earlier", true);
		put(OLD, true);
		disk.write_fails_at = disk.writes + at;
		assert_int_equal(masks_file_write(f.m, bytes_text(NEW), true, &f.why), ERR_FULL);
		assert_record(OLD);
		assert_false(masks_file_failed(f.m));
		disk.write_fails_at = 0;
		reopen();
		assert_record(OLD);
		put(NEW, true);
		reopen();
		assert_record(NEW);
	}
}

static void test_a_link_is_not_followed(void **state)
{
	(void)state;
	tempdir_folder(&f.dir, "masks");
	tempdir_write(&f.dir, "elsewhere", "");
	assert_int_equal(symlink("../elsewhere", tempdir_path(&f.dir, FILE_NAME)), 0);
	assert_int_equal(open_it(), ERR_CREATE);
	assert_null(f.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_records_replace_each_other, make, unmake),
		cmocka_unit_test_setup_teardown(test_one_sync_each, make, unmake),
		cmocka_unit_test_setup_teardown(test_the_longest_record, make, unmake),
		cmocka_unit_test_setup_teardown(test_torn_writes, make, unmake),
		cmocka_unit_test_setup_teardown(test_a_torn_first_write, make, unmake),
		cmocka_unit_test_setup_teardown(test_a_short_file, make, unmake),
		cmocka_unit_test_setup_teardown(test_every_octet_counts, make, unmake),
		cmocka_unit_test_setup_teardown(test_both_damaged, make, unmake),
		cmocka_unit_test_setup_teardown(test_another_studys_file, make, unmake),
		cmocka_unit_test_setup_teardown(test_secrets_go, make, unmake),
		cmocka_unit_test_setup_teardown(test_secrets_go_at_the_next_start, make, unmake),
		cmocka_unit_test_setup_teardown(test_the_synced_slot_is_left_alone, make, unmake),
		cmocka_unit_test_setup_teardown(test_killed_anywhere, make, unmake),
		cmocka_unit_test_setup_teardown(test_a_failed_sync_is_the_last, make, unmake),
		cmocka_unit_test_setup_teardown(test_a_full_disk_leaves_the_last, make, unmake),
		cmocka_unit_test_setup_teardown(test_a_link_is_not_followed, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
