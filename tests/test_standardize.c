/*
 * Statistics and scaling, on tables made here: sums that add over sites, known answers, agreement with a slow second
 * implementation (two passes over raw values), and the constants, missing columns and offsets where such sums go wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "data/standardize.h"
#include "tests/support/close.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AGE, SEX, CP, FEATURES };
enum { STATISTICS = 3 + 3 + 4 + 2, INPUTS = 1 + 1 + 2 + 3 };

static const char *levels[] = {"1", "2", "3"};
static struct feature features[FEATURES] = {
	{.name = "age", .type = COLUMN_NUMERIC, .min = 20, .max = 100},
	{.name = "sex", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	{.name = "cp", .type = COLUMN_CATEGORICAL, .levels = {levels, 3}},
};
static struct schema schema = {
	.features = features,
	.feature_count = FEATURES,
	.label = {.name = "ill", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	.fill = FILL_MEAN_AND_FLAG,
};

static void table_init(struct table *t, const struct schema *s, uint32_t rows)
{
	*t = (struct table){.schema = s, .rows = rows};
	t->cells = calloc((size_t)rows * s->feature_count, sizeof *t->cells);
	t->classes = calloc(rows, sizeof *t->classes);
	t->parts = calloc(rows, sizeof *t->parts);
}

static void put(struct table *t, uint32_t row, enum split_part part, uint16_t class, double age, double sex, double cp)
{
	float *cells = t->cells + (size_t)row * FEATURES;

	cells[AGE] = (float)(age - table_middle(&features[AGE]));
	cells[SEX] = (float)sex;
	cells[CP] = (float)cp;
	t->classes[row] = class;
	t->parts[row] = (uint8_t)part;
}

/* Four training rows and one that must not count. */
static void sample(struct table *t)
{
	table_init(t, &schema, 5);
	put(t, 0, PART_TRAIN, 0, 20, 1, 0);
	put(t, 1, PART_TEST, 1, 99, 1, 2);
	put(t, 2, PART_TRAIN, 1, 60, 0, 1);
	put(t, 3, PART_TRAIN, 1, 80, NAN, 1);
	put(t, 4, PART_TRAIN, 1, NAN, 1, NAN);
}

static void test_statistics_in_order(void **state)
{
	/* u of 20, 60, 80 in [20, 100]: -1, 0, .5 */
	static const double expected[STATISTICS] = {3, -0.5, 1.25, 1, 2, 1, 1, 2, 0, 1, 1, 3};
	double sums[STATISTICS];
	struct table t;

	(void)state;
	sample(&t);
	assert_int_equal(schema_statistics_length(&schema), STATISTICS);
	statistics_collect(sums, &t);
	for (int i = 0; i < STATISTICS; i++)
		assert_true(sums[i] == expected[i]);
	assert_true(statistics_rows(&schema, sums) == 4);
	for (int i = 0; i < STATISTICS; i++)
		assert_true(fabs(sums[i]) <= 4);
	table_free(&t);
}

static void test_scaling_by_hand(void **state)
{
	double sums[STATISTICS];
	struct scaling s;
	struct table t;
	const double third = 1.0 / 3, spread = sqrt(2.0) / 3; /* of 1, 0, 0 and of 1, 1, 0 */
	const double mean[INPUTS] = {160.0 / 3, 2 * third, 2 * third, 0, 0.25, 0.25, 0.25};
	const double deviation[INPUTS] = {sqrt(5600.0) / 3, spread,       spread,      0,
	                                  sqrt(0.1875),     sqrt(0.1875), sqrt(0.1875)};

	(void)state;
	sample(&t);
	statistics_collect(sums, &t);
	scaling_from_statistics(&s, &schema, sums);
	assert_int_equal(s.inputs, INPUTS);
	for (int i = 0; i < INPUTS; i++) {
		assert_close(s.mean[i], mean[i], 1e-12);
		assert_close(s.deviation[i], deviation[i], 1e-12);
		assert_true(s.fill[i] == s.mean[i]);
	}
	scaling_free(&s);
	table_free(&t);
}

static void test_scale_none_keeps_raw_units_and_fills_with_the_mean(void **state)
{
	double sums[STATISTICS];
	struct schema none = schema;
	struct scaling s;
	struct table t;

	(void)state;
	sample(&t);
	statistics_collect(sums, &t);
	none.scale = SCALE_NONE;
	scaling_from_statistics(&s, &none, sums);
	for (int i = 0; i < INPUTS; i++)
		assert_true(s.mean[i] == 0 && s.deviation[i] == 1);
	assert_close(s.fill[0], 160.0 / 3, 1e-12);
	assert_close(s.fill[1], 2.0 / 3, 1e-12);
	scaling_free(&s);

	features[SEX].unscaled = true; /* one feature alone, with its indicator */
	scaling_from_statistics(&s, &schema, sums);
	features[SEX].unscaled = false;
	for (int i = 0; i < INPUTS; i++)
		assert_int_equal(s.mean[i] == 0 && s.deviation[i] == 1, i == 1 || i == 5);
	scaling_free(&s);
	table_free(&t);
}

