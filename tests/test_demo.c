/* `make demo` as a newcomer sees it: it ends well, says what it should, and leaves nothing running, also when it is interrupted. */
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DEMO "COHORT_DEMO='%s/demo' examples/breast-cancer/demo"

static struct program p;

/* Programs whose command line names the folder. */
static void expect_nothing_runs(const struct tempdir *t)
{
	static struct program looked;

	program_shell(&looked, "grep -lz '%s/dem[o]/' /proc/[0-9]*/cmdline 2>/dev/null | wc -l", t->path);
	assert_int_equal(atoi(looked.out), 0);
}

static int count(const char *text, const char *words)
{
	int n = 0;

	for (; (text = strstr(text, words)) != NULL; text += strlen(words))
		n++;
	return n;
}

static void test_ends_well_and_its_commands_work(void **state)
{
	struct tempdir t;
	char *commands;

	(void)state;
	tempdir_make(&t);
	program_shell(&p, DEMO, t.path);
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "stays at the hospital\n"));
	assert_int_equal(count(p.out, " 5 of 5 "), 30); /* a line per training round */
	assert_non_null(strstr(p.out, "expected), AUC 0.99"));
	for (const char *line = p.out; *line != '\0'; line += strcspn(line, "\n") + 1)
		if (strstr(line, t.path) == NULL || strstr(line, t.path) > strchr(line, '\n')) /* a long TMPDIR */
			assert_true(strcspn(line, "\n") <= 80);
	assert_true(tempdir_exists(&t, "demo/model.safetensors"));
	expect_nothing_runs(&t);

	assert_non_null(strstr(p.out, "Look around"));
	commands = strdup(strchr(strstr(p.out, "Look around"), '\n'));
	*strstr(commands, "\n\n") = '\0';
	program_shell(&p, "set -e\n%s", commands);
	program_expect(&p, 0, "");
	assert_true(strlen(p.out) > 1000);
	free(commands);

	/* the simulator, on the same rows, makes the very model */
	program_shell(
		&p,
		"\"$BIN/cohort-sim\" run examples/breast-cancer/study.yaml --data examples/breast-cancer/together.csv "
		"--site-column hospital --out '%s/run' && cmp '%s/run/model.safetensors' '%s/demo/model.safetensors'",
		t.path, t.path, t.path);
	program_expect(&p, 0, "");
	tempdir_remove(&t);
}

/* At moments when the authority, the coordinator, and the hospitals are at work. */
static void test_interrupted_it_leaves_nothing_running(void **state)
{
	static const char *const after_s[] = {"0.2", "0.4", "0.6", "0.8"};
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	for (size_t i = 0; i < sizeof after_s / sizeof *after_s; i++) {
		program_shell(&p, "COHORT_DEMO='%s/demo' timeout -s %s %s examples/breast-cancer/demo", t.path,
		              i % 2 ? "INT" : "TERM", after_s[i]);
		assert_int_not_equal(p.exit_code, 0);
		expect_nothing_runs(&t);
	}
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends_well_and_its_commands_work),
		cmocka_unit_test(test_interrupted_it_leaves_nothing_running),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
