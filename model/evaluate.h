/*
 * Evaluation: the sums of model/metrics.h over rows that lie in memory.
 */
#ifndef COHORT_MODEL_EVALUATE_H
#define COHORT_MODEL_EVALUATE_H

#include "model/metrics.h"
#include "model/network.h"
#include "model/row_products.h"

#include <stdatomic.h>

/* Adds x[rows, inputs] with labels[rows] to *loss_sum and counts[metrics_counts_length(shape)]; both start as the caller set
 * them. Works on the rows where they are, in blocks of the network's, and allocates nothing. ERR_CANCELLED when `cancel`
 * (may be NULL) is set between two blocks. */
enum err evaluate_rows(double *loss_sum, double *counts, struct metrics_shape shape, struct network *n,
                       const float *parameters, const float *x, const union label_value *labels, uint32_t rows,
                       const atomic_bool *cancel, struct diag *why) MUST_USE;

/* Rows of units that count as one each (base/share.h). */
struct shared_rows {
	const float *x; /* [rows, inputs] */
	const union label_value *labels; /* [rows] */
	const double *shares; /* [rows] */
	uint32_t rows;
};

/* Adds the sums of metrics_add_shares. One row more or less must move the sums by its own part alone, so no row's bits may depend on
 * other rows: the network works with `products`, of the same spec, which are loaded here. Errors as above. */
enum err evaluate_shares(double *loss_sum, double *counts, struct metrics_shape shape, struct network *n,
                         struct row_products *products, const float *parameters, struct shared_rows rows,
                         const atomic_bool *cancel, struct diag *why) MUST_USE;

#endif
