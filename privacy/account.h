/*
 * The accountant: what a list of releases costs a unit, as the epsilon of (epsilon, delta)-differential privacy under adding or
 * removing that unit (both directions, the larger counts).
 *
 *   q = 1 throughout    the Gaussian mechanism's own formula, exact                      gaussian.h
 *   otherwise           privacy loss distribution, an upper bound within 1e-3 or so      pld.h
 *   always              Renyi differential privacy at integer orders, an upper bound     rdp.h
 *
 * What is reported is the smaller of two upper bounds, thus one itself. The privacy loss distribution is proven for parameters
 * that were fixed beforehand, such as those of one study; what is chosen adaptively, study after study, is judged by Renyi sums
 * alone (client/budget.h).
 */
#ifndef COHORT_PRIVACY_ACCOUNT_H
#define COHORT_PRIVACY_ACCOUNT_H

#include "privacy/plan.h"

#define ACCOUNT_ADJACENCY "add/remove" /* of one unit; what every figure here is about */

struct account {
	double epsilon; /* the smaller of the next two; +inf when nothing can be promised; never NaN */
	double epsilon_rdp, epsilon_pld; /* where all rates are 1, the second is the exact value */
	double delta;
	const char *accountant; /* which one decided: "gaussian", "pld" or "rdp" */
};

/* The cost of all parts together, in whatever order they stand. +inf for a part with a rate outside [1e-15, 1] or a multiplier
 * that is not positive and finite, and for a delta outside (0, 1). Parts of 0 steps cost nothing. */
void account_epsilon(struct account *out, const struct account_steps *list, size_t count, double delta);

#endif
