/*
 * From a hospital's file to rows: every translation, every rule for what is missing, outside or unknown, every reason
 * to drop a row, every refusal with its place. A table is shown as text, one line per row: part, class, patient:
 * values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/table.h"
#include "tests/support/tempdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AGE, SEX, CP, FEATURES };

static const char *missing_codes[] = {"", "NA", "?"};
static const char *age_codes[] = {"0"};
static const char *hospital_codes[] = {"-9", "x"};
static const char *levels[] = {"1", "2", "3"};

struct world {
	struct tempdir dir;
	struct feature features[FEATURES];
	struct schema schema;
	struct source source;
	struct table table;
	struct diag why;
};

/* Everyone trains, unless a test says otherwise. */
static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	tempdir_make(&w->dir);
	w->features[AGE] = (struct feature){.name = "age",
	                                    .column = "age",
	                                    .type = COLUMN_NUMERIC,
	                                    .min = 18,
	                                    .max = 110,
	                                    .missing = {age_codes, 1}};
	w->features[SEX] = (struct feature){
		.name = "sex", .column = "Sex", .type = COLUMN_BINARY, .positive = "1", .negative = "0"};
	w->features[CP] =
		(struct feature){.name = "cp", .column = "cp", .type = COLUMN_CATEGORICAL, .levels = {levels, 3}};
	w->schema = (struct schema){
		.source = "heart",
		.features = w->features,
		.feature_count = FEATURES,
		.label = {.name = "ill", .column = "ill", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
		.missing = {missing_codes, 3},
		.outside = OUTSIDE_MISSING,
		.fill = FILL_MEAN_AND_FLAG,
		.split = {.seed = 42},
	};
	w->source = source_default("heart", tempdir_path(&w->dir, "heart.csv"));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	table_free(&w->table);
	tempdir_remove(&w->dir);
	free(w);
	return 0;
}

static enum err load(struct world *w, const char *text)
{
	table_free(&w->table);
	tempdir_write(&w->dir, "heart.csv", text);
	w->why = (struct diag){0};
	return table_load(&w->table, &w->schema, &w->source, &w->why);
}

static void show(struct buf *out, const struct table *t)
{
	for (uint32_t row = 0; row < t->rows; row++) {
		buf_printf(out, "%c%u p%u:", "tve"[t->parts[row]], t -> classes[row], t -> patients[row]);
		for (uint32_t i = 0; i < t->schema->feature_count; i++) {
			double x = table_value(t, row, i);
			if (isnan(x))
				buf_put_text(out, " -");
			else
				buf_printf(out, " %g", x);
		}
		buf_put_text(out, "\n");
	}
}

static void assert_loads(struct world *w, const char *text, const char *expected)
{
	struct buf shown;

	if (load(w, text) != OK)
		fail_msg("%s", w->why.text);
	buf_init(&shown, 1u << 20);
	show(&shown, &w->table);
	assert_string_equal(buf_text(&shown), expected);
	buf_free(&shown);
}

static void assert_refused(struct world *w, const char *text, const char *words)
{
	static const struct table zero;
	size_t path = strlen(w->source.path);

	assert_int_equal(load(w, text), ERR_DATA);
	assert_memory_equal(&w->table, &zero, sizeof zero);
	assert_memory_equal(w->why.text, w->source.path, path);
	if (strncmp(w->why.text + path, words, strlen(words)) != 0)
		fail_msg("expected \"%s\", got \"%s\"", words, w->why.text + path);
	assert_int_equal(table_load(&w->table, &w->schema, &w->source, NULL), ERR_DATA);
}

/* ---- translations */

static void test_reads_the_studys_columns_wherever_they_are(void **state)
{
	assert_loads(*state,
	             "note,ill, cp ,\"Sex\",age,more\n"
	             "\"a,b\",1,3,0,63.5,\n"
	             ",0, 1 , 1.0 , 41 ,x\n",
	             "t1 p0: 63.5 0 2\nt0 p1: 41 1 0\n");
}

