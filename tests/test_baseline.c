/*
 * Baselines: held against plain training. Pooled is one run of the trainer per round over everybody's training rows, site by site
 * in their order; alone is a federation of that site, but for the fixed point of its one contribution.
 */
#include "base/vec.h"
#include "data/batches.h"
#include "model/train.h"
#include "simulator/baseline.h"
#include "simulator/site_figures.h"
#include "tests/support/federate.h"
#include "tests/support/small_run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- pooled, again */

struct pool {
	uint32_t rows, width;
	float *inputs;
	union label_value *labels;
};

/* Everybody's training rows, encoded one by one. */
static void pool_rows(struct pool *p, const struct study *s, const struct round_model *m)
{
	struct federation f;

	*p = (struct pool){.width = s->model.inputs};
	small_run_sites(&f, s);
	for (uint32_t i = 0; i < f.count; i++)
		p->rows += f.sites[i].table.part_rows[PART_TRAIN];
	p->inputs = vec_f32((size_t)p->rows * p->width);
	p->labels = mem_array(p->rows, sizeof *p->labels);
	uint32_t next = 0;
	for (uint32_t i = 0; i < f.count; i++) {
		const struct table *t = &f.sites[i].table;

		for (uint32_t row = 0; row < t->rows; row++) {
			if (t->parts[row] != PART_TRAIN)
				continue;
			encode_row(p->inputs + (size_t)next * p->width, &s->schema, &m->scaling, table_row(t, row));
			if (t->values != NULL)
				p->labels[next++].value = (float)((table_label(t, row) - m->scaling.label_mean) /
				                                  m->scaling.label_deviation);
			else
				p->labels[next++].class = t->classes[row];
		}
	}
	assert_int_equal(next, p->rows);
	federation_free(&f);
}

/* One epoch of batches in the order of "pooled" as a site's name. */
struct epoch {
	const struct pool *pool;
	struct batches batches;
	uint64_t next, end;
	const uint32_t *rows;
};

static uint32_t next_batch(void *context)
{
	struct epoch *e = context;
	uint32_t count = 0;

	if (e->next < e->end)
		e->rows = batches_rows(&e->batches, e->next++, &count);
	return count;
}

static void fill(void *context, float *x, union label_value *labels, uint32_t first, uint32_t rows)
{
	const struct epoch *e = context;

	for (uint32_t i = 0; i < rows; i++) {
		uint32_t row = e->rows[first + i];

		memcpy(x + (size_t)i * e->pool->width, e->pool->inputs + (size_t)row * e->pool->width,
		       e->pool->width * sizeof *x);
		labels[i] = e->pool->labels[row];
	}
}

static void train_pooled(float *parameters, const struct study *s, const struct pool *pool)
{
	struct epoch epoch = {.pool = pool};
	struct trainer trainer;
	struct hash key;
	float *anchor = vec_f32(s->model.parameters);
	uint64_t per_epoch = (pool->rows + s->local.batch - 1) / s->local.batch;
	uint64_t per_round = s->local.steps > 0 ? s->local.steps : s->local.epochs * per_epoch;

	trainer_init(&trainer, &s->model, &s->local);
	batches_key(&key, &s->draws, "pooled");
	batches_begin(&epoch.batches, &key, pool->rows, s->local.batch);
	for (uint32_t round = 1; round <= s->rounds; round++) {
		struct row_source source = {next_batch, fill, &epoch};
		struct train_run run = {round, s->rounds, anchor, &s->draws, "pooled"};

		memcpy(anchor, parameters, s->model.parameters * sizeof *anchor);
		epoch.next = (round - 1) * per_round;
		epoch.end = round * per_round;
		assert_int_equal(trainer_run(&trainer, parameters, NULL, source, run, NULL, NULL), OK);
	}
	trainer_free(&trainer);
	batches_free(&epoch.batches);
	free(anchor);
}

