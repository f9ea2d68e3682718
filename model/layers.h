/*
 * Layers: forward and backward pairs over batches of rows; the only file that knows BLAS.
 *
 *   B rows, I inputs, O outputs; every matrix row-major and dense; W is [O, I] as in the flat vector
 *
 *   dense    y = x W^T + 1 b^T         dx = dy W      dW = dy^T x      db = dy^T 1
 *   relu     y = max(x, 0)             dx = dy where y > 0, else 0     (0 at the kink)
 *   sigmoid  y = 1 / (1 + exp(-x))     dx = dy y (1 - y)
 *   tanh     y = tanh(x)               dx = dy (1 - y^2)
 *   dropout  y = m x                   dx = m dy           m = 0 or 1 / (1 - share), drawn for each value (Srivastava et
 *                                                          al. 2014; scaled in training, so that evaluation is y = x)
 *
 * d* is the derivative of the loss with respect to *. The activations need only their own result for the way back, and
 * dropout only its draws, so they may work in place: y == x forward, dx == dy backward. Same inputs, same bits: one
 * BLAS thread, fixed order of sums.
 */
#ifndef COHORT_MODEL_LAYERS_H
#define COHORT_MODEL_LAYERS_H

#include "model/real.h"

#include <stddef.h>
#include <stdint.h>

struct dense_shape {
	uint32_t rows, inputs, outputs; /* B, I, O */
};

/* One BLAS thread for the whole process: parallelism is over sites, and sums keep one order. Any thread, any
 * number of times; network_init calls it. */
void layers_init(void);

/* y[B,O] = x[B,I] w[O,I]^T + b[O] */
void layers_dense_forward(real *y, const real *x, const real *w, const real *b, struct dense_shape s);

/* The same followed by relu, in one pass over y. */
void layers_dense_relu_forward(real *y, const real *x, const real *w, const real *b, struct dense_shape s);

/* dx[B,I] = dy[B,O] w[O,I] */
void layers_dense_backward(real *dx, const real *dy, const real *w, struct dense_shape s);

/* dw[O,I] = beta dw + alpha dy[B,O]^T x[B,I];  db[O] = beta db + alpha (column sums of dy). With beta 0 what was
 * there is not read. alpha = -learning rate and beta = 1 on the parameters themselves is a step of plain SGD. */
void layers_dense_gradient(real *dw, real *db, const real *dy, const real *x, struct dense_shape s, real alpha,
                           real beta);

/* The same sum in double, and always added: dw[O,I] += dy[B,O]^T x[B,I];  db[O] += column sums of dy. */
void layers_dense_gradient_double(double *dw, double *db, const double *dy, const double *x, struct dense_shape s);

void layers_relu_forward(real *y, const real *x, size_t n);
void layers_relu_backward(real *dx, const real *dy, const real *y, size_t n);
void layers_sigmoid_forward(real *y, const real *x, size_t n); /* error below 1e-7; no libm call, so it vectorises */
void layers_sigmoid_backward(real *dx, const real *dy, const real *y, size_t n);
void layers_tanh_forward(real *y, const real *x, size_t n); /* relative error below 4e-7; no libm call, as sigmoid */
void layers_tanh_backward(real *dx, const real *dy, const real *y, size_t n);

/* Forward, and the same backward with dx and dy. A draw is a u16 in little-endian octets, as the stream gives them; a
 * value is dropped when its draw is below share * 65536 (rounded), and what is kept is scaled by the share that is
 * truly kept, so the mean is exact. NaN and infinity are not hidden: dropped, they are NaN. */
void layers_dropout(real *y, const real *x, const uint16_t *draws, double share, size_t n);

#endif
