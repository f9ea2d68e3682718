/*
 * model/row_products, with each of its tiles that this machine can run: against loops in double, row by row the same bits as alone, for
 * every number of rows up to some blocks, and nothing written beyond them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "model/row_products.h"
#include "model/row_tile.h"
#include "tests/support/models.h"

static const struct row_tile *tiles[ROW_TILES_MAX];
static size_t tile_count;

static int find_tiles(void **state)
{
	(void)state;
	tile_count = row_tiles(tiles);
	return 0;
}

#define ROWS_MAX 70
#define BEYOND 7 /* floats behind the last row that must stay as they are */
#define MARK 12345.0f

/* The second dense layer (number 2) is the one looked at: the first has no way back. */
static const struct shape {
	uint32_t inputs, outputs;
} shapes[] = {{1, 1}, {1, 2}, {5, 1}, {7, 3}, {16, 16}, {17, 15}, {15, 17}, {32, 33}, {64, 1}, {30, 128}, {129, 40}};
#define SHAPES (sizeof shapes / sizeof shapes[0])

struct product {
	struct model_spec spec;
	struct row_products products;
	float *parameters, *in, *out;
	bool backward;
};

static const struct layer *layer_of(const struct product *p)
{
	return &p->spec.layers[2];
}

static size_t width_in(const struct product *p)
{
	return p->backward ? layer_of(p)->outputs : layer_of(p)->inputs;
}

static size_t width_out(const struct product *p)
{
	return p->backward ? layer_of(p)->inputs : layer_of(p)->outputs;
}

static void run(const struct product *p, uint32_t rows)
{
	for (size_t i = 0; i < ROWS_MAX * width_out(p) + BEYOND; i++)
		p->out[i] = MARK;
	(p->backward ? row_products_backward : row_products_forward)(p->out, p->in, &p->products, 2, rows);
	for (size_t i = rows * width_out(p); i < ROWS_MAX * width_out(p) + BEYOND; i++)
		assert_true(p->out[i] == MARK);
}

static struct product product_new(const struct row_tile *tile, struct shape s, bool backward)
{
	struct product p = {.backward = backward};
	struct rng r;
	char layers[64];
	snprintf(layers, sizeof layers, "dense %u, relu, dense %u, relu, dense 1", s.inputs, s.outputs);
	p.spec = models_spec(layers, 3, 1);
	rng_seeded(&r, 1000 * s.inputs + s.outputs, "row products");
	p.parameters = vec_f32(p.spec.parameters);
	p.in = vec_f32(ROWS_MAX * width_in(&p));
	p.out = vec_f32(ROWS_MAX * width_out(&p) + BEYOND);
	models_normal(p.parameters, p.spec.parameters, 1, &r);
	models_normal(p.in, ROWS_MAX * width_in(&p), 1, &r);
	row_products_init(&p.products, &p.spec);
	assert_ptr_equal(p.products.tile, tiles[0]);
	p.products.tile = tile;
	row_products_load(&p.products, p.parameters);
	return p;
}

static void product_free(struct product *p)
{
	row_products_free(&p->products);
	row_products_free(&p->products);
	free(p->parameters);
	free(p->in);
	free(p->out);
}

static double expected(const struct product *p, uint32_t row, uint32_t column)
{
	const struct layer *l = layer_of(p);
	const float *x = p->in + row * width_in(p), *w = p->parameters + l->weight;
	double sum = p->backward ? 0 : (double)p->parameters[l->bias + column];
	for (size_t k = 0; k < width_in(p); k++)
		sum += (double)x[k] *
		       (double)(p->backward ? w[k * l->inputs + column] : w[(size_t)column * l->inputs + k]);
	return sum;
}

static void for_all(void (*check)(struct product *))
{
	for (size_t b = 0; b < tile_count; b++)
		for (size_t s = 0; s < SHAPES; s++)
			for (int backward = 0; backward < 2; backward++) {
				struct product p = product_new(tiles[b], shapes[s], backward);
				check(&p);
				product_free(&p);
			}
}

