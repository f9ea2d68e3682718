/*
 * The network: forward and backward over the spec's layers with memory laid out once. Forward is of two kinds, which
 * differ in dropout alone: network_forward evaluates, network_forward_training drops.
 *
 *   layer l       outputs[l] = A [rows, outputs of l]       gradients[l] = dL/dA, same shape
 *   input x[rows, inputs] is borrowed from the caller
 *
 *   x -> dense -> relu -> dense -> ... -> logits            network_forward: fills outputs
 *                                            | loss_backward writes network_logit_gradient
 *   gradients <- ... <------------------- dL/dlogits        network_backward: fills gradients
 *   sum over rows of gradients[l]^T A[l-1]                  network_gradient: fills a flat vector
 *
 * An activation or dropout right behind a dense layer works in the dense layer's two arrays (outputs[l] ==
 * outputs[l-1]): backward needs only its result, or its draws. So does dropout right behind relu: what relu needs for
 * the way back, where its result is above 0, dropout leaves wherever a gradient comes back.
 *
 * So gradients[l] of a dense layer l ends as G[B,O], the derivative by what the dense layer itself put out, and
 * network_input(l) is A[B,I], what it read. These two stay until the next forward: a row's gradient norm is
 * sqrt(sum_l |G_l row|^2 (|A_l row|^2 + 1)) without any row's gradient ever made (Goodfellow 2015), and scaling the
 * rows of G between network_backward and network_gradient weights the rows. That is why these are two calls.
 */
#ifndef COHORT_MODEL_NETWORK_H
#define COHORT_MODEL_NETWORK_H

#include "model/real.h"
#include "model/spec.h"

#include <stdbool.h>

/* Rows processed at once: beyond it sgemm gains nothing. Larger batches are sums over blocks. */
#define NETWORK_ROWS_MAX 1024

/* Floats of the caller's x, all outputs and all gradients together: 256 MiB, as MODEL_PARAMETERS_MAX. A single row is
 * always allowed. */
#define NETWORK_MEMORY_MAX ((size_t)64 << 20)

struct row_products;
struct network {
	struct model_spec spec;
	uint32_t rows_max, rows; /* room for; of the last forward */
	const real *input; /* x of the last forward, borrowed until network_gradient */
	real *outputs[MODEL_LAYERS_MAX];
	real *gradients[MODEL_LAYERS_MAX];
	uint16_t *draws[MODEL_LAYERS_MAX]; /* of a dropout layer's last training forward, [rows, outputs of l] */
	real *memory; /* holds all of them */
	bool training; /* the last forward */
	/* NULL, or what takes the place of BLAS in forward and backward, so that no row's bits depend on other rows (model/row_products.h):
	 * the caller's, of the same spec, loaded with the parameters that forward and backward are given. */
	const struct row_products *products;
};

/* Room for `rows` rows at once, or for fewer where the two bounds above say so: n->rows_max tells. The spec is
 * copied. */
void network_init(struct network *n, const struct model_spec *spec, uint32_t rows);
void network_free(struct network *n); /* accepts a zeroed one */

/* logits[rows, spec.outputs] of x[rows, spec.inputs], rows <= rows_max; borrowed until the next forward. `parameters`
 * is the flat vector of spec.parameters. */
const real *network_forward(struct network *n, const real *parameters, const real *x, uint32_t rows);

/* The same in training. Draws for dropout layer d = 0, 1, ... are taken from streams[d] (model/dropout.h); without
 * dropout layers `streams` may be NULL. */
struct rng;
const real *network_forward_training(struct network *n, const real *parameters, const real *x, uint32_t rows,
                                     struct rng *streams);

/* Where the derivative of the loss by the logits goes before network_backward: [rows, spec.outputs]. */
real *network_logit_gradient(struct network *n);

/* From there down to gradients[l] of every dense layer, by what the last forward dropped. `parameters` as there. */
void network_backward(struct network *n, const real *parameters);

/* target = beta * target + alpha * (sum over rows of the gradient by the parameters), flat. beta 0 does not read
 * the target. The target may be the parameters themselves: alpha = -learning rate / rows, beta = 1 is plain SGD. */
void network_gradient(const struct network *n, real *target, real alpha, real beta);

const real *network_input(const struct network *n, uint32_t layer); /* what layer l read: A[rows, inputs of l] */

#endif
