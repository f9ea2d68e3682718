/*
 * base/file under failing system calls. The calls that file.c makes are replaced here, at link time, by ones that
 * log themselves and can be told to fail, to be interrupted, to write short, or to end the process.
 */
#include "base/file.h"
#include "tests/support/child.h"
#include "tests/support/tempdir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define CRASHED 99 /* exit code of a process that ended itself in the middle */
#define NEVER (-1)

static struct {
	bool watching;
	int calls; /* made so far while watching */
	int fail_at, fail_errno; /* this call (from 0) fails */
	int crash_at; /* the process ends before this call */
	bool short_writes, interrupted;
	char log[512]; /* the names of the calls in order; of fsync also what it syncs */
} fault;

static void watch(int fail_at, int fail_errno)
{
	memset(&fault, 0, sizeof fault);
	fault.watching = true;
	fault.fail_at = fail_at;
	fault.fail_errno = fail_errno;
	fault.crash_at = NEVER;
}

static void unwatch(void)
{
	fault.watching = false;
}

/* Whether the call `name` shall fail now, with errno set. */
static bool fails(const char *name)
{
	if (!fault.watching)
		return false;
	if (fault.calls == fault.crash_at)
		_exit(CRASHED);
	size_t len = strlen(fault.log);
	snprintf(fault.log + len, sizeof fault.log - len, "%s ", name);
	if (fault.calls++ != fault.fail_at)
		return false;
	errno = fault.fail_errno;
	return true;
}

int fsync(int fd)
{
	struct stat st;

	if (fails(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? "fsync-folder" : "fsync"))
		return -1;
	return (int)syscall(SYS_fsync, fd);
}

