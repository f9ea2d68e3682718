/*
 * The noise that an epsilon needs: the accountant (account.h) turned round.
 *
 *   z* = inf { z : epsilon of (q, z, T) and what is fixed beside it <= epsilon* }, found from above, rounded up to 4 digits
 */
#ifndef COHORT_PRIVACY_CALIBRATE_H
#define COHORT_PRIVACY_CALIBRATE_H

#include "privacy/plan.h"

/* The multiplier of `steps` steps at this rate, next to the `count` releases of `fixed`, such that all together cost no more than
 * epsilon at delta; one step in the fourth digit below it is not promised. INFINITY when no noise is enough: because of the fixed
 * ones, or because epsilon, delta or the rate are out of range. 0 when steps is 0. Cost: some ten calls of account_epsilon. */
double calibrate_multiplier(double epsilon, double delta, double sampling_rate, uint64_t steps,
                            const struct account_steps *fixed, size_t count);

#define CALIBRATE_FIXED_MAX 8

#endif
