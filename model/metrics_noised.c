#include "model/metrics_noised.h"

#include <stdlib.h>
#include <string.h>

#define NORMAL_95 1.96 /* 95 % of a normal distribution lie within so many deviations of its mean */

/* All figures, in the order in which struct metrics has them. */
#define FIGURES (sizeof(struct metrics) / sizeof(double))

static double *figure(struct metrics *m, size_t i)
{
	return (double *)m + i;
}

/* In the units of model/metrics.h. */
static void figures_of(struct metrics *out, struct metrics_shape shape, double loss, const double *counts,
                       double *scaled)
{
	memcpy(scaled, counts, metrics_counts_length(shape) * sizeof *scaled);
	metrics_unscale(&loss, scaled, shape);
	metrics_from_sums(out, shape, loss, scaled);
}

static void add_noise(double *out, const double *counts, size_t n, double deviation, struct rng *draws)
{
	for (size_t i = 0; i < n; i++)
		out[i] = counts[i] + deviation * rng_normal(draws);
}

/* The mean square by which each figure moves. */
static void squares_of(struct metrics *out, const struct metrics *from, struct metrics_shape shape, double loss,
                       const double *counts, struct rng *draws)
{
	size_t n = metrics_counts_length(shape);
	double *moved = mem_array(2 * n, sizeof *moved), *scratch = moved + n;
	const double *before = (const double *)from;

	memset(out, 0, sizeof *out);
	for (int draw = 0; draw < METRICS_DRAWS; draw++) {
		struct metrics m;

		add_noise(moved, counts, n, shape.noise, draws);
		figures_of(&m, shape, loss + shape.noise * rng_normal(draws), moved, scratch);
		for (size_t i = 0; i < FIGURES; i++) {
			double by = *figure(&m, i) - before[i];

			*figure(out, i) += by * by / METRICS_DRAWS;
		}
	}
	free(moved);
}

/* NAN stays what it is. */
static void hold(double *x, double least, double most)
{
	*x = *x < least ? least : *x > most ? most : *x;
}

static void hold_all(struct metrics *m, struct metrics_shape shape)
{
	double *const shares[] = {&m->accuracy, &m->precision, &m->recall, &m->f1, &m->auc};

	for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
		hold(shares[i], 0, 1);
	hold(&m->rows, 0, INFINITY);
	hold(&m->loss, 0, METRICS_LOSS_MAX);
	hold(&m->brier, 0, shape.classes > 2 ? 2 : 1);
	hold(&m->r2, -INFINITY, 1);
	hold(&m->rmse, 0, 2 * shape.half);
	hold(&m->mae, 0, 2 * shape.half);
}

void metrics_noised(struct metrics *out, struct metrics *margin, struct metrics_shape shape, double loss,
                    const double *counts, struct rng *draws)
{
	double *scaled = mem_array(metrics_counts_length(shape), sizeof *scaled);

	CHECK(shape.noise > 0);
	figures_of(out, shape, loss, counts, scaled);
	free(scaled);
	squares_of(margin, out, shape, loss, counts, draws);
	for (size_t i = 0; i < FIGURES; i++)
		*figure(margin, i) = NORMAL_95 * sqrt(*figure(margin, i));
	hold_all(out, shape);
}
