/* Encoding: a row's inputs by hand, the order of inputs, missing values under each rule, and parts of a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/encode.h"
#include "tests/support/close.h"

#include <math.h>
#include <string.h>

enum { AGE, SEX, CP, FEATURES };
enum { VALUES = 1 + 1 + 2, INPUTS = VALUES + FEATURES };

static const char *levels[] = {"1", "2", "3"};
static struct feature features[FEATURES] = {
	{.name = "age", .type = COLUMN_NUMERIC, .min = 20, .max = 100},
	{.name = "sex", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	{.name = "cp", .type = COLUMN_CATEGORICAL, .levels = {levels, 3}},
};
static const struct schema with_flags = {
	.features = features,
	.feature_count = FEATURES,
	.label = {.name = "ill", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	.fill = FILL_MEAN_AND_FLAG,
};

static double mean[INPUTS] = {60, 0.5, 0.25, 0.5, 0.1, 0, 0.2};
static double deviation[INPUTS] = {8, 0.5, 0.25, 2, 0.3, 1, 0};
static double fill[INPUTS] = {60, 0.5, 0.5, 0.25, 9, 9, 9}; /* the indicators' own are never used */
static const struct scaling scaling = {INPUTS, mean, deviation, fill, 0, 1};

/* As a table holds them: the offset from 60 for age. */
static void assert_encodes(const struct schema *s, float age, float sex, float cp, const float *expected)
{
	const float cells[FEATURES] = {age, sex, cp};
	float out[INPUTS] = {0};
	struct scaling used = scaling;

	used.inputs = schema_inputs(s);
	encode_row(out, s, &used, cells);
	for (uint32_t i = 0; i < used.inputs; i++)
		if (out[i] != expected[i])
			fail_msg("input %u: %g, expected %g", i, (double)out[i], (double)expected[i]);
}

static void test_a_row_by_hand(void **state)
{
	(void)state;
	/* (76 - 60)/8, (1 - .5)/.5, level 2: (1 - .25)/.25 and (0 - .5)/2, indicators (0 - .1)/.3, 0, constant */
	assert_encodes(&with_flags, 16, 1, 1, (const float[]){2, 1, 3, -0.25f, (float)(-0.1 / 0.3), 0, 0});
	assert_encodes(&with_flags, -16, 0, 2, (const float[]){-2, -1, -1, 0.25f, (float)(-0.1 / 0.3), 0, 0});
	assert_encodes(&with_flags, 0, 0, 0, (const float[]){0, -1, -1, -0.25f, (float)(-0.1 / 0.3), 0, 0});
}

static void test_a_missing_value_is_its_fill_and_raises_its_flag(void **state)
{
	(void)state;
	assert_encodes(&with_flags, NAN, NAN, NAN, (const float[]){0, 0, 1, -0.125f, 3, 1, 0});
	assert_encodes(&with_flags, NAN, 1, 1, (const float[]){0, 1, 3, -0.25f, 3, 0, 0});
}

static void test_without_flags_there_are_none(void **state)
{
	struct schema plain = with_flags;

	(void)state;
	plain.fill = FILL_MEAN;
	assert_int_equal(schema_inputs(&plain), VALUES);
	assert_encodes(&plain, 16, 1, 1, (const float[]){2, 1, 3, -0.25f});
	assert_encodes(&plain, NAN, NAN, NAN, (const float[]){0, 0, 1, -0.125f});
}

static void test_a_deviation_of_zero_gives_zero_whatever_the_value(void **state)
{
	double kept = deviation[0];

	(void)state;
	deviation[0] = 0;
	assert_encodes(&with_flags, 16, 1, 1, (const float[]){0, 1, 3, -0.25f, (float)(-0.1 / 0.3), 0, 0});
	deviation[0] = kept;
}

static void test_parts_keep_the_tables_order(void **state)
{
	float cells[] = {8, 1, 0, -8, 0, 1, 16, 1, 2, NAN, NAN, NAN};
	uint16_t classes[] = {1, 0, 1, 0};
	uint8_t parts[] = {PART_TRAIN, PART_TEST, PART_TRAIN, PART_TEST};
	const struct table t = {
		.schema = &with_flags,
		.rows = 4,
		.cells = cells,
		.classes = classes,
		.parts = parts,
		.part_rows = {[PART_TRAIN] = 2, [PART_TEST] = 2},
	};
	struct examples e;
	float row[INPUTS];

	(void)state;
	for (int part = 0; part < PART_COUNT; part++) {
		examples_encode(&e, &t, (enum split_part)part, &scaling);
		assert_int_equal(e.width, INPUTS);
		assert_int_equal(e.rows, t.part_rows[part]);
		for (uint32_t i = 0; i < e.rows; i++) {
			uint32_t from = 2 * i + (part == PART_TEST);
			assert_int_equal(e.labels[i].class, classes[from]);
			encode_row(row, &with_flags, &scaling, table_row(&t, from));
			assert_memory_equal(e.inputs + (size_t)i * INPUTS, row, sizeof row);
		}
		examples_free(&e);
	}
}

static void test_a_numeric_label_is_scaled(void **state)
{
	struct schema s = with_flags;
	float cells[] = {8, 1, 0, -8, 0, 1}, values[] = {-30, 60};
	uint8_t parts[] = {PART_TRAIN, PART_TRAIN};
	const struct scaling label = {INPUTS, mean, deviation, fill, 130, 20};
	struct examples e;

	(void)state;
	s.label = (struct label){.name = "bp", .type = COLUMN_NUMERIC, .min = 60, .max = 240};
	const struct table t = {.schema = &s,
	                        .rows = 2,
	                        .cells = cells,
	                        .values = values,
	                        .parts = parts,
	                        .part_rows = {[PART_TRAIN] = 2}};
	examples_encode(&e, &t, PART_TRAIN, &label);
	assert_true(e.labels[0].value == (120 - 130) / 20.0f && e.labels[1].value == (210 - 130) / 20.0f);
	examples_free(&e);
}

/* What a PyTorch or NumPy user computes from the exported numbers is the input to float's precision. */
static void test_the_formula_of_the_export_reproduces_the_input(void **state)
{
	(void)state;
	for (int step = 0; step <= 800; step++) {
		double age = 20 + 0.1 * step;
		const float cells[FEATURES] = {(float)(age - 60), 0, 0};
		float out[INPUTS];
		encode_row(out, &with_flags, &scaling, cells);
		assert_close(out[0], (float)((age - mean[0]) / deviation[0]), 4e-7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_row_by_hand),
		cmocka_unit_test(test_a_missing_value_is_its_fill_and_raises_its_flag),
		cmocka_unit_test(test_without_flags_there_are_none),
		cmocka_unit_test(test_a_deviation_of_zero_gives_zero_whatever_the_value),
		cmocka_unit_test(test_parts_keep_the_tables_order),
		cmocka_unit_test(test_a_numeric_label_is_scaled),
		cmocka_unit_test(test_the_formula_of_the_export_reproduces_the_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
