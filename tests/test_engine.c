/*
 * The engine makes the very models that the protocol makes site by site: held against the plainest federation
 * (tests/support/federate.h), for any number of workers, with sites that stay away, come late or refuse.
 */
#include "simulator/engine.h"
#include "simulator/fates.h"
#include "tests/support/federate.h"
#include "tests/support/sanitized.h"
#include "tests/support/small_run.h"

#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ONE_MORE                                                                                                       \
	{                                                                                                              \
		"rounds: 3", "rounds: 4"                                                                               \
	}

#define MOMENTS                                                                                                        \
	{                                                                                                              \
		"rounds: 3", "strategy: fedadam, server: {learning_rate: 0.05}, rounds: 4"                             \
	}

/* A strategy that looks at each update alone. */
#define ROBUST(text)                                                                                                   \
	{"rounds: 3", "strategy: " text ", rounds: 4"},                                                                \
	{                                                                                                              \
		"{min: 2, max_dropouts: 1", "{min: 5, max_dropouts: 0"                                                 \
	}

/* Its labels are 0 and 1. */
#define NUMBER                                                                                                         \
	{                                                                                                              \
		"type: binary, positive: \"1\"", "type: numeric, min: -1, max: 3"                                      \
	}

static void assert_model_is_the_federations(const char *const (*changes)[2], size_t count)
{
	struct engine_options options = {.threads = 1};
	struct federation sites;
	struct federated straight;
	const char *names[8];
	struct table tables[8];
	struct small_run run;

	small_run_play(&run, changes, count, 0, &options);
	small_run_sites(&sites, &run.study);
	for (uint32_t i = 0; i < sites.count; i++) {
		names[i] = sites.sites[i].name;
		tables[i] = sites.sites[i].table;
	}
	federate(&straight, &run.study, tables, names, sites.count);
	struct hash made = small_run_model(&run);
	assert_memory_equal(made.b, straight.model_sha256.b, HASH_SIZE);
	assert_int_equal(run.done, 6); /* statistics, four that train, the last evaluation */
	assert_int_equal(engine_updates(run.engine), 4 * 5);
	buf_free(&straight.model);
	federation_free(&sites);
	small_run_end(&run);
}

static void test_its_model_is_the_federation_s(void **state)
{
	(void)state;
	assert_model_is_the_federations(CHANGES(ONE_MORE));
	assert_model_is_the_federations(CHANGES(MOMENTS));
	assert_model_is_the_federations(CHANGES(ONE_MORE, NUMBER));
	assert_model_is_the_federations(CHANGES(ROBUST("median")));
	assert_model_is_the_federations(CHANGES(ROBUST("trimmed_mean")));
	assert_model_is_the_federations(CHANGES(ROBUST("krum")));
	assert_model_is_the_federations(CHANGES(ROBUST("krum, server: {byzantine: 0, keep: 3}")));
}

static void assert_workers_change_no_bit(const char *const (*changes)[2], size_t count, uint64_t seed)
{
	struct small_run one, many;

	small_run_play(&one, changes, count, seed, &(struct engine_options){.threads = 1});
	small_run_play(&many, changes, count, seed, &(struct engine_options){.threads = 4});
	struct hash a = small_run_model(&one), b = small_run_model(&many);
	assert_memory_equal(a.b, b.b, HASH_SIZE);
	small_run_end(&one);
	small_run_end(&many);
}

static void test_workers_change_no_bit(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 2; seed++) {
		assert_workers_change_no_bit(CHANGES(ONE_MORE), seed);
		assert_workers_change_no_bit(CHANGES(ROBUST("trimmed_mean")), seed);
		assert_workers_change_no_bit(CHANGES(ROBUST("krum")), seed);
	}
}