/* ---- a slow second implementation: all present values of one input in an array, two passes */

static uint32_t values_of(double *out, const struct table *t, uint32_t input)
{
	uint32_t n = 0;

	for (uint32_t row = 0; row < t->rows; row++) {
		double raw[FEATURES] = {table_value(t, row, AGE), table_value(t, row, SEX), table_value(t, row, CP)};
		const double inputs[INPUTS] = {raw[AGE],
		                               raw[SEX],
		                               isnan(raw[CP]) ? NAN : raw[CP] == 1,
		                               isnan(raw[CP]) ? NAN : raw[CP] == 2,
		                               isnan(raw[AGE]),
		                               isnan(raw[SEX]),
		                               isnan(raw[CP])};
		if (t->parts[row] == PART_TRAIN && !isnan(inputs[input]))
			out[n++] = inputs[input];
	}
	return n;
}

static void slow_scaling(double *mean, double *deviation, const struct table *t, uint32_t input)
{
	double *x = malloc(t->rows * sizeof *x);
	uint32_t n = values_of(x, t, input);
	double sum = 0, squares = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += x[i];
	*mean = sum / n;
	for (uint32_t i = 0; i < n; i++)
		squares += (x[i] - *mean) * (x[i] - *mean);
	*deviation = sqrt(squares / n);
	free(x);
}

static void random_table(struct table *t, struct rng *rng, uint32_t rows, double centre, double width)
{
	table_init(t, &schema, rows);
	for (uint32_t row = 0; row < rows; row++) {
		double age = rng_below(rng, 5) ? centre + width * (2 * rng_unit(rng) - 1) : NAN;
		double sex = rng_below(rng, 9) ? (double)rng_below(rng, 2) : NAN;
		double cp = rng_below(rng, 7) ? (double)rng_below(rng, 3) : NAN;
		put(t, row, (enum split_part)rng_below(rng, PART_COUNT), (uint16_t)rng_below(rng, 2), age, sex, cp);
	}
}

static void test_agrees_with_two_passes(void **state)
{
	/* centre, width: ordinary; far from the middle; a thousandth of the range at its end, where S2/n - (S1/n)^2
	 * cancels */
	static const double shapes[][2] = {{60, 40}, {95, 5}, {99.96, 0.04}, {20.02, 0.02}};
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 3, "standardize");
	for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
		struct table t;
		struct scaling s;
		double sums[STATISTICS], mean, deviation;
		random_table(&t, &rng, 20000, shapes[k][0], shapes[k][1]);
		statistics_collect(sums, &t);
		scaling_from_statistics(&s, &schema, sums);
		for (uint32_t i = 0; i < INPUTS; i++) {
			slow_scaling(&mean, &deviation, &t, i);
			assert_close(s.mean[i], mean, 1e-11 * fabs(mean));
			assert_close(s.deviation[i], deviation, 1e-7 * deviation);
		}
		scaling_free(&s);
		table_free(&t);
	}
}

/* n times the same u is n u to the last bit but one; plain additions lose four digits on the way. */
static void test_sums_lose_no_digits(void **state)
{
	enum { ROWS = 1000000 };
	struct table t;
	double sums[STATISTICS];

	(void)state;
	table_init(&t, &schema, ROWS);
	for (uint32_t row = 0; row < ROWS; row++)
		put(&t, row, PART_TRAIN, 0, 64, 0, 0); /* u = 0.1 */
	statistics_collect(sums, &t);
	assert_close(sums[1], ROWS * 0.1, 0x1p-52 * ROWS * 0.1);
	assert_close(sums[2], ROWS * (0.1 * 0.1), 0x1p-52 * ROWS * 0.01);
	table_free(&t);
}

