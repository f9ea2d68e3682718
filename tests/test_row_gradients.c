/*
 * model/row_gradients: that a row's bits depend on the row alone, wherever it lies in a block and whatever lies beside it; norms and
 * weighted sums against gradients that are made, in long double; rows that cancel; values that are not numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "model/loss.h"
#include "model/row_gradients.h"
#include "model/row_products.h"
#include "tests/support/kernels.h"
#include "tests/support/models.h"

#define BLOCK 64

static const struct {
	const char *layers;
	uint32_t inputs, outputs;
	bool number; /* squared error */
} models[] = {
	{"dense 1", 30, 1, false},
	{"dense 1", 1, 1, true},
	{"dense 10", 33, 10, false},
	{"dense 128, relu, dense 64, relu, dense 1", 30, 1, false},
	{"dense 128, relu, dense 64, relu, dense 1", 31, 1, true},
	{"dense 7, tanh, dense 5, sigmoid, dense 10", 13, 10, false},
	{"relu, dense 12, sigmoid, relu, dense 6, dense 3", 7, 3, false},
	{"dense 1001, relu, dense 3, tanh, dense 1", 17, 1, false},
	{"dense 1, relu, dense 129, relu, dense 2", 100, 2, false},
	{"dense 256, relu, dense 128, relu, dense 10", 784, 10, false},
	{"dense 155, sigmoid, dense 10", 401, 10, false},
};
#define MODELS (sizeof models / sizeof models[0])

struct setup {
	struct model_spec spec;
	struct network network;
	struct row_products products;
	struct row_gradients work;
	struct rng r;
	float *parameters, *x;
	union label_value labels[BLOCK];
};

static void random_rows(struct setup *t, double size)
{
	models_normal(t->x, (size_t)BLOCK * t->spec.inputs, size, &t->r);
	for (uint32_t row = 0; row < BLOCK; row++)
		if (t->spec.loss == LOSS_SQUARED_ERROR)
			t->labels[row].value = (float)rng_normal(&t->r);
		else
			t->labels[row].class = (uint32_t)rng_below(&t->r, t->spec.outputs == 1 ? 2 : t->spec.outputs);
}

static void setup(struct setup *t, size_t m)
{
	*t = (struct setup){.spec = models_spec(models[m].layers, models[m].inputs, models[m].outputs)};
	if (models[m].number)
		t->spec.loss = LOSS_SQUARED_ERROR;
	rng_seeded(&t->r, m, "row gradients");
	network_init(&t->network, &t->spec, BLOCK);
	row_products_init(&t->products, &t->spec);
	t->network.products = &t->products;
	row_gradients_init(&t->work, &t->network);
	t->parameters = vec_f32(t->spec.parameters);
	t->x = vec_f32((size_t)BLOCK * t->spec.inputs);
	models_normal(t->parameters, t->spec.parameters, 0.3, &t->r);
	row_products_load(&t->products, t->parameters);
	random_rows(t, 1);
}

static void teardown(struct setup *t)
{
	network_free(&t->network);
	row_products_free(&t->products);
	row_gradients_free(&t->work);
	row_gradients_free(&t->work);
	free(t->parameters);
	free(t->x);
}

static void pass(struct setup *t)
{
	const float *logits = network_forward(&t->network, t->parameters, t->x, BLOCK);
	loss_backward(network_logit_gradient(&t->network), t->spec.loss, logits, t->spec.outputs, t->labels, BLOCK);
	network_backward(&t->network, t->parameters);
}

/* ---- a row's bits */

/* All of a row that its gradient is made of: input and derivative at each dense layer. */
static size_t copy_row(float *out, const struct setup *t, uint32_t row)
{
	size_t length = 0;
	for (uint32_t i = 0; i < t->spec.layer_count; i++) {
		const struct layer *l = &t->spec.layers[i];
		if (l->kind != LAYER_DENSE)
			continue;
		memcpy(out + length, network_input(&t->network, i) + (size_t)row * l->inputs, l->inputs * sizeof *out);
		length += l->inputs;
		memcpy(out + length, t->network.gradients[i] + (size_t)row * l->outputs, l->outputs * sizeof *out);
		length += l->outputs;
	}
	return length;
}

enum neighbours { ZEROS, RANDOM, HUGE, NANS, NEIGHBOURS };

static void fill_neighbours(struct setup *t, enum neighbours kind)
{
	random_rows(t, kind == HUGE ? 1e30 : 1);
	for (size_t i = 0; i < (size_t)BLOCK * t->spec.inputs; i++)
		if (kind == ZEROS || kind == NANS)
			t->x[i] = kind == ZEROS ? 0 : NAN;
}

