/*
 * Parts are sorted and merged first, so that their order changes no bit: parts without sampling are one Gaussian release, parts alike
 * are one. Then grids, each with half the step of the one before.
 *
 * The first step is the largest whose rounding adds no more than 1e-3 to the variance of the tilted total: about h^2/4 for each step, or
 * h |L| where |L| is smaller than h, as it nearly always is when the rate is small.
 */
#include "privacy/pld.h"

#include "base/err.h"
#include "privacy/compose.h"
#include "privacy/gaussian.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define RATE_MIN 1e-15
#define NOISE_MIN 0x1p-6 /* with less, epsilon is in the thousands, and the Renyi bound says so */
#define NOISE_MAX 0x1p32
#define DELTA_MIN 1e-200
#define STEPS_MAX 0x1p36 /* more would enlarge rounding errors beyond their share of delta */
#define BLUR 1e-3 /* what the first grid may add to the variance, of itself */
#define DIFFERENCE 1e-3 /* of two grids' results, when the finer one is good enough */
#define STEP_SHARE                                                                                                     \
	0.01 /* of epsilon: with few steps the curve is not smooth on coarse grids, of which two may agree by chance */
#define ROUNDING 0x1p-40 /* of a sum of distances */
#define TAIL 0x1p-44 /* share of delta that masses at +inf may take */

struct pld {
	const struct saddle_part *parts; /* sorted, no two alike */
	size_t count;
	double delta;
	struct direction {
		struct saddle *saddle;
		struct compose_window window;
	} directions[2];
	double step_min; /* no grid is finer: windows and steps would have too many points */
};

/* ---- the list */

static bool is_sound(const struct account_steps *s)
{
	double q = s->sampling_rate, z = s->noise_multiplier;

	if (q == 1)
		return z > 0 && isfinite(z);
	return q >= RATE_MIN && q < 1 && z >= NOISE_MIN && z <= NOISE_MAX;
}

static int compare(const void *a, const void *b)
{
	const struct saddle_part *x = a, *y = b;

	if (x->sampling_rate != y->sampling_rate)
		return x->sampling_rate < y->sampling_rate ? -1 : 1;
	return (x->noise_multiplier > y->noise_multiplier) - (x->noise_multiplier < y->noise_multiplier);
}

/* Parts of one (q, z) become one; returns how many are left. */
static size_t merge(struct saddle_part *parts, const struct account_steps *list, size_t count)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < count; i++)
		if (list[i].count > 0)
			parts[n++] = (struct saddle_part){list[i].sampling_rate, list[i].noise_multiplier,
			                                  (double)list[i].count, 0, 0};
	if (n > 0)
		qsort(parts, n, sizeof *parts, compare);
	for (size_t i = 0; i < n; i++) {
		if (kept > 0 && compare(&parts[kept - 1], &parts[i]) == 0)
			parts[kept - 1].count += parts[i].count;
		else
			parts[kept++] = parts[i];
	}
	return kept;
}

/* Takes the parts without sampling, which are last, off the list; mu of all of them together. */
static double take_gaussian(const struct saddle_part *parts, size_t *count)
{
	double square = 0;

	for (; *count > 0 && parts[*count - 1].sampling_rate == 1; --*count) {
		const struct saddle_part *p = &parts[*count - 1];
		square += fmax(p->count / p->noise_multiplier / p->noise_multiplier, DBL_MIN);
	}
	return sqrt(square);
}

/* ---- grids */

static void pld_open(struct pld *p, struct saddle_part *parts, size_t count, double delta)
{
	double steps = 0, width = 0;

	*p = (struct pld){.parts = parts, .count = count, .delta = delta};
	for (size_t j = 0; j < count; j++)
		steps += parts[j].count;
	for (size_t j = 0; j < count; j++) {
		struct saddle_part *part = &parts[j];
		loss_range(&part->low, &part->high, part->sampling_rate, part->noise_multiplier, TAIL * delta / steps);
		width = fmax(width, part->high - part->low);
	}
	for (int d = 0; d < 2; d++) {
		p->directions[d].saddle = saddle_new(parts, count, (enum loss_direction)d, delta);
		compose_window_make(&p->directions[d].window, p->directions[d].saddle, delta);
		width = fmax(width, p->directions[d].window.width);
	}
	p->step_min = width / COMPOSE_LENGTH_MAX;
}