static void test_missing_by_study_feature_and_hospital(void **state)
{
	struct world *w = *state;
	const struct source_missing missings[] = {{"cp", {hospital_codes, 2}}, {"ill", {hospital_codes, 1}}};

	assert_loads(w, "age,Sex,cp,ill\n,1,1,0\nNA,1,1,0\n ? ,NA,,0\n0,0,2,0\n0.0,0,2,1\n18,0,2,1\n",
	             "t0 p0: - 1 0\nt0 p1: - 1 0\nt0 p2: - - -\nt0 p3: - 0 1\nt1 p4: - 0 1\nt1 p5: 18 0 1\n");
	assert_int_equal(w->table.dictionary.features[AGE].below, 0); /* 0 was a code, no age */
	w->source.missings = missings;
	w->source.missing_count = 2;
	assert_loads(w, "age,Sex,cp,ill\n20,1,-9,0\n20,1,x,1\n20,1,3,-9.0\n", "t0 p0: 20 1 -\nt1 p1: 20 1 -\n");
	assert_int_equal(w->table.dictionary.dropped[DROPPED_NO_LABEL], 1);
}

static void test_the_hospitals_names_codes_units_and_marks(void **state)
{
	struct world *w = *state;
	const struct source_column columns[] = {{"age", "ALTER"},
	                                        {"sex", "Geschl\xc3\xa4"
	                                                "cht"},
	                                        {"ill", "KHK"}};
	const struct source_recode recodes[] = {
		{"sex", "m", "1"},  {"sex", "w", "0"},    {"cp", "7,5", "2"},        {"age", "<20", "228"},
		{"ill", "ja", "1"}, {"ill", "nein", "0"}, {"cp", "unbekannt", "NA"},
	};
	const struct source_convert converts[] = {{"age", 1.0 / 12, 1}};

	w->source.columns = columns;
	w->source.column_count = 3;
	w->source.recodes = recodes;
	w->source.recode_count = 7;
	w->source.converts = converts;
	w->source.convert_count = 1;
	w->source.delimiter = ';';
	w->source.decimal = ',';
	w->source.encoding = CSV_LATIN1;
	assert_loads(w,
	             "ALTER;Geschl\xe4"
	             "cht;cp;KHK\n"
	             "600;m;7,5;ja\n"
	             "606,0;w;7,50;nein\n"
	             "<20;w;unbekannt;ja\n",
	             "t1 p0: 51 1 1\nt0 p1: 51.5 0 1\nt1 p2: 20 0 -\n");
}

static void test_labels_of_several_classes(void **state)
{
	struct world *w = *state;

	w->schema.label =
		(struct label){.name = "stage", .column = "stage", .type = COLUMN_CATEGORICAL, .levels = {levels, 3}};
	assert_loads(w, "age,Sex,cp,stage\n20,0,1,3\n21,0,1,1\n", "t2 p0: 20 0 0\nt0 p1: 21 0 0\n");
	assert_refused(w, "age,Sex,cp,stage\n20,0,1,4\n",
	               ":2:4: stage \"4\" is none of \"1\", \"2\", \"3\"; translate it in client.yaml below "
	               "sources.heart.recode.stage");
}

/* ---- outside, unknown, missing */

static const char strays[] = "age,Sex,cp,ill\n17,1,1,0\n110.5,2,1,0\n18,x,9,1\n110,0,9.0,1\n";

static void test_outside_becomes_missing(void **state)
{
	struct world *w = *state;

	assert_loads(w, strays, "t0 p0: - 1 0\nt0 p1: - - 0\nt1 p2: 18 - -\nt1 p3: 110 0 -\n");
	const struct feature_report *r = w->table.dictionary.features;
	assert_int_equal(r[AGE].below, 1);
	assert_int_equal(r[AGE].above, 1);
	assert_int_equal(r[AGE].missing, 2);
	assert_int_equal(r[SEX].unknown, 2);
	assert_int_equal(r[CP].unknown, 2);
	assert_int_equal(r[CP].unknown_count, 2); /* as written: "9" and "9.0" */
}

static void test_outside_is_clamped(void **state)
{
	struct world *w = *state;

	w->schema.outside = OUTSIDE_CLAMP;
	assert_loads(w, strays, "t0 p0: 18 1 0\nt0 p1: 110 - 0\nt1 p2: 18 - -\nt1 p3: 110 0 -\n");
	assert_int_equal(w->table.dictionary.features[AGE].below, 1);
	assert_int_equal(w->table.dictionary.features[AGE].missing, 0);
}

