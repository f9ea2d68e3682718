/*
 * The learning rate over the training rounds r = 1 ... R of a study: learning_rate * schedule_factor.
 *
 *   r <= warmup          r / (warmup + 1)                                    (Goyal et al. 2017, section 2.2)
 *   then, with q = r - warmup - 1 = 0, 1, ... and Q = R - warmup
 *     constant           1
 *     step               factor ^ floor(q / every)
 *     cosine             floor + (1 - floor) (1 + cos(pi q / Q)) / 2         (Loshchilov and Hutter 2017, eq. 5)
 *
 * The first round after the warm-up has the full rate. A round repeated is the same round: the factor follows from its
 * number alone, and sites keep nothing in between.
 */
#ifndef COHORT_MODEL_SCHEDULE_H
#define COHORT_MODEL_SCHEDULE_H

#include "model/spec.h"

/* In [0, 1] and above 0 but for underflow; 1 <= round <= rounds (CHECK), warmup < rounds. */
double schedule_factor(const struct rate_schedule *s, uint32_t round, uint32_t rounds);

#endif
