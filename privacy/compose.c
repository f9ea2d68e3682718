/*
 * The window is a cycle of n points that ends at its top. What lies below it comes back at its top and counts too much: safe, and
 * little, since e^{-theta x} is small there. What lies above it is lost: its probability is bounded by Chernoff's inequality, with the
 * very masses, and taken from delta, as is what lies at +inf, and a share for rounding.
 */
#include "privacy/compose.h"

#include "base/err.h"
#include "privacy/fft.h"

#include <math.h>
#include <stdlib.h>

#define LOG_LITTLE (-21.0) /* e^-21 of delta more or less is not seen */
#define ROUNDING                                                                                                       \
	0x1p-20 /* share of delta for rounding errors, and 2^-50 for each step: they enter at the power of the count */
#define ROUNDING_STEP 0x1p-50
#define EXPONENT_MAX                                                                                                   \
	600 /* e^600 does not overflow; masses times it do not vanish beside others that e^-745 would make vanish */
#define PLACE_MAX 0x1p52 /* in grid steps: doubles still count them one by one */
#define LOG_NOTHING (-100.0) /* of a spectrum's value: far below the others' rounding errors */

struct work {
	size_t n;
	struct fft *fft;
	double *x, *re, *im, *product_re, *product_im;
};

/* ---- where to look */

/* log of what delta at the tilted mean is smaller by than Chernoff's bound, about: the sum of (1 - e^-x) e^{-theta x} over the upper half
 * of a normal distribution. */
static double log_slack(double theta, double sigma)
{
	return log(1 + 2.5 * theta * sigma * (1 + theta));
}

/* The tilt whose mean is about epsilon itself, and not Chernoff's bound. Where the loss is the sum of few large jumps, the two are far
 * apart, and the latter's tilt would give most of the distribution to what hardly ever happens. */
static double choose_theta(const struct saddle *s, double start, double log_delta)
{
	double theta = start;

	for (int i = 0; i < 6; i++) {
		double slack = log_slack(theta, sqrt(saddle_total(s, theta).variance));
		theta = saddle_beyond(s, 0, 1, fmin(log_delta + slack, log_delta / 4));
	}
	return theta;
}

void compose_window_make(struct compose_window *out, const struct saddle *s, double delta)
{
	double chernoff = saddle_beyond(s, 0, 1, log(delta)), theta = choose_theta(s, chernoff, log(delta));
	double beyond = saddle_beyond(s, 0, 1, log(delta) + LOG_LITTLE);
	struct cumulants here = saddle_total(s, theta);
	double above = saddle_beyond(s, theta, 1, LOG_LITTLE), higher = saddle_total(s, above).mean;
	double lower = saddle_total(s, saddle_beyond(s, theta, -1, LOG_LITTLE)).mean;
	double bottom = fmax(0, here.mean - 4 / theta);

	out->theta = theta;
	out->bound = (saddle_total(s, chernoff).k - log(delta)) / chernoff;
	out->bottom = bottom;
	out->beyond = beyond;
	out->above = above;
	out->top = (saddle_total(s, beyond).k - log(delta) - LOG_LITTLE) / beyond;
	/* what comes back at the top is little because the tilted distribution has little there, or because the tilt is undone */
	out->width = fmin(out->top - lower, (-log(delta) - LOG_LITTLE) / theta);
	out->width = fmax(out->width, fmax(out->top, higher) - bottom);
}

/* ---- one part */

static size_t place(int64_t i, size_t n)
{
	return (size_t)i & (n - 1); /* n is a power of two, and the conversion is modulo a larger one */
}

/* log sum_i mass_i e^{theta x_i}, of about k, theta > 0. The terms, of which the sum is made 1, go to folded[place(i - shift)] unless that
 * is NULL. */
static double tilt(double *folded, size_t n, int64_t shift, const struct loss_masses *m, double theta, double k)
{
	size_t count = m->count;
	double sum = 0, scale;

	while (count > 1 && m->mass[count - 1] == 0)
		count--;
	scale = fmax(k, theta * (m->step * (double)(m->first + (int64_t)count - 1)) - EXPONENT_MAX);
	for (size_t i = 0; i < count; i++) {
		int64_t at = m->first + (int64_t)i;
		double term = m->mass[i] * exp(theta * (m->step * (double)at) - scale);
		sum += term;
		if (folded != NULL)
			folded[place(at - shift, n)] += term;
	}
	for (size_t i = 0; folded != NULL && i < n; i++)
		folded[i] /= sum;
	return scale + log(sum);
}

/* A loss, in grid steps, above which the probability is at most e^LOG_LITTLE delta, by Chernoff's inequality with the very masses. */
static double top_of(const struct saddle *s, const struct saddle_part *parts, const struct loss_masses *masses,
                     size_t count, double beyond, double delta)
{
	double total = 0;

	for (size_t j = 0; j < count; j++)
		total += parts[j].count * tilt(NULL, 0, 0, &masses[j], beyond, saddle_step(s, j, beyond).k);
	return ceil((total - log(delta) - LOG_LITTLE) / beyond / masses[0].step);
}

/* A loss above which the distribution tilted by theta has at most e^LOG_LITTLE. Grids end a little above the losses that the window was
 * made of, and where steps are rare that little may rule the tilted distribution, whose sums would come round the cycle. */
