#include "data/denoise.h"

#include <math.h>

#define ROWS_LEAST 2 /* one to be there and one to be missing: shares are defined */
#define UNIFORM_VARIANCE (1.0 / 3) /* of u in [-1, 1] */

static double held(double x, double least, double most)
{
	return fmin(fmax(x, least), most);
}

static bool has_levels(enum column_type type)
{
	return type != COLUMN_NUMERIC;
}

/* Places of one feature (data/standardize.h). */
static uint32_t places(const struct feature *f)
{
	return f->type == COLUMN_CATEGORICAL ? f->levels.count + 1 : 3;
}

static uint32_t label_places(const struct schema *s)
{
	return has_levels(s->label.type) ? schema_classes(s) : 3;
}

static double total_of(const double *counts, uint32_t n)
{
	double total = 0;

	for (uint32_t i = 0; i < n; i++)
		total += counts[i];
	return total;
}

/* Independent estimates of one number: n counts add up to it, with n times the variance of one. */
struct estimate {
	double sum, weight;
};

static void estimate_add(struct estimate *e, const double *counts, uint32_t n)
{
	e->sum += total_of(counts, n) / n;
	e->weight += 1.0 / n;
}

/* Every row has a label, and a level or none of each feature. */
static double rows_of(const struct schema *s, const double *sums)
{
	struct estimate e = {0};

	for (uint32_t i = 0; i < s->feature_count; i++) {
		const struct feature *f = &s->features[i];

		if (has_levels(f->type))
			estimate_add(&e, sums, places(f));
		sums += places(f);
	}
	estimate_add(&e, sums, has_levels(s->label.type) ? schema_classes(s) : 1);
	return fmax(e.sum / e.weight, ROWS_LEAST);
}

static void mend_counts(double *counts, uint32_t n, double rows, double deviation)
{
	double least = fmin(deviation, rows / n);

	for (uint32_t i = 0; i < n; i++)
		counts[i] = held(counts[i], least, rows);
	double total = total_of(counts, n);
	for (uint32_t i = 0; i < n; i++)
		counts[i] = total > 0 ? counts[i] / total * rows : rows / n;
}

double denoise_variance_error(const double *sums, double deviation)
{
	double m = held(sums[1] / sums[0], -1, 1), q = held(sums[2] / sums[0], 0, 1);
	double rows = 2 * m * m - q;

	return deviation / sums[0] * sqrt(1 + 4 * m * m + rows * rows);
}

/* Present, sum of u, sum of u^2. */
static void mend_numbers(double *sums, double most, double deviation)
{
	sums[0] = held(sums[0], fmax(fmin(deviation, most), 1), most);
	double floor = fmin(denoise_variance_error(sums, deviation), UNIFORM_VARIANCE), farthest = sqrt(1 - floor);
	double mean = held(sums[1] / sums[0], -farthest, farthest);
	double variance = held(sums[2] / sums[0] - mean * mean, floor, 1 - mean * mean);

	sums[1] = sums[0] * mean;
	sums[2] = sums[0] * (mean * mean + variance);
}

void denoise_statistics(double *sums, const struct schema *s, double deviation)
{
	CHECK(isfinite(deviation) && deviation >= 0 && isfinite(total_of(sums, schema_statistics_length(s))));
	double rows = rows_of(s, sums), missing = fmin(deviation, rows / 2);

	for (uint32_t i = 0; i < s->feature_count; i++) {
		const struct feature *f = &s->features[i];

		if (has_levels(f->type))
			mend_counts(sums, places(f), rows, deviation);
		else
			mend_numbers(sums, rows - missing, deviation);
		sums += places(f);
	}
	if (has_levels(s->label.type)) {
		mend_counts(sums, label_places(s), rows, deviation);
	} else { /* nobody's label is missing */
		sums[0] = rows;
		mend_numbers(sums, rows, deviation);
	}
}
