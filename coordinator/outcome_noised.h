/*
 * What a round's noised sum becomes, where it differs from an exact one. Everything here works on numbers that are public under
 * the study's promise (post-processing), with public numbers beside them: nothing is divided by how many patients or sites there
 * really were.
 *
 *   statistics   data/denoise.h makes them possible; whether anything can be learnt from them is not judged, since a noised
 *                count may not end a study
 *   train        distributed   u = - local.learning_rate * schedule * sum / (q N)      one step of gradient descent, as an update
 *                site          u = sum / n                                             n invited sites
 *                local         as without privacy: the noise is inside the updates
 *   evaluate     noised        figures with their margins (model/metrics_noised.h)
 *                masked        as without privacy
 *
 * Under `distributed` and FedAvg: w <- w - server.learning_rate * local.learning_rate * sum / (q N). Other strategies keep their
 * moments of the same u.
 */
#ifndef COHORT_COORDINATOR_OUTCOME_NOISED_H
#define COHORT_COORDINATOR_OUTCOME_NOISED_H

#include "coordinator/outcome.h"

/* Is this segment of the sum noised? */
bool outcome_is_noised(const struct aggregate *sum, enum segment_kind kind);

/* sums[schema_statistics_length] of the aggregate, in place. */
void outcome_denoise(double *sums, const struct study *s, const struct aggregate *sum);

/* update[model.parameters] <- u of mechanism distributed or site, in training round `step`. */
void outcome_noised_update(double *update, const struct study *s, uint32_t step, const struct aggregate *sum);

/* The figures of both parts of a noised evaluation, with their margins; a part that the contract leaves empty has 0 rows. The margins'
 * draws follow from study and round. */
void outcome_noised_figures(struct outcome *out, const struct study *s, uint64_t round, const struct aggregate *sum);

/* The clip of the next training round: clip * exp(- clip_rate * (b - clip_quantile)), b = sum / n + 1/2 held within [0, 1] the
 * noised share of sites whose update was within the clip, n the invited sites. Andrew et al., Differentially Private Learning with
 * Adaptive Clipping, NeurIPS 2021, Algorithm 1. It stays within ROUND_CLIP_RANGE of the contract's. */
double outcome_next_clip(const struct study *s, double clip, const struct aggregate *sum);

/* The whole promise under which a model is made, for its file: JSON text of mechanism, unit, adjacency, epsilon, delta, noise
 * multipliers, sampling rate, clip, how many releases are paid for ("steps", "others", and "releases", all of them), accountant,
 * whom it holds against, and what covers the evaluation. Terms of the contract alone, so that it is the same wherever it is
 * written. NULL without privacy; owned by the caller. */
char *outcome_promise(const struct study *s);

#endif