static void test_outside_is_refused(void **state)
{
	struct world *w = *state;
	const struct source_convert converts[] = {{"age", 12, 0}};

	w->schema.outside = OUTSIDE_REFUSE;
	assert_refused(w, strays, ":2:1: age 17 lies outside the study's 18 to 110; another unit? see `convert`");
	assert_refused(w, "age,Sex,cp,ill\n18,1,1,0\n18,1,1,1\n18,1,9,1\n",
	               ":4:3: cp \"9\" is none of \"1\", \"2\", \"3\"; translate it in client.yaml below "
	               "sources.heart.recode.cp");
	w->source.converts = converts;
	w->source.convert_count = 1;
	assert_refused(w, "age,Sex,cp,ill\n10,1,1,0\n",
	               ":2:1: age 120 lies outside the study's 18 to 110 after the conversion");
}

/* ---- a numeric label */

static void numeric_label(struct world *w, enum outside_rule outside)
{
	w->schema.label = (struct label){
		.name = "bp", .column = "ill", .type = COLUMN_NUMERIC, .min = 60, .max = 240, .unit = ""};
	w->schema.outside = outside;
	w->schema.fill = FILL_REFUSE; /* of features only */
}

static void assert_labels(struct world *w, const char *text, uint32_t rows, const double *expected)
{
	if (load(w, text) != OK)
		fail_msg("%s", w->why.text);
	assert_int_equal(w->table.rows, rows);
	for (uint32_t i = 0; i < rows; i++)
		assert_true(fabs(table_label(&w->table, i) - expected[i]) < 1e-5);
	assert_int_equal(w->table.dictionary.dropped[DROPPED_NO_LABEL] + rows, w->table.dictionary.rows);
}

static void test_a_label_may_be_a_number(void **state)
{
	struct world *w = *state;
	const struct source_convert converts[] = {{"bp", 7.50062, 10}}; /* kPa, and ten more */
	const struct source_recode recodes[] = {{"bp", "hoch", "20"}};
	const struct source_missing missings[] = {{"bp", {hospital_codes, 1}}};
	static const char rows[] =
		"age,Sex,cp,ill\n40,1,1,120\n41,0,2,\n42,0,2,60\n43,1,1,240.5\n44,1,1,59\n45,1,1,90.25\n";

	numeric_label(w, OUTSIDE_MISSING);
	assert_labels(w, rows, 3, (const double[]){120, 60, 90.25});
	const struct feature_report *r = w->table.dictionary.label;
	assert_int_equal(r->field, 4);
	assert_int_equal(r->present, 3);
	assert_int_equal(r->missing, 3);
	assert_int_equal(r->below, 1);
	assert_int_equal(r->above, 1);
	assert_true(r->lowest == 59 && r->highest == 240.5 && fabs(r->mean - 270.25 / 3) < 1e-9);
	numeric_label(w, OUTSIDE_CLAMP);
	assert_labels(w, rows, 5, (const double[]){120, 60, 240, 60, 90.25});
	numeric_label(w, OUTSIDE_REFUSE);
	assert_refused(w, rows, ":5:4: bp 240.5 lies outside the study's 60 to 240; another unit?");
	assert_refused(w, "age,Sex,cp,ill\n40,1,1,high\n",
	               ":2:4: bp \"high\" is not a number; if it means missing, list it in client.yaml below "
	               "sources.heart.missing.bp");
	assert_refused(w, "age,Sex,cp,ill\n40,1,1,nan\n", ":2:4: bp \"nan\" is not a number");
	assert_refused(w, "age,Sex,cp,ill\n,1,1,100\n",
	               ":2:1: age is missing, which the study's `fill: refuse` forbids");
	w->source.converts = converts;
	w->source.convert_count = 1;
	w->source.recodes = recodes;
	w->source.recode_count = 1;
	w->source.missings = missings;
	w->source.missing_count = 1;
	w->source.decimal = ',';
	w->source.delimiter = ';';
	assert_labels(w, "age;Sex;cp;ill\n40;1;1;16,5\n41;1;1;-9\n42;1;1;hoch\n", 2,
	              (const double[]){7.50062 * 16.5 + 10, 7.50062 * 20 + 10});
	assert_refused(w, "age;Sex;cp;ill\n40;1;1;165\n", ":2:4: bp 1247.6 lies outside the study's 60 to 240 after");
}

