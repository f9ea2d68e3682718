/* base/secret: locked memory, and which key files are refused. */
#include "base/secret.h"
#include "tests/support/child.h"
#include "tests/support/tempdir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY_TEXT "-----BEGIN KEY-----\n"

/* A sanitizer must leave the guard page's signal alone: the test looks at how the process ends. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "handle_segv=0";
}
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "handle_segv=0";
}

static void init_and_look(void *context)
{
	struct rlimit limit;

	(void)context;
	secret_init();
	secret_init(); /* twice does no harm */
	if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur != 0 || limit.rlim_max != 0)
		_exit(1);
	if (prctl(PR_GET_DUMPABLE) != 0)
		_exit(2);
}

static void test_init(void **state)
{
	struct child c;

	(void)state;
	child_run(&c, false, init_and_look, NULL);
	assert_int_equal(c.exit_code, 0);
}

static void test_memory(void **state)
{
	static const size_t lens[] = {0, 1, 32, 4095, 4096, 4097, 100000};
	struct secret s;

	(void)state;
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		secret_new(&s, lens[i]);
		assert_non_null(s.ptr);
		assert_int_equal(s.len, lens[i]);
		for (size_t k = 0; k < s.len; k++)
			assert_int_equal(s.ptr[k], 0);
		memset(s.ptr, 0x5a, s.len);
		secret_free(&s);
		assert_null(s.ptr);
		assert_int_equal(s.len, 0);
		secret_free(&s);
	}
}

static void write_past_the_end(void *context)
{
	struct secret s;

	(void)context;
	secret_new(&s, 64);
	*(volatile uint8_t *)(s.ptr + 64) = 1;
}

static void read_after_free(void *context)
{
	struct secret s;

	(void)context;
	secret_new(&s, 64);
	volatile uint8_t *stale = s.ptr;
	secret_free(&s);
	_exit(*stale ? 1 : 2);
}

static void test_guard_page(void **state)
{
	struct child c;

	(void)state;
	child_run(&c, false, write_past_the_end, NULL);
	assert_int_equal(c.signal, SIGSEGV);
	child_run(&c, false, read_after_free, NULL);
	assert_int_equal(c.signal, SIGSEGV);
}

