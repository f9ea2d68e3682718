/*
 * Poisson sampling: who takes part in one training step. Every unit by itself, with probability q, whatever the others do and
 * whatever happened before; that is what the accountant's q < 1 rests on. Shuffled batches, or batches of a fixed size, do not
 * have this property. Draws come from the system's entropy and are told to nobody: the public `draws` of a study would let
 * anyone know who took part, and then there is no gain from sampling.
 *
 *   unit u takes part when the next 64 secret bits, as an integer, are below floor(q * 2^64): never more often than q, and less
 *   often by at most 2^-64
 *
 * Nobody is cut off, however many there are: whoever moves another unit out moves the sum by twice the clip. The plan's batch_cap
 * bounds what rounding can add to a sum (noised_gradient_error), and that grows slowly beyond it. With q = 1 everyone takes part and
 * nothing is drawn.
 *
 * Whom the draws choose decides how long the step takes, and so does nothing else here: each unit costs the same.
 */
#ifndef COHORT_CLIENT_POISSON_H
#define COHORT_CLIENT_POISSON_H

#include "base/random.h"

/* which[units] becomes the numbers of those who take part, ascending; returns how many. 0 < rate <= 1 (CHECK). O(units),
 * 8 octets of entropy each. */
uint32_t poisson_sample(uint32_t *which, uint32_t units, double rate, const struct entropy *entropy);

#endif