static void test_text_is_no_number(void **state)
{
	struct world *w = *state;

	assert_refused(w, "age,Sex,cp,ill\n20,1,1,0\nabc,1,1,1\n",
	               ":3:1: age \"abc\" is not a number; if it means missing, list it in client.yaml below "
	               "sources.heart.missing.age");
	assert_refused(w, "age,Sex,cp,ill\n12abc,1,1,0\n", ":2:1: age \"12abc\" is not a number");
	assert_refused(w, "age,Sex,cp,ill\n0x20,1,1,0\n", ":2:1: age \"0x20\" is not a number");
	assert_refused(w, "age,Sex,cp,ill\nNaN,1,1,0\n", ":2:1: age \"NaN\" is not a number");
	assert_refused(w, "age,Sex,cp,ill\ninf,1,1,0\n", ":2:1: age \"inf\" is not a number");
	assert_refused(w, "age,Sex,cp,ill\n1e999,1,1,0\n", ":2:1: age \"1e999\" is not a number");
	assert_refused(w, "age,Sex,cp,ill\n\"20,5\",1,1,0\n", ":2:1: age \"20,5\" is not a number");
}

/* A finite cell that the conversion takes beyond all doubles lies outside; it is never NaN or infinite in the table. */
static void test_a_conversion_may_overflow(void **state)
{
	struct world *w = *state;
	const struct source_convert converts[] = {{"age", -1e300, 0}};

	w->source.converts = converts;
	w->source.convert_count = 1;
	w->schema.outside = OUTSIDE_CLAMP;
	assert_loads(w, "age,Sex,cp,ill\n1e300,1,1,0\n-1e300,1,1,0\n", "t0 p0: 18 1 0\nt0 p1: 110 1 0\n");
}

static void test_fill_drop(void **state)
{
	struct world *w = *state;

	w->schema.fill = FILL_DROP;
	assert_loads(w, "age,Sex,cp,ill\n,1,1,0\n17,1,1,0\n20,,,1\n30,1,1,1\n", "t1 p0: 30 1 0\n");
	assert_int_equal(w->table.dictionary.dropped[DROPPED_FILL], 3);
	assert_int_equal(w->table.dictionary.features[AGE].missing, 2); /* counted although the rows are gone */
}

static void test_fill_refuse(void **state)
{
	struct world *w = *state;

	w->schema.fill = FILL_REFUSE;
	assert_refused(w, "age,Sex,cp,ill\n20,1,1,0\n20,1,NA,0\n",
	               ":3:3: cp is missing, which the study's `fill: refuse` forbids");
	assert_refused(w, "age,Sex,cp,ill\n17,1,1,0\n", ":2:1: age is missing");
}

static void test_labels_are_known_or_missing(void **state)
{
	struct world *w = *state;

	assert_loads(w, "age,Sex,cp,ill\n20,1,1,\n20,1,1,NA\n20,1,1,1.0\n", "t1 p0: 20 1 0\n");
	assert_int_equal(w->table.dictionary.dropped[DROPPED_NO_LABEL], 2);
	assert_refused(w, "age,Sex,cp,ill\n20,1,1,2\n", ":2:4: ill \"2\" is none of \"0\", \"1\"; translate it");
	w->schema.outside = OUTSIDE_CLAMP; /* no rule about values makes an unknown class harmless */
	assert_refused(w, "age,Sex,cp,ill\n20,1,1,2\n", ":2:4: ill \"2\" is none of");
}

