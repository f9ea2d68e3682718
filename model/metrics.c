#include "model/metrics.h"

#include "base/err.h"
#include "model/loss.h"

#include <math.h>
#include <string.h>

size_t metrics_counts_length(struct metrics_shape shape)
{
	return shape.classes == 2 ? 2 * (size_t)shape.bins : (size_t)shape.classes * shape.classes;
}

uint32_t metrics_outputs(struct metrics_shape shape)
{
	return shape.classes == 2 ? 1 : shape.classes;
}

static void check_shape(struct metrics_shape shape)
{
	CHECK(shape.classes >= 2);
	CHECK(shape.classes > 2 || (shape.bins >= 2 && shape.bins % 2 == 0 && shape.bins <= BINS_MAX));
}

/* ---- adding rows */

/* The side of the middle edge follows from the logit's sign: for a tiny negative z the score rounds to exactly one
 * half, and would fall on the wrong side. */
static uint32_t bin_of(float logit, uint32_t bins)
{
	double z = logit;
	if (z != z)
		return 0;
	uint32_t bin = (uint32_t)(bins / (1 + exp(-z / 2))), half = bins / 2;
	if (z < 0)
		return bin < half ? bin : half - 1;
	return bin < bins ? bin : bins - 1;
}

/* The largest; of equals the first; a NaN is never larger. */
static uint32_t class_of(const float *logits, uint32_t classes)
{
	uint32_t best = 0;
	for (uint32_t k = 1; k < classes; k++)
		if (logits[k] > logits[best] || logits[best] != logits[best])
			best = k;
	return best;
}

void metrics_add(double *loss_sum, double *counts, struct metrics_shape shape, const float *logits,
                 const union label_value *labels, uint32_t rows)
{
	check_shape(shape);
	bool binary = shape.classes == 2;
	enum loss_kind kind = binary ? LOSS_BINARY_CROSS_ENTROPY : LOSS_SOFTMAX_CROSS_ENTROPY;
	uint32_t outputs = metrics_outputs(shape);
	double sum = 0;
	for (uint32_t r = 0; r < rows; r++, logits += outputs) {
		double loss = loss_row(kind, logits, outputs, labels[r]);
		sum += loss < METRICS_LOSS_MAX ? loss : METRICS_LOSS_MAX;
		if (binary)
			counts[(size_t)labels[r].class * shape.bins + bin_of(logits[0], shape.bins)]++;
		else
			counts[(size_t)labels[r].class * shape.classes + class_of(logits, shape.classes)]++;
	}
	*loss_sum += sum;
}

/* ---- figures from sums */

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

/* Pairs of a positive and a negative in which the positive lies in a higher bin, plus half of those in one bin, over
 * all pairs: the area under the trapezoids of the ROC curve (Hanley and McNeil 1982). */
static double area(const double *negatives, const double *positives, uint32_t bins)
{
	double below = 0, pairs = 0;
	for (uint32_t b = 0; b < bins; b++) {
		pairs += positives[b] * (below + negatives[b] / 2);
		below += negatives[b];
	}
	return ratio(pairs, below * sum_of(positives, bins));
}

static void binary_figures(struct metrics *m, const double *counts, uint32_t bins)
{
	const double *negatives = counts, *positives = counts + bins;
	uint32_t half = bins / 2;
	double true_negatives = sum_of(negatives, half), false_positives = sum_of(negatives + half, half);
	double false_negatives = sum_of(positives, half), true_positives = sum_of(positives + half, half);
	m->accuracy = ratio(true_positives + true_negatives, m->rows);
	m->precision = ratio(true_positives, true_positives + false_positives);
	m->recall = ratio(true_positives, true_positives + false_negatives);
	m->f1 = ratio(2 * true_positives, 2 * true_positives + false_positives + false_negatives);
	m->auc = area(negatives, positives, bins);
}

static void categorical_figures(struct metrics *m, const double *counts, uint32_t classes)
{
	double right = 0, precision = 0, recall = 0, f1 = 0, occurring = 0;
	for (uint32_t k = 0; k < classes; k++) {
		double hits = counts[(size_t)k * classes + k], truth = 0, predicted = 0;
		for (uint32_t j = 0; j < classes; j++) {
			truth += counts[(size_t)k * classes + j];
			predicted += counts[(size_t)j * classes + k];
		}
		right += hits;
		if (truth + predicted == 0)
			continue;
		occurring++;
		precision += predicted > 0 ? hits / predicted : 0;
		recall += truth > 0 ? hits / truth : 0;
		f1 += 2 * hits / (truth + predicted);
	}
	m->accuracy = ratio(right, m->rows);
	m->precision = ratio(precision, occurring);
	m->recall = ratio(recall, occurring);
	m->f1 = ratio(f1, occurring);
}

void metrics_from_sums(struct metrics *out, struct metrics_shape shape, double loss_sum, const double *counts)
{
	check_shape(shape);
	*out = (struct metrics){.rows = sum_of(counts, metrics_counts_length(shape)), .auc = NAN};
	out->loss = ratio(loss_sum, out->rows);
	if (shape.classes == 2)
		binary_figures(out, counts, shape.bins);
	else
		categorical_figures(out, counts, shape.classes);
}

bool metrics_roc(struct roc_point *points, struct metrics_shape shape, const double *counts)
{
	check_shape(shape);
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
