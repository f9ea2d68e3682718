/*
 * Epsilon of a composition on one grid, in one direction, from the masses of its parts' steps: tilted, transformed, raised to the
 * power of their counts, multiplied, transformed back.
 *
 *   p_theta(x) = p(x) e^{theta x - K(theta)}                             of each step, so that the sum's mean is about epsilon
 *   delta(eps) = sum_{x > eps} (1 - e^{eps - x}) p_theta^{*}(x) e^{K - theta x}  +  lost
 *
 * (A. Koskela, J. Jaelkoe, A. Honkela: Computing tight differential privacy guarantees using FFT, AISTATS 2020; tilted as in P. Embrechts,
 * M. Frei: Panjer recursion versus FFT for compound distributions, 2009.) A transform in double precision has an error near 1e-16 of the
 * largest value everywhere; after tilting the largest values are those that matter, however small delta is.
 */
#ifndef COHORT_PRIVACY_COMPOSE_H
#define COHORT_PRIVACY_COMPOSE_H

#include "privacy/saddle.h"

#define COMPOSE_LENGTH_MAX (1u << 22) /* points of a window: 130 MiB while it is transformed, and about a second */

/* Losses that matter, and the tilts that belong to them; the same for all grids. */
struct compose_window {
	double theta; /* the tilt */
	double bound; /* Chernoff's upper bound of epsilon */
	double bottom, top; /* epsilon lies between, but for odd cases; delta at top is less than e^-21 of delta */
	double width; /* of the cycle: top - bottom or more */
	double beyond; /* the tilt of Chernoff's bound at top */
	double above; /* the tilt at which Chernoff bounds what the distribution tilted by theta has far above */
};

void compose_window_make(struct compose_window *out, const struct saddle *s, double delta);

/* masses[count] of the saddle's parts, all on one grid of which COMPOSE_LENGTH_MAX points are wider than the window. At least the
 * smallest epsilon >= 0 whose delta is not larger; +inf when what is lost is. */
double compose_epsilon(const struct saddle *s, const struct saddle_part *parts, const struct loss_masses *masses,
                       size_t count, const struct compose_window *w, double delta);

#endif
