/*
 * One row after the other: cells, standardised values of them, scores of the classes, a class. A cell costs 8 octets of the
 * stream and no logarithm, so that ten thousand sites are there in a second or two.
 */
#include "simulator/synthetic.h"

#include "base/exact.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/random.h"
#include "data/split.h"
#include "simulator/dirichlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCORE_DEVIATION 2.0 /* logistic labels then allow an AUC of about .88 */
#define PRODUCTS_SHARE 0.25 /* of the score's variance */
#define BELL_DEVIATION 0.28867513459481287 /* of the mean of four uniforms in [-1, 1]: sqrt(1/12) */
#define SITE_SHIFT 0.1 /* deviation of a site's middle, in half ranges; of its chance of a positive cell */
#define SITE_INTERCEPT 0.4 /* deviation of a site's intercept, in logits */

struct truth_feature {
	double chance; /* binary: of a positive cell */
	double *until; /* categorical, [levels]: cumulated shares */
	double *effects; /* categorical, [levels]: standardised value of each */
	double shift; /* of the site being made */
};

struct synthetic {
	const struct schema *schema;
	struct split split;
	uint64_t seed;
	struct truth_feature *features;
	uint32_t scores; /* a score per class, or 1 for any other label */
	double *alone, *products; /* [scores, features]: weights */
	double *values; /* [features]: the row being made, standardised */
};

/* ---- the command line */

enum err synthetic_parse(uint32_t *sites, uint32_t *rows, const char *text, struct diag *why)
{
	const char *x = strchr(text, 'x');
	uint64_t s = 0, r = 0;
	bool read = x && parse_u64(&s, bytes_of(text, (size_t)(x - text))) && parse_u64(&r, bytes_text(x + 1));

	if (!read || s == 0 || r == 0)
		return diag_set(why, ERR_USAGE,
		                "--synthetic %s: give SITESxROWS, two whole numbers above 0, such as 10x50", text);
	if (s > SIMULATED_SITES_MAX || r > CSV_ROWS_MAX || s * r > CSV_ROWS_MAX)
		return diag_set(why, ERR_LIMIT, "--synthetic %s: at most %d sites, and %d rows in all", text,
		                SIMULATED_SITES_MAX, CSV_ROWS_MAX);
	*sites = (uint32_t)s;
	*rows = (uint32_t)r;
	return OK;
}

/* ---- the truth */

/* Weights of one score, as random directions whose squares add up to `variance`. */
static void draw_weights(double *out, uint32_t n, double variance, struct rng *r)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		out[i] = rng_normal(r);
		sum += out[i] * out[i];
	}
	for (uint32_t i = 0; i < n; i++)
		out[i] *= sqrt(variance / sum);
}

/* Levels of nearly equal shares, and values for them with mean 0 and deviation 1. */
static void draw_levels(struct truth_feature *t, uint32_t levels, struct rng *r)
{
	double mean = 0, square = 0, before = 0;
	double *shares = mem_array(levels, sizeof *shares);

	t->until = mem_array(levels, sizeof t->until[0]);
	t->effects = mem_array(levels, sizeof t->effects[0]);
	dirichlet_draw(shares, levels, 5, r);
	for (uint32_t i = 0; i < levels; i++) {
		t->effects[i] = rng_normal(r);
		mean += shares[i] * t->effects[i];
		before = t->until[i] = before + shares[i];
	}
	for (uint32_t i = 0; i < levels; i++) {
		t->effects[i] -= mean;
		square += shares[i] * t->effects[i] * t->effects[i];
	}
	for (uint32_t i = 0; i < levels; i++)
		t->effects[i] /= sqrt(square);
	free(shares);
}

static struct split split_of(const struct schema *s)
{
	if (!s->split.column)
		return s->split;
	return (struct split){.test_fraction = 0.3, .validation_fraction = s->split.validation ? 0.1 : 0, .seed = 42};
}

struct synthetic *synthetic_new(const struct schema *schema, uint64_t seed)
{
	struct synthetic *s = mem_alloc(sizeof *s);
	uint32_t n = schema->feature_count;
	struct rng r;

	*s = (struct synthetic){.schema = schema, .split = split_of(schema), .seed = seed};
	s->scores = schema_outputs(schema);
	s->features = mem_array(n, sizeof s->features[0]);
	s->values = mem_array(n, sizeof s->values[0]);
	s->alone = mem_array((size_t)s->scores * n, sizeof s->alone[0]);
	s->products = mem_array((size_t)s->scores * n, sizeof s->products[0]);
	rng_seeded(&r, seed, "synthetic truth");
	for (uint32_t i = 0; i < n; i++) {
		s->features[i].chance = 0.2 + 0.6 * rng_unit(&r);
		if (schema->features[i].type == COLUMN_CATEGORICAL)
			draw_levels(&s->features[i], schema->features[i].levels.count, &r);
	}
	double variance = SCORE_DEVIATION * SCORE_DEVIATION;
	for (uint32_t k = 0; k < s->scores; k++) {
		draw_weights(s->alone + (size_t)k * n, n, variance * (1 - PRODUCTS_SHARE), &r);
		draw_weights(s->products + (size_t)k * n, n, variance * PRODUCTS_SHARE, &r);
	}
	return s;
}

