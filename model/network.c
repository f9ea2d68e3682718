#include "model/network.h"

#include "base/err.h"
#include "base/random.h"
#include "base/vec.h"
#include "model/layers.h"
#include "model/row_products.h"

#include <stdlib.h>
#include <string.h>

/* Arrays begin at cache lines, so that vector loads do not straddle two. */
#define ALIGN_REALS (VEC_ALIGN / sizeof(real))

/* An activation or dropout right behind a dense layer shares its arrays, and dropout those of a relu before it. */
static bool shares_arrays(const struct model_spec *s, uint32_t layer)
{
	enum layer_kind kind = s->layers[layer].kind;
	if (layer == 0 || kind == LAYER_DENSE)
		return false;
	enum layer_kind before = s->layers[layer - 1].kind;
	return before == LAYER_DENSE || (before == LAYER_RELU && kind == LAYER_DROPOUT);
}

static size_t array_length(uint32_t rows, uint32_t width)
{
	size_t n = (size_t)rows * width;
	return (n + ALIGN_REALS - 1) / ALIGN_REALS * ALIGN_REALS;
}

/* Room for 16-bit draws, in reals. */
static size_t draws_length(const struct layer *l, uint32_t rows)
{
	return l->kind == LAYER_DROPOUT ? array_length(rows, (l->outputs + 1) / 2) : 0;
}

static size_t memory_length(const struct model_spec *s, uint32_t rows)
{
	size_t sum = 0;
	for (uint32_t l = 0; l < s->layer_count; l++) {
		sum += draws_length(&s->layers[l], rows);
		if (!shares_arrays(s, l))
			sum += 2 * array_length(rows, s->layers[l].outputs);
	}
	return sum;
}

static void lay_out(struct network *n)
{
	const struct model_spec *s = &n->spec;
	real *next = n->memory;
	for (uint32_t l = 0; l < s->layer_count; l++) {
		size_t length = array_length(n->rows_max, s->layers[l].outputs),
		       draws = draws_length(&s->layers[l], n->rows_max);
		if (draws > 0)
			n->draws[l] = (uint16_t *)(void *)next;
		next += draws;
		if (shares_arrays(s, l)) {
			n->outputs[l] = n->outputs[l - 1];
			n->gradients[l] = n->gradients[l - 1];
			continue;
		}
		n->outputs[l] = next;
		n->gradients[l] = next + length;
		next += 2 * length;
	}
}

void network_init(struct network *n, const struct model_spec *spec, uint32_t rows)
{
	CHECK(rows > 0 && spec->layer_count > 0 && spec->outputs > 0);
	if (rows > NETWORK_ROWS_MAX)
		rows = NETWORK_ROWS_MAX;
	while (rows > 1 && memory_length(spec, rows) + (size_t)rows * spec->inputs > NETWORK_MEMORY_MAX)
		rows /= 2;

	layers_init();
	*n = (struct network){.spec = *spec, .rows_max = rows};
	n->memory = (real *)vec_f32(memory_length(spec, rows) * (sizeof(real) / sizeof(float)));
	lay_out(n);
}

void network_free(struct network *n)
{
	free(n->memory);
	*n = (struct network){0};
}

static struct dense_shape dense_shape(const struct network *n, const struct layer *l)
{
	return (struct dense_shape){.rows = n->rows, .inputs = l->inputs, .outputs = l->outputs};
}

const real *network_input(const struct network *n, uint32_t layer)
{
	return layer == 0 ? n->input : n->outputs[layer - 1];
}

static void drop(struct network *n, uint32_t layer, struct rng *stream, size_t cells)
{
	real *out = n->outputs[layer];
	const real *in = network_input(n, layer);
	if (n->training) {
		rng_octets(stream, (uint8_t *)n->draws[layer], cells * sizeof n->draws[layer][0]);
		layers_dropout(out, in, n->draws[layer], n->spec.layers[layer].share, cells);
	} else if (out != in) {
		memcpy(out, in, cells * sizeof *out);
	}
}

