#include "simulator/dirichlet.h"

#include "base/exact.h"

#include <math.h>

/* In (0, 1]: its logarithm is finite. */
static double positive_unit(struct rng *r)
{
	return 1 - rng_unit(r);
}

/* Marsaglia and Tsang's figure 1, for alpha >= 1. */
static double log_gamma_from_one(struct rng *r, double alpha)
{
	double d = alpha - 1.0 / 3;
	double c = 1 / sqrt(9 * d);

	for (;;) {
		double x = rng_normal(r);
		double v = 1 + c * x;
		double u = positive_unit(r);
		if (v <= 0)
			continue;
		v = v * v * v;
		double log_v = exact_log(v);
		if (exact_log(u) < x * x / 2 + d - d * v + d * log_v)
			return exact_log(d) + log_v;
	}
}

double dirichlet_log_gamma(struct rng *r, double alpha)
{
	CHECK(alpha > 0);
	if (alpha >= 1)
		return log_gamma_from_one(r, alpha);
	double above = log_gamma_from_one(r, alpha + 1);
	return above + exact_log(positive_unit(r)) / alpha;
}

void dirichlet_draw(double *out, uint32_t n, double alpha, struct rng *r)
{
	double largest = -INFINITY, sum = 0;

	CHECK(alpha >= DIRICHLET_ALPHA_MIN && alpha <= DIRICHLET_ALPHA_MAX && n > 0);
	for (uint32_t i = 0; i < n; i++) {
		out[i] = dirichlet_log_gamma(r, alpha);
		largest = fmax(largest, out[i]);
	}
	for (uint32_t i = 0; i < n; i++) {
		out[i] = exact_exp(out[i] - largest); /* the largest is 1, so the sum is no underflow */
		sum += out[i];
	}
	for (uint32_t i = 0; i < n; i++)
		out[i] /= sum;
}

void dirichlet_cut(uint32_t *out, const double *shares, uint32_t n, uint32_t count)
{
	double share = 0;
	uint32_t before = 0;

	for (uint32_t i = 0; i < n; i++) {
		share += shares[i];
		uint32_t end = i + 1 < n ? (uint32_t)floor(fmin(share, 1) * count + 0.5) : count;
		out[i] = end - before;
		before = end;
	}
}
