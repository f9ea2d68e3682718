/*
 * Figures of sums that carry noise, and how far the noise may have moved them.
 *
 * Each released sum is one of shares (metrics_add_shares), to which a unit adds at most 1, plus noise of one known deviation
 * s. Noise makes counts negative and fractional. Nothing
 * is cut in the sums themselves: a histogram whose negative bins are set to 0 has more rows, and those in the wrong places, while the
 * noise of uncut bins cancels in what is added up of them. Numerators are therefore unbiased; denominators are at least one row; and
 * the figure is held within its range at the very end.
 *
 * The margin is found by doing again what the noise did: fresh noise of deviation s is added to the noised sums
 * METRICS_DRAWS times, and the margin is 1.96 times the root of the mean square by which the figure then moves. To first order a figure
 * moves alike wherever the noise starts from, so [figure - margin, figure + margin] holds the figure of the exact sums in 95 of 100
 * releases (measured in tests/test_metrics_noised.c). It says what the noise does, and nothing of how few rows there are.
 */
#ifndef COHORT_MODEL_METRICS_NOISED_H
#define COHORT_MODEL_METRICS_NOISED_H

#include "base/random.h"
#include "model/metrics.h"

#define METRICS_DRAWS 300 /* the margin itself is then off by 4 % (1 / sqrt(2 * 300)) */

/* Of loss and counts[metrics_counts_length] as released; shape.noise is s > 0. A margin is NAN where its figure is.
 * Costs METRICS_DRAWS * metrics_counts_length normal draws: 10 ms for 64 bins. */
void metrics_noised(struct metrics *out, struct metrics *margin, struct metrics_shape shape, double loss,
                    const double *counts, struct rng *draws);

#endif
