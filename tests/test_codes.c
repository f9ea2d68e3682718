/* Codes: the rule by which a cell is a level, a class or a code for missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/codes.h"

#include <string.h>

static bool cell_is(const char *cell, const char *code)
{
	return schema_cell_matches(cell, strlen(cell), code);
}

static void test_matches_as_text_or_as_equal_numbers(void **state)
{
	(void)state;
	assert_true(cell_is("NA", "NA"));
	assert_true(cell_is("  NA\t", "NA"));
	assert_true(cell_is("NA", " NA "));
	assert_true(cell_is("", ""));
	assert_true(cell_is(" \t ", ""));
	assert_true(cell_is("4", "4.0"));
	assert_true(cell_is("4.00", "4"));
	assert_true(cell_is("04", "4"));
	assert_true(cell_is("1e2", "100"));
	assert_true(cell_is("-9", "-9.0"));
	assert_true(cell_is("0", "-0"));

	assert_false(cell_is("na", "NA"));
	assert_false(cell_is("", "0"));
	assert_false(cell_is("4", "4 0"));
	assert_false(cell_is("4x", "4"));
	assert_false(cell_is("4,0", "4"));
	assert_false(cell_is("N A", "NA"));
	assert_false(cell_is("NaN", "nan"));
}

static void test_a_decimal_comma_is_the_files_matter(void **state)
{
	struct codes codes = {0};
	struct token cell;

	(void)state;
	codes_add(&codes, "1.5", '.');
	cell = token_of(bytes_text("1,50"), ',');
	assert_int_equal(codes_find(&codes, &cell), 0);
	cell = token_of(bytes_text("1,50"), '.');
	assert_int_equal(codes_find(&codes, &cell), CODES_NONE);
	cell = token_of(bytes_text("1.50"), ','); /* a point is no decimal mark here, so this is only text */
	assert_int_equal(codes_find(&codes, &cell), CODES_NONE);
	codes_free(&codes);
}

/* codes_find agrees with the rule as the schema states it, for all pairs. */
static void test_finds_the_first_that_matches(void **state)
{
	static const char *const words[] = {"", "0", "1", "1.0", "01", "a", " a ", "-1", "1e0", "b", "?"};
	enum { WORDS = sizeof words / sizeof words[0] };
	struct codes codes = {0};

	(void)state;
	codes_add_list(&codes, (struct text_list){(const char **)(uintptr_t)words, WORDS}, '.');
	for (uint32_t i = 0; i < WORDS; i++) {
		struct token cell = token_of(bytes_text(words[i]), '.');
		uint32_t expected = 0;
		while (!cell_is(words[i], words[expected]))
			expected++;
		assert_int_equal(codes_find(&codes, &cell), expected);
	}
	codes_free(&codes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches_as_text_or_as_equal_numbers),
		cmocka_unit_test(test_a_decimal_comma_is_the_files_matter),
		cmocka_unit_test(test_finds_the_first_that_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
