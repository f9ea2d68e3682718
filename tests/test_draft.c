/*
 * Drafts of studies: each rule of thumb by the line that it writes, and every draft is a study that the file itself can be run
 * with.
 */
#include "base/random.h"
#include "simulator/draft.h"
#include "simulator/federation.h"
#include "tests/support/shared.h"
#include "tests/support/studies.h"

#include <math.h>
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
	struct buf draft;
	struct diag why;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	tempdir_make(&f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_free(&f->draft);
	tempdir_remove(&f->dir);
	free(f);
	return 0;
}

static enum err try_draft(struct fixture *f, const char *path, const char *label)
{
	struct profile profile = {0};
	struct roles roles = {0};
	struct draft_options options = {.file = "file.csv", .name = "drafted"};

	buf_free(&f->draft);
	buf_init(&f->draft, YAML_TEXT_MAX);
	f->why = (struct diag){0};
	enum err e = profile_read(&profile, path, &f->why);
	if (e == OK)
		e = roles_find(&roles, &profile, "file.csv", label, &f->why);
	if (e == OK)
		draft_write(&f->draft, &roles, &options);
	roles_free(&roles);
	profile_free(&profile);
	return e;
}

/* The draft of a file, which must be a study that can be run with it: parsed, and `rows` rows come through. */
static void draft_file(struct fixture *f, const char *path, const char *label, uint32_t rows)
{
	struct federation_options options = {.data = path, .partition = "iid", .sites = 3};
	struct study study;
	struct federation federation;
	uint32_t kept = 0;

	if (try_draft(f, path, label) != OK)
		fail_msg("%s", f->why.text);
	if (study_parse(&study, buf_bytes(&f->draft), "the draft", true, &f->why) != OK)
		fail_msg("%s\n%s", f->why.text, buf_text(&f->draft));
	studies_sites(&federation, &study, &options);
	for (uint32_t i = 0; i < federation.count; i++)
		kept += federation.sites[i].table.rows;
	if (kept != rows)
		fail_msg("%u rows, expected %u\n%s", kept, rows, buf_text(&f->draft));
	for (uint32_t i = 0; i < federation.warning_count; i++)
		if (strstr(federation.warnings[i], "outside") || strstr(federation.warnings[i], "unknown"))
			fail_msg("%s", federation.warnings[i]);
	federation_free(&federation);
	study_free(&study);
}

static const char *path_of(struct fixture *f, const char *text)
{
	tempdir_write(&f->dir, "file.csv", text);
	return tempdir_path(&f->dir, "file.csv");
}

static void assert_line(struct fixture *f, const char *line)
{
	char whole[1024];

	snprintf(whole, sizeof whole, "\n%s\n", line);
	if (!strstr(buf_text(&f->draft), whole))
		fail_msg("no line \"%s\" in\n%s", line, buf_text(&f->draft));
}

/* A file of 12 rows with a good label and one more column; `cells` separated by blanks, "_" for an empty one. */
static void draft_column(struct fixture *f, const char *header, const char *cells)
{
	struct buf text;
	uint32_t row = 0;

	buf_init(&text, 1u << 16);
	buf_printf(&text, "%s,other,ill\n", header);
	while (*cells != '\0') {
		size_t len = strcspn(cells, " ");
		if (!(len == 1 && *cells == '_'))
			buf_put(&text, bytes_of(cells, len));
		buf_printf(&text, ",%d.5,%u\n", (int)row % 7, row % 2);
		cells += len + (cells[len] == ' ');
		row++;
	}
	assert_int_equal(row, 12);
	draft_file(f, path_of(f, buf_text(&text)), "ill", 12);
	buf_free(&text);
}

static void assert_model(struct fixture *f, uint32_t outputs)
{
	char line[256];

	snprintf(line, sizeof line,
	         "model: {layers: [dense %u], init: zero}  # a linear model begins at zero; for a network put dense "
	         "64, relu before it and take init out",
	         outputs);
	assert_line(f, line);
}

