/*
 * What privacy costs in training: an epoch of sums of clipped gradients, each followed by its step, against an epoch of the same
 * program's plain SGD with batches of the size that is expected of the sampled ones.
 *
 *   large   784-256-128-10, batch 256, 10,000 rows: images               goal: at most twice SGD
 *   small   30-128-64-1, batch 32, 569 rows: the breast cancer study     goal: at most four times
 *   visits  as small, but each patient has four rows
 *   noise   a step's discrete Gaussian noise for the large model, alone: it is drawn once per round, or per step under `local`
 *
 * Units are sampled each with probability batch / units; an epoch is as many steps as SGD's has. Both in turn, best of several
 * runs, so that a slow moment of the machine does not fall on one of them alone.
 */
#include "base/secret.h"
#include "base/vec.h"
#include "client/clipped_sum.h"
#include "client/poisson.h"
#include "model/init.h"
#include "model/layers.h"
#include "model/train.h"
#include "privacy/noise.h"
#include "tests/bench/figure.h"

#include <stdlib.h>
#include <string.h>

#define RATE 0.05
#define CLIP 1.0
#define RUNS 12

struct case_ {
	const char *name;
	const char *layers[8];
	uint32_t inputs, outputs, rows, batch;
	uint32_t rows_each; /* of a patient */
	int epochs; /* per run */
};

struct rows {
	const struct case_ *k;
	struct model_spec spec;
	struct examples examples;
	struct units units;
	uint32_t *order, at, now;
};

/* ---- SGD */

static uint32_t begin(void *context)
{
	struct rows *s = context;
	s->at += s->now;
	s->now = s->k->rows - s->at < s->k->batch ? s->k->rows - s->at : s->k->batch;
	return s->now;
}

static void fill(void *context, float *x, union label_value *labels, uint32_t first, uint32_t rows)
{
	const struct rows *s = context;
	const struct examples *e = &s->examples;
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t row = s->order[s->at + first + i];
		memcpy(x + (size_t)i * e->width, e->inputs + (size_t)row * e->width, e->width * sizeof *x);
		labels[i] = e->labels[row];
	}
}

static double plain_epoch(struct rows *rows, struct trainer *t, float *parameters)
{
	struct row_source source = {.begin = begin, .fill = fill, .context = rows};
	double start = thread_seconds();
	for (int e = 0; e < rows->k->epochs; e++) {
		rows->at = rows->now = 0;
		CHECK(trainer_run(t, parameters, NULL, source, (struct train_run){.round = 1, .rounds = 1}, NULL,
		                  NULL) == OK);
	}
	return (thread_seconds() - start) / rows->k->epochs;
}

/* ---- sums of clipped gradients */

static double private_epoch(struct rows *rows, struct clipped_sum *c, double *sum, uint32_t *which, float *parameters)
{
	uint32_t units = rows->units.count, steps = (rows->k->rows + rows->k->batch - 1) / rows->k->batch;
	size_t n = rows->spec.parameters;
	double expected = (double)rows->k->batch / rows->k->rows * units, start = thread_seconds();
	struct entropy entropy = entropy_system();
	struct clipped_report report = {0};
	for (int step = 0; step < rows->k->epochs * (int)steps; step++) {
		uint32_t count = poisson_sample(which, units, expected / units, &entropy);
		memset(sum, 0, n * sizeof *sum);
		CHECK(clipped_sum_add(c, sum, &report, parameters, &rows->examples, &rows->units, which, count, CLIP,
		                      NULL, NULL) == OK);
		for (size_t i = 0; i < n; i++)
			parameters[i] -= (float)(RATE / expected * sum[i]);
	}
	CHECK(report.unusable == 0);
	return (thread_seconds() - start) / rows->k->epochs;
}

/* ---- both */