int fchmod(int fd, mode_t mode)
{
	return fails("fchmod") ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int rename(const char *from, const char *to)
{
	return fails("rename") ? -1 : (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	return fails("renameat2") ? -1 : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

ssize_t write(int fd, const void *data, size_t len)
{
	if (fault.watching && fault.interrupted) {
		fault.interrupted = false;
		errno = EINTR;
		return -1;
	}
	if (fails("write"))
		return -1;
	if (fault.watching && fault.short_writes && len > 1)
		len = len / 2;
	return syscall(SYS_write, fd, data, len);
}

static struct bytes old_content(void)
{
	return bytes_text("the old content");
}

static struct bytes new_content(void)
{
	return bytes_text("the new content, which is longer");
}

static void assert_content(struct tempdir *t, const char *name, struct bytes expected)
{
	size_t len;
	const char *text = tempdir_read(t, name, &len);

	assert_true(bytes_equal(bytes_of(text, len), expected));
}

static void assert_one_line(const struct diag *why, const char *path)
{
	assert_int_equal(strncmp(why->text, path, strlen(path)), 0);
	assert_null(strchr(why->text, '\n'));
}

/* The order that makes it durable: mode, content, fsync, name, fsync of the folder. */
static void test_order(void **state)
{
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	const char *path = tempdir_path(&t, "a");
	watch(NEVER, 0);
	assert_int_equal(file_replace(path, new_content(), 0600, NULL), OK);
	assert_string_equal(fault.log, "fchmod write fsync rename fsync-folder ");
	watch(NEVER, 0);
	assert_int_equal(file_create(tempdir_path(&t, "b"), new_content(), 0600, NULL), OK);
	assert_string_equal(fault.log, "fchmod write fsync renameat2 fsync-folder ");
	watch(NEVER, 0);
	assert_int_equal(file_sync(path, NULL), OK);
	assert_int_equal(file_sync(t.path, NULL), OK);
	assert_int_equal(file_sync_folder_of(path, NULL), OK);
	assert_string_equal(fault.log, "fsync fsync-folder fsync-folder ");
	unwatch();
	tempdir_remove(&t);
}

/* Each call fails in turn: an error comes back, the old or the new content is there whole, and nothing else is. */
static void test_replace_failing(void **state)
{
	static const struct {
		int errnum;
		enum err expected[5]; /* fchmod write fsync rename fsync-folder */
	} cases[] = {
		{EIO, {ERR_IO, ERR_IO, ERR_IO, ERR_CREATE, ERR_IO}},
		{ENOSPC, {ERR_FULL, ERR_FULL, ERR_IO, ERR_CREATE, ERR_IO}}, /* after a failed fsync nothing is sure */
		{EDQUOT, {ERR_FULL, ERR_FULL, ERR_IO, ERR_CREATE, ERR_IO}},
	};
	struct tempdir t;
	struct diag why;

	(void)state;
	tempdir_make(&t);
	const char *path = tempdir_path(&t, "a");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (int call = 0; call < 5; call++) {
			tempdir_write_bytes(&t, "a", old_content());
			watch(call, cases[i].errnum);
			why.text[0] = '\0';
			enum err e = file_replace(path, new_content(), 0600, &why);
			unwatch();
			assert_int_equal(e, cases[i].expected[call]);
			assert_one_line(&why, call == 4 ? t.path : path);
			assert_content(&t, "a", call == 4 ? new_content() : old_content());
			assert_int_equal(tempdir_count(&t, NULL), 1);
		}
	}
	tempdir_remove(&t);
}

static void test_writes_cut(void **state)
{
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	watch(NEVER, 0);
	fault.short_writes = true;
	fault.interrupted = true;
	assert_int_equal(file_replace(tempdir_path(&t, "a"), new_content(), 0600, NULL), OK);
	unwatch();
	assert_content(&t, "a", new_content());
	tempdir_remove(&t);
}

struct crash {
	const char *path;
	int at;
};

static void replace_and_crash(void *context)
{
	const struct crash *crash = context;

	watch(NEVER, 0);
	fault.crash_at = crash->at;
	fault.short_writes = true;
	(void)!file_replace(crash->path, new_content(), 0600, NULL);
}

/* The process ends before each call: the file is the old one or the new one, and the sweep leaves it alone in its folder. */
static void test_crash(void **state)
{
	struct tempdir t;
	struct child c;
	bool seen_old = false, seen_new = false, ended = false;

	(void)state;
	tempdir_make(&t);
	for (int at = 0; !ended; at++) {
		struct crash crash = {tempdir_path(&t, "a"), at};
		tempdir_write_bytes(&t, "a", old_content());
		child_run(&c, false, replace_and_crash, &crash);
		ended = c.exit_code == 0;
		assert_true(ended || c.exit_code == CRASHED);
		size_t len;
		const char *text = tempdir_read(&t, "a", &len);
		bool is_old = bytes_equal(bytes_of(text, len), old_content());
		bool is_new = bytes_equal(bytes_of(text, len), new_content());
		assert_true(is_old || is_new);
		assert_false(is_old && seen_new); /* once new, always new */
		seen_old = seen_old || is_old;
		seen_new = seen_new || is_new;
		assert_int_equal(file_sweep(t.path, NULL), OK);
		assert_int_equal(tempdir_count(&t, NULL), 1);
	}
	assert_true(seen_old && seen_new);
	tempdir_remove(&t);
}

/* A file system that does not know RENAME_NOREPLACE: hard links decide, with the same outcome. */
static void test_create_by_link(void **state)
{
	struct tempdir t;
	struct stat st;

	(void)state;
	tempdir_make(&t);
	const char *path = tempdir_path(&t, "a");
	watch(3, EINVAL);
	assert_int_equal(file_create(path, old_content(), 0600, NULL), OK);
	assert_string_equal(fault.log, "fchmod write fsync renameat2 fsync-folder ");
	watch(3, EINVAL);
	assert_int_equal(file_create(path, new_content(), 0600, NULL), ERR_CONFLICT);
	watch(3, EPERM);
	assert_int_equal(file_create(tempdir_path(&t, "b"), new_content(), 0600, NULL), ERR_CREATE);
	unwatch();
	assert_content(&t, "a", old_content());
	assert_int_equal(tempdir_count(&t, NULL), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_nlink, 1);
	tempdir_remove(&t);
}

static void test_sync_failing(void **state)
{
	struct tempdir t;
	struct diag why = {0};

	(void)state;
	tempdir_make(&t);
	watch(0, EIO);
	assert_int_equal(file_sync(t.path, &why), ERR_IO);
	assert_one_line(&why, t.path);
	watch(0, EIO);
	assert_int_equal(file_sync_folder_of("/etc", &why), ERR_IO);
	unwatch();
	assert_int_equal(strncmp(why.text, "/: ", 3), 0);
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),          cmocka_unit_test(test_replace_failing),
		cmocka_unit_test(test_writes_cut),     cmocka_unit_test(test_crash),
		cmocka_unit_test(test_create_by_link), cmocka_unit_test(test_sync_failing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