/* ---- features */

static void test_numbers(void **state)
{
	struct fixture *f = *state;

	draft_column(f, "age", "29 77 30 31 32 41 41 50 51 52 53 54");
	assert_line(f, "    - {name: age, min: 28, max: 78}  # 12 integers from 29 to 77");
	draft_column(f, "x", "-0.31 0.052 1.2 1.25 1.5 1.6 1.7 1.8 1.9 2 2 2.117");
	assert_line(f, "    - {name: x, min: -0.4, max: 2.2}  # 12 numbers from -0.31 to 2.117");
	draft_column(f, "chol", "0 233 250 0 126 564 300 310 320 330 340 350");
	assert_line(f,
	            "    - {name: chol, min: 0, max: 600}  # 12 integers from 0 to 564; 0, or 126 and more: if 0 means "
	            "missing, say missing: [\"0\"]");
	draft_column(f, "visits", "0 1 2 3 4 5 6 7 1 2 3 0");
	assert_line(f, "    - {name: visits, min: 0, max: 7}  # 12 integers from 0 to 7");
	draft_column(f, "big", "1e9 2e9 3e9 4e9 5e9 6e9 7e9 8e9 9e9 1e9 2e9 3e9");
	assert_line(f,
	            "    - {name: big, min: 1000000000, max: 9000000000}  # 12 integers from 1000000000 to 9000000000");
}

static void test_two_values(void **state)
{
	struct fixture *f = *state;

	draft_column(f, "sex", "0.0 1.0 1 0 1 1 1 1 1 1 1 1");
	assert_line(f, "    - {name: sex, type: binary}  # \"0\": 2, \"1\": 10");
	draft_column(f, "smokes", "No YES No No No No No No No No No No");
	assert_line(
		f, "    - {name: smokes, type: binary, positive: \"YES\", negative: \"No\"}  # \"No\": 11, \"YES\": 1");
	draft_column(f, "side", "left right left left left left left left left left left left");
	assert_line(f,
	            "    - {name: side, type: binary, positive: right, negative: left}  # \"left\": 11, \"right\": 1");
	draft_column(f, "yes", "1 2 1 1 1 1 1 1 1 1 1 1");
	assert_line(f, "    - {name: \"yes\", type: binary, positive: \"1\", negative: \"2\"}  # \"1\": 11, \"2\": 1");
}

static void test_levels(void **state)
{
	struct fixture *f = *state;

	draft_column(f, "cp", "4 1 2 3 4 1 2 3 4 1 2 3");
	assert_line(
		f,
		"    - {name: cp, levels: [\"1\", \"2\", \"3\", \"4\"]}  # \"1\": 3, \"2\": 3, \"3\": 3, \"4\": 3; if "
		"amounts: min and max instead");
	draft_column(f, "stage", "IV I II III I II III I II III I 2");
	assert_line(f, "    - {name: stage, levels: [\"2\", I, II, III, IV]}  # \"2\": 1, \"I\": 4, \"II\": 3, "
	               "\"III\": 3, \"IV\": 1");
	draft_column(f, "code", "!x 10 9 !x 10 9 !x 10 9 !x 10 9");
	assert_line(f, "    - {name: code, levels: [\"9\", \"10\", \"!x\"]}  # \"9\": 4, \"10\": 4, \"!x\": 4");
	draft_column(f, "group", "a b c d e f g a b c d e");
	assert_line(f, "    - {name: group, levels: [a, b, c, d, e, f, g]}  # \"a\": 2, \"b\": 2, \"c\": 2, \"d\": 2, "
	               "\"e\": 2, "
	               "\"f\": 1 ...");
}