/* A simulation has no client.yaml to correct: its messages advise on the study and the file. */
static void test_a_simulation_is_advised_on_the_study(void **state)
{
	struct world *w = *state;

	w->source.simulated = true;
	assert_refused(w, "AGE,Sex,cp,ill\n", ":1:1: no column \"age\"; did you mean \"AGE\"?");
	assert_refused(w, "zzzzzz,Sex,cp,ill\n",
	               ":1:1: no column \"age\"; the file has \"zzzzzz\", \"Sex\", \"cp\", \"ill\"");
	assert_refused(w, "a1,a2,a3,a4,a5,a6,a7,a8,a9,b10,b11,b12\n",
	               ":1:1: no column \"ill\"; the file has \"a1\", \"a2\", \"a3\", \"a4\", \"a5\", \"a6\", \"a7\", "
	               "\"a8\", \"a9\", \"b10\" "
	               "and 2 more");
	assert_refused(w, "age;Sex;cp;ill\n",
	               ":1:1: the header is one column, \"age;Sex;cp;ill\"; write the file with commas between the "
	               "cells");
	assert_refused(w, "age,Sex,cp,ill\nabc,1,1,0\n",
	               ":2:1: age \"abc\" is not a number; if it means missing, list it below the feature's missing");
	assert_refused(w, "age,Sex,cp,ill\n20,1,1,2\n",
	               ":2:4: ill \"2\" is none of \"0\", \"1\"; correct the study, or list it as missing");
	w->schema.outside = OUTSIDE_REFUSE;
	assert_refused(w, "age,Sex,cp,ill\n17,1,1,0\n",
	               ":2:1: age 17 lies outside the study's 18 to 110; correct them, or say outside: missing");
}

/* ---- parts and patients */

/* Points of "1" to "8" for seed 42, by Python (data/split.h): .62, .75, .75, .87, .16, .94, .02, .73; of "03": .005 */
static void test_rows_are_split_by_their_number_in_the_file(void **state)
{
	struct world *w = *state;

	w->schema.split.test_fraction = 0.1;
	w->schema.split.validation_fraction = 0.1;
	assert_loads(w,
	             "age,Sex,cp,ill\n21,1,1,0\n22,1,1,0\n23,1,1,0\n24,1,1,0\n25,1,1,0\n26,1,1,\n27,1,1,0\n28,1,1,0\n",
	             "t0 p0: 21 1 0\n"
	             "t0 p1: 22 1 0\n"
	             "t0 p2: 23 1 0\n"
	             "t0 p3: 24 1 0\n"
	             "v0 p4: 25 1 0\n"
	             "e0 p5: 27 1 0\n" /* the 7th row, although the 6th was dropped */
	             "t0 p6: 28 1 0\n");
	assert_int_equal(w->table.part_rows[PART_TEST], 1);
	assert_int_equal(w->table.part_patients[PART_TRAIN], 5);
	for (uint32_t i = 0; i < w->table.rows; i++)
		assert_int_equal(w->table.records[i], i < 5 ? i + 1 : i + 2);
}

static void test_all_rows_of_a_patient_are_in_one_part(void **state)
{
	struct world *w = *state;

	w->schema.patient_id = "patient";
	w->schema.split.test_fraction = 0.1;
	assert_loads(
		w, "age,Sex,cp,ill,patient\n21,1,1,0,3\n22,1,1,0,7\n23,1,1,1, 3 \n24,1,1,0,7\n25,1,1,0,\n26,1,1,0,03\n",
		"t0 p0: 21 1 0\n"
		"e0 p1: 22 1 0\n"
		"t1 p0: 23 1 0\n"
		"e0 p1: 24 1 0\n"
		"e0 p2: 26 1 0\n"); /* "03" is not "3" */
	assert_int_equal(w->table.part_rows[PART_TEST], 3);
	assert_int_equal(w->table.part_patients[PART_TEST], 2);
	assert_int_equal(w->table.part_patients[PART_TRAIN], 1);
	assert_int_equal(w->table.dictionary.dropped[DROPPED_NO_PATIENT], 1);
}

static void test_parts_by_column(void **state)
{
	struct world *w = *state;
	const struct source_recode recodes[] = {{"part", "T", "train"}};

	w->schema.split = (struct split){.column = "part", .train = "train", .test = "test"};
	assert_loads(w,
	             "age,Sex,cp,ill,part\n21,1,1,0,train\n22,1,1,0,test\n23,1,1,0,valid\n24,1,1,0,\n25,1,1,2,other\n",
	             "t0 p0: 21 1 0\ne0 p1: 22 1 0\n");
	assert_int_equal(w->table.dictionary.dropped[DROPPED_LEFT_OUT], 3);
	w->schema.split.validation = "valid";
	w->source.recodes = recodes;
	w->source.recode_count = 1;
	assert_loads(w, "age,Sex,cp,ill,part\n21,1,1,0,T\n22,1,1,0,test\n23,1,1,0,valid\n",
	             "t0 p0: 21 1 0\ne0 p1: 22 1 0\nv0 p2: 23 1 0\n");
}

