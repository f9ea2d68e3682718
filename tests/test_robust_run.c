/*
 * What robust strategies are for, in whole simulated runs of the small study: one of five hospitals, the largest, has turned its
 * labels round. And what a run says when they cannot work.
 */
#include "simulator/run.h"
#include "tests/support/federate.h"
#include "tests/support/small_run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WRONG 2 /* index of the hospital that is wrong */

static const struct engine_options plain = {.threads = 1};

static void read_run(struct small_run *s, const char *strategy, const char *sites)
{
	char training[256];

	snprintf(training, sizeof training, "%s, rounds: 15", strategy);
	small_run_read(s,
	               CHANGES({"rounds: 3", training}, {"learning_rate: 0.1", "learning_rate: 0.5"},
	                       {"epochs: 1", "epochs: 4"}, {"{min: 2, max_dropouts: 1", sites}),
	               5);
}

/* It has far more patients than anybody else, and `wrong` turns the labels of its training rows round; what all are judged by
 * is right. */
static void enlarge(struct small_run *s, struct tempdir *dir, bool wrong)
{
	struct table *t = &s->federation.sites[WRONG].table;

	table_free(t);
	small_table(t, dir, &s->study, 40);
	for (uint32_t i = 0; i < t->rows && wrong; i++)
		t->classes[i] ^= t->parts[i] == PART_TRAIN;
}

static void keep_test(struct small_run *s, const struct engine_round *r)
{
	if (r->report->evaluated)
		*(struct metrics *)s->context = r->report->test;
}

/* The last model's AUC on the test rows of all. */
static double auc_of(const char *strategy, bool wrong)
{
	struct metrics test = METRICS_NONE;
	struct tempdir dir;
	struct small_run run;

	tempdir_make(&dir);
	read_run(&run, strategy, "{min: 5, max_dropouts: 0");
	enlarge(&run, &dir, wrong);
	run.context = &test;
	run.on_round = keep_test;
	if (small_run_run(&run, &plain) != OK)
		fail_msg("%s", run.why.text);
	small_run_end(&run);
	tempdir_remove(&dir);
	return test.auc;
}

static void test_labels_turned_round(void **state)
{
	static const char *const robust[] = {"strategy: median", "strategy: trimmed_mean", "strategy: krum",
	                                     "strategy: krum, server: {keep: 2}"};
	double good = auc_of("strategy: fedavg", false), harmed = auc_of("strategy: fedavg", true);

	(void)state;
	print_message("fedavg: AUC %.3f, with one of five wrong %.3f\n", good, harmed);
	assert_true(good > 0.95 && harmed < 0.55);
	for (size_t i = 0; i < sizeof robust / sizeof *robust; i++) {
		double wrong = auc_of(robust[i], true);

		print_message("%s: %.3f\n", robust[i], wrong);
		assert_true(wrong > 0.7);
	}
}

/* ---- who is looked at */

/* The last model's loss with a median, where the hospital in the middle refuses, or is no member. */
static double loss_without(const char *training, const char *sites, uint32_t invited)
{
	struct metrics test = METRICS_NONE;
	struct tempdir dir;
	struct small_run run;

	tempdir_make(&dir);
	read_run(&run, training, sites);
	enlarge(&run, &dir, true);
	run.context = &test;
	run.on_round = keep_test;
	if (small_run_run(&run, &(struct engine_options){.threads = 3}) != OK)
		fail_msg("%s", run.why.text);
	assert_int_equal(campaign_plan(engine_campaign(run.engine))->site_count, invited);
	small_run_end(&run);
	tempdir_remove(&dir);
	return test.loss;
}

/* The two differ only in the grids of sums. */
static void test_who_sends_nothing_is_not_looked_at(void **state)
{
	double refuses = loss_without("strategy: median, weights: {cap: 100}", "{min: 4, max_dropouts: 1", 5);
	double absent = loss_without("strategy: median, weights: {cap: 100}",
	                             "{min: 4, max_dropouts: 0, members: [site-0, site-1, site-3, site-4]", 4);

	(void)state;
	print_message("%.9f %.9f\n", refuses, absent);
	assert_true(fabs(refuses - absent) < 1e-5);
}

/* ---- groups */

#define MANY 12