static void test_codes_for_missing(void **state)
{
	struct fixture *f = *state;

	draft_column(f, "age", "29 77 NA _ ? 41 42 50 51 52 53 53");
	assert_line(f, "    - {name: age, min: 28, max: 78}  # 9 integers from 29 to 77, 3 missing");
	assert_line(f, "  missing: [\"\", NA, \"?\"]  # in every column; a feature may have its own beside them");
	assert_line(f, "  fill: mean_and_flag  # a missing value: the mean, and an input that says so");
	draft_column(f, "age", "29 77 N/A nan null 41 42 50 51 52 53 53");
	assert_line(f, "  missing: [\"\", NA, \"?\", \"N/A\", nan, \"null\"]  # in every column; a feature may have "
	               "its own beside "
	               "them");
	draft_column(f, "age", "29 77 . none -9 41 42 50 999 52 53 -99.0");
	assert_line(f, "    - {name: age, min: 28, max: 78, missing: [\"-9\", \"-99\", \"999\", \".\", none]}  # 7 "
	               "integers from 29 "
	               "to 77, 5 missing");
	draft_column(f, "sex", "0 1 1 1 1 1 1 1 1 -9 0 0");
	assert_line(f, "    - {name: sex, type: binary, missing: [\"-9\"]}  # \"0\": 3, \"1\": 8, 1 missing");
	draft_column(f, "smoker", "never often none never often none never often none never often none");
	assert_line(f, "    - {name: smoker, levels: [never, none, often]}  # \"never\": 4, \"none\": 4, \"often\": 4");
}

/* -9 among temperatures and 999 among prices are numbers. */
static void test_numbers_that_are_no_codes(void **state)
{
	struct fixture *f = *state;

	draft_column(f, "t", "-9 -3 5 7 11 13 15 17 19 20 21 22");
	assert_line(f, "    - {name: t, min: -10, max: 22}  # 12 integers from -9 to 22");
	draft_column(f, "price", "999 310 500 700 800 900 1000 1100 1200 1300 1400 1500");
	assert_line(f, "    - {name: price, min: 300, max: 1500}  # 12 integers from 310 to 1500");
}

static void test_what_is_left_out(void **state)
{
	struct fixture *f = *state;

	draft_column(f, "x", "1 1 1 1.0 1 1 1 1 1 1 1 1");
	assert_line(f, "    # left out: \"x\", column 1: it has one value alone");
	draft_column(f, "x", "_ NA _ _ _ _ _ _ _ _ _ ?");
	assert_line(f, "    # left out: \"x\", column 1: it is empty");
	draft_column(f, "name", "a b c d e f g h i j k l");
	assert_line(f, "    # left out: \"name\", column 1: every value is different, as identifiers are");
	draft_column(f, "row", "12 11 10 9 8 7 6 5 4 3 2 1");
	assert_line(f, "    # left out: \"row\", column 1: it numbers the rows");
	draft_column(f, "", "1 2 3 1 2 3 1 2 3 1 2 3");
	assert_line(f, "    # left out: \"\", column 1: its header is empty");
}

/* 60 rows: the text column as `fmt` gives it from the row's number modulo `different`. */
static void draft_texts(struct fixture *f, const char *fmt, uint32_t different)
{
	struct buf text;

	buf_init(&text, 1u << 16);
	buf_put_text(&text, "words,other,ill\n");
	for (uint32_t i = 0; i < 60; i++) {
		char cell[400];
		snprintf(cell, sizeof cell, "%s%u", fmt, i % different);
		buf_printf(&text, "%s,%u.5,%u\n", cell, i % 7, i % 2);
	}
	draft_file(f, path_of(f, buf_text(&text)), "ill", 60);
	buf_free(&text);
}

