/*
 * Figures of noised sums: over many releases of the same rows the interval holds the exact figure as often as it says, and its
 * width is what the figures really vary by. Whatever the sums, a figure is there and within its range.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/metrics_noised.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 6000
#define CLASSES 4
#define SUMS_MAX 256
#define FIGURES (sizeof(struct metrics) / sizeof(double))

static const char *const names[FIGURES] = {"rows", "loss",  "accuracy", "precision", "recall", "f1",
                                           "auc",  "brier", "r2",       "rmse",      "mae"};

/* The exact sums of some rows, in the units of a release. */
struct part {
	struct metrics_shape shape;
	struct metrics exact;
	double loss, counts[SUMS_MAX];
};

static void add_rows(struct part *p, const float *logits, const union label_value *labels, uint32_t rows)
{
	double loss = 0, counts[SUMS_MAX] = {0}, one_each[ROWS_MAX];

	assert_true(metrics_counts_length(p->shape) <= SUMS_MAX);
	metrics_add(&loss, counts, p->shape, logits, labels, rows);
	metrics_from_sums(&p->exact, p->shape, loss, counts);
	for (uint32_t i = 0; i < rows; i++)
		one_each[i] = 1;
	metrics_add_shares(&p->loss, p->counts, p->shape, logits, labels, one_each, rows);
}

static struct part binary(uint32_t rows, double prevalence, double separation)
{
	static float z[ROWS_MAX];
	static union label_value labels[ROWS_MAX];
	struct part p = {.shape = {.classes = 2, .bins = 16}};
	struct rng r;

	rng_seeded(&r, rows, "binary");
	for (uint32_t i = 0; i < rows; i++) {
		labels[i].class = rng_unit(&r) < prevalence;
		z[i] = (float)(1.5 * rng_normal(&r) + (labels[i].class ? separation : -separation));
	}
	add_rows(&p, z, labels, rows);
	return p;
}

static struct part several(uint32_t rows)
{
	static const double shares[CLASSES] = {0.5, 0.25, 0.15, 0.1};
	static float z[ROWS_MAX * CLASSES];
	static union label_value labels[ROWS_MAX];
	struct part p = {.shape = {.classes = CLASSES, .class_bins = 8}};
	struct rng r;

	rng_seeded(&r, rows, "several");
	for (uint32_t i = 0; i < rows; i++) {
		double x = rng_unit(&r);

		labels[i].class = 0;
		while (labels[i].class + 1 < CLASSES && x >= shares[labels[i].class])
			x -= shares[labels[i].class ++];
		for (uint32_t k = 0; k < CLASSES; k++)
			z[i * CLASSES + k] = (float)(rng_normal(&r) + (labels[i].class == k ? 1.5 : 0));
	}
	add_rows(&p, z, labels, rows);
	return p;
}

static struct part numbers(uint32_t rows)
{
	static float output[ROWS_MAX];
	static union label_value labels[ROWS_MAX];
	struct part p = {.shape = {.middle = 150, .half = 90, .mean = 140, .deviation = 30}};
	struct rng r;

	rng_seeded(&r, rows, "numbers");
	for (uint32_t i = 0; i < rows; i++) {
		labels[i].value = (float)rng_normal(&r);
		output[i] = (float)(0.8 * labels[i].value + 0.5 * rng_normal(&r));
	}
	add_rows(&p, output, labels, rows);
	return p;
}

/* What many releases show of each figure. */
struct seen {
	double inside[FIGURES]; /* share of the releases whose interval holds the exact one */
	double error[FIGURES], margin[FIGURES]; /* root of the mean square error; of the margin */
};

