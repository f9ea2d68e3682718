/* What a hospital says of its file, held against the study: names, doubles, conversions, dialect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "data/source.h"

#include <math.h>
#include <string.h>

static const char *codes[] = {"-9"};
static struct feature features[] = {
	{.name = "age", .column = "age", .type = COLUMN_NUMERIC, .min = 0, .max = 120},
	{.name = "sex", .column = "sex", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
};
static const struct schema schema = {
	.source = "heart",
	.features = features,
	.feature_count = 2,
	.label = {.name = "disease", .column = "disease", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	.patient_id = "patient",
	.split = {.column = "part", .train = "a", .test = "b"},
};

static void test_a_good_source_passes(void **state)
{
	const struct source_column columns[] = {
		{"age", "ALTER"}, {"disease", "KHK"}, {"patient", "PATNR"}, {"part", "TEIL"}};
	const struct source_recode recodes[] = {{"sex", "m", "1"}, {"sex", "w", "0"}, {"part", "x", "a"}};
	const struct source_convert converts[] = {{"age", 1.0 / 12, 0}};
	const struct source_missing missings[] = {
		{"age", {codes, 1}}, {"disease", {codes, 1}}, {"patient", {codes, 1}}};
	struct source s = source_default("heart", "heart.csv");
	char field[64];
	struct diag why;

	(void)state;
	assert_int_equal(source_check(&s, &schema, field, sizeof field, &why), OK);
	s.columns = columns;
	s.column_count = 4;
	s.recodes = recodes;
	s.recode_count = 3;
	s.converts = converts;
	s.convert_count = 1;
	s.missings = missings;
	s.missing_count = 3;
	s.delimiter = ';';
	s.decimal = ',';
	assert_int_equal(source_check(&s, &schema, field, sizeof field, &why), OK);
	assert_string_equal(source_header(&s, "age", "age"), "ALTER");
	assert_string_equal(source_header(&s, "sex", "sex"), "sex");
}

static void assert_refused(const struct source *s, const char *expected_field, const char *words)
{
	char field[64] = "";
	struct diag why = {0};

	assert_int_equal(source_check(s, &schema, field, sizeof field, &why), ERR_CONFIG);
	assert_string_equal(field, expected_field);
	if (strncmp(why.text, words, strlen(words)) != 0)
		fail_msg("expected \"%s\", got \"%s\"", words, why.text);
}

static void test_columns_are_the_studys_and_mapped_once(void **state)
{
	const struct source_column unknown[] = {{"agee", "ALTER"}};
	const struct source_column far[] = {{"cholesterol", "CHOL"}};
	const struct source_column twice[] = {{"age", "ALTER"}, {"age", "JAHRE"}};
	struct source s = source_default("heart", "heart.csv");

	(void)state;
	s.columns = unknown;
	s.column_count = 1;
	assert_refused(&s, "sources.heart.columns.agee", "the study has no \"agee\"; did you mean \"age\"?");
	s.columns = far;
	assert_refused(&s, "sources.heart.columns.cholesterol", "the study has no feature \"cholesterol\"");
	s.columns = twice;
	s.column_count = 2;
	assert_refused(&s, "sources.heart.columns.age", "\"age\" is mapped twice");
}

static void test_recodes_are_the_studys(void **state)
{
	const struct source_recode unknown[] = {{"sexx", "m", "1"}};
	const struct source_recode patient[] = {{"patient", "1", "2"}};
	struct source s = source_default("heart", "heart.csv");

	(void)state;
	s.recodes = unknown;
	s.recode_count = 1;
	assert_refused(&s, "sources.heart.recode.sexx", "the study has no \"sexx\"; did you mean \"sex\"?");
	s.recodes = patient;
	assert_refused(&s, "sources.heart.recode.patient", "patient ids are taken as they are written");
}

static void test_conversions_keep_the_values(void **state)
{
	static const struct {
		struct source_convert convert;
		const char *field, *words;
	} cases[] = {
		{{"aeg", 2, 0}, "sources.heart.convert.aeg", "the study has no \"aeg\"; did you mean \"age\"?"},
		{{"sex", 2, 0}, "sources.heart.convert.sex", "\"sex\" is no numeric feature; use recode"},
		{{"disease", 2, 0}, "sources.heart.convert.disease", "\"disease\" is no numeric feature"},
		{{"age", 0, 1}, "sources.heart.convert.age", "times 0 and plus 1 would lose the values"},
		{{"age", NAN, 1}, "sources.heart.convert.age", "times nan"},
		{{"age", 1, INFINITY}, "sources.heart.convert.age", "times 1 and plus inf"},
	};
	const struct source_convert twice[] = {{"age", 2, 0}, {"age", 3, 0}};
	struct source s = source_default("heart", "heart.csv");

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		s.converts = &cases[i].convert;
		s.convert_count = 1;
		assert_refused(&s, cases[i].field, cases[i].words);
	}
	struct schema numeric = schema;
	numeric.label.type = COLUMN_NUMERIC;
	s.converts = &(const struct source_convert){"disease", 2, 0};
	assert_int_equal(source_check(&s, &numeric, (char[64]){0}, 64, NULL), OK);
	s.converts = twice;
	s.convert_count = 2;
	assert_refused(&s, "sources.heart.convert.age", "\"age\" is converted twice");
}

static void test_missing_codes_are_the_studys_and_few(void **state)
{
	const struct source_missing unknown[] = {{"diseas", {codes, 1}}};
	const struct source_missing many[] = {{"age", {codes, CODES_MAX + 1}}};
	struct source s = source_default("heart", "heart.csv");

	(void)state;
	s.missings = unknown;
	s.missing_count = 1;
	assert_refused(&s, "sources.heart.missing.diseas", "the study has no \"diseas\"; did you mean \"disease\"?");
	s.missings = many;
	assert_refused(&s, "sources.heart.missing.age", "65 codes; at most 64");
}

static void test_the_dialect_is_possible(void **state)
{
	struct source s = source_default("heart", "heart.csv");

	(void)state;
	for (const char *d = "\"\n\r\xe9"; *d; d++) {
		s.delimiter = *d;
		assert_refused(&s, "sources.heart.delimiter", "the delimiter is one ASCII character");
	}
	s.delimiter = '\0';
	assert_refused(&s, "sources.heart.delimiter", "the delimiter is one ASCII character");
	s.delimiter = ',';
	s.decimal = ',';
	assert_refused(&s, "sources.heart.decimal", "\",\" is the delimiter already");
	s.decimal = ';';
	assert_refused(&s, "sources.heart.decimal", "the decimal mark is \".\" or \",\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_source_passes),
		cmocka_unit_test(test_columns_are_the_studys_and_mapped_once),
		cmocka_unit_test(test_recodes_are_the_studys),
		cmocka_unit_test(test_conversions_keep_the_values),
		cmocka_unit_test(test_missing_codes_are_the_studys_and_few),
		cmocka_unit_test(test_the_dialect_is_possible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