void synthetic_free(struct synthetic *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->schema->feature_count; i++) {
		free(s->features[i].until);
		free(s->features[i].effects);
	}
	free(s->features);
	free(s->values);
	free(s->alone);
	free(s->products);
	free(s);
}

/* ---- one row */

/* The mean of four uniforms in [-1, 1): 16 bits each of one draw. */
static double bell(struct rng *r)
{
	uint64_t x = rng_u64(r);
	uint32_t sum = (x & 0xffff) + (x >> 16 & 0xffff) + (x >> 32 & 0xffff) + (uint32_t)(x >> 48);

	return sum * 0x1p-17 - 1 + 0x1p-16; /* the last term takes the mean to 0 */
}

static double draw_numeric(double *cell, const struct feature *f, const struct truth_feature *t, struct rng *r)
{
	double x = bell(r);
	double u = fmax(-1, fmin(1, x + t->shift));

	*cell = u * (f->max - f->min) / 2;
	return u / BELL_DEVIATION;
}

static double draw_binary(double *cell, const struct truth_feature *t, struct rng *r)
{
	double chance = fmax(0.05, fmin(0.95, t->chance + t->shift));

	*cell = rng_unit(r) < chance;
	return (*cell - t->chance) / sqrt(t->chance * (1 - t->chance));
}

static double draw_level(double *cell, const struct feature *f, const struct truth_feature *t, struct rng *r)
{
	double x = rng_unit(r);
	uint32_t level = 0;

	while (level + 1 < f->levels.count && x >= t->until[level])
		level++;
	*cell = level;
	return t->effects[level];
}

static void draw_cells(float *out, struct synthetic *s, struct rng *r)
{
	for (uint32_t i = 0; i < s->schema->feature_count; i++) {
		const struct feature *f = &s->schema->features[i];
		const struct truth_feature *t = &s->features[i];
		double cell;
		if (f->type == COLUMN_NUMERIC)
			s->values[i] = draw_numeric(&cell, f, t, r);
		else if (f->type == COLUMN_BINARY)
			s->values[i] = draw_binary(&cell, t, r);
		else
			s->values[i] = draw_level(&cell, f, t, r);
		out[i] = (float)cell;
	}
}

static double score(const struct synthetic *s, uint32_t k)
{
	uint32_t n = s->schema->feature_count;
	const double *alone = s->alone + (size_t)k * n, *products = s->products + (size_t)k * n;
	double sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		double next = s->values[i + 1 < n ? i + 1 : 0];
		sum += alone[i] * s->values[i] + (n > 1 ? products[i] * s->values[i] * next : 0);
	}
	return sum;
}

/* One score: class 1 with the chance 1/(1 + e^-score). Several: the largest after adding a Gumbel variate to each, which is
 * a draw from their softmax (Gumbel 1954; Maddison et al. 2014). */
static uint16_t draw_class(const struct synthetic *s, double intercept, struct rng *r)
{
	double best = -INFINITY;
	uint16_t class = 0;

	if (s->scores == 1) {
		double z = score(s, 0) + intercept;
		double small = exact_exp(-fabs(z));
		double rarer = small / (1 + small);
		return rng_unit(r) < (z < 0 ? rarer : 1 - rarer);
	}
	for (uint32_t k = 0; k < s->scores; k++) {
		double u = (rng_unit(r) + 0x1p-54) * (1 - 0x1p-53); /* neither 0 nor 1 */
		double z = score(s, k) + (k == 0 ? intercept : 0) - exact_log(-exact_log(u));
		if (z > best) {
			best = z;
			class = (uint16_t)k;
		}
	}
	return class;
}

/* The same score with noise of half its deviation, so that R2 is at most about .8; four deviations reach the range's ends. */
static float draw_number(const struct synthetic *s, double intercept, struct rng *r)
{
	const struct label *l = &s->schema->label;
	double noise = SCORE_DEVIATION / 2 * bell(r) / BELL_DEVIATION;
	double u = (score(s, 0) + intercept + noise) / (4 * SCORE_DEVIATION);

	return (float)(fmax(-1, fmin(1, u)) * (l->max - l->min) / 2);
}

/* ---- one site */

static enum split_part part_of_row(const struct synthetic *s, uint64_t number)
{
	char text[24]; /* a 64-bit number in decimal */
	struct hash h;

	snprintf(text, sizeof text, "%llu", (unsigned long long)number);
	split_hash(&h, s->split.seed, bytes_text(text));
	return split_by_hash(&s->split, &h);
}

void synthetic_site(struct table *out, struct synthetic *s, uint32_t site, uint32_t rows)
{
	uint32_t n = s->schema->feature_count;
	char stream[40];
	struct rng r;

	snprintf(stream, sizeof stream, "synthetic site %u", site);
	rng_seeded(&r, s->seed, stream);
	for (uint32_t i = 0; i < n; i++)
		s->features[i].shift = SITE_SHIFT * rng_normal(&r);
	double intercept = SITE_INTERCEPT * rng_normal(&r);
	table_make(out, s->schema, rows);
	for (uint32_t row = 0; row < rows; row++) {
		draw_cells(out->cells + (size_t)row * n, s, &r);
		if (out->values != NULL)
			out->values[row] = draw_number(s, intercept, &r);
		else
			out->classes[row] = draw_class(s, intercept, &r);
		out->patients[row] = row;
		out->parts[row] = (uint8_t)part_of_row(s, (uint64_t)site * rows + row + 1);
	}
	table_count(out);
}
