/*
 * Gradients of single rows, or of a few rows together, without ever making them: their norms, and their weighted sum. A dense
 * layer that read a and whose output has the derivative g has the gradient g a~^T, a~ = (a, 1); so with A and G as the network
 * leaves them after network_backward (Goodfellow 2015)
 *
 *   |gradient of row j|^2           = P_j^2 = sum over layers |g_j|^2 (|a_j|^2 + 1)
 *   |gradient of rows J together|^2 = S     = sum over layers, j, k in J of (g_j . g_k) (a_j . a_k + 1)
 *   weighted sum over rows                  = (diag(w) G)^T (A, 1)                              one product for each layer
 *
 * S can cancel, and then be rounded to less than it is, even below 0: its error is below 2^-36 P^2, P = sum_j P_j (65,536 inputs
 * and outputs, each sum in double). So the norm that is told is sqrt((1 - 2^-12) max(0, S) + 2^-12 P^2), which is the true one
 * for a single row, otherwise not less, but for 2^-24 of it, and never less than P / 64. The last bounds what the weighted
 * sum can lose by its rounding.
 *
 * The weighted sum is made in double: products of floats are exact, and the sum's error is at most (rows + 3) 2^-53 sum_j w_j P_j. In
 * float, rows of one patient that cancel would lose more than all of what is left of them.
 */
#ifndef COHORT_MODEL_ROW_GRADIENTS_H
#define COHORT_MODEL_ROW_GRADIENTS_H

#include "model/network.h"

struct row_gradients {
	double *inputs, *gradients; /* A and diag(w) G of one layer at a time */
};

void row_gradients_init(struct row_gradients *w, const struct network *n);
void row_gradients_free(struct row_gradients *w); /* accepts a zeroed one */

/* Of the summed gradient of rows first .. first + count - 1 of the network's last backward. */
struct row_norm {
	double square; /* S as computed: it may be below 0 */
	double reach; /* P */
};
struct row_norm row_gradients_norm(const struct network *n, uint32_t first, uint32_t count);

/* The norm as told above; NaN or infinite when any input or derivative of the rows is. */
double row_norm_length(struct row_norm norm);

/* target[parameters] += sum over the first `rows` rows of weights[row] times the row's gradient. A row of weight 0 is not
 * looked at: it may hold anything. */
void row_gradients_add(struct row_gradients *w, double *target, const struct network *n, const double *weights,
                       uint32_t rows);

#endif
