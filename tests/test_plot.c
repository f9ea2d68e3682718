/* cohort-sim plot: means and bands worked out by hand, positions that differ, groups, and every wrong word answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/close.h"
#include "tests/support/program.h"
#include "tests/support/run_fixture.h"

static struct program p;

/* A sweep by hand: fedavg and fedadam with seeds 1, 2, 3, whose AUC after k rounds is .6 + .03 k plus 0, .02 or .04, and .1 more. */
static void make_sweep(struct tempdir *t)
{
	struct run_fixture f = run_fixture_default();
	char name[64];

	tempdir_folder(t, "sweep");
	tempdir_folder(t, "sweep/a");
	tempdir_folder(t, "sweep/b");
	for (unsigned s = 1; s <= 3; s++)
		for (int adam = 0; adam < 2; adam++) {
			f.seed = s;
			f.strategy = adam ? "fedadam" : "fedavg";
			f.learning_rate = adam ? 2 : 10; /* as texts 10 would be first */
			f.auc = 0.6 + 0.02 * (s - 1) + 0.1 * adam;
			f.rise = 0.02;
			snprintf(name, sizeof name, "sweep/%s/seed-%u", adam ? "b" : "a", s);
			run_fixture_write(t, name, &f);
		}
}

/* Does the output hold this line? */
static void expect_line(const char *line)
{
	char whole[256];

	snprintf(whole, sizeof whole, "\n%s\n", line);
	if (strstr(p.out, whole) == NULL)
		fail_msg("no line \"%s\" in\n%s", line, p.out);
}

static void means_and_bands_by_hand(void **state)
{
	struct tempdir t;
	double x, mean, low, high;
	unsigned n;

	(void)state;
	tempdir_make(&t);
	make_sweep(&t);
	program_run(&p, "cohort-sim", "plot '%s' --by training.strategy", tempdir_path(&t, "sweep"));
	program_expect(&p, 0, "");
	assert_string_equal(p.err, "");
	assert_int_equal(strncmp(p.out, "by,x,mean,low,high,n\nfedavg,0,", 30), 0);
	/* .6 .62 .64: mean .62, deviation .02, half 4.302653 * .02 / sqrt(3) = .0496828 */
	assert_int_equal(sscanf(strstr(p.out, "fedavg,0,"), "fedavg,%lf,%lf,%lf,%lf,%u", &x, &mean, &low, &high, &n),
	                 5);
	assert_close(mean, 0.62, 1e-9);
	assert_close(low, 0.5703172, 1e-6);
	assert_close(high, 0.6696828, 1e-6);
	assert_int_equal(n, 3);
	assert_int_equal(sscanf(strstr(p.out, "fedavg,10,"), "fedavg,%lf,%lf", &x, &mean), 2);
	assert_close(mean, 0.82, 1e-9);

	/* without --by the folders of seeds are the groups; validation is .02 lower */
	program_run(&p, "cohort-sim", "plot '%s/' --part validation", tempdir_path(&t, "sweep"));
	program_expect(&p, 0, "");
	assert_int_equal(sscanf(strstr(p.out, "\na,0,") + 1, "a,%lf,%lf", &x, &mean), 2);
	assert_close(mean, 0.60, 1e-9);
	assert_non_null(strstr(p.out, "\nb,10,"));
	tempdir_remove(&t);
}

/* Numbers come by value, 2 before 10; two keys name themselves; a single run has no band. */
static void groups_and_their_order(void **state)
{
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	make_sweep(&t);
	program_run(&p, "cohort-sim", "plot '%s' --by training.local.learning_rate", tempdir_path(&t, "sweep"));
	assert_true(strstr(p.out, "\n2,0,") < strstr(p.out, "\n10,0,"));
	program_run(&p, "cohort-sim", "plot '%s' --by seed --by training.strategy", tempdir_path(&t, "sweep"));
	expect_line("\"seed 2, strategy fedavg\",0,0.62,,,1");
	program_run(&p, "cohort-sim", "plot '%s' --by partition --y loss", tempdir_path(&t, "sweep"));
	assert_non_null(strstr(p.out, "\ndirichlet:0.5,0,0.7,0.7,0.7,6\n"));
	program_run(&p, "cohort-sim", "plot '%s/a/seed-1' '%s/b/seed-1' --by run --y contributed --x bytes",
	            tempdir_path(&t, "sweep"), tempdir_path(&t, "sweep"));
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "a/seed-1,1500,4,,,1\n")); /* 1000 up and 500 down an attempt */
	assert_non_null(strstr(p.out, "a/seed-1,18000,4,,,1\n"));
	program_run(&p, "cohort-sim", "plot '%s' --json", tempdir_path(&t, "sweep/a"));
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "\"y\": \"test_auc\""));
	assert_non_null(strstr(p.out, "\"runs\": 3"));
	tempdir_remove(&t);
}