static void test_a_seed_is_another_course(void **state)
{
	struct small_run a, b;

	(void)state;
	small_run_play(&a, CHANGES(ONE_MORE), 1, &(struct engine_options){.threads = 1});
	small_run_play(&b, CHANGES(ONE_MORE), 2, &(struct engine_options){.threads = 1});
	struct hash first = small_run_model(&a), second = small_run_model(&b);
	assert_memory_not_equal(first.b, second.b, HASH_SIZE);
	small_run_end(&a);
	small_run_end(&b);
}

static void test_sites_that_drop_or_are_slow(void **state)
{
	struct engine_options options = {.threads = 2, .dropout = 0.15, .slow = 0.1};
	struct small_run run;

	(void)state;
	small_run_play(&run, CHANGES({"rounds: 3", "rounds: 20"}, {"max_dropouts: 1", "max_dropouts: 2"}), 7, &options);
	assert_true(run.late > 0 && run.dropped > 0);
	assert_int_equal(run.done, 22);
	assert_true(run.contributed < 5 * run.done && run.contributed >= 3 * run.done);
	small_run_end(&run);
}

/* A site that contributed to an attempt that failed sends the same again: what drops changes who is in a sum, not the way there. */
static void test_failed_attempts_are_tried_again(void **state)
{
	struct engine_options options = {.threads = 1, .dropout = 0.3};
	struct small_run run;

	(void)state;
	small_run_play(&run, CHANGES({"rounds: 3", "rounds: 8"}, {"max_dropouts: 1", "max_dropouts: 0"}), 3, &options);
	assert_true(run.attempts > run.done);
	assert_int_equal(run.done, 10);
	struct small_run all;
	small_run_play(&all, CHANGES({"rounds: 3", "rounds: 8"}, {"max_dropouts: 1", "max_dropouts: 0"}), 3,
	               &(struct engine_options){.threads = 1});
	/* with no site missing from any sum the model is the one without dropouts */
	struct hash a = small_run_model(&run), b = small_run_model(&all);
	assert_memory_equal(a.b, b.b, HASH_SIZE);
	small_run_end(&run);
	small_run_end(&all);
}

static void test_hopeless_dropout_ends(void **state)
{
	struct engine_options options = {.threads = 1, .dropout = 1};
	struct small_run run;

	(void)state;
	small_run_read(&run, CHANGES(ONE_MORE), 0);
	assert_int_equal(small_run_run(&run, &options), ERR_LIMIT);
	assert_non_null(strstr(run.why.text,
	                       "48 attempts in a row ended without a quorum: the last asked 5 sites and needed 4"));
	small_run_end(&run);
}

static void test_a_sample_trains_and_all_are_asked_at_the_ends(void **state)
{
	struct engine_options options = {.threads = 1, .sites_per_round = 3};
	struct small_run run;

	(void)state;
	small_run_play(&run, CHANGES(ONE_MORE), 0, &options);
	assert_int_equal(engine_updates(run.engine), 4 * 3);
	assert_int_equal(run.contributed, 5 + 4 * 3 + 5);
	small_run_end(&run);
}

static void test_too_few_sites(void **state)
{
	struct small_run run;

	(void)state;
	small_run_read(&run, CHANGES({"min: 2, max", "min: 6, max"}), 0);
	assert_int_equal(small_run_run(&run, &(struct engine_options){.threads = 1}), ERR_REFUSED);
	assert_non_null(strstr(run.why.text, "5 sites can take part and the study's sites.min is 6; "
	                                     "take more sites, or say --set sites.min=5"));
	small_run_end(&run);
	small_run_read(&run, CHANGES({"min: 2, max", "min: 4, max"}), 0);
	assert_int_equal(small_run_run(&run, &(struct engine_options){.threads = 1, .sites_per_round = 3}),
	                 ERR_REFUSED);
	assert_non_null(strstr(run.why.text, "--sites-per-round 3 is below the study's sites.min, 4"));
	small_run_end(&run);
}

