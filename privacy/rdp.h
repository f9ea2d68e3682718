/*
 * Renyi differential privacy of the Poisson-sampled Gaussian mechanism at fixed integer orders: an upper bound that composes by
 * adding, also when later releases are chosen in the light of earlier ones. A hospital's ledger therefore keeps these sums.
 *
 *   log A(a) = log sum_{i=0}^{a} binom(a, i) (1-q)^{a-i} q^i e^{(i^2-i)/(2 z^2)}        cost of one step: log A(a) / (a - 1)
 *
 * (I. Mironov, K. Talwar, L. Zhang: Renyi differential privacy of the sampled Gaussian mechanism, 2019, section 3.3; both
 * directions of add/remove adjacency.) It holds for exact discrete Gaussian noise on a lattice as it does for normal noise, since
 * that mechanism's Renyi divergence is not larger (Canonne, Kamath, Steinke: The discrete Gaussian for differential privacy, 2020,
 * Proposition 5).
 *
 * Every sum is rounded up: it is never below the true value.
 */
#ifndef COHORT_PRIVACY_RDP_H
#define COHORT_PRIVACY_RDP_H

#include "privacy/plan.h"

/* The orders a: 2..64, 80, 96, 128, 192, 256, 384, 512, 768, 1024, 2048. Ledgers on disk keep their sums in this order. */
#define RDP_ORDERS 73
extern const uint16_t rdp_orders[RDP_ORDERS];

/* Of a composition; zeroed: of nothing. */
struct rdp {
	double sums[RDP_ORDERS];
};

/* Adds what these steps cost: +inf when a rate is not in [1e-15, 1], a multiplier is not positive and finite, or where it
 * overflows. Never NaN. A count of 0 adds nothing. */
void rdp_add(struct rdp *r, const struct account_steps *steps);

/* Adds another composition's sums. */
void rdp_join(struct rdp *r, const struct rdp *other);

/* The smallest epsilon that the sums prove at delta: min_a sum_a + log(1 - 1/a) - (log delta + log a)/(a - 1), and at least 0
 * (Canonne, Kamath, Steinke 2020, Proposition 12). +inf when delta is not in (0, 1), or when no order proves one. */
double rdp_epsilon(const struct rdp *r, double delta);

#endif
