/*
 * One loop over the rows makes the statistics, one loop over the features makes the scaling of them. Every sum of a
 * feature is kept with the error that its additions lost (Neumaier), because a variance from sums, S2/n - (S1/n)^2,
 * subtracts two numbers that may agree in most digits.
 */
#include "data/standardize.h"

#include "base/share.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SUMS_SLACK 0.5 /* rows: what fixed point rounds is far below, and no count is off by a fraction */

/* ---- statistics */

/* Places of one feature: present, sum, sum of squares; or its levels and missing. */
static uint32_t places(const struct feature *f)
{
	if (f->type == COLUMN_CATEGORICAL)
		return f->levels.count + 1;
	return 3;
}

static double half_range(const struct feature *f)
{
	return (f->max - f->min) / 2;
}

/* sum += x; what the addition rounds away goes to *lost. A. Neumaier, Rundungsfehleranalyse einiger Verfahren zur
 * Summation endlicher Summen, ZAMM 54 (1974), algorithm IV. */
static void add(double *sum, double *lost, double x)
{
	double total = *sum + x;

	*lost += fabs(*sum) >= fabs(x) ? (*sum - total) + x : (x - total) + *sum;
	*sum = total;
}

static uint32_t level_of(const struct feature *f, float cell)
{
	uint32_t missing = places(f) - 1;

	return isnan(cell) ? missing : (uint32_t)cell;
}

/* u of a cell that is there. Its rounding to float may pass the range's end. */
static double unit_value(const struct feature *f, float cell)
{
	double u = (double)cell / half_range(f);

	return fmin(fmax(u, -1), 1);
}

/* One cell into its feature's places. */
static void add_cell(double *sums, double *lost, const struct feature *f, float cell)
{
	if (f->type != COLUMN_NUMERIC) {
		sums[level_of(f, cell)] += 1;
		return;
	}
	if (isnan(cell))
		return;
	double u = unit_value(f, cell);
	sums[0] += 1;
	add(&sums[1], &lost[1], u);
	add(&sums[2], &lost[2], u * u);
}

static void add_cell_share(double *sums, const struct feature *f, float cell, double share)
{
	if (f->type != COLUMN_NUMERIC) {
		sums[level_of(f, cell)] += share;
		return;
	}
	if (isnan(cell))
		return;
	double u = unit_value(f, cell);
	sums[0] += share;
	sums[1] += share_part(share, u);
	sums[2] += share_part(share, u * u);
}

void statistics_collect(double *out, const struct table *t)
{
	const struct schema *s = t->schema;
	uint32_t length = schema_statistics_length(s);
	bool numeric = s->label.type == COLUMN_NUMERIC;
	struct feature label = numeric ? schema_label_feature(s) : (struct feature){0};
	double *lost = mem_array(length, sizeof *lost);

	memset(out, 0, length * sizeof *out);
	for (uint32_t row = 0; row < t->rows; row++) {
		const float *cells = table_row(t, row);
		uint32_t place = 0;
		if (t->parts[row] != PART_TRAIN)
			continue;
		for (uint32_t i = 0; i < s->feature_count; i++) {
			add_cell(out + place, lost + place, &s->features[i], cells[i]);
			place += places(&s->features[i]);
		}
		if (numeric)
			add_cell(out + place, lost + place, &label, t->values[row]);
		else
			out[place + t->classes[row]] += 1;
	}
	for (uint32_t i = 0; i < length; i++)
		out[i] += lost[i];
	free(lost);
}

static void add_row_share(double *sums, const struct table *t, uint32_t row, double share)
{
	const struct schema *s = t->schema;
	const float *cells = table_row(t, row);

	for (uint32_t i = 0; i < s->feature_count; i++) {
		add_cell_share(sums, &s->features[i], cells[i], share);
		sums += places(&s->features[i]);
	}
	if (s->label.type == COLUMN_NUMERIC) {
		const struct feature label = schema_label_feature(s);

		add_cell_share(sums, &label, t->values[row], share);
	} else {
		sums[t->classes[row]] += share;
	}
}

void statistics_collect_shares(double *out, const struct table *t, const double *shares)
{
	uint32_t next = 0;

	memset(out, 0, schema_statistics_length(t->schema) * sizeof *out);
	for (uint32_t row = 0; row < t->rows; row++)
		if (t->parts[row] == PART_TRAIN)
			add_row_share(out, t, row, shares[next++]);
}