static void assert_same_bits_everywhere(struct setup *t, const float *x, union label_value label)
{
	float *expected = vec_f32(2 * MODEL_LAYERS_MAX * (size_t)t->spec.width_max),
	      *found = vec_f32(2 * MODEL_LAYERS_MAX * (size_t)t->spec.width_max);
	struct row_norm norm = {0};
	size_t length = 0;

	for (uint32_t row = 0; row < BLOCK; row++)
		for (enum neighbours kind = ZEROS; kind < NEIGHBOURS; kind++) {
			fill_neighbours(t, kind);
			memcpy(t->x + (size_t)row * t->spec.inputs, x, t->spec.inputs * sizeof *x);
			t->labels[row] = label;
			pass(t);
			struct row_norm here = row_gradients_norm(&t->network, row, 1);
			if (length == 0) {
				norm = here;
				length = copy_row(expected, t, row);
			}
			copy_row(found, t, row);
			if (memcmp(found, expected, length * sizeof *found) != 0)
				fail_msg("row %u beside neighbours %d has other bits than row 0", row, kind);
			assert_true(isfinite(norm.reach) && norm.reach > 0);
			assert_memory_equal(&norm, &here, sizeof norm);
		}
	free(expected);
	free(found);
}

static void a_row_has_the_same_bits_at_every_place(void **state)
{
	(void)state;
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t;
		setup(&t, m);
		float *x = vec_f32(t.spec.inputs);
		models_normal(x, t.spec.inputs, 1, &t.r);
		assert_same_bits_everywhere(&t, x, t.labels[7]);
		free(x);
		teardown(&t);
	}
}

/* ---- against gradients that are made */

/* out[parameters] += weight * the row's gradient, with A and G as they are, exactly but for long double's 64 bits. */
static void add_gradient(long double *out, const struct setup *t, uint32_t row, long double weight)
{
	for (uint32_t i = 0; i < t->spec.layer_count; i++) {
		const struct layer *l = &t->spec.layers[i];
		if (l->kind != LAYER_DENSE)
			continue;
		const float *a = network_input(&t->network, i) + (size_t)row * l->inputs,
			    *g = t->network.gradients[i] + (size_t)row * l->outputs;
		for (uint32_t o = 0; o < l->outputs; o++) {
			for (uint32_t k = 0; k < l->inputs; k++)
				out[l->weight + (size_t)o * l->inputs + k] += weight * g[o] * a[k];
			out[l->bias + o] += weight * g[o];
		}
	}
}

static long double norm_of(const long double *x, size_t n)
{
	long double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += x[i] * x[i];
	return sqrtl(sum);
}

static void assert_norm(const struct setup *t, uint32_t first, uint32_t count)
{
	size_t n = t->spec.parameters;
	long double *sum = calloc(n, sizeof *sum), *one = calloc(n, sizeof *one), reach = 0;
	for (uint32_t row = first; row < first + count; row++) {
		memset(one, 0, n * sizeof *one);
		add_gradient(one, t, row, 1);
		reach += norm_of(one, n);
		add_gradient(sum, t, row, 1);
	}
	struct row_norm norm = row_gradients_norm(&t->network, first, count);
	long double length = norm_of(sum, n);
	assert_true(fabsl(norm.reach - reach) <= 1e-13L * reach);
	assert_true(fabsl(norm.square - length * length) <= 1e-13L * reach * reach);
	long double told = sqrtl((1 - 0x1p-12L) * length * length + 0x1p-12L * reach * reach);
	assert_true(told >= length * (1 - 1e-15L) && told >= reach / 64);
	assert_true(fabsl(row_norm_length(norm) - told) <= 0x1p-24L * told);
	if (count == 1)
		assert_true(fabsl(row_norm_length(norm) - length) <= 1e-13L * length);
	free(sum);
	free(one);
}

static void norms_are_those_of_the_gradients(void **state)
{
	(void)state;
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t;
		setup(&t, m);
		for (double size = 1e-3; size < 1e6; size *= 1e4) {
			random_rows(&t, size);
			pass(&t);
			for (uint32_t row = 0; row < BLOCK; row += 21)
				assert_norm(&t, row, 1);
			assert_norm(&t, 3, 2);
			assert_norm(&t, 61, 3);
			if (t.spec.parameters < 20000)
				assert_norm(&t, 0, BLOCK);
		}
		teardown(&t);
	}
}

/* Two rows with the same input whose derivatives are opposite but for some bits: nothing of the sum of squares is left, and what
 * is left may be below 0. */
