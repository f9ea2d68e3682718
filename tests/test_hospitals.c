/*
 * Real hospitals' files (../shared/data, may be absent), from bytes to inputs. The expected figures come from an
 * independent Python program (csv, hashlib, math.fsum, two passes) that was written from the definitions in
 * data/split.h and data/standardize.h, not from this code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/encode.h"
#include "tests/support/close.h"
#include "tests/support/shared.h"
#include "tests/support/studies.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 1e-7 /* relative: cells are floats of 24 bits, and so are inputs */

static const char *missing_codes[] = {"", "NA", "?"};
static const struct text_list study_missing = {missing_codes, 3};

static void load(struct table *t, const struct schema *s, const char *path)
{
	struct source source = source_default("test", path);
	struct diag why;

	if (table_load(t, s, &source, &why) != OK)
		fail_msg("%s", why.text);
}

static void assert_near(double x, double expected)
{
	assert_close(x, expected, NEAR * fmax(fabs(expected), 1e-9));
}

/* Sum and sum of squares of all inputs of a part over all tables. */
static void sum_inputs(double out[2], uint32_t *rows, const struct table *tables, size_t count, enum split_part part,
                       const struct scaling *scaling)
{
	out[0] = out[1] = 0;
	*rows = 0;
	for (size_t k = 0; k < count; k++) {
		struct examples e;
		examples_encode(&e, &tables[k], part, scaling);
		*rows += e.rows;
		for (size_t i = 0; i < (size_t)e.rows * e.width; i++) {
			out[0] += (double)e.inputs[i];
			out[1] += (double)e.inputs[i] * (double)e.inputs[i];
		}
		examples_free(&e);
	}
}

/* The federation's scaling: the hospitals' statistics added up. */
static void global_scaling(struct scaling *out, const struct table *tables, size_t count)
{
	const struct schema *s = tables[0].schema;
	uint32_t length = schema_statistics_length(s);
	double *total = calloc(length, sizeof *total), *one = calloc(length, sizeof *one);

	for (size_t k = 0; k < count; k++) {
		statistics_collect(one, &tables[k]);
		for (uint32_t i = 0; i < length; i++)
			total[i] += one[i];
	}
	assert_int_equal(statistics_check(s, total, NULL), OK);
	scaling_from_statistics(out, s, total);
	free(total);
	free(one);
}

/* ---- UCI heart disease: four hospitals, chol coded 0, ca, thal and slope missing nearly everywhere but Cleveland */

enum { HEART_FEATURES = 13, HEART_SITES = 4, HEART_INPUTS = 20 + 13 };

static const char *zero[] = {"0"};
static const char *one_to_four[] = {"1", "2", "3", "4"};
static const char *zero_to_three[] = {"0", "1", "2", "3"};
static const char *thal[] = {"3", "6", "7"};

#define NUMERIC(n, low, high, ...)                                                                                     \
	{                                                                                                              \
		.name = n, .column = n, .type = COLUMN_NUMERIC, .min = low, .max = high, __VA_ARGS__                   \
	}
#define BINARY(n)                                                                                                      \
	{                                                                                                              \
		.name = n, .column = n, .type = COLUMN_BINARY, .positive = "1", .negative = "0"                        \
	}
#define LEVELS(n, list, k)                                                                                             \
	{                                                                                                              \
		.name = n, .column = n, .type = COLUMN_CATEGORICAL, .levels = { list, k }                              \
	}

static struct feature heart_features[HEART_FEATURES] = {
	NUMERIC("age", 18, 110, ),
	BINARY("sex"),
	LEVELS("cp", one_to_four, 4),
	NUMERIC("trestbps", 50, 250, ),
	NUMERIC("chol", 50, 700, .missing = {zero, 1}),
	BINARY("fbs"),
	LEVELS("restecg", zero_to_three, 3),
	NUMERIC("thalach", 50, 250, ),
	BINARY("exang"),
	NUMERIC("oldpeak", -5, 10, ),
	LEVELS("slope", one_to_four, 3),
	LEVELS("ca", zero_to_three, 4),
	LEVELS("thal", thal, 3),
};

