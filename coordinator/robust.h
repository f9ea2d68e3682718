/*
 * Robust strategies: an update of the model that a few wrong summands, however wrong, do not rule.
 *
 *   x_i = what summand i says the parameters changed by: a site's own change, or the mean change of a group of sites
 *   n   = summands that have a training row
 *
 *   median         each coordinate's median over the n; of an even n the mean of the middle two
 *                  Yin et al., Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates, ICML 2018,
 *                  definition 1
 *   trimmed mean   each coordinate's mean without the floor(trim * n) smallest and as many largest
 *                  Yin et al., definition 2 (beta)
 *   Krum           with f = byzantine: the one x_i whose n - f - 2 nearest others are nearest, by the sum of their
 *                  squared distances; Multi-Krum: the mean of the `keep` best
 *                  Blanchard et al., Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent, NeurIPS
 *                  2017, section 4 (n >= 2 f + 3) and its Multi-Krum; keep <= n - f - 2 as in El Mhamdi et al., The
 *                  Hidden Vulnerability of Distributed Learning in Byzantium, ICML 2018
 *
 * A contribution holds (weight / cap) * change and the weight, so x_i = sum_i * cap / weight_i, held within
 * +- update_range: a site that lies about its weight moves its own x_i and nothing else. The weights, patients mostly, have no
 * further part: a median of hospitals does not ask how large they are, or the largest claim would rule it.
 *
 * The result follows from the x_i alone, not from their order, the number of threads or a restart: coordinates are sorted
 * before they are added. Where two summands are equally good to Krum, the first in the order of the summands is taken.
 *
 * Memory: ROBUST_TILE octets, or 128 per summand where that is more, and for Krum 4 n^2 beside it. Time: median and trimmed mean O(d n log^2 n),
 * Krum O(d n^2); the summands are read once, those that Krum takes twice.
 */
#ifndef COHORT_COORDINATOR_ROBUST_H
#define COHORT_COORDINATOR_ROBUST_H

#include "coordinator/aggregate.h"
#include "protocol/study_robust.h"

#define ROBUST_TILE (16u << 20) /* octets of updates in memory at once: pieces of 8 KiB of each of 256 sites */

/* update[parameters] <- what the study's strategy, a robust one, makes of the summands of `sum`. ERR_DATA when fewer have a
 * training row than it needs (the words say how many, and what to change); ERR_IO from reading. */
enum err robust_update(double *update, const struct study *s, const struct aggregate *sum, struct diag *why) MUST_USE;

#endif
