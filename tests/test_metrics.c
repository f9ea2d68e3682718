/* model/metrics against the definitions: AUC by counting pairs, confusion by counting rows, sums over sites by
 * pooling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/metrics.h"
#include "tests/support/models.h"

#define ROWS 600

struct rows {
	float z[ROWS];
	union label_value labels[ROWS];
};

/* Scores of a model that is better than chance, spread over `scale`, some of them equal. */
static void binary_rows(struct rows *k, double scale, double prevalence, uint64_t seed)
{
	struct rng r;
	rng_seeded(&r, seed, "binary");
	for (int i = 0; i < ROWS; i++) {
		k->labels[i].class = rng_unit(&r) < prevalence;
		k->z[i] = (float)(scale * (rng_normal(&r) + (k->labels[i].class ? 0.7 : -0.7)));
		if (i % 10 == 0)
			k->z[i] = roundf(k->z[i]);
	}
}

static void figures(struct metrics *m, struct metrics_shape shape, const float *z, const union label_value *labels,
                    uint32_t rows)
{
	double loss = 0, *counts = calloc(metrics_counts_length(shape), sizeof *counts);
	metrics_add(&loss, counts, shape, z, labels, rows);
	metrics_from_sums(m, shape, loss, counts);
	free(counts);
}

/* Share of (positive, negative) pairs with the positive above, ties half. */
static double auc_of_pairs(const double *score, const union label_value *labels, uint32_t rows)
{
	double above = 0, pairs = 0;
	for (uint32_t i = 0; i < rows; i++)
		for (uint32_t j = 0; j < rows; j++)
			if (labels[i].class == 1 && labels[j].class == 0) {
				pairs++;
				above += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
			}
	return above / pairs;
}

static void auc_is_a_probability_of_pairs(void **state)
{
	(void)state;
	static struct rows k;
	double exact[ROWS], binned[ROWS];
	for (uint64_t seed = 0; seed < 8; seed++)
		for (uint32_t bins = 2; bins <= 2048; bins *= 4) {
			struct metrics_shape shape = {.classes = 2, .bins = bins};
			struct metrics m;
			binary_rows(&k, 0.5 + 2 * (double)(seed % 4), seed < 4 ? 0.5 : 0.1, seed);
			for (int i = 0; i < ROWS; i++) {
				exact[i] = k.z[i];
				binned[i] = floor(bins / (1 + exp(-(double)k.z[i] / 2)));
			}
			figures(&m, shape, k.z, k.labels, ROWS);
			assert_true(fabs(m.auc - auc_of_pairs(binned, k.labels, ROWS)) < 1e-12);
			if (bins == 2048)
				assert_true(fabs(m.auc - auc_of_pairs(exact, k.labels, ROWS)) < 5e-4);
		}
}

/* ---- probabilities against the definitions, row by row */

static double probability(float z)
{
	return 1 / (1 + exp(-(double)z));
}

/* Brier score of the rows, and of no bins. */
static double brier_of_rows(const struct rows *k)
{
	double sum = 0;
	for (int i = 0; i < ROWS; i++)
		sum += pow(probability(k->z[i]) - k->labels[i].class, 2);
	return sum / ROWS;
}

/* Over the 60 sets of rows that the header speaks of, and rows at the worst place of their bins. */
static void brier_is_near_the_exact_one(void **state)
{
	(void)state;
	static struct rows k;
	double worst = 0;
	for (uint64_t seed = 0; seed < 60; seed++)
		for (uint32_t bins = 2; bins <= 2048; bins *= 4) {
			struct metrics_shape shape = {.classes = 2, .bins = bins};
			struct metrics m;
			binary_rows(&k, 0.5 + 7.5 * (double)seed / 59, seed % 2 ? 0.5 : 0.1, seed);
			figures(&m, shape, k.z, k.labels, ROWS);
			double error = fabs(m.brier - brier_of_rows(&k));
			assert_true(error <= 1.23 / bins);
			if (bins == 2048)
				worst = fmax(worst, error);
		}
	print_message("Brier score from 2,048 bins: at most %.1e from the exact one\n", worst);
	assert_true(worst < 4e-5);

	/* the steepest place of p^2: a negative row just above the edge of a bin at s = 0.607 */
	struct metrics_shape shape = {.classes = 2, .bins = 2048};
	struct metrics m;
	for (int i = 0; i < ROWS; i++) {
		double edge = ceil(0.607 * 2048) / 2048;
		k.z[i] = (float)(2 * log(edge / (1 - edge))) + 1e-6f;
		k.labels[i].class = 0;
	}
	figures(&m, shape, k.z, k.labels, ROWS);
	assert_true(fabs(m.brier - brier_of_rows(&k)) > 1.22 / 2048 && fabs(m.brier - brier_of_rows(&k)) < 1.23 / 2048);
}

