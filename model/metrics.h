/*
 * Metrics from sums that can be added over sites: a loss sum and a vector of counts. No score of a patient leaves.
 *
 *   binary        counts = | negatives: bins | positives: bins |          rows by bin of their score
 *   categorical   counts = | truth 0: classes | truth 1: classes | ...    rows by truth and prediction (argmax)
 *                          and with class_bins | 0, others: class_bins | 0, own: class_bins | 1, others: ... |
 *                          rows of each class and of all others by bin of its own score
 *   numeric       counts = rows, sum u, sum u^2, sum e^2, sum |e|         u: label, e: prediction - label
 *
 * Of a numeric label, u and e are in units of half its range: u = (y - middle) / half in [-1, 1], the prediction
 * mean + deviation * output is cut to the range as well, so |e| <= 2 and e^2 <= 4.
 *
 * The score of a logit z is sigmoid(z / 2), bin = floor(bins * score), the last bin takes 1. Half the logit, because
 * a trained model's probabilities crowd at 0 and 1: with sigmoid(z) and 16 bins everything beyond |z| = 2.7 is one
 * bin and their order is lost, with z / 2 the outer bins begin at |z| = 5.4 (16 bins) and 15.2 (2,048 bins), while
 * near z = 0 a bin is only twice as wide (0.5 logit, 0.004 logit). Bins are even in number, so z = 0 (probability one
 * half) is an edge: z < 0 lies below it and z >= 0 above, and confusion counts at one half are exact, not
 * interpolated. AUC from bins ties what shares a bin (half counted): over 60 random sets of 600 rows, logits of
 * deviation 0.5 to 8, it was at most .0005 from the exact one with 2,048 bins, .007 with 64, .03 with 16.
 *
 * Of several classes, class k has the logit log(p_k / (1 - p_k)) of its softmax against all others, and the same score and
 * bins. AUC is the mean over the classes that occur of one against the rest (macro average, as scikit-learn's
 * multi_class="ovr"), Brier the sum over classes: at most 1.23 / class_bins for each class from the exact one.
 * Over 60 random sets of 600 rows in 5 classes AUC was at most .03 from the exact one with 64 bins, .004 with 2,048,
 * Brier .001 and 3e-5.
 *
 * Brier score and calibration take every row at its bin's middle score s, p = s^2 / (s^2 + (1 - s)^2), which is at most
 * 1 / bins from the row's own probability, since dp/ds <= 2. So the Brier score is at most 1.23 / bins from the exact
 * one (half a bin times the largest slope of p^2 by s, 2.46: .0006 with 2,048 bins; measured: 3.4e-5 over 60 such sets),
 * and the calibration curve is that of probabilities which are moved by no more than 1 / bins.
 */
#ifndef COHORT_MODEL_METRICS_H
#define COHORT_MODEL_METRICS_H

#include "base/label.h"
#include "model/spec.h"

#include <math.h>
#include <stdbool.h>

/* A row's loss is cut here, so that a sum of n rows is at most 32 n and fits the fixed point of the contribution. */
#define METRICS_LOSS_MAX LOSS_PER_ROW_MAX

/* Undefined ones are NAN: no rows (all), one class missing (auc, recall), nothing predicted positive (precision),
 * more than two classes without class_bins (auc, brier), numbers (all but rows, loss and the last three), classes (these). `loss` is the log loss: the mean of -log p(truth);
 * of a number the mean squared error in units of the deviation that the model learnt with. Brier (1950): mean (p - y)^2, of
 * several classes its sum over them. For more than two classes precision, recall and f1 are macro averages over the classes
 * that occur as truth or prediction, an undefined ratio counting 0 there (as scikit-learn does). */
struct metrics {
	double rows;
	double loss, accuracy, precision, recall, f1, auc;
	double brier;
	double r2; /* 1 - sum e^2 / sum (y - mean of these rows' y)^2; NAN when the labels do not vary */
	double rmse, mae; /* square root of the mean e^2, mean |e|, in the label's unit */
};
/* All of them undefined. */
#define METRICS_NONE                                                                                                   \
	((struct metrics){.rows = NAN,                                                                                 \
	                  .loss = NAN,                                                                                 \
	                  .accuracy = NAN,                                                                             \
	                  .precision = NAN,                                                                            \
	                  .recall = NAN,                                                                               \
	                  .f1 = NAN,                                                                                   \
	                  .auc = NAN,                                                                                  \
	                  .brier = NAN,                                                                                \
	                  .r2 = NAN,                                                                                   \
	                  .rmse = NAN,                                                                                 \
	                  .mae = NAN})

struct roc_point {
	double false_positive_rate, true_positive_rate;
	double threshold; /* probability: rows with at least this one are called positive; the first point has INFINITY */
};

/* Of the rows whose probability lies in one tenth of [0, 1]: how many, their mean probability, the share of positives
 * among them; NAN without rows. */
struct calibration_point {
	double rows, predicted, observed;
};
#define CALIBRATION_POINTS 10
struct calibration {
	bool known; /* false: not a binary label, or no rows */
	struct calibration_point points[CALIBRATION_POINTS];
};

size_t metrics_counts_length(struct metrics_shape shape); /* spec_counts_length, of a shape that is one (CHECK) */
uint32_t metrics_outputs(struct metrics_shape shape); /* logits per row: classes, or 1 for binary and numeric */

/* Adds rows: *loss_sum += sum of min(loss, METRICS_LOSS_MAX), counts[i] += 1 each (or the row's sums). logits[rows, metrics_outputs],
 * classes of labels below shape.classes (CHECK). A NaN logit costs METRICS_LOSS_MAX and lies in the lowest bin; a NaN
 * prediction is the lowest. */
void metrics_add(double *loss_sum, double *counts, struct metrics_shape shape, const float *logits,
                 const union label_value *labels, uint32_t rows);

/* The same of units that count as one each: shares[rows] (base/share.h). Every number is scaled into [-1, 1] first: the loss is
 * divided by METRICS_LOSS_MAX, e^2 by 4 and |e| by 2. A row adds its loss and one cell of each histogram and table, or five sums
 * of a number; so no unit's part, loss included, is longer than the square root of their number. The sums are exact. */
void metrics_add_shares(double *loss_sum, double *counts, struct metrics_shape shape, const float *logits,
                        const union label_value *labels, const double *shares, uint32_t rows);

/* From sums of shares to those that metrics_from_sums knows, in place. */
void metrics_unscale(double *loss_sum, double *counts, struct metrics_shape shape);

/* The figures of any sum of such vectors. With shape.noise nothing is undefined: what is divided by is taken to be at least
 * one row, every class counts as occurring, and figures may lie beyond their ranges (model/metrics_noised.h). */
void metrics_from_sums(struct metrics *out, struct metrics_shape shape, double loss_sum, const double *counts);

/* ROC curve of a binary label, from the highest threshold (0,0) to the lowest (1,1): bins + 1 points. False, and
 * nothing written, when a class is missing. */
bool metrics_roc(struct roc_point *points, struct metrics_shape shape, const double *counts);

/* The calibration curve of a binary label. With shape.noise its points are held within their tenths, and within [0, 1]. */
void metrics_calibration(struct calibration *out, struct metrics_shape shape, const double *counts);

/* Is `a` strictly better than `b` in "auc", "accuracy", "f1", "r2" (larger), "loss" or "rmse" (smaller)? Any number is better than
 * NAN; NAN is better than nothing. Another name is a CHECK: metrics_is_name tells. */
bool metrics_better(const struct metrics *a, const struct metrics *b, const char *name);
bool metrics_is_name(const char *name);

#endif
