/*
 * Training epochs of two models against the same core's matrix product, one BLAS thread.
 *
 *   small   30-128-64-1, Adam, batch 32, 569 rows: the breast cancer study
 *   large   784-256-128-10, SGD, batch 64, 10,000 rows: images
 *   dropout small with a fifth dropped behind each relu
 *
 * And the activations, a value each, against libm.
 *
 * Rows come in a shuffled order, as in a study. Floating point operations are those of the matrix products alone: 2
 * per weight and row forward, 2 for the gradient by the weights, 2 by the inputs (not for the first layer). Best of
 * several runs, epochs and products in turn, so that a slow moment of the machine does not fall on one of them alone.
 */
#include "base/random.h"
#include "base/secret.h"
#include "base/vec.h"
#include "model/init.h"
#include "model/layers.h"
#include "model/train.h"
#include "tests/bench/figure.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#define PRODUCT 1024 /* the reference: sgemm 1024 x 1024 x 1024 */

struct shuffled {
	const float *x;
	const union label_value *labels;
	const uint32_t *order;
	uint32_t rows, inputs, batch, at, now;
};

static uint32_t begin(void *context)
{
	struct shuffled *s = context;
	s->at += s->now;
	s->now = s->rows - s->at < s->batch ? s->rows - s->at : s->batch;
	return s->now;
}

static void fill(void *context, float *x, union label_value *labels, uint32_t first, uint32_t rows)
{
	const struct shuffled *s = context;
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t row = s->order[s->at + first + i];
		memcpy(x + (size_t)i * s->inputs, s->x + (size_t)row * s->inputs, s->inputs * sizeof *x);
		labels[i] = s->labels[row];
	}
}

struct case_ {
	const char *name;
	const char *layers[8];
	uint32_t inputs, outputs, rows;
	struct local_training settings;
	double prototype_ms; /* an early prototype of this project on another machine */
	int epochs; /* per run */
};

static double sgemm_seconds(float *a, float *b, float *c)
{
	double start = thread_seconds();
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, PRODUCT, PRODUCT, PRODUCT, 1, a, PRODUCT, b, PRODUCT, 0, c,
	            PRODUCT);
	return thread_seconds() - start;
}

static double operations(const struct model_spec *s)
{
	double sum = 0;
	for (uint32_t i = 0; i < s->layer_count; i++)
		if (s->layers[i].kind == LAYER_DENSE)
			sum += (i == 0 ? 4.0 : 6.0) * s->layers[i].inputs * s->layers[i].outputs;
	return sum;
}

static struct model_spec spec_of(const struct case_ *k)
{
	struct model_spec s;
	spec_begin(&s, k->inputs);
	for (size_t i = 0; k->layers[i]; i++)
		CHECK(spec_add_layer(&s, k->layers[i], NULL) == OK);
	CHECK(spec_end(&s, k->outputs == 1 ? LOSS_BINARY_CROSS_ENTROPY : LOSS_SOFTMAX_CROSS_ENTROPY, k->outputs,
	               NULL) == OK);
	return s;
}

/* Random rows; labels that a model can learn, so that activations behave as in training. */
static void make_rows(const struct case_ *k, float *x, union label_value *labels, uint32_t *order, struct rng *r)
{
	uint32_t classes = k->outputs == 1 ? 2 : k->outputs;
	for (uint32_t i = 0; i < k->rows; i++) {
		order[i] = i;
		labels[i].class = (uint32_t)rng_below(r, classes);
		for (uint32_t j = 0; j < k->inputs; j++)
			x[(size_t)i * k->inputs + j] = (float)rng_unit(r) + (j % classes == labels[i].class ? 0.3f : 0);
	}
	rng_shuffle(r, order, k->rows);
}