static struct schema heart_schema(struct split split)
{
	return (struct schema){
		.features = heart_features,
		.feature_count = HEART_FEATURES,
		.label = {.name = "disease",
	                  .column = "disease",
	                  .type = COLUMN_BINARY,
	                  .positive = "1",
	                  .negative = "0"},
		.missing = study_missing,
		.outside = OUTSIDE_MISSING,
		.fill = FILL_MEAN_AND_FLAG,
		.split = split,
	};
}

static void load_heart(struct table tables[HEART_SITES], const struct schema *s)
{
	static const char *const files[HEART_SITES] = {"heart/cleveland.csv", "heart/hungarian.csv",
	                                               "heart/switzerland.csv", "heart/va.csv"};
	const char *paths[HEART_SITES];

	for (int k = 0; k < HEART_SITES; k++)
		paths[k] = shared_data(files[k]);
	for (int k = 0; k < HEART_SITES; k++)
		load(&tables[k], s, paths[k]);
}

static void free_heart(struct table tables[HEART_SITES])
{
	for (int k = 0; k < HEART_SITES; k++)
		table_free(&tables[k]);
}

/* FLamby's split, in the column flamby_split; mean and deviation by input. */
static const double flamby_scaling[HEART_INPUTS][2] = {
	{52.952674897119344, 9.6158638989920053},
	{0.75720164609053497, 0.42877419844053027},
	{0.19958847736625515, 0.39969102700570475},
	{0.21604938271604937, 0.41154835310576016},
	{0.52469135802469136, 0.4993899646958242},
	{133.42474226804123, 18.211727449260589},
	{246.17741935483872, 57.616308709296632},
	{0.15020576131687244, 0.3572729916801593},
	{0.14814814814814814, 0.35524677950464589},
	{0.24074074074074073, 0.42753319928204425},
	{139.28189300411523, 26.065143961809778},
	{0.38683127572016462, 0.48702447561172385},
	{0.93621399176954734, 1.0710198917520208},
	{0.5938375350140056, 0.491115584177997},
	{0.078431372549019607, 0.26884920001572721},
	{0.215, 0.41082234603292944},
	{0.13, 0.33630343441600474},
	{0.074999999999999997, 0.26339134382131846},
	{0.093385214007782102, 0.29097150343719713},
	{0.41245136186770426, 0.49227556912889792},
	{0, 0},
	{0, 0},
	{0, 0},
	{0.00205761316872428, 0.045314229517582801},
	{0.10699588477366255, 0.30910801577306868},
	{0, 0},
	{0, 0},
	{0, 0},
	{0, 0},
	{0, 0},
	{0.26543209876543211, 0.44156301895698874},
	{0.58847736625514402, 0.49210949560088058},
	{0.4711934156378601, 0.49916949095210827},
};

static void test_heart_by_its_split_column(void **state)
{
	static const uint32_t train[] = {199, 172, 30, 85}, test[] = {104, 89, 16, 45}, out[] = {0, 33, 77, 70};
	static const uint32_t positives[] = {91, 65, 30, 66};
	const struct split split = {.column = "flamby_split", .train = "train", .test = "test"};
	const struct schema s = heart_schema(split);
	struct table tables[HEART_SITES];
	struct scaling scaling;
	double sums[2];
	uint32_t rows;

	(void)state;
	load_heart(tables, &s);
	for (int k = 0; k < HEART_SITES; k++) {
		const struct dictionary *d = &tables[k].dictionary;
		assert_int_equal(tables[k].part_rows[PART_TRAIN], train[k]);
		assert_int_equal(tables[k].part_rows[PART_TEST], test[k]);
		assert_int_equal(d->dropped[DROPPED_LEFT_OUT], out[k]);
		assert_int_equal(d->classes[PART_TRAIN][1], positives[k]);
	}
	global_scaling(&scaling, tables, HEART_SITES);
	assert_int_equal(scaling.inputs, HEART_INPUTS);
	for (int i = 0; i < HEART_INPUTS; i++) {
		assert_near(scaling.mean[i], flamby_scaling[i][0]);
		assert_near(scaling.deviation[i], flamby_scaling[i][1]);
	}
	sum_inputs(sums, &rows, tables, HEART_SITES, PART_TRAIN, &scaling);
	assert_int_equal(rows, 486);
	assert_close(sums[0], 0, 1e-3);
	assert_near(sums[1], 10523.0);
	sum_inputs(sums, &rows, tables, HEART_SITES, PART_TEST, &scaling);
	assert_int_equal(rows, 254);
	assert_close(sums[0], 44.70985213977375, 1e-3);
	assert_near(sums[1], 5324.597711165001);
	scaling_free(&scaling);
	free_heart(tables);
}

