/* The page about a run: every number of the run's folder is there, nothing points outside, hostile names are only shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/report_page.h"
#include "tests/support/program.h"
#include "tests/support/run_fixture.h"

#define HOSTILE "</title><script src=\"http://x.example/a.js\">alert(1)</script>&'"

static struct program p;

/* Writes the page of a fixture and returns it. */
static const char *page_of(struct tempdir *t, const struct run_fixture *f)
{
	struct diag why = {0};

	run_fixture_write(t, "run", f);
	if (report_page_write(tempdir_path(t, "run"), &why) != OK)
		fail_msg("%s", why.text);
	return tempdir_read(t, "run/report.html", NULL);
}

static void expect_all(const char *page, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(page, words[i]) == NULL)
			fail_msg("the page lacks \"%s\"", words[i]);
}
#define EXPECT_ALL(page, words) expect_all(page, words, sizeof(words) / sizeof *(words))

static void every_number_is_there(void **state)
{
	static const char *const words[] = {
		"<h1>heart</h1>",
		"Predict coronary disease from a first visit",
		"simulated: no hospital took part",
		"4 sites, 10 rounds, strategy fedavg, seed 1.",
		/* headline figures: auc, accuracy, precision, recall, f1, loss, brier */
		"first\"><b>0.900</b><span>AUC",
		"<b>0.812</b><span>accuracy",
		"<b>0.765</b><span>precision",
		"<b>0.791</b><span>recall",
		"<b>0.778</b><span>F1",
		"<b>0.432</b><span>loss",
		"<b>0.136</b><span>Brier score",
		"Of the model after 10 training rounds, the best on validation rows, on the 1\xe2\x80\xaf"
		"120 test rows of all 4 sites",
		"would have been told them",
		"<td>validation</td><td>240</td><td>0.825</td>",
		/* confusion */
		">111</td>",
		">22</td>",
		">33</td>",
		">1\xe2\x80\xaf"
		"444</td>",
		/* the run's own model: the mean of .8400 .7441 .8846, and no value at site-3 */
		"all sites, federated</td><td style=\"text-align:left\">test rows of each site, mean of 3 sites</td>"
		"<td>0.823</td>",
		/* baselines: the mean of .71 .73 .75 .77 and of .66 .67 .68 .69 */
		"all rows in one place</td><td style=\"text-align:left\">test rows of all sites</td><td>0.934</td>",
		"its own test rows, mean of 4 sites</td><td>0.740</td>",
		"test rows of all sites, mean of 4 sites</td><td>0.675</td>",
		/* sites */
		"<tr><td>site-1</td><td>1\xe2\x80\xaf"
		"500</td><td>60</td><td>7</td><td>0.840</td><td>0.710</td><td>0.660</td>",
		"<tr><td>site-3</td><td>1\xe2\x80\xaf"
		"502</td><td>60</td><td>25</td><td>-</td><td>0.750</td><td>0.680</td>",
		"11\xe2\x80\xaf"
		"000",
		"n = 16",
		"no value",
		/* facts */
		"<th scope=\"row\">Training rows</th><td>6\xe2\x80\xaf"
		"006</td>",
		"<th scope=\"row\">Test rows</th><td>82</td>",
		"<th scope=\"row\">Updates computed</th><td>40</td>",
		"dense 16, relu, dense 1",
		"<th scope=\"row\">Learning rate</th><td>0.05</td>",
		"<th scope=\"row\">Sites drop out with probability</th><td>0.1</td>",
		"<th scope=\"row\">Updates per second</th><td>3200</td>",
		"<th scope=\"row\">Study, revision</th><td>3</td>",
		"1111111111111111111111111111111111111111111111111111111111111111",
		"2222222222222222222222222222222222222222222222222222222222222222",
		"3333333333333333333333333333333333333333333333333333333333333333",
		"Mechanism: none. No noise was added",
		"site-2: one class among its training rows",
		/* charts */
		">AUC 0.900</text>",
		"3 bins of 31 to 1\xe2\x80\xaf"
		"044 test rows",
		"validation rows",
		"kB per round",
		/* what to type, quoted for a shell and then for HTML */
		"cohort-sim run STUDY.yaml \\\n  --data &#39;it&#39;\\&#39;&#39;s here/heart&#39; \\\n  --partition "
		"dirichlet:0.5 "
		"\\\n  --sites 4 \\\n  --dropout 0.1 \\\n  --set training.strategy=fedavg \\\n  --seed 1 --out RUNDIR",
	};
	static const char *const pictures[] = {"auc.svg",   "loss.svg", "participants.svg", "bytes.svg",
	                                       "sites.svg", "roc.svg",  "calibration.svg"};
	struct run_fixture f = run_fixture_default();
	struct tempdir t;
	char name[64];

	(void)state;
	tempdir_make(&t);
	f.baselines = true;
	const char *page = page_of(&t, &f);
	EXPECT_ALL(page, words);
	assert_null(strstr(page, "Sites are late with probability")); /* nobody asked for it */
	for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
		snprintf(name, sizeof name, "run/%s", pictures[i]);
		assert_non_null(strstr(page, tempdir_read(&t, name, NULL))); /* the same picture inside and beside */
	}
	assert_int_equal(tempdir_count(&t, "run"), 3 + 1 + sizeof pictures / sizeof *pictures);
	tempdir_remove(&t);
}

