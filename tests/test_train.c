/* model/train and model/evaluate: the optimum of a problem with a known answer, real data, batches, cancelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "model/evaluate.h"
#include "model/init.h"
#include "model/train.h"
#include "tests/support/models.h"

static const struct local_training adam = {.batch = 32,
                                           .optimizer = OPTIMIZER_ADAM,
                                           .learning_rate = 0.001,
                                           .beta1 = 0.9,
                                           .beta2 = 0.999,
                                           .epsilon = 1e-8};

static enum err run(float *w, struct train_report *report, const struct model_spec *s,
                    const struct local_training *settings, struct memory_rows *rows, struct diag *why)
{
	struct trainer t;
	trainer_init(&t, s, settings);
	enum err e = trainer_run(&t, w, report, memory_rows_source(rows), (struct train_run){0}, NULL, why);
	trainer_free(&t);
	return e;
}

/* ---- logistic regression, whose optimum is unique: Newton's method in double finds it another way */

#define FEATURES 3
#define SAMPLES 400

/* Solves the 4 x 4 system in place by Gauss elimination (the Hessian is positive definite: no pivoting). */
static void solve(double a[FEATURES + 1][FEATURES + 1], double b[FEATURES + 1])
{
	enum { N = FEATURES + 1 };
	for (int k = 0; k < N; k++)
		for (int i = 0; i < N; i++) {
			double factor = a[i][k] / a[k][k];
			for (int j = 0; i != k && j < N; j++)
				a[i][j] -= factor * a[k][j];
			if (i != k)
				b[i] -= factor * b[k];
		}
	for (int k = 0; k < N; k++)
		b[k] /= a[k][k];
}

static void newton(double w[FEATURES + 1], const float *x, const union label_value *labels)
{
	for (int round = 0; round < 30; round++) {
		double hessian[FEATURES + 1][FEATURES + 1] = {0}, gradient[FEATURES + 1] = {0};
		for (int r = 0; r < SAMPLES; r++) {
			double row[FEATURES + 1] = {x[3 * r], x[3 * r + 1], x[3 * r + 2], 1}, z = 0;
			for (int i = 0; i <= FEATURES; i++)
				z += w[i] * row[i];
			double p = 1 / (1 + exp(-z));
			for (int i = 0; i <= FEATURES; i++) {
				gradient[i] += (p - labels[r].class) * row[i];
				for (int j = 0; j <= FEATURES; j++)
					hessian[i][j] += p * (1 - p) * row[i] * row[j];
			}
		}
		solve(hessian, gradient);
		for (int i = 0; i <= FEATURES; i++)
			w[i] -= gradient[i];
	}
}

static void finds_the_known_optimum(void **state)
{
	(void)state;
	static float x[SAMPLES * FEATURES];
	static union label_value labels[SAMPLES];
	const double truth[] = {1.5, -0.7, 0.2, 0.4};
	struct rng r;
	rng_seeded(&r, 4, "logistic");
	models_normal(x, SAMPLES * FEATURES, 1, &r);
	for (int i = 0; i < SAMPLES; i++) {
		double z = truth[3];
		for (int k = 0; k < FEATURES; k++)
			z += truth[k] * x[FEATURES * i + k];
		labels[i].class = rng_unit(&r) < 1 / (1 + exp(-z));
	}
	double wanted[FEATURES + 1] = {0};
	newton(wanted, x, labels);

	struct model_spec s = models_spec("dense 1", FEATURES, 1);
	const struct local_training kinds[] = {
		{.batch = SAMPLES, .optimizer = OPTIMIZER_SGD, .learning_rate = 2},
		{.batch = SAMPLES, .optimizer = OPTIMIZER_MOMENTUM, .learning_rate = 0.5, .momentum = 0.8},
		{.batch = SAMPLES,
	         .optimizer = OPTIMIZER_ADAM,
	         .learning_rate = 0.02,
	         .beta1 = 0.9,
	         .beta2 = 0.99,
	         .epsilon = 1e-3},
	};
	for (int k = 0; k < 3; k++) {
		float w[FEATURES + 1] = {0};
		struct memory_rows rows = {.x = x,
		                           .labels = labels,
		                           .rows = SAMPLES,
		                           .inputs = FEATURES,
		                           .batch = SAMPLES,
		                           .batches = 1500};
		struct train_report report;
		assert_int_equal(run(w, &report, &s, &kinds[k], &rows, NULL), OK);
		assert_int_equal(report.steps, 1500);
		assert_int_equal(report.rows, 1500 * SAMPLES);
		for (int i = 0; i <= FEATURES; i++)
			if (fabs(w[i] - wanted[i]) > 1e-4)
				fail_msg("optimizer %d: w[%d] is %g, the optimum has %g", k, i, w[i], wanted[i]);
	}
}