static void test_heart_by_hash(void **state)
{
	static const uint32_t train[] = {211, 204, 87, 139}, test[] = {92, 90, 36, 61}, positives[] = {95, 74, 80, 99};
	const struct schema s = heart_schema((struct split){.test_fraction = 0.3, .seed = 42});
	struct table tables[HEART_SITES];
	struct scaling scaling;
	double sums[2];
	uint32_t rows;

	(void)state;
	load_heart(tables, &s);
	for (int k = 0; k < HEART_SITES; k++) {
		assert_int_equal(tables[k].part_rows[PART_TRAIN], train[k]);
		assert_int_equal(tables[k].part_rows[PART_TEST], test[k]);
		assert_int_equal(tables[k].dictionary.classes[PART_TRAIN][1], positives[k]);
	}
	global_scaling(&scaling, tables, HEART_SITES);
	assert_near(scaling.mean[0], 53.333853354134163); /* age */
	assert_near(scaling.deviation[0], 9.2916478508953002);
	assert_near(scaling.mean[6], 245.75999999999999); /* chol, without the zeros */
	assert_near(scaling.deviation[6], 57.068961791853198);
	assert_near(scaling.mean[24], 0.21996879875195008); /* chol missing */
	sum_inputs(sums, &rows, tables, HEART_SITES, PART_TRAIN, &scaling);
	assert_near(sums[1], 16473.0);
	sum_inputs(sums, &rows, tables, HEART_SITES, PART_TEST, &scaling);
	assert_close(sums[0], -20.51788093617832, 1e-3);
	assert_near(sums[1], 6768.711548253282);
	scaling_free(&scaling);
	free_heart(tables);
}

static void test_heart_with_a_validation_part(void **state)
{
	static const uint32_t parts[HEART_SITES][PART_COUNT] = {
		{195, 45, 63}, {189, 43, 62}, {79, 18, 26}, {123, 32, 45}};
	const struct schema s =
		heart_schema((struct split){.test_fraction = 0.2, .validation_fraction = 0.15, .seed = 7});
	struct table tables[HEART_SITES];

	(void)state;
	load_heart(tables, &s);
	for (int k = 0; k < HEART_SITES; k++)
		assert_memory_equal(tables[k].part_rows, parts[k], sizeof parts[k]);
	free_heart(tables);
}

static void test_heart_as_the_hospital_sees_it(void **state)
{
	/* missing by hospital: age, sex, cp, trestbps, chol, fbs, restecg, thalach, exang, oldpeak, slope, ca, thal */
	static const uint32_t missing[HEART_SITES][HEART_FEATURES] = {
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 2},
		{0, 0, 0, 1, 23, 8, 1, 1, 1, 0, 190, 291, 266},
		{0, 0, 0, 2, 123, 75, 1, 1, 1, 6, 17, 118, 52},
		{0, 0, 0, 57, 56, 7, 0, 53, 53, 56, 102, 198, 166},
	};
	const struct schema s = heart_schema((struct split){.seed = 42});
	struct table tables[HEART_SITES];

	(void)state;
	load_heart(tables, &s);
	for (int k = 0; k < HEART_SITES; k++)
		for (int i = 0; i < HEART_FEATURES; i++)
			assert_int_equal(tables[k].dictionary.features[i].missing, missing[k][i]);
	const struct feature_report *pressure = &tables[3].dictionary.features[3]; /* one patient has 0 mmHg */
	assert_int_equal(pressure->below, 1);
	assert_true(pressure->lowest == 0);
	free_heart(tables);
}

/* ---- Wisconsin breast cancer */

