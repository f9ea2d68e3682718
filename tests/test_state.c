/* The state folder's lock, and tables on the screen. */
#include "client/screen.h"
#include "client/state.h"
#include "tests/support/child.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_one_at_a_time(void **state)
{
	char number[32];
	struct diag why = {{0}};
	struct tempdir t;
	int first, second;

	(void)state;
	tempdir_make(&t);
	assert_int_equal(state_lock(&first, tempdir_path(&t, NULL), &why), OK);
	assert_int_equal(state_lock(&second, tempdir_path(&t, NULL), &why), ERR_AGAIN);
	assert_int_equal(second, -1);
	snprintf(number, sizeof number, "process %d;", (int)getpid());
	assert_non_null(strstr(why.text, number));
	state_unlock(second); /* harmless */
	state_unlock(first);
	assert_int_equal(state_lock(&second, tempdir_path(&t, NULL), &why), OK);
	state_unlock(second);
	tempdir_remove(&t);
}

static void lock_and_die(void *context)
{
	int lock;

	if (state_lock(&lock, context, NULL) != OK)
		_exit(1);
	_exit(0); /* without unlocking */
}

static void test_a_dead_process_holds_nothing(void **state)
{
	struct tempdir t;
	struct child c;
	char path[PATH_SIZE];
	int lock;

	(void)state;
	tempdir_make(&t);
	snprintf(path, sizeof path, "%s", tempdir_path(&t, NULL));
	child_run(&c, false, lock_and_die, path);
	assert_int_equal(c.exit_code, 0);
	assert_int_equal(state_lock(&lock, path, NULL), OK);
	state_unlock(lock);
	tempdir_remove(&t);
}

static void test_folders(void **state)
{
	char path[PATH_SIZE], again[PATH_SIZE], state_slash[PATH_SIZE + 8];
	struct diag why = {{0}};
	struct tempdir t;
	struct stat st;

	(void)state;
	tempdir_make(&t);
	snprintf(state_slash, sizeof state_slash, "%s/state/", tempdir_path(&t, NULL));
	assert_int_equal(state_make(state_slash, &why), OK);
	assert_int_equal(state_make(state_slash, &why), OK);
	assert_int_equal(stat(state_slash, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(state_folder(path, state_slash, "models", &why), OK);
	assert_int_equal(state_path(again, tempdir_path(&t, "state"), "models", &why), OK);
	assert_string_equal(path, again); /* with and without a slash at its end */
	assert_int_equal(state_make(tempdir_path(&t, "no/such"), &why), ERR_CREATE);
	memset(state_slash, 'x', sizeof state_slash);
	state_slash[PATH_SIZE - 2] = '\0';
	assert_int_equal(state_path(path, state_slash, "models", &why), ERR_CONFIG);
	tempdir_remove(&t);
}

/* ---- the screen */

static void print_table(void)
{
	static const char *const titles[] = {"NAME", ">ROWS", "WHAT"};
	struct screen_table t;

	screen_table_begin(&t, titles, 3);
	screen_table_cell(&t, "%s", "Z\xc3\xbcrich");
	screen_table_cell(&t, "%d", 7);
	screen_table_cell(&t, "%s", "a\033[31mb");
	screen_table_cell(&t, "%s", "x");
	screen_table_cell(&t, "%d", 12345);
	screen_table_cell(&t, "%s", "");
	screen_table_end(&t);
	screen_table_begin(&t, titles, 3);
	screen_table_end(&t); /* no row, no title */
}

static void test_tables(void **state)
{
	struct tempdir t;
	int kept;

	(void)state;
	tempdir_make(&t);
	fflush(stdout);
	kept = dup(STDOUT_FILENO);
	assert_non_null(freopen(tempdir_path(&t, "out"), "w", stdout));
	print_table();
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	/* numbers to the right, as wide as the widest, a letter of two bytes is one wide, and no terminal obeys a cell */
	assert_string_equal(tempdir_read(&t, "out", NULL), "NAME     ROWS  WHAT\n"
	                                                   "Z\xc3\xbcrich      7  a?[31mb\n"
	                                                   "x       12345  \n");
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_a_dead_process_holds_nothing),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
