#include "model/metrics.h"

#include "base/err.h"
#include "base/share.h"
#include "model/loss.h"

#include <math.h>

#define BLOCK 32 /* rows whose losses are computed at once */
#define SQUARE_MAX 4 /* e^2 */
#define ERROR_MAX 2 /* |e| */

static void check_shape(struct metrics_shape shape)
{
	CHECK(shape.classes != 1 && (shape.classes > 0 || shape.half > 0));
	CHECK(shape.classes < 3 || (shape.class_bins % 2 == 0 && shape.class_bins <= CLASS_BINS_MAX));
	CHECK(shape.classes != 2 || (shape.bins >= 2 && shape.bins % 2 == 0 && shape.bins <= BINS_MAX));
}

size_t metrics_counts_length(struct metrics_shape shape)
{
	check_shape(shape);
	return spec_counts_length(shape);
}

uint32_t metrics_outputs(struct metrics_shape shape)
{
	return shape.classes <= 2 ? 1 : shape.classes;
}

/* ---- adding rows */

/* The side of the middle edge follows from the logit's sign: for a tiny negative z the score rounds to exactly one
 * half, and would fall on the wrong side. */
static uint32_t bin_of(double z, uint32_t bins)
{
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

/* A row into the histograms of all classes, [classes][others, own][bins]. The logit of class k against the rest is
 * z_k - log(sum over j != k of exp(z_j)), here after subtracting the largest z from all. For any other class the rest holds
 * exp(0), and for the largest the difference loses digits where p is near 1 - 1e-9: far within the last bin, which begins
 * at 1 - 2.4e-7 with CLASS_BINS_MAX. */
static void add_classes(double *histograms, struct metrics_shape shape, const float *z, uint32_t largest,
                        uint32_t label, double share)
{
	double sum = 0;
	for (uint32_t k = 0; k < shape.classes; k++)
		sum += exp((double)z[k] - z[largest]);
	for (uint32_t k = 0; k < shape.classes; k++) {
		double over = (double)z[k] - z[largest], logit = over - log(sum - exp(over));
		histograms[(2 * (size_t)k + (label == k)) * shape.class_bins + bin_of(logit, shape.class_bins)] +=
			share;
	}
}

static void add_class(double *counts, struct metrics_shape shape, const float *logits, uint32_t label, double share)
{
	size_t classes = shape.classes;
	uint32_t largest = class_of(logits, shape.classes);
	counts[label * classes + largest] += share;
	if (shape.class_bins > 0)
		add_classes(counts + classes * classes, shape, logits, largest, label, share);
}

/* fmin and fmax pass over a NaN, which so becomes -1. */
static double cut(double u)
{
	return fmin(fmax(u, -1), 1);
}

/* A label or an output in units of half the label's range. */
static double in_range(struct metrics_shape shape, float scaled)
{
	return cut((shape.mean + shape.deviation * scaled - shape.middle) / shape.half);
}

static void add_number(double *sums, struct metrics_shape shape, float output, float label)
{
	double truth = in_range(shape, label);
	double e = in_range(shape, output) - truth;
	sums[0]++;
	sums[1] += truth;
	sums[2] += truth * truth;
	sums[3] += e * e;
	sums[4] += fabs(e);
}

static void add_number_share(double *sums, struct metrics_shape shape, float output, float label, double share)
{
	double truth = in_range(shape, label);
	double e = in_range(shape, output) - truth;
	sums[0] += share;
	sums[1] += share_part(share, truth);
	sums[2] += share_part(share, truth * truth);
	sums[3] += share_part(share, e * e / SQUARE_MAX);
	sums[4] += share_part(share, fabs(e) / ERROR_MAX);
}

/* A row whose label is a class into the counts. */
static void add_counts(double *counts, struct metrics_shape shape, const float *logits, uint32_t label, double share)
{
	if (shape.classes == 2)
		counts[(size_t)label * shape.bins + bin_of(logits[0], shape.bins)] += share;
	else
		add_class(counts, shape, logits, label, share);
}

static enum loss_kind loss_of(struct metrics_shape shape)
{
	if (shape.classes == 0)
		return LOSS_SQUARED_ERROR;
	return shape.classes == 2 ? LOSS_BINARY_CROSS_ENTROPY : LOSS_SOFTMAX_CROSS_ENTROPY;
}

/* Up to BLOCK rows. */
static void add_block(double *sum, double *counts, struct metrics_shape shape, const float *logits,
                      const union label_value *labels, uint32_t rows)
{
	uint32_t outputs = metrics_outputs(shape);
	double losses[BLOCK];
	loss_rows(losses, loss_of(shape), logits, outputs, labels, rows);
	for (uint32_t r = 0; r < rows; r++, logits += outputs) {
		*sum += losses[r] < METRICS_LOSS_MAX ? losses[r] : METRICS_LOSS_MAX;
		if (shape.classes == 0)
			add_number(counts, shape, logits[0], labels[r].value);
		else
			add_counts(counts, shape, logits, labels[r].class, 1);
	}
}

void metrics_add(double *loss_sum, double *counts, struct metrics_shape shape, const float *logits,
                 const union label_value *labels, uint32_t rows)
{
	check_shape(shape);
	double sum = 0;
	for (uint32_t first = 0, n; first < rows; first += n) {
		n = rows - first < BLOCK ? rows - first : BLOCK;
		add_block(&sum, counts, shape, logits + (size_t)first * metrics_outputs(shape), labels + first, n);
	}
	*loss_sum += sum;
}

static void add_block_shares(double *loss_sum, double *counts, struct metrics_shape shape, const float *logits,
                             const union label_value *labels, const double *shares, uint32_t rows)
{
	uint32_t outputs = metrics_outputs(shape);
	double losses[BLOCK];
	loss_rows(losses, loss_of(shape), logits, outputs, labels, rows);
	for (uint32_t r = 0; r < rows; r++, logits += outputs) {
		double loss = losses[r] < METRICS_LOSS_MAX ? losses[r] : METRICS_LOSS_MAX;
		*loss_sum += share_part(shares[r], loss / METRICS_LOSS_MAX);
		if (shape.classes == 0)
			add_number_share(counts, shape, logits[0], labels[r].value, shares[r]);
		else
			add_counts(counts, shape, logits, labels[r].class, shares[r]);
	}
}

void metrics_add_shares(double *loss_sum, double *counts, struct metrics_shape shape, const float *logits,
                        const union label_value *labels, const double *shares, uint32_t rows)
{
	check_shape(shape);
	for (uint32_t first = 0, n; first < rows; first += n) {
		n = rows - first < BLOCK ? rows - first : BLOCK;
		add_block_shares(loss_sum, counts, shape, logits + (size_t)first * metrics_outputs(shape),
		                 labels + first, shares + first, n);
	}
}

void metrics_unscale(double *loss_sum, double *counts, struct metrics_shape shape)
{
	*loss_sum *= METRICS_LOSS_MAX;
	if (shape.classes == 0) {
		counts[3] *= SQUARE_MAX;
		counts[4] *= ERROR_MAX;
	}
}
