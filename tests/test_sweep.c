/* cohort-sim sweep: grids and their names, runs that are kept and made again, failures that stop nobody, interrupts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/sweep_grid.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

static const char study[] =
	"cohort: 1\nstudy: sweep\npurpose: Compare settings\n"
	"data:\n  features:\n    - {name: age, min: 0, max: 100}\n    - {name: bmi, min: 10, max: 60}\n"
	"  label: {name: ill, type: binary, positive: \"1\"}\n"
	"model: {layers: [dense 1]}\ntraining: {rounds: 3}\nmasking: off\nprivacy: {mechanism: none}\n"
	"sites: {min: 3, max_dropouts: 0}\n";

static struct program p;

/* ---- grids */

static void values_are_cut_where_they_should(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		const char *values[4];
	} cases[] = {
		{"a.b=1,2,3", 3, {"1", "2", "3"}},
		{"a= 1 , x y ", 2, {"1", "x y"}},
		{"a='1,2',\"3,4\"", 2, {"'1,2'", "\"3,4\""}},
		{"model.layers=[dense 8, relu, dense 1],[dense 1]", 2, {"[dense 8, relu, dense 1]", "[dense 1]"}},
		{"a={b: [1,2], c: '],'},[]", 2, {"{b: [1,2], c: '],'}", "[]"}},
		{"a=x=y", 1, {"x=y"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sweep_grid g = {0};
		struct diag why = {0};

		assert_int_equal(sweep_grid_add(&g, cases[i].text, &why), OK);
		assert_int_equal(g.axes[0].count, cases[i].count);
		for (size_t k = 0; k < cases[i].count; k++)
			assert_string_equal(g.axes[0].values[k], cases[i].values[k]);
		sweep_grid_free(&g);
	}
}

static void wrong_grids_are_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"a", "write KEY=VALUE"},
		{"=1", "write KEY=VALUE"},
		{"a=", "a value is empty"},
		{"a=1,,2", "a value is empty"},
		{"a=1,", "a value is empty"},
		{"a=[1,2", "not closed"},
		{"a='1,2", "not closed"},
		{"a=1],2", "closed too often"},
		{"a=1,2,1", "the value 1 stands there twice"},
		{"taken=3", "taken is given twice"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sweep_grid g = {0};
		struct diag why = {0};

		assert_int_equal(sweep_grid_add(&g, "taken=1,2", &why), OK);
		assert_int_equal(sweep_grid_add(&g, cases[i].text, &why), ERR_USAGE);
		if (strstr(why.text, cases[i].says) == NULL)
			fail_msg("\"%s\" lacks \"%s\"", why.text, cases[i].says);
		sweep_grid_free(&g);
	}
}

static void combinations_have_an_order_and_names(void **state)
{
	struct sweep_grid g = {0};
	struct diag why = {0};
	char name[SWEEP_NAME_SIZE], other[SWEEP_NAME_SIZE], text[600];

	(void)state;
	assert_int_equal(sweep_grid_combinations(&g), 1);
	assert_string_equal(sweep_grid_name(name, &g, 0), "study");
	assert_int_equal(sweep_grid_add(&g, "training.strategy=fedavg,fedadam", &why), OK);
	assert_int_equal(sweep_grid_add(&g, "training.local.learning_rate=0.1,1,10", &why), OK);
	assert_int_equal(sweep_grid_combinations(&g), 6);
	assert_string_equal(sweep_grid_name(name, &g, 0), "strategy=fedavg,learning_rate=0.1");
	assert_string_equal(sweep_grid_name(name, &g, 1), "strategy=fedavg,learning_rate=1");
	assert_string_equal(sweep_grid_name(name, &g, 5), "strategy=fedadam,learning_rate=10");
	assert_string_equal(sweep_grid_value(&g, 3, 0), "fedadam");
	/* two keys that end alike are written whole */
	assert_int_equal(sweep_grid_add(&g, "training.server.learning_rate=1", &why), OK);
	assert_string_equal(sweep_grid_short_key(&g, 1), "training.local.learning_rate");
	sweep_grid_free(&g);

	/* what a folder's name cannot hold is replaced, and what then looks alike is still told apart */
	assert_int_equal(sweep_grid_add(&g, "a=../x/y,..|x/y", &why), OK);
	sweep_grid_name(name, &g, 0);
	sweep_grid_name(other, &g, 1);
	assert_int_equal(strncmp(name, "a=.._x_y-", 9), 0);
	assert_int_equal(strncmp(other, "a=.._x_y-", 9), 0);
	assert_string_not_equal(name, other);
	sweep_grid_free(&g);
	memset(text, 'x', sizeof text);
	memcpy(text, "a=", 2);
	memcpy(text + 300, ",", 1);
	text[598] = 'y';
	text[599] = '\0';
	assert_int_equal(sweep_grid_add(&g, text, &why), OK);
	assert_true(strlen(sweep_grid_name(name, &g, 0)) < SWEEP_NAME_SIZE);
	assert_string_not_equal(name, sweep_grid_name(other, &g, 1));
	sweep_grid_free(&g);
}