static void make_rows(struct rows *rows, const struct case_ *k, struct rng *r)
{
	uint32_t classes = k->outputs == 1 ? 2 : k->outputs;
	*rows = (struct rows){.k = k, .examples = {.rows = k->rows, .width = k->inputs}};
	spec_begin(&rows->spec, k->inputs);
	for (size_t i = 0; k->layers[i]; i++)
		CHECK(spec_add_layer(&rows->spec, k->layers[i], NULL) == OK);
	CHECK(spec_end(&rows->spec, k->outputs == 1 ? LOSS_BINARY_CROSS_ENTROPY : LOSS_SOFTMAX_CROSS_ENTROPY,
	               k->outputs, NULL) == OK);
	float *x = rows->examples.inputs = vec_f32((size_t)k->rows * k->inputs);
	rows->examples.labels = mem_array(k->rows, sizeof *rows->examples.labels);
	rows->order = vec_u32(k->rows);
	rows->units.rows = vec_u32(k->rows);
	rows->units.first = vec_u32((size_t)k->rows + 1);
	for (uint32_t i = 0; i < k->rows; i++) {
		uint32_t class = rows->examples.labels[i].class = (uint32_t)rng_below(r, classes);
		for (uint32_t j = 0; j < k->inputs; j++)
			x[(size_t)i * k->inputs + j] = (float)rng_unit(r) + (j % classes == class ? 0.3f : 0);
		rows->order[i] = rows->units.rows[i] = i;
		if (i % k->rows_each == 0)
			rows->units.first[rows->units.count++] = i;
	}
	rows->units.first[rows->units.count] = k->rows;
	rng_shuffle(r, rows->order, k->rows);
	rng_shuffle(r, rows->units.rows, k->rows);
}

static void measure(const struct case_ *k)
{
	struct local_training settings = {.batch = k->batch, .optimizer = OPTIMIZER_SGD, .learning_rate = RATE};
	double plain = INFINITY, private = INFINITY;
	struct clipped_sum clipped;
	struct trainer trainer;
	struct rows rows;
	struct rng r;
	char name[64];

	rng_seeded(&r, 1, "bench");
	make_rows(&rows, k, &r);
	float *one = vec_f32(rows.spec.parameters), *other = vec_f32(rows.spec.parameters);
	double *sum = mem_array(rows.spec.parameters, sizeof *sum);
	uint32_t *which = vec_u32(rows.units.count);
	init_he(one, &rows.spec, &r);
	vec_copy(other, one, rows.spec.parameters);
	trainer_init(&trainer, &rows.spec, &settings);
	clipped_sum_init(&clipped, &rows.spec, 0);
	for (int run = 0; run < RUNS; run++) {
		plain = fmin(plain, plain_epoch(&rows, &trainer, one));
		private = fmin(private, private_epoch(&rows, &clipped, sum, which, other));
	}
	snprintf(name, sizeof name, "clip_%s_epoch", k->name);
	figure(name, 1e3 * private, "ms", 1e3 * plain);

	trainer_free(&trainer);
	clipped_sum_free(&clipped);
	examples_free(&rows.examples);
	units_free(&rows.units);
	void *all[] = {rows.order, one, other, sum, which};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		free(all[i]);
}

static void measure_noise(size_t n)
{
	struct entropy entropy = entropy_system();
	int32_t *noise = mem_array(n, sizeof *noise);
	double best = INFINITY;
	for (int run = 0; run < 5; run++) {
		double start = thread_seconds();
		noise_draw(noise, n, (uint64_t)1 << 30, &entropy);
		best = fmin(best, thread_seconds() - start);
	}
	figure("clip_large_noise", 1e3 * best, "ms", NAN);
	free(noise);
}

int main(void)
{
	static const struct case_ cases[] = {
		{.name = "large",
	         .layers = {"dense 256", "relu", "dense 128", "relu", "dense 10"},
	         .inputs = 784,
	         .outputs = 10,
	         .rows = 10000,
	         .batch = 256,
	         .rows_each = 1,
	         .epochs = 1},
		{.name = "small",
	         .layers = {"dense 128", "relu", "dense 64", "relu", "dense 1"},
	         .inputs = 30,
	         .outputs = 1,
	         .rows = 569,
	         .batch = 32,
	         .rows_each = 1,
	         .epochs = 40},
		{.name = "visits",
	         .layers = {"dense 128", "relu", "dense 64", "relu", "dense 1"},
	         .inputs = 30,
	         .outputs = 1,
	         .rows = 569,
	         .batch = 32,
	         .rows_each = 4,
	         .epochs = 40},
	};
	secret_init(); /* libsodium takes its vector code only after it */
	layers_init();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		measure(&cases[i]);
	measure_noise(784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10);
	return 0;
}
