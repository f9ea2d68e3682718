/*
 * From a site's sum to the words that leave: onto the grid, clamped, noise added.
 *
 *     word i = clamp(nearest(value i / grid), +- clamp) + noise i     mod 2^32, u32le, two's complement
 *
 * nearest: ties to even; a grid is a power of two, so the division is exact and this is the only rounding. Two sums at L2
 * distance C are at most C / grid + sqrt(d) apart on the grid (each coordinate moves by at most a half in each), which is
 * what struct noised's sensitivity holds; the clamp is a contraction and adds nothing. Rounding to nearest, unlike randomised
 * rounding, needs no condition on the data (Kairouz, Liu, Steinke, ICML 2021, section 4, is the other way).
 *
 * Nothing here depends on a value but the word itself: no refusal, no branch, no time. A NaN becomes 0.
 */
#ifndef COHORT_PRIVACY_QUANTIZE_H
#define COHORT_PRIVACY_QUANTIZE_H

#include "privacy/plan.h"

#include <stddef.h>
#include <stdint.h>

/* `octets`: 4 * count. `noise`: count draws of N_Z(0, n->variance), drawn before the data were touched (privacy/noise.h).
 * Returns how many values were beyond +- clamp or NaN: of this site's patients, so it stays at the site. */
size_t quantize_noised(uint8_t *octets, const double *values, const int32_t *noise, size_t count,
                       const struct noised *n);

#endif