/* ---- real data */

static void learns_breast_cancer(void **state)
{
	(void)state;
	enum { TRAIN = 398, TEST = WDBC_ROWS - TRAIN };
	static float x[WDBC_ROWS * WDBC_INPUTS];
	static union label_value labels[WDBC_ROWS];
	if (!models_wdbc(x, labels, 1)) {
		print_message("skipped: no ../shared/data\n");
		skip();
	}
	struct model_spec s = models_spec("dense 128, relu, dense 64, relu, dense 1", WDBC_INPUTS, 1);
	float *w = vec_f32(s.parameters);
	struct rng r;
	rng_seeded(&r, 1, "init");
	init_he(w, &s, &r);
	struct memory_rows train = {
		.x = x, .labels = labels, .rows = TRAIN, .inputs = WDBC_INPUTS, .batch = 32, .batches = 20 * 13};
	struct train_report report;
	assert_int_equal(run(w, &report, &s, &adam, &train, NULL), OK);

	struct metrics_shape shape = {.classes = 2, .bins = 2048};
	struct metrics m;
	struct network n;
	double loss = 0, *counts = calloc(metrics_counts_length(shape), sizeof *counts);
	network_init(&n, &s, 64);
	struct memory_rows test = {.x = x + (size_t)TRAIN * WDBC_INPUTS,
	                           .labels = labels + TRAIN,
	                           .rows = TEST,
	                           .inputs = WDBC_INPUTS,
	                           .batch = TEST};
	assert_int_equal(evaluate_rows(&loss, counts, shape, &n, w, test.x, test.labels, TEST, NULL, NULL), OK);
	metrics_from_sums(&m, shape, loss, counts);
	print_message("breast cancer, %g test rows: loss %.4f, accuracy %.4f, AUC %.4f\n", m.rows, m.loss, m.accuracy,
	              m.auc);
	assert_true(m.rows == TEST && m.accuracy >= 0.96 && m.auc >= 0.99 && m.loss < 0.2);
	network_free(&n);
	free(counts);
	free(w);
}

/* ---- batches */

struct problem {
	struct model_spec spec;
	float *x, *w;
	union label_value *labels;
	uint32_t rows;
};

static struct problem problem_new(uint32_t rows)
{
	struct problem p = {.spec = models_spec("dense 6, relu, dense 3", 4, 3), .rows = rows};
	struct rng r;
	rng_seeded(&r, 6, "problem");
	p.x = vec_f32((size_t)rows * 4);
	p.w = vec_f32(p.spec.parameters);
	p.labels = mem_array(rows, sizeof *p.labels);
	models_normal(p.x, (size_t)rows * 4, 1, &r);
	models_labels(p.labels, rows, 3, &r);
	init_he(p.w, &p.spec, &r);
	return p;
}

static void problem_free(struct problem *p)
{
	free(p->x);
	free(p->w);
	free(p->labels);
}

static struct memory_rows rows_of(const struct problem *p, uint32_t batch, uint32_t batches)
{
	return (struct memory_rows){
		.x = p->x, .labels = p->labels, .rows = p->rows, .inputs = 4, .batch = batch, .batches = batches};
}

/* Plain SGD over the batches with the reference's gradients: smaller last batch, batch of many blocks, steps over
 * epochs. */