static bool is_numeric(const struct schema *s)
{
	return s->label.type == COLUMN_NUMERIC;
}

/* The label's places: its counts, or present, sum, sum of squares. */
static const double *label_sums(const struct schema *s, const double *sums)
{
	return sums + schema_statistics_length(s) - (is_numeric(s) ? 3 : schema_classes(s));
}

/* What the sums say of one input among the rows that have it: x in raw units, within the study's range whatever the
 * sums hold. */
struct moments {
	double mean, deviation;
};

static struct moments numeric_moments(const struct feature *f, const double *sums)
{
	struct moments m = {table_middle(f), 0};
	double n = sums[0];

	if (n <= 0)
		return m;
	double mean = fmin(fmax(sums[1] / n, -1), 1); /* as of any u, and of what a hostile site adds to the sums */
	double variance = fmin(sums[2] / n, 1) - mean * mean; /* of a constant it may be negative by a rounding */
	m.mean += mean * half_range(f);
	if (variance >= SCALING_CONSTANT * SCALING_CONSTANT)
		m.deviation = sqrt(variance) * half_range(f);
	return m;
}

static struct moments label_moments(const struct schema *s, const double *sums)
{
	const struct feature label = schema_label_feature(s);
	struct moments m = numeric_moments(&label, label_sums(s, sums));

	m.mean = fmin(fmax(m.mean, label.min), label.max); /* of a far range, rounding may pass its end */
	return m;
}

double statistics_rows(const struct schema *s, const double *sums)
{
	const double *counts = label_sums(s, sums);
	double rows = is_numeric(s) ? counts[0] : 0;

	for (uint32_t i = 0; i < schema_classes(s); i++)
		rows += counts[i];
	return rows;
}

enum err statistics_check(const struct schema *s, const double *sums, struct diag *why)
{
	const double *counts = label_sums(s, sums);
	uint32_t seen = 0;

	for (uint32_t i = 0; i < schema_classes(s); i++)
		seen += counts[i] > 0;
	if (is_numeric(s) && counts[0] > 0)
		seen = label_moments(s, sums).deviation > 0 ? 2 : 1;
	if (seen == 0)
		return diag_set(why, ERR_DATA, "no hospital has a training row");
	if (seen == 1)
		return diag_set(why, ERR_DATA,
		                "every hospital's training rows have the same label (%s); nothing can be learnt",
		                s->label.name);
	return OK;
}

/* Of one feature in `rows` rows. */
static bool is_possible(const struct feature *f, const double *sums, double rows)
{
	double total = 0;

	if (f->type == COLUMN_NUMERIC) {
		double n = sums[0], most = n + SUMS_SLACK;
		return n >= 0 && n <= rows && fabs(sums[1]) <= most && sums[2] >= -SUMS_SLACK && sums[2] <= most;
	}
	for (uint32_t i = 0; i < places(f); i++) {
		if (sums[i] < 0)
			return false;
		total += sums[i];
	}
	return fabs(total - rows) <= SUMS_SLACK;
}

enum err statistics_possible(const struct schema *s, const double *sums, struct diag *why)
{
	const double *counts = label_sums(s, sums);
	double rows = statistics_rows(s, sums);

	if (is_numeric(s)) {
		const struct feature label = schema_label_feature(s);

		if (!is_possible(&label, counts, rows))
			return diag_set(why, ERR_DATA, "the statistics of %s are not those of any rows", s->label.name);
	}
	for (uint32_t i = 0; i < schema_classes(s); i++)
		if (counts[i] < 0)
			return diag_set(why, ERR_DATA, "the statistics count a negative number of rows by label (%s)",
			                s->label.name);
	for (uint32_t i = 0; i < s->feature_count; i++) {
		const struct feature *f = &s->features[i];

		if (!is_possible(f, sums, rows))
			return diag_set(why, ERR_DATA, "the statistics of %s are not those of any rows", f->name);
		sums += places(f);
	}
	return OK;
}

/* ---- scaling */

/* An input that is 1 in `ones` of `n` rows and 0 in the others. */
static struct moments share_moments(double ones, double n)
{
	struct moments m = {0, 0};

