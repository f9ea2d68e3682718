/*
 * Shares: what a row counts for when each unit (a patient, a record) counts as one. A row of a unit with k rows counts 1/k, and
 * so a unit's part of a sum is the mean of its rows' values.
 *
 *   share = floor(2^24 / k) 2^-24          part of a value x in [-1, 1] = share * x, cut toward 0 to a multiple of 2^-24
 *
 * Cutting toward 0 makes no part larger, so whatever bound holds for each row's vector holds for the unit's. And sums of
 * multiples of 2^-24 over up to CSV_ROWS_MAX rows (below 2^25) need 49 bits: doubles add them exactly. So adding or removing a
 * unit moves the sum by that unit's part and nothing else, in whatever order, and there is no rounding to pay for (e_f = 0).
 */
#ifndef COHORT_BASE_SHARE_H
#define COHORT_BASE_SHARE_H

#include <stdint.h>

#define SHARE_STEPS 16777216.0 /* 2^24 */

/* Of each row of a unit with `rows` >= 1 rows. 0 beyond 2^24 rows. */
static inline double share_of(uint32_t rows)
{
	return (double)((uint32_t)SHARE_STEPS / rows) / SHARE_STEPS;
}

/* 0 <= share <= 1; what is not a number, or not within [-1, 1], has no part. */
static inline double share_part(double share, double x)
{
	return x >= -1 && x <= 1 ? (double)(int32_t)(share * x * SHARE_STEPS) / SHARE_STEPS : 0;
}

#endif
