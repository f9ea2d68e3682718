/*
 * One tile is four rows by one panel: eight sums in registers, enough to keep two units for fused multiply-add busy. Where less than
 * four rows are left, the last row is computed and written again in their places, with the same bits, which costs less than
 * code of its own.
 */
#include "model/row_products.h"

#include "base/vec.h"
#include "model/transpose.h"

#include <stdlib.h>
#include <string.h>

#define PANEL 16 /* columns */
#define ROWS 4
#define LANES 16 /* of a dot product */

#if defined(__x86_64__) && !defined(MODEL_FLOAT64) && !defined(ROW_PRODUCTS_PLAIN)
#define FUSED
#include <immintrin.h>
#endif

/* What a tile is cut from: `columns` of y are this panel's. */
struct cut {
	const real *panel; /* PANEL starting values, then `depth` steps of PANEL weights */
	size_t depth, width, columns; /* of x; of y; of the panel */
};

/* ---- panels */

static size_t panels(size_t columns)
{
	return (columns + PANEL - 1) / PANEL;
}

static size_t panels_length(size_t columns, size_t depth)
{
	return panels(columns) * PANEL * (depth + 1);
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
	*p = (struct row_products){.spec = *spec};
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
	for (size_t o = 0; o < l->outputs; o += PANEL, panel += PANEL * ((size_t)l->inputs + 1)) {
		size_t columns = l->outputs - o < PANEL ? l->outputs - o : PANEL;
		memcpy(panel, b + o, columns * sizeof *panel);
		if (columns == PANEL) {
			transpose(panel + PANEL, w + o * l->inputs, PANEL, l->inputs);
			continue;
		}
		for (size_t j = 0; j < columns; j++)
			for (size_t k = 0; k < l->inputs; k++)
				panel[(k + 1) * PANEL + j] = w[(o + j) * l->inputs + k];
	}
}

/* Panels of W, which start from 0. */
static void load_backward(real *panel, const real *w, const struct layer *l)
{
	for (size_t i = 0; i < l->inputs; i += PANEL, panel += PANEL * ((size_t)l->outputs + 1)) {
		size_t columns = l->inputs - i < PANEL ? l->inputs - i : PANEL;
		for (size_t k = 0; k < l->outputs; k++)
			memcpy(panel + (k + 1) * PANEL, w + k * l->inputs + i, columns * sizeof *panel);
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

/* ---- tiles */

#ifdef FUSED
/* Row `row`, or the last one that there is. */
static size_t row_at(size_t row, size_t rows)
{
	return row < rows ? row : rows - 1;
}

__attribute__((target("avx2,fma"))) static void put_fused(real *y, const struct cut *c, __m256 low, __m256 high)
{
	real sums[PANEL];
	if (c->columns == PANEL) {
		_mm256_storeu_ps(y, low);
		_mm256_storeu_ps(y + 8, high);
		return;
	}
	_mm256_storeu_ps(sums, low);
	_mm256_storeu_ps(sums + 8, high);
	memcpy(y, sums, c->columns * sizeof *y);
}

__attribute__((target("avx2,fma"))) static void tile_fused(real *y, const real *x, const struct cut *c, size_t rows)
{
	const real *panel = c->panel, *x1 = x + row_at(1, rows) * c->depth, *x2 = x + row_at(2, rows) * c->depth,
		   *x3 = x + row_at(3, rows) * c->depth;
	__m256 low = _mm256_loadu_ps(panel), high = _mm256_loadu_ps(panel + 8);
	__m256 low0 = low, low1 = low, low2 = low, low3 = low, high0 = high, high1 = high, high2 = high, high3 = high;
	for (size_t k = 0; k < c->depth; k++) {
		panel += PANEL;
		low = _mm256_loadu_ps(panel);
		high = _mm256_loadu_ps(panel + 8);
		__m256 v = _mm256_set1_ps(x[k]);
		low0 = _mm256_fmadd_ps(v, low, low0);
		high0 = _mm256_fmadd_ps(v, high, high0);
		v = _mm256_set1_ps(x1[k]);
		low1 = _mm256_fmadd_ps(v, low, low1);
		high1 = _mm256_fmadd_ps(v, high, high1);
		v = _mm256_set1_ps(x2[k]);
		low2 = _mm256_fmadd_ps(v, low, low2);
		high2 = _mm256_fmadd_ps(v, high, high2);
		v = _mm256_set1_ps(x3[k]);
		low3 = _mm256_fmadd_ps(v, low, low3);
		high3 = _mm256_fmadd_ps(v, high, high3);
	}
	put_fused(y, c, low0, high0);
	put_fused(y + row_at(1, rows) * c->width, c, low1, high1);
	put_fused(y + row_at(2, rows) * c->width, c, low2, high2);
	put_fused(y + row_at(3, rows) * c->width, c, low3, high3);
}
#endif

VEC_WIDE static void tile_plain(real *y, const real *x, const struct cut *c, size_t rows)
{
	real sums[PANEL];
	for (size_t r = 0; r < rows; r++) {
		memcpy(sums, c->panel, sizeof sums);
		for (size_t k = 0; k < c->depth; k++)
			for (size_t j = 0; j < PANEL; j++)
				sums[j] += x[r * c->depth + k] * c->panel[(k + 1) * PANEL + j];
		memcpy(y + r * c->width, sums, c->columns * sizeof *y);
	}
}

typedef void tile_function(real *, const real *, const struct cut *, size_t);

static tile_function *tile_here(void)
{
#ifdef FUSED
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return tile_fused;
#endif
	return tile_plain;
}

/* y[rows, columns] from x[rows, depth]. A panel goes over all rows before the next, so that it stays in the cache. */
static void product(real *y, const real *x, const real *panel, size_t depth, size_t columns, size_t rows)
{
	tile_function *tile = tile_here();
	for (size_t at = 0; at < columns; at += PANEL, panel += PANEL * (depth + 1)) {
		struct cut c = {panel, depth, columns, columns - at < PANEL ? columns - at : PANEL};
		for (size_t r = 0; r < rows; r += ROWS)
			tile(y + r * columns + at, x + r * depth, &c, rows - r < ROWS ? rows - r : ROWS);
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
		product(y, x, p->forward[layer], l->inputs, l->outputs, rows);
}

void row_products_backward(real *dx, const real *dy, const struct row_products *p, uint32_t layer, uint32_t rows)
{
	const struct layer *l = &p->spec.layers[layer];
	product(dx, dy, p->backward[layer], l->outputs, l->inputs, rows);
}