static void release(struct seen *out, const struct part *p, double noise, int releases, uint64_t seed)
{
	const double *exact = (const double *)&p->exact;
	struct rng noises, draws;

	*out = (struct seen){{0}, {0}, {0}};
	rng_seeded(&noises, seed, "noise");
	rng_seeded(&draws, seed, "draws");
	for (int run = 0; run < releases; run++) {
		struct metrics_shape shape = p->shape;
		struct metrics m, margin;
		double counts[SUMS_MAX];

		shape.noise = noise;
		for (size_t i = 0; i < metrics_counts_length(shape); i++)
			counts[i] = p->counts[i] + noise * rng_normal(&noises);
		metrics_noised(&m, &margin, shape, p->loss + noise * rng_normal(&noises), counts, &draws);
		for (size_t i = 0; i < FIGURES; i++) {
			double x = ((double *)&m)[i], width = ((double *)&margin)[i];

			assert_int_equal(isnan(x), isnan(exact[i]));
			out->inside[i] += fabs(x - exact[i]) <= width ? 1.0 / releases : 0;
			out->error[i] += (x - exact[i]) * (x - exact[i]) / releases;
			out->margin[i] += width * width / releases;
		}
	}
	for (size_t i = 0; i < FIGURES; i++) {
		out->error[i] = sqrt(out->error[i]);
		out->margin[i] = sqrt(out->margin[i]);
	}
}

/* 95 of 100, and 90 to 99 where figures are far from linear; the width is right to a fifth. */
static void assert_holds(const struct part *p, double noise, uint64_t seed)
{
	struct seen s;

	release(&s, p, noise, 300, seed);
	for (size_t i = 0; i < FIGURES; i++) {
		if (isnan(((const double *)&p->exact)[i]))
			continue;
		bool good =
			s.inside[i] >= 0.9 && s.inside[i] <= 0.99 && fabs(s.margin[i] / s.error[i] / 1.96 - 1) < 0.2;
		if (!good)
			fail_msg("%s, noise %g: %.3f inside, error %g, margin %g", names[i], noise, s.inside[i],
			         s.error[i], s.margin[i]);
	}
}

static void intervals_hold_as_often_as_they_say(void **state)
{
	struct part p;

	(void)state;
	p = binary(5000, 0.3, 1);
	assert_holds(&p, 2, 1);
	assert_holds(&p, 12, 2);
	p = binary(900, 0.15, 0.5);
	assert_holds(&p, 2, 3);
	p = several(5000);
	assert_holds(&p, 2, 4);
	p = numbers(5000);
	assert_holds(&p, 3, 5);
	assert_holds(&p, 20, 6);
}

/* Where noise drowns the rows a figure still lies in its range, and its interval is as wide as it should be: it holds the truth. */
static void drowned_figures_say_so(void **state)
{
	const struct part p = binary(171, 0.4, 2);
	struct seen s;

	(void)state;
	release(&s, &p, 40, 300, 7);
	for (size_t i = 0; i < FIGURES; i++)
		if (!isnan(((const double *)&p.exact)[i]))
			assert_true(s.inside[i] >= 0.9);
	assert_true(s.margin[6] > 0.3); /* AUC: worth nothing */
}

static void assert_in_ranges(const struct metrics *m, struct metrics_shape shape)
{
	const double shares[] = {m->accuracy, m->precision, m->recall, m->f1, m->auc};
	bool numeric = shape.classes == 0, areas = shape.classes == 2 || shape.class_bins > 0;

	assert_true(m->rows >= 0 && isfinite(m->rows));
	assert_true(m->loss >= 0 && m->loss <= METRICS_LOSS_MAX);
	for (int i = 0; i < 5 && !numeric; i++)
		assert_true((i == 4 && !areas) ? isnan(shares[i]) : shares[i] >= 0 && shares[i] <= 1);
	if (numeric)
		assert_true(m->r2 <= 1 && m->rmse >= 0 && m->rmse <= 180 && m->mae >= 0 && m->mae <= 180);
	else
		assert_true(!areas || (m->brier >= 0 && m->brier <= 2));
}