static void test_a_patient_cannot_be_in_two_parts(void **state)
{
	struct world *w = *state;

	w->schema.patient_id = "patient";
	w->schema.split = (struct split){.column = "part", .train = "train", .test = "test"};
	assert_loads(w, "age,Sex,cp,ill,part,patient\n21,1,1,0,train,A\n22,1,1,0,test,B\n23,1,1,0,train,A\n",
	             "t0 p0: 21 1 0\ne0 p1: 22 1 0\nt0 p0: 23 1 0\n");
	assert_refused(w, "age,Sex,cp,ill,part,patient\n21,1,1,0,train,A\n22,1,1,0,test,A\n",
	               ":3:5: an earlier row of the same patient is in another part of the split");
}

/* ---- headers */

static void test_a_missing_column_is_explained(void **state)
{
	struct world *w = *state;
	const struct source_column columns[] = {{"age", "ALTR"}};

	assert_refused(w, "AGE,Sex,cp,ill\n",
	               ":1:1: no column \"age\"; the nearest is \"AGE\": if it is meant, write columns: {age: \"AGE\"} "
	               "below sources.heart in client.yaml");
	assert_refused(w, "zzzzzz,Sex,cp,ill\n",
	               ":1:1: no column \"age\"; name yours by columns: {age: ...} below sources.heart in client.yaml");
	assert_refused(w, "age,Sex,cp\n", ":1:1: no column \"ill\"");
	assert_refused(w, "age;Sex;cp;ill\n",
	               ":1:1: the header is one column, \"age;Sex;cp;ill\"; is sources.heart.delimiter right?");
	w->source.columns = columns;
	w->source.column_count = 1;
	assert_refused(w, "ALTER,Sex,cp,ill\n", ":1:1: no column \"ALTR\"; the nearest is \"ALTER\"");
	w->source.column_count = 0;
	w->schema.patient_id = "patient";
	assert_refused(w, "age,Sex,cp,ill,patent\n", ":1:1: no column \"patient\"; the nearest is \"patent\"");
}

static void test_a_header_that_occurs_twice_is_refused_where_it_is_read(void **state)
{
	struct world *w = *state;

	assert_refused(w, "age,Sex,cp,age,ill\n", ":1:4: the header \"age\" is that of column 1 too; rename one");
	assert_loads(w, "age,x,Sex,cp,x,ill\n20,,1,1,,0\n", "t0 p0: 20 1 0\n");
}

static void test_a_mapping_cannot_leak_the_label(void **state)
{
	struct world *w = *state;
	const struct source_column label[] = {{"sex", "ill"}};
	const struct source_column patient[] = {{"age", "patient"}};

	w->source.columns = label;
	w->source.column_count = 1;
	assert_refused(w, "age,Sex,cp,ill\n20,1,1,0\n",
	               ":1:4: this column is read as sex and as ill; correct sources.heart.columns in client.yaml");
	w->source.columns = patient;
	w->schema.patient_id = "patient";
	assert_refused(w, "age,Sex,cp,ill,patient\n20,1,1,0,7\n", ":1:5: this column is read as age and as patient");
}

static void test_a_wrong_source_is_refused_with_its_key(void **state)
{
	struct world *w = *state;
	const struct source_column columns[] = {{"agee", "ALTER"}};

	w->source.columns = columns;
	w->source.column_count = 1;
	assert_int_equal(load(w, "age\n"), ERR_CONFIG);
	assert_string_equal(w->why.text,
	                    "sources.heart.columns.agee: the study has no \"agee\"; did you mean \"age\"?");
	w->source = source_default("heart", "/nonexistent/heart.csv");
	assert_int_equal(load(w, "age\n"), ERR_NO_INPUT);
}

/* ---- the whole */

static void test_no_usable_row_is_no_error(void **state)
{
	struct world *w = *state;

	assert_loads(w, "age,Sex,cp,ill\n", "");
	assert_int_equal(w->table.rows, 0);
	assert_loads(w, "age,Sex,cp,ill\n20,1,1,\n", "");
	assert_int_equal(w->table.dictionary.rows, 1);
	table_drop_rows(&w->table);
}

