/*
 * A mass is what the slope of the curve, as a function of e^eps, changes by at a grid's point, times e^eps. With f the curve at
 * the point and its neighbours:
 *
 *   mass_i = (f_{i-1} - f_i) / (1 - e^-h) - (f_i - f_{i+1}) / (e^h - 1)
 *
 * The lowest point also gets what lies below it. The highest has a flat curve behind it, whose height is the mass at +inf; its own
 * mass, in which all losses beyond the range meet, is put there too, or else it would be the only one so far out.
 */
#include "privacy/loss.h"

#include "base/err.h"
#include "privacy/gaussian.h"

#include <math.h>
#include <stdlib.h>

#define LARGE 40 /* e^-40 is below a double's last place */

double loss_sampled(double q, double w)
{
	if (w > LARGE)
		return w + log(q) + log1p((1 - q) / q * exp(-w));
	return q < 1 ? log1p(q * expm1(w)) : w;
}

/* The epsilon of the Gaussian mechanism that sampling makes `epsilon` of: log(1 + (e^epsilon - 1) / q). */
static double amplified(double q, double epsilon)
{
	if (q == 1)
		return epsilon;
	return epsilon < LARGE ? log1p(expm1(epsilon) / q) : epsilon - log(q);
}

double loss_value(double q, double z, double epsilon)
{
	double taken;

	if (epsilon >= 0)
		return q * gaussian_delta(amplified(q, epsilon), 1 / z);
	taken = q < 1 ? expm1(epsilon) + q : exp(epsilon);
	return taken > 0 ? taken * gaussian_delta(fmax(0, -amplified(q, epsilon)), 1 / z) : 0;
}

/* 1 - Phi(t) <= share / 2 (Chernoff). */
static double deviations(double share)
{
	return sqrt(-2 * log(fmin(share, 1)));
}

void loss_range(double *low, double *high, double q, double z, double tail)
{
	double top = fmax(1 + z * deviations(tail / q), z * deviations(tail)), bottom = -z * deviations(tail);

	*high = loss_sampled(q, (top - 0.5) / z / z);
	*low = loss_sampled(q, (bottom - 0.5) / z / z);
}

void loss_curve_make(struct loss_curve *out, double q, double z, double step, double low, double high)
{
	out->step = step;
	out->low = (int64_t)fmin(floor(low / step), -1) - 1;
	out->high = (int64_t)fmax(ceil(high / step), 1) + 1;
	out->values = mem_array((size_t)(out->high - out->low + 1), sizeof *out->values);
	for (int64_t i = out->low; i <= out->high; i++)
		out->values[i - out->low] = loss_value(q, z, step * (double)i);
}

void loss_curve_free(struct loss_curve *c)
{
	free(c->values);
	*c = (struct loss_curve){0};
}

/* e^exponent value >= 0, where the first may overflow though the product does not. */
static double raised(double exponent, double value)
{
	return exponent < 700 || value == 0 ? exp(fmin(exponent, 700)) * value : exp(exponent + log(value));
}

/* The curve of the other direction. */
static void mirror(struct loss_curve *out, const struct loss_curve *c)
{
	size_t count = (size_t)(c->high - c->low + 1);

	*out = (struct loss_curve){c->step, -c->high, -c->low, mem_array(count, sizeof *out->values)};
	for (int64_t i = out->low; i <= out->high; i++)
		out->values[i - out->low] = raised(c->step * (double)i, c->values[-i - c->low]);
}

static void fill_masses(struct loss_masses *out, const struct loss_curve *c)
{
	double left = 1 / -expm1(-c->step), right = 1 / expm1(c->step); /* left - right = 1 */
	const double *f = c->values;
	size_t last = out->count - 1, zero = (size_t)-c->low;

	out->mass[0] = (f[1] - f[0]) * right - f[0];
	for (size_t i = 1; i < last; i++)
		out->mass[i] = (f[i - 1] - f[i]) * left - (f[i] - f[i + 1]) * right;
	out->mass[zero] += 1; /* from 1 - e^eps, by which the curve below 0 differs: (1 - e^-h) / (1 - e^-h) */
	out->mass[last] = 0;
	out->infinite = f[last] + (f[last - 1] - f[last]) * left;
}

void loss_masses_make(struct loss_masses *out, const struct loss_curve *c, enum loss_direction direction)
{
	struct loss_curve mirrored = {0};

	if (direction == LOSS_ADD)
		mirror(&mirrored, c);
	out->step = c->step;
	out->first = direction == LOSS_ADD ? mirrored.low : c->low;
	out->count = (size_t)(c->high - c->low + 1);
	out->mass = mem_array(out->count, sizeof *out->mass);
	fill_masses(out, direction == LOSS_ADD ? &mirrored : c);
	loss_curve_free(&mirrored);
}

void loss_masses_free(struct loss_masses *m)
{
	free(m->mass);
	*m = (struct loss_masses){0};
}
