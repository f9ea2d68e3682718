/* model/network in float: against the slow reference in double, what later needs A and G, and the layout of memory.
 *  */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "model/loss.h"
#include "model/network.h"
#include "tests/support/models.h"

static const struct {
	const char *layers;
	uint32_t inputs, outputs, rows;
} models[] = {
	{"dense 1", 30, 1, 32},
	{"dense 3", 5, 3, 7},
	{"dense 128, relu, dense 64, relu, dense 1", 30, 1, 32},
	{"dense 16, sigmoid, dense 8, sigmoid, dense 4", 9, 4, 25},
	{"relu, dense 12, sigmoid, relu, dense 6, dense 2", 7, 2, 64},
	{"sigmoid, dense 1, relu, sigmoid, dense 5", 4, 5, 1},
	{"dropout 0.2, dense 16, relu, dropout 0.5, dense 8, tanh, dropout 0.3, dense 2", 6, 2, 40},
	{"dense 9, dropout 0.4, relu, tanh, dense 1", 5, 1, 13},
};
#define MODELS (sizeof models / sizeof models[0])

struct setup {
	struct model_spec spec;
	struct network network;
	float *parameters, *x, *gradient;
	union label_value *labels;
	uint32_t rows;
};

static struct setup setup_new(size_t m)
{
	struct setup t = {.spec = models_spec(models[m].layers, models[m].inputs, models[m].outputs),
	                  .rows = models[m].rows};
	struct rng r;
	rng_seeded(&r, m, "network");
	network_init(&t.network, &t.spec, t.rows);
	t.parameters = vec_f32(t.spec.parameters);
	t.gradient = vec_f32(t.spec.parameters);
	t.x = vec_f32((size_t)t.rows * t.spec.inputs);
	t.labels = mem_array(t.rows, sizeof *t.labels);
	models_normal(t.parameters, t.spec.parameters, 0.3, &r);
	models_normal(t.x, (size_t)t.rows * t.spec.inputs, 1, &r);
	models_labels(t.labels, t.rows, t.spec.outputs == 1 ? 2 : t.spec.outputs, &r);
	return t;
}

static void setup_free(struct setup *t)
{
	network_free(&t->network);
	free(t->parameters);
	free(t->gradient);
	free(t->x);
	free(t->labels);
}

static double backward(struct setup *t, const float *x, const union label_value *labels, uint32_t rows)
{
	struct network *n = &t->network;
	const float *z = network_forward(n, t->parameters, x, rows);
	double loss = loss_backward(network_logit_gradient(n), t->spec.loss, z, t->spec.outputs, labels, rows);
	network_backward(n, t->parameters);
	return loss;
}

static void agrees_with_reference(void **state)
{
	(void)state;
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t = setup_new(m);
		size_t nz = (size_t)t.rows * t.spec.outputs;
		double *z = calloc(nz, sizeof *z), *gradient = calloc(t.spec.parameters, sizeof *gradient), loss;
		models_reference(z, &loss, gradient, &t.spec, t.parameters, t.x, t.labels, t.rows);
		double got = backward(&t, t.x, t.labels, t.rows);
		network_gradient(&t.network, t.gradient, 1, 0);
		const float *logits = t.network.outputs[t.spec.layer_count - 1];
		for (size_t i = 0; i < nz; i++)
			assert_true(fabs(logits[i] - z[i]) <= 1e-5 * fmax(1, fabs(z[i])));
		assert_true(fabs(got - loss) <= 1e-5 * loss);
		for (size_t i = 0; i < t.spec.parameters; i++)
			if (!(fabs(t.gradient[i] - gradient[i]) <= 2e-5 * fmax(1, fabs(gradient[i]))))
				fail_msg("%s: gradient[%zu] is %g, not %g", models[m].layers, i, t.gradient[i],
				         gradient[i]);
		free(z);
		free(gradient);
		setup_free(&t);
	}
}

/* target = beta target + alpha gradient; and a step of SGD may go straight into the parameters. */
static void gradient_into_any_target(void **state)
{
	(void)state;
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t = setup_new(m);
		float *target = vec_f32(t.spec.parameters), *before = vec_f32(t.spec.parameters);
		vec_copy(before, t.parameters, t.spec.parameters);
		vec_copy(target, t.parameters, t.spec.parameters);
		backward(&t, t.x, t.labels, t.rows);
		network_gradient(&t.network, t.gradient, 1, 0);
		network_gradient(&t.network, target, 0.5f, -2);
		network_gradient(&t.network, t.parameters, -0.125f, 1);
		for (size_t i = 0; i < t.spec.parameters; i++) {
			double size = 1 + fabs(t.gradient[i]);
			assert_true(fabs(target[i] - (-2 * before[i] + 0.5 * t.gradient[i])) <= 2e-5 * size);
			assert_true(fabs(t.parameters[i] - (before[i] - 0.125 * t.gradient[i])) <= 2e-5 * size);
		}
		free(target);
		free(before);
		setup_free(&t);
	}
}