static void test_a_policy_excludes_and_refuses(void **state)
{
	static const char text[] = "{masking: off, mechanisms: [none], evaluation: [masked], min_rows: 25, "
				   "min_positives: 0, min_sites: 1}\n";
	struct policy policy;
	struct small_run run;
	struct engine_options options = {.threads = 1, .policy = &policy};
	uint32_t excluded = 0;

	(void)state;
	assert_int_equal(policy_parse(&policy, bytes_text(text), "policy.yaml", NULL), OK);
	small_run_play(&run, CHANGES({"min: 2, max_dropouts: 1", "min: 1, max_dropouts: 0"}), 0, &options);
	for (uint32_t i = 0; i < 5; i++) {
		const struct engine_site *s = engine_site(run.engine, i);

		excluded += s->excluded;
		assert_true(s->excluded == (s->refusal == REFUSAL_DATA_SMALL));
		assert_true(s->contributed == (s->excluded ? 0 : 5));
	}
	assert_true(excluded > 0 && excluded < 5);
	small_run_end(&run);
	policy = policy_strict();
	small_run_read(&run, CHANGES(ONE_MORE), 0);
	assert_int_equal(small_run_run(&run, &options), ERR_REFUSED);
	assert_non_null(strstr(run.why.text, "no hospital with this policy takes part"));
	small_run_end(&run);
}

static void test_a_cap_is_one_site_s_refusal(void **state)
{
	struct small_run run;

	(void)state;
	small_run_play(&run,
	               CHANGES({"rounds: 3", "weights: {cap: 30}, rounds: 3"}, {"max_dropouts: 1", "max_dropouts: 2"}),
	               0, &(struct engine_options){.threads = 2});
	assert_true(run.refused > 0);
	for (uint32_t i = 0; i < 5; i++) {
		const struct engine_site *s = engine_site(run.engine, i);

		assert_true(s->refused == 0 || s->refusal == REFUSAL_WEIGHT_CAP);
	}
	small_run_end(&run);
}

/* ---- the best model */

/* Learning rates at which validation gets better and then worse again: the best is neither the first nor the last. */
/* Returns whether that is so here: the last bits of training differ between builds. */
static bool best_is_the_straight_one(const char *training, const char *layers, uint32_t last)
{
	struct engine_options options = {.threads = 2};
	struct federated straight;
	struct federation sites;
	const char *names[8];
	struct table tables[8];
	struct small_run run;
	struct hash made, named;
	uint32_t step;

	small_run_play(&run, CHANGES({"rounds: 3", training}, {"dense 3, relu, dense 1", layers}), 0, &options);
	small_run_sites(&sites, &run.study);
	for (uint32_t i = 0; i < sites.count; i++) {
		names[i] = sites.sites[i].name;
		tables[i] = sites.sites[i].table;
	}
	federate(&straight, &run.study, tables, names, sites.count);
	engine_model(run.engine, &named, &step);
	assert_int_equal(step, straight.best_step);
	made = small_run_model(&run);
	assert_memory_equal(made.b, straight.best_sha256.b, HASH_SIZE);
	buf_free(&straight.model);
	federation_free(&sites);
	small_run_end(&run);
	return step >= 1 && step < last;
}

static void test_the_best_model_is_kept(void **state)
{
	static const struct {
		const char *training, *layers;
		uint32_t last;
	} courses[] = {
		{"rounds: 25, server: {learning_rate: 3}", "dense 3, relu, dense 1", 25},
		{"rounds: 25, server: {learning_rate: 6}", "dense 3, relu, dense 1", 25},
		{"rounds: 24, evaluate_every: 5, server: {learning_rate: 3}", "dense 3, relu, dense 1", 24},
		{"rounds: 24, evaluate_every: 5, server: {learning_rate: 6}", "dense 3, relu, dense 1", 24},
		{"rounds: 25, strategy: fedadam, server: {learning_rate: 0.5}", "dense 1", 25},
		{"rounds: 25, strategy: fedadam, server: {learning_rate: 1}", "dense 1", 25},
	};
	unsigned between = 0;

	(void)state;
	for (size_t i = 0; i < sizeof courses / sizeof courses[0]; i++)
		between += best_is_the_straight_one(courses[i].training, courses[i].layers, courses[i].last);
	assert_true(between >= 3); /* or this proves nothing */
}