/* The study with MANY hospitals in groups of 3 or 2, masked; trimmed_mean leaves one group out at each end. */
static void read_groups(struct small_run *s, const char *training, const char *masking)
{
	struct federation *f = &s->federation;
	struct tempdir dir;

	small_run_read(s,
	               CHANGES({"rounds: 3", training}, {"learning_rate: 0.1", "learning_rate: 0.5"},
	                       {"masking: off", masking}, {"max_dropouts: 1", "max_dropouts: 0, max_colluders: 0"}),
	               0);
	federation_free(f);
	tempdir_make(&dir);
	*f = (struct federation){.study = &s->study, .count = MANY, .capacity = MANY};
	f->sites = mem_array(MANY, sizeof *f->sites);
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(f->sites[i].name, NAME_SIZE, "site-%02u", i);
		small_table(&f->sites[i].table, &dir, &s->study, i);
	}
	tempdir_remove(&dir);
}

struct took_part {
	bool in[16][MANY + 1]; /* step, number */
	uint32_t least; /* in a step */
};

static void note_participants(struct small_run *s, const struct engine_round *r)
{
	struct took_part *t = s->context;

	if (r->report->outcome != OUTCOME_DONE) { /* not because of sums that more than half of the groups made */
		assert_true(r->contributed <= MANY / 2);
		return;
	}
	for (uint32_t i = 0; i < MANY; i++) {
		const struct round_site *site = round_site_at(r->report->round, i);

		t->in[r->report->plan->step][site->number] = site->state == SITE_CONTRIBUTED;
	}
	t->least = r->contributed < t->least ? r->contributed : t->least;
}

static bool took_part(void *context, uint32_t step, uint32_t number)
{
	const struct took_part *t = context;

	return t->in[step][number];
}

/* The model of masked groups is that of the groups' sums, added up without masks, one site after the other. The least number of
 * sites that a step was made of. */
static uint32_t expect_of_groups(const char *training, const char *masking, double dropout, double slow)
{
	struct took_part who = {.least = MANY};
	struct small_run run, again;
	struct federated straight;
	struct table tables[MANY];
	const char *names[MANY];

	read_groups(&run, training, masking);
	run.context = &who;
	run.on_round = note_participants;
	if (small_run_run(&run, &(struct engine_options){.threads = 2, .dropout = dropout, .slow = slow}) != OK)
		fail_msg("%s", run.why.text);
	assert_true(engine_masked(run.engine));
	read_groups(&again, training, masking); /* a run gives its rows back */
	for (uint32_t i = 0; i < MANY; i++) {
		tables[i] = again.federation.sites[i].table;
		names[i] = again.federation.sites[i].name;
	}
	federate_among(&straight, &again.study, tables, names, MANY, took_part, &who);
	struct hash made = small_run_model(&run);
	assert_memory_equal(made.b, straight.best_sha256.b, HASH_SIZE);
	buf_free(&straight.model);
	small_run_end(&again);
	small_run_end(&run);
	return who.least;
}

static void test_groups_are_looked_at_one_by_one(void **state)
{
	(void)state;
	assert_int_equal(expect_of_groups("strategy: median, rounds: 4", "masking: groups of 3", 0, 0), MANY);
	expect_of_groups("strategy: median, rounds: 4", "masking: groups of 2", 0, 0);
	expect_of_groups("strategy: trimmed_mean, server: {trim: 0.34}, rounds: 4", "masking: groups of 3", 0, 0);
	expect_of_groups("strategy: krum, server: {byzantine: 0}, rounds: 4", "masking: groups of 2", 0, 0);
}

/* A site that stays away, or falls silent when the others have masked for it, takes its group with it. */
static void test_groups_that_fail_are_not_looked_at(void **state)
{
	(void)state;
	assert_true(expect_of_groups("strategy: median, rounds: 12", "masking: groups of 2", 0.08, 0) < MANY - 2);
	assert_true(expect_of_groups("strategy: trimmed_mean, server: {trim: 0.34}, rounds: 12", "masking: groups of 3",
	                             0.02, 0.04) < MANY);
}

/* One hospital with many patients is wrong, and with it its group. */
static double auc_in_groups(const char *training, bool wrong)
{
	struct metrics test = METRICS_NONE;
	struct tempdir dir;
	struct small_run run;

	tempdir_make(&dir);
	read_groups(&run, training, "masking: groups of 2");
	enlarge(&run, &dir, wrong);
	run.context = &test;
	run.on_round = keep_test;
	if (small_run_run(&run, &(struct engine_options){.threads = 2}) != OK)
		fail_msg("%s", run.why.text);
	small_run_end(&run);
	tempdir_remove(&dir);
	return test.auc;
}

