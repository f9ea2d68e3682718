/*
 * cohort-sim new, as a person types it: what goes to stdout and to stderr, what is never overwritten, and that the draft runs.
 */
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct program p;

struct fixture {
	struct tempdir dir;
	const char *csv;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct buf text;

	tempdir_make(&f->dir);
	buf_init(&text, 1u << 16);
	buf_put_text(&text, "age,sex,ill\n");
	for (unsigned i = 0; i < 90; i++)
		buf_printf(&text, "%u.5,%u,%u\n", 20 + i % 50, i % 3 == 0, i % 50 + i % 7 > 26);
	tempdir_write_bytes(&f->dir, "My Data.v2.csv", buf_bytes(&text));
	buf_free(&text);
	f->csv = tempdir_path(&f->dir, "My Data.v2.csv");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tempdir_remove(&f->dir);
	free(f);
	return 0;
}

static void test_the_draft_goes_to_stdout_and_the_warning_to_stderr(void **state)
{
	struct fixture *f = *state;

	program_run(&p, "cohort-sim", "new --from '%s' --label ill", f->csv);
	program_expect(&p, 0, "2 features, 0 columns left out, a binary label; correct the draft before you use it");
	program_expect(&p, 0, "My Data.v2.csv stand in the draft now: only for public data");
	assert_non_null(strstr(p.out, "\nstudy: my-data\n"));
	assert_non_null(strstr(p.out, "\n    - {name: sex, type: binary}"));
}

static void test_what_is_like_the_label_gets_a_question(void **state)
{
	struct fixture *f = *state;
	struct buf text;

	buf_init(&text, 1u << 16);
	buf_put_text(&text, "age,y_dead_14d,y_dead_6m\n");
	for (unsigned i = 0; i < 90; i++)
		buf_printf(&text, "%u.5,%u,%u\n", 20 + i % 50, i % 3 == 0, i % 2);
	tempdir_write_bytes(&f->dir, "leak.csv", buf_bytes(&text));
	buf_free(&text);
	program_run(&p, "cohort-sim", "new --from '%s/leak.csv' --label y_dead_6m", f->dir.path);
	program_expect(&p, 0, "1 feature is like the label: take out what is not known when the prediction is wanted");
	assert_non_null(
		strstr(p.out, "{name: y_dead_14d, type: binary}  # like the label: is it known before? \"0\": 60"));
	assert_null(strstr(p.out, "max: 70}  # like"));
	program_run(&p, "cohort-sim", "new --from '%s' --label sex", f->csv);
	assert_null(strstr(p.err, "like the label"));
}

static void test_a_file_is_never_overwritten_unasked(void **state)
{
	struct fixture *f = *state;

	tempdir_write(&f->dir, "study.yaml", "mine");
	program_run(&p, "cohort-sim", "new --from '%s' --label ill --out '%s/study.yaml'", f->csv, f->dir.path);
	program_expect(&p, 65, "study.yaml exists already; choose another --out, or say --force to replace it");
	assert_string_equal(tempdir_read(&f->dir, "study.yaml", NULL), "mine");
	program_run(&p, "cohort-sim", "new --from '%s' --label ill --out '%s/study.yaml' --name other --force", f->csv,
	            f->dir.path);
	program_expect(&p, 0, "stand in ");
	assert_string_equal(p.out, "");
	assert_non_null(strstr(tempdir_read(&f->dir, "study.yaml", NULL), "\nstudy: other\n"));
}

static void test_the_draft_runs(void **state)
{
	struct fixture *f = *state;

	program_run(&p, "cohort-sim", "new --from '%s' --label ill --out '%s/study.yaml'", f->csv, f->dir.path);
	program_expect(&p, 0, "");
	program_run(&p, "cohort-sim", "run '%s/study.yaml' --data '%s' --partition dirichlet:1 --sites 4 --json",
	            f->dir.path, f->csv);
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "\"sites\":4"));
}

/* With its comments about noise put in place of what they are instead of. */
static void test_the_draft_runs_with_noise(void **state)
{
	struct fixture *f = *state;

	program_shell(&p, "cat '%s' >'%s/large.csv' && tail -n +2 '%s' >>'%s/large.csv'", f->csv, f->dir.path, f->csv,
	              f->dir.path);
	program_run(&p, "cohort-sim", "new --from '%s/large.csv' --label ill --out '%s/private.yaml'", f->dir.path,
	            f->dir.path);
	program_expect(&p, 0, "");
	program_shell(&p,
	              "sed -i -e '/^training:/,/learning_rate/d' -e '/^privacy: /d' -e 's/^# privacy: /privacy: /' -e "
	              "'s/^# With noise.* training: /training: /' '%s/private.yaml'",
	              f->dir.path);
	program_run(&p, "cohort-sim", "run '%s/private.yaml' --data '%s/large.csv' --partition iid --sites 4",
	            f->dir.path, f->dir.path);
	program_expect(&p, 0, "privacy: distributed: epsilon 3, delta ");
	assert_null(strstr(p.err, "privacy.delta")); /* no warning */
	assert_non_null(strstr(p.out, "100 of 100 rounds"));
	assert_non_null(strstr(p.out, "This model is not private: "));
}

static void test_refusals_write_nothing(void **state)
{
	struct fixture *f = *state;
	char *before = program_snapshot(f->dir.path);

	program_run(&p, "cohort-sim", "new --from '%s'", f->csv);
	program_expect(&p, 64, "give --from FILE.csv and --label COLUMN");
	program_run(&p, "cohort-sim", "new --from '%s' --label ill --name 'My Study'", f->csv);
	program_expect(&p, 64, "--name My Study: a study's name is 1 to 64 of a-z, 0-9 and -");
	program_run(&p, "cohort-sim", "new --from '%s' --label il --out '%s/s.yaml'", f->csv, f->dir.path);
	program_expect(&p, 65, "no column \"il\"; did you mean \"ill\"?");
	program_run(&p, "cohort-sim", "new --from '%s/none.csv' --label ill --out '%s/s.yaml'", f->dir.path,
	            f->dir.path);
	program_expect(&p, 66, "cannot open");
	assert_string_equal(p.out, "");
	char *after = program_snapshot(f->dir.path);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_the_draft_goes_to_stdout_and_the_warning_to_stderr),
		TEST(test_what_is_like_the_label_gets_a_question),
		TEST(test_a_file_is_never_overwritten_unasked),
		TEST(test_the_draft_runs),
		TEST(test_the_draft_runs_with_noise),
		TEST(test_refusals_write_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
