/*
 * Shares drawn from a symmetric Dirichlet distribution, for partitions: n Gamma variates over their sum.
 *
 *   alpha -> 0         one share is nearly all
 *   alpha = 1          every division is as likely as any other
 *   alpha -> infinity  equal shares
 *
 * Gamma variates: G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000); for
 * alpha < 1 by their section 6, Gamma(alpha) = Gamma(alpha + 1) U^(1/alpha). They are kept as logarithms, because at alpha
 * = .01 most are below the smallest double. The same on every machine (base/exact.h).
 */
#ifndef COHORT_SIMULATOR_DIRICHLET_H
#define COHORT_SIMULATOR_DIRICHLET_H

#include "base/random.h"

#define DIRICHLET_ALPHA_MIN 1e-4 /* already all rows at one of 10,000 sites */
#define DIRICHLET_ALPHA_MAX 1e6 /* already equal shares to a thousandth */

/* ln of a Gamma(alpha, 1) variate; alpha > 0. */
double dirichlet_log_gamma(struct rng *r, double alpha);

/* out[n] >= 0, sum 1 up to rounding. Alpha within the bounds above (CHECK); n >= 1. */
void dirichlet_draw(double *out, uint32_t n, double alpha, struct rng *r);

/* Cuts `count` things by the shares of `n`: out[n] are whole numbers that add up to `count`, each cumulated share rounded
 * to the nearest. */
void dirichlet_cut(uint32_t *out, const double *shares, uint32_t n, uint32_t count);

#endif