/* Words stand as their runs do: by the folders' names, or as the sweep's table has them. */
static void lines_stand_as_the_grid_was_written(void **state)
{
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	make_sweep(&t);
	program_run(&p, "cohort-sim", "plot '%s'", tempdir_path(&t, "sweep"));
	assert_true(strstr(p.out, "\na,0,") < strstr(p.out, "\nb,0,"));
	tempdir_write(&t, "sweep/sweep.csv",
	              "training.strategy,seed,path\nfedadam,1,elsewhere/b/seed-1\nfedadam,2,elsewhere/b/seed-2\n"
	              "fedavg,1,elsewhere/a/seed-1\nmedian,1,elsewhere/gone/seed-1\n,,\n");
	program_run(&p, "cohort-sim", "plot '%s'", tempdir_path(&t, "sweep"));
	program_expect(&p, 0, "");
	assert_true(strstr(p.out, "\na,0,") > strstr(p.out, "\nb,0,"));
	program_run(&p, "cohort-sim", "plot '%s' --by training.strategy", tempdir_path(&t, "sweep"));
	assert_true(strstr(p.out, "\nfedavg,0,") > strstr(p.out, "\nfedadam,0,"));
	program_run(&p, "cohort-sim", "plot '%s' '%s' --by training.strategy", tempdir_path(&t, "sweep/a"),
	            tempdir_path(&t, "sweep/b"));
	assert_true(strstr(p.out, "\nfedavg,0,") < strstr(p.out, "\nfedadam,0,"));
	tempdir_write(&t, "sweep/sweep.csv", "path,path\n\"");
	program_run(&p, "cohort-sim", "plot '%s'", tempdir_path(&t, "sweep"));
	program_expect(&p, 0, "");
	assert_true(strstr(p.out, "\na,0,") < strstr(p.out, "\nb,0,"));
	tempdir_remove(&t);
}

/* One run has points 0 .. 10, the other 0, 2, 4: between them it is interpolated, behind them it does not count. */
static void positions_that_differ(void **state)
{
	struct run_fixture f = run_fixture_default();
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	run_fixture_write(&t, "seed-1", &f);
	run_fixture_write(&t, "seed-2", &f);
	tempdir_write(
		&t, "seed-2/rounds.csv",
		"round,bytes_up,bytes_down,model_step,test_auc,epsilon\n1,1,1,0,0.5,\n2,1,1,2,0.9,\n3,1,1,2,0.7,\n"
		"4,1,1,,,\n5,1,1,4,0.8,\n");
	program_run(&p, "cohort-sim", "plot '%s' --by study", t.path);
	program_expect(&p, 0, "not every run has a value at every x");
	/* run 1: .6 .63 .66 .69 .72 ...; run 2: .5 (.6) .7 (.75) .8, the later of two rows with one x */
	const double means[] = {0.55, 0.615, 0.68, 0.72, 0.76, 0.75, 0.78};
	for (unsigned i = 0; i < 7; i++) {
		char begin[32];
		double mean;
		unsigned n;
		snprintf(begin, sizeof begin, "\nheart,%u,", i);
		const char *at = strstr(p.out, begin);
		assert_non_null(at);
		assert_int_equal(sscanf(at + strlen(begin), "%lf,", &mean), 1);
		assert_close(mean, means[i], 1e-9);
		at = strchr(at + 1, '\n');
		while (at[-1] != ',')
			at--;
		assert_int_equal(sscanf(at, "%u", &n), 1);
		assert_int_equal(n, i <= 4 ? 2 : 1);
	}
	tempdir_remove(&t);
}