static void check_batches(uint32_t rows, uint32_t batch, uint32_t batches, double decay)
{
	struct local_training sgd = {
		.batch = batch, .optimizer = OPTIMIZER_SGD, .learning_rate = 0.25, .weight_decay = decay};
	struct problem p = problem_new(rows);
	size_t n = p.spec.parameters;
	float *w = vec_f32(n), *x = vec_f32((size_t)batch * 4);
	union label_value *labels = mem_array(batch, sizeof *labels);
	double *z = calloc((size_t)batch * 3, sizeof *z), *gradient = calloc(n, sizeof *gradient), loss, sum = 0;
	struct memory_rows given = rows_of(&p, batch, batches);
	struct row_source source = memory_rows_source(&given);
	uint64_t steps = 0, used = 0;
	vec_copy(w, p.w, n);
	for (uint32_t size; (size = source.begin(source.context)) > 0; steps++) {
		source.fill(source.context, x, labels, 0, size);
		models_reference(z, &loss, gradient, &p.spec, w, x, labels, size);
		for (size_t i = 0; i < n; i++)
			w[i] -= (float)(0.25 * (gradient[i] / size + decay * w[i]));
		sum += loss;
		used += size;
	}
	struct train_report report;
	assert_int_equal(run(p.w, &report, &p.spec, &sgd, &given, NULL), OK);
	assert_int_equal(report.steps, steps);
	assert_int_equal(report.rows, used);
	assert_true(fabs(report.loss - sum / (double)used) < 1e-5);
	for (size_t i = 0; i < n; i++)
		if (fabs(p.w[i] - w[i]) > 2e-5)
			fail_msg("%u rows in batches of %u: w[%zu] is %g, not %g", rows, batch, i, p.w[i], w[i]);
	free(w);
	free(x);
	free(labels);
	free(z);
	free(gradient);
	problem_free(&p);
}

static void batches_of_all_sizes(void **state)
{
	(void)state;
	check_batches(40, 16, 0, 0); /* 16, 16, 8 */
	check_batches(32, 16, 0, 0.1);
	check_batches(40, 16, 7, 0); /* steps going on into further epochs */
	check_batches(1, 1, 3, 0);
	check_batches(2500, 2500, 2, 0); /* blocks of 1,024, 1,024, 452 */
	check_batches(2500, 1025, 0, 0.1);
	check_batches(2500, 1025, 0, 0); /* two batches of two blocks, then one of one */
	check_batches(2048, 2048, 2, 0);
}

static void nothing_to_train_on(void **state)
{
	(void)state;
	struct problem p = problem_new(1);
	struct memory_rows none = rows_of(&p, 1, 0);
	struct train_report report;
	float before[100];
	memcpy(before, p.w, p.spec.parameters * sizeof *p.w);
	none.rows = 0;
	assert_int_equal(run(p.w, &report, &p.spec, &adam, &none, NULL), OK);
	assert_true(report.steps == 0 && report.rows == 0 && isnan(report.loss));
	assert_memory_equal(before, p.w, p.spec.parameters * sizeof *p.w);
	problem_free(&p);
}

/* Optimizer state starts at zero: a trainer that was used before gives the bits of a fresh one. */
static void runs_do_not_touch_each_other(void **state)
{
	(void)state;
	struct problem p = problem_new(50);
	struct memory_rows rows = rows_of(&p, 16, 9);
	struct trainer t;
	size_t size = p.spec.parameters * sizeof *p.w;
	float *fresh = vec_f32(p.spec.parameters), *used = vec_f32(p.spec.parameters);
	memcpy(fresh, p.w, size);
	memcpy(used, p.w, size);
	assert_int_equal(run(fresh, NULL, &p.spec, &adam, &rows, NULL), OK);
	trainer_init(&t, &p.spec, &adam);
	assert_int_equal(trainer_run(&t, p.w, NULL, memory_rows_source(&rows), (struct train_run){0}, NULL, NULL), OK);
	assert_int_equal(trainer_run(&t, used, NULL, memory_rows_source(&rows), (struct train_run){0}, NULL, NULL), OK);
	assert_memory_equal(fresh, used, size);
	trainer_free(&t);
	trainer_free(&t); /* a freed one is a zeroed one */
	free(fresh);
	free(used);
	problem_free(&p);
}

/* A run's rate and anchor reach its steps: the round's rate is the schedule's, and a strong pull keeps the model by the
 * anchor. */