/* Any partition of the rows among sites gives the pooled scaling. */
static void test_sites_add_up_to_the_pooled_rows(void **state)
{
	struct rng rng;
	struct table pooled, site;
	double sums[STATISTICS], part[STATISTICS], total[STATISTICS] = {0};
	const uint32_t cuts[] = {0, 1, 1, 700, 2000}; /* one site has one row, one has none */

	(void)state;
	rng_seeded(&rng, 4, "standardize");
	random_table(&pooled, &rng, 2000, 60, 40);
	statistics_collect(sums, &pooled);
	for (size_t k = 0; k + 1 < sizeof cuts / sizeof cuts[0]; k++) {
		site = pooled;
		site.rows = cuts[k + 1] - cuts[k];
		site.cells += (size_t)cuts[k] * FEATURES;
		site.classes += cuts[k];
		site.parts += cuts[k];
		statistics_collect(part, &site);
		for (int i = 0; i < STATISTICS; i++)
			total[i] += part[i];
	}
	for (int i = 0; i < STATISTICS; i++)
		assert_close(total[i], sums[i], 1e-12 * 2000);
	table_free(&pooled);
}

/* ---- constants, and columns that nobody has */

static void test_a_constant_becomes_zero_at_any_value_and_length(void **state)
{
	static const double ages[] = {20, 33.3, 59.999, 60, 99.99};
	struct scaling s;
	double sums[STATISTICS];

	(void)state;
	for (size_t k = 0; k < sizeof ages / sizeof ages[0]; k++) {
		for (uint32_t rows = 1; rows <= 100000; rows *= 10) {
			struct table t;
			table_init(&t, &schema, rows);
			for (uint32_t row = 0; row < rows; row++)
				put(&t, row, PART_TRAIN, 0, ages[k], 1, 2);
			statistics_collect(sums, &t);
			scaling_from_statistics(&s, &schema, sums);
			for (int i = 0; i < INPUTS; i++)
				assert_true(s.deviation[i] == 0);
			assert_close(s.mean[0], ages[k], 1e-5);
			scaling_free(&s);
			table_free(&t);
		}
	}
}

static void test_what_is_missing_everywhere_has_the_middle(void **state)
{
	struct table t;
	struct scaling s;
	double sums[STATISTICS];

	(void)state;
	table_init(&t, &schema, 3);
	for (uint32_t row = 0; row < 3; row++)
		put(&t, row, PART_TRAIN, row == 0, NAN, NAN, NAN);
	statistics_collect(sums, &t);
	scaling_from_statistics(&s, &schema, sums);
	assert_true(s.mean[0] == 60 && s.fill[0] == 60 && s.deviation[0] == 0);
	for (int i = 1; i < 4; i++)
		assert_true(s.mean[i] == 0 && s.fill[i] == 0 && s.deviation[i] == 0);
	for (int i = 4; i < INPUTS; i++)
		assert_true(s.mean[i] == 1 && s.deviation[i] == 0); /* an indicator that is always 1 is constant too */
	scaling_free(&s);
	table_free(&t);
}

static void test_no_row_at_all_is_a_scaling_too(void **state)
{
	struct table t;
	struct scaling s;
	double sums[STATISTICS];

	(void)state;
	table_init(&t, &schema, 0);
	statistics_collect(sums, &t);
	scaling_from_statistics(&s, &schema, sums);
	for (int i = 0; i < INPUTS; i++)
		assert_true(isfinite(s.mean[i]) && s.deviation[i] == 0);
	scaling_free(&s);
	table_free(&t);
}

/* Rounding of a cell to float may pass the range by a hair: u stays within [-1, 1]. */
static void test_u_is_clamped(void **state)
{
	struct table t;
	double sums[STATISTICS];

	(void)state;
	table_init(&t, &schema, 1);
	put(&t, 0, PART_TRAIN, 0, 100, 0, 0);
	t.cells[AGE] = nextafterf(40, 50);
	statistics_collect(sums, &t);
	assert_true(sums[1] == 1 && sums[2] == 1);
	table_free(&t);
}

/* ---- what the federation's sums must hold */

/* What one hostile site may add to the sums spoils the scaling, but leaves it within the study's ranges. */
static void test_hostile_sums_give_a_scaling_within_the_ranges(void **state)
{
	static const double hostile[] = {0x1p-30, -5, 1e9, -1e9, 3, 0};
	const size_t n = sizeof hostile / sizeof *hostile;
	double sums[STATISTICS];
	struct scaling s;
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 4, "hostile");
	for (int run = 0; run < 2000; run++) {
		for (int i = 0; i < STATISTICS; i++)
			sums[i] = hostile[rng_below(&rng, n)];
		scaling_from_statistics(&s, &schema, sums);
		assert_true(s.mean[AGE] >= 20 && s.mean[AGE] <= 100 && s.deviation[AGE] >= 0 && s.deviation[AGE] <= 40);
		for (int i = 1; i < INPUTS; i++)
			assert_true(s.mean[i] >= 0 && s.mean[i] <= 1 && s.deviation[i] >= 0 && s.deviation[i] <= 0.5);
		scaling_free(&s);
	}
}

