/*
 * Where the simulator's sites come from: a folder, a column, a partition, the study itself; and what a person mistypes. Each
 * refusal is one whole line.
 */
#include "base/random.h"
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
	assert_refused(f, ERR_NO_INPUT, "--data @/none: No such file or directory");
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

static void test_a_site_that_lacks_a_column(void **state)
{
	struct fixture *f = *state;

	write_site(f, "a.csv", HEADER ROW);
	write_site(f, "b.csv", "x,kin,y,label\n1,2,a,1\n");
	assert_refused(f, ERR_DATA,
	               "@/sites/b.csv:1:1: no column \"kind\"; did you mean \"kin\"? the file has \"x\", \"kin\", "
	               "\"y\", \"label\"");
	write_site(f, "b.csv", HEADER "1,2,a\n");
	assert_refused(f, ERR_DATA, "@/sites/b.csv:2:3: the row has 3 cells, the header 4");
	write_site(f, "b.csv", "");
	assert_refused(f, ERR_DATA,
	               "@/sites/b.csv:1:1: the file is empty; its first line must be a header of column names");
}

/* ---- one file */

static void use_file(struct fixture *f, const char *text)
{
	tempdir_write(&f->dir, "all.csv", text);
	f->options = (struct federation_options){.data = tempdir_path(&f->dir, "all.csv")};
}

/* "name: records; ..." of all sites. */
static void assert_sites(struct fixture *f, const char *expected)
{
	struct buf shown;

	load(f);
	buf_init(&shown, 1u << 20);
	for (uint32_t i = 0; i < f->federation.count; i++) {
		const struct table *t = &f->federation.sites[i].table;
		buf_printf(&shown, "%s:", f->federation.sites[i].name);
		for (uint32_t row = 0; row < t->rows; row++)
			buf_printf(&shown, " %u", t->records[row]);
		buf_put_text(&shown, "; ");
	}
	assert_string_equal(buf_text(&shown), expected);
	buf_free(&shown);
}

static void test_a_column_names_the_sites(void **state)
{
	struct fixture *f = *state;

	use_file(f, "x,y,kind,Hospital,label\n"
	            "1,2,a,St Mary,1\n"
	            "1,2,a,47,0\n"
	            "1,2,a,47,\n" /* no label: dropped before its site is looked at */
	            "1,2,a, St Mary ,1\n"
	            "1,2,a,,1\n"
	            "1,2,a,(UK),1\n"
	            "1,2,a,Z\xc3\xbcrich/2,1\n"
	            "1,2,a,47,0\n");
	f->options.site_column = "Hospital";
	assert_sites(f, "47: 2 8; St-Mary: 1 4; UK-: 6; Z-rich-2: 7; ");
	assert_int_equal(f->federation.sites[0].table.patients[1], 1);
	char line[DIAG_MAX];
	snprintf(line, sizeof line, "%s: 1 row without a site in column \"Hospital\" left out", f->options.data);
	assert_warned(&f->federation, line);
	assert_warned(&f->federation, "one class of the label among the training rows of 4 of 4 sites");
	assert_warned(&f->federation, "no test row at 4 of 4 sites");
	f->options.site_column = NULL;
	f->options.partition = "column:Hospital";
	assert_sites(f, "47: 2 8; St-Mary: 1 4; UK-: 6; Z-rich-2: 7; ");
	f->options.sites = 4;
	load(f);
	f->options.sites = 5;
	assert_refused(f, ERR_USAGE, "--sites 5: column \"Hospital\" has 4; leave --sites out");
}

/* The label itself may name the sites: each then has one class. */
static void test_any_column_may_name_the_sites(void **state)
{
	struct fixture *f = *state;

	use_file(f, HEADER "1,2,a,1\n1,2,b,0\n1,2,c,1\n");
	f->options.site_column = "label";
	assert_sites(f, "0: 2; 1: 1 3; ");
}

static void test_columns_that_name_no_sites(void **state)
{
	struct fixture *f = *state;

	use_file(f, "x,y,kind,site,label\n1,2,a,b c,1\n1,2,a,B-c,0\n");
	f->options.site_column = "sites";
	assert_refused(f, ERR_DATA,
	               "@/all.csv:1:1: no column \"sites\"; did you mean \"site\"? the file has \"x\", \"y\", "
	               "\"kind\", \"site\", \"label\"");
	f->options.site_column = "site";
	assert_refused(f, ERR_DATA,
	               "@/all.csv: column \"site\": \"B-c\" and \"b c\" would both be site b-c; write one of them "
	               "otherwise");
	use_file(f, "x,y,kind,site,label\n1,2,a,!!,1\n");
	f->options.site_column = "site";
	assert_refused(f, ERR_DATA,
	               "@/all.csv:2:4: \"!!\" gives no site's name; at most 64 letters, digits, '.', '_' and '-', the "
	               "first a letter or digit");
	use_file(f, "x,y,kind,site,label\n1,2,a,NA,1\n");
	f->options.site_column = "site";
	assert_refused(f, ERR_DATA, "@/all.csv: no row that the study can use has a value in column \"site\"");
}

