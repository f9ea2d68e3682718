/*
 * Equations are solved in logarithms and by bisection, down to neighbouring doubles, on the side where epsilon is larger or mu
 * smaller. For small mu the difference R(v) - R(v + mu) loses digits; it is then taken from R's derivatives in the middle, which
 * come without a difference: R' = x R - 1, R'' = R + x R', and so on.
 */
#include "privacy/gaussian.h"

#include "base/err.h"

#include <math.h>

#define FRACTION_FROM 8.0 /* beyond it the continued fraction is exact in FRACTION_TERMS */
#define FRACTION_TERMS 15
#define MU_SMALL 0x1p-7 /* the seventh order of the difference is then below 1e-16 of it */
#define MU_TINY 0x1p-500 /* its powers would underflow */
#define TAIL_END 40 /* 1 - Phi(40) = e^-805 is below any double */
#define BISECTIONS 1100 /* more than there are doubles' exponents and digits to halve */
#define ROOT_TWO_PI 2.50662827463100050242
#define LOG_ROOT_TWO_PI 0.91893853320467274178

/* e^(factor x^2), without the rounding of x^2, which would count x^2 times. */
static double exp_square(double factor, double x)
{
	double square = x * x, lost = fma(x, x, -square);
	return exp(factor * square) * (1 + factor * lost);
}

/* R(x) = 1/(x + 1/(x + 2/(x + 3/(x + ...)))) (Laplace). */
static double mills_fraction(double x)
{
	double below = x;
	for (int k = FRACTION_TERMS; k >= 1; k--)
		below = x + k / below;
	return 1 / below;
}

double gaussian_mills(double x)
{
	if (x >= FRACTION_FROM)
		return mills_fraction(x);
	x *= M_SQRT1_2; /* rounded once: e^(x^2) erfc(x) is smooth */
	return ROOT_TWO_PI / 2 * erfc(x) * exp_square(1, x);
}

/* R(c - mu/2) - R(c + mu/2) for small mu, c >= 0. */
static double mills_difference(double c, double mu)
{
	double r0 = gaussian_mills(c), r1 = c * r0 - 1, r2 = r0 + c * r1, r3 = 2 * r1 + c * r2, r4 = 3 * r2 + c * r3,
	       r5 = 4 * r3 + c * r4, square = mu * mu;
	return -mu * (r1 + square / 24 * (r3 + square / 80 * r5));
}

double gaussian_delta(double epsilon, double mu)
{
	double v = epsilon / mu - mu / 2;

	CHECK(epsilon >= 0 && mu > 0);
	if (mu < MU_SMALL)
		return exp_square(-0.5, v) / ROOT_TWO_PI * mills_difference(epsilon / mu, mu);
	if (v >= 0)
		return exp_square(-0.5, v) / ROOT_TWO_PI * (gaussian_mills(v) - gaussian_mills(v + mu));
	return erfc(v * M_SQRT1_2) / 2 - exp_square(-0.5, v) / ROOT_TWO_PI * gaussian_mills(v + mu);
}

/* log delta at v = epsilon/mu - mu/2 >= -mu/2. */
static double log_delta(double v, double mu)
{
	double log_phi = -v * v / 2 - LOG_ROOT_TWO_PI;

	if (mu < MU_SMALL)
		return log_phi + log(mills_difference(v + mu / 2, mu));
	if (v >= 0)
		return log_phi + log(gaussian_mills(v) - gaussian_mills(v + mu));
	return log(erfc(v * M_SQRT1_2) / 2 - exp(log_phi) * gaussian_mills(v + mu));
}

/* Bisects v in [low, high], log_delta(low) > target >= log_delta(high), and returns the upper end. */
static double bisect_v(double low, double high, double mu, double target)
{
	for (int i = 0; i < BISECTIONS; i++) {
		double middle = low + (high - low) / 2;
		if (middle <= low || middle >= high)
			break;
		if (log_delta(middle, mu) > target)
			low = middle;
		else
			high = middle;
	}
	return high;
}

double gaussian_epsilon(double mu, double delta)
{
	double target = log(delta);

	if (!(mu >= 0 && delta > 0 && delta < 1) || isinf(mu))
		return INFINITY;
	if (mu < MU_TINY)
		return mu * TAIL_END; /* not the least, but no less */
	if (log_delta(-mu / 2, mu) <= target)
		return 0;
	return mu * (bisect_v(-mu / 2, TAIL_END, mu, target) + mu / 2);
}

double gaussian_mu(double epsilon, double delta)
{
	double low = 0, high = 1;

	CHECK(epsilon > 0 && delta > 0 && delta < 1);
	while (gaussian_epsilon(high, delta) <= epsilon)
		high *= 2;
	for (int i = 0; i < BISECTIONS; i++) {
		double middle = low + (high - low) / 2;
		if (middle <= low || middle >= high)
			break;
		if (gaussian_epsilon(middle, delta) <= epsilon)
			low = middle;
		else
			high = middle;
	}
	return low;
}