static void test_patience_ends_it_early(void **state)
{
	struct small_run all, early;
	struct hash a, b;
	uint32_t best, kept;

	(void)state;
	small_run_play(&all, CHANGES({"rounds: 3", "rounds: 25, server: {learning_rate: 6}"}), 0,
	               &(struct engine_options){.threads = 1});
	small_run_play(&early,
	               CHANGES({"rounds: 3", "rounds: 25, server: {learning_rate: 6}"},
	                       {"select: loss", "select: loss, patience: 3"}),
	               0, &(struct engine_options){.threads = 1});
	engine_model(all.engine, &a, &best);
	engine_model(early.engine, &b, &kept);
	assert_true(campaign_step(engine_campaign(early.engine)) < 25);
	/* statistics, then training until three evaluations after the best one; the model made meanwhile is not judged */
	assert_int_equal(early.done, 1 + kept + 3 + 1);
	assert_true(kept < best);
	small_run_end(&all);
	small_run_end(&early);
}

/* Attempts that fail for want of sites between leave neither parameters nor moments changed. */
static void test_moments_stay_through_failed_attempts(void **state)
{
	static const char *const strategies[] = {
		"strategy: fedadam, server: {learning_rate: 0.05}, rounds: 8",
		"strategy: fedavgm, server: {momentum: 0.9}, rounds: 8",
		"strategy: fedyogi, server: {learning_rate: 0.05}, rounds: 8",
		"strategy: median, rounds: 8", /* no moments, but the contributions of an attempt are kept */
	};

	(void)state;
	for (size_t i = 0; i < sizeof strategies / sizeof strategies[0]; i++) {
		struct small_run lossy, whole;

		small_run_play(&lossy, CHANGES({"rounds: 3", strategies[i]}, {"max_dropouts: 1", "max_dropouts: 0"}), 3,
		               &(struct engine_options){.threads = 1, .dropout = 0.2, .slow = 0.1});
		small_run_play(&whole, CHANGES({"rounds: 3", strategies[i]}, {"max_dropouts: 1", "max_dropouts: 0"}), 3,
		               &(struct engine_options){.threads = 1});
		assert_true(lossy.attempts > lossy.done);
		struct hash a = small_run_model(&lossy), b = small_run_model(&whole);
		assert_memory_equal(a.b, b.b, HASH_SIZE);
		small_run_end(&lossy);
		small_run_end(&whole);
	}
}

/* ---- what became of whom, counted again */

struct recount {
	uint32_t by_site[SMALL_RUN_SITES][4]; /* contributed, late, dropped, refused */
	uint64_t up[SMALL_RUN_SITES], down[SMALL_RUN_SITES];
	uint32_t failed_with_contributions;
	uint64_t updates;
};

/* A site in this attempt, from its fate and size alone: 0 contributed, 1 late, 2 dropped, 3 refused. */
static int end_of(const struct small_run *s, uint32_t site, enum fate fate)
{
	if (fate == FATE_DROPS)
		return 2;
	if (s->federation.sites[site - 1].table.part_patients[PART_TRAIN] > s->study.weight_cap)
		return 3;
	return fate == FATE_SLOW ? 1 : 0;
}