static void pictures_are_written(void **state)
{
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	make_sweep(&t);
	program_run(&p, "cohort-sim", "plot '%s' --by training.local.learning_rate --x bytes -o '%s/a.svg'",
	            tempdir_path(&t, "sweep"), t.path);
	program_expect(&p, 0, "");
	assert_string_equal(p.out, "");
	const char *svg = tempdir_read(&t, "a.svg", NULL);
	assert_non_null(strstr(svg, ">learning rate 2 (n = 3)</text>"));
	assert_non_null(strstr(svg, ">AUC, test rows of all sites</text>"));
	assert_non_null(strstr(svg, ">kB of all sites, up and down</text>"));
	assert_non_null(strstr(svg, ">mean over seeds and its 95 % interval</text>"));
	assert_non_null(strstr(svg, "<polygon"));
	program_shell(&p, "python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' '%s/a.svg'", t.path);
	program_expect(&p, 0, "");
	program_run(&p, "cohort-sim", "plot '%s' -o '%s/a.csv'", tempdir_path(&t, "sweep"), t.path);
	program_expect(&p, 0, "");
	assert_int_equal(strncmp(tempdir_read(&t, "a.csv", NULL), "by,x,mean,low,high,n\n", 21), 0);
	tempdir_remove(&t);
}

static void epsilon_on_the_axis(void **state)
{
	struct run_fixture f = run_fixture_default();
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	f.epsilon = true;
	run_fixture_write(&t, "private", &f);
	program_run(&p, "cohort-sim", "plot '%s' --x epsilon", tempdir_path(&t, "private"));
	program_expect(&p, 0, "");
	expect_line("private,1,0.69,,,1"); /* .5 sqrt(k + 1) is 1 at k = 3 */
	f.epsilon = false;
	run_fixture_write(&t, "plain", &f);
	program_run(&p, "cohort-sim", "plot '%s' --x epsilon --by run", t.path);
	program_expect(&p, 0, "cohort-sim: 1 of 2 runs left out: ");
	program_run(&p, "cohort-sim", "plot '%s' --x epsilon", tempdir_path(&t, "plain"));
	program_expect(&p, 66, "none of the 1 runs can be drawn: ");
	assert_non_null(strstr(p.err, "plain: test_auc has no value at any epsilon (is its mechanism none?); --y"));
	tempdir_remove(&t);
}

/* Each run is a point at the term's value: final figures, two seeds at one of the two values. */
static void a_term_on_the_axis(void **state)
{
	struct run_fixture f = run_fixture_default();
	struct tempdir t;
	char line[64];

	(void)state;
	tempdir_make(&t);
	f.learning_rate = 0.25;
	f.auc = 0.5;
	f.rise = 0.1;
	f.rounds = 2;
	run_fixture_write(&t, "a", &f); /* .7 */
	f.seed = 2;
	f.rounds = 4;
	run_fixture_write(&t, "b", &f); /* .9 */
	f.learning_rate = 0.5;
	f.rounds = 1;
	run_fixture_write(&t, "c", &f); /* .6 */
	program_run(&p, "cohort-sim", "plot '%s/' --x training.local.learning_rate", t.path);
	program_expect(&p, 0, "");
	assert_string_equal(p.err, ""); /* nothing is cut */
	snprintf(line, sizeof line, "\n%s,0.25,0.8,", strrchr(t.path, '/') + 1);
	assert_non_null(strstr(p.out, line));
	assert_non_null(strstr(p.out, ",2\n"));
	snprintf(line, sizeof line, "%s,0.5,0.6,,,1", strrchr(t.path, '/') + 1);
	expect_line(line);
	program_run(&p, "cohort-sim", "plot '%s' --x training.local.learning_rate -o '%s/a.svg'", t.path, t.path);
	program_expect(&p, 0, "");
	assert_non_null(strstr(tempdir_read(&t, "a.svg", NULL), "<polyline"));
	program_run(&p, "cohort-sim", "plot '%s' --x training.local.learning_rate --y contributed", t.path);
	program_expect(&p, 64, "--y contributed: with --x training.local.learning_rate it is a figure: ");
	program_run(&p, "cohort-sim", "plot '%s' --x training.strategy", t.path);
	program_expect(&p, 66, "training.strategy has no value");
	tempdir_remove(&t);
}

