/*
 * The extract: bound to the bytes that a person looked at. A changed file asks again or goes on, as the policy says; the fingerprint
 * changes with every byte and with nothing else.
 */
#include "base/log.h"
#include "client/extract.h"
#include "client/fingerprint.h"
#include "tests/support/small_study.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char config_text[] = "site: a\ncoordinator: https://c\nstate: .\nsources: {small: {csv: rows.csv}}\n";
static const char three_rows[] = "x,y,kind,label\n1,2,a,1\n1,1,b,0\n0,2,c,1\n";
static const char four_rows[] = "x,y,kind,label\n1,2,a,1\n1,1,b,0\n0,2,c,1\n3,2,c,1\n";

struct fixture {
	struct tempdir dir;
	struct client_config config;
	struct study study;
	struct hash fingerprint; /* of three_rows */
	struct extract extract;
};

static struct hash fingerprint_of(struct fixture *f, const char *name)
{
	struct diag why = {{0}};
	struct hash h;

	if (fingerprint_file(&h, tempdir_path(&f->dir, NULL), tempdir_path(&f->dir, name), &why) != OK)
		fail_msg("%s", why.text);
	return h;
}

static int setup(void **state)
{
	static struct fixture f;
	struct diag why = {{0}};

	memset(&f, 0, sizeof f);
	tempdir_make(&f.dir);
	tempdir_write(&f.dir, "client.yaml", config_text);
	tempdir_write(&f.dir, "rows.csv", three_rows);
	if (client_config_load(&f.config, tempdir_path(&f.dir, "client.yaml"), &why) != OK)
		fail_msg("%s", why.text);
	small_study(&f.study, NULL);
	f.fingerprint = fingerprint_of(&f, "rows.csv");
	extract_init(&f.extract, &f.config, &f.study, &f.fingerprint);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	extract_free(&f->extract);
	study_free(&f->study);
	client_config_free(&f->config);
	tempdir_remove(&f->dir);
	return 0;
}

static void expect(struct fixture *f, enum refusal wanted, bool wanted_changed, const char *words)
{
	struct diag why = {{0}};
	bool changed;

	assert_int_equal(extract_refresh(&f->extract, &changed, &why), wanted);
	assert_int_equal(changed, wanted_changed);
	if (strstr(why.text, words) == NULL)
		fail_msg("got %s\nwanted %s", why.text, words);
}

/* ---- the fingerprint */

static void test_every_byte_counts(void **state)
{
	struct fixture *f = *state;
	char copy[sizeof three_rows];
	struct hash h;

	for (size_t at = 0; at < sizeof three_rows - 1; at++) {
		memcpy(copy, three_rows, sizeof copy);
		copy[at] ^= 1;
		tempdir_write_bytes(&f->dir, "other.csv", bytes_of(copy, sizeof copy - 1));
		h = fingerprint_of(f, "other.csv");
		assert_false(hash_equal(&h, &f->fingerprint));
	}
	tempdir_write_bytes(&f->dir, "other.csv", bytes_of(three_rows, sizeof three_rows - 2));
	h = fingerprint_of(f, "other.csv");
	assert_false(hash_equal(&h, &f->fingerprint));
	tempdir_write(&f->dir, "other.csv", three_rows); /* another file, another time: the same bytes */
	h = fingerprint_of(f, "other.csv");
	assert_true(hash_equal(&h, &f->fingerprint));
}