static void assert_pooled(const char *const (*changes)[2], size_t count)
{
	struct small_run run;
	struct baselines b;
	struct round_model model;
	struct site_figures figures;
	struct pool pool;
	struct hash sha256;
	uint32_t step;

	small_run_play(&run, changes, count, 5, &(struct engine_options){.threads = 2});
	assert_int_equal(baselines_compute(&b, run.engine, NULL), OK);
	assert_int_equal(round_model_read(&model, &run.study, engine_model(run.engine, &sha256, &step), NULL), OK);
	pool_rows(&pool, &run.study, &model);
	memcpy(model.parameters, engine_first(run.engine), run.study.model.parameters * sizeof(float));
	train_pooled(model.parameters, &run.study, &pool);
	site_figures_compute(&figures, run.engine, model.parameters, PART_TEST);
	assert_true(b.pooled_trained);
	assert_memory_equal(&b.pooled, &figures.all, sizeof figures.all); /* bit for bit */
	free(pool.inputs);
	free(pool.labels);
	site_figures_free(&figures);
	round_model_free(&model);
	baselines_free(&b);
	small_run_end(&run);
}

#define NUMBER                                                                                                         \
	{"type: binary, positive: \"1\"", "type: numeric, min: -1, max: 3"},                                           \
	{                                                                                                              \
		"bins: 16, ", ""                                                                                       \
	}
#define LOCAL "local: {epochs: 1, batch: 8, optimizer: sgd, learning_rate: 0.1}"

static void test_pooled(void **state)
{
	(void)state;
	assert_pooled(CHANGES({"rounds: 3", "rounds: 5"}));
	assert_pooled(CHANGES({"rounds: 3", "rounds: 5"}, NUMBER));
	assert_pooled(CHANGES({LOCAL, "local: {steps: 9, batch: 16, optimizer: adam, learning_rate: 0.01}"}));
	assert_pooled(CHANGES({"rounds: 3", "rounds: 3, strategy: fedprox"},
	                      {LOCAL, "local: {epochs: 2, batch: 8, learning_rate: 0.1, proximal: 0.5}"},
	                      {"relu, dense", "relu, dropout 0.2, dense"}));
}

/* ---- alone */

/* A federation of one site: the same training, scaled as by its own rows alone; so inputs are not scaled here. */
static void test_alone_is_a_federation_of_one(void **state)
{
	struct small_run run;
	struct baselines b;

	(void)state;
	small_run_play(&run,
	               CHANGES({"scale: global", "scale: none"}, {"rounds: 3", "rounds: 8"},
	                       {"min: 2, max_dropouts: 1", "min: 1, max_dropouts: 0"},
	                       {"validation_fraction: 0.2", "validation_fraction: 0"}),
	               0, &(struct engine_options){.threads = 2});
	assert_int_equal(baselines_compute(&b, run.engine, NULL), OK);
	assert_int_equal(b.count, SMALL_RUN_SITES);
	for (uint32_t i = 0; i < SMALL_RUN_SITES; i++) {
		struct federated one;
		struct federation f;
		struct round_model model;
		struct site_figures figures;

		small_run_sites(&f, &run.study);
		federate(&one, &run.study, &f.sites[i].table, (const char *const[]){f.sites[i].name}, 1);
		assert_int_equal(round_model_read(&model, &run.study, buf_bytes(&one.model), NULL), OK);
		site_figures_compute(&figures, run.engine, model.parameters, PART_TEST);
		assert_true(b.sites[i].trained);
		assert_true(b.sites[i].home.rows == one.test.rows && b.sites[i].all.rows == figures.all.rows);
		assert_true(fabs(b.sites[i].home.loss - one.test.loss) < 1e-4);
		assert_true(fabs(b.sites[i].all.loss - figures.all.loss) < 1e-4);
		assert_true(fabs(b.sites[i].all.accuracy - figures.all.accuracy) <= 1.01 / figures.all.rows);
		site_figures_free(&figures);
		round_model_free(&model);
		federation_free(&f);
		buf_free(&one.model);
	}
	baselines_free(&b);
	small_run_end(&run);
}