/* By rows: each may have moved by 1 / bins, and so to another tenth only if it was that near to its edge. */
static void calibration_is_that_of_the_rows(void **state)
{
	(void)state;
	static struct rows k;
	for (uint64_t seed = 0; seed < 20; seed++)
		for (uint32_t bins = 64; bins <= 2048; bins *= 32) {
			struct metrics_shape shape = {.classes = 2, .bins = bins};
			double loss = 0, counts[2 * 2048] = {0}, rows = 0;
			struct calibration c;
			binary_rows(&k, 0.5 + (double)(seed % 4), 0.4, seed);
			metrics_add(&loss, counts, shape, k.z, k.labels, ROWS);
			metrics_calibration(&c, shape, counts);
			assert_true(c.known);
			for (int t = 0; t < CALIBRATION_POINTS; t++) {
				double sure = 0, near = 0, predicted = 0, positives = 0, low = t / 10.0,
				       high = low + 0.1;
				for (int i = 0; i < ROWS; i++) {
					double p = probability(k.z[i]), slack = 1.0 / bins;
					bool in = p > low && p < high;
					if (p < low - slack || p > high + slack)
						continue;
					bool edge = fabs(p - low) <= slack || fabs(p - high) <= slack;
					sure += in && !edge;
					near += edge;
					predicted += in ? p : 0;
					positives += in && k.labels[i].class;
				}
				const struct calibration_point *point = &c.points[t];
				rows += point->rows;
				assert_true(point->rows >= sure && point->rows <= sure + near);
				if (near > 0 || sure == 0)
					continue;
				assert_true(fabs(point->predicted - predicted / sure) <= 1.0 / bins);
				assert_true(point->observed == positives / sure);
			}
			assert_true(rows == ROWS);
		}
}

/* In Python, with p = [1 / (1 + math.exp(-z)) for z in ...]: the mean of (p - y) ** 2 is below, and so are the means of p
 * and y over the rows with int(10 * p) == t. */