/* What a browser would fetch, follow or run, by Python's parser: nothing but the one script of our own. */
static void nothing_points_outside_and_hostile_names_are_shown(void **state)
{
	struct run_fixture f = run_fixture_default();
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	f.study = HOSTILE;
	f.purpose = HOSTILE;
	f.site_name = HOSTILE;
	f.baselines = true;
	page_of(&t, &f);
	program_shell(
		&p,
		"python3 -c 'import sys, xml.etree.ElementTree as x\n"
		"text = 0\n"
		"for e in x.parse(sys.argv[1]).iter():\n"
		" tag = e.tag.split(\"}\")[1]\n"
		" bad = [k for k in e.keys() if k in (\"src\", \"href\", \"srcset\", \"action\", \"data\", \"poster\") "
		"or k.startswith(\"on\")]\n"
		" if bad or tag in (\"link\", \"iframe\", \"object\", \"embed\", \"img\", \"image\", \"use\", "
		"\"base\"): "
		"print(\"outside\", tag, bad)\n"
		" if tag in (\"script\", \"style\"): print(tag, \"http\" in e.text, \"url(\" in e.text, "
		"\"@import\" in e.text)\n"
		" text += \"x.example/a.js\" in (e.text or \"\")\n"
		"print(text)' '%s'",
		tempdir_path(&t, "run/report.html"));
	program_expect(&p, 0, "");
	assert_string_equal(
		p.out,
		"style False False False\nscript False False False\n5\n"); /* title, h1, purpose, picture, table */
	tempdir_remove(&t);
}

static void the_same_folder_gives_the_same_bytes(void **state)
{
	struct run_fixture f = run_fixture_default();
	struct tempdir t;
	struct diag why = {0};

	(void)state;
	tempdir_make(&t);
	char *first = mem_copy_text(page_of(&t, &f));
	assert_int_equal(report_page_write(tempdir_path(&t, "run"), &why), OK);
	assert_string_equal(tempdir_read(&t, "run/report.html", NULL), first);
	free(first);
	tempdir_remove(&t);
}

static void several_classes_and_numbers_have_other_figures(void **state)
{
	static const char *const categorical[] = {"first\"><b>0.812</b><span>accuracy", "Accuracy over training rounds",
	                                          "&lt;b&gt;high&lt;/b&gt;</th>"};
	static const char *const numeric[] = {"first\"><b>0.568</b><span>R\xc2\xb2", "<b>12.34</b><span>RMSE",
	                                      "mean squared error", "did not come to its end"};
	struct run_fixture f = run_fixture_default();
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	f.label_type = "categorical";
	const char *page = page_of(&t, &f);
	EXPECT_ALL(page, categorical);
	assert_null(strstr(page, "ROC curve"));
	assert_true(tempdir_exists(&t, "run/metric.svg") && !tempdir_exists(&t, "run/auc.svg"));
	tempdir_remove(&t);

	tempdir_make(&t);
	f.label_type = "numeric";
	f.complete = false;
	page = page_of(&t, &f);
	EXPECT_ALL(page, numeric);
	assert_null(strstr(page, "Confusion"));
	assert_null(strstr(page, "accuracy"));
	tempdir_remove(&t);
}

