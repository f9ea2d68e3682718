/*
 * Losses, of logits: the link function is part of the loss, so that nothing overflows and no probability of 0 meets a
 * logarithm.
 *
 *   binary cross-entropy    l = softplus(z) - y z = max(z, 0) - y z + log(1 + exp(-|z|))      dl/dz = sigmoid(z) - y
 *   softmax cross-entropy   l = log sum_k exp(z_k) - z_label                                dl/dz_k = softmax(z)_k -
 *   [k = label]
 *   squared error           l = (z - t)^2, t the scaled label (PyTorch's MSELoss before its mean)       dl/dz = 2 (z - t)
 *
 * softmax is taken after subtracting the row's largest logit. Losses are summed in double, gradients are `real`.
 * A NaN logit gives a NaN loss and gradient: it fails closed where parameters are checked (model/train.h).
 */
#ifndef COHORT_MODEL_LOSS_H
#define COHORT_MODEL_LOSS_H

#include "base/label.h"
#include "model/real.h"
#include "model/spec.h"

/* One row's loss, >= 0. z[outputs]; binary and squared error: outputs is 1; binary: the class is 0 or 1; softmax: class < outputs
 * (CHECK). */
double loss_row(enum loss_kind kind, const real *z, uint32_t outputs, union label_value label);

/* The same for each row of z[rows, outputs], faster than one by one, with the same bits. */
void loss_rows(double *losses, enum loss_kind kind, const real *z, uint32_t outputs, const union label_value *labels,
               uint32_t rows);

/* Sum over rows of the loss of z[rows, outputs]. */
double loss_forward(enum loss_kind kind, const real *z, uint32_t outputs, const union label_value *labels,
                    uint32_t rows);

/* dz[rows, outputs] = derivative of that sum by z, row by row (divide by rows for the mean: the optimizer's or
 * network_gradient's scale does). Returns loss_forward's sum. dz == z is allowed. */
double loss_backward(real *dz, enum loss_kind kind, const real *z, uint32_t outputs, const union label_value *labels,
                     uint32_t rows);

/* Label smoothing (Szegedy et al. 2016, section 7) on top of loss_backward, for the two cross-entropies: the label gives
 * up a part s in [0, 1) of itself to all K classes alike, y' = (1 - s) y + s / K, with K = 2 for a binary label. As
 * both are linear in y, it is a term of its own,
 *
 *   softmax    l' = l + s (z_label - mean of z)        dl'/dz_k = dl/dz_k + s ([k = label] - 1 / K)
 *   binary     l' = l + s z (y - 1/2)                  dl'/dz   = dl/dz   + s (y - 1/2)
 *
 * Adds it to dz, which must not be z, and returns its sum, which may be negative; the whole loss is not. */
double loss_smooth(real *dz, enum loss_kind kind, const real *z, uint32_t outputs, const union label_value *labels,
                   uint32_t rows, double smoothing);

#endif