static void test_a_group_with_a_wrong_hospital(void **state)
{
	double good = auc_in_groups("rounds: 30", false), harmed = auc_in_groups("rounds: 30", true);
	double median = auc_in_groups("strategy: median, rounds: 30", true);
	double trimmed = auc_in_groups("strategy: trimmed_mean, server: {trim: 0.25}, rounds: 30", true);

	(void)state;
	print_message("groups: fedavg %.3f, with one wrong %.3f; median %.3f, trimmed_mean %.3f\n", good, harmed,
	              median, trimmed);
	assert_true(good > 0.95 && harmed < 0.75 && median > 0.8 && trimmed > 0.8);
}

/* ---- too few updates, too many */

/* A hospital without a training row has no update, which no plan shows. */
static void test_too_few_updates_end_it_in_words(void **state)
{
	struct small_run run;
	struct table *t;

	(void)state;
	read_run(&run, "strategy: krum", "{min: 5, max_dropouts: 0");
	t = &run.federation.sites[WRONG].table;
	for (uint32_t i = 0; i < t->rows; i++)
		t->parts[i] = PART_TEST;
	table_count(t);
	assert_int_equal(small_run_run(&run, &plain), ERR_DATA);
	assert_string_equal(run.why.text,
	                    "study small: strategy krum needs 5 updates, and 4 of this round's 5 sites have a training "
	                    "row: raise sites.min, or choose other numbers below training.server, in a new revision");
	small_run_end(&run);
}

/* All members are enough, and a sample of four is not. */
static void test_a_sample_that_is_too_small_opens_no_round(void **state)
{
	struct small_run run;

	(void)state;
	read_run(&run, "strategy: krum", "{min: 2, max_dropouts: 0, members: [site-0, site-1, site-2, site-3, site-4]");
	assert_int_equal(small_run_run(&run, &(struct engine_options){.threads = 1, .sites_per_round = 4}),
	                 ERR_REFUSED);
	assert_string_equal(run.why.text,
	                    "no round can be opened: strategy krum needs 5 updates and a round of 4 sites "
	                    "may end with 4: raise sites.min, invite more hospitals, or lower "
	                    "training.server.byzantine or keep");
	small_run_end(&run);
}

static const char many_sites[] =
	"cohort: 1\nstudy: many\npurpose: More updates than memory has room for\n"
	"data:\n  features: [{name: x, min: -4, max: 4}]\n  label: {name: label, type: binary}\n"
	"model: {layers: [dense 1000, relu, dense 100, relu, dense 1]}\n"
	"training: {rounds: 1, strategy: median}\n"
	"masking: off\nprivacy: {mechanism: none}\n";

static void test_more_updates_than_are_kept(void **state)
{
	struct run_request request = {.data = {.synthetic = "12000x3"}, .threads = 1};
	struct diag why = {{0}};
	struct tempdir dir;
	struct run run;

	(void)state;
	tempdir_make(&dir);
	tempdir_write(&dir, "many.yaml", many_sites);
	request.study = tempdir_path(&dir, "many.yaml");
	assert_int_equal(run_perform(&run, &request, &why), ERR_LIMIT);
	assert_string_equal(why.text,
	                    "strategy median looks at each update alone, and those of 12000 sites take 4724 MiB, "
	                    "more than the 4096 MiB that are kept; ask fewer with --sites-per-round");
	run_free(&run);
	tempdir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels_turned_round),
		cmocka_unit_test(test_groups_are_looked_at_one_by_one),
		cmocka_unit_test(test_groups_that_fail_are_not_looked_at),
		cmocka_unit_test(test_a_group_with_a_wrong_hospital),
		cmocka_unit_test(test_who_sends_nothing_is_not_looked_at),
		cmocka_unit_test(test_too_few_updates_end_it_in_words),
		cmocka_unit_test(test_a_sample_that_is_too_small_opens_no_round),
		cmocka_unit_test(test_more_updates_than_are_kept),
	};

	return cmocka_run_group_tests_name("robust runs", tests, NULL, NULL);
}