static void test_breast_cancer(void **state)
{
	static const struct {
		int input;
		double mean, deviation;
	} expected[] = {
		{0, 14.127281725888325, 3.3991048805764206},      {3, 651.39289340101516, 327.82154858397229},
		{4, 0.096478553299492384, 0.014342772997128526},  {14, 0.0069389822335025383, 0.0030192134841935453},
		{29, 0.085033756345177666, 0.019114053540331594},
	};
	struct tempdir dir;
	struct study study;
	struct table t;
	struct scaling scaling;
	double sums[2];
	uint32_t rows;

	(void)state;
	tempdir_make(&dir);
	studies_load(&study, "wdbc", NULL, NULL);
	load(&t, &study.schema, studies_wdbc(&dir));
	assert_int_equal(t.part_rows[PART_TRAIN], 394);
	assert_int_equal(t.dictionary.classes[PART_TRAIN][1], 242);
	global_scaling(&scaling, &t, 1);
	for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
		assert_near(scaling.mean[expected[k].input], expected[k].mean);
		assert_near(scaling.deviation[expected[k].input], expected[k].deviation);
	}
	sum_inputs(sums, &rows, &t, 1, PART_TEST, &scaling);
	assert_int_equal(rows, 175);
	assert_close(sums[0], -312.624636076415, 1e-3);
	assert_near(sums[1], 5439.621303126874);
	scaling_free(&scaling);
	table_free(&t);
	study_free(&study);
	tempdir_remove(&dir);
}

/* ---- International Stroke Trial: 16,655 patients, gzip, 43 columns of which 37 are read */

static struct feature stroke_features[] = {
	NUMERIC("age", 16, 110, ),
	BINARY("male"),
	NUMERIC("delay_h", 0, 48, ),
	NUMERIC("sbp", 50, 300, ),
	BINARY("drowsy"),
	BINARY("unconscious"),
	BINARY("sleep_onset"),
	BINARY("af"),
	BINARY("ct_before"),
	BINARY("infarct_visible"),
	BINARY("heparin_24h"),
	BINARY("aspirin_3d"),
	BINARY("def1"),
	BINARY("def2"),
	BINARY("def3"),
	BINARY("def4"),
	BINARY("def5"),
	BINARY("def6"),
	BINARY("def7"),
	BINARY("def8"),
	BINARY("def1_na"),
	BINARY("def2_na"),
	BINARY("def3_na"),
	BINARY("def4_na"),
	BINARY("def5_na"),
	BINARY("def6_na"),
	BINARY("def7_na"),
	BINARY("def8_na"),
	BINARY("stype_lacs"),
	BINARY("stype_pacs"),
	BINARY("stype_pocs"),
	BINARY("stype_tacs"),
	BINARY("rx_aspirin"),
	BINARY("rx_heparin_low"),
	BINARY("rx_heparin_med"),
};
enum { STROKE_FEATURES = sizeof stroke_features / sizeof stroke_features[0] };

static void test_stroke(void **state)
{
	struct schema s = heart_schema((struct split){.column = "split", .train = "train", .test = "test"});
	const char *path = shared_data("ist_public.csv.gz");
	struct table t;
	struct scaling scaling;
	double sums[2];
	uint32_t rows;

	(void)state;
	s.features = stroke_features;
	s.feature_count = STROKE_FEATURES;
	s.fill = FILL_MEAN;
	s.label.name = s.label.column = "y_dead_or_dependent_6m";
	load(&t, &s, path);
	assert_int_equal(t.rows, 16655);
	assert_int_equal(t.part_rows[PART_TRAIN], 11756);
	assert_int_equal(t.dictionary.classes[PART_TRAIN][1], 7520);
	assert_int_equal(t.dictionary.classes[PART_TEST][1], 3096);
	global_scaling(&scaling, &t, 1);
	assert_near(scaling.mean[0], 72.408727458319163);
	assert_near(scaling.deviation[0], 11.313501979044245);
	assert_near(scaling.mean[3], 160.61134739707384);
	assert_near(scaling.deviation[3], 27.715211966226615);
	assert_near(scaling.deviation[34], 0.4332579791230961);
	sum_inputs(sums, &rows, &t, 1, PART_TEST, &scaling);
	assert_int_equal(rows, 4899);
	assert_close(sums[0], -264.8009469598183, 1e-2);
	assert_near(sums[1], 169869.28130298576);
	scaling_free(&scaling);
	table_free(&t);

	s.split = (struct split){.test_fraction = 0.3, .seed = 42};
	load(&t, &s, path);
	assert_int_equal(t.part_rows[PART_TEST], 4968);
	table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heart_by_its_split_column),
		cmocka_unit_test(test_heart_by_hash),
		cmocka_unit_test(test_heart_with_a_validation_part),
		cmocka_unit_test(test_heart_as_the_hospital_sees_it),
		cmocka_unit_test(test_breast_cancer),
		cmocka_unit_test(test_stroke),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
