/*
 * With f(s) = E e^{sL} the moment generating function of the total loss L, and any theta > 0:
 *
 *   delta(eps) = E (1 - e^{eps - L})^+ = 1/(2 pi) int f(theta + i u) e^{-(theta + i u) eps} / ((theta + i u)(theta + 1 + i u)) du
 *
 * f is the product of one-step functions to the power of their counts, each by the trapezoidal rule over what is observed; the integral
 * over u is one too. Both converge exponentially. theta is where the tilted mean is near eps.
 */
#include "tests/support/loss_quadrature.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

#define NODES_MAX 4096
#define POINTS_MAX 40000 /* of u */
#define REACH 14.0

struct steps {
	size_t count; /* nodes */
	double loss[NODES_MAX], log_weight[NODES_MAX];
	double times;
};

struct total {
	size_t parts;
	struct steps parts_of[LOSS_QUADRATURE_PARTS_MAX];
	double theta, k, du;
	size_t points;
	double complex value[POINTS_MAX]; /* f(theta + i u) / e^k / (s (s + 1)) */
};

static void make_steps(struct steps *out, const struct account_steps *a, bool remove)
{
	double q = a->sampling_rate, z = a->noise_multiplier, step = fmin(0.25, z / 3);

	out->times = (double)a->count;
	out->count = (size_t)((2 * REACH + 1 / z) / step) + 1;
	for (size_t i = 0; i < out->count; i++) {
		double u = step * (double)i - REACH, w = (u - 0.5 / z) / z;
		double loss = q == 1 ? w : w > 0 ? w + log(q + (1 - q) * exp(-w)) : log(1 - q + q * exp(w));
		out->loss[i] = remove ? loss : -loss;
		out->log_weight[i] = log(step) - log(2 * M_PI) / 2 - u * u / 2 + (remove ? loss : 0);
	}
}

/* log f, and its first two derivatives, at real s. */
static double cumulants(const struct total *t, double s, double *mean, double *variance)
{
	double k = 0;

	*mean = *variance = 0;
	for (size_t j = 0; j < t->parts; j++) {
		const struct steps *p = &t->parts_of[j];
		double top = -INFINITY, m0 = 0, m1 = 0, m2 = 0;
		for (size_t i = 0; i < p->count; i++)
			top = fmax(top, p->log_weight[i] + s * p->loss[i]);
		for (size_t i = 0; i < p->count; i++) {
			double w = exp(p->log_weight[i] + s * p->loss[i] - top);
			m0 += w;
			m1 += w * p->loss[i];
			m2 += w * p->loss[i] * p->loss[i];
		}
		k += p->times * (top + log(m0));
		*mean += p->times * m1 / m0;
		*variance += p->times * (m2 / m0 - m1 / m0 * (m1 / m0));
	}
	return k;
}

static void choose_theta(struct total *t, double near)
{
	double low = 1e-4, high = 1e7, mean, variance;

	for (int i = 0; i < 60; i++) {
		double middle = sqrt(low * high);
		cumulants(t, middle, &mean, &variance);
		if (mean < near)
			low = middle;
		else
			high = middle;
	}
	cumulants(t, low, &mean, &variance);
	t->theta = fmax(low, 0.5 / sqrt(variance));
}

/* Multiplies t->value by one part's function, to its power. */
static void multiply(struct total *t, const struct steps *p)
{
	double complex turn[NODES_MAX], at[NODES_MAX];
	double mean = 0, sum = 0, top = -INFINITY;

	for (size_t i = 0; i < p->count; i++)
		top = fmax(top, p->log_weight[i] + t->theta * p->loss[i]);
	for (size_t i = 0; i < p->count; i++)
		sum += exp(p->log_weight[i] + t->theta * p->loss[i] - top);
	for (size_t i = 0; i < p->count; i++) {
		at[i] = exp(p->log_weight[i] + t->theta * p->loss[i] - top) / sum;
		mean += creal(at[i]) * p->loss[i];
	}
	for (size_t i = 0; i < p->count; i++)
		turn[i] = cexp(I * t->du * (p->loss[i] - mean));
	for (size_t m = 0; m < t->points; m++) {
		double re = 0, im = 0, size;
		for (size_t i = 0; i < p->count; i++) {
			double ar = creal(at[i]), ai = cimag(at[i]), br = creal(turn[i]), bi = cimag(turn[i]);
			re += ar;
			im += ai;
			at[i] = (ar * br - ai * bi) + I * (ar * bi + ai * br);
		}
		size = p->times / 2 * log(re * re + im * im);
		t->value[m] *= cexp(size + I * (p->times * (atan2(im, re) + t->du * (double)m * mean)));
	}
}

/* False when the integrand has not died away at the last point. */
static bool tabulate(struct total *t, size_t points)
{
	double first;

	t->points = points;
	for (size_t m = 0; m < points; m++) {
		double complex s = t->theta + I * t->du * (double)m;
		t->value[m] = (m == 0 ? 0.5 : 1) / (s * (s + 1));
	}
	first = cabs(t->value[0]);
	for (size_t j = 0; j < t->parts; j++)
		multiply(t, &t->parts_of[j]);
	for (size_t m = points - points / 8; m < points; m++)
		if (cabs(t->value[m]) > 1e-10 * first)
			return false;
	return true;
}

static double log_delta(const struct total *t, double epsilon)
{
	double sum = 0;

	for (size_t m = 0; m < t->points; m++) {
		double angle = -t->du * (double)m * epsilon;
		sum += creal(t->value[m]) * cos(angle) - cimag(t->value[m]) * sin(angle);
	}
	return log(sum * t->du / M_PI) + t->k - t->theta * epsilon;
}

static double one_direction(struct total *t, double delta, double near)
{
	double mean, variance, low = near, high = near;
	size_t points = 256;

	choose_theta(t, near);
	t->k = cumulants(t, t->theta, &mean, &variance);
	t->du = 2 * M_PI / fmax(40 * sqrt(variance), (40 - log(delta)) / t->theta);
	while (!tabulate(t, points)) {
		points *= 2;
		if (points > POINTS_MAX)
			return NAN;
	}
	while (log_delta(t, high) > log(delta))
		high *= 1.1; /* far from theta's mean the sum cancels */
	while (!(log_delta(t, low) > log(delta))) {
		low /= 1.1;
		if (low < 1e-6)
			return 0;
	}
	for (int i = 0; i < 45; i++) {
		double middle = (low + high) / 2;
		if (log_delta(t, middle) > log(delta))
			low = middle;
		else
			high = middle;
	}
	return high;
}

double loss_quadrature_epsilon(const struct account_steps *list, size_t count, double delta, double near)
{
	struct total *t = mem_alloc(sizeof *t);
	double epsilon[2];

	CHECK(count <= LOSS_QUADRATURE_PARTS_MAX);
	t->parts = count;
	for (int remove = 0; remove < 2; remove++) {
		for (size_t j = 0; j < count; j++)
			make_steps(&t->parts_of[j], &list[j], remove);
		epsilon[remove] = one_direction(t, delta, fmax(near, 1e-3));
	}
	free(t);
	return epsilon[0] > epsilon[1] || isnan(epsilon[0]) ? epsilon[0] : epsilon[1];
}