static void calibration_by_hand(void **state)
{
	(void)state;
	const float z[] = {-3, -2, -2, -0.1f, 0.3f, 0.3f, 2.5f, 4};
	const union label_value labels[] = {{0}, {0}, {1}, {0}, {1}, {0}, {1}, {1}};
	const struct calibration_point wanted[CALIBRATION_POINTS] = {[0] = {1, 0.0474258732, 0},
	                                                             [1] = {2, 0.1192029220, 0.5},
	                                                             [4] = {1, 0.4750208125, 0},
	                                                             [5] = {2, 0.5744425168, 0.5},
	                                                             [9] = {2, 0.9530778050, 1}};
	struct metrics_shape shape = {.classes = 2, .bins = 65536};
	double loss = 0, *counts = calloc(metrics_counts_length(shape), sizeof *counts);
	struct calibration c;
	struct metrics m;
	metrics_add(&loss, counts, shape, z, labels, 8);
	metrics_from_sums(&m, shape, loss, counts);
	assert_true(fabs(m.brier - 0.19188352) < 2e-5);
	metrics_calibration(&c, shape, counts);
	for (int t = 0; t < CALIBRATION_POINTS; t++) {
		assert_true(c.points[t].rows == wanted[t].rows);
		if (wanted[t].rows == 0)
			assert_true(isnan(c.points[t].predicted) && isnan(c.points[t].observed));
		else
			assert_true(fabs(c.points[t].predicted - wanted[t].predicted) < 2e-5 &&
			            c.points[t].observed == wanted[t].observed);
	}
	free(counts);
	double three[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	metrics_calibration(&c, (struct metrics_shape){.classes = 3}, three);
	assert_false(c.known);
}

static void extremes_of_auc(void **state)
{
	(void)state;
	struct metrics_shape shape = {.classes = 2, .bins = 16};
	const float right[] = {-3, -1, 2, 4}, wrong[] = {3, 1, -2, -4}, same[] = {1, 1, 1, 1};
	const union label_value labels[] = {{0}, {0}, {1}, {1}}, ones[] = {{1}, {1}, {1}, {1}};
	struct metrics m;
	figures(&m, shape, right, labels, 4);
	assert_true(m.auc == 1 && m.accuracy == 1 && m.f1 == 1);
	figures(&m, shape, wrong, labels, 4);
	assert_true(m.auc == 0 && m.accuracy == 0 && m.f1 == 0);
	figures(&m, shape, same, labels, 4);
	assert_true(m.auc == 0.5 && m.accuracy == 0.5 && m.recall == 1 && m.precision == 0.5);
	figures(&m, shape, right, ones, 4);
	assert_true(isnan(m.auc) && m.accuracy == 0.5 && m.precision == 1);
}

static void confusion_is_exact(void **state)
{
	(void)state;
	static struct rows k;
	for (uint64_t seed = 0; seed < 6; seed++)
		for (uint32_t bins = 2; bins <= 2048; bins += 446) {
			double tp = 0, tn = 0, fp = 0, fn = 0, loss = 0;
			struct metrics_shape shape = {.classes = 2, .bins = bins};
			struct metrics m;
			binary_rows(&k, seed % 2 ? 1e-6 : 3, 0.3, seed);
			k.z[0] = 0;
			k.z[1] = -0.0f;
			k.z[2] = -1e-45f; /* its score rounds to one half */
			k.z[3] = 1e-45f;
			for (int i = 0; i < ROWS; i++) {
				bool called = k.z[i] >= 0;
				*(called ? (k.labels[i].class ? &tp : &fp) : (k.labels[i].class ? &fn : &tn)) += 1;
				loss -= log(1 / (1 + exp(k.labels[i].class ? -(double)k.z[i] : (double)k.z[i])));
			}
			figures(&m, shape, k.z, k.labels, ROWS);
			assert_true(m.rows == ROWS && m.accuracy == (tp + tn) / ROWS);
			assert_true(m.precision == tp / (tp + fp) && m.recall == tp / (tp + fn));
			assert_true(fabs(m.f1 - 2 / (1 / m.precision + 1 / m.recall)) < 1e-12);
			assert_true(fabs(m.loss - loss / ROWS) < 1e-9);
		}
}

/* Scores between 0 and 1 go where the header says; beyond both ends the outer bins take them. */
static void bins_hold_their_scores(void **state)
{
	(void)state;
	static const uint32_t all_bins[] = {2, 16, 64, 2048, BINS_MAX};
	for (size_t b = 0; b < 5; b++) {
		uint32_t bins = all_bins[b];
		struct metrics_shape shape = {.classes = 2, .bins = bins};
		double *counts = calloc(2 * (size_t)bins, sizeof *counts), loss = 0;
		uint32_t last = 0;
		for (float z = -60; z <= 60; z += 0.173f) {
			memset(counts, 0, 2 * (size_t)bins * sizeof *counts);
			metrics_add(&loss, counts, shape, &z, &(union label_value){1}, 1);
			uint32_t bin = 0;
			while (counts[bins + bin] == 0)
				bin++;
			double score = 1 / (1 + exp(-(double)z / 2));
			assert_true(bin >= last && bin < bins &&
			            fabs((bin + 0.5) / bins - score) <= 0.5 / bins + 1e-12);
			last = bin;
		}
		assert_int_equal(last, bins - 1);
		free(counts);
	}
}

static void sites_add_up_to_pooled(void **state)
{
	(void)state;
	enum { SITES = 7, CLASSES = 5 };
	static const struct metrics_shape shapes[] = {
		{.classes = 2, .bins = 2048}, {.classes = CLASSES}, {.classes = CLASSES, .class_bins = 64}};
	static float z[ROWS * CLASSES];
	union label_value labels[ROWS];
	struct rng r;
	for (int s = 0; s < 3; s++) {
		size_t length = metrics_counts_length(shapes[s]), width = metrics_outputs(shapes[s]);
		double *sum = calloc(length, sizeof *sum), *pooled = calloc(length, sizeof *pooled), sum_loss = 0,
		       pooled_loss = 0;
		struct metrics a, b;
		rng_seeded(&r, 8, "sites");
		models_normal(z, ROWS * width, 2, &r);
		models_labels(labels, ROWS, shapes[s].classes, &r);
		metrics_add(&pooled_loss, pooled, shapes[s], z, labels, ROWS);
		for (uint32_t site = 0; site < SITES; site++) {
			uint32_t from = ROWS * site * site / (SITES * SITES),
				 to = ROWS * (site + 1) * (site + 1) / (SITES * SITES);
			double *own = calloc(length, sizeof *own), own_loss = 0;
			metrics_add(&own_loss, own, shapes[s], z + from * width, labels + from, to - from);
			for (size_t i = 0; i < length; i++)
				sum[i] += own[i];
			sum_loss += own_loss;
			free(own);
		}
		assert_memory_equal(sum, pooled, length * sizeof *sum);
		metrics_from_sums(&a, shapes[s], sum_loss, sum);
		metrics_from_sums(&b, shapes[s], pooled_loss, pooled);
		assert_true(a.rows == ROWS && a.accuracy == b.accuracy && a.precision == b.precision && a.f1 == b.f1);
		assert_true(fabs(a.loss - b.loss) < 1e-12 &&
		            (a.auc == b.auc || (s == 1 && isnan(a.auc) && isnan(b.auc))));
		free(sum);
		free(pooled);
	}
}

/* By hand:  truth 0: 3 right, 1 called 1;  truth 1: 2 right;  truth 2: never right, 2 called 0;  class 3 never
 * occurs. */
static void categorical_by_hand(void **state)
{
	(void)state;
	struct metrics_shape shape = {.classes = 4};
	const union label_value truth[] = {{0}, {0}, {0}, {0}, {1}, {1}, {2}, {2}};
	const uint32_t called[] = {0, 0, 0, 1, 1, 1, 0, 0};
	float z[32] = {0};
	for (int i = 0; i < 8; i++)
		z[4 * i + called[i]] = 2;
	struct metrics m;
	figures(&m, shape, z, truth, 8);
	assert_true(m.rows == 8 && m.accuracy == 5 / 8.0 && isnan(m.auc));
	assert_true(fabs(m.precision - (3 / 5.0 + 2 / 3.0 + 0) / 3) < 1e-15);
	assert_true(fabs(m.recall - (3 / 4.0 + 1 + 0) / 3) < 1e-15);
	assert_true(fabs(m.f1 - (6 / 9.0 + 4 / 5.0 + 0) / 3) < 1e-15);
	const float tie[] = {1, 3, 3, -1}, nan_first[] = {NAN, 0, 1, 0};
	double loss = 0, counts[16] = {0};
	metrics_add(&loss, counts, shape, tie, &(union label_value){2}, 1);
	assert_true(counts[2 * 4 + 1] == 1); /* of equals the first */
	metrics_add(&loss, counts, shape, nan_first, &(union label_value){3}, 1);
	assert_true(counts[3 * 4 + 2] == 1);
}

/* ---- several classes, each against the rest */

enum { FIVE = 5 };

struct five {
	float z[ROWS * FIVE];
	union label_value labels[ROWS];
};

static void five_rows(struct five *k, double scale, uint64_t seed)
{
	struct rng r;
	rng_seeded(&r, seed, "five");
	for (int i = 0; i < ROWS; i++) {
		k->labels[i].class = (uint32_t)rng_below(&r, FIVE) * (rng_below(&r, 3) > 0); /* the first is frequent */
		for (uint32_t c = 0; c < FIVE; c++)
			k->z[FIVE * i + c] = (float)(scale * (rng_normal(&r) + (k->labels[i].class == c)));
	}
}

/* p_c by the definition, in long double. */
static long double softmax_of(const float *z, uint32_t c)
{
	long double sum = 0;
	for (uint32_t j = 0; j < FIVE; j++)
		sum += expl((long double)z[j] - z[c]);
	return 1 / sum;
}

static void exact_classes(double *auc, double *brier, const struct five *k)
{
	static union label_value own[ROWS];
	static double p[ROWS];
	*auc = *brier = 0;
	for (uint32_t c = 0; c < FIVE; c++) {
		for (int i = 0; i < ROWS; i++) {
			long double rest = 0;
			const float *z = k->z + (size_t)FIVE * i;
			for (uint32_t j = 0; j < FIVE; j++)
				rest += j == c ? 0 : expl((long double)z[j] - z[c]);
			own[i].class = k->labels[i].class == c;
			p[i] = (double)-logl(rest); /* in the order of p, and finer near 1 */
			*brier += pow((double)softmax_of(z, c) - own[i].class, 2) / ROWS;
		}
		*auc += auc_of_pairs(p, own, ROWS) / FIVE;
	}
}

static void classes_against_the_rest(void **state)
{
	(void)state;
	static struct five k;
	static const uint32_t all_bins[] = {2, 64, 2048};
	double auc[3] = {0}, brier[3] = {0};
	for (uint64_t seed = 0; seed < 60; seed++) {
		double exact_auc, exact_brier;
		five_rows(&k, 0.5 + 7.5 * (double)seed / 59, seed);
		exact_classes(&exact_auc, &exact_brier, &k);
		for (int b = 0; b < 3; b++) {
			struct metrics_shape shape = {.classes = FIVE, .class_bins = all_bins[b]};
			struct metrics m, plain;
			figures(&m, shape, k.z, k.labels, ROWS);
			figures(&plain, (struct metrics_shape){.classes = FIVE}, k.z, k.labels, ROWS);
			assert_true(m.rows == ROWS && m.accuracy == plain.accuracy && m.f1 == plain.f1);
			assert_true(m.precision == plain.precision && m.recall == plain.recall && m.loss == plain.loss);
			assert_true(isnan(plain.auc) && isnan(plain.brier));
			auc[b] = fmax(auc[b], fabs(m.auc - exact_auc));
			brier[b] = fmax(brier[b], fabs(m.brier - exact_brier));
			assert_true(fabs(m.brier - exact_brier) <= FIVE * 1.23 / all_bins[b]);
		}
	}
	print_message("five classes, 64 and 2,048 bins: AUC within %.1e and %.1e, Brier within %.1e and %.1e\n", auc[1],
	              auc[2], brier[1], brier[2]);
	assert_true(auc[1] < 0.03 && auc[2] < 0.004 && brier[1] < 1e-3 && brier[2] < 3e-5);
}

/* Every row is in one bin of every class, the bin that its own definition gives, even where p is 1 in all its digits. */
static void classes_have_their_bins(void **state)
{
	(void)state;
	static struct five k;
	enum { BINS = 64 };
	struct metrics_shape shape = {.classes = FIVE, .class_bins = BINS};
	for (double scale = 0.1; scale < 100; scale *= 3) {
		five_rows(&k, scale, 4);
		for (int i = 0; i < ROWS; i++) {
			double loss = 0, counts[FIVE * FIVE + 2 * FIVE * BINS] = {0};
			const float *z = k.z + (size_t)FIVE * i;
			metrics_add(&loss, counts, shape, z, &k.labels[i], 1);
			for (uint32_t c = 0; c < FIVE; c++) {
				const double *own = counts + FIVE * FIVE + (2 * c + (k.labels[i].class == c)) * BINS;
				long double rest = 0;
				for (uint32_t j = 0; j < FIVE; j++)
					rest += j == c ? 0 : expl((long double)z[j] - z[c]);
				/* odds = 1 / rest, score = sigmoid(logit / 2) */
				double score = (double)(1 / (1 + sqrtl(rest)));
				double total = 0;
				for (int b = 0; b < BINS; b++) {
					total += own[b];
					if (own[b] > 0)
						assert_true(fabs((b + 0.5) / BINS - score) <= 0.5 / BINS + 1e-9);
				}
				assert_true(total == 1);
			}
		}
	}
	double loss = 0, counts[FIVE * FIVE + 2 * FIVE * BINS] = {0};
	const float none[] = {1, NAN, 0, 0, 0};
	metrics_add(&loss, counts, shape, none, &(union label_value){2}, 1);
	for (uint32_t c = 0; c < FIVE; c++)
		assert_true(counts[FIVE * FIVE + (2 * c + (c == 2)) * BINS] == 1);
}

/* Three classes of which the last never occurs: mean over the other two; of one class alone there is none. */
static void classes_that_do_not_occur(void **state)
{
	(void)state;
	const float z[] = {2, 0, 0, 0, 2, 0, 2, 0, 0, 0, 2, 0};
	const union label_value labels[] = {{0}, {1}, {1}, {1}}, same[] = {{1}, {1}, {1}, {1}};
	struct metrics_shape shape = {.classes = 3, .class_bins = 64};
	struct metrics m;
	figures(&m, shape, z, labels, 4);
	assert_true(fabs(m.auc - 5.0 / 6) < 1e-12); /* one of three pairs is a tie, for both classes */
	figures(&m, shape, z, same, 4);
	assert_true(isnan(m.auc) && !isnan(m.brier));
	figures(&m, shape, NULL, NULL, 0);
	assert_true(isnan(m.auc) && isnan(m.brier));
}

/* ---- numbers */

/* Labels of a range of 60 to 240 that a model scaled by mean 130 and deviation 20. */
static const struct metrics_shape pressure = {.middle = 150, .half = 90, .mean = 130, .deviation = 20};

/* In Python:  y = [101, 128.5, 155, 60, 240, 130]; p = [110, 120, 150, 61, 239, 131]
 *             e = [a - b for a, b in zip(p, y)]; m = sum(y) / 6; v = sum((a - m) ** 2 for a in y)
 *             1 - sum(a * a for a in e) / v, (sum(a * a for a in e) / 6) ** .5, sum(map(abs, e)) / 6,
 *             sum((a / 20) ** 2 for a in e) / 6 */
static void numbers_by_hand(void **state)
{
	(void)state;
	const double y[] = {101, 128.5, 155, 60, 240, 130}, p[] = {110, 120, 150, 61, 239, 131};
	union label_value labels[6];
	float z[6];
	struct metrics m;
	for (int i = 0; i < 6; i++) {
		labels[i].value = (float)((y[i] - 130) / 20);
		z[i] = (float)((p[i] - 130) / 20);
	}
	figures(&m, pressure, z, labels, 6);
	assert_true(m.rows == 6);
	assert_true(fabs(m.r2 - 0.990079297) < 1e-6 && fabs(m.rmse - 5.49621082) < 1e-5);
	assert_true(fabs(m.mae - 4.25) < 1e-5 && fabs(m.loss - 0.0755208333) < 1e-6);
	assert_true(isnan(m.accuracy) && isnan(m.precision) && isnan(m.recall) && isnan(m.f1));
	assert_true(isnan(m.auc) && isnan(m.brier));
	for (int i = 0; i < 6; i++)
		z[i] = (float)((y[i] - 130) / 20);
	figures(&m, pressure, z, labels, 6);
	assert_true(m.r2 == 1 && m.rmse == 0 && m.mae == 0 && m.loss == 0);
}

/* Row by row in raw units; predictions beyond the range count as its end. */
static void numbers_are_those_of_the_rows(void **state)
{
	(void)state;
	enum { SITES = 7 };
	static float z[ROWS];
	static union label_value labels[ROWS];
	for (uint64_t seed = 0; seed < 10; seed++) {
		double mean = 0, total = 0, squares = 0, sum = 0, own_loss = 0, own[5] = {0};
		struct metrics m, sites;
		struct rng r;
		rng_seeded(&r, seed, "numbers");
		for (int i = 0; i < ROWS; i++) {
			double y = fmin(fmax(130 + 20 * rng_normal(&r), 60), 240);
			labels[i].value = (float)((y - 130) / 20);
			z[i] = labels[i].value + (float)((double)seed * rng_normal(&r));
			mean += y / ROWS;
		}
		for (int i = 0; i < ROWS; i++) {
			double y = 130 + 20 * (double)labels[i].value;
			double e = fmin(fmax(130 + 20 * (double)z[i], 60), 240) - y;
			total += (y - mean) * (y - mean);
			squares += e * e;
			sum += fabs(e);
		}
		figures(&m, pressure, z, labels, ROWS);
		assert_true(fabs(m.r2 - (1 - squares / total)) < 1e-5);
		assert_true(fabs(m.rmse - sqrt(squares / ROWS)) < 1e-5);
		assert_true(fabs(m.mae - sum / ROWS) < 1e-5);
		for (uint32_t site = 0; site < SITES; site++) {
			uint32_t from = ROWS * site / SITES, to = ROWS * (site + 1) / SITES;
			double sums[5] = {0};
			metrics_add(&own_loss, sums, pressure, z + from, labels + from, to - from);
			for (int i = 0; i < 5; i++)
				own[i] += sums[i];
		}
		metrics_from_sums(&sites, pressure, own_loss, own);
		assert_true(sites.rows == ROWS && fabs(sites.r2 - m.r2) < 1e-12 && fabs(sites.loss - m.loss) < 1e-12);
		assert_true(fabs(sites.rmse - m.rmse) < 1e-12 && fabs(sites.mae - m.mae) < 1e-12);
	}
}

static void numbers_that_are_none(void **state)
{
	(void)state;
	struct metrics m;
	const float z[] = {NAN, INFINITY, -INFINITY, 1e30f};
	const union label_value labels[] = {{.value = -3.5f}, {.value = 5.5f}, {.value = -3.5f}, {.value = 5.5f}};
	figures(&m, pressure, NULL, NULL, 0);
	assert_true(m.rows == 0 && isnan(m.r2) && isnan(m.rmse) && isnan(m.mae) && isnan(m.loss));
	figures(&m, pressure, z, labels, 4); /* a NaN is taken for the lowest */
	assert_true(m.loss == METRICS_LOSS_MAX && m.rmse == 0 && m.r2 == 1);
	figures(&m, pressure, (const float[]){0, 1}, (const union label_value[]){{.value = 2}, {.value = 2}}, 2);
	assert_true(isnan(m.r2) && fabs(m.mae - 30) < 1e-9); /* labels that do not vary */
	/* what no rows have, but the network may bring */
	static const double hostile[][5] = {
		{-4, 1, 1, 1, 1}, {4, 9, 1, 1, 1}, {4, 0, 4, -1, -1}, {0, 1, 1, 1, 1}, {0.25, 0, 1, 4, 2}};
	for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
		metrics_from_sums(&m, pressure, -3, hostile[i]);
		assert_true(isnan(m.r2) || m.r2 <= 1);
		assert_true(isnan(m.rmse) || (m.rmse >= 0 && isfinite(m.rmse)));
		assert_true(isnan(m.mae) || (m.mae >= 0 && isfinite(m.mae)));
	}
}