static void test_the_key_counts(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	size_t len;
	struct hash h, content, expected;
	struct bytes field;
	const char *key = tempdir_read(&f->dir, "fingerprint.key", &len);

	assert_int_equal(len, 32);
	assert_int_equal(stat(tempdir_path(&f->dir, "fingerprint.key"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	sha256_of(&content, bytes_text(three_rows));
	field = bytes_of(content.b, HASH_SIZE);
	hash_fields(&expected, (const uint8_t *)key, "COHRText", &field, 1);
	assert_true(hash_equal(&f->fingerprint, &expected)); /* as the header says */
	unlink(tempdir_path(&f->dir, "fingerprint.key"));
	h = fingerprint_of(f, "rows.csv"); /* a new key is made: whoever has not the key can tell nothing */
	assert_false(hash_equal(&h, &f->fingerprint));
}

static void test_a_broken_key(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};
	struct hash h;

	tempdir_write(&f->dir, "fingerprint.key", "too short");
	assert_int_equal(fingerprint_file(&h, tempdir_path(&f->dir, NULL), tempdir_path(&f->dir, "rows.csv"), &why),
	                 ERR_DATA);
	assert_non_null(strstr(why.text, "fingerprint.key: has not 32 bytes"));
	chmod(tempdir_path(&f->dir, "fingerprint.key"), 0644);
	assert_int_equal(fingerprint_file(&h, tempdir_path(&f->dir, NULL), tempdir_path(&f->dir, "rows.csv"), &why),
	                 ERR_REFUSED);
}

/* ---- what a round gets */

static void test_the_approved_file(void **state)
{
	struct fixture *f = *state;

	expect(f, REFUSAL_NONE, false, "");
	assert_int_equal(f->extract.table.rows, 3);
	f->extract.table.part_rows[0] = 77; /* a mark: the second time nothing is read */
	expect(f, REFUSAL_NONE, false, "");
	assert_int_equal(f->extract.table.part_rows[0], 77);
}

static void test_a_changed_file_asks(void **state)
{
	struct fixture *f = *state;

	expect(f, REFUSAL_NONE, false, "");
	tempdir_write(&f->dir, "rows.csv", four_rows);
	expect(f, REFUSAL_DATA_CHANGED, true, "rows.csv is not the file that was approved");
	assert_int_equal(f->extract.table.rows, 0); /* the old rows are gone, the new ones were not read */
	expect(f, REFUSAL_DATA_CHANGED, false, "approve the study again");
	tempdir_write(&f->dir, "rows.csv", three_rows); /* the approved bytes again */
	expect(f, REFUSAL_NONE, false, "");
	assert_int_equal(f->extract.table.rows, 3);
}

static void test_a_changed_file_that_is_unreadable_asks_first(void **state)
{
	struct fixture *f = *state;

	tempdir_write(&f->dir, "rows.csv", "x,y\n1,2\n");
	expect(f, REFUSAL_DATA_CHANGED, false, "is not the file that was approved");
}

static void test_a_changed_file_goes_on(void **state)
{
	struct fixture *f = *state;

	f->config.policy.ask_on_data_change = false;
	expect(f, REFUSAL_NONE, false, "");
	tempdir_write(&f->dir, "rows.csv", four_rows);
	expect(f, REFUSAL_NONE, true, "");
	assert_int_equal(f->extract.table.rows, 4);
	tempdir_write(&f->dir, "rows.csv", "x,y\n1,2\n");
	expect(f, REFUSAL_DATA_UNREADABLE, true, "rows.csv:1");
	assert_int_equal(f->extract.table.rows, 0);
	tempdir_write(&f->dir, "rows.csv", three_rows);
	expect(f, REFUSAL_NONE, false, "");
}

/* Under privacy no cell decides whether a round is answered. */
static void keep_line(void *context, enum log_level level, const char *line)
{
	if (level == LOG_LEVEL_ERROR)
		snprintf(context, DIAG_MAX, "%s", line);
}

static void test_under_privacy_no_cell_refuses(void **state)
{
	static const char *const wrong[] = {"x,y\n1,2\n", "x,y,kind,label\n1,2,a,1\n\"secret7,1,b,0\n"};
	struct fixture *f = *state;
	char line[DIAG_MAX] = "";

	f->config.policy.ask_on_data_change = false;
	f->study.privacy.mechanism = PRIVACY_DISTRIBUTED;
	f->study.evaluation = EVALUATION_NONE;
	expect(f, REFUSAL_NONE, false, "");
	log_capture(keep_line, line);
	for (size_t i = 0; i < 2; i++) {
		line[0] = '\0';
		tempdir_write(&f->dir, "rows.csv", wrong[i]);
		expect(f, REFUSAL_NONE, true, "");
		assert_int_equal(f->extract.table.rows, 0);
		assert_non_null(strstr(line, "answers as one without rows"));
		assert_null(strstr(line, "secret7"));
		expect(f, REFUSAL_NONE, false, ""); /* and it is not read again */
	}
	unlink(tempdir_path(&f->dir, "rows.csv")); /* no patient's doing */
	expect(f, REFUSAL_DATA_UNREADABLE, false, "No such file");
	log_capture(NULL, NULL);
	tempdir_write(&f->dir, "rows.csv", four_rows);
	expect(f, REFUSAL_NONE, true, "");
	assert_int_equal(f->extract.table.rows, 4);
}

/* Under privacy one row more or less moves nobody else's: what cannot be read leaves by itself. */
static void test_under_privacy_a_wrong_row_leaves_alone(void **state)
{
	static const char *const wrong[] = {"secret7,1,b,0", "1,1,b,secret7", "1,secret7,b,1"};
	struct fixture *f = *state;
	char line[DIAG_MAX] = "", text[256];

	f->config.policy.ask_on_data_change = false;
	f->study.privacy.mechanism = PRIVACY_DISTRIBUTED;
	f->study.evaluation = EVALUATION_NONE;
	log_capture(keep_line, line);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(text, sizeof text, "%s%s\n0,1,a,0\n", three_rows, wrong[i]);
		tempdir_write(&f->dir, "rows.csv", text);
		expect(f, REFUSAL_NONE, i > 0, "");
		assert_int_equal(f->extract.table.rows, 4);
		assert_int_equal(f->extract.table.dictionary.dropped[DROPPED_WRONG], 1);
		assert_non_null(strstr(line, "1 of its rows"));
		assert_null(strstr(line, "secret7"));
	}
	log_capture(NULL, NULL);
	f->study.privacy.mechanism = PRIVACY_NONE; /* where nothing is promised of one row, all are told */
	tempdir_write(&f->dir, "rows.csv", "x,y,kind,label\n1,2,a,1\nsecret7,1,b,0\n");
	expect(f, REFUSAL_DATA_UNREADABLE, true, "x");
}

/* Who was a training patient must not be evaluated later: without an id, a patient's part is the row's place or a cell. */
static void test_under_privacy_parts_stay(void **state)
{
	struct fixture *f = *state;

	f->config.policy.ask_on_data_change = false;
	f->study.privacy.mechanism = PRIVACY_DISTRIBUTED;
	f->study.evaluation = EVALUATION_NOISED;
	expect(f, REFUSAL_NONE, false, "");
	tempdir_write(&f->dir, "rows.csv", four_rows);
	expect(f, REFUSAL_DATA_CHANGED, true, "a row may come into another part");
	expect(f, REFUSAL_DATA_CHANGED, false, "approve it again");
	f->study.privacy.unit = UNIT_SITE; /* one and the same, whatever its part */
	tempdir_write(&f->dir, "rows.csv", three_rows);
	expect(f, REFUSAL_NONE, false, "");
	tempdir_write(&f->dir, "rows.csv", four_rows);
	expect(f, REFUSAL_NONE, true, "");
}

/* Same length, same time, another file: the inode tells. */
/* The daemon's log holds no patient's value; who runs `check` by hand is shown the cell. */
static void test_cells_stay_out_of_the_log(void **state)
{
	static const char *const wrong[][3] = {
		/* rows; the place for the log; the cell for a person */
		{"x,y,kind,label\n1,2,a,1\nsecret7,1,b,0\n", "rows.csv:3:1: x (not shown) is not a number", "secret7"},
		{"x,y,kind,label\n1,2,secret7,1\n1,1,b,0\n", "rows.csv:2:3: kind (not shown) is none of", "secret7"},
		{"x,y,kind,label\n1,2,a,1\n1,1,b,secret7\n", "rows.csv:3:4: label (not shown) is none of", "secret7"},
		{"x,y,kind,label\n1,3.75e5,a,1\n1,1,b,0\n", "rows.csv:2:2: y (not shown) lies outside", "375000"},
		/* no header at all */
		{"0.5,2,a,labe7\n1,1,b,0\n", "rows.csv:1:1: no column \"label\"", "labe7"},
		{"0.5;secret7;a;1\n1;1;b;0\n", "rows.csv:1:1: the header is one column, (not shown)", "secret7"},
	};
	struct fixture *f = *state;
	struct extract_stamp stamp;
	struct diag why = {{0}};
	struct table table;
	bool changed;

	f->config.policy.ask_on_data_change = false;
	f->study.schema.outside = OUTSIDE_REFUSE;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		tempdir_write(&f->dir, "rows.csv", wrong[i][0]);
		assert_int_equal(extract_refresh(&f->extract, &changed, &why), REFUSAL_DATA_UNREADABLE);
		if (strstr(why.text, wrong[i][1]) == NULL || strstr(why.text, wrong[i][2]) != NULL)
			fail_msg("the log would say: %s", why.text);
		assert_int_equal(extract_read(&table, &stamp, &f->config, &f->study, &why), ERR_DATA);
		if (strstr(why.text, wrong[i][2]) == NULL)
			fail_msg("a person is told: %s", why.text);
	}
}