static void recount_round(struct small_run *s, const struct engine_round *r)
{
	const struct round_plan *plan = r->report->plan;
	struct recount *c = s->context;
	struct layout layout;
	enum fate fates[SMALL_RUN_SITES];
	uint32_t ends[4] = {0};
	uint64_t up = 0, down = 0;

	assert_int_equal(round_plan_layout(&layout, &s->study, plan->asks, plan->site_count, NULL), OK);
	fates_draw(fates, plan, &s->study.draws, 0.2, 0.15);
	for (uint32_t i = 0; i < plan->site_count; i++) {
		uint32_t site = plan->sites[i];
		int end = end_of(s, site, fates[i]);
		uint64_t sent = end < 2 ? layout_octets(&layout) : 0, got = end != 2 ? plan->model_octets : 0;

		ends[end]++;
		c->by_site[site - 1][end]++;
		c->up[site - 1] += sent;
		c->down[site - 1] += got;
		up += sent;
		down += got;
	}
	assert_int_equal(r->contributed, ends[0]);
	assert_int_equal(r->late, ends[1]);
	assert_int_equal(r->dropped, ends[2]);
	assert_int_equal(r->refused, ends[3]);
	assert_true(r->bytes_up == up && r->bytes_down == down);
	bool done = ends[0] >= (plan->site_count > 2 ? plan->site_count - 2 : 2);
	assert_true(done == (r->report->outcome == OUTCOME_DONE));
	c->failed_with_contributions += !done && ends[0] > 0;
	c->updates += done && (plan->asks & ASK_TRAIN) ? ends[0] : 0;
}

static void assert_counts(uint32_t sites_per_round)
{
	struct engine_options options = {
		.threads = 2, .dropout = 0.2, .slow = 0.15, .sites_per_round = sites_per_round};
	struct recount c = {0};
	struct small_run run;

	small_run_read(&run,
	               CHANGES({"rounds: 3", "weights: {cap: 38}, rounds: 30"}, {"max_dropouts: 1", "max_dropouts: 2"}),
	               11);
	run.context = &c;
	run.on_round = recount_round;
	if (small_run_run(&run, &options) != OK)
		fail_msg("%s", run.why.text);
	assert_true(run.refused > 0 && run.late > 0 && run.dropped > 0 && c.failed_with_contributions > 0);
	for (uint32_t i = 0; i < SMALL_RUN_SITES; i++) {
		const struct engine_site *s = engine_site(run.engine, i);

		assert_int_equal(s->contributed, c.by_site[i][0]);
		assert_int_equal(s->late, c.by_site[i][1]);
		assert_int_equal(s->dropped, c.by_site[i][2]);
		assert_int_equal(s->refused, c.by_site[i][3]);
		assert_true(s->bytes_up == c.up[i] && s->bytes_down == c.down[i]);
	}
	assert_int_equal(engine_updates(run.engine), c.updates);
	small_run_end(&run);
}

static void test_counts_are_what_became_of_each(void **state)
{
	(void)state;
	assert_counts(0);
	assert_counts(4);
}

/* ---- refusals that no further attempt would change */

static void assert_ends(enum err expected, const char *words, const char *from, const char *to, uint32_t attempts)
{
	struct small_run run;

	small_run_read(&run, CHANGES({from, to}), 0);
	assert_int_equal(small_run_run(&run, &(struct engine_options){.threads = 1}), expected);
	if (strstr(run.why.text, words) == NULL)
		fail_msg("%s", run.why.text);
	assert_int_equal(run.attempts, attempts);
	small_run_end(&run);
}

static void test_refusals_end_it_at_once(void **state)
{
	(void)state;
	assert_ends(ERR_REFUSED,
	            "5 of 5 sites refuse round 1, too many for its quorum of 4; site-0: has 17 training patients; the "
	            "study's training.weights.cap is 2",
	            "rounds: 3", "weights: {cap: 2}, rounds: 3", 1);
	/* statistics are done, the first training is not */
	assert_ends(ERR_DATA, "5 of 5 sites refuse round 2, too many for its quorum of 4; site-0: training diverged: ",
	            "local: {epochs: 1, batch: 8, optimizer: sgd, learning_rate: 0.1}",
	            "local: {epochs: 400, batch: 8, optimizer: sgd, learning_rate: 1000}", 2);
}

