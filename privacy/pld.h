/*
 * Epsilon by the privacy loss distribution: the loss log(P/Q) of each step on a grid, composed by a Fourier transform.
 *
 * Each step's curve delta(epsilon) is replaced by one that lies on or above it: straight, as a function of e^epsilon, between the
 * grid's points, on which it is exact ("connect the dots": V. Doroshenko, B. Ghazi, P. Kamath, R. Kumar, P. Manurangsi: Connect the
 * dots: tighter discrete approximations of privacy loss distributions, PoPETs 2022). The curve is convex there, so every grid gives
 * an upper bound, and a finer one a smaller bound. The grid is halved until two results differ by less than 1e-3 of themselves.
 *
 * Both directions of add/remove adjacency are composed; the larger epsilon counts.
 */
#ifndef COHORT_PRIVACY_PLD_H
#define COHORT_PRIVACY_PLD_H

#include "privacy/plan.h"

/* The smallest epsilon >= 0 that is proven at delta for all parts together; the same whatever their order. Exact (gaussian.h) when
 * every rate is 1. +inf where it does not compute one: a rate outside [1e-15, 1], a multiplier outside [1/64, 2^32] (of a rate
 * below 1) or not positive and finite, delta outside [1e-200, 1), more than 2^36 steps. */
double pld_epsilon(const struct account_steps *list, size_t count, double delta);

#endif