static void assert_close_to_loops(struct product *p)
{
	run(p, ROWS_MAX);
	for (uint32_t row = 0; row < ROWS_MAX; row++)
		for (uint32_t column = 0; column < width_out(p); column++) {
			double found = (double)p->out[row * width_out(p) + column], wanted = expected(p, row, column);
			if (!(fabs(found - wanted) <= 1e-6 * (double)(width_in(p) + 4)))
				fail_msg("%s: %.9g is not %.9g", p->products.tile->name, found, wanted);
		}
}

static void products_are_those_of_loops(void **state)
{
	(void)state;
	for_all(assert_close_to_loops);
}

static void assert_rows_alone(struct product *p)
{
	size_t width = width_out(p), octets = ROWS_MAX * width * sizeof *p->out;
	float *alone = vec_f32(ROWS_MAX * width), *in = p->in;
	for (uint32_t row = 0; row < ROWS_MAX; row++, p->in += width_in(p)) {
		run(p, 1);
		memcpy(alone + row * width, p->out, width * sizeof *alone);
	}
	p->in = in;
	for (uint32_t rows = 1; rows <= ROWS_MAX; rows++) {
		run(p, rows);
		assert_memory_equal(p->out, alone, rows * width * sizeof *alone);
	}
	for (size_t i = 0; i < width_in(p); i++) /* what is not a number stays in its row */
		p->in[9 * width_in(p) + i] = i % 2 == 0 ? NAN : INFINITY;
	run(p, ROWS_MAX);
	memcpy(p->out + 9 * width, alone + 9 * width, width * sizeof *alone);
	assert_memory_equal(p->out, alone, octets);
	free(alone);
}

static void a_row_is_the_same_as_alone(void **state)
{
	(void)state;
	for_all(assert_rows_alone);
}

/* One step after the other for each element, so the width of a vector does not matter. */
static void fused_tiles_have_the_same_bits(void **state)
{
	(void)state;
	assert_true(tile_count > 0 && !tiles[tile_count - 1]->fused);
	for (size_t b = 1; b + 1 < tile_count; b++)
		for (size_t s = 0; s < SHAPES; s++)
			for (int backward = 0; backward < 2; backward++) {
				struct product p = product_new(tiles[0], shapes[s], backward),
					       q = product_new(tiles[b], shapes[s], backward);
				assert_true(tiles[b]->fused && tiles[0]->fused);
				run(&p, ROWS_MAX);
				run(&q, ROWS_MAX);
				assert_memory_equal(p.out, q.out, ROWS_MAX * width_out(&p) * sizeof *p.out);
				product_free(&p);
				product_free(&q);
			}
}

static void parameters_are_loaded_anew(void **state)
{
	(void)state;
	for (size_t s = 0; s < SHAPES; s++)
		for (int backward = 0; backward < 2; backward++) {
			struct product p = product_new(tiles[0], shapes[s], backward);
			for (size_t i = 0; i < p.spec.parameters; i++)
				p.parameters[i] = -2 * p.parameters[i] + 1;
			row_products_load(&p.products, p.parameters);
			assert_close_to_loops(&p);
			product_free(&p);
		}
}

static void dots_are_exact_but_for_double(void **state)
{
	(void)state;
	float x[100], y[100];
	struct rng r;
	rng_seeded(&r, 1, "dot");
	for (size_t n = 0; n < 100; n++) {
		long double sum = 0;
		models_normal(x, n, 1, &r);
		models_normal(y, n, 1, &r);
		for (size_t i = 0; i < n; i++)
			sum += (long double)x[i] * y[i];
		assert_true(fabsl(row_products_dot(x, y, n) - sum) <= 1e-14L);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(products_are_those_of_loops),    cmocka_unit_test(a_row_is_the_same_as_alone),
		cmocka_unit_test(fused_tiles_have_the_same_bits), cmocka_unit_test(parameters_are_loaded_anew),
		cmocka_unit_test(dots_are_exact_but_for_double),
	};
	return cmocka_run_group_tests(tests, find_tiles, NULL);
}