static void test_the_federation_needs_rows_and_two_classes(void **state)
{
	double sums[STATISTICS] = {0};
	struct diag why = {0};

	(void)state;
	assert_int_equal(statistics_check(&schema, sums, &why), ERR_DATA);
	assert_string_equal(why.text, "no hospital has a training row");
	sums[STATISTICS - 1] = 7;
	assert_int_equal(statistics_check(&schema, sums, &why), ERR_DATA);
	assert_string_equal(why.text,
	                    "every hospital's training rows have the same label (ill); nothing can be learnt");
	sums[STATISTICS - 2] = 1;
	assert_int_equal(statistics_check(&schema, sums, &why), OK);
}

static void test_a_scaling_from_outside_is_checked(void **state)
{
	double mean[INPUTS] = {1, 2, 3}, deviation[INPUTS] = {0, 1, 2}, fill[INPUTS] = {-1, 0, 1};
	struct scaling s;
	struct diag why = {0};

	(void)state;
	assert_int_equal(scaling_from_arrays(&s, &schema, mean, deviation, fill, INPUTS, &why), OK);
	assert_memory_equal(s.mean, mean, sizeof mean);
	assert_memory_equal(s.deviation, deviation, sizeof deviation);
	assert_memory_equal(s.fill, fill, sizeof fill);
	scaling_free(&s);
	assert_int_equal(scaling_from_arrays(&s, &schema, mean, deviation, fill, INPUTS - 1, &why), ERR_DATA);
	assert_string_equal(why.text, "a scaling of 6 inputs; the study has 7");
	double *const arrays[] = {mean, deviation, fill};
	for (int k = 0; k < 3; k++) {
		for (int bad = 0; bad < 2; bad++) {
			double kept = arrays[k][4];
			arrays[k][4] = bad ? NAN : -INFINITY;
			assert_int_equal(scaling_from_arrays(&s, &schema, mean, deviation, fill, INPUTS, &why),
			                 ERR_DATA);
			arrays[k][4] = kept;
		}
	}
	deviation[6] = -1e-9;
	assert_int_equal(scaling_from_arrays(&s, &schema, mean, deviation, fill, INPUTS, &why), ERR_DATA);
	assert_null(s.mean);
}

/* Each place of possible statistics, moved beyond what rows can give. */
static void test_impossible_statistics(void **state)
{
	/* age present, sum, squares; sex negative, positive, missing; cp by level, missing; label negative, positive */
	static const double good[STATISTICS] = {9, -2.5, 6, 4, 5, 1, 2, 3, 4, 1, 7, 3};
	static const double wrong[][3] = {
		{0, -1, 10.01}, {1, -9.6, 9.6}, {2, -0.6, 9.6}, {3, -1, 5}, {4, -5, 4},  {5, 0, 2},
		{6, -1, 3},     {7, -3, 4},     {8, 3, 5},      {9, -1, 0}, {10, -1, 8}, {11, -3, 2},
	};
	double sums[STATISTICS], none[STATISTICS] = {0};
	struct diag why = {{0}};

	(void)state;
	assert_int_equal(statistics_possible(&schema, good, &why), OK);
	assert_int_equal(statistics_possible(&schema, none, &why), OK); /* a site without a training row */
	for (size_t i = 0; i < STATISTICS; i++)
		for (int side = 1; side <= 2; side++) {
			memcpy(sums, good, sizeof sums);
			sums[(size_t)wrong[i][0]] = wrong[i][side];
			assert_int_equal(statistics_possible(&schema, sums, &why), ERR_DATA);
		}
	for (size_t i = 0; i < STATISTICS; i++) /* consistent, and worth minus ten rows */
		sums[i] = -good[i];
	assert_int_equal(statistics_possible(&schema, sums, &why), ERR_DATA);
}

/* ---- a numeric label: 80, 120, 200 and 240 of 60 to 240, whose u are -7/9, -1/3, 5/9, 1; and a test row */

static void with_numeric_label(struct schema *s, struct table *t)
{
	static const double y[] = {80, 999, 120, 200, 240};

	*s = schema;
	s->label =
		(struct label){.name = "bp", .column = "bp", .type = COLUMN_NUMERIC, .min = 60, .max = 240, .unit = ""};
	sample(t);
	t->schema = s;
	t->values = calloc(5, sizeof *t->values);
	for (int i = 0; i < 5; i++)
		t->values[i] = (float)(y[i] - 150);
}

