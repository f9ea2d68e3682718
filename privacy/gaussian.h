/*
 * The Gaussian mechanism, exactly: what normal noise of standard deviation sigma costs when it hides a sum that one unit changes
 * by at most Delta. All depends on mu = Delta / sigma = 1 / noise multiplier; k releases of mu_1 ... mu_k, chosen beforehand,
 * cost as much as one of sqrt(mu_1^2 + ... + mu_k^2).
 *
 *   delta(epsilon; mu) = Phi(mu/2 - epsilon/mu) - e^epsilon Phi(-mu/2 - epsilon/mu)
 *                      = phi(v) [R(v) - R(v + mu)],    v = epsilon/mu - mu/2
 *
 * (B. Balle, Y.-X. Wang: Improving the Gaussian mechanism for differential privacy, ICML 2018, Theorem 8.) The second line is the
 * first one, since e^epsilon phi(v + mu) = phi(v), with phi the normal density and R(x) = (1 - Phi(x)) / phi(x) Mills' ratio. It
 * has no e^epsilon to overflow, and far in the tail no two probabilities that cancel.
 */
#ifndef COHORT_PRIVACY_GAUSSIAN_H
#define COHORT_PRIVACY_GAUSSIAN_H

/* R(x) = (1 - Phi(x)) / phi(x), x >= 0; a few units in the last place. */
double gaussian_mills(double x);

/* delta(epsilon; mu) for epsilon >= 0 and mu > 0: the hockey-stick divergence of N(mu, 1) and N(0, 1) at e^epsilon. 0 where
 * it underflows. */
double gaussian_delta(double epsilon, double mu);

/* The smallest epsilon >= 0 with delta(epsilon; mu) <= delta, to 1e-13 or so; mu >= 0, 0 < delta < 1. +inf when it overflows, or
 * when an argument is no number or out of range. */
double gaussian_epsilon(double mu, double delta);

/* The largest mu with delta(epsilon; mu) <= delta, epsilon > 0, 0 < delta < 1: on the safe side of rounding. */
double gaussian_mu(double epsilon, double delta);

#endif
