/*
 * Clipping: one unit's vector is shortened to the norm C at most, so that adding or removing the unit moves a sum by no more
 * (Abadi et al. 2016, section 3.1). Everything fails closed: what is not a number contributes nothing.
 *
 *   weight = min(1, C / norm) (1 - 2^-20)        0 when the norm is NaN or infinite
 *
 * The factor pays for the rounding of the norm and of the weighted vector, also where nothing is clipped, so that the norm of
 * what is really added is never above C.
 */
#ifndef COHORT_PRIVACY_CLIP_H
#define COHORT_PRIVACY_CLIP_H

#include <stdbool.h>
#include <stddef.h>

#define CLIP_MARGIN (1 - 0x1p-20)

/* norm >= 0 or NaN; clip > 0 and finite (CHECK). */
double clip_weight(double norm, double clip);

/* Clips values[n] as a whole; with a NaN or an infinity anywhere, or a norm above the largest double, all become 0. Whether
 * the norm was within the clip. */
bool clip_update(double *values, size_t n, double clip);

#endif