/* What the header promises to later callers: the norm of each row's gradient from A and G alone (Goodfellow 2015) is
 * the norm of the gradient of that row alone, and scaled rows of G give the weighted sum. */
static void rows_from_activations_and_gradients(void **state)
{
	(void)state;
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t = setup_new(m);
		double *norms = calloc(t.rows, sizeof *norms);
		float *weighted = vec_f32(t.spec.parameters), *sum = vec_f32(t.spec.parameters);
		backward(&t, t.x, t.labels, t.rows);
		for (uint32_t l = 0; l < t.spec.layer_count; l++) {
			const struct layer *layer = &t.spec.layers[l];
			if (layer->kind != LAYER_DENSE)
				continue;
			for (uint32_t r = 0; r < t.rows; r++) {
				const float *a = network_input(&t.network, l) + (size_t)r * layer->inputs;
				float *g = t.network.gradients[l] + (size_t)r * layer->outputs;
				double aa = 1, gg = 0;
				for (uint32_t i = 0; i < layer->inputs; i++)
					aa += (double)a[i] * a[i];
				for (uint32_t o = 0; o < layer->outputs; o++) {
					gg += (double)g[o] * g[o];
					g[o] *= (float)(r % 3);
				}
				norms[r] += aa * gg;
			}
		}
		network_gradient(&t.network, weighted, 1, 0);
		for (uint32_t r = 0; r < t.rows; r++) {
			double squares = 0;
			backward(&t, t.x + (size_t)r * t.spec.inputs, t.labels + r, 1);
			network_gradient(&t.network, t.gradient, 1, 0);
			for (size_t i = 0; i < t.spec.parameters; i++)
				squares += (double)t.gradient[i] * t.gradient[i];
			assert_true(fabs(squares - norms[r]) <= 1e-5 * fmax(1e-3, squares));
			vec_add_scaled(sum, (float)(r % 3), t.gradient, t.spec.parameters);
		}
		for (size_t i = 0; i < t.spec.parameters; i++)
			assert_true(fabs(sum[i] - weighted[i]) <= 1e-4 * fmax(1, fabs(sum[i])));
		free(norms);
		free(weighted);
		free(sum);
		setup_free(&t);
	}
}

static struct rng *streams_of(struct rng streams[8], uint64_t seed)
{
	for (int i = 0; i < 8; i++)
		rng_seeded(&streams[i], seed + (uint64_t)i, "streams");
	return streams;
}

/* G and A are what they are in training, too: the gradient is sum of G^T A, and scaling rows of G scales their part. */
static void rows_in_training(void **state)
{
	(void)state;
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t = setup_new(m);
		struct network *n = &t.network;
		struct rng streams[8];
		const float *z = network_forward_training(n, t.parameters, t.x, t.rows, streams_of(streams, 5));
		loss_backward(network_logit_gradient(n), t.spec.loss, z, t.spec.outputs, t.labels, t.rows);
		network_backward(n, t.parameters);
		network_gradient(n, t.gradient, 1, 0);
		for (uint32_t l = 0; l < t.spec.layer_count; l++) {
			const struct layer *layer = &t.spec.layers[l];
			const float *a = network_input(n, l), *g = n->gradients[l];
			if (layer->kind != LAYER_DENSE)
				continue;
			for (uint32_t o = 0; o < layer->outputs; o++)
				for (uint32_t i = 0; i < layer->inputs; i++) {
					double sum = 0;
					for (size_t r = 0; r < t.rows; r++)
						sum += (double)g[r * layer->outputs + o] * a[r * layer->inputs + i];
					double got = t.gradient[layer->weight + (size_t)o * layer->inputs + i];
					assert_true(fabs(got - sum) <= 1e-5 * fmax(1, fabs(sum)));
				}
		}
		setup_free(&t);
	}
}

/* Draw by draw from a second reader of the stream: what the dense layer behind reads is what training drops and
 * scales, and in evaluation it is everything. */