static void test_texts_that_are_no_levels(void **state)
{
	struct fixture *f = *state;
	char long_text[320];

	draft_texts(f, "w", 20);
	assert_non_null(strstr(buf_text(&f->draft), "    - {name: words, levels: [w0, w1, w10,"));
	draft_texts(f, "w", 21);
	assert_line(f, "    # left out: \"words\", column 1: it has more than 20 different texts");
	memset(long_text, 'x', 300);
	long_text[300] = '\0';
	draft_texts(f, long_text, 3);
	assert_line(f, "    # left out: \"words\", column 1: it holds texts that are too long for levels, or control "
	               "characters");
	draft_texts(f, "\033[31m", 3);
	assert_line(f, "    # left out: \"words\", column 1: it holds texts that are too long for levels, or control "
	               "characters");
	draft_column(f, "x", "1.5 2.5 3.5 4.5 5.5 6.5 7.5 8.5 9.5 10.5 <5 10.5");
	assert_line(f,
	            "    - {name: x, levels: [\"1.5\", \"2.5\", \"3.5\", \"4.5\", \"5.5\", \"6.5\", \"7.5\", \"8.5\", "
	            "\"9.5\", \"10.5\", \"<5\"]}  # \"1.5\": 1, \"2.5\": 1, \"3.5\": 1, \"4.5\": 1, \"5.5\": 1, "
	            "\"6.5\": 1 ...");
}

static void test_a_text_among_many_numbers(void **state)
{
	struct fixture *f = *state;
	struct buf text;

	buf_init(&text, 1u << 16);
	buf_put_text(&text, "lab,other,ill\n");
	for (uint32_t i = 0; i < 60; i++)
		buf_printf(&text, "%s%u,%u.5,%u\n", i == 7 ? "<" : "", i / 2, i % 7, i % 2);
	draft_file(f, path_of(f, buf_text(&text)), "ill", 60);
	assert_line(f, "    # left out: \"lab\", column 1: most cells are numbers, but not all, such as \"<3\"");
	buf_free(&text);
}

static void test_headers(void **state)
{
	struct fixture *f = *state;

	draft_column(f, "site_country", "1 2 3 1 2 3 1 2 3 1 2 3");
	assert_line(f, "    # left out: \"site_country\", column 1: it seems to name the site: cohort-sim run has "
	               "--site-column for "
	               "it");
	draft_column(f, "Patient ID", "1 2 3 1 2 3 1 2 3 1 2 3");
	assert_line(f, "  patient_id: \"Patient ID\"  # values repeat: all rows of a patient stay in one part and at "
	               "one site");
	draft_column(f, "subject", "a b c d e f g h i j k l");
	assert_line(f, "    # left out: \"subject\", column 1: it seems to name patients, each in one row");
	draft_column(f, "part", "train test train test train test train test train test train test");
	assert_line(f, "  split: {column: part, train: train, test: test}  # \"test\": 6, \"train\": 6; rows with "
	               "another value are "
	               "left out");
	draft_column(f, "set", "Train Test Val Test Train Test Train Test Train Test Train Test");
	assert_line(f, "  split: {column: set, train: Train, test: Test, validation: Val}  # \"Test\": 6, \"Train\": "
	               "5, \"Val\": 1; "
	               "rows with another value are left out");
	draft_column(f, "px{0..3}", "1 2 3 1 2 3 1 2 3 1 2 3.5");
	assert_line(f, "    - {name: column_1, column: \"px{0..3}\", min: 1, max: 3.6}  # 12 numbers from 1 to 3.5");
}

static void test_headers_that_occur_twice(void **state)
{
	struct fixture *f = *state;

	draft_file(f, path_of(f, "x,y,x,ill\n1,1,1,0\n2,2,2,1\n3,2,3,1\n"), "ill", 3);
	assert_line(f, "    # left out: \"x\", column 1: its header occurs twice");
	assert_line(f, "    # left out: \"x\", column 3: its header occurs twice");
}

static void test_quoted_cells(void **state)
{
	struct fixture *f = *state;

	draft_file(f,
	           path_of(f, "\"body mass, kg\",\"a \"\"b\"\"\",ill\n"
	                      "\"70\",\"x, \\y\",\"0\"\n80.5,\"z\"\"\",1\n75,\"z\"\"\",1\n85,\"x, \\y\",1\n"),
	           "ill", 4);
	assert_line(f, "    - {name: \"body mass, kg\", min: 70, max: 85}  # 4 numbers from 70 to 85");
	assert_line(f, "    - {name: \"a \\\"b\\\"\", type: binary, positive: \"z\\\"\", negative: \"x, \\\\y\"}  # "
	               "\"x, \\y\": 2, "
	               "\"z\"\": 2");
}

