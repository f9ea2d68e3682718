/* The data dictionary: its figures from a file, and a warning for each thing that a person should look at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/table.h"
#include "tests/support/close.h"
#include "tests/support/tempdir.h"

#include <stdlib.h>
#include <string.h>

enum { AGE, SEX, CP, FEATURES };

static const char *missing_codes[] = {""};
static const char *levels[] = {"1", "2", "3"};
static struct feature features[FEATURES] = {
	{.name = "age", .column = "age", .type = COLUMN_NUMERIC, .min = 20, .max = 100},
	{.name = "sex", .column = "sex", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	{.name = "cp", .column = "cp", .type = COLUMN_CATEGORICAL, .levels = {levels, 3}},
};
static const struct schema plain = {
	.features = features,
	.feature_count = FEATURES,
	.label = {.name = "ill", .column = "ill", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	.missing = {missing_codes, 1},
	.outside = OUTSIDE_MISSING,
};

struct world {
	struct tempdir dir;
	struct schema schema;
	struct table table;
	struct buf lines;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	tempdir_make(&w->dir);
	buf_init(&w->lines, 1u << 20);
	w->schema = plain;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	table_free(&w->table);
	buf_free(&w->lines);
	tempdir_remove(&w->dir);
	free(w);
	return 0;
}

static const struct dictionary *load(struct world *w, const char *text)
{
	struct diag why;

	table_free(&w->table);
	tempdir_write(&w->dir, "t.csv", text);
	struct source s = source_default("t", tempdir_path(&w->dir, "t.csv"));
	if (table_load(&w->table, &w->schema, &s, &why) != OK)
		fail_msg("%s", why.text);
	return &w->table.dictionary;
}

static void note(void *context, const char *line)
{
	buf_printf(context, "%s\n", line);
}

static void assert_warns(struct world *w, const char *text, const char *expected)
{
	uint32_t lines = 0;
	const struct dictionary *d = load(w, text);

	for (const char *c = expected; *c; c++)
		lines += *c == '\n';
	buf_clear(&w->lines);
	uint32_t told = dictionary_warnings(d, note, &w->lines);
	assert_string_equal(buf_text(&w->lines), expected);
	assert_int_equal(told, lines);
}

static void test_figures(void **state)
{
	struct world *w = *state;
	const struct dictionary *d = load(w, "cp,age,sex,ill\n"
	                                     "1,20,1,0\n"
	                                     "1,40,,1\n"
	                                     "2,60,0,1\n"
	                                     ",150,0,1\n"
	                                     "9,-3,1,1\n"
	                                     "3,70,1,\n");

	assert_int_equal(d->rows, 6);
	assert_int_equal(dictionary_kept(d), 5);
	assert_int_equal(dictionary_patients(d), 5);
	assert_int_equal(d->dropped[DROPPED_NO_LABEL], 1);
	assert_int_equal(d->part_rows[PART_TRAIN], 5);
	assert_int_equal(d->classes[PART_TRAIN][0], 1);
	assert_int_equal(d->classes[PART_TRAIN][1], 4);

	const struct feature_report *age = &d->features[AGE];
	assert_int_equal(age->field, 2);
	assert_int_equal(age->present, 3);
	assert_int_equal(age->missing, 2);
	assert_int_equal(age->below, 1);
	assert_int_equal(age->above, 1);
	assert_true(age->lowest == -3 && age->highest == 150); /* before the rule */
	assert_close(age->mean, 40, 1e-12); /* after it */
	assert_null(age->levels);

	const struct feature_report *sex = &d->features[SEX];
	assert_int_equal(sex->missing, 1);
	assert_int_equal(sex->levels[0], 2);
	assert_int_equal(sex->levels[1], 2);
	assert_true(isnan(sex->mean) && isnan(sex->lowest));

	const struct feature_report *cp = &d->features[CP];
	assert_int_equal(cp->level_count, 3);
	assert_int_equal(cp->levels[0], 2);
	assert_int_equal(cp->levels[1], 1);
	assert_int_equal(cp->levels[2], 0); /* the row with 3 has no label and is not looked at */
	assert_int_equal(cp->missing, 2);
	assert_int_equal(cp->unknown, 1);
	assert_string_equal(cp->unknowns[0].text, "\"9\"");
}

