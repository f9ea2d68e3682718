/*
 * The products of dense layers, forward and backward, such that each row's result depends on that row and the parameters alone, bit
 * for bit: neither on how many rows there are, nor on where a row lies, nor on what lies beside it.
 *
 * A sum over patients moves by one patient's part, when one is added or removed, only if that holds: all others then have other
 * places. A BLAS does not promise it, and OpenBLAS's kernels for processors with AVX2 do not keep it, also where all blocks have
 * one shape: within its tiles of 12 rows, sums run in different orders. Here the order is the source's,
 *
 *   y_ro = ((b_o + x_r1 w_o1) + x_r2 w_o2) + ...          each step one fused multiply-add, or one of each without such hardware
 *
 * whichever tile an element is in. The weights lie in panels of 16 columns, so that a step is two vectors for each of four rows;
 * making them takes 0.3 ns for each weight, once for given parameters. Then it is as fast as OpenBLAS at 256 rows, and faster below.
 *
 *   panel of outputs o .. o + 15:   | b_o .. b_o+15 | w_o,1 .. w_o+15,1 | w_o,2 .. w_o+15,2 | ...      zeros beyond the last
 *
 * A network with `products` (model/network.h) takes these in place of BLAS.
 */
#ifndef COHORT_MODEL_ROW_PRODUCTS_H
#define COHORT_MODEL_ROW_PRODUCTS_H

#include "model/real.h"
#include "model/spec.h"

struct row_products {
	struct model_spec spec;
	const real *parameters; /* that are loaded; borrowed */
	real *forward[MODEL_LAYERS_MAX], *backward[MODEL_LAYERS_MAX]; /* panels of each dense layer */
	const struct row_tile *tile; /* the fastest here (model/row_tile.h) */
	real *memory; /* holds all of them: about twice the parameters */
};

void row_products_init(struct row_products *p, const struct model_spec *spec); /* the spec is copied */
void row_products_free(struct row_products *p); /* accepts a zeroed one */

/* Makes the panels of these parameters, which stay as they are until the next load. */
void row_products_load(struct row_products *p, const real *parameters);

/* y[rows, outputs] = x[rows, inputs] W^T + b of dense layer `layer`. */
void row_products_forward(real *y, const real *x, const struct row_products *p, uint32_t layer, uint32_t rows);

/* dx[rows, inputs] = dy[rows, outputs] W */
void row_products_backward(real *dx, const real *dy, const struct row_products *p, uint32_t layer, uint32_t rows);

/* x . y in double, in an order that n alone decides. */
double row_products_dot(const real *x, const real *y, size_t n);

#endif
