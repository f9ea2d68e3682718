/*
 * Epsilon of a composition of Poisson-sampled Gaussian steps by numerical quadrature of continuous distributions: no grid of losses, no
 * fast transform, no bound. Slow, and right to 1e-8 or so: what the accountant is compared with.
 */
#ifndef COHORT_TESTS_SUPPORT_LOSS_QUADRATURE_H
#define COHORT_TESTS_SUPPORT_LOSS_QUADRATURE_H

#include "privacy/plan.h"

#include <stddef.h>

#define LOSS_QUADRATURE_PARTS_MAX 4

/* The larger of both directions, at least 0. `near`: epsilon, roughly. NaN where it does not converge: few steps of a small rate. */
double loss_quadrature_epsilon(const struct account_steps *list, size_t count, double delta, double near);

#endif