static void dropout_by_the_stream(void **state)
{
	(void)state;
	struct model_spec s = models_spec("dense 7, relu, dropout 0.3, dense 2", 4, 2);
	enum { ROWS = 50, WIDTH = 7 };
	struct network n;
	struct rng r, streams[8], reader[8];
	float x[ROWS * 4], *w = vec_f32(s.parameters), all[ROWS * WIDTH];
	rng_seeded(&r, 8, "dropout");
	models_normal(x, ROWS * 4, 1, &r);
	models_normal(w, s.parameters, 1, &r);
	network_init(&n, &s, ROWS);
	network_forward(&n, w, x, ROWS);
	memcpy(all, network_input(&n, 3), sizeof all);
	streams_of(streams, 1);
	streams_of(reader, 1);
	for (int batch = 0; batch < 3; batch++) {
		unsigned dropped = 0;
		network_forward_training(&n, w, x, ROWS, streams);
		const float *read = network_input(&n, 3);
		for (int i = 0; i < ROWS * WIDTH; i++) {
			uint8_t octets[2];
			rng_octets(reader, octets, 2);
			bool drop = octets[0] + 256 * octets[1] < 19661; /* 0.3 * 65536 = 19660.8 */
			float wanted = all[i] * (drop ? 0 : (float)(65536.0 / (65536 - 19661)));
			assert_true(read[i] == wanted);
			dropped += drop;
		}
		assert_true(dropped > 60 && dropped < 150); /* 105 +- 8.6 */
	}
	network_forward(&n, w, x, ROWS);
	assert_memory_equal(network_input(&n, 3), all, sizeof all);
	network_free(&n);
	free(w);
}

/* Arrays are shared where the header says so. */
static void shared_arrays(void **state)
{
	(void)state;
	struct model_spec s =
		models_spec("dense 4, relu, dropout 0.5, dense 4, tanh, dropout 0.5, dense 4, dropout 0.5, "
	                    "dense 1",
	                    3, 1);
	struct network n;
	network_init(&n, &s, 8);
	assert_ptr_equal(n.outputs[0], n.outputs[2]);
	assert_ptr_equal(n.gradients[0], n.gradients[2]);
	assert_ptr_equal(n.outputs[3], n.outputs[4]);
	assert_ptr_not_equal(n.outputs[4], n.outputs[5]);
	assert_ptr_equal(n.outputs[6], n.outputs[7]);
	network_free(&n);
}

/* Nothing of an earlier call shows: other rows in between change no bit. */
static void same_bits_after_other_rows(void **state)
{
	(void)state;
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t = setup_new(m);
		float *again = vec_f32(t.spec.parameters), *other = vec_f32((size_t)t.rows * t.spec.inputs);
		struct rng r;
		rng_seeded(&r, 77, "other");
		models_normal(other, (size_t)t.rows * t.spec.inputs, 5, &r);
		backward(&t, t.x, t.labels, t.rows);
		network_gradient(&t.network, t.gradient, 1, 0);
		backward(&t, other, t.labels, (t.rows + 1) / 2);
		network_gradient(&t.network, again, 1, 0);
		backward(&t, t.x, t.labels, t.rows);
		network_gradient(&t.network, again, 1, 0);
		assert_memory_equal(again, t.gradient, t.spec.parameters * sizeof *again);
		free(again);
		free(other);
		setup_free(&t);
	}
}

static void rows_are_bounded(void **state)
{
	(void)state;
	struct network n = {0};
	struct model_spec small = models_spec("dense 4, relu, dense 1", 3, 1);
	network_free(&n);
	network_init(&n, &small, 5000000);
	assert_int_equal(n.rows_max, NETWORK_ROWS_MAX);
	network_free(&n);
	network_init(&n, &small, 3);
	assert_int_equal(n.rows_max, 3);
	network_free(&n);

	struct model_spec many = models_spec("dense 1", MODEL_WIDTH_MAX, 1);
	network_init(&n, &many, 1024);
	assert_int_equal(n.rows_max, 512);
	network_free(&n);

	struct model_spec wide = models_spec("dense 1, sigmoid, dense 65536, relu, dense 2", 1, 2);
	network_init(&n, &wide, 1024);
	assert_true(n.rows_max >= 256 && n.rows_max <= 512); /* 2 x 65,540 floats a row, 2^26 floats in all */
	network_free(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_reference),
		cmocka_unit_test(gradient_into_any_target),
		cmocka_unit_test(same_bits_after_other_rows),
		cmocka_unit_test(rows_from_activations_and_gradients),
		cmocka_unit_test(rows_in_training),
		cmocka_unit_test(dropout_by_the_stream),
		cmocka_unit_test(shared_arrays),
		cmocka_unit_test(rows_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