/* Of a study that samples 2 of its 100 sites, the rounds that ask all 100 are not drawn. */
static void sampled_rounds_are_drawn_alone(void **state)
{
	static const char rounds[] =
		"round,asks,contributed,late,dropped,refused,bytes_up,bytes_down,model_step,test_auc\n"
		"1,statistics,100,3,0,0,100000,100000,,\n2,train,2,0,0,0,2000,2000,,\n"
		"3,train+evaluate,2,0,1,0,2000,2000,1,0.7\n4,evaluate,100,0,0,0,100000,100000,2,0.8\n";
	struct run_fixture f = run_fixture_default();
	struct tempdir t;
	struct diag why = {0};

	(void)state;
	for (unsigned sampled = 0; sampled < 2; sampled++) {
		tempdir_make(&t);
		f.sites_per_round = sampled ? 2 : 0;
		run_fixture_write(&t, "run", &f);
		tempdir_write(&t, "run/rounds.csv", rounds);
		assert_int_equal(report_page_write(tempdir_path(&t, "run"), &why), OK);
		const char *sites = tempdir_read(&t, "run/participants.svg", NULL);
		assert_int_equal(strstr(sites, ">100</text>") == NULL, sampled);
		assert_int_equal(strstr(sites, ">late</text>") == NULL, sampled);
		assert_non_null(strstr(sites, ">dropped</text>"));
		assert_int_equal(strstr(sites, "Sites in each training round") != NULL, sampled);
		const char *bytes = tempdir_read(&t, "run/bytes.svg", NULL);
		assert_int_equal(strstr(bytes, ">100</text>") == NULL, sampled);
		assert_int_equal(strstr(bytes, "in each training round") != NULL, sampled);
		tempdir_remove(&t);
	}
}

/* A run that was interrupted before its first model, or has no test row: no figure is invented. */
static void without_figures_none_are_spoken_of(void **state)
{
	static const char *const words[] = {"did not come to its end", "No model of this run was judged"};
	struct run_fixture f = run_fixture_default();
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	f.complete = false;
	f.unjudged = true;
	const char *page = page_of(&t, &f);
	EXPECT_ALL(page, words);
	assert_null(strstr(page, "taken together"));
	assert_null(strstr(page, "would have been told them"));
	assert_null(strstr(page, "class=\"card first\""));
	tempdir_remove(&t);
}

/* Rounds without figures, and attempts that failed, are no holes: one line through what is known. */
static void rounds_without_figures_do_not_cut_the_line(void **state)
{
	struct run_fixture f = run_fixture_default();
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	f.evaluate_every = 5;
	page_of(&t, &f);
	for (int i = 0; i < 2; i++) {
		const char *picture = tempdir_read(&t, i == 0 ? "run/auc.svg" : "run/loss.svg", NULL), *line;

		assert_non_null(line = strstr(picture, "<polyline"));
		assert_non_null(line = strstr(line + 1, "<polyline")); /* test and validation */
		assert_null(strstr(line + 1, "<polyline"));
		assert_null(strstr(picture, "<circle"));
	}
	tempdir_remove(&t);
}

static void a_private_run_says_its_bound(void **state)
{
	static const char *const words[] = {"Mechanism: distributed",
	                                    "epsilon = 2.75 and delta = 0.0001",
	                                    "1.312",
	                                    "0.625",
	                                    "4.375",
	                                    "everybody",
	                                    "Epsilon does not cover the figures",
	                                    "31.2 %",
	                                    "1.875",
	                                    "0.5625",
	                                    "model is not private all the same",
	                                    "trained without noise and without clipping"};
	struct run_fixture f = run_fixture_default();
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	f.epsilon = f.baselines = true;
	const char *page = page_of(&t, &f);
	EXPECT_ALL(page, words);
	assert_null(strstr(page, "Mechanism: none"));
	tempdir_remove(&t);
}

