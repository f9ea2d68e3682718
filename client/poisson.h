/*
 * Poisson sampling: who takes part in one training step. Every unit by itself, with probability q, whatever the others do and
 * whatever happened before; that is what the accountant's q < 1 rests on. Shuffled batches, or batches of a fixed size, do not
 * have this property. Draws come from the system's entropy and are told to nobody: the public `draws` of a study would let
 * anyone know who took part, and then there is no gain from sampling.
 *
 *   unit u takes part when the next 64 secret bits, as an integer, are below floor(q * 2^64): never more often than q, and less
 *   often by at most 2^-64
 *
 * A batch above the plan's cap loses its last units. That costs the privacy of who moves another unit out, with a probability
 * that the plan pays for (privacy_plan.batch_cap: at most 2^-60). With q = 1 everyone takes part and nothing is drawn or cut: a
 * site with more units than the study is said to have is a matter for its approval.
 *
 * Whom the draws choose decides how long the step takes, and so does nothing else here: each unit costs the same.
 */
#ifndef COHORT_CLIENT_POISSON_H
#define COHORT_CLIENT_POISSON_H

#include "base/random.h"

/* which[units] becomes the numbers of those who take part, ascending; returns how many. 0 < rate <= 1 (CHECK); cap is not looked
 * at with rate 1. O(units), 8 octets of entropy each. */
uint32_t poisson_sample(uint32_t *which, uint32_t units, double rate, uint32_t cap, const struct entropy *entropy);

#endif