/* ---- the label */

static void assert_label(struct fixture *f, const char *cells, const char *line)
{
	struct buf text;
	uint32_t row = 0;

	buf_init(&text, 1u << 16);
	buf_put_text(&text, "x,outcome\n");
	for (uint32_t missing = 0; *cells != '\0'; row++) {
		size_t len = strcspn(cells, " ");
		missing += *cells == '_';
		buf_printf(&text, "%u.5,%.*s\n", row % 7, *cells == '_' ? 0 : (int)len, cells);
		cells += len + (cells[len] == ' ');
		if (*cells == '\0')
			draft_file(f, path_of(f, buf_text(&text)), "outcome", row + 1 - missing);
	}
	assert_line(f, line);
	buf_free(&text);
}

static void test_labels(void **state)
{
	struct fixture *f = *state;

	assert_label(f, "0 1 1 1", "  label: {name: outcome, type: binary}  # \"0\": 1, \"1\": 3");
	assert_label(f, "malignant benign benign benign",
	             "  label: {name: outcome, type: binary, positive: malignant, negative: benign}  # \"benign\": 3, "
	             "\"malignant\": 1");
	assert_label(f, "yes no _ no",
	             "  label: {name: outcome, type: binary, positive: \"yes\", negative: \"no\"}  # \"no\": 2, "
	             "\"yes\": 1, 1 "
	             "missing");
	assert_model(f, 1);
	assert_label(f, "b c a a",
	             "  label: {name: outcome, type: categorical, levels: [a, b, c]}  # \"a\": 2, \"b\": 1, \"c\": 1");
	assert_model(f, 3);
	assert_label(
		f, "0 1 2 3 4 5 6 7 8 9 0 1",
		"  label: {name: outcome, type: categorical, levels: [\"0\", \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", "
		"\"7\", \"8\", \"9\"]}  # \"0\": 2, \"1\": 2, \"2\": 1, \"3\": 1, \"4\": 1, \"5\": 1 ...; if amounts: "
		"type: numeric with min and max");
	assert_label(f, "0 1 none 0",
	             "  label: {name: outcome, type: categorical, levels: [\"0\", \"1\", none]}  # \"0\": 2, \"1\": 1, "
	             "\"none\": 1");
	assert_label(f, "0 1 -9 0",
	             "  label: {name: outcome, type: categorical, levels: [\"-9\", \"0\", \"1\"]}  # \"-9\": 1, "
	             "\"0\": 2, \"1\": 1; if amounts: type: numeric with min and max");
	assert_label(f, "0.5 1.25 _ -9 1.5 2.5",
	             "  label: {name: outcome, type: numeric, min: -9, max: 3}  # 5 numbers from -9 to 2.5, 1 missing");
	assert_model(f, 1);
}

static void assert_no_label(struct fixture *f, const char *text, const char *label, const char *words)
{
	assert_int_equal(try_draft(f, path_of(f, text), label), ERR_DATA);
	assert_string_equal(f->why.text, words);
}

static void test_what_cannot_be_a_label(void **state)
{
	struct fixture *f = *state;

	assert_no_label(f, "x,ill\n1,0\n2,1\n3,1\n", "il", "file.csv: no column \"il\"; did you mean \"ill\"?");
	assert_no_label(f, "x,ill\n1,0\n2,1\n3,1\n", "outcome",
	                "file.csv: no column \"outcome\"; --label takes a name of its first line");
	assert_no_label(f, "x,ill\n1,1\n2,1\n3,1\n", "ill",
	                "file.csv: column \"ill\" cannot be a label: it has one value alone");
	assert_no_label(f, "x,ill\n1,a\n2,b\n3,c\n", "ill",
	                "file.csv: column \"ill\" cannot be a label: every value is different, as identifiers are");
	assert_no_label(f, "ill,ill\n1,0\n2,1\n3,1\n", "ill",
	                "file.csv: column \"ill\" cannot be a label: its header occurs twice; rename one");
	assert_no_label(f, "x,ill\n1,0\n1,1\n1,1\n", "ill", "file.csv: no column beside \"ill\" can be a feature");
}