static void undefined_is_nan(void **state)
{
	(void)state;
	static const struct metrics_shape shapes[] = {{.classes = 2, .bins = 64}, {.classes = 3}};
	for (int s = 0; s < 2; s++) {
		struct metrics m;
		figures(&m, shapes[s], NULL, NULL, 0);
		assert_true(m.rows == 0);
		assert_true(isnan(m.loss) && isnan(m.accuracy) && isnan(m.auc) && isnan(m.brier));
		assert_true(isnan(m.precision) && isnan(m.recall) && isnan(m.f1));
	}
	struct metrics m;
	const float low[] = {-1, -2};
	const union label_value none[] = {{0}, {0}}, one[] = {{0}, {1}};
	figures(&m, shapes[0], low, none, 2);
	assert_true(isnan(m.auc) && isnan(m.recall) && isnan(m.precision) && isnan(m.f1) && m.accuracy == 1);
	figures(&m, shapes[0], low, one, 2);
	assert_true(m.recall == 0 && isnan(m.precision) && m.f1 == 0);
}

static void bad_logits_cost_the_bound(void **state)
{
	(void)state;
	struct metrics_shape shape = {.classes = 2, .bins = 16};
	const float z[] = {NAN, INFINITY, -INFINITY, 1e30f};
	const union label_value labels[] = {{1}, {0}, {1}, {0}};
	double loss = 0, counts[32] = {0};
	metrics_add(&loss, counts, shape, z, labels, 4);
	assert_true(loss == 4 * METRICS_LOSS_MAX);
	assert_true(counts[16] == 2 && counts[15] == 2);
}

