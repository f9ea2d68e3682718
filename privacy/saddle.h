/*
 * Where in the distribution of the total loss an epsilon lies, found before any grid is made: the cumulant generating function
 * K(theta) = log E e^{theta L} of the composition, by quadrature over x (the trapezoidal rule, which converges exponentially for such
 * integrands), and the tilt theta at which the tilted distribution's mean is about epsilon:
 *
 *   K(theta) - theta K'(theta) = log delta,     epsilon <= K'(theta) =: centre    (Chernoff's bound, at its least)
 *
 * None of it decides what is proven: a wrong tilt or window gives a looser bound or more work, but stays a bound. (D. M. Alghamdi et
 * al.: The saddle-point method in differential privacy, ICML 2023, has the function; exponential tilting is Esscher's.)
 */
#ifndef COHORT_PRIVACY_SADDLE_H
#define COHORT_PRIVACY_SADDLE_H

#include "privacy/loss.h"

/* `count` independent steps of one kind, and their losses that matter (loss_range): what lies beyond is at +inf or left out, or else
 * single losses that hardly ever occur would rule the tilted distribution. */
struct saddle_part {
	double sampling_rate, noise_multiplier, count;
	double low, high; /* in direction `remove` */
};

struct saddle; /* of one composition, in one direction */

struct saddle *saddle_new(const struct saddle_part *parts, size_t count, enum loss_direction direction, double delta);
void saddle_free(struct saddle *s); /* accepts NULL */

/* K, K' and K'' at theta; of the composition, or of one step of one part. */
struct cumulants {
	double k, mean, variance;
};

struct cumulants saddle_total(const struct saddle *s, double theta);
struct cumulants saddle_step(const struct saddle *s, size_t part, double theta);

/* The tilt above (sign 1) or below (sign -1) `base` at whose mean Chernoff's bound on the rest of the distribution tilted by `base` is
 * e^log_share, log_share < 0. With base 0, sign 1 and log delta it is the theta above. */
double saddle_beyond(const struct saddle *s, double base, int sign, double log_share);

/* What a grid of this step adds to K'' at theta: the sum over steps of E min(h^2/4, h |L|). */
double saddle_blur(const struct saddle *s, double theta, double step);

#endif
