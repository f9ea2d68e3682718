/* Units: patients with all of their rows and rows by themselves, against a slow search; the order of the examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "data/encode.h"
#include "data/units.h"

static struct feature feature = {.name = "x", .type = COLUMN_NUMERIC, .min = 0, .max = 1e6};
static const struct schema schema = {
	.features = &feature,
	.feature_count = 1,
	.label = {.name = "ill", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
};

/* Rows of which each says, in its one cell, whose it is. */
static void make_table(struct table *t, const uint32_t *patients, const uint8_t *parts, uint32_t rows)
{
	table_make(t, &schema, rows);
	for (uint32_t row = 0; row < rows; row++) {
		t->patients[row] = patients[row];
		t->parts[row] = parts[row];
		t->cells[row] = (float)patients[row];
	}
	table_count(t);
}

static void test_units_by_hand(void **state)
{
	(void)state;
	/* as the picture in data/units.h, with rows of another part in between */
	static const uint32_t patients[] = {0, 1, 2, 3, 0, 3, 1, 0};
	static const uint8_t parts[] = {PART_TRAIN, PART_TEST,  PART_TRAIN, PART_TRAIN,
	                                PART_TRAIN, PART_TRAIN, PART_TEST,  PART_TRAIN};
	static const uint32_t first[] = {0, 3, 4, 6}, rows[] = {0, 3, 5, 1, 2, 4};
	struct units u;
	struct table t;

	make_table(&t, patients, parts, 8);
	units_of_patients(&u, &t, PART_TRAIN);
	assert_int_equal(u.count, 3);
	assert_memory_equal(u.first, first, sizeof first);
	assert_memory_equal(u.rows, rows, sizeof rows);
	assert_int_equal(units_length(&u, 2), 2);
	units_free(&u);

	units_of_rows(&u, &t, PART_TRAIN);
	assert_int_equal(u.count, 6);
	for (uint32_t i = 0; i < u.count; i++)
		assert_true(units_length(&u, i) == 1 && u.first[i] == i && u.rows[i] == i);
	units_free(&u);

	units_of_patients(&u, &t, PART_TEST);
	assert_int_equal(u.count, 1);
	assert_true(units_length(&u, 0) == 2 && u.rows[0] == 0 && u.rows[1] == 1);
	units_free(&u);

	units_of_patients(&u, &t, PART_VALIDATION);
	assert_true(u.count == 0 && u.first[0] == 0);
	units_free(&u);
	table_free(&t);
}

/* The examples of a part are in the order that units count in: each row of a unit says that it is the unit's patient's. */
static void assert_units_of(const struct table *t, enum split_part part)
{
	double mean = 0, deviation = 1, fill = 0;
	const struct scaling scaling = {1, &mean, &deviation, &fill, 0, 1};
	struct examples e;
	struct units u;
	uint32_t earlier = 0;

	examples_encode(&e, t, part, &scaling);
	units_of_patients(&u, t, part);
	assert_int_equal(u.first[u.count], e.rows);
	assert_int_equal(u.count, t->part_patients[part]);
	for (uint32_t unit = 0; unit < u.count; unit++) {
		uint32_t first = u.rows[u.first[unit]], next = first;
		assert_true(unit == 0 || first > earlier);
		earlier = first;
		for (uint32_t i = u.first[unit]; i < u.first[unit + 1]; i++) {
			assert_true(u.rows[i] >= next);
			next = u.rows[i] + 1;
			assert_true(e.inputs[u.rows[i]] == e.inputs[first]);
		}
		for (uint32_t other = 0; other < unit; other++)
			assert_true(e.inputs[u.rows[u.first[other]]] != e.inputs[first]);
	}
	units_free(&u);
	examples_free(&e);
}

static void test_units_of_random_tables(void **state)
{
	(void)state;
	enum { ROWS = 300 };
	uint32_t patients[ROWS];
	uint8_t parts[ROWS];
	struct rng r;
	struct table t;

	rng_seeded(&r, 1, "units");
	for (int round = 0; round < 20; round++) {
		uint8_t part_of[ROWS];
		uint32_t known = 0, wanted = 1 + (uint32_t)rng_below(&r, ROWS);
		for (uint32_t i = 0; i < ROWS; i++)
			part_of[i] = (uint8_t)rng_below(&r, PART_COUNT);
		for (uint32_t row = 0; row < ROWS; row++) {
			uint32_t patient = (uint32_t)rng_below(&r, wanted);
			patients[row] = patient < known ? patient : known++; /* numbered as they appear */
			parts[row] = part_of[patients[row]];
		}
		make_table(&t, patients, parts, ROWS);
		for (int part = 0; part < PART_COUNT; part++)
			assert_units_of(&t, (enum split_part)part);
		table_free(&t);
	}
}

static void test_nothing_gives_no_units(void **state)
{
	(void)state;
	struct units u;
	struct table t;

	make_table(&t, NULL, NULL, 0);
	units_of_patients(&u, &t, PART_TRAIN);
	assert_int_equal(u.count, 0);
	units_free(&u);
	units_of_rows(&u, &t, PART_TRAIN);
	assert_int_equal(u.count, 0);
	units_free(&u);
	units_free(&u);
	table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units_by_hand),
		cmocka_unit_test(test_units_of_random_tables),
		cmocka_unit_test(test_nothing_gives_no_units),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