	if (n <= 0)
		return m;
	m.mean = fmin(fmax(ones / n, 0), 1);
	m.deviation = sqrt(m.mean * (1 - m.mean));
	if (m.deviation < SCALING_CONSTANT)
		m.deviation = 0;
	return m;
}

static void set_input(struct scaling *out, uint32_t input, struct moments m, bool scaled)
{
	out->mean[input] = scaled ? m.mean : 0;
	out->deviation[input] = scaled ? m.deviation : 1;
	out->fill[input] = m.mean;
}

/* The inputs of one feature from its places, and the number of rows that miss it. */
static double scale_feature(struct scaling *out, uint32_t input, const struct feature *f, const double *sums,
                            double rows, bool scaled)
{
	if (f->type == COLUMN_NUMERIC) {
		set_input(out, input, numeric_moments(f, sums), scaled);
		return rows - sums[0];
	}
	double missing = sums[places(f) - 1];
	double present = 0;
	for (uint32_t level = 0; level + 1 < places(f); level++)
		present += sums[level];
	for (uint32_t i = 0; i < schema_feature_width(f); i++)
		set_input(out, input + i, share_moments(sums[i + 1], present), scaled);
	return missing;
}

static void scaling_init(struct scaling *out, uint32_t inputs)
{
	*out = (struct scaling){.inputs = inputs};
	out->mean = mem_array(inputs, sizeof *out->mean);
	out->deviation = mem_array(inputs, sizeof *out->deviation);
	out->fill = mem_array(inputs, sizeof *out->fill);
	out->label_deviation = 1;
}

void scaling_from_statistics(struct scaling *out, const struct schema *s, const double *sums)
{
	double rows = statistics_rows(s, sums);
	uint32_t inputs = schema_inputs(s);
	uint32_t input = 0;
	uint32_t indicator = inputs - s->feature_count; /* of the first feature, with mean_and_flag */

	scaling_init(out, inputs);
	if (is_numeric(s)) {
		struct moments label = label_moments(s, sums);
		out->label_mean = label.mean;
		out->label_deviation = label.deviation;
	}
	for (uint32_t i = 0; i < s->feature_count; i++) {
		const struct feature *f = &s->features[i];
		bool scaled = s->scale != SCALE_NONE && !f->unscaled;
		double missing = scale_feature(out, input, f, sums, rows, scaled);
		if (s->fill == FILL_MEAN_AND_FLAG)
			set_input(out, indicator + i, share_moments(missing, rows), scaled);
		sums += places(f);
		input += schema_feature_width(f);
	}
}

enum err scaling_from_arrays(struct scaling *out, const struct schema *s, const double *mean, const double *deviation,
                             const double *fill, uint32_t inputs, struct diag *why)
{
	*out = (struct scaling){0};
	if (inputs != schema_inputs(s))
		return diag_set(why, ERR_DATA, "a scaling of %u inputs; the study has %u", inputs, schema_inputs(s));
	for (uint32_t i = 0; i < inputs; i++)
		if (!isfinite(mean[i]) || !isfinite(deviation[i]) || !isfinite(fill[i]) || deviation[i] < 0)
			return diag_set(why, ERR_DATA, "input %u: mean %g, deviation %g and fill %g are no scaling", i,
			                mean[i], deviation[i], fill[i]);
	scaling_init(out, inputs);
	memcpy(out->mean, mean, inputs * sizeof *mean);
	memcpy(out->deviation, deviation, inputs * sizeof *deviation);
	memcpy(out->fill, fill, inputs * sizeof *fill);
	return OK;
}

enum err scaling_set_label(struct scaling *out, const struct schema *s, double mean, double deviation, struct diag *why)
{
	const struct label *l = &s->label;

	if (!(mean >= l->min && mean <= l->max && deviation > 0 && deviation <= l->max - l->min))
		return diag_set(why, ERR_DATA, "label %s: mean %g and deviation %g are no scaling of %g to %g", l->name,
		                mean, deviation, l->min, l->max);
	out->label_mean = mean;
	out->label_deviation = deviation;
	return OK;
}

void scaling_free(struct scaling *s)
{
	free(s->mean);
	free(s->deviation);
	free(s->fill);
	*s = (struct scaling){0};
}