static void test_a_numeric_label_in_the_statistics(void **state)
{
	double sums[STATISTICS + 1], *label = sums + STATISTICS - 2;
	struct diag why = {{0}};
	struct scaling scaling;
	struct schema s;
	struct table t;

	(void)state;
	with_numeric_label(&s, &t);
	assert_int_equal(schema_statistics_length(&s), STATISTICS + 1);
	statistics_collect(sums, &t);
	assert_true(label[0] == 4 && statistics_rows(&s, sums) == 4);
	assert_true(fabs(label[1] - 4.0 / 9) < 1e-6 && fabs(label[2] - (49 + 9 + 25 + 81) / 81.0) < 1e-6);
	assert_int_equal(statistics_possible(&s, sums, &why), OK);
	assert_int_equal(statistics_check(&s, sums, &why), OK);
	scaling_from_statistics(&scaling, &s, sums);
	assert_true(fabs(scaling.label_mean - 160) < 1e-4);
	assert_true(fabs(scaling.label_deviation - sqrt((80 * 80 + 40 * 40 + 40 * 40 + 80 * 80) / 4.0)) < 1e-4);
	scaling_free(&scaling);
	for (int i = 0; i < 5; i++)
		t.values[i] = 17;
	statistics_collect(sums, &t);
	assert_int_equal(statistics_check(&s, sums, &why), ERR_DATA);
	assert_string_equal(why.text, "every hospital's training rows have the same label (bp); nothing can be learnt");
	memset(sums, 0, sizeof sums);
	assert_int_equal(statistics_check(&s, sums, &why), ERR_DATA);
	assert_string_equal(why.text, "no hospital has a training row");
	table_free(&t);
}

static void test_impossible_statistics_of_a_numeric_label(void **state)
{
	static const double good[STATISTICS + 1] = {9, -2.5, 6, 4, 5, 1, 2, 3, 4, 1, 10, -3, 7};
	static const double wrong[][2] = {{10, 8}, {10, -10}, {11, -10.6}, {11, 10.6}, {12, -0.6}, {12, 10.6}};
	struct diag why = {{0}};
	struct schema s;
	struct table t;

	(void)state;
	with_numeric_label(&s, &t);
	assert_int_equal(statistics_possible(&s, good, &why), OK);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		double sums[STATISTICS + 1];

		memcpy(sums, good, sizeof sums);
		sums[(size_t)wrong[i][0]] = wrong[i][1];
		assert_int_equal(statistics_possible(&s, sums, &why), ERR_DATA);
	}
	table_free(&t);
}

static void test_a_labels_scaling_from_outside_is_checked(void **state)
{
	static const double wrong[][2] = {{59, 1},   {241, 1},   {NAN, 1},   {100, 0},
	                                  {100, -1}, {100, NAN}, {100, 181}, {INFINITY, 1}};
	struct scaling scaling = {0};
	struct diag why = {{0}};
	struct schema s;
	struct table t;

	(void)state;
	with_numeric_label(&s, &t);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(scaling_set_label(&scaling, &s, wrong[i][0], wrong[i][1], &why), ERR_DATA);
	assert_true(scaling.label_mean == 0);
	assert_int_equal(scaling_set_label(&scaling, &s, 60, 180, &why), OK);
	assert_true(scaling.label_mean == 60 && scaling.label_deviation == 180);
	table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statistics_in_order),
		cmocka_unit_test(test_a_numeric_label_in_the_statistics),
		cmocka_unit_test(test_impossible_statistics_of_a_numeric_label),
		cmocka_unit_test(test_a_labels_scaling_from_outside_is_checked),
		cmocka_unit_test(test_scaling_by_hand),
		cmocka_unit_test(test_scale_none_keeps_raw_units_and_fills_with_the_mean),
		cmocka_unit_test(test_agrees_with_two_passes),
		cmocka_unit_test(test_sums_lose_no_digits),
		cmocka_unit_test(test_sites_add_up_to_the_pooled_rows),
		cmocka_unit_test(test_a_constant_becomes_zero_at_any_value_and_length),
		cmocka_unit_test(test_what_is_missing_everywhere_has_the_middle),
		cmocka_unit_test(test_no_row_at_all_is_a_scaling_too),
		cmocka_unit_test(test_u_is_clamped),
		cmocka_unit_test(test_hostile_sums_give_a_scaling_within_the_ranges),
		cmocka_unit_test(test_the_federation_needs_rows_and_two_classes),
		cmocka_unit_test(test_a_scaling_from_outside_is_checked),
		cmocka_unit_test(test_impossible_statistics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