static void roc_curve(void **state)
{
	(void)state;
	static struct rows k;
	enum { BINS = 64 };
	struct metrics_shape shape = {.classes = 2, .bins = BINS};
	struct roc_point p[BINS + 1];
	double loss = 0, counts[2 * BINS] = {0}, area = 0;
	struct metrics m;
	assert_false(metrics_roc(p, shape, counts));
	binary_rows(&k, 2, 0.4, 1);
	metrics_add(&loss, counts, shape, k.z, k.labels, ROWS);
	metrics_from_sums(&m, shape, loss, counts);
	assert_true(metrics_roc(p, shape, counts));
	assert_true(p[0].true_positive_rate == 0 && p[0].false_positive_rate == 0 && isinf(p[0].threshold));
	assert_true(p[BINS].true_positive_rate == 1 && p[BINS].false_positive_rate == 1 && p[BINS].threshold == 0);
	assert_true(p[BINS / 2].threshold == 0.5 && p[BINS / 2].true_positive_rate == m.recall);
	for (int i = 1; i <= BINS; i++) {
		double positives = 0, above = 0;
		for (int j = 0; j < ROWS; j++) {
			positives += k.labels[j].class;
			above += k.labels[j].class && 1 / (1 + exp(-(double)k.z[j])) >= p[i].threshold - 1e-12;
		}
		assert_true(fabs(p[i].true_positive_rate - above / positives) < 1e-12);
		area += (p[i].false_positive_rate - p[i - 1].false_positive_rate) *
		        (p[i].true_positive_rate + p[i - 1].true_positive_rate) / 2;
	}
	assert_true(fabs(area - m.auc) < 1e-12);
}