static void test_wipe_and_equal(void **state)
{
	uint8_t local[40];
	struct secret a, b;

	(void)state;
	memset(local, 0xff, sizeof local);
	secret_wipe(local, 32);
	for (size_t i = 0; i < sizeof local; i++)
		assert_int_equal(local[i], i < 32 ? 0 : 0xff);
	secret_new(&a, 32);
	secret_new(&b, 32);
	assert_true(secret_equal(&a, &b));
	for (size_t bit = 0; bit < 256; bit++) {
		b.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(secret_equal(&a, &b));
		b.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	secret_free(&b);
	secret_new(&b, 31);
	assert_false(secret_equal(&a, &b));
	secret_free(&a);
	secret_free(&b);
}

static void make_key(struct tempdir *t, const char *name, mode_t mode)
{
	tempdir_write(t, name, KEY_TEXT);
	assert_int_equal(chmod(tempdir_path(t, name), mode), 0);
}

static enum err read_key(struct tempdir *t, const char *name, struct diag *why)
{
	struct secret s;

	enum err e = secret_read(&s, tempdir_path(t, name), 100, why);
	if (!e) {
		assert_int_equal(s.len, strlen(KEY_TEXT));
		assert_memory_equal(s.ptr, KEY_TEXT, s.len); /* with its final newline */
	} else {
		assert_null(s.ptr);
		if (why)
			assert_non_null(strstr(why->text, name));
	}
	secret_free(&s);
	return e;
}

/* All 512 modes: good are exactly those that give group and others nothing. */
static void test_read_modes(void **state)
{
	struct tempdir t;
	struct diag why = {0};
	char hint[PATH_SIZE + 32];

	(void)state;
	tempdir_make(&t);
	snprintf(hint, sizeof hint, "chmod 600 %s/site.key", t.path);
	tempdir_write(&t, "site.key", KEY_TEXT);
	for (mode_t mode = 0; mode <= 0777; mode++) {
		assert_int_equal(chmod(tempdir_path(&t, "site.key"), mode), 0);
		bool unreadable = geteuid() != 0 && !(mode & 0400);
		enum err expected = unreadable ? ERR_NO_INPUT : mode & 0077 ? ERR_REFUSED : OK;
		assert_int_equal(read_key(&t, "site.key", &why), expected);
		if (expected == ERR_REFUSED)
			assert_non_null(strstr(why.text, hint));
	}
	assert_non_null(strstr(why.text, "0777"));
	assert_int_equal(read_key(&t, "site.key", NULL), ERR_REFUSED);
	tempdir_remove(&t);
}

/* systemd's LoadCredential: group-read is fine there and only there, and nothing more than it. */
static void test_read_credentials(void **state)
{
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	tempdir_folder(&t, "creds");
	tempdir_folder(&t, "creds-else");
	tempdir_folder(&t, "other"); /* as long as "creds" */
	make_key(&t, "creds/site.key", 0440);
	make_key(&t, "creds/wide.key", 0444);
	make_key(&t, "creds/writable.key", 0660);
	make_key(&t, "creds-else/site.key", 0440);
	make_key(&t, "other/site.key", 0440);
	make_key(&t, "outside.key", 0440);
	assert_int_equal(symlink("../outside.key", tempdir_path(&t, "creds/link.key")), 0);
	assert_int_equal(symlink("creds/site.key", tempdir_path(&t, "inward.key")), 0);
	assert_int_equal(read_key(&t, "creds/site.key", NULL), ERR_REFUSED);
	setenv("CREDENTIALS_DIRECTORY", tempdir_path(&t, "creds"), 1);
	assert_int_equal(read_key(&t, "creds/site.key", NULL), OK);
	assert_int_equal(read_key(&t, "creds-else/../creds/site.key", NULL), OK);
	assert_int_equal(read_key(&t, "inward.key", NULL), OK);
	assert_int_equal(read_key(&t, "creds/wide.key", NULL), ERR_REFUSED);
	assert_int_equal(read_key(&t, "creds/writable.key", NULL), ERR_REFUSED);
	assert_int_equal(read_key(&t, "creds-else/site.key", NULL), ERR_REFUSED);
	assert_int_equal(read_key(&t, "other/site.key", NULL), ERR_REFUSED);
	assert_int_equal(read_key(&t, "creds/../outside.key", NULL), ERR_REFUSED);
	assert_int_equal(read_key(&t, "creds/link.key", NULL), ERR_REFUSED);
	setenv("CREDENTIALS_DIRECTORY", "/", 1); /* everything is below it: no exception for that */
	assert_int_equal(read_key(&t, "creds/site.key", NULL), ERR_REFUSED);
	unsetenv("CREDENTIALS_DIRECTORY");
	tempdir_remove(&t);
}

static void test_read_strange(void **state)
{
	struct tempdir t;
	struct secret s;
	struct diag why = {0};

	(void)state;
	tempdir_make(&t);
	assert_int_equal(read_key(&t, "missing", &why), ERR_NO_INPUT);
	tempdir_folder(&t, "folder");
	assert_int_equal(read_key(&t, "folder", &why), ERR_NO_INPUT);
	assert_int_equal(mkfifo(tempdir_path(&t, "fifo"), 0600), 0);
	assert_int_equal(read_key(&t, "fifo", &why), ERR_NO_INPUT);
	tempdir_write(&t, "empty", "");
	assert_int_equal(read_key(&t, "empty", &why), ERR_DATA);
	make_key(&t, "site.key", 0600);
	size_t len = strlen(KEY_TEXT);
	assert_int_equal(secret_read(&s, tempdir_path(&t, "site.key"), len - 1, &why), ERR_LIMIT);
	assert_int_equal(secret_read(&s, tempdir_path(&t, "site.key"), len, &why), OK);
	secret_free(&s);
	tempdir_remove(&t);
}

static void test_read_owner(void **state)
{
	struct tempdir t;
	struct diag why = {0};

	(void)state;
	if (geteuid() != 0) {
		printf("skipped: only root can give a file to another user\n");
		skip();
	}
	tempdir_make(&t);
	make_key(&t, "site.key", 0600);
	assert_int_equal(chown(tempdir_path(&t, "site.key"), 12345, 0), 0);
	assert_int_equal(read_key(&t, "site.key", &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "12345"));
	tempdir_remove(&t);
}

static void test_write(void **state)
{
	struct tempdir t;
	struct diag why = {0};
	struct stat st;

	(void)state;
	tempdir_make(&t);
	mode_t before = umask(0);
	const char *path = tempdir_path(&t, "new.key");
	assert_int_equal(secret_write(path, bytes_text(KEY_TEXT), &why), OK);
	umask(before);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(read_key(&t, "new.key", &why), OK);
	assert_int_equal(secret_write(path, bytes_text("another"), &why), ERR_CONFLICT);
	assert_int_equal(read_key(&t, "new.key", &why), OK);
	assert_int_equal(tempdir_count(&t, NULL), 1);
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),         cmocka_unit_test(test_memory),
		cmocka_unit_test(test_guard_page),   cmocka_unit_test(test_wipe_and_equal),
		cmocka_unit_test(test_read_modes),   cmocka_unit_test(test_read_credentials),
		cmocka_unit_test(test_read_strange), cmocka_unit_test(test_read_owner),
		cmocka_unit_test(test_write),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