/* ---- runs */

#define GRID "--grid training.local.learning_rate=0.01,0.5 --grid training.local.epochs=1,2 --seeds 2 -j 2"

static void sweep(struct tempdir *t, const char *options)
{
	program_run(&p, "cohort-sim", "sweep '%s/study.yaml' --synthetic 3x60 --out '%s/out' %s", t->path, t->path,
	            options);
}

static void begin(struct tempdir *t)
{
	tempdir_make(t);
	tempdir_write(t, "study.yaml", study);
}

static size_t lines_of(const char *text)
{
	size_t count = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		count++;
	return count;
}

/* A row per run, in the grid's order, each the very model that `run` makes alone; means and deviations on stdout. */
static void every_combination_with_every_seed(void **state)
{
	struct tempdir t;
	char auc[2][64], model[128], mean[64];

	(void)state;
	begin(&t);
	sweep(&t, GRID);
	program_expect(&p, 0, "sweep.csv has the 8 runs\n");
	const char *csv = tempdir_read(&t, "out/sweep.csv", NULL);
	assert_int_equal(lines_of(csv), 9);
	assert_int_equal(
		strncmp(csv,
	                "training.local.learning_rate,training.local.epochs,seed,auc,accuracy,precision,recall,f1,"
	                "loss,brier,r2,rmse,mae,rows,seconds,model_sha256,path\n0.01,1,1,0.",
	                142),
		0);
	for (int k = 0; k < 2; k++) {
		char row[32];
		snprintf(row, sizeof row, "\n0.5,2,%d,", k + 1);
		assert_int_equal(sscanf(strstr(csv, row) + strlen(row), "%63[^,]", auc[k]), 1);
	}
	snprintf(mean, sizeof mean, "\n0.5            2       2     %.4f \xc2\xb1 ", (atof(auc[0]) + atof(auc[1])) / 2);
	assert_non_null(strstr(p.out, "learning_rate  epochs  runs  auc"));
	if (strstr(p.out, mean) == NULL)
		fail_msg("no \"%s\" in %s", mean, p.out);

	program_run(&p, "cohort-sim",
	            "run '%s/study.yaml' --synthetic 3x60 --seed 2 --set training.local.learning_rate=0.5 --set "
	            "training.local.epochs=2 --json",
	            t.path);
	program_expect(&p, 0, "");
	assert_int_equal(sscanf(strstr(p.out, "\"model_sha256\":"), "\"model_sha256\":\"%64[0-9a-f]", model), 1);
	const char *row = strstr(csv, "\n0.5,2,2,");
	assert_non_null(row);
	assert_true(strstr(row, model) != NULL && strstr(row, model) < strchr(row + 1, '\n'));
	assert_true(tempdir_exists(&t, "out/learning_rate=0.5,epochs=2/seed-2/report.html"));
	tempdir_remove(&t);
}

