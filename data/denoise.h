/*
 * Statistics with noise in them, made into sums that some rows could have, from which a scaling can be computed.
 *
 * Every sum of data/standardize.h carries noise of the same known deviation s. Counts may then be negative, shares may add up to
 * more than everybody, a sum of squares may lie below the square of the mean. What comes out here is possible
 * (statistics_possible) and can be learnt from (statistics_check), whatever comes in:
 *
 *     rows R          the mean of what the label and each feature with levels say, each weighted by how few noised counts it
 *                     adds up; at least 2
 *     counts          each at least s, at most all; then in proportion, so that they add up to R
 *     present         of a numeric feature or label: at least 1 and s, at most R - s
 *     mean of u       within [-1, 1]
 *     variance of u   at least one deviation of its own noise, at most what the mean leaves room for
 *
 * Why one deviation. Let v be the true variance, v + e what the noise made of it, and t its deviation. An input is divided by
 * the root of max(v + e, t), so what is left of its variance is v / max(v + e, t) <= 1 + |e| / t: below 4 unless the noise
 * was off by more than 3 deviations. Without a floor, e = -v makes any input infinite. A higher floor would flatten
 * inputs that are known well. Where t is above 1/3, the variance of a label that is uniform over its range, the floor is that:
 * then only the range is known, and v / (1/3) <= 3. A share is at least s / R from 0 and 1 for the same reason.
 */
#ifndef COHORT_DATA_DENOISE_H
#define COHORT_DATA_DENOISE_H

#include "data/schema.h"

/* sums[schema_statistics_length] in place; `deviation` >= 0, in units of the sums, of the noise in each; finite, all of them (CHECK). */
void denoise_statistics(double *sums, const struct schema *s, double deviation);

/* The deviation of the noise in sums[2] / sums[0] - (sums[1] / sums[0])^2, of sums (n, sum of u, sum of u^2) that carry `deviation`
 * each: to first order, sqrt(1 + 4 m^2 + (2 m^2 - q)^2) / n of it, m and q the means of u and u^2. */
double denoise_variance_error(const double *sums, double deviation);

#endif