static double reach_of(const struct saddle *s, const struct saddle_part *parts, const struct loss_masses *masses,
                       size_t count, const struct compose_window *w)
{
	double grown = 0;

	for (size_t j = 0; j < count; j++)
		grown += parts[j].count * (tilt(NULL, 0, 0, &masses[j], w->above, saddle_step(s, j, w->above).k) -
		                           tilt(NULL, 0, 0, &masses[j], w->theta, saddle_step(s, j, w->theta).k));
	return (grown - LOG_LITTLE) / (w->above - w->theta);
}

/* The transform of one part's tilted step, to the power of its count, times the product. */
static void multiply(struct work *w, double count)
{
	for (size_t k = 0; k <= w->n / 2; k++) {
		double re = w->re[k], im = w->im[k];
		double size = count / 2 * log(re * re + im * im), angle, real;

		if (!(size > LOG_NOTHING)) {
			w->product_re[k] = w->product_im[k] = 0;
			continue;
		}
		angle = count * atan2(im, re);
		re = exp(size) * cos(angle);
		im = exp(size) * sin(angle);
		real = w->product_re[k] * re - w->product_im[k] * im;
		w->product_im[k] = w->product_re[k] * im + w->product_im[k] * re;
		w->product_re[k] = real;
	}
}

/* ---- all parts */

static void work_open(struct work *w, size_t n)
{
	w->n = n;
	w->fft = fft_new(n);
	w->x = mem_array(n, sizeof *w->x);
	w->re = mem_array(n / 2 + 1, 4 * sizeof *w->re);
	w->im = w->re + (n / 2 + 1);
	w->product_re = w->im + (n / 2 + 1);
	w->product_im = w->product_re + (n / 2 + 1);
}

static void work_close(struct work *w)
{
	fft_free(w->fft);
	free(w->x);
	free(w->re);
}

/* Leaves the tilted sum's masses in w->x: that of loss h i at place(i - *shift). Returns its K. */
static double convolve(struct work *w, int64_t *shift, const struct saddle *s, const struct saddle_part *parts,
                       const struct loss_masses *masses, size_t count, double theta)
{
	double k = 0;

	*shift = 0;
	for (size_t i = 0; i <= w->n / 2; i++) {
		w->product_re[i] = 1;
		w->product_im[i] = 0;
	}
	for (size_t j = 0; j < count; j++) {
		struct cumulants c = saddle_step(s, j, theta);
		int64_t middle =
			(int64_t)round(c.mean / masses[j].step); /* so that angles, which are multiplied, are small */

		for (size_t i = 0; i < w->n; i++)
			w->x[i] = 0;
		k += parts[j].count * tilt(w->x, w->n, middle, &masses[j], theta, c.k);
		fft_forward(w->fft, w->re, w->im, w->x);
		multiply(w, parts[j].count);
		*shift = (int64_t)((uint64_t)*shift +
		                   (uint64_t)middle * (uint64_t)parts[j].count); /* modulo n in the end */
	}
	fft_inverse(w->fft, w->x, w->product_re, w->product_im);
	return k;
}

/* From the top down until delta is reached. With S the sum of what lies at x_i and above, and D = delta(x_i), the curve below x_i is
 * delta(x_i - y) = D e^-y + S (1 - e^-y), until the next point. `scale` is log of what masses are to be multiplied by beside
 * e^{-theta x}. The window's bottom, when delta is not reached before. */
static double descend(const struct work *w, int64_t shift, int64_t top, double step, double theta, double scale,
                      double delta)
{
	double above = 0, here = 0; /* S and D */
	double fall = -expm1(-step);
	int64_t bottom = top - (int64_t)w->n;

	for (int64_t i = top; i > bottom && i > 0; i--) {
		double x = step * (double)i, next;
		above += w->x[place(i - shift, w->n)] * exp(scale - theta * x);
		next = here + (above - here) * fall;
		if (next >= delta)
			return fmax(0, x + log1p(-(delta - here) / (above - here)));
		here = next;
	}
	return fmax(0, step * (double)bottom);
}

/* What is left of delta, in units of it, when everything lost is taken off. */
static double left_of(const struct saddle_part *parts, const struct loss_masses *masses, size_t count, double delta)
{
	double steps = 0, log_finite = 0;

	for (size_t j = 0; j < count; j++) {
		steps += parts[j].count;
		log_finite += parts[j].count * log1p(-masses[j].infinite);
	}
	return 1 - ROUNDING - ROUNDING_STEP * steps - exp(LOG_LITTLE) + expm1(log_finite) / delta;
}

double compose_epsilon(const struct saddle *s, const struct saddle_part *parts, const struct loss_masses *masses,
                       size_t count, const struct compose_window *w, double delta)
{
	double step = masses[0].step, left = left_of(parts, masses, count, delta);
	double epsilon, bottom, width, k;
	double highest = top_of(s, parts, masses, count, w->beyond, delta);
	int64_t top, shift;
	size_t n = 1024;

	if (!(left > 0 && fabs(highest) < PLACE_MAX))
		return INFINITY;
	top = (int64_t)highest;
	width = fmax(w->width, fmax(step * highest, reach_of(s, parts, masses, count, w)) - w->bottom);
	while ((double)n * step < width && n < COMPOSE_LENGTH_MAX)
		n *= 2;
	do {
		struct work work;

		work_open(&work, n);
		k = convolve(&work, &shift, s, parts, masses, count, w->theta);
		epsilon = descend(&work, shift, top, step, w->theta, k - log(delta), left);
		work_close(&work);
		bottom = step * (double)(top - (int64_t)n);
		n *= 2;
	} while (epsilon > 0 && epsilon <= bottom && n <= COMPOSE_LENGTH_MAX);
	return epsilon;
}
