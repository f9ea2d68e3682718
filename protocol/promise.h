/*
 * The promise of a study's privacy, complete: to whom, how much, against whom, by which numbers, what it does not cover. The same
 * sentences and the same JSON for whoever adds a study, approves it, simulates it or looks at it.
 */
#ifndef COHORT_PROTOCOL_PROMISE_H
#define COHORT_PROTOCOL_PROMISE_H

#include "protocol/study.h"

#define PROMISE_WORDS_MAX 8192

/* Appends the sentences, each a line of any length; of mechanism none one that says so. */
void promise_words(struct buf *out, const struct study *s);

/* Appends a line when delta is unwise, for those who see the contract alone: whoever loads the file is warned of its place
 * (study_complete_privacy.c). */
void promise_warning(struct buf *out, const struct study *s);

/* An upper bound of a step's signal over its noise: the L2 norm of the sum if the contributions of all expected units pointed the
 * same way and were as long as the clip, over the noise's expected norm.
 *     distributed    q N C / (z C sqrt(d))                 d parameters
 *     local          q N C / (z C sqrt(d n))               n = sites.min hospitals, whose noises add up
 *     site           n C / (z C sqrt(d))                   n = sites.min
 * What rounding and hospitals beyond the quorum add to the noise is left out. 0 of mechanism none. */
double promise_signal_to_noise(const struct study *s);

/* {"mechanism", "unit", "epsilon", "delta", "noise_multiplier", "sampling_rate", "adjacency", "patients",
 *  "hospitals_per_patient", "clip", "clip_quantile", "steps", "others", "spare_rounds", "statistics_multiplier", "batch_cap",
 *  "cost": {"epsilon", "epsilon_rdp", "epsilon_pld"}, "accountant", "holds_against", "signal_to_noise",
 *  "evaluation": {"release", "covered", "epsilon", "noise_multiplier"}}; a number that does not apply is null. Owned by the
 * caller. */
struct json *promise_json(const struct study *s);

#endif