static void test_files_that_are_refused(void **state)
{
	struct fixture *f = *state;
	char expected[DIAG_MAX];
	const char *path = path_of(f, "x;ill\n1;0\n");

	assert_int_equal(try_draft(f, path, "ill"), ERR_DATA);
	snprintf(expected, sizeof expected,
	         "%s:1:1: the header is one column, \"x;ill\"; write the file with commas between the cells", path);
	assert_string_equal(f->why.text, expected);
	assert_int_equal(try_draft(f, path_of(f, "x,ill\n1,0\n2\n"), "ill"), ERR_DATA);
	snprintf(expected, sizeof expected, "%s:3:1: the row has 1 cell, the header 2", path);
	assert_string_equal(f->why.text, expected);
	assert_int_equal(try_draft(f, tempdir_path(&f->dir, "none.csv"), "ill"), ERR_NO_INPUT);
}

/* ---- ranges */

static void test_ranges_hold_their_numbers(void **state)
{
	struct rng r;

	(void)state;
	rng_seeded(&r, 1, "ranges");
	for (int i = 0; i < 20000; i++) {
		double size = pow(10, (double)rng_below(&r, 30) - 15), min, max;
		double lo = (rng_unit(&r) - 0.5) * size * (double)(1 + rng_below(&r, 50)),
		       hi = lo + rng_unit(&r) * size;
		if (hi - lo < 1e-9 * fmax(fabs(lo), fabs(hi)))
			continue;
		guess_round(&min, &max, lo, hi);
		assert_true(min <= lo && max >= hi);
		assert_true(max - min <= 1.41 * (hi - lo));
		assert_true(lo < 0 || min >= 0);
	}
	for (int k = -50; k < 50; k++) { /* ends one bit beyond a multiple */
		double lo = nextafter(0.1 * k, -INFINITY), hi = nextafter(0.1 * k + 1, INFINITY), min, max;
		guess_round(&min, &max, lo, hi);
		assert_true(min <= lo && max >= hi);
	}
}

/* ---- real files */

static void test_real_files(void **state)
{
	struct fixture *f = *state;

	draft_file(f, shared_data("heart/cleveland.csv"), "disease", 303);
	assert_line(
		f,
		"    - {name: thal, levels: [\"3\", \"6\", \"7\"]}  # \"3\": 166, \"6\": 18, \"7\": 117, 2 missing; if "
		"amounts: min and max instead");
	draft_file(f, shared_data("heart/hungarian.csv"), "disease", 261); /* flamby_split leaves out the others */
	draft_file(f, shared_data("heart/heart_flamby13.csv"), "disease", 740);
	draft_file(f, shared_data("ist_public.csv.gz"), "y_dead_or_dependent_6m", 16655);
	assert_line(f, "  weights: {by: patients, cap: 17000}  # patients at one site, at most; a closer bound gives "
	               "finer steps");
	draft_file(f, studies_wdbc(&f->dir), "benign", 569);
	draft_file(f, studies_digits(&f->dir), "digit", 1797);
	assert_model(f, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_numbers),
		TEST(test_two_values),
		TEST(test_levels),
		TEST(test_codes_for_missing),
		TEST(test_numbers_that_are_no_codes),
		TEST(test_what_is_left_out),
		TEST(test_texts_that_are_no_levels),
		TEST(test_a_text_among_many_numbers),
		TEST(test_headers),
		TEST(test_headers_that_occur_twice),
		TEST(test_quoted_cells),
		TEST(test_labels),
		TEST(test_what_cannot_be_a_label),
		TEST(test_files_that_are_refused),
		TEST(test_ranges_hold_their_numbers),
		TEST(test_real_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
