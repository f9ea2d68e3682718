/*
 * Standardization: what sites add up about their training rows, and the scaling that follows from the sum.
 *
 * Statistics, a vector of doubles, for every feature in the study's order and then the label:
 *     numeric      present, sum of u, sum of u^2        u = (x - mid) / (half range) in [-1, 1]: |each| <= rows
 *     binary       negative, positive, missing          counts
 *     categorical  level 0, ..., level L-1, missing     counts
 *     label        class 0, ..., class C-1              counts; their sum is the number of training rows
 *     or, numeric  present, sum of u, sum of u^2        present is the number of training rows
 * Rows are counted, not patients.
 *
 * The scaling has three numbers per input (schema.h gives the inputs' order):
 *     input = missing ? (fill - mean) / deviation : (x - mean) / deviation        deviation 0: the input is always 0
 * x is in raw units: the number itself, 1 or 0 for a binary, one-hot or indicator input; a missing value sets x to
 * `fill` and its indicator to 1.
 *     scale global, site   mean and population deviation (divided by n, not n - 1) of the present values, for every
 *                          input, one-hot and binary too; of all rows for an indicator. fill = mean, so that a missing
 *                          value becomes 0
 *     scale none           mean 0, deviation 1, fill = the mean in raw units; so too every input of a feature with
 *                          `scale: none`, its indicator included
 * A numeric label y is learnt as t = (y - mean) / deviation with mean and deviation of all sites' training rows, whatever
 * the scale of inputs: there is one output for all sites.
 * An input whose deviation is below SCALING_CONSTANT of its half range (for levels and indicators: below it) is
 * constant, and deviation 0 is stored. A feature that is missing everywhere has mean = fill = mid range (share 0 for
 * levels), deviation 0.
 */
#ifndef COHORT_DATA_STANDARDIZE_H
#define COHORT_DATA_STANDARDIZE_H

#include "data/schema.h"
#include "data/table.h"

/* Below it the fixed-point steps of a sum over a thousand sites (1e-10 in the variance of u) could pass for a
 * deviation. */
#define SCALING_CONSTANT 1e-5

/* Fills out[schema_statistics_length()] from the table's training rows. The sums are compensated (Neumaier 1974), so
 * that they do not depend on the number of rows in any digit that counts. */
void statistics_collect(double *out, const struct table *t);

/* The same of units that count as one each: `shares` (base/share.h) has one for each training row, in the table's order, and the
 * sums are over units of the mean of their rows' vectors. A row's vector has for each feature (present, u, u^2) or a 1, and so
 * for the label; no unit's part is longer than sqrt(3 numeric + other features and label), and the sums are exact. */
void statistics_collect_shares(double *out, const struct table *t, const double *shares);

double statistics_rows(const struct schema *s, const double *sums); /* training rows */

/* What the federation's sums must hold before anyone trains: a training row exists, and at least two classes of the
 * label among them, or a deviation of a numeric one ("every hospital's training rows have the same label"). ERR_DATA. Not for one site's own
 * statistics. */
enum err statistics_check(const struct schema *s, const double *sums, struct diag *why) MUST_USE;

/* Whether these can be the statistics of any rows: counts that are not negative and agree on the number of rows, sums of u within
 * them. ERR_DATA with the feature. For one site's statistics, or a sum of them: what one hostile site adds must not cancel what
 * the others have. */
enum err statistics_possible(const struct schema *s, const double *sums, struct diag *why) MUST_USE;

struct scaling {
	uint32_t inputs;
	double *mean, *deviation, *fill; /* [inputs] each; owned */
	double label_mean,
		label_deviation; /* of a numeric label; 0 and 1 otherwise. From one site's statistics the deviation may be 0 */
};

/* From summed statistics (scale global and none) or from the site's own (scale site). */
void scaling_from_statistics(struct scaling *out, const struct schema *s, const double *sums);

/* From three arrays of `inputs` numbers that came from outside. ERR_DATA when the number differs from the study's, one
 * is not finite, or a deviation is negative. */
enum err scaling_from_arrays(struct scaling *out, const struct schema *s, const double *mean, const double *deviation,
                             const double *fill, uint32_t inputs, struct diag *why) MUST_USE;
/* What came from outside for a numeric label. ERR_DATA unless the mean lies in its range, and the deviation is above 0 and not
 * above the range. */
enum err scaling_set_label(struct scaling *out, const struct schema *s, double mean, double deviation,
                           struct diag *why) MUST_USE;
void scaling_free(struct scaling *s); /* accepts a zeroed one */

#endif
