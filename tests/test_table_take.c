/*
 * Tables made in memory: rows taken out of a table, against a plain loop that looks each thing up again.
 */
#include "base/random.h"
#include "data/standardize.h"
#include "data/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 60, PATIENTS = 17, FEATURES = 3 };

static struct feature features[FEATURES] = {
	{.name = "x", .column = "x", .type = COLUMN_NUMERIC, .min = 0, .max = 1},
	{.name = "y", .column = "y", .type = COLUMN_NUMERIC, .min = 0, .max = 1},
	{.name = "z", .column = "z", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
};

static const struct schema schema = {
	.features = features,
	.feature_count = FEATURES,
	.label = {.name = "ill", .column = "ill", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	.patient_id = "patient",
};

/* ROWS rows of PATIENTS patients, each patient in one part; some cells missing. */
static void make_whole(struct table *t, struct rng *r)
{
	uint32_t names[PATIENTS], known = 0;

	for (uint32_t i = 0; i < PATIENTS; i++)
		names[i] = UINT32_MAX;
	table_make(t, &schema, ROWS);
	for (uint32_t row = 0; row < ROWS; row++) {
		uint32_t who = (uint32_t)rng_below(r, PATIENTS);
		if (names[who] == UINT32_MAX)
			names[who] = known++;
		t->patients[row] = names[who];
		t->parts[row] = (uint8_t)(who % PART_COUNT);
		t->classes[row] = (uint16_t)rng_below(r, 2);
		t->records[row] = 3 * row + 1;
		for (uint32_t i = 0; i < FEATURES; i++)
			t->cells[row * FEATURES + i] = rng_below(r, 8) == 0 ? NAN : (float)rng_unit(r);
	}
	table_count(t);
}

static bool same_cell(float a, float b)
{
	return a == b || (isnan(a) && isnan(b));
}

/* How many patients of the rows taken are in `part`, and the number that row `row` must have: both counted slowly. */
static uint32_t slow_number(const struct table *whole, const uint32_t *rows, uint32_t row)
{
	uint32_t number = 0;

	for (uint32_t i = 0; i < row; i++) {
		bool first = true;
		if (whole->patients[rows[i]] == whole->patients[rows[row]])
			return slow_number(whole, rows, i);
		for (uint32_t j = 0; j < i; j++)
			first &= whole->patients[rows[j]] != whole->patients[rows[i]];
		number += first;
	}
	return number;
}

static uint32_t slow_patients(const struct table *whole, const uint32_t *rows, uint32_t count, uint32_t part)
{
	uint32_t patients = 0;

	for (uint32_t i = 0; i < count; i++) {
		bool first = true;
		for (uint32_t j = 0; j < i; j++)
			first &= whole->patients[rows[j]] != whole->patients[rows[i]];
		patients += first && whole->parts[rows[i]] == part;
	}
	return patients;
}

static void check(const struct table *t, const struct table *whole, const uint32_t *rows, uint32_t count)
{
	uint32_t part_rows[PART_COUNT] = {0};

	assert_int_equal(t->rows, count);
	assert_ptr_equal(t->schema, whole->schema);
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t k = 0; k < FEATURES; k++)
			assert_true(same_cell(table_row(t, i)[k], table_row(whole, rows[i])[k]));
		assert_int_equal(t->classes[i], whole->classes[rows[i]]);
		assert_int_equal(t->parts[i], whole->parts[rows[i]]);
		assert_int_equal(t->records[i], whole->records[rows[i]]);
		assert_int_equal(t->patients[i], slow_number(whole, rows, i));
		part_rows[t->parts[i]]++;
	}
	assert_memory_equal(t->part_rows, part_rows, sizeof part_rows);
	for (uint32_t part = 0; part < PART_COUNT; part++)
		assert_int_equal(t->part_patients[part], slow_patients(whole, rows, count, part));
}

static void test_any_rows_in_any_order(void **state)
{
	struct rng r;
	struct table whole, taken;
	uint32_t rows[ROWS];

	(void)state;
	rng_seeded(&r, 7, "rows");
	for (int trial = 0; trial < 50; trial++) {
		make_whole(&whole, &r);
		for (uint32_t i = 0; i < ROWS; i++)
			rows[i] = i;
		rng_shuffle(&r, rows, ROWS);
		uint32_t count = (uint32_t)rng_below(&r, ROWS + 1);
		table_take(&taken, &whole, rows, count);
		check(&taken, &whole, rows, count);
		table_free(&taken);
		table_free(&whole);
	}
}

static void test_all_rows_are_the_table_itself(void **state)
{
	struct rng r;
	struct table whole, taken;
	uint32_t rows[ROWS];

	(void)state;
	rng_seeded(&r, 8, "rows");
	make_whole(&whole, &r);
	for (uint32_t i = 0; i < ROWS; i++)
		rows[i] = i;
	table_take(&taken, &whole, rows, ROWS);
	assert_memory_equal(taken.patients, whole.patients, sizeof rows);
	assert_memory_equal(taken.part_patients, whole.part_patients, sizeof whole.part_patients);
	table_free(&taken);
	table_free(&whole);
}

/* What a round asks for works without a dictionary, and without rows. */
static void test_a_made_table_serves_a_round(void **state)
{
	uint32_t length = schema_statistics_length(&schema);
	double *sums = calloc(length, sizeof *sums);
	struct table empty;

	(void)state;
	table_make(&empty, &schema, 0);
	table_count(&empty);
	statistics_collect(sums, &empty);
	for (uint32_t i = 0; i < length; i++)
		assert_true(sums[i] == 0);
	table_drop_rows(&empty);
	table_drop_dictionary(&empty);
	table_free(&empty);
	free(sums);
}

static void test_numeric_labels_come_along(void **state)
{
	struct schema numeric = schema;
	struct table whole, part;
	const uint32_t rows[] = {3, 0, 2};

	(void)state;
	numeric.label =
		(struct label){.name = "bp", .column = "bp", .type = COLUMN_NUMERIC, .min = 60, .max = 240, .unit = ""};
	table_make(&whole, &numeric, 4);
	for (uint32_t i = 0; i < 4; i++) {
		whole.values[i] = (float)i;
		whole.patients[i] = i;
	}
	table_count(&whole);
	table_take(&part, &whole, rows, 3);
	assert_true(table_label(&part, 0) == 153 && table_label(&part, 1) == 150 && table_label(&part, 2) == 152);
	table_free(&part);
	table_free(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numeric_labels_come_along),
		cmocka_unit_test(test_any_rows_in_any_order),
		cmocka_unit_test(test_all_rows_are_the_table_itself),
		cmocka_unit_test(test_a_made_table_serves_a_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