static void test_unknown_levels_are_named_up_to_a_bound(void **state)
{
	struct world *w = *state;
	struct buf text;

	buf_init(&text, 4096);
	buf_put_text(&text, "age,sex,cp,ill\n");
	for (int i = 0; i < 30; i++)
		buf_printf(&text, "20,0,x%d,0\n", i % 10);
	const struct feature_report *cp = &load(w, buf_text(&text))->features[CP];
	buf_free(&text);
	assert_int_equal(cp->unknown, 30);
	assert_int_equal(cp->unknown_count, DICTIONARY_UNKNOWN_MAX);
	for (uint32_t i = 0; i < DICTIONARY_UNKNOWN_MAX; i++) {
		char expected[] = {'"', 'x', (char)('0' + i), '"', '\0'};
		assert_string_equal(cp->unknowns[i].text, expected);
		assert_int_equal(cp->unknowns[i].count, 3);
	}
}

static void test_no_warning_without_a_reason(void **state)
{
	assert_warns(*state, "age,sex,cp,ill\n20,0,1,0\n30,1,2,1\n", "");
	assert_warns(*state, "age,sex,cp,ill\n20,0,1,0\n,1,2,1\n30,,2,1\n", "");
}

static void test_warns_of_labels_and_parts(void **state)
{
	struct world *w = *state;

	assert_warns(w, "age,sex,cp,ill\n", "no training row\n");
	assert_warns(w, "age,sex,cp,ill\n20,0,1,1\n30,1,2,1\n", "all training rows have the same ill\n");
	w->schema.split = (struct split){.column = "part", .train = "a", .test = "b", .validation = "c"};
	assert_warns(w, "age,sex,cp,ill,part\n20,0,1,0,a\n30,1,2,1,a\n30,1,2,1,d\n",
	             "no validation row\nno test row\n1 row left out by the split column\n");
	w->schema.split = (struct split){.test_fraction = 1e-9, .validation_fraction = 1e-9};
	assert_warns(w, "age,sex,cp,ill\n20,0,1,0\n30,1,2,1\n", "no validation row\nno test row\n");
}

static void test_warns_of_dropped_rows(void **state)
{
	struct world *w = *state;

	w->schema.patient_id = "patient";
	w->schema.fill = FILL_DROP;
	assert_warns(w, "age,sex,cp,ill,patient\n20,0,1,0,a\n30,1,2,1,b\n30,1,2,1,\n30,1,2,,c\n,1,2,0,c\n,1,2,0,c\n",
	             "1 row without a patient id\n"
	             "1 row without a label\n"
	             "2 rows with a missing value, dropped by `fill: drop`\n");
}

static void test_warns_of_features(void **state)
{
	struct world *w = *state;

	assert_warns(w, "age,sex,cp,ill\n30.1,0,,0\n30.1,0,,1\n30.1,0,,1\n",
	             "age: the same value in every row\n"
	             "sex: the same value in every row\n"
	             "cp: missing in every row\n");
	assert_warns(w, "age,sex,cp,ill\n19,0,1,0\n30,x,2,1\n101,1,y,1\n102,1,y,1\n50,1,3,1\n",
	             "age: 3 values outside 20 to 100 (lowest 19, highest 102)\n"
	             "sex: 1 value of no level of the study: \"x\" x 1\n"
	             "cp: 2 values of no level of the study: \"y\" x 2\n");
	assert_warns(w, "age,sex,cp,ill\n30,0,1,0\n30,1,2,1\n200,0,1,1\n", /* what became missing does not vary */
	             "age: 1 value outside 20 to 100 (lowest 30, highest 200)\n"
	             "age: the same value in every row\n");
	assert_warns(
		w, "age,sex,cp,ill\n30.001,0,1,0\n30.002,1,2,1\n",
		"age: 30.001 to 30.002 is a tiny part of the study's range 20 to 100; a narrower one would keep more "
		"digits\n");
}

static void test_reasons_have_words(void **state)
{
	(void)state;
	for (int r = 0; r < DROPPED_COUNT; r++)
		assert_true(strlen(dictionary_reason((enum dropped_reason)r)) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_figures),
		TEST(test_unknown_levels_are_named_up_to_a_bound),
		TEST(test_no_warning_without_a_reason),
		TEST(test_warns_of_labels_and_parts),
		TEST(test_warns_of_dropped_rows),
		TEST(test_warns_of_features),
		TEST(test_reasons_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