static void selection(void **state)
{
	(void)state;
	const struct metrics a = {.rows = 9, .loss = 0.2, .accuracy = 0.8, .f1 = 0.7, .auc = 0.9};
	const struct metrics b = {.rows = 9, .loss = 0.3, .accuracy = 0.7, .f1 = 0.6, .auc = 0.8};
	const struct metrics none = {.loss = NAN, .accuracy = NAN, .f1 = NAN, .auc = NAN};
	const char *names[] = {"auc", "accuracy", "f1", "loss"};
	for (int i = 0; i < 4; i++) {
		assert_true(metrics_is_name(names[i]));
		assert_true(metrics_better(&a, &b, names[i]));
		assert_false(metrics_better(&b, &a, names[i]));
		assert_false(metrics_better(&a, &a, names[i]));
		assert_true(metrics_better(&b, &none, names[i]));
		assert_false(metrics_better(&none, &b, names[i]));
		assert_false(metrics_better(&none, &none, names[i]));
	}
	assert_false(metrics_is_name("precision"));
	assert_false(metrics_is_name(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auc_is_a_probability_of_pairs),
		cmocka_unit_test(brier_is_near_the_exact_one),
		cmocka_unit_test(calibration_is_that_of_the_rows),
		cmocka_unit_test(calibration_by_hand),
		cmocka_unit_test(extremes_of_auc),
		cmocka_unit_test(confusion_is_exact),
		cmocka_unit_test(bins_hold_their_scores),
		cmocka_unit_test(sites_add_up_to_pooled),
		cmocka_unit_test(categorical_by_hand),
		cmocka_unit_test(classes_against_the_rest),
		cmocka_unit_test(classes_have_their_bins),
		cmocka_unit_test(classes_that_do_not_occur),
		cmocka_unit_test(numbers_by_hand),
		cmocka_unit_test(numbers_are_those_of_the_rows),
		cmocka_unit_test(numbers_that_are_none),
		cmocka_unit_test(undefined_is_nan),
		cmocka_unit_test(bad_logits_cost_the_bound),
		cmocka_unit_test(roc_curve),
		cmocka_unit_test(selection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