static void a_run_has_its_round(void **state)
{
	(void)state;
	struct problem p = problem_new(50);
	struct memory_rows rows = rows_of(&p, 16, 9);
	size_t n = p.spec.parameters;
	float *scheduled = vec_f32(n), *halved = vec_f32(n), *anchor = vec_f32(n), *pulled = vec_f32(n);
	struct local_training sgd = {.batch = 16, .optimizer = OPTIMIZER_SGD, .learning_rate = 0.5}, half = sgd,
			      near = sgd;
	struct trainer t;
	float *all[] = {scheduled, halved, anchor, pulled};
	for (int i = 0; i < 4; i++)
		vec_copy(all[i], p.w, n);
	sgd.schedule = (struct rate_schedule){.kind = SCHEDULE_STEP, .every = 2, .factor = 0.5};
	half.learning_rate = 0.25;
	near.proximal = 1.9;
	trainer_init(&t, &p.spec, &sgd);
	struct train_run third = {.round = 3, .rounds = 4};
	assert_int_equal(trainer_run(&t, scheduled, NULL, memory_rows_source(&rows), third, NULL, NULL), OK);
	assert_int_equal(run(halved, NULL, &p.spec, &half, &rows, NULL), OK);
	assert_memory_equal(scheduled, halved, n * sizeof *halved);
	trainer_free(&t);

	trainer_init(&t, &p.spec, &near);
	struct train_run tied = {.anchor = anchor};
	assert_int_equal(trainer_run(&t, pulled, NULL, memory_rows_source(&rows), tied, NULL, NULL), OK);
	near.proximal = 0;
	assert_int_equal(run(p.w, NULL, &p.spec, &near, &rows, NULL), OK);
	double far = 0, close = 0;
	for (size_t i = 0; i < n; i++) {
		far += fabs(p.w[i] - anchor[i]);
		close += fabs(pulled[i] - anchor[i]);
	}
	assert_true(close > 0 && close < far / 2);
	trainer_free(&t);
	for (int i = 0; i < 4; i++)
		free(all[i]);
	problem_free(&p);
}

/* A round that is repeated drops the same, whatever ran before and however many rows go at once; another round does not. */
static void dropout_follows_from_the_round(void **state)
{
	(void)state;
	struct problem p = problem_new(90);
	struct model_spec s = models_spec("dense 6, relu, dropout 0.5, dense 3", 4, 3);
	struct memory_rows rows = rows_of(&p, 30, 9);
	struct local_training sgd = {.batch = 30, .optimizer = OPTIMIZER_SGD, .learning_rate = 0.25}, blocks = sgd;
	struct hash study = {{3}};
	struct train_run first = {.round = 1, .rounds = 9, .draws = &study, .site = "st-mary"}, second = first;
	struct trainer t, small;
	float *w[4];
	second.round = 2;
	blocks.batch = 7;
	trainer_init(&t, &s, &sgd);
	trainer_init(&small, &s, &blocks);
	for (int i = 0; i < 4; i++) {
		w[i] = vec_f32(s.parameters);
		vec_copy(w[i], p.w, s.parameters);
		assert_int_equal(trainer_run(i == 3 ? &small : &t, w[i], NULL, memory_rows_source(&rows),
		                             i == 1 ? second : first, NULL, NULL),
		                 OK);
	}
	assert_memory_equal(w[0], w[2], s.parameters * sizeof(float));
	double other = 0, same = 0;
	for (size_t i = 0; i < s.parameters; i++) {
		other = fmax(other, fabs(w[0][i] - w[1][i]));
		same = fmax(same, fabs(w[0][i] - w[3][i]));
	}
	assert_true(same < 1e-5 && other > 1e-2);
	for (int i = 0; i < 4; i++)
		free(w[i]);
	trainer_free(&t);
	trainer_free(&small);
	problem_free(&p);
}

/* The training loss and its steps are smoothed: one step of SGD on one row, by hand from the definition. */
static void label_smoothing_is_trained(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 1", 1, 1);
	struct local_training sgd = {
		.batch = 1, .optimizer = OPTIMIZER_SGD, .learning_rate = 0.5, .label_smoothing = 0.2};
	const float x = 2;
	const union label_value label = {1};
	struct memory_rows rows = {.x = &x, .labels = &label, .rows = 1, .inputs = 1, .batch = 1};
	struct train_report report;
	float w[2] = {0.5f, -0.25f};
	double z = 0.75, p = 1 / (1 + exp(-z)), y = 1 * 0.8 + 0.2 / 2;
	assert_int_equal(run(w, &report, &s, &sgd, &rows, NULL), OK);
	assert_true(fabs(report.loss - (-y * log(p) - (1 - y) * log(1 - p))) < 1e-6);
	assert_true(fabs(w[0] - (0.5 - 0.5 * (p - y) * 2)) < 1e-6 && fabs(w[1] - (-0.25 - 0.5 * (p - y))) < 1e-6);
}

