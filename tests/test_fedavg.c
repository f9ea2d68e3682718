/*
 * FedAvg with one hospital against plain training. Two references, both written here from docs/PROTOCOL.md:
 *
 *   the slow one    order of rows, quantization and the server's step done one number at a time; contributions and models must
 *                   agree with the programs' bit for bit, round after round
 *   plain training  the same steps without any quantization; each coordinate must agree within one grid step per round
 *
 * Both take the gradient steps from model/train (test_train.c and test_gradients.c judge those).
 */
#include "base/random.h"
#include "client/contribution.h"
#include "coordinator/outcome.h"
#include "data/encode.h"
#include "model/checkpoint.h"
#include "tests/support/small_study.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITE "st-mary"
#define PARAMETERS_MAX 64
#define ROUND_BATCHES_MAX 32

struct fixture {
	struct tempdir dir;
	struct study study;
	struct table table;
	struct contributor contributor;
	struct buf octets, model; /* of the round */
	struct hash model_sha256;
	struct examples examples; /* training rows, scaled as the first model says */
	float global[PARAMETERS_MAX]; /* the slow reference's */
	size_t n;
};

/* ---- slow order: data/batches.h, read literally */

struct sequence {
	uint32_t rows[ROUND_BATCHES_MAX][64], sizes[ROUND_BATCHES_MAX];
	uint32_t count, next;
	const struct examples *examples;
};

static void order_of_epoch(uint32_t *order, const struct fixture *f, uint64_t epoch)
{
	struct bytes fields[2] = {bytes_of(f->study.hash.b, 32), bytes_text(SITE)};
	struct hash key;
	struct rng r;

	hash_fields(&key, NULL, "COHRTord", fields, 2);
	rng_numbered(&r, key.b, epoch);
	for (uint32_t i = 0; i < f->examples.rows; i++)
		order[i] = i;
	rng_shuffle(&r, order, f->examples.rows);
}

static void sequence_of_round(struct sequence *s, const struct fixture *f, uint32_t step)
{
	const struct local_training *local = &f->study.local;
	uint32_t rows = f->examples.rows, batch = local->batch, per_epoch = (rows + batch - 1) / batch;
	uint32_t count = local->steps > 0 ? local->steps : local->epochs * per_epoch;
	uint32_t order[256];

	assert_true(count <= ROUND_BATCHES_MAX && rows <= 256 && batch <= 64);
	memset(s, 0, sizeof *s);
	s->examples = &f->examples;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t k = (step - 1) * count + i, first = k % per_epoch * batch;

		order_of_epoch(order, f, k / per_epoch);
		s->sizes[s->count] = rows - first < batch ? rows - first : batch;
		memcpy(s->rows[s->count], order + first, s->sizes[s->count] * sizeof *order);
		s->count++;
	}
}

static uint32_t sequence_begin(void *context)
{
	struct sequence *s = context;

	return s->next < s->count ? s->sizes[s->next++] : 0;
}

static void sequence_fill(void *context, float *x, union label_value *labels, uint32_t first, uint32_t rows)
{
	const struct sequence *s = context;
	const struct examples *e = s->examples;

	for (uint32_t i = 0; i < rows; i++) {
		uint32_t row = s->rows[s->next - 1][first + i];

		memcpy(x + (size_t)i * e->width, e->inputs + (size_t)row * e->width, e->width * sizeof *x);
		labels[i] = e->labels[row];
	}
}

/* `parameters` become those after the round's local training. */
static void train_plainly(float *parameters, const struct fixture *f, uint32_t step)
{
	float before[PARAMETERS_MAX];
	struct train_run run = {
		.round = step, .rounds = f->study.rounds, .anchor = before, .draws = &f->study.draws, .site = SITE};
	struct sequence s;
	struct trainer t;

	memcpy(before, parameters, sizeof before);
	sequence_of_round(&s, f, step);
	trainer_init(&t, &f->study.model, &f->study.local);
	assert_int_equal(trainer_run(&t, parameters, NULL, (struct row_source){sequence_begin, sequence_fill, &s}, run,
	                             NULL, NULL),
	                 OK);
	trainer_free(&t);
}

/* ---- slow quantization: docs/PROTOCOL.md, section 4, for one site */

static double slow_grid(double bound)
{
	double grid = 1024;

	while ((bound / (grid / 2) + 1) * 1 < 2147483648.0)
		grid /= 2;
	return grid;
}

static int32_t slow_round(double x)
{
	double below = floor(x), rest = x - below;
	bool up = rest > 0.5 || (rest == 0.5 && fmod(below, 2) != 0); /* ties to even */

	return (int32_t)(up ? below + 1 : below);
}