/* ---- poor sites */

static void keep_rows(struct table *t, uint32_t rows)
{
	struct table few;
	uint32_t *first = mem_array(rows, sizeof *first);

	for (uint32_t i = 0; i < rows; i++)
		first[i] = i;
	table_take(&few, t, first, rows);
	table_free(t);
	*t = few;
	free(first);
}

/* One site without a row, one with a single row, one whose rows are all of one class; as the straight federation has it. */
static void make_poor(struct federation *f)
{
	struct table *one_class = &f->sites[3].table;

	keep_rows(&f->sites[1].table, 0);
	keep_rows(&f->sites[2].table, 1);
	for (uint32_t i = 0; i < one_class->rows; i++)
		one_class->classes[i] = 1;
}

static void assert_poor_sites(const char *from, const char *to)
{
	struct engine_options options = {.threads = 3};
	struct federated straight;
	struct federation sites;
	const char *names[8];
	struct table tables[8];
	struct small_run run;

	small_run_read(&run, CHANGES({from, to}), 0);
	make_poor(&run.federation);
	if (small_run_run(&run, &options) != OK)
		fail_msg("%s", run.why.text);
	small_run_sites(&sites, &run.study);
	make_poor(&sites);
	for (uint32_t i = 0; i < sites.count; i++) {
		names[i] = sites.sites[i].name;
		tables[i] = sites.sites[i].table;
	}
	federate(&straight, &run.study, tables, names, sites.count);
	struct hash made = small_run_model(&run);
	bool chosen = run.study.evaluation != EVALUATION_NONE && run.study.schema.split.validation_fraction > 0;
	assert_memory_equal(made.b, chosen ? straight.best_sha256.b : straight.model_sha256.b, HASH_SIZE);
	assert_int_equal(engine_site(run.engine, 1)->contributed, run.done); /* its absence would tell something */
	buf_free(&straight.model);
	federation_free(&sites);
	small_run_end(&run);
}

static void test_poor_sites_and_every_way_to_train(void **state)
{
	(void)state;
	assert_poor_sites("rounds: 3", "rounds: 5");
	assert_poor_sites("rounds: 3", "rounds: 5, weights: {by: equal}");
	assert_poor_sites("rounds: 3, local: {epochs: 1,", "rounds: 5, local: {steps: 7,");
	assert_poor_sites("scale: global", "scale: site");
	assert_poor_sites("scale: global", "scale: none");
	assert_poor_sites("{release: masked, bins: 16, select: loss}", "{release: none}");
	assert_poor_sites("rounds: 3", "rounds: 7, evaluate_every: 3");
	assert_poor_sites("rounds: 3", "rounds: 4, evaluate_every: 0");
	assert_poor_sites("validation_fraction: 0.2, ", "");
	assert_poor_sites("model: {layers: [dense 3, relu, dense 1]}",
	                  "model: {layers: [dense 3, tanh, dropout 0.3, dense 1], init: xavier}");
}

/* ---- cancelled */

struct stopping {
	atomic_bool cancel;
	uint32_t after; /* attempts */
};

static void stop_after(struct small_run *s, const struct engine_round *round)
{
	struct stopping *stop = s->context;

	(void)round;
	if (s->attempts == stop->after)
		atomic_store(&stop->cancel, true);
}

static void test_cancelled_before_anything(void **state)
{
	atomic_bool cancel = true;
	struct engine_options options = {.threads = 1, .cancel = &cancel};
	struct small_run run;
	struct hash sha256;
	uint32_t step;

	(void)state;
	small_run_read(&run, CHANGES(ONE_MORE), 0);
	assert_int_equal(small_run_run(&run, &options), ERR_CANCELLED);
	assert_int_equal(engine_model(run.engine, &sha256, &step).len, 0);
	small_run_end(&run);
}