/* ---- what ends a run early */

struct cancelling {
	struct row_source inner;
	atomic_bool *cancel;
	int left;
};

static uint32_t cancelling_begin(void *context)
{
	struct cancelling *c = context;
	if (c->left-- == 0)
		atomic_store(c->cancel, true);
	return c->inner.begin(c->inner.context);
}

static void cancelling_fill(void *context, float *x, union label_value *labels, uint32_t first, uint32_t rows)
{
	struct cancelling *c = context;
	assert_false(atomic_load(c->cancel));
	c->inner.fill(c->inner.context, x, labels, first, rows);
}

static void cancelled(void **state)
{
	(void)state;
	struct problem p = problem_new(50);
	struct memory_rows rows = rows_of(&p, 10, 1000000);
	atomic_bool cancel = false;
	struct cancelling c = {.inner = memory_rows_source(&rows), .cancel = &cancel, .left = 5};
	struct row_source source = {.begin = cancelling_begin, .fill = cancelling_fill, .context = &c};
	struct trainer t;
	struct diag why = {0};
	trainer_init(&t, &p.spec, &adam);
	assert_int_equal(trainer_run(&t, p.w, NULL, source, (struct train_run){0}, &cancel, &why), ERR_CANCELLED);
	assert_string_equal(why.text, "training was cancelled after 5 steps");

	struct metrics_shape shape = {.classes = 3};
	double loss = 0, counts[9] = {0};
	assert_int_equal(evaluate_rows(&loss, counts, shape, &t.network, p.w, p.x, p.labels, 8, &cancel, &why),
	                 ERR_CANCELLED);
	trainer_free(&t);
	problem_free(&p);
}

static void divergence_is_an_error(void **state)
{
	(void)state;
	struct local_training wild = {.batch = 16, .optimizer = OPTIMIZER_SGD, .learning_rate = 1e30};
	struct problem p = problem_new(50);
	struct memory_rows rows = rows_of(&p, 16, 20);
	struct diag why = {0};
	assert_int_equal(run(p.w, NULL, &p.spec, &wild, &rows, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "training diverged"));
	assert_non_null(strstr(why.text, "1e+30"));
	problem_free(&p);
}

/* Sums of evaluation do not depend on blocks. */
static void evaluation_counts_every_row_once(void **state)
{
	(void)state;
	struct problem p = problem_new(2500);
	struct metrics_shape shape = {.classes = 3};
	double wanted_loss = 0, wanted[9] = {0};
	struct network n;
	for (uint32_t block = 1; block <= NETWORK_ROWS_MAX; block = block * 7 + 3) {
		double loss = 100, counts[9] = {1000};
		network_init(&n, &p.spec, block);
		assert_int_equal(evaluate_rows(&loss, counts, shape, &n, p.w, p.x, p.labels, 2500, NULL, NULL), OK);
		network_free(&n);
		loss -= 100;
		counts[0] -= 1000;
		if (block == 1) {
			wanted_loss = loss;
			memcpy(wanted, counts, sizeof counts);
		}
		double sum = 0;
		for (int i = 0; i < 9; i++)
			sum += counts[i];
		assert_true(sum == 2500 && fabs(loss - wanted_loss) < 1e-3);
		assert_memory_equal(counts, wanted, sizeof counts);
	}
	problem_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_known_optimum),
		cmocka_unit_test(learns_breast_cancer),
		cmocka_unit_test(batches_of_all_sizes),
		cmocka_unit_test(nothing_to_train_on),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(runs_do_not_touch_each_other),
		cmocka_unit_test(label_smoothing_is_trained),
		cmocka_unit_test(a_run_has_its_round),
		cmocka_unit_test(dropout_follows_from_the_round),
		cmocka_unit_test(divergence_is_an_error),
		cmocka_unit_test(evaluation_counts_every_row_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
