/*
 * Evaluation: the sums of model/metrics.h over all batches of a source.
 */
#ifndef COHORT_MODEL_EVALUATE_H
#define COHORT_MODEL_EVALUATE_H

#include "model/metrics.h"
#include "model/network.h"
#include "model/source.h"

#include <stdatomic.h>

/* Adds all rows of the source to *loss_sum and counts[metrics_counts_length(shape)]; both start as the caller set
 * them. ERR_CANCELLED when `cancel` (may be NULL) is set between two blocks of rows. */
enum err evaluate_run(double *loss_sum, double *counts, struct metrics_shape shape, struct network *n,
                      const float *parameters, struct row_source source, const atomic_bool *cancel,
                      struct diag *why) MUST_USE;

#endif