/* A numeric label has no AUC. */
static void what_the_study_selects_by_is_drawn(void **state)
{
	struct run_fixture f = run_fixture_default();
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	run_fixture_write(&t, "classes", &f);
	f.label_type = "numeric";
	f.select = "r2";
	run_fixture_write(&t, "number", &f);
	program_run(&p, "cohort-sim", "plot '%s' --json", tempdir_path(&t, "classes"));
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "\"y\": \"test_auc\""));
	program_run(&p, "cohort-sim", "plot '%s' --json", tempdir_path(&t, "number"));
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "\"y\": \"test_r2\""));
	program_run(&p, "cohort-sim", "plot '%s' --y mae", tempdir_path(&t, "number"));
	expect_line("number,1,8,,,1");
	program_run(&p, "cohort-sim", "plot '%s' --y mae --part validation", tempdir_path(&t, "number"));
	expect_line("number,1,9,,,1");
	tempdir_remove(&t);
}

static void wrong_words_are_answered(void **state)
{
	static const struct {
		const char *words;
		int exit_code;
		const char *says;
	} cases[] = {
		{"'%s/nothing'", 66, "nothing"},
		{"'%s/empty'", 66, "no run here, nor in the folders below it"},
		{"'%s/run' --y acuracy", 64, "no figure or column \"acuracy\" (did you mean accuracy?)"},
		{"'%s/run' --y contributd", 64, "(did you mean contributed?)"},
		{"'%s/run' --y r2", 66, "test_r2 has no value"},
		{"'%s/run' --x rounds", 64, "one of round, bytes, epsilon"},
		{"'%s/run' --x privcy.epsilon", 64, "--x privcy.epsilon: no run has this term"},
		{"'%s/run' --part train", 64, "test or validation"},
		{"'%s/run' --by training.stratgy", 64, "(did you mean training.strategy?)"},
		{"'%s/run' --by partion", 64, "(did you mean partition?)"},
		{"'%s/run' -o a.png", 64, ".svg (a picture) or .csv (a table)"},
		{"'%s/run' -o a.svg --json", 64, "--json goes to stdout"},
		{"'%s/run' -o /nowhere/a.svg", 73, "/nowhere/a.svg"},
		{"'%s/cut'", 0, "cut did not come to its end"},
		{"'%s/torn'", 65, "run.json"},
		{"", 64, "something is missing"},
	};
	struct run_fixture f = run_fixture_default();
	struct tempdir t;
	char line[PATH_SIZE + 256];

	(void)state;
	tempdir_make(&t);
	run_fixture_write(&t, "run", &f);
	f.complete = false;
	run_fixture_write(&t, "cut", &f);
	tempdir_folder(&t, "empty");
	tempdir_folder(&t, "torn");
	tempdir_write(&t, "torn/run.json", "{\"schema\":\"cohort/run/1\",\"study");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *at = strstr(cases[i].words, "%s");
		snprintf(line, sizeof line, "plot %s%s%s", at != NULL ? "'" : "", at != NULL ? t.path : "",
		         at != NULL ? at + 2 : "");
		program_run(&p, "cohort-sim", "%s", line);
		program_expect(&p, cases[i].exit_code, cases[i].says);
		if (cases[i].exit_code != 0)
			assert_string_equal(p.out, "");
	}
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(means_and_bands_by_hand),
		cmocka_unit_test(groups_and_their_order),
		cmocka_unit_test(positions_that_differ),
		cmocka_unit_test(pictures_are_written),
		cmocka_unit_test(lines_stand_as_the_grid_was_written),
		cmocka_unit_test(what_the_study_selects_by_is_drawn),
		cmocka_unit_test(epsilon_on_the_axis),
		cmocka_unit_test(a_term_on_the_axis),
		cmocka_unit_test(wrong_words_are_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