static void drop_backward(struct network *n, uint32_t layer, size_t cells)
{
	real *out = n->gradients[layer - 1];
	const real *in = n->gradients[layer];
	if (n->training)
		layers_dropout(out, in, n->draws[layer], n->spec.layers[layer].share, cells);
	else if (out != in)
		memcpy(out, in, cells * sizeof *out);
}

static const real *through_layers(struct network *n, const real *parameters, const real *x, uint32_t rows,
                                  struct rng *streams)
{
	const struct model_spec *s = &n->spec;
	CHECK(rows <= n->rows_max && (!n->products || n->products->parameters == parameters));
	n->input = x;
	n->rows = rows;
	for (uint32_t i = 0; i < s->layer_count; i++) {
		const struct layer *l = &s->layers[i];
		const real *in = network_input(n, i), *w = parameters + l->weight, *b = parameters + l->bias;
		size_t cells = (size_t)rows * l->outputs;
		if (l->kind == LAYER_RELU)
			layers_relu_forward(n->outputs[i], in, cells);
		else if (l->kind == LAYER_SIGMOID)
			layers_sigmoid_forward(n->outputs[i], in, cells);
		else if (l->kind == LAYER_TANH)
			layers_tanh_forward(n->outputs[i], in, cells);
		else if (l->kind == LAYER_DROPOUT)
			drop(n, i, n->training ? streams++ : NULL, cells);
		else if (n->products)
			row_products_forward(n->outputs[i], in, n->products, i, rows);
		else if (i + 1 < s->layer_count && s->layers[i + 1].kind == LAYER_RELU)
			layers_dense_relu_forward(n->outputs[i++], in, w, b, dense_shape(n, l));
		else
			layers_dense_forward(n->outputs[i], in, w, b, dense_shape(n, l));
	}
	return n->outputs[s->layer_count - 1];
}

const real *network_forward(struct network *n, const real *parameters, const real *x, uint32_t rows)
{
	n->training = false;
	return through_layers(n, parameters, x, rows, NULL);
}

const real *network_forward_training(struct network *n, const real *parameters, const real *x, uint32_t rows,
                                     struct rng *streams)
{
	CHECK(streams || spec_dropouts(&n->spec) == 0);
	n->training = true;
	return through_layers(n, parameters, x, rows, streams);
}

real *network_logit_gradient(struct network *n)
{
	return n->gradients[n->spec.layer_count - 1];
}

void network_backward(struct network *n, const real *parameters)
{
	const struct model_spec *s = &n->spec;
	uint32_t first_dense = 0; /* below it nothing has parameters */
	while (s->layers[first_dense].kind != LAYER_DENSE)
		first_dense++;
	for (uint32_t i = s->layer_count - 1; i > first_dense; i--) {
		const struct layer *l = &s->layers[i];
		size_t cells = (size_t)n->rows * l->outputs;
		if (l->kind == LAYER_DENSE && n->products)
			row_products_backward(n->gradients[i - 1], n->gradients[i], n->products, i, n->rows);
		else if (l->kind == LAYER_DENSE)
			layers_dense_backward(n->gradients[i - 1], n->gradients[i], parameters + l->weight,
			                      dense_shape(n, l));
		else if (l->kind == LAYER_RELU)
			layers_relu_backward(n->gradients[i - 1], n->gradients[i], n->outputs[i], cells);
		else if (l->kind == LAYER_DROPOUT)
			drop_backward(n, i, cells);
		else if (l->kind == LAYER_TANH)
			layers_tanh_backward(n->gradients[i - 1], n->gradients[i], n->outputs[i], cells);
		else
			layers_sigmoid_backward(n->gradients[i - 1], n->gradients[i], n->outputs[i], cells);
	}
}

void network_gradient(const struct network *n, real *target, real alpha, real beta)
{
	for (uint32_t i = 0; i < n->spec.layer_count; i++) {
		const struct layer *l = &n->spec.layers[i];
		if (l->kind == LAYER_DENSE)
			layers_dense_gradient(target + l->weight, target + l->bias, n->gradients[i],
			                      network_input(n, i), dense_shape(n, l), alpha, beta);
	}
}
