/*
 * The privacy loss of one Poisson-sampled Gaussian step on a grid.
 *
 * With noise multiplier z and rate q, whoever looks at a step sees x ~ N(0, z^2) without the unit and x ~ (1-q) N(0, z^2) + q N(1, z^2)
 * with it. The loss is L(x) = log(1 + q (e^{(2x-1)/(2 z^2)} - 1)) of x drawn with the unit (direction `remove`), and -L(x) of x drawn
 * without (`add`). What the pair gives away at epsilon is a hockey-stick divergence, and amplification by sampling makes it that of
 * the Gaussian mechanism at another epsilon (gaussian.h; B. Balle, G. Barthe, M. Gaboardi: Privacy amplification by subsampling,
 * NeurIPS 2018, Theorem 2), with mu = 1/z:
 *
 *   remove   delta(eps) = q delta_G(log(1 + (e^eps - 1)/q); mu)
 *   below 0  delta(eps) = 1 - e^eps + (e^eps - 1 + q) delta_G(-log(1 + (e^eps - 1)/q); mu), the end being 0 from log(1 - q) down
 *   add      delta_add(eps) = 1 - e^eps + e^eps delta(-eps)
 *
 * The curve holds delta on and above 0, and delta - (1 - e^eps) below: second differences, of which masses are made, are the same
 * for both, and each is small where the other is near 1. So `add` is the same curve read backwards: at -eps it is e^{-eps} times it.
 */
#ifndef COHORT_PRIVACY_LOSS_H
#define COHORT_PRIVACY_LOSS_H

#include <stddef.h>
#include <stdint.h>

enum loss_direction { LOSS_REMOVE, LOSS_ADD };

/* log(1 + q (e^w - 1)), any w, 0 < q <= 1; no overflow. */
double loss_sampled(double q, double w);

/* The curve at epsilon (direction `remove`). */
double loss_value(double q, double z, double epsilon);

/* Losses of direction `remove` beyond which there is at most the probability `tail`, with the unit above and without it below:
 * low < 0 < high. */
void loss_range(double *low, double *high, double q, double z, double tail);

/* The curve at step * i for i = low ... high; low < 0 < high. */
struct loss_curve {
	double step;
	int64_t low, high;
	double *values; /* [high - low + 1], owned */
};

/* Over all of [low, high], which may be from loss_range, and a point more on each side. */
void loss_curve_make(struct loss_curve *out, double q, double z, double step, double low, double high);
void loss_curve_free(struct loss_curve *c); /* accepts a zeroed one */

/* Masses at losses step * i for i = first ... first + count - 1, and one at +inf: the distribution of the loss whose curve is the given
 * one at the grid's points and straight in e^eps between them, from e^eps = 0 on, but for the highest, whose mass is at +inf. They add to 1. Rounding can leave a mass a little
 * below 0: kept so, since then the errors of neighbours cancel, as their curves do. */
struct loss_masses {
	double step;
	int64_t first;
	size_t count;
	double *mass; /* [count], owned */
	double infinite;
};

void loss_masses_make(struct loss_masses *out, const struct loss_curve *c, enum loss_direction direction);
void loss_masses_free(struct loss_masses *m); /* accepts a zeroed one */

#endif