/* Offsets keep what a float of the value itself would lose: 1.7e9 seconds have a step of 128 as floats. */
static void test_large_offsets_keep_their_digits(void **state)
{
	struct world *w = *state;

	w->features[AGE].min = 1700000000;
	w->features[AGE].max = 1700009999;
	assert_int_equal(load(w, "age,Sex,cp,ill\n1700001234,1,1,0\n1700009999,1,1,0\n"), OK);
	assert_true(table_value(&w->table, 0, AGE) == 1700001234);
	assert_true(table_value(&w->table, 1, AGE) == 1700009999);
}

static void test_grows_to_many_rows(void **state)
{
	struct world *w = *state;
	struct buf text;

	buf_init(&text, 1u << 20);
	buf_put_text(&text, "age,Sex,cp,ill\n");
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "%d,%d,%d,%d\n", 18 + i % 90, i % 2, 1 + i % 3, i % 5 == 0);
	assert_int_equal(load(w, buf_text(&text)), OK);
	assert_int_equal(w->table.rows, 5000);
	for (uint32_t i = 0; i < 5000; i++) {
		assert_true(table_value(&w->table, i, AGE) == 18 + i % 90);
		assert_true(table_value(&w->table, i, CP) == i % 3);
		assert_int_equal(w->table.patients[i], i);
	}
	buf_free(&text);
}

/* Whatever a damaged file holds: a message with its name, or a table whose counts agree. */
static void assert_survives(struct world *w, struct bytes file)
{
	uint32_t rows = 0, patients = 0;

	tempdir_write_bytes(&w->dir, "heart.csv", file);
	table_free(&w->table);
	w->why = (struct diag){0};
	if (table_load(&w->table, &w->schema, &w->source, &w->why) != OK) {
		assert_memory_equal(w->why.text, w->source.path, strlen(w->source.path));
		return;
	}
	for (int part = 0; part < PART_COUNT; part++) {
		rows += w->table.part_rows[part];
		patients += w->table.part_patients[part];
	}
	assert_int_equal(rows, w->table.rows);
	for (uint32_t i = 0; i < rows; i++)
		assert_true(w->table.patients[i] < patients);
}

static void test_survives_every_cut_and_every_flipped_bit(void **state)
{
	static const char text[] = "age,Sex,cp,ill,patient\r\n63,1,2,1,A7\r\n\"37\",0,NA,0,B\r\n,1,1,1,A7\r\n";
	enum { LEN = sizeof text - 1 };
	struct world *w = *state;
	char copy[LEN];

	w->schema.patient_id = "patient";
	w->schema.split.test_fraction = 0.3;
	for (size_t cut = 0; cut <= LEN; cut++)
		assert_survives(w, bytes_of(text, cut));
	for (size_t bit = 0; bit < 8 * LEN; bit++) {
		memcpy(copy, text, LEN);
		copy[bit / 8] ^= (char)(1 << bit % 8);
		assert_survives(w, bytes_of(copy, LEN));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_reads_the_studys_columns_wherever_they_are),
		TEST(test_missing_by_study_feature_and_hospital),
		TEST(test_the_hospitals_names_codes_units_and_marks),
		TEST(test_labels_of_several_classes),
		TEST(test_outside_becomes_missing),
		TEST(test_outside_is_clamped),
		TEST(test_outside_is_refused),
		TEST(test_a_label_may_be_a_number),
		TEST(test_text_is_no_number),
		TEST(test_a_conversion_may_overflow),
		TEST(test_a_simulation_is_advised_on_the_study),
		TEST(test_fill_drop),
		TEST(test_fill_refuse),
		TEST(test_labels_are_known_or_missing),
		TEST(test_rows_are_split_by_their_number_in_the_file),
		TEST(test_all_rows_of_a_patient_are_in_one_part),
		TEST(test_parts_by_column),
		TEST(test_a_patient_cannot_be_in_two_parts),
		TEST(test_a_missing_column_is_explained),
		TEST(test_a_header_that_occurs_twice_is_refused_where_it_is_read),
		TEST(test_a_mapping_cannot_leak_the_label),
		TEST(test_a_wrong_source_is_refused_with_its_key),
		TEST(test_no_usable_row_is_no_error),
		TEST(test_large_offsets_keep_their_digits),
		TEST(test_grows_to_many_rows),
		TEST(test_survives_every_cut_and_every_flipped_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