static void finished_runs_are_kept_and_others_made_again(void **state)
{
	struct tempdir t;

	(void)state;
	begin(&t);
	sweep(&t, GRID);
	sweep(&t, GRID);
	program_expect(&p, 0, "8 runs, 8 of them made before");

	/* gone; not complete; of another contract, seed or version; no JSON: made again, and only they */
	program_shell(
		&p,
		"cd '%s/out' && rm learning_rate=0.01,epochs=1/seed-1/run.json && cd learning_rate=0.5,epochs=1 && "
		"sed -i 's/\"complete\": true/\"complete\": false/' seed-1/run.json && "
		"sed -i 's/\"study_sha256\": \".\\{8\\}/\"study_sha256\": \"00000000/' seed-2/run.json && cd "
		"../learning_rate=0.5,epochs=2 && sed -i 's/\"seed\": 1/\"seed\": 3/' seed-1/run.json && "
		"sed -i 's/\"version\": \"/\"version\": \"9/' seed-2/run.json && cd ../learning_rate=0.01,epochs=2 && "
		"echo nonsense >seed-1/run.json",
		t.path);
	program_expect(&p, 0, "");
	sweep(&t, GRID);
	program_expect(&p, 0, "8 runs, 2 of them made before");
	sweep(&t, GRID);
	program_expect(&p, 0, "8 runs, 8 of them made before");

	/* other options are other runs; more seeds are more of the same */
	sweep(&t, GRID " --dropout 0.0");
	program_expect(&p, 0, "8 of them made before");
	sweep(&t, "--grid training.local.learning_rate=0.01,0.5 --grid training.local.epochs=1,2 --seeds 3");
	program_expect(&p, 0, "12 runs, 8 of them made before");
	sweep(&t, GRID " --sites-per-round 3");
	program_expect(&p, 0, "sweep.csv has the 8 runs\n");
	sweep(&t, GRID " --sites-per-round 3");
	program_expect(&p, 0, "8 of them made before");
	sweep(&t, GRID " --sites-per-round 3 --baselines");
	program_expect(&p, 0, "sweep.csv has the 8 runs\n");
	tempdir_remove(&t);
}

static void what_no_run_wrote_is_not_removed(void **state)
{
	struct tempdir t;

	(void)state;
	begin(&t);
	tempdir_folder(&t, "out");
	tempdir_folder(&t, "out/study");
	tempdir_folder(&t, "out/study/seed-1");
	tempdir_write(&t, "out/study/seed-1/run.json", "{}");
	tempdir_write(&t, "out/study/seed-1/thesis.tex", "mine");
	sweep(&t, "--seeds 1");
	program_expect(&p, 65, "holds thesis.tex, which no run wrote");
	assert_string_equal(tempdir_read(&t, "out/study/seed-1/run.json", NULL), "{}");
	assert_string_equal(tempdir_read(&t, "out/study/seed-1/thesis.tex", NULL), "mine");
	tempdir_remove(&t);
}

static void a_failure_stops_no_other(void **state)
{
	struct tempdir t;

	(void)state;
	begin(&t);
	/* no such strategy: no contract. Nine sites are wanted and three are there: the run says so. */
	sweep(&t, "--grid training.strategy=fedavg,fedavgg --grid sites.min=3,9 --seeds 1");
	program_expect(&p, 1, "strategy=fedavgg,min=3, seed 1: ");
	program_expect(&p, 1, "strategy=fedavg,min=9, seed 1: ");
	program_expect(&p, 1, "3 of 4 runs failed");
	assert_int_equal(lines_of(tempdir_read(&t, "out/sweep.csv", NULL)), 2);
	assert_false(tempdir_exists(&t, "out/strategy=fedavgg,min=3"));
	sweep(&t, "--grid training.strategy=fedavg,fedavgg --grid sites.min=3,9 --seeds 1 --json");
	program_expect(&p, 1, "");
	assert_non_null(strstr(p.out, "\"kept\": 1,\n  \"failed\": 3,"));
	assert_non_null(strstr(p.out, "\"reason\": \""));
	tempdir_remove(&t);
}