static int32_t slow_word(float local, float global, double range, double share)
{
	double x = (double)(local - global); /* the difference in f32 */

	if (x > range)
		x = range;
	if (x < -range)
		x = -range;
	return slow_round(x * share / slow_grid(range));
}

/* ---- the programs */

static struct contribution_report run_round(struct fixture *f, uint32_t step)
{
	static uint32_t site[] = {1};
	struct round_plan plan = {
		.study_hash = f->study.hash,
		.round = step + 1,
		.attempt = 1,
		.step = step,
		.asks = step == 0 ? ASK_STATISTICS : ASK_TRAIN,
		.model = f->model_sha256,
		.model_octets = f->model.len,
		.sites = site,
		.site_count = 1,
	};
	struct contribution_report report;
	struct aggregate sum = {0};
	struct outcome outcome;
	struct layout layout;
	struct diag why = {{0}};

	assert_int_equal(round_plan_layout(&layout, &f->study, plan.asks, 1, &why), OK);
	aggregate_begin(&sum, &layout);
	if (contribution_compute(&f->contributor, &f->octets, &report, &plan, buf_bytes(&f->model), NULL, &why) != OK)
		fail_msg("%s", why.text);
	aggregate_add(&sum, buf_bytes(&f->octets));
	if (outcome_compute(&outcome, &f->study, &plan, &sum, buf_bytes(&f->model), NULL, &why) != OK)
		fail_msg("%s", why.text);
	buf_free(&f->model);
	f->model = outcome.model;
	f->model_sha256 = outcome.model_sha256;
	aggregate_free(&sum);
	return report;
}

/* The parameters of the model that the programs made, and its scaling when `scaling` is not NULL. */
static void read_model(float *parameters, struct scaling *scaling, const struct fixture *f)
{
	struct checkpoint c;
	double mean[16], deviation[16], fill[16];

	assert_int_equal(checkpoint_read(parameters, &c, &f->study.model, buf_bytes(&f->model), "model", NULL), OK);
	assert_true(c.about.input_count <= 16);
	for (uint32_t i = 0; i < c.about.input_count; i++) {
		mean[i] = c.about.inputs[i].mean;
		deviation[i] = c.about.inputs[i].deviation;
		fill[i] = c.about.inputs[i].fill;
	}
	if (scaling != NULL)
		assert_int_equal(scaling_from_arrays(scaling, &f->study.schema, mean, deviation, fill,
		                                     c.about.input_count, NULL),
		                 OK);
	checkpoint_free(&c);
}

static void begin(struct fixture *f, const char *training)
{
	struct scaling scaling;

	memset(f, 0, sizeof *f);
	tempdir_make(&f->dir);
	small_study(&f->study, training);
	small_table(&f->table, &f->dir, &f->study, 2);
	contributor_init(&f->contributor, &f->study, &f->table, SITE);
	buf_init(&f->octets, 1 << 20);
	f->n = f->study.model.parameters;
	assert_true(f->n <= PARAMETERS_MAX);
	run_round(f, 0);
	read_model(f->global, &scaling, f);
	examples_encode(&f->examples, &f->table, PART_TRAIN, &scaling);
	scaling_free(&scaling);
}

static void end(struct fixture *f)
{
	examples_free(&f->examples);
	contributor_free(&f->contributor);
	table_free(&f->table);
	study_free(&f->study);
	buf_free(&f->octets);
	buf_free(&f->model);
	tempdir_remove(&f->dir);
}

/* ---- the comparison */

static void compare_round(struct fixture *f, uint32_t step)
{
	double weight = f->table.part_patients[PART_TRAIN], cap = f->study.weight_cap;
	double grid = slow_grid(f->study.update_range), step_size = grid * cap / weight;
	float local[PARAMETERS_MAX], made[PARAMETERS_MAX];

	memcpy(local, f->global, sizeof local);
	train_plainly(local, f, step);
	run_round(f, step);
	read_model(made, NULL, f);
	assert_int_equal(f->octets.len, 4 * (f->n + 1));
	assert_int_equal(load_u32(f->octets.ptr + 4 * f->n), (uint32_t)weight);
	for (size_t i = 0; i < f->n; i++) {
		int32_t q = slow_word(local[i], f->global[i], f->study.update_range, weight / cap);
		double update = q * grid * (cap / weight);

		assert_int_equal((int32_t)load_u32(f->octets.ptr + 4 * i), q);
		f->global[i] = (float)((double)f->global[i] + f->study.server.learning_rate * update);
		assert_memory_equal(&made[i], &f->global[i], sizeof made[i]); /* bit for bit */
		/* and plain training's, within the grid (and float's own last digit) */
		if (fabs((double)made[i] - (double)local[i]) > step_size + 1e-7 * fabs((double)local[i]))
			fail_msg("step %u, parameter %zu: %.9g, plain training gives %.9g", step, i, (double)made[i],
			         (double)local[i]);
	}
}

