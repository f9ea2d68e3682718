/* base/file: reading, replacing, creating and sweeping, when the system calls work. */
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

/* ---- reading */

static void test_read(void **state)
{
	static const size_t lens[] = {0, 1, 100, 65535, 65536, 65537, 300000};
	uint8_t *data = mem_alloc(300000);
	struct tempdir t;
	struct diag why = {0};
	struct buf b;

	(void)state;
	tempdir_make(&t);
	for (size_t i = 0; i < 300000; i++)
		data[i] = (uint8_t)(i * 31 >> 3);
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		const char *path = tempdir_path(&t, "a");
		tempdir_write_bytes(&t, "a", bytes_of(data, lens[i]));
		for (size_t slack = 0; slack < 2; slack++) {
			assert_int_equal(file_read(&b, path, lens[i] + slack, &why), OK);
			assert_true(bytes_equal(buf_bytes(&b), bytes_of(data, lens[i])));
			buf_free(&b);
		}
		if (lens[i] > 0) {
			assert_int_equal(file_read(&b, path, lens[i] - 1, &why), ERR_LIMIT);
			assert_one_line(&why, path);
			buf_free(&b);
		}
	}
	assert_string_equal(strrchr(why.text, '/'), "/a: has 300000 bytes, at most 299999 are allowed here");
	free(data);
	tempdir_remove(&t);
}

/* A file of /proc says that its size is 0; what cannot be read as a file is refused, and a FIFO without writer is no trap. */
static void test_read_strange(void **state)
{
	struct tempdir t;
	struct diag why = {0};
	struct buf b;

	(void)state;
	tempdir_make(&t);
	assert_int_equal(file_read(&b, "/proc/self/status", 1 << 20, &why), OK);
	size_t size = b.len;
	assert_true(size > 100);
	buf_free(&b);
	assert_int_equal(file_read(&b, "/proc/self/status", 100, &why), ERR_LIMIT);
	buf_free(&b);
	assert_int_equal(mkfifo(tempdir_path(&t, "fifo"), 0600), 0);
	static const char *const names[] = {"fifo", "missing", "missing/deep", ""};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *path = tempdir_path(&t, names[i]);
		assert_int_equal(file_read(&b, path, 100, &why), ERR_NO_INPUT);
		assert_one_line(&why, path);
		buf_free(&b);
	}
	assert_int_equal(file_read(&b, t.path, 100, NULL), ERR_NO_INPUT);
	buf_free(&b);
	tempdir_remove(&t);
}

/* ---- replacing */

static void test_replace(void **state)
{
	static const unsigned modes[] = {0600, 0640, 0644, 0400};
	struct tempdir t;
	struct diag why = {0};
	struct stat st;

	(void)state;
	tempdir_make(&t);
	mode_t before = umask(077);
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		const char *path = tempdir_path(&t, "a");
		tempdir_write_bytes(&t, "a", old_content());
		assert_int_equal(file_replace(path, new_content(), modes[i], &why), OK);
		assert_content(&t, "a", new_content());
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, modes[i]); /* whatever the umask says */
		assert_int_equal(file_replace(path, bytes_of(NULL, 0), 0600, &why), OK);
		assert_content(&t, "a", bytes_of(NULL, 0));
	}
	umask(before);
	assert_int_equal(file_replace(tempdir_path(&t, "fresh"), new_content(), 0600, NULL), OK);
	assert_content(&t, "fresh", new_content());
	assert_int_equal(tempdir_count(&t, NULL), 2);
	tempdir_remove(&t);
}

/* A path without a folder speaks of the current one. */
static void replace_here(void *context)
{
	if (chdir(context) != 0 || file_replace("here", new_content(), 0600, NULL) != OK)
		_exit(1);
}

static void test_replace_relative(void **state)
{
	struct tempdir t;
	struct child c;

	(void)state;
	tempdir_make(&t);
	child_run(&c, false, replace_here, t.path);
	assert_int_equal(c.exit_code, 0);
	assert_content(&t, "here", new_content());
	tempdir_remove(&t);
}

static void test_replace_refused(void **state)
{
	struct tempdir t;
	struct diag why = {0};
	char longest[PATH_SIZE];

	(void)state;
	tempdir_make(&t);
	assert_int_equal(file_replace(tempdir_path(&t, "none/a"), new_content(), 0600, &why), ERR_CREATE);
	assert_one_line(&why, tempdir_path(&t, "none/a"));
	tempdir_folder(&t, "folder");
	assert_int_equal(file_replace(tempdir_path(&t, "folder"), new_content(), 0600, &why), ERR_CREATE);
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(file_replace(longest, new_content(), 0600, &why), ERR_CREATE);
	assert_int_equal(tempdir_count(&t, NULL), 1);
	tempdir_remove(&t);
}

/* ---- creating */

static void test_create(void **state)
{
	struct tempdir t;
	struct diag why = {0};

	(void)state;
	tempdir_make(&t);
	const char *path = tempdir_path(&t, "a");
	assert_int_equal(file_create(path, old_content(), 0600, &why), OK);
	assert_int_equal(file_create(path, new_content(), 0600, &why), ERR_CONFLICT);
	assert_one_line(&why, path);
	assert_content(&t, "a", old_content());
	/* a link that leads nowhere is a name that is taken, too */
	assert_int_equal(symlink("nowhere", tempdir_path(&t, "link")), 0);
	assert_int_equal(file_create(tempdir_path(&t, "link"), new_content(), 0600, &why), ERR_CONFLICT);
	assert_int_equal(tempdir_count(&t, NULL), 2);
	tempdir_remove(&t);
}

/* ---- syncing and sweeping */

static void test_sync(void **state)
{
	struct tempdir t;
	struct diag why = {0};

	(void)state;
	tempdir_make(&t);
	tempdir_write(&t, "a", "x");
	assert_int_equal(file_sync(tempdir_path(&t, "a"), &why), OK);
	assert_int_equal(file_sync(t.path, &why), OK);
	assert_int_equal(file_sync_folder_of(tempdir_path(&t, "a"), &why), OK);
	assert_int_equal(file_sync_folder_of("Makefile", &why), OK);
	assert_int_equal(file_sync(tempdir_path(&t, "none"), &why), ERR_NO_INPUT);
	assert_one_line(&why, tempdir_path(&t, "none"));
	tempdir_remove(&t);
}

static void test_sweep(void **state)
{
	static const char *const kept[] = {"model", "model.new", "model.new-abc", "model.new-abcdefg",
	                                   ".new",  "new-abcdef"};
	struct tempdir t;
	struct diag why = {0};

	(void)state;
	tempdir_make(&t);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		tempdir_write(&t, kept[i], "x");
	tempdir_write(&t, "model.new-aB3xYz", "x");
	tempdir_write(&t, "other.csv.new-123456", "x");
	assert_int_equal(file_sweep(t.path, &why), OK);
	assert_int_equal(tempdir_count(&t, NULL), sizeof kept / sizeof *kept);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		assert_true(tempdir_exists(&t, kept[i]));
	assert_int_equal(file_sweep(tempdir_path(&t, "none"), &why), ERR_NO_INPUT);
	tempdir_folder(&t, "x.new-folder"); /* nobody's leftover: refused, not removed */
	assert_int_equal(file_sweep(t.path, &why), ERR_IO);
	assert_true(tempdir_exists(&t, "x.new-folder"));
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_strange),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_replace_relative),
		cmocka_unit_test(test_replace_refused),
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_sweep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