static void measure(const struct case_ *k)
{
	struct model_spec s = spec_of(k);
	struct trainer t;
	struct rng r;
	float *x = vec_f32((size_t)k->rows * k->inputs), *w = vec_f32(s.parameters);
	union label_value *labels = mem_array(k->rows, sizeof *labels);
	uint32_t *order = vec_u32(k->rows);
	float *a = vec_f32(PRODUCT * PRODUCT), *b = vec_f32(PRODUCT * PRODUCT), *c = vec_f32(PRODUCT * PRODUCT);
	rng_seeded(&r, 1, "bench");
	make_rows(k, x, labels, order, &r);
	init_he(w, &s, &r);
	for (size_t i = 0; i < PRODUCT * PRODUCT; i++)
		a[i] = b[i] = (float)(i % 17) / 17;
	trainer_init(&t, &s, &k->settings);

	const struct hash draws = {{1}};
	const struct train_run this_run = {.round = 1, .rounds = 1, .draws = &draws, .site = "bench"};
	double epoch = INFINITY, product = INFINITY;
	for (int run = 0; run < 12; run++) {
		product = fmin(product, sgemm_seconds(a, b, c));
		double start = thread_seconds();
		for (int e = 0; e < k->epochs; e++) {
			struct shuffled rows = {.x = x,
			                        .labels = labels,
			                        .order = order,
			                        .rows = k->rows,
			                        .inputs = k->inputs,
			                        .batch = k->settings.batch};
			struct row_source source = {.begin = begin, .fill = fill, .context = &rows};
			CHECK(trainer_run(&t, w, NULL, source, this_run, NULL, NULL) == OK);
		}
		epoch = fmin(epoch, (thread_seconds() - start) / k->epochs);
		product = fmin(product, sgemm_seconds(a, b, c));
	}
	char name[64];
	snprintf(name, sizeof name, "train_%s_epoch", k->name);
	figure(name, 1e3 * epoch, "ms", k->prototype_ms);
	snprintf(name, sizeof name, "train_%s_gflops", k->name);
	figure(name, 1e-9 * operations(&s) * k->rows / epoch, "GFLOP/s", 2e-9 * PRODUCT * PRODUCT * PRODUCT / product);

	trainer_free(&t);
	void *all[] = {x, w, labels, order, a, b, c};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		free(all[i]);
}

/* Nanoseconds a value, the product's loop and libm's function. */
static void measure_activation(const char *name, void (*forward)(real *, const real *, size_t), double (*libm)(double))
{
	enum { N = 4096, TIMES = 50 };
	static float x[N], y[N];
	double ours = INFINITY, theirs = INFINITY;
	struct rng r;
	rng_seeded(&r, 1, "bench");
	for (size_t i = 0; i < N; i++)
		x[i] = (float)rng_normal(&r);
	for (int run = 0; run < 12; run++) {
		double start = thread_seconds();
		for (int k = 0; k < TIMES; k++)
			forward(y, x, N);
		double middle = thread_seconds();
		for (int k = 0; k < TIMES; k++)
			for (size_t i = 0; i < N; i++)
				y[i] = (float)libm(x[i]);
		ours = fmin(ours, middle - start);
		theirs = fmin(theirs, thread_seconds() - middle);
	}
	figure(name, 1e9 * ours / N / TIMES, "ns", 1e9 * theirs / N / TIMES);
}

static double logistic(double x)
{
	return 1 / (1 + exp(-x));
}

int main(void)
{
	static const struct case_ cases[] = {
		{.name = "small",
	         .layers = {"dense 128", "relu", "dense 64", "relu", "dense 1"},
	         .inputs = 30,
	         .outputs = 1,
	         .rows = 569,
	         .settings = {.batch = 32,
	                      .optimizer = OPTIMIZER_ADAM,
	                      .learning_rate = 0.001,
	                      .beta1 = 0.9,
	                      .beta2 = 0.999,
	                      .epsilon = 1e-8},
	         .prototype_ms = 0.55,
	         .epochs = 40},
		{.name = "large",
	         .layers = {"dense 256", "relu", "dense 128", "relu", "dense 10"},
	         .inputs = 784,
	         .outputs = 10,
	         .rows = 10000,
	         .settings = {.batch = 64, .optimizer = OPTIMIZER_SGD, .learning_rate = 0.05},
	         .prototype_ms = 118,
	         .epochs = 1},
		{.name = "dropout",
	         .layers = {"dense 128", "relu", "dropout 0.2", "dense 64", "relu", "dropout 0.2", "dense 1"},
	         .inputs = 30,
	         .outputs = 1,
	         .rows = 569,
	         .settings = {.batch = 32,
	                      .optimizer = OPTIMIZER_ADAM,
	                      .learning_rate = 0.001,
	                      .beta1 = 0.9,
	                      .beta2 = 0.999,
	                      .epsilon = 1e-8},
	         .prototype_ms = NAN,
	         .epochs = 40},
	};
	secret_init(); /* libsodium takes its vector code only after it */
	layers_init();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		measure(&cases[i]);
	measure_activation("sigmoid_value", layers_sigmoid_forward, logistic);
	measure_activation("tanh_value", layers_tanh_forward, tanh);
	return 0;
}