static void test_a_file_put_in_place(void **state)
{
	struct fixture *f = *state;
	const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	char other[sizeof three_rows];

	utimensat(AT_FDCWD, tempdir_path(&f->dir, "rows.csv"), times, 0);
	expect(f, REFUSAL_NONE, false, "");
	memcpy(other, three_rows, sizeof other);
	other[strlen("x,y,kind,label\n")] = '3';
	tempdir_write(&f->dir, "new.csv", other);
	utimensat(AT_FDCWD, tempdir_path(&f->dir, "new.csv"), times, 0);
	assert_int_equal(rename(tempdir_path(&f->dir, "new.csv"), tempdir_path(&f->dir, "rows.csv")), 0);
	expect(f, REFUSAL_DATA_CHANGED, true, "is not the file that was approved");
}

static void test_no_file_and_no_source(void **state)
{
	struct fixture *f = *state;
	struct study other;

	unlink(tempdir_path(&f->dir, "rows.csv"));
	expect(f, REFUSAL_DATA_UNREADABLE, false, "rows.csv: No such file or directory");
	small_study(&other, "study: other"); /* its source has its name */
	f->extract.study = &other;
	expect(f, REFUSAL_DATA_UNREADABLE, false, "study other reads a source named other");
	f->extract.study = &f->study;
	study_free(&other);
}