static void rows_that_cancel_keep_a_part_of_their_reach(void **state)
{
	(void)state;
	struct setup t;
	bool negative = false;
	setup(&t, 3);
	for (int round = 0; round < 300; round++) {
		random_rows(&t, 1);
		memcpy(t.x + t.spec.inputs, t.x, t.spec.inputs * sizeof *t.x);
		memcpy(t.x + 2 * (size_t)t.spec.inputs, t.x, t.spec.inputs * sizeof *t.x);
		pass(&t);
		/* g, -(1 - e) g and -e g */
		float e = round % 2 == 0 ? 0 : (float)ldexp(1, -(round % 40));
		for (uint32_t i = 0; i < t.spec.layer_count; i++)
			for (size_t o = 0, n = t.spec.layers[i].outputs; o < n && t.spec.layers[i].kind == LAYER_DENSE;
			     o++) {
				t.network.gradients[i][n + o] = -(1 - e) * t.network.gradients[i][o];
				t.network.gradients[i][2 * n + o] = -e * t.network.gradients[i][o];
			}
		assert_norm(&t, 0, 2);
		assert_norm(&t, 0, 3);
		struct row_norm norm = row_gradients_norm(&t.network, 0, 3);
		negative |= norm.square < 0;
		assert_true(row_norm_length(norm) >= norm.reach / 64.1);
	}
	assert_true(negative); /* or the test does not reach what it is about */
	teardown(&t);
}

static void weighted_sums_are_those_of_the_gradients(void **state)
{
	(void)state;
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t;
		setup(&t, m);
		size_t n = t.spec.parameters;
		double *sum = calloc(n, sizeof *sum), weights[BLOCK];
		long double *exact = calloc(n, sizeof *exact);
		for (int turn = 0; turn < 2; turn++) { /* it adds */
			uint32_t rows = turn == 0 ? 41 : BLOCK;
			random_rows(&t, 1);
			t.x[5 * t.spec.inputs] = NAN;
			pass(&t);
			for (uint32_t row = 0; row < BLOCK; row++)
				weights[row] = row == 5 || row % 9 == 0 ? 0 : rng_unit(&t.r);
			row_gradients_add(&t.work, sum, &t.network, weights, rows);
			for (uint32_t row = 0; row < rows; row++)
				if (weights[row] > 0)
					add_gradient(exact, &t, row, weights[row]);
		}
		long double error = 0, reach = norm_of(exact, n);
		for (size_t i = 0; i < n; i++)
			error += (sum[i] - exact[i]) * (sum[i] - exact[i]);
		assert_true(reach > 0 && sqrtl(error) <= 1e-13L * reach);
		free(sum);
		free(exact);
		teardown(&t);
	}
}

static void no_rows_add_nothing(void **state)
{
	(void)state;
	struct setup t;
	setup(&t, 0);
	double sum[31] = {1, 2, 3};
	pass(&t);
	row_gradients_add(&t.work, sum, &t.network, NULL, 0);
	assert_true(sum[0] == 1 && sum[1] == 2 && sum[2] == 3 && sum[30] == 0);
	teardown(&t);
}

/* ---- what is not a number */

static void one_bad_value_anywhere_spoils_the_norm(void **state)
{
	(void)state;
	static const float bad[] = {NAN, INFINITY, -INFINITY};
	struct setup t;
	setup(&t, 5);
	pass(&t);
	for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
		for (uint32_t i = 0; i < t.spec.layer_count; i++) {
			const struct layer *l = &t.spec.layers[i];
			for (uint32_t o = 0; o < l->outputs && l->kind == LAYER_DENSE; o++) {
				float *at = &t.network.gradients[i][9 * l->outputs + o], was = *at;
				*at = bad[k];
				assert_false(isfinite(row_norm_length(row_gradients_norm(&t.network, 9, 1))));
				assert_false(isfinite(row_norm_length(row_gradients_norm(&t.network, 8, 3))));
				assert_true(isfinite(row_norm_length(row_gradients_norm(&t.network, 7, 2))));
				*at = was;
			}
		}
	for (uint32_t column = 0; column < t.spec.inputs; column++) {
		float *at = &t.x[9 * t.spec.inputs + column], was = *at;
		*at = NAN;
		pass(&t);
		assert_false(isfinite(row_norm_length(row_gradients_norm(&t.network, 9, 1))));
		*at = was;
	}
	teardown(&t);
}

int main(int argc, char **argv)
{
	(void)argc;
	kernels_that_mix_rows(argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_has_the_same_bits_at_every_place),
		cmocka_unit_test(norms_are_those_of_the_gradients),
		cmocka_unit_test(rows_that_cancel_keep_a_part_of_their_reach),
		cmocka_unit_test(weighted_sums_are_those_of_the_gradients),
		cmocka_unit_test(no_rows_add_nothing),
		cmocka_unit_test(one_bad_value_anywhere_spoils_the_norm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
