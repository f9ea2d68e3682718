/*
 * The studies of real data load, and the data are what they say: as many sites, rows and rare sites as the publications tell.
 */
#include "tests/support/shared.h"
#include "tests/support/studies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "privacy/calibrate.h"

/* The noise of the steps, if nothing were released beside them, which asks for a little more. */
static double steps_alone(const struct privacy_plan *p)
{
	return p->mechanism == PRIVACY_NONE
	               ? 0
	               : calibrate_multiplier(p->epsilon, p->delta, p->sampling_rate, p->steps, NULL, 0);
}

static void test_each_loads(void **state)
{
	static const struct {
		const char *name;
		uint32_t features, inputs, outputs;
	} expected[] = {
		{"heart", 13, 31, 1},
		{"heart_flamby", 13, 13, 1},
		{"ist_public", 35, 35, 1},
		{"wdbc", 30, 30, 1},
		{"digits", 64, 64, 10},
		{"heart_private", 13, 31, 1},
		{"ist_public_private", 35, 35, 1},
		{"wdbc_private", 30, 30, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
		struct study s;
		studies_load(&s, expected[i].name, NULL, NULL);
		assert_int_equal(s.schema.feature_count, expected[i].features);
		assert_int_equal(schema_inputs(&s.schema), expected[i].inputs);
		assert_int_equal(schema_outputs(&s.schema), expected[i].outputs);
		assert_int_equal(s.privacy.noise_multiplier > 0, strstr(expected[i].name, "_private") != NULL);
		double alone = steps_alone(&s.privacy);
		assert_true(s.privacy.noise_multiplier >= alone && s.privacy.noise_multiplier <= 1.12 * alone);
		study_free(&s);
	}
}

static void assert_site(const struct federation *f, uint32_t index, const char *name, uint32_t train, uint32_t test)
{
	assert_string_equal(f->sites[index].name, name);
	assert_int_equal(f->sites[index].table.part_rows[PART_TRAIN], train);
	assert_int_equal(f->sites[index].table.part_rows[PART_TEST], test);
}

static void test_heart(void **state)
{
	struct tempdir dir;
	struct study s;
	struct federation f;

	(void)state;
	tempdir_make(&dir);
	studies_heart(&dir);
	struct federation_options options = {.data = tempdir_path(&dir, NULL)};
	studies_load(&s, "heart", NULL, NULL);
	studies_sites(&f, &s, &options);
	assert_int_equal(f.count, 4);
	assert_site(&f, 0, "cleveland", 211, 92); /* as test_hospitals */
	assert_site(&f, 3, "va", 139, 61);
	federation_free(&f);
	study_free(&s);
	tempdir_remove(&dir);
}

static void test_heart_as_flamby_splits_it(void **state)
{
	struct federation_options options = {.data = shared_data("heart/heart_flamby13.csv"), .site_column = "site"};
	struct study s;
	struct federation f;

	(void)state;
	studies_load(&s, "heart_flamby", NULL, NULL);
	studies_sites(&f, &s, &options);
	assert_int_equal(f.count, 4);
	assert_site(&f, 0, "cleveland", 199, 104);
	assert_site(&f, 1, "hungarian", 172, 89);
	assert_site(&f, 2, "switzerland", 30, 16);
	assert_site(&f, 3, "va", 85, 45);
	assert_int_equal(f.warning_count, 1); /* Switzerland trains on 30 patients, all ill */
	assert_string_equal(f.warnings[0], "one class of the label among the training rows of 1 of 4 sites");
	federation_free(&f);
	study_free(&s);
}

/* Of 423 hospitals 55 have at most one class among their training rows and 31 no test row; countries are another cut of the same
 * rows. */
static void test_stroke_by_hospital_and_country(void **state)
{
	struct federation_options options = {.data = shared_data("ist_public.csv.gz"), .site_column = "site_hosp"};
	uint32_t rows = 0;
	struct study s;
	struct federation f;

	(void)state;
	studies_load(&s, "ist_public", NULL, NULL);
	studies_sites(&f, &s, &options);
	assert_int_equal(f.count, 423);
	for (uint32_t i = 0; i < f.count; i++)
		rows += f.sites[i].table.rows;
	assert_int_equal(rows, 16655);
	assert_int_equal(f.warning_count, 3);
	assert_string_equal(f.warnings[0], "no training row at 1 of 423 sites");
	assert_string_equal(f.warnings[1], "one class of the label among the training rows of 54 of 423 sites");
	assert_string_equal(f.warnings[2], "no test row at 31 of 423 sites");
	federation_free(&f);
	options.site_column = "site_country";
	studies_sites(&f, &s, &options);
	assert_int_equal(f.count, 30);
	federation_free(&f);
	study_free(&s);
}

static void spread(struct federation *f, struct study *s, const char *name, const char *path)
{
	struct federation_options options = {.data = path, .partition = "dirichlet:0.5", .sites = 5, .seed = 1};

	studies_load(s, name, NULL, NULL);
	studies_sites(f, s, &options);
	assert_int_equal(f->count, 5);
}

static void test_breast_cancer_and_digits(void **state)
{
	uint32_t rows = 0, positives = 0;
	struct tempdir dir;
	struct study s;
	struct federation f;

	(void)state;
	tempdir_make(&dir);
	spread(&f, &s, "wdbc", studies_wdbc(&dir));
	for (uint32_t i = 0; i < 5; i++) {
		rows += f.sites[i].table.rows;
		for (uint32_t row = 0; row < f.sites[i].table.rows; row++)
			positives += f.sites[i].table.classes[row];
	}
	assert_int_equal(rows, 569);
	assert_int_equal(positives, 357);
	federation_free(&f);
	study_free(&s);
	spread(&f, &s, "digits", studies_digits(&dir));
	rows = 0;
	for (uint32_t i = 0; i < 5; i++)
		rows += f.sites[i].table.rows;
	assert_int_equal(rows, 1797);
	federation_free(&f);
	study_free(&s);
	tempdir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_loads),
		cmocka_unit_test(test_heart),
		cmocka_unit_test(test_heart_as_flamby_splits_it),
		cmocka_unit_test(test_stroke_by_hospital_and_country),
		cmocka_unit_test(test_breast_cancer_and_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