static void wrong_words_write_nothing(void **state)
{
	static const struct {
		const char *options;
		int exit_code;
		const char *says;
	} cases[] = {
		{"--grid training.round=1,2", 65,
	         "cohort-sim: with --grid training.round=1: training.round is no key of a study; did you mean "
	         "training.rounds?"},
		{"--grid strategy=fedavg,fedprox", 65, "did you mean training.strategy?"},
		{"--set training.rounds=0", 65, "with --set training.rounds=0: "},
		{"--grid partition=iid,shards:2", 64,
	         "--grid partition=iid,shards:2: partition is an option of run, not a key of the study; write "
	         "--partition"},
		{"--grid sites_per_round=2,3", 64, "sites-per-round is an option of run"},
		{"--set sites=5", 64, "sites is an option of run"},
		{"--grid training.rounds", 64, "write KEY=VALUE"},
		{"--seeds 0", 64, "--seeds 0: must be a whole number"},
		{"-j none", 64, "-j none: must be a whole number"},
		{"--set training.rounds", 64, "training.rounds"},
		{"--grid a=1 --grid a=2", 64, "is given twice"},
	};
	struct tempdir t;

	(void)state;
	begin(&t);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		sweep(&t, cases[i].options);
		program_expect(&p, cases[i].exit_code, cases[i].says);
		assert_false(tempdir_exists(&t, "out"));
		assert_string_equal(p.out, "");
	}
	program_run(&p, "cohort-sim", "sweep '%s/study.yaml' --synthetic 3x60", t.path);
	program_expect(&p, 64, "--out DIR is missing");
	program_run(&p, "cohort-sim", "sweep '%s/nothing.yaml' --synthetic 3x60 --out '%s/out'", t.path, t.path);
	program_expect(&p, 66, "nothing.yaml");
	assert_false(tempdir_exists(&t, "out"));
	tempdir_remove(&t);
}

/* ---- interrupts */

/* Programs whose command line names the folder, after at most five seconds of patience. */
static void expect_nothing_runs(const struct tempdir *t)
{
	program_shell(&p,
	              "for i in 1 2 3 4 5 6 7 8 9 10; do grep -lz '%s/ou[t]' /proc/[0-9]*/cmdline 2>/dev/null | "
	              "grep -q . || { echo none; break; }; sleep .5; done",
	              t->path);
	assert_string_equal(p.out, "none\n");
}

/* One combination is short and done; the other would take minutes when the interrupt comes. Both times no child is left. */
static void an_interrupt_ends_the_runs_and_keeps_what_was_done(void **state)
{
	static const char *const signals[] = {"INT", "TERM", "KILL"};
	struct tempdir t;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin(&t);
		program_shell(
			&p,
			"timeout -s %s 3 \"$BIN/cohort-sim\" sweep '%s/study.yaml' --synthetic 3x60 --out '%s/out' "
			"--grid training.rounds=2,100000 --seeds 1 -j 2",
			signals[i], t.path, t.path);
		if (i < 2) {
			assert_non_null(strstr(p.err, "interrupted with 1 of 2 runs done; the same command goes on"));
			assert_non_null(strstr(p.out, "100000  0"));
			assert_int_equal(lines_of(tempdir_read(&t, "out/sweep.csv", NULL)), 2);
		}
		expect_nothing_runs(&t);
		sweep(&t, "--grid training.rounds=2,4 --seeds 1");
		program_expect(&p, 0, "2 runs, 1 of them made before");
		tempdir_remove(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_cut_where_they_should),
		cmocka_unit_test(wrong_grids_are_refused),
		cmocka_unit_test(combinations_have_an_order_and_names),
		cmocka_unit_test(every_combination_with_every_seed),
		cmocka_unit_test(finished_runs_are_kept_and_others_made_again),
		cmocka_unit_test(what_no_run_wrote_is_not_removed),
		cmocka_unit_test(a_failure_stops_no_other),
		cmocka_unit_test(wrong_words_write_nothing),
		cmocka_unit_test(an_interrupt_ends_the_runs_and_keeps_what_was_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