/* All partitions of a file, and the file itself, have the same test rows; each row is at one site. */
static void test_partitions_share_the_test_rows(void **state)
{
	static const char *const texts[] = {"iid", "dirichlet:0.3", "shards:2", "quantity:0.5"};
	enum { ROWS = 500, SITES = 12 };
	struct fixture *f = *state;
	uint8_t parts[ROWS + 1], whole[ROWS + 1];
	struct buf text;
	struct rng r;

	study_free(&f->study);
	small_study(&f->study, "study: small");
	rng_seeded(&r, 1, "rows");
	buf_init(&text, 1u << 20);
	buf_put_text(&text, HEADER);
	for (int i = 0; i < ROWS; i++)
		buf_printf(&text, "%g,1,b,%u\n", 2 * rng_unit(&r), (unsigned)rng_below(&r, 2));
	use_file(f, buf_text(&text));
	buf_free(&text);
	f->options.sites = SITES;
	for (size_t k = 0; k < 4; k++) {
		f->options.partition = texts[k];
		load(f);
		assert_int_equal(f->federation.count, SITES);
		assert_string_equal(f->federation.sites[0].name, "site-01");
		assert_string_equal(f->federation.sites[SITES - 1].name, "site-12");
		memset(parts, 0xff, sizeof parts);
		for (uint32_t i = 0; i < SITES; i++) {
			const struct table *t = &f->federation.sites[i].table;
			for (uint32_t row = 0; row < t->rows; row++) {
				assert_int_equal(parts[t->records[row]], 0xff);
				parts[t->records[row]] = t->parts[row];
			}
		}
		for (int i = 1; i <= ROWS; i++)
			assert_int_not_equal(parts[i], 0xff);
		if (k == 0)
			memcpy(whole, parts, sizeof whole);
		assert_memory_equal(parts, whole, sizeof whole);
	}
	struct source source = source_default("small", f->options.data);
	struct table t;
	assert_int_equal(table_load(&t, &f->study.schema, &source, NULL), OK);
	assert_memory_equal(t.parts, whole + 1, ROWS);
	table_free(&t);
}

/* ---- synthetic */

static void test_made_up_sites(void **state)
{
	struct fixture *f = *state;

	f->options = (struct federation_options){.synthetic = "120x6", .seed = 3};
	load(f);
	assert_int_equal(f->federation.count, 120);
	assert_string_equal(f->federation.sites[0].name, "site-001");
	assert_string_equal(f->federation.sites[119].name, "site-120");
	for (uint32_t i = 0; i < 120; i++)
		assert_int_equal(f->federation.sites[i].table.rows, 6);
}

/* ---- what a person mistypes */

static void test_options_that_contradict_one_another(void **state)
{
	struct fixture *f = *state;
	const char *folder = tempdir_path(&f->dir, "sites");
	const struct federation_options wrong[] = {
		{.data = folder, .synthetic = "2x2"},
		{.synthetic = "2x2", .sites = 3},
		{.seed = 1},
		{.data = folder, .site_column = "a", .partition = "iid"},
		{.data = folder, .sites = 3},
		{.data = folder, .partition = "iid", .sites = 3},
		{.data = folder, .site_column = "a"},
		{.synthetic = "2"},
		{.synthetic = "0x5"},
		{.synthetic = "5x0"},
		{.synthetic = "5 x 5"},
	};
	static const char *const words[] = {
		"--synthetic makes rows and sites of its own; leave out --data, --site-column, --partition and --sites",
		"--synthetic makes rows and sites of its own; leave out --data, --site-column, --partition and --sites",
		("no data: give --data DIR with a CSV per site, --data FILE with --site-column or --partition, or "
	         "--synthetic SITESxROWS"),
		"--site-column and --partition both say where a row goes; give one",
		"--sites belongs to --partition: iid, for example",
		"@/sites is a folder, whose files are the sites; --partition is for one file with the rows of all",
		"@/sites is a folder, whose files are the sites; --site-column is for one file with the rows of all",
		"--synthetic 2: give SITESxROWS, two whole numbers above 0, such as 10x50",
		"--synthetic 0x5: give SITESxROWS, two whole numbers above 0, such as 10x50",
		"--synthetic 5x0: give SITESxROWS, two whole numbers above 0, such as 10x50",
		"--synthetic 5 x 5: give SITESxROWS, two whole numbers above 0, such as 10x50",
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		f->options = wrong[i];
		assert_refused(f, ERR_USAGE, words[i]);
	}
	f->options = (struct federation_options){.synthetic = "1000x20001"};
	assert_refused(f, ERR_LIMIT, "--synthetic 1000x20001: at most 1000000 sites, and 20000000 rows in all");
}

static void test_a_file_needs_a_way(void **state)
{
	struct fixture *f = *state;

	use_file(f, HEADER ROW);
	assert_refused(f, ERR_USAGE,
	               "@/all.csv is one file: say --site-column NAME if a column names the site, or --partition iid "
	               "--sites N to spread its rows");
	f->options.partition = "iid";
	assert_refused(f, ERR_USAGE, "--partition iid needs --sites N, the number of sites, at least 1");
	f->options.sites = 2;
	assert_refused(f, ERR_USAGE, "--sites 2: the file has only 1 patient that the study can use");
	f->options.partition = "iidd";
	assert_refused(f, ERR_USAGE,
	               "--partition iidd: did you mean \"iid\"? there are "
	               "iid|dirichlet:ALPHA|shards:K|quantity:ALPHA|column:NAME");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_a_folder_gives_a_site_for_each_csv),
		TEST(test_other_files_are_left_out_with_a_warning),
		TEST(test_warnings_are_bounded),
		TEST(test_a_site_may_be_poor_but_not_all_of_them),
		TEST(test_folders_that_give_no_sites),
		TEST(test_names_of_files_are_names_of_sites),
		TEST(test_a_site_that_lacks_a_column),
		TEST(test_a_column_names_the_sites),
		TEST(test_any_column_may_name_the_sites),
		TEST(test_columns_that_name_no_sites),
		TEST(test_partitions_share_the_test_rows),
		TEST(test_made_up_sites),
		TEST(test_options_that_contradict_one_another),
		TEST(test_a_file_needs_a_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
