/*
 * Where the simulator's sites come from: folders, and what a person mistypes. Each refusal is one whole line.
 */
#include "simulator/federation.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct tempdir dir;
	struct study study;
	struct federation federation;
	struct federation_options options;
	struct diag why;
};

#define HEADER "x,y,kind,label\n"
#define ROW "1,2,a,1\n"

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	tempdir_make(&f->dir);
	small_study(&f->study, "  split: {test_fraction: 0, validation_fraction: 0, seed: 7}");
	tempdir_folder(&f->dir, "sites");
	f->options.data = tempdir_path(&f->dir, "sites");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	federation_free(&f->federation);
	study_free(&f->study);
	tempdir_remove(&f->dir);
	free(f);
	return 0;
}

static void load(struct fixture *f)
{
	federation_free(&f->federation);
	if (federation_load(&f->federation, &f->study, &f->options, &f->why) != OK)
		fail_msg("%s", f->why.text);
}

/* `words` are the whole line; a "@" in it stands for the temporary folder. */
static void assert_refused(struct fixture *f, enum err e, const char *words)
{
	static const struct federation zero;
	char expected[DIAG_MAX];
	const char *at = strchr(words, '@');

	if (at)
		snprintf(expected, sizeof expected, "%.*s%s%s", (int)(at - words), words, tempdir_path(&f->dir, NULL),
		         at + 1);
	else
		snprintf(expected, sizeof expected, "%s", words);
	federation_free(&f->federation);
	assert_int_equal(federation_load(&f->federation, &f->study, &f->options, &f->why), e);
	assert_string_equal(f->why.text, expected);
	assert_memory_equal(&f->federation, &zero, sizeof zero);
	assert_int_equal(federation_load(&f->federation, &f->study, &f->options, NULL), e);
}

static void assert_warned(const struct federation *f, const char *line)
{
	for (uint32_t i = 0; i < f->warning_count; i++)
		if (strcmp(f->warnings[i], line) == 0)
			return;
	fail_msg("no warning \"%s\" among %u, such as \"%s\"", line, f->warning_count,
	         f->warning_count > 0 ? f->warnings[0] : "");
}

static void write_site(struct fixture *f, const char *file, const char *text)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof path, "sites/%s", file);
	tempdir_write(&f->dir, path, text);
}

/* ---- a folder */

static void test_a_folder_gives_a_site_for_each_csv(void **state)
{
	struct fixture *f = *state;

	write_site(f, "b.csv", HEADER ROW ROW);
	write_site(f, "Air.port.csv", HEADER ROW);
	write_site(f, "c-2.csv.gz", HEADER ROW ROW ROW); /* told by content, so it need not be compressed */
	write_site(f, ".hidden.csv", "not looked at");
	load(f);
	const struct federation *got = &f->federation;
	assert_ptr_equal(got->study, &f->study);
	assert_int_equal(got->count, 3);
	assert_warned(got, "b: all training rows have the same label");
	assert_string_equal(got->sites[0].name, "Air.port");
	assert_string_equal(got->sites[1].name, "b");
	assert_string_equal(got->sites[2].name, "c-2");
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(got->sites[i].table.rows, i + 1);
		assert_ptr_equal(got->sites[i].table.schema, &f->study.schema);
		assert_null(got->sites[i].table.dictionary.features);
	}
}

static void test_other_files_are_left_out_with_a_warning(void **state)
{
	struct fixture *f = *state;
	char expected[DIAG_MAX];

	write_site(f, "a.csv", HEADER ROW "1,2,b,0\n");
	write_site(f, "README.md", "about");
	tempdir_folder(&f->dir, "sites/plots");
	load(f);
	assert_int_equal(f->federation.count, 1);
	snprintf(expected, sizeof expected, "%s/README.md is left out: it is no .csv and no .csv.gz", f->options.data);
	assert_warned(&f->federation, expected);
}

static void test_warnings_are_bounded(void **state)
{
	struct fixture *f = *state;
	char name[32];

	for (int i = 0; i < FEDERATION_WARNINGS_MAX + 7; i++) {
		snprintf(name, sizeof name, "%d.txt", i);
		write_site(f, name, "");
	}
	write_site(f, "a.csv", HEADER ROW "1,2,b,0\n");
	load(f);
	assert_int_equal(f->federation.warning_count, FEDERATION_WARNINGS_MAX);
	assert_true(f->federation.warnings_left_out >= 7); /* those files, and what the site's table warns of */
}

static void test_a_site_may_be_poor_but_not_all_of_them(void **state)
{
	struct fixture *f = *state;

	write_site(f, "a.csv", HEADER);
	assert_refused(f, ERR_DATA, "no site has a training row that the study can use");
	write_site(f, "b.csv", HEADER ROW);
	load(f);
	assert_int_equal(f->federation.count, 2);
	assert_int_equal(f->federation.sites[0].table.rows, 0);
}

static void test_folders_that_give_no_sites(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, ERR_NO_INPUT, "@/sites: no .csv or .csv.gz in it; there must be one for each site");
	write_site(f, ".csv", HEADER ROW);
	assert_refused(f, ERR_NO_INPUT, "@/sites: no .csv or .csv.gz in it; there must be one for each site");
	f->options.data = tempdir_path(&f->dir, "none");
	assert_refused(f, ERR_NO_INPUT, "--data @/none cannot be listed: No such file or directory");
}

static void test_names_of_files_are_names_of_sites(void **state)
{
	struct fixture *f = *state;

	write_site(f, "a.csv", HEADER ROW);
	write_site(f, "A.csv.gz", HEADER ROW);
	assert_refused(f, ERR_DATA, "@/sites: A.csv.gz and a.csv are of one site; rename one");
	write_site(f, "St Mary.csv", HEADER ROW);
	assert_refused(f, ERR_DATA,
	               "@/sites/St Mary.csv: its name gives no site's name; before .csv there may be at most 64 "
	               "letters, digits, '.', '_' and '-', the first a letter or digit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_folder_gives_a_site_for_each_csv, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_files_are_left_out_with_a_warning, setup, teardown),
		cmocka_unit_test_setup_teardown(test_warnings_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_site_may_be_poor_but_not_all_of_them, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folders_that_give_no_sites, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_of_files_are_names_of_sites, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