static void many_sites_are_a_cloud_and_a_cut_table(void **state)
{
	struct run_fixture f = run_fixture_default();
	struct tempdir t;
	size_t rows = 0;

	(void)state;
	tempdir_make(&t);
	f.sites = REPORT_SITES_MAX + 1;
	const char *page = page_of(&t, &f);
	assert_non_null(strstr(page, "test rows of the site"));
	assert_non_null(strstr(page, "The first 1000 of 1001 sites; sites.csv has them all."));
	for (const char *at = page; (at = strstr(at, "<tr><td>site-")) != NULL; at++)
		rows++;
	assert_int_equal(rows, REPORT_SITES_MAX);
	tempdir_remove(&t);
}

static void refuse(struct tempdir *t, enum err expected, const char *words)
{
	struct diag why = {0};

	assert_int_equal(report_page_write(tempdir_path(t, "run"), &why), expected);
	if (strstr(why.text, words) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", why.text, words);
	assert_false(tempdir_exists(t, "run/report.html"));
}

static void broken_folders_are_refused_with_a_line(void **state)
{
	struct run_fixture f = run_fixture_default();
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	refuse(&t, ERR_NO_INPUT, "no run here");
	run_fixture_write(&t, "run", &f);
	tempdir_write(&t, "run/sites.csv", "site,number\na,1,2\n");
	refuse(&t, ERR_DATA, "sites.csv:2");
	tempdir_write(&t, "run/rounds.csv", "");
	refuse(&t, ERR_DATA, "rounds.csv");
	tempdir_write(&t, "run/run.json", "{\"schema\":\"cohort/run/2\"}");
	refuse(&t, ERR_DATA, "cohort/run/1");
	tempdir_write(&t, "run/run.json", "{\"schema\":");
	refuse(&t, ERR_DATA, "run.json");
	tempdir_write(&t, "run/run.json", "[]");
	refuse(&t, ERR_DATA, "cohort/run/1");
	tempdir_remove(&t);
}

/* Whatever key of run.json is gone, null, a text or a list: a page or a line, never an end. */
static void odd_values_end_nothing(void **state)
{
	static const char *const odd[] = {"null", "\"x\"", "[]", "[[]]", "{}", "-1", "1e300", "[[1,null],\"a\",{}]"};
	static const char *const keys[] = {"metrics",   "validation", "baselines", "privacy",  "roc",  "calibration",
	                                   "confusion", "options",    "contract",  "warnings", "seed", "sites",
	                                   "released",  "complete",   "excluded",  "study"};
	struct run_fixture f = run_fixture_default();
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	f.baselines = true;
	run_fixture_write(&t, "run", &f);
	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
		for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
			char text[256];
			struct diag why = {0};

			snprintf(text, sizeof text, "{\"schema\":\"cohort/run/1\",\"study\":\"a\",\"%s\":%s}",
			         strcmp(keys[k], "study") == 0 ? "study_hash" : keys[k], odd[i]);
			tempdir_write(&t, "run/run.json", text);
			assert_int_equal(report_page_write(tempdir_path(&t, "run"), &why), OK);
		}
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_is_there),
		cmocka_unit_test(nothing_points_outside_and_hostile_names_are_shown),
		cmocka_unit_test(the_same_folder_gives_the_same_bytes),
		cmocka_unit_test(several_classes_and_numbers_have_other_figures),
		cmocka_unit_test(sampled_rounds_are_drawn_alone),
		cmocka_unit_test(without_figures_none_are_spoken_of),
		cmocka_unit_test(rounds_without_figures_do_not_cut_the_line),
		cmocka_unit_test(a_private_run_says_its_bound),
		cmocka_unit_test(many_sites_are_a_cloud_and_a_cut_table),
		cmocka_unit_test(broken_folders_are_refused_with_a_line),
		cmocka_unit_test(odd_values_end_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