/* Plain training from beginning to end: the grid's errors do not add up to more than one step per round (the rounding of each round
 * moves what the next one starts from, and training damps or keeps it here: a convex model). */
static void compare_whole(const struct fixture *f, const float *first)
{
	double step_size = slow_grid(f->study.update_range) * f->study.weight_cap / f->table.part_patients[PART_TRAIN];
	float plain[PARAMETERS_MAX];

	memcpy(plain, first, sizeof plain);
	for (uint32_t step = 1; step <= f->study.rounds; step++)
		train_plainly(plain, f, step);
	for (size_t i = 0; i < f->n; i++)
		assert_true(fabs((double)plain[i] - (double)f->global[i]) <= f->study.rounds * step_size + 1e-6);
}

static void compare(const char *training)
{
	float first[PARAMETERS_MAX];
	struct fixture f;

	begin(&f, training);
	memcpy(first, f.global, sizeof first);
	for (uint32_t step = 1; step <= f.study.rounds; step++)
		compare_round(&f, step);
	compare_whole(&f, first);
	end(&f);
}

static void test_epochs_of_sgd(void **state)
{
	(void)state;
	compare(NULL);
}

static void test_steps_go_on_over_rounds(void **state)
{
	(void)state;
	compare("training: {rounds: 6, local: {steps: 3, batch: 8, learning_rate: 0.1}}");
}

static void test_adam(void **state)
{
	(void)state;
	compare("training: {rounds: 4, local: {epochs: 2, batch: 16, optimizer: adam, learning_rate: 0.01}}");
}

static void test_momentum_and_decay(void **state)
{
	(void)state;
	compare("training: {rounds: 4, local: {epochs: 1, batch: 8, optimizer: momentum, learning_rate: 0.05, "
	        "weight_decay: "
	        "0.01}}");
}

/* What a site's training needs of its round: the round's rate and the round's model. */
static void test_schedule_and_proximal_term(void **state)
{
	(void)state;
	compare("training: {strategy: fedprox, rounds: 5, local: {epochs: 2, batch: 8, optimizer: nesterov, "
	        "learning_rate: 0.05, l1: "
	        "0.001, "
	        "proximal: 0.5, schedule: {kind: cosine, warmup: 2, floor: 0.1}}}");
}

static void test_dropout(void **state)
{
	(void)state;
	compare("model: {layers: [dense 3, tanh, dropout 0.25, dense 1]}");
}

/* The weight's share makes the grid coarser: 48 patients of at most 5,000. */
static void test_a_large_cap_and_a_server_rate(void **state)
{
	(void)state;
	compare("training: {rounds: 3, local: {epochs: 1, batch: 8, learning_rate: 0.1}, weights: {by: patients, cap: "
	        "100000}, "
	        "update_range: 2.5}");
}

/* A range so small that coordinates saturate: plain training is far away then, the slow reference still agrees. */
static void test_saturation(void **state)
{
	struct contribution_report report;
	struct fixture f;
	uint32_t beyond = 0;
	float local[PARAMETERS_MAX];

	(void)state;
	begin(&f, "training: {rounds: 1, local: {epochs: 1, batch: 8, learning_rate: 0.1}, update_range: 0.01}");
	memcpy(local, f.global, sizeof local);
	train_plainly(local, &f, 1);
	for (size_t i = 0; i < f.n; i++)
		beyond += fabs((double)(local[i] - f.global[i])) > 0.01;
	assert_true(beyond > 0);
	report = run_round(&f, 1);
	assert_int_equal(report.saturated, beyond); /* counted, for the hospital's own eyes */
	for (size_t i = 0; i < f.n; i++)
		assert_int_equal(
			(int32_t)load_u32(f.octets.ptr + 4 * i),
			slow_word(local[i], f.global[i], 0.01, f.table.part_patients[PART_TRAIN] / f.study.weight_cap));
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_epochs_of_sgd),
		cmocka_unit_test(test_steps_go_on_over_rounds),
		cmocka_unit_test(test_adam),
		cmocka_unit_test(test_momentum_and_decay),
		cmocka_unit_test(test_schedule_and_proximal_term),
		cmocka_unit_test(test_dropout),
		cmocka_unit_test(test_a_large_cap_and_a_server_rate),
		cmocka_unit_test(test_saturation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
