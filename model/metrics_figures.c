/* From sums to figures: what model/metrics.c added up, over rows and over sites. */
#include "model/metrics.h"

#include "base/err.h"

#include <string.h>

static double sum_of(const double *x, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += x[i];
	return sum;
}

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

/* What a part is divided by: with noise never nothing, since nobody can tell nothing from little. */
static double whole_of(double rows, double noise)
{
	return noise > 0 ? fmax(rows, 1) : rows;
}

/* A share of one class, which a mean over classes takes in: with noise within its range, or a rare class would be all of it. */
static double share(double part, double whole, double noise)
{
	double x = ratio(part, whole_of(whole, noise));
	return noise > 0 ? fmin(fmax(x, 0), 1) : x;
}

/* Pairs of a positive and a negative in which the positive lies in a higher bin, plus half of those in one bin, over
 * all pairs: the area under the trapezoids of the ROC curve (Hanley and McNeil 1982). */
static double area(const double *negatives, const double *positives, uint32_t bins, double noise)
{
	double below = 0, pairs = 0;
	for (uint32_t b = 0; b < bins; b++) {
		pairs += positives[b] * (below + negatives[b] / 2);
		below += negatives[b];
	}
	return ratio(pairs, whole_of(below, noise) * whole_of(sum_of(positives, bins), noise));
}

/* The probability that a bin's middle score stands for: exp(z / 2) is the odds of the score, exp(z) those of p. */
static double probability_of(uint32_t bin, uint32_t bins)
{
	double s = (bin + 0.5) / bins, other = 1 - s;
	return s * s / (s * s + other * other);
}

/* Sum of (p - y)^2 over two histograms. */
static double squares(const double *negatives, const double *positives, uint32_t bins)
{
	double sum = 0;
	for (uint32_t b = 0; b < bins; b++) {
		double p = probability_of(b, bins);
		sum += negatives[b] * p * p + positives[b] * (1 - p) * (1 - p);
	}
	return sum;
}

static void binary_figures(struct metrics *m, const double *counts, struct metrics_shape shape)
{
	uint32_t bins = shape.bins, half = bins / 2;
	const double *negatives = counts, *positives = counts + bins;
	double rows = whole_of(m->rows, shape.noise);
	double true_negatives = sum_of(negatives, half), false_positives = sum_of(negatives + half, half);
	double false_negatives = sum_of(positives, half), true_positives = sum_of(positives + half, half);
	double called = whole_of(true_positives + false_positives, shape.noise);
	double truth = whole_of(true_positives + false_negatives, shape.noise);
	m->accuracy = ratio(true_positives + true_negatives, rows);
	m->precision = ratio(true_positives, called);
	m->recall = ratio(true_positives, truth);
	m->f1 = ratio(2 * true_positives, called + truth);
	m->auc = area(negatives, positives, bins, shape.noise);
	m->brier = ratio(squares(negatives, positives, bins), rows);
}

/* Each class against the rest. */
static void class_figures(struct metrics *m, const double *histograms, struct metrics_shape shape)
{
	double areas = 0, occurring = 0, sum = 0;
	for (uint32_t k = 0; k < shape.classes; k++) {
		const double *others = histograms + 2 * (size_t)k * shape.class_bins, *own = others + shape.class_bins;
		double one = share(area(others, own, shape.class_bins, shape.noise), 1, shape.noise);
		sum += squares(others, own, shape.class_bins);
		if (isnan(one))
			continue;
		areas += one;
		occurring++;
	}
	m->auc = ratio(areas, occurring);
	m->brier = ratio(sum, whole_of(m->rows, shape.noise));
}

static void categorical_figures(struct metrics *m, const double *counts, struct metrics_shape shape)
{
	uint32_t classes = shape.classes;
	double right = 0, precision = 0, recall = 0, f1 = 0, occurring = 0;
	for (uint32_t k = 0; k < classes; k++) {
		double hits = counts[(size_t)k * classes + k], truth = 0, predicted = 0;
		for (uint32_t j = 0; j < classes; j++) {
			truth += counts[(size_t)k * classes + j];
			predicted += counts[(size_t)j * classes + k];
		}
		right += hits;
		if (truth + predicted == 0 && shape.noise == 0)
			continue;
		occurring++;
		precision += predicted > 0 ? share(hits, predicted, shape.noise) : 0;
		recall += truth > 0 ? share(hits, truth, shape.noise) : 0;
		f1 += share(2 * hits, truth + predicted, shape.noise);
	}
	m->accuracy = ratio(right, whole_of(m->rows, shape.noise));
	m->precision = ratio(precision, occurring);
	m->recall = ratio(recall, occurring);
	m->f1 = ratio(f1, occurring);
}

/* Below it, per row, the fixed-point steps of a sum over many sites could pass for a variance. */
#define VARIANCE_MIN 1e-10

/* The deviation of the noise in q - m^2, m and q the means of u and u^2 of so many rows: to first order. */
static double variance_error(double mean, double square, double rows, double noise)
{
	double m = fmin(fmax(mean, -1), 1), q = fmin(fmax(square, 0), 1), of_rows = 2 * m * m - q;
	return noise / rows * sqrt(1 + 4 * m * m + of_rows * of_rows);
}