static void pld_close(struct pld *p)
{
	for (int d = 0; d < 2; d++)
		saddle_free(p->directions[d].saddle);
}

/* The largest step whose blur is permitted; it grows with the step. */
static double first_step(const struct pld *p)
{
	const struct direction *d = &p->directions[LOSS_REMOVE];
	struct cumulants total = saddle_total(d->saddle, d->window.theta);
	double low = -80, high = 10; /* logarithms */

	for (int i = 0; i < 40; i++) {
		double middle = (low + high) / 2;
		if (saddle_blur(d->saddle, d->window.theta, exp(middle)) <= BLUR * total.variance)
			low = middle;
		else
			high = middle;
	}
	return fmax(exp(low), p->step_min);
}

static double compose(const struct pld *p, enum loss_direction direction, const struct loss_curve *curves)
{
	const struct direction *d = &p->directions[direction];
	struct loss_masses *masses = mem_array(p->count, sizeof *masses);
	double epsilon;

	for (size_t j = 0; j < p->count; j++)
		loss_masses_make(&masses[j], &curves[j], direction);
	epsilon = compose_epsilon(d->saddle, p->parts, masses, p->count, &d->window, p->delta);
	for (size_t j = 0; j < p->count; j++)
		loss_masses_free(&masses[j]);
	free(masses);
	return epsilon;
}

/* The larger of both directions on a grid. `add` is left out where Chernoff's bound says that it is the smaller one. */
static double on_grid(const struct pld *p, double step)
{
	struct loss_curve *curves = mem_array(p->count, sizeof *curves);
	double epsilon;

	for (size_t j = 0; j < p->count; j++)
		loss_curve_make(&curves[j], p->parts[j].sampling_rate, p->parts[j].noise_multiplier, step,
		                p->parts[j].low, p->parts[j].high);
	epsilon = compose(p, LOSS_REMOVE, curves);
	if (p->directions[LOSS_ADD].window.bound > epsilon)
		epsilon = fmax(epsilon, compose(p, LOSS_ADD, curves));
	for (size_t j = 0; j < p->count; j++)
		loss_curve_free(&curves[j]);
	free(curves);
	return epsilon;
}

/* At epsilon 0, delta is a distance of distributions, and that of a composition is at most the sum. */
static bool costs_nothing(const struct saddle_part *parts, size_t count, double delta)
{
	double distance = 0;

	for (size_t j = 0; j < count; j++)
		distance += parts[j].count * loss_value(parts[j].sampling_rate, parts[j].noise_multiplier, 0);
	return distance * (1 + ROUNDING) <= delta;
}

static double sampled_epsilon(struct saddle_part *parts, size_t count, double delta)
{
	double step, epsilon, last;
	struct pld p;

	if (costs_nothing(parts, count, delta))
		return 0;
	pld_open(&p, parts, count, delta);
	step = first_step(&p);
	epsilon = on_grid(&p, step);
	do {
		last = epsilon;
		step /= 2;
		if (!(last > 0 && last < INFINITY) || step < p.step_min)
			break;
		epsilon = fmin(last, on_grid(&p, step));
	} while (last - epsilon > DIFFERENCE * epsilon || step > STEP_SHARE * epsilon);
	pld_close(&p);
	return epsilon >= 0 ? epsilon : INFINITY; /* not for NaN */
}

double pld_epsilon(const struct account_steps *list, size_t count, double delta)
{
	struct saddle_part *parts = mem_array(count + 1, sizeof *parts);
	double mu, steps = 0, epsilon = INFINITY;
	size_t kept;
	bool sound = delta > 0 && delta < 1;

	for (size_t i = 0; i < count; i++)
		sound = sound && (list[i].count == 0 || is_sound(&list[i]));
	kept = merge(parts, list, count);
	mu = take_gaussian(parts, &kept);
	for (size_t j = 0; j < kept; j++)
		steps += parts[j].count;
	if (kept > 0 && mu > 0)
		parts[kept++] =
			(struct saddle_part){1, fmin(1 / mu, NOISE_MAX), 1, 0, 0}; /* no less noise than there is */
	if (sound && steps == 0)
		epsilon = gaussian_epsilon(mu, delta);
	else if (sound && delta >= DELTA_MIN && steps <= STEPS_MAX && mu <= 1 / NOISE_MIN)
		epsilon = sampled_epsilon(parts, kept, delta);
	free(parts);
	return epsilon;
}