static void any_sums_have_figures_in_their_ranges(void **state)
{
	static const struct metrics_shape shapes[] = {
		{.classes = 2, .bins = 16, .noise = 3},
		{.classes = 3, .noise = 3},
		{.classes = 3, .class_bins = 4, .noise = 0.1},
		{.half = 90, .middle = 150, .deviation = 30, .noise = 5},
	};
	struct rng r;

	(void)state;
	rng_seeded(&r, 8, "any");
	for (int run = 0; run < 1000; run++) {
		struct metrics_shape shape = shapes[run % 4];
		struct metrics m, margin;
		struct calibration c;
		double counts[SUMS_MAX], size = exp(14 * rng_unit(&r) - 2);

		for (size_t i = 0; i < metrics_counts_length(shape); i++)
			counts[i] = rng_below(&r, 3) == 0 ? 0 : size * (rng_normal(&r) - (run % 3 == 0));
		metrics_noised(&m, &margin, shape, size * rng_normal(&r), counts, &r);
		assert_in_ranges(&m, shape);
		for (size_t i = 0; i < FIGURES; i++) {
			double width = ((double *)&margin)[i];
			assert_true(isnan(((double *)&m)[i]) ? isnan(width) : width >= 0 && isfinite(width));
		}
		metrics_calibration(&c, shape, counts);
		for (int i = 0; i < CALIBRATION_POINTS; i++) {
			const struct calibration_point *q = &c.points[i];
			assert_true(isnan(q->predicted) ||
			            (q->predicted >= i / 10.0 && q->predicted <= (i + 1) / 10.0));
			assert_true(isnan(q->observed) || (q->observed >= 0 && q->observed <= 1));
		}
	}
}

/* A class that noise alone makes of is one of three, and no more: its share is 0 here, not -20. */
static void a_rare_class_is_not_all_of_a_mean(void **state)
{
	/* truth 0: 100 right; truth 1: 50 right; truth 2: 5 below nothing, 5 taken for class 1 */
	static const double counts[9] = {100, 0, 0, 0, 50, 0, 0, 5.25, -5};
	const struct metrics_shape shape = {.classes = 3, .noise = 3};
	struct metrics m, margin;
	struct rng draws;

	(void)state;
	rng_seeded(&draws, 9, "draws");
	metrics_noised(&m, &margin, shape, 0, counts, &draws);
	assert_true(fabs(m.recall - 2.0 / 3) < 1e-12);
	assert_true(fabs(m.precision - (1 + 50 / 55.25) / 3) < 1e-12);
	assert_true(fabs(m.f1 - (1 + 100 / 105.25) / 3) < 1e-12);
}

static void nothing_at_all_has_figures(void **state)
{
	static const double counts[SUMS_MAX];
	static const struct metrics_shape shapes[] = {{.classes = 2, .bins = 16, .noise = 3},
	                                              {.classes = 3, .class_bins = 4, .noise = 3},
	                                              {.half = 90, .deviation = 30, .noise = 3}};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct metrics m, margin;
		struct rng draws;

		rng_seeded(&draws, 10, "draws");
		metrics_noised(&m, &margin, shapes[i], 0, counts, &draws);
		assert_in_ranges(&m, shapes[i]);
		assert_int_equal(isnan(margin.recall), i == 2);
	}
}

/* The same seed gives the same margin, so a report made again says the same. */
static void margins_follow_from_the_seed(void **state)
{
	const struct part p = binary(500, 0.3, 1);
	struct metrics_shape shape = p.shape;
	struct metrics m[3], margin[3];

	(void)state;
	shape.noise = 2;
	for (uint64_t i = 0; i < 3; i++) {
		struct rng draws;

		rng_seeded(&draws, i / 2, "draws");
		metrics_noised(&m[i], &margin[i], shape, p.loss, p.counts, &draws);
	}
	assert_memory_equal(&margin[0], &margin[1], sizeof margin[0]);
	assert_true(margin[0].auc != margin[2].auc && fabs(margin[0].auc / margin[2].auc - 1) < 0.3);
	assert_true(m[0].auc == m[2].auc && fabs(m[0].auc - p.exact.auc) < 1e-12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intervals_hold_as_often_as_they_say),
		cmocka_unit_test(drowned_figures_say_so),
		cmocka_unit_test(any_sums_have_figures_in_their_ranges),
		cmocka_unit_test(a_rare_class_is_not_all_of_a_mean),
		cmocka_unit_test(nothing_at_all_has_figures),
		cmocka_unit_test(margins_follow_from_the_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
