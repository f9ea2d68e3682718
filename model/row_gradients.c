/*
 * Norms take sums in double whose order depends on their lengths alone, so that they are the same wherever in the block the rows are.
 */
#include "model/row_gradients.h"

#include "base/vec.h"
#include "model/layers.h"
#include "model/row_products.h"

#include <math.h>
#include <stdlib.h>

#define REACH_SHARE 0x1p-12 /* of P^2 in the norm's square */

void row_gradients_init(struct row_gradients *w, const struct network *n)
{
	uint32_t inputs = 0, outputs = 0;
	for (uint32_t i = 0; i < n->spec.layer_count; i++) {
		const struct layer *l = &n->spec.layers[i];
		if (l->kind != LAYER_DENSE)
			continue;
		inputs = l->inputs > inputs ? l->inputs : inputs;
		outputs = l->outputs > outputs ? l->outputs : outputs;
	}
	w->inputs = mem_array((size_t)n->rows_max * inputs, sizeof *w->inputs);
	w->gradients = mem_array((size_t)n->rows_max * outputs, sizeof *w->gradients);
}

void row_gradients_free(struct row_gradients *w)
{
	free(w->inputs);
	free(w->gradients);
	*w = (struct row_gradients){0};
}

/* ---- norms */

/* The product of two rows' gradients, over all layers. */
static double product(const struct network *n, uint32_t j, uint32_t k)
{
	double sum = 0;
	for (uint32_t i = 0; i < n->spec.layer_count; i++) {
		const struct layer *l = &n->spec.layers[i];
		if (l->kind != LAYER_DENSE)
			continue;
		const real *a = network_input(n, i), *g = n->gradients[i];
		size_t inputs = l->inputs, outputs = l->outputs;
		sum += row_products_dot(g + j * outputs, g + k * outputs, outputs) *
		       (row_products_dot(a + j * inputs, a + k * inputs, inputs) + 1);
	}
	return sum;
}

struct row_norm row_gradients_norm(const struct network *n, uint32_t first, uint32_t count)
{
	struct row_norm norm = {0};
	CHECK(count <= n->rows && first <= n->rows - count);
	for (uint32_t j = first; j < first + count; j++) {
		double square = product(n, j, j);
		norm.reach += sqrt(square);
		norm.square += square;
		for (uint32_t k = first; k < j; k++)
			norm.square += 2 * product(n, j, k);
	}
	return norm;
}

/* Written so that a NaN stays one. */
double row_norm_length(struct row_norm norm)
{
	double square = norm.square < 0 ? 0 : norm.square;
	return sqrt((1 - REACH_SHARE) * square + REACH_SHARE * norm.reach * norm.reach);
}

/* ---- the weighted sum */

VEC_WIDE static void widen(double *out, const real *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (double)x[i];
}

VEC_WIDE static void widen_weighted(double *out, const real *x, double weight, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = weight * (double)x[i];
}

static void zero(double *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = 0;
}

/* A and diag(w) G of one layer. Both rows of weight 0 become zeros, since 0 times NaN is NaN. */
static void weighted_rows(struct row_gradients *w, const real *a, const real *g, const double *weights,
                          struct dense_shape s)
{
	for (size_t r = 0; r < s.rows; r++) {
		double *inputs = w->inputs + r * s.inputs, *gradients = w->gradients + r * s.outputs;
		if (weights[r] == 0) {
			zero(inputs, s.inputs);
			zero(gradients, s.outputs);
			continue;
		}
		widen(inputs, a + r * s.inputs, s.inputs);
		widen_weighted(gradients, g + r * s.outputs, weights[r], s.outputs);
	}
}

void row_gradients_add(struct row_gradients *w, double *target, const struct network *n, const double *weights,
                       uint32_t rows)
{
	CHECK(rows <= n->rows);
	for (uint32_t i = 0; i < n->spec.layer_count && rows > 0; i++) {
		const struct layer *l = &n->spec.layers[i];
		struct dense_shape shape = {.rows = rows, .inputs = l->inputs, .outputs = l->outputs};
		if (l->kind != LAYER_DENSE)
			continue;
		weighted_rows(w, network_input(n, i), n->gradients[i], weights, shape);
		layers_dense_gradient_double(target + l->weight, target + l->bias, w->gradients, w->inputs, shape);
	}
}
