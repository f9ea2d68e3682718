/*
 * Mean, deviation and confidence interval of a figure over runs that differ in their seed alone.
 *
 *   mean -+ t * deviation / sqrt(n)      t: the 95 % quantile of Student's distribution with n - 1 degrees of freedom
 *
 * (Student, "The probable error of a mean", Biometrika 6, 1908.) It speaks of seeds: how far the mean over more of them could
 * lie, not how the model would do on other patients.
 */
#ifndef COHORT_SIMULATOR_SPREAD_H
#define COHORT_SIMULATOR_SPREAD_H

#include <stddef.h>
#include <stdint.h>

struct spread {
	size_t n; /* finite values */
	double mean; /* NaN without any */
	double deviation; /* of a sample, divided by n - 1; NaN with fewer than two */
	double low, high; /* of the 95 % interval; NaN with fewer than two */
};

/* Values that are not finite do not count. */
struct spread spread_of(const double *values, size_t count);

/* The t that |T| does not exceed with probability `share`, 0 < share < 1 (CHECK), of `degrees` >= 1 degrees of freedom: the
 * finite sums of Abramowitz and Stegun, 26.7.3 and 26.7.4, solved by halving. Exact to 1e-12, relatively. */
double spread_student(double share, uint32_t degrees);

#endif