/* The sums may be any numbers: they came from the network. With noise the labels' variance is at least its own error. */
static void numeric_figures(struct metrics *m, const double *sums, struct metrics_shape shape)
{
	double rows = whole_of(m->rows, shape.noise), squared = ratio(fmax(sums[3], 0), rows);
	double variance = ratio(sums[2] - sums[1] * sums[1] / rows, rows);
	if (shape.noise > 0)
		variance = fmax(variance, variance_error(sums[1] / rows, sums[2] / rows, rows, shape.noise));
	m->r2 = variance > VARIANCE_MIN ? 1 - squared / variance : NAN;
	m->rmse = shape.half * sqrt(squared);
	m->mae = shape.half * ratio(fmax(sums[4], 0), rows);
}

void metrics_from_sums(struct metrics *out, struct metrics_shape shape, double loss_sum, const double *counts)
{
	*out = METRICS_NONE;
	size_t classes = shape.classes, length = metrics_counts_length(shape);
	size_t cells = classes < 3 ? length : classes * classes; /* that count each row once */
	out->rows = classes == 0 ? counts[0] : sum_of(counts, cells);
	out->loss = ratio(loss_sum, whole_of(out->rows, shape.noise));
	if (shape.classes == 0)
		numeric_figures(out, counts, shape);
	else if (shape.classes == 2)
		binary_figures(out, counts, shape);
	else
		categorical_figures(out, counts, shape);
	if (classes > 2 && shape.class_bins > 0)
		class_figures(out, counts + cells, shape);
}

bool metrics_roc(struct roc_point *points, struct metrics_shape shape, const double *counts)
{
	CHECK(shape.classes == 2);
	const double *negatives = counts, *positives = counts + shape.bins;
	double negative_rows = sum_of(negatives, shape.bins), positive_rows = sum_of(positives, shape.bins);
	if (!(negative_rows > 0 && positive_rows > 0))
		return false;
	double false_positives = 0, true_positives = 0;
	points[0] = (struct roc_point){.threshold = INFINITY};
	for (uint32_t i = 1; i <= shape.bins; i++) {
		uint32_t bin = shape.bins - i;
		double score = (double)bin / shape.bins, odds = score / (1 - score);
		false_positives += negatives[bin];
		true_positives += positives[bin];
		points[i] = (struct roc_point){.false_positive_rate = false_positives / negative_rows,
		                               .true_positive_rate = true_positives / positive_rows,
		                               /* score = sigmoid(z / 2), so exp(z) is the square of its odds */
		                               .threshold = odds * odds / (1 + odds * odds)};
	}
	return true;
}

/* NAN, of a point without rows, stays what it is. */
static double held(double x, double least, double most)
{
	return x < least ? least : x > most ? most : x;
}

static void hold_point(struct calibration_point *point, int tenth)
{
	point->predicted =
		held(point->predicted, (double)tenth / CALIBRATION_POINTS, (tenth + 1.0) / CALIBRATION_POINTS);
	point->observed = held(point->observed, 0, 1);
}

void metrics_calibration(struct calibration *out, struct metrics_shape shape, const double *counts)
{
	const double *negatives = counts, *positives = counts + shape.bins;
	*out = (struct calibration){0};
	for (uint32_t b = 0; shape.classes == 2 && b < shape.bins; b++) {
		double p = probability_of(b, shape.bins), rows = negatives[b] + positives[b];
		struct calibration_point *point = &out->points[(int)(p * CALIBRATION_POINTS)]; /* p < 1 */
		point->rows += rows;
		point->predicted += rows * p;
		point->observed += positives[b];
		out->known |= rows > 0;
	}
	for (int i = 0; i < CALIBRATION_POINTS; i++) {
		struct calibration_point *point = &out->points[i];
		point->predicted = ratio(point->predicted, point->rows);
		point->observed = ratio(point->observed, point->rows);
		if (shape.noise > 0)
			hold_point(point, i);
	}
}

/* ---- selection */

/* The figure, signed so that larger is better. */
static bool figure(double *out, const struct metrics *m, const char *name)
{
	if (strcmp(name, "auc") == 0)
		*out = m->auc;
	else if (strcmp(name, "accuracy") == 0)
		*out = m->accuracy;
	else if (strcmp(name, "f1") == 0)
		*out = m->f1;
	else if (strcmp(name, "r2") == 0)
		*out = m->r2;
	else if (strcmp(name, "rmse") == 0)
		*out = -m->rmse;
	else if (strcmp(name, "loss") == 0)
		*out = -m->loss;
	else
		return false;
	return true;
}

bool metrics_is_name(const char *name)
{
	double ignored;
	return figure(&ignored, &(struct metrics){0}, name);
}

bool metrics_better(const struct metrics *a, const struct metrics *b, const char *name)
{
	double x, y;
	CHECK(figure(&x, a, name) && figure(&y, b, name));
	return !isnan(x) && (isnan(y) || x > y);
}
