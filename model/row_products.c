/*
 * Forward panels are those of W^T, which start from the biases; backward panels those of W, which start from 0. A panel goes over all
 * rows before the next, so that it stays in the cache.
 */
#include "model/row_products.h"

#include "base/vec.h"
#include "model/row_tile.h"
#include "model/transpose.h"

#include <stdlib.h>
#include <string.h>

#define LANES 16 /* of a dot product */

/* ---- panels */

static size_t panels(size_t columns)
{
	return (columns + ROW_PANEL - 1) / ROW_PANEL;
}

static size_t panels_length(size_t columns, size_t depth)
{
	return panels(columns) * ROW_PANEL * (depth + 1);
}

static bool only_dot(const struct layer *l)
{
	return l->outputs == 1;
}

static size_t forward_length(const struct layer *l)
{
	return l->kind == LAYER_DENSE && !only_dot(l) ? panels_length(l->outputs, l->inputs) : 0;
}

/* Nothing is asked of what lies below the first dense layer. */
static size_t backward_length(const struct model_spec *s, uint32_t layer)
{
	const struct layer *l = &s->layers[layer];
	return l->kind == LAYER_DENSE && l->weight > 0 ? panels_length(l->inputs, l->outputs) : 0;
}

void row_products_init(struct row_products *p, const struct model_spec *spec)
{
	size_t length = 0;
	const struct row_tile *tiles[ROW_TILES_MAX];
	row_tiles(tiles);
	*p = (struct row_products){.spec = *spec, .tile = tiles[0]};
	for (uint32_t i = 0; i < spec->layer_count; i++)
		length += forward_length(&spec->layers[i]) + backward_length(spec, i);
	p->memory = (real *)vec_f32(length * (sizeof(real) / sizeof(float)));
	real *next = p->memory;
	for (uint32_t i = 0; i < spec->layer_count; i++) {
		p->forward[i] = next;
		p->backward[i] = next + forward_length(&spec->layers[i]);
		next = p->backward[i] + backward_length(spec, i);
	}
}

void row_products_free(struct row_products *p)
{
	free(p->memory);
	*p = (struct row_products){0};
}

/* Panels of W^T: column o of it is row o of W. What vec_f32 left 0 beyond the last stays so. */
static void load_forward(real *panel, const real *w, const real *b, const struct layer *l)
{
	for (size_t o = 0; o < l->outputs; o += ROW_PANEL, panel += ROW_PANEL * ((size_t)l->inputs + 1)) {
		size_t columns = l->outputs - o < ROW_PANEL ? l->outputs - o : ROW_PANEL;
		memcpy(panel, b + o, columns * sizeof *panel);
		if (columns == ROW_PANEL) {
			transpose(panel + ROW_PANEL, w + o * l->inputs, ROW_PANEL, l->inputs);
			continue;
		}
		for (size_t j = 0; j < columns; j++)
			for (size_t k = 0; k < l->inputs; k++)
				panel[(k + 1) * ROW_PANEL + j] = w[(o + j) * l->inputs + k];
	}
}

/* Panels of W, which start from 0. */
static void load_backward(real *panel, const real *w, const struct layer *l)
{
	for (size_t i = 0; i < l->inputs; i += ROW_PANEL, panel += ROW_PANEL * ((size_t)l->outputs + 1)) {
		size_t columns = l->inputs - i < ROW_PANEL ? l->inputs - i : ROW_PANEL;
		for (size_t k = 0; k < l->outputs; k++)
			memcpy(panel + (k + 1) * ROW_PANEL, w + k * l->inputs + i, columns * sizeof *panel);
	}
}

void row_products_load(struct row_products *p, const real *parameters)
{
	p->parameters = parameters;
	for (uint32_t i = 0; i < p->spec.layer_count; i++) {
		const struct layer *l = &p->spec.layers[i];
		if (forward_length(l) > 0)
			load_forward(p->forward[i], parameters + l->weight, parameters + l->bias, l);
		if (backward_length(&p->spec, i) > 0)
			load_backward(p->backward[i], parameters + l->weight, l);
	}
}

/* ---- products */

/* y[rows, columns] from x[rows, depth]. */
static void product(real *y, const real *x, const real *panel, size_t depth, size_t columns, size_t rows,
                    const struct row_tile *tile)
{
	for (size_t at = 0; at < columns; at += ROW_PANEL, panel += ROW_PANEL * (depth + 1)) {
		struct row_cut c = {panel, depth, columns, columns - at < ROW_PANEL ? columns - at : ROW_PANEL};
		for (size_t r = 0; r < rows; r += tile->rows)
			tile->product(y + r * columns + at, x + r * depth, &c,
			              rows - r < tile->rows ? rows - r : tile->rows);
	}
}

/* ---- layers */

VEC_WIDE double row_products_dot(const real *x, const real *y, size_t n)
{
	double lanes[LANES] = {0}, sum = 0;
	size_t whole = n / LANES * LANES;
	for (size_t i = 0; i < whole; i += LANES)
		for (size_t l = 0; l < LANES; l++)
			lanes[l] += (double)x[i + l] * (double)y[i + l];
	for (size_t i = whole; i < n; i++)
		lanes[i - whole] += (double)x[i] * (double)y[i];
	for (size_t l = 0; l < LANES; l++)
		sum += lanes[l];
	return sum;
}

void row_products_forward(real *y, const real *x, const struct row_products *p, uint32_t layer, uint32_t rows)
{
	const struct layer *l = &p->spec.layers[layer];
	const real *w = p->parameters + l->weight, bias = p->parameters[l->bias];
	if (only_dot(l))
		for (size_t r = 0; r < rows; r++)
			y[r] = (real)(row_products_dot(x + r * l->inputs, w, l->inputs) + (double)bias);
	else
		product(y, x, p->forward[layer], l->inputs, l->outputs, rows, p->tile);
}

void row_products_backward(real *dx, const real *dy, const struct row_products *p, uint32_t layer, uint32_t rows)
{
	const struct layer *l = &p->spec.layers[layer];
	product(dx, dy, p->backward[layer], l->outputs, l->inputs, rows, p->tile);
}