/* What is left is what a study of so many rounds would have made; its evaluations choose among the same models. */
static void test_cancelled_in_the_middle(void **state)
{
	(void)state;
	for (uint32_t after = 2; after < 8; after++) {
		struct stopping stop = {false, after};
		struct engine_options options = {.threads = 2, .cancel = &stop.cancel};
		struct small_run run;
		struct hash sha256;
		uint32_t step;

		small_run_read(&run, CHANGES({"rounds: 3", "rounds: 9"}), 0);
		run.on_round = stop_after;
		run.context = &stop;
		assert_int_equal(small_run_run(&run, &options), ERR_CANCELLED);
		assert_int_equal(run.attempts, after);
		assert_true(engine_model(run.engine, &sha256, &step).len > 0);
		assert_true(step < after);
		(void)small_run_model(&run);
		small_run_end(&run);
	}
}

/* ---- memory */

/* Beside what the first layer reads: less than 1 KiB for a site, and nothing more for every further round. */
static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

struct growth {
	size_t early, late;
};

static void note_heap(struct small_run *s, const struct engine_round *round)
{
	struct growth *g = s->context;

	if (round->report->plan->step == 2)
		g->early = heap();
	if (round->report->plan->step == 40)
		g->late = heap();
}

static size_t heap_of(uint32_t sites, struct growth *g)
{
	struct engine_options options = {.threads = 1};
	struct federation_options from = {.seed = 1};
	struct small_run run = {.on_round = note_heap, .context = g};
	char synthetic[32];
	size_t before = heap(), used;

	small_run_study(&run.study, CHANGES({"rounds: 3", "rounds: 40"}, {"max_dropouts: 1", "max_dropouts: 10%"}));
	snprintf(synthetic, sizeof synthetic, "%ux4", sites);
	from.synthetic = synthetic;
	if (federation_load(&run.federation, &run.study, &from, &run.why) != OK || small_run_run(&run, &options) != OK)
		fail_msg("%s", run.why.text);
	used = heap() - before;
	small_run_end(&run);
	return used;
}

static void test_memory(void **state)
{
	struct growth few, many;

	(void)state;
	if (SANITIZED)
		skip();
	double data = 4 * (7 * sizeof(float) + sizeof(union label_value)); /* x, y, two levels, three indicators */
	/* 2,100: just above a power of two, where memory that doubles is emptiest */
	size_t hundred = heap_of(100, &few), thousands = heap_of(2100, &many);
	double per_site = (double)(thousands - hundred) / 2000 - data;
	print_message("%.0f bytes per site beside its rows\n", per_site);
	assert_true(per_site > 0 && per_site < 1024);
	assert_true(few.late <= few.early + 1024 && many.late <= many.early + 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_model_is_the_federation_s),
		cmocka_unit_test(test_workers_change_no_bit),
		cmocka_unit_test(test_a_seed_is_another_course),
		cmocka_unit_test(test_sites_that_drop_or_are_slow),
		cmocka_unit_test(test_failed_attempts_are_tried_again),
		cmocka_unit_test(test_hopeless_dropout_ends),
		cmocka_unit_test(test_a_sample_trains_and_all_are_asked_at_the_ends),
		cmocka_unit_test(test_too_few_sites),
		cmocka_unit_test(test_a_policy_excludes_and_refuses),
		cmocka_unit_test(test_a_cap_is_one_site_s_refusal),
		cmocka_unit_test(test_the_best_model_is_kept),
		cmocka_unit_test(test_patience_ends_it_early),
		cmocka_unit_test(test_moments_stay_through_failed_attempts),
		cmocka_unit_test(test_counts_are_what_became_of_each),
		cmocka_unit_test(test_refusals_end_it_at_once),
		cmocka_unit_test(test_poor_sites_and_every_way_to_train),
		cmocka_unit_test(test_cancelled_before_anything),
		cmocka_unit_test(test_cancelled_in_the_middle),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