static void test_workers_change_no_bit(void **state)
{
	struct small_run one, many;
	struct baselines a, b;

	(void)state;
	small_run_play(&one, CHANGES(NUMBER), 2, &(struct engine_options){.threads = 1});
	small_run_play(&many, CHANGES(NUMBER), 2, &(struct engine_options){.threads = 3});
	assert_int_equal(baselines_compute(&a, one.engine, NULL), OK);
	assert_int_equal(baselines_compute(&b, many.engine, NULL), OK);
	assert_memory_equal(&a.pooled, &b.pooled, sizeof a.pooled);
	for (uint32_t i = 0; i < SMALL_RUN_SITES; i++) {
		assert_memory_equal(&a.sites[i].home, &b.sites[i].home, sizeof a.sites[i].home);
		assert_memory_equal(&a.sites[i].all, &b.sites[i].all, sizeof a.sites[i].all);
	}
	baselines_free(&a);
	baselines_free(&b);
	small_run_end(&one);
	small_run_end(&many);
}

/* ---- what cannot be */

static void test_a_site_without_rows(void **state)
{
	struct small_run run;
	struct baselines b;
	struct table none;

	(void)state;
	small_run_read(&run, CHANGES({"rounds: 3", "rounds: 2"}), 0);
	table_take(&none, &run.federation.sites[2].table, NULL, 0);
	table_free(&run.federation.sites[2].table);
	run.federation.sites[2].table = none;
	assert_int_equal(small_run_run(&run, &(struct engine_options){.threads = 1}), OK);
	assert_int_equal(baselines_compute(&b, run.engine, NULL), OK);
	for (uint32_t i = 0; i < SMALL_RUN_SITES; i++)
		assert_true(b.sites[i].trained == (i != 2));
	assert_true(isnan(b.sites[2].home.rows) && isnan(b.sites[2].all.loss));
	assert_false(isnan(b.pooled.loss));
	baselines_free(&b);
	small_run_end(&run);
}

/* The federation takes it in small steps; alone and pooled the same rate runs away. */
static void test_training_that_diverges(void **state)
{
	struct small_run run;
	struct baselines b;
	struct diag why = {{0}};

	(void)state;
	small_run_play(&run,
	               CHANGES({"rounds: 3", "rounds: 30, update_range: 0.001"},
	                       {LOCAL, "local: {epochs: 1, batch: 8, learning_rate: 1000}"}),
	               0, &(struct engine_options){.threads = 2});
	assert_int_equal(baselines_compute(&b, run.engine, &why), OK);
	assert_false(b.pooled_trained);
	assert_true(isnan(b.pooled.rows) && isnan(b.pooled.loss));
	assert_string_equal(why.text, ""); /* it is no failure, so it leaves no words */
	baselines_free(&b);
	small_run_end(&run);
}

static void test_cancelled(void **state)
{
	struct small_run run;
	struct baselines b;
	struct diag why = {{0}};
	atomic_bool cancel = false;

	(void)state;
	small_run_play(&run, CHANGES({"rounds: 3", "rounds: 2"}), 0,
	               &(struct engine_options){.threads = 2, .cancel = &cancel});
	atomic_store(&cancel, true);
	assert_int_equal(baselines_compute(&b, run.engine, &why), ERR_CANCELLED);
	assert_non_null(strstr(why.text, "interrupted"));
	baselines_free(&b);
	small_run_end(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pooled),
		cmocka_unit_test(test_alone_is_a_federation_of_one),
		cmocka_unit_test(test_workers_change_no_bit),
		cmocka_unit_test(test_a_site_without_rows),
		cmocka_unit_test(test_training_that_diverges),
		cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests_name("baseline", tests, NULL, NULL);
}
