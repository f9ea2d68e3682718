/*
 * The schema: widths and names of the inputs, and every contradiction that needs no data. Each case breaks one thing in
 * a schema that is good otherwise, so that a check that is gone lets its case through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "data/schema.h"

#include <math.h>
#include <string.h>

enum { AGE, SEX, CP, FEATURES };

/* A good schema over storage that the case may change. */
struct sample {
	struct feature features[FEATURES];
	struct schema schema;
};

static const char *missing_codes[] = {"", "NA"};
static const char *pain_levels[] = {"1", "2", "3", "4"};
static const char *wrong_levels[] = {"1", "2", "2.0", "4"};
static const char *too_many[LEVELS_MAX + 1];

static void sample_init(struct sample *s)
{
	*s = (struct sample){
		.features =
			{{.name = "age", .column = "age", .unit = "a", .type = COLUMN_NUMERIC, .min = 18, .max = 110},
	                 {.name = "sex", .column = "sex", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	                 {.name = "cp", .column = "cp", .type = COLUMN_CATEGORICAL, .levels = {pain_levels, 4}}},
		.schema = {.source = "heart",
	                   .feature_count = FEATURES,
	                   .label = {.name = "disease",
	                             .column = "disease",
	                             .type = COLUMN_BINARY,
	                             .positive = "1",
	                             .negative = "0"},
	                   .patient_id = "patient",
	                   .missing = {missing_codes, 2},
	                   .fill = FILL_MEAN_AND_FLAG,
	                   .split = {.test_fraction = 0.3, .validation_fraction = 0.1, .seed = 42}},
	};
	s->schema.features = s->features;
}

static void test_counts_inputs(void **state)
{
	struct sample s;

	(void)state;
	sample_init(&s);
	assert_int_equal(schema_feature_width(&s.features[AGE]), 1);
	assert_int_equal(schema_feature_width(&s.features[SEX]), 1);
	assert_int_equal(schema_feature_width(&s.features[CP]), 3);
	assert_int_equal(schema_inputs(&s.schema), 5 + 3);
	s.schema.fill = FILL_MEAN;
	assert_int_equal(schema_inputs(&s.schema), 5);
	assert_int_equal(schema_statistics_length(&s.schema), 3 + 3 + 5 + 2);
}

static void test_counts_outputs(void **state)
{
	struct sample s;

	(void)state;
	sample_init(&s);
	assert_int_equal(schema_classes(&s.schema), 2);
	assert_int_equal(schema_outputs(&s.schema), 1);
	s.schema.label.type = COLUMN_CATEGORICAL;
	s.schema.label.levels = (struct text_list){pain_levels, 4};
	assert_int_equal(schema_classes(&s.schema), 4);
	assert_int_equal(schema_outputs(&s.schema), 4);
	s.schema.label.type = COLUMN_NUMERIC;
	assert_int_equal(schema_classes(&s.schema), 0);
	assert_int_equal(schema_outputs(&s.schema), 1);
	assert_int_equal(schema_statistics_length(&s.schema), 3 + 3 + 5 + 3);
}

static void test_names_inputs_in_order(void **state)
{
	static const char *const names[] = {"age",  "sex",         "cp=2",        "cp=3",
	                                    "cp=4", "age missing", "sex missing", "cp missing"};
	struct sample s;
	char name[64];

	(void)state;
	sample_init(&s);
	for (uint32_t i = 0; i < schema_inputs(&s.schema); i++) {
		schema_input_name(name, sizeof name, &s.schema, i);
		assert_string_equal(name, names[i]);
	}
	schema_input_name(name, 4, &s.schema, 7);
	assert_string_equal(name, "cp ");
}

static void test_a_good_schema_passes(void **state)
{
	struct sample s;
	struct diag why = {0};
	char field[64] = "";

	(void)state;
	sample_init(&s);
	assert_int_equal(schema_check(&s.schema, field, sizeof field, &why), OK);
	s.schema.split = (struct split){.column = "split", .train = "train", .test = "test"};
	assert_int_equal(schema_check(&s.schema, field, sizeof field, &why), OK);
	s.schema.split.validation = "valid";
	assert_int_equal(schema_check(&s.schema, field, sizeof field, &why), OK);
	s.schema.label.type = COLUMN_CATEGORICAL;
	s.schema.label.levels = (struct text_list){pain_levels, 4};
	assert_int_equal(schema_check(&s.schema, field, sizeof field, &why), OK);
	s.schema.label.type = COLUMN_NUMERIC;
	s.schema.label.min = -5;
	s.schema.label.max = 5;
	assert_int_equal(schema_check(&s.schema, field, sizeof field, &why), OK);
}

/* ---- one thing wrong */

static void no_features(struct sample *s)
{
	s->schema.feature_count = 0;
}
static void many_features(struct sample *s)
{
	s->schema.feature_count = FEATURES_MAX + 1;
}
static void many_codes(struct sample *s)
{
	s->schema.missing.count = CODES_MAX + 1;
}
static void many_codes_of_one(struct sample *s)
{
	s->features[AGE].missing = (struct text_list){too_many, CODES_MAX + 1};
}
static void empty_name(struct sample *s)
{
	s->features[SEX].name = "";
}
static void name_twice(struct sample *s)
{
	s->features[CP].name = "age";
}
static void name_of_label(struct sample *s)
{
	s->features[SEX].name = "disease";
}
static void reads_label(struct sample *s)
{
	s->features[SEX].column = "disease";
}
static void reads_patient(struct sample *s)
{
	s->features[SEX].column = "patient";
}
static void reads_part(struct sample *s)
{
	s->schema.split = (struct split){.column = "age", .train = "a", .test = "b"};
}
static void range_empty(struct sample *s)
{
	s->features[AGE].max = 18;
}
static void range_endless(struct sample *s)
{
	s->features[AGE].max = INFINITY;
}
static void range_unknown(struct sample *s)
{
	s->features[AGE].min = NAN;
}
static void range_tiny(struct sample *s)
{
	s->features[AGE].min = 0;
	s->features[AGE].max = 1e-31;
}
static void range_huge(struct sample *s)
{
	s->features[AGE].max = 1e31;
}
static void one_level(struct sample *s)
{
	s->features[CP].levels.count = 1;
}
static void many_levels(struct sample *s)
{
	s->features[CP].levels = (struct text_list){too_many, LEVELS_MAX + 1};
}
static void level_twice(struct sample *s)
{
	s->features[CP].levels.items = wrong_levels;
}
static void level_is_missing(struct sample *s)
{
	missing_codes[1] = "3.0";
	(void)s;
}
static void positive_is_negative(struct sample *s)
{
	s->features[SEX].positive = "0.0";
}
static void positive_is_missing(struct sample *s)
{
	s->features[SEX].missing = (struct text_list){pain_levels, 1};
}
static void negative_is_missing(struct sample *s)
{
	s->features[SEX].negative = "NA";
}
static void label_nameless(struct sample *s)
{
	s->schema.label.name = "";
}
static void label_empty_range(struct sample *s)
{
	s->schema.label.type = COLUMN_NUMERIC;
	s->schema.label.min = s->schema.label.max = 5;
}
static void label_is_patient(struct sample *s)
{
	s->schema.label.column = "patient";
}
static void label_same(struct sample *s)
{
	s->schema.label.positive = "0";
}
static void label_levels(struct sample *s)
{
	s->schema.label.type = COLUMN_CATEGORICAL;
	s->schema.label.levels = (struct text_list){wrong_levels, 4};
}
static void label_of_two(struct sample *s)
{
	s->schema.label.type = COLUMN_CATEGORICAL;
	s->schema.label.levels = (struct text_list){pain_levels, 2};
}
static void test_all(struct sample *s)
{
	s->schema.split.test_fraction = 1;
}
static void test_negative(struct sample *s)
{
	s->schema.split.test_fraction = -0.1;
}
static void validation_unknown(struct sample *s)
{
	s->schema.split.validation_fraction = NAN;
}
static void nobody_trains(struct sample *s)
{
	s->schema.split.test_fraction = 0.5;
	s->schema.split.validation_fraction = 0.5;
}
static void split_without_train(struct sample *s)
{
	s->schema.split = (struct split){.column = "split", .test = "test"};
}
static void split_without_test(struct sample *s)
{
	s->schema.split = (struct split){.column = "split", .train = "train"};
}
static void split_on_label(struct sample *s)
{
	s->schema.split = (struct split){.column = "disease", .train = "0", .test = "1"};
}
static void split_same(struct sample *s)
{
	s->schema.split = (struct split){.column = "split", .train = "1", .test = "1.0"};
}
static void split_same_validation(struct sample *s)
{
	s->schema.split = (struct split){.column = "split", .train = "1", .test = "2", .validation = "2"};
}

static const struct {
	void (*spoil)(struct sample *s);
	const char *field, *words;
} cases[] = {
	{no_features, "data.features", "0 features"},
	{many_features, "data.features", "4097 features"},
	{many_codes, "data.missing", "65 codes for missing"},
	{many_codes_of_one, "data.features[0].missing", "65 codes for missing"},
	{empty_name, "data.features[1].name", "a feature needs a name"},
	{name_twice, "data.features[2].name", "the name \"age\" is used twice"},
	{name_of_label, "data.features[1].name", "the name \"disease\" is used twice"},
	{reads_label, "data.features[1].column", "feature \"sex\" reads column \"disease\", which is the label"},
	{reads_patient, "data.features[1].column", "feature \"sex\" reads column \"patient\", which is the patient id"},
	{reads_part, "data.features[0].column", "feature \"age\" reads column \"age\", which is the split column"},
	{range_empty, "data.features[0].max", "max 18 is not above min 18"},
	{range_endless, "data.features[0].max", "max inf is not above"},
	{range_unknown, "data.features[0].max", "max 110 is not above min nan"},
	{range_tiny, "data.features[0].max", "the range from min 0 to max 1e-31 is too small"},
	{range_huge, "data.features[0].max", "the range from min 18 to max 1e+31 is too large"},
	{one_level, "data.features[2].levels", "1 levels; between 2"},
	{many_levels, "data.features[2].levels", "1025 levels; between 2"},
	{level_twice, "data.features[2].levels[2]", "level \"2.0\" is the same as level \"2\""},
	{level_is_missing, "data.features[2].levels[2]", "\"3\" is also a code for missing"},
	{positive_is_negative, "data.features[1].positive", "positive \"0.0\" and negative \"0\" are the same"},
	{positive_is_missing, "data.features[1].positive", "\"1\" is also a code for missing"},
	{negative_is_missing, "data.features[1].negative", "\"NA\" is also a code for missing"},
	{label_nameless, "data.label.name", "the label needs a name"},
	{label_empty_range, "data.label.max", "max 5 is not above min 5"},
	{label_is_patient, "data.label.column", "column \"patient\" is the patient id"},
	{label_same, "data.label.positive", "positive \"0\" and negative \"0\" are the same"},
	{label_levels, "data.label.levels[2]", "level \"2.0\" is the same as level \"2\""},
	{label_of_two, "data.label.levels", "a label of two levels is binary"},
	{test_all, "data.split.test_fraction", "1 is no fraction"},
	{test_negative, "data.split.test_fraction", "-0.1 is no fraction"},
	{validation_unknown, "data.split.validation_fraction", "nan is no fraction"},
	{nobody_trains, "data.split.test_fraction", "test_fraction 0.5 and validation_fraction 0.5 leave nobody"},
	{split_without_train, "data.split.train", "a split by column names the value of the training rows"},
	{split_without_test, "data.split.test", "a split by column names the value of the test rows"},
	{split_on_label, "data.split.column", "column \"disease\" is the label"},
	{split_same, "data.split.test", "train and test are the same value"},
	{split_same_validation, "data.split.validation", "another part has the same value"},
};

static void test_each_contradiction_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct sample s;
		struct diag why = {0};
		char field[64] = "";
		missing_codes[1] = "NA";
		sample_init(&s);
		cases[i].spoil(&s);
		if (schema_check(&s.schema, field, sizeof field, &why) != ERR_DATA)
			fail_msg("case %zu (%s) passed", i, cases[i].words);
		assert_string_equal(field, cases[i].field);
		if (strncmp(why.text, cases[i].words, strlen(cases[i].words)) != 0)
			fail_msg("case %zu: expected \"%s\", got \"%s\"", i, cases[i].words, why.text);
		assert_int_equal(schema_check(&s.schema, field, sizeof field, NULL), ERR_DATA);
	}
	missing_codes[1] = "NA";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_inputs),
		cmocka_unit_test(test_counts_outputs),
		cmocka_unit_test(test_names_inputs_in_order),
		cmocka_unit_test(test_a_good_schema_passes),
		cmocka_unit_test(test_each_contradiction_is_named),
	};

	for (size_t i = 0; i < LEVELS_MAX + 1; i++)
		too_many[i] = "x";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