static void test_read_and_fingerprint_are_of_the_same_bytes(void **state)
{
	struct fixture *f = *state;
	struct extract_stamp stamp;
	struct diag why = {{0}};
	struct table rows;
	struct hash h;

	assert_int_equal(extract_read(&rows, &stamp, &f->config, &f->study, &why), OK);
	assert_int_equal(rows.rows, 3);
	assert_int_equal(extract_fingerprint(&h, &stamp, &f->config, &f->study, &why), OK);
	assert_true(hash_equal(&h, &f->fingerprint));
	tempdir_write(&f->dir, "rows.csv", four_rows); /* written between the look and the approval */
	assert_int_equal(extract_fingerprint(&h, &stamp, &f->config, &f->study, &why), ERR_AGAIN);
	assert_non_null(strstr(why.text, "rows.csv: changed while it was read"));
	table_free(&rows);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_every_byte_counts),
		CASE(test_the_key_counts),
		CASE(test_a_broken_key),
		CASE(test_the_approved_file),
		CASE(test_a_changed_file_asks),
		CASE(test_a_changed_file_that_is_unreadable_asks_first),
		CASE(test_a_changed_file_goes_on),
		CASE(test_under_privacy_no_cell_refuses),
		CASE(test_under_privacy_a_wrong_row_leaves_alone),
		CASE(test_under_privacy_parts_stay),
		CASE(test_a_file_put_in_place),
		CASE(test_cells_stay_out_of_the_log),
		CASE(test_no_file_and_no_source),
		CASE(test_read_and_fingerprint_are_of_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
