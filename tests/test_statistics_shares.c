/*
 * data/standardize, sums of units that count as one each: against a slow mean of vectors, against the plain sums where each
 * patient has one row, and what privacy rests on: a unit moves the sum by its own part exactly, and no part is longer than
 * schema_statistics_norm. Lengths are compared in whole numbers, multiples of 2^-24.
 */
#include "base/random.h"
#include "base/share.h"
#include "data/standardize.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 240, UNITS = 40, PLACES_MAX = 3 + 3 + 4 + 5 + 3 };

static const char *levels[] = {"1", "2", "3", "4"};
static struct feature features[] = {
	{.name = "age", .type = COLUMN_NUMERIC, .min = 20, .max = 100},
	{.name = "crp", .type = COLUMN_NUMERIC, .min = -1e-3, .max = 7e5},
	{.name = "sex", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	{.name = "cp", .type = COLUMN_CATEGORICAL, .levels = {levels, 4}},
};
static struct schema binary = {
	.features = features,
	.feature_count = 4,
	.label = {.name = "ill", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
};
static struct schema numeric = {
	.features = features,
	.feature_count = 4,
	.label = {.name = "days", .type = COLUMN_NUMERIC, .min = 0, .max = 90},
};

/* ---- random tables */

static float numeric_cell(struct rng *r, double half)
{
	switch (rng_below(r, 6)) {
	case 0:
		return NAN;
	case 1:
		return (float)half; /* at the end, or a rounding beyond it */
	case 2:
		return (float)-half;
	case 3:
		return (float)(half * 1e30); /* what no reader lets through: cut all the same */
	default:
		return (float)(half * (2 * rng_unit(r) - 1));
	}
}

static float level_cell(struct rng *r, uint64_t count)
{
	uint64_t k = rng_below(r, count + 1);

	return k == count ? NAN : (float)k;
}

static void fill(struct table *t, const struct schema *s, uint64_t seed)
{
	struct rng r;

	rng_seeded(&r, seed, "test: statistics");
	table_make(t, s, ROWS);
	for (uint32_t row = 0; row < ROWS; row++) {
		float *cells = t->cells + 4 * (size_t)row;

		cells[0] = numeric_cell(&r, 40);
		cells[1] = numeric_cell(&r, 3.5e5 + 5e-4);
		cells[2] = level_cell(&r, 2);
		cells[3] = level_cell(&r, 4);
		if (s == &numeric)
			t->values[row] = (float)(45 * (2 * rng_unit(&r) - 1));
		else
			t->classes[row] = (uint16_t)rng_below(&r, 2);
		t->patients[row] = (uint32_t)rng_below(&r, 3) == 0 ? 0 : (uint32_t)rng_below(&r, UNITS);
		t->parts[row] =
			rng_below(&r, 5) == 0 ? PART_TEST : PART_TRAIN; /* not by patient: rows of a unit lie here */
	}
}

/* Shares of the training rows; those of `without` are 0, and with `only` >= 0 those of all others. */
static void shares_of(double *shares, const struct table *t, int without, int only)
{
	uint32_t rows[UNITS] = {0}, next = 0;

	for (uint32_t row = 0; row < ROWS; row++)
		rows[t->patients[row]] += t->parts[row] == PART_TRAIN;
	for (uint32_t row = 0; row < ROWS; row++) {
		int patient = (int)t->patients[row];

		if (t->parts[row] != PART_TRAIN)
			continue;
		shares[next++] = patient == without || (only >= 0 && patient != only) ? 0 : share_of(rows[patient]);
	}
}

static void collect(double *out, const struct table *t, int without, int only)
{
	double shares[ROWS];

	shares_of(shares, t, without, only);
	statistics_collect_shares(out, t, shares);
}

/* ---- what privacy rests on */

static double squared_steps(const double *v, uint32_t n)
{
	double sum = 0; /* of whole numbers below 2^53 */

	for (uint32_t i = 0; i < n; i++) {
		double steps = v[i] * SHARE_STEPS;

		assert_true(steps == rint(steps));
		sum += steps * steps;
	}
	return sum;
}

static void check_parts(const struct schema *s, uint64_t seed)
{
	double all[PLACES_MAX], without[PLACES_MAX], only[PLACES_MAX];
	uint32_t n = schema_statistics_length(s);
	double most = 0, norm = schema_statistics_norm(s), squared = rint(norm * norm) * SHARE_STEPS * SHARE_STEPS;
	struct table t;

	fill(&t, s, seed);
	collect(all, &t, -1, -1);
	for (int unit = 0; unit < UNITS; unit++) {
		collect(without, &t, unit, -1);
		collect(only, &t, -1, unit);
		for (uint32_t i = 0; i < n; i++)
			assert_true(all[i] - without[i] == only[i]); /* exactly its own part */
		assert_true(squared_steps(only, n) <= squared);
		most = fmax(most, squared_steps(only, n) / squared);
	}
	assert_true(most > 0.05);
	table_free(&t);
}

static void test_a_unit_moves_the_sum_by_its_part_alone(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		check_parts(&binary, seed);
		check_parts(&numeric, seed);
	}
}

/* Rows at the ends of every range: the norm is reached, whatever their number. */
static void test_the_norm_is_reached(void **state)
{
	const struct schema *both[2] = {&binary, &numeric};

	(void)state;
	for (int k = 0; k < 2; k++) {
		double only[PLACES_MAX], shares[8], norm = schema_statistics_norm(both[k]);
		struct table t;

		table_make(&t, both[k], 8);
		for (uint32_t row = 0; row < 8; row++) {
			t.cells[4 * row] = 40;
			t.cells[4 * row + 1] = -3.6e5f;
			if (k == 1)
				t.values[row] = -45;
			shares[row] = share_of(8);
		}
		statistics_collect_shares(only, &t, shares);
		assert_true(squared_steps(only, schema_statistics_length(both[k])) ==
		            rint(norm * norm) * SHARE_STEPS * SHARE_STEPS);
		table_free(&t);
	}
}

/* ---- what the sums are */

static double term(double steps, double x, int place)
{
	if (isnan(x))
		return 0;
	return steps * (place == 0 ? 1 : place == 1 ? x : x * x);
}

static double in_range(float cell, double half)
{
	return isnan(cell) ? NAN : fmin(fmax((double)cell / half, -1), 1);
}

static void slow_row(double *out, const struct table *t, uint32_t row, double part)
{
	const float *cells = t->cells + 4 * (size_t)row;

	for (int place = 0; place < 3; place++) {
		out[place] += term(part, in_range(cells[0], 40), place);
		out[3 + place] += term(part, in_range(cells[1], 3.5e5 + 5e-4), place);
		if (t->values != NULL)
			out[14 + place] += term(part, in_range(t->values[row], 45), place);
	}
	out[6 + (isnan(cells[2]) ? 2 : (int)cells[2])] += part;
	out[9 + (isnan(cells[3]) ? 4 : (int)cells[3])] += part;
	if (t->values == NULL)
		out[14 + t->classes[row]] += part;
}

static void check_means(const struct schema *s, uint64_t seed)
{
	double sums[PLACES_MAX], slow[PLACES_MAX] = {0};
	uint32_t rows[UNITS] = {0};
	struct table t;

	fill(&t, s, seed);
	collect(sums, &t, -1, -1);
	for (uint32_t row = 0; row < ROWS; row++)
		rows[t.patients[row]] += t.parts[row] == PART_TRAIN;
	for (uint32_t row = 0; row < ROWS; row++)
		if (t.parts[row] == PART_TRAIN)
			slow_row(slow, &t, row, 1.0 / rows[t.patients[row]]);
	for (uint32_t i = 0; i < schema_statistics_length(s); i++)
		assert_true(fabs(sums[i] - slow[i]) < ROWS * 0x1p-23);
	table_free(&t);
}

static void test_means_over_each_unit(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		check_means(&binary, seed);
		check_means(&numeric, seed);
	}
}

static void test_units_of_one_row_are_rows(void **state)
{
	double plain[PLACES_MAX], sums[PLACES_MAX], shares[ROWS];
	struct table t;

	(void)state;
	fill(&t, &numeric, 99);
	for (uint32_t i = 0; i < ROWS; i++)
		shares[i] = 1;
	statistics_collect(plain, &t);
	statistics_collect_shares(sums, &t, shares);
	for (uint32_t i = 0; i < schema_statistics_length(&numeric); i++)
		assert_true(fabs(sums[i] - plain[i]) < ROWS * 0x1p-24);
	for (uint32_t i = 6; i < 14; i++) /* counts are whole */
		assert_true(sums[i] == plain[i]);
	table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_unit_moves_the_sum_by_its_part_alone),
		cmocka_unit_test(test_the_norm_is_reached),
		cmocka_unit_test(test_means_over_each_unit),
		cmocka_unit_test(test_units_of_one_row_are_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
