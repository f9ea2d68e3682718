/* The data dictionary as JSON: counts against the rows, small cells guarded, faults exact, and the judgement that approve makes too. */
#include "client/inspect.h"
#include "tests/support/counted.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S 1800000000

static struct policy p;

static struct json *inspect(struct counted *f)
{
	return inspect_table(&f->table, &f->study, &p, "rows.csv", NOW_S);
}

static int setup(void **state)
{
	small_policy(&p);
	p.min_rows = p.min_positives = p.cell_min = 0;
	return counted_setup(state);
}

static const struct json *feature(const struct json *root, size_t index)
{
	return json_at(json_get(root, "features"), index);
}

static int64_t count_of(const struct json *node, const char *key)
{
	return json_as_integer(json_get(node, key));
}

static void expect_listed(const struct json *list, const char *key, const char *name, int64_t rows)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *entry = json_at(list, i);

		if (strcmp(json_as_string(json_get(entry, key)), name) != 0)
			continue;
		if (rows < 0)
			assert_int_equal(json_kind(json_get(entry, "rows")), JSON_IS_NULL);
		else
			assert_int_equal(count_of(entry, "rows"), rows);
		return;
	}
	fail_msg("%s is not listed", name);
}

static void test_counts(void **state)
{
	struct counted *f = *state;
	struct json *root = inspect(f);
	const struct json *parts = json_get(root, "parts");

	assert_string_equal(json_as_string(json_get(root, "study")), "small");
	assert_int_equal(count_of(root, "rows"), COUNTED_ROWS);
	assert_int_equal(count_of(root, "used"), COUNTED_ROWS);
	assert_int_equal(count_of(json_at(parts, 0), "rows"), 6);
	assert_int_equal(count_of(json_at(parts, 2), "rows"), 4);
	expect_listed(json_get(json_at(parts, 0), "classes"), "label", "1", 3);
	assert_int_equal(json_kind(json_get(root, "label")), JSON_IS_NULL);
	assert_int_equal(count_of(feature(root, 0), "present"), 11);
	assert_int_equal(count_of(feature(root, 0), "missing"), 1);
	assert_true(json_as_real(json_get(feature(root, 0), "lowest")) == -4);
	assert_true(json_as_real(json_get(feature(root, 0), "highest")) == 4);
	expect_listed(json_get(feature(root, 1), "levels"), "level", "a", 5);
	expect_listed(json_get(feature(root, 2), "levels"), "level", "1", 6);
	assert_true(json_as_bool(json_get(root, "permitted")));
	assert_string_equal(json_as_string(json_get(json_get(root, "privacy"), "mechanism")), "none");
	json_free(root);
}

static void test_small_cells(void **state)
{
	struct counted *f = *state;
	struct json *root;

	p.cell_min = 5;
	root = inspect(f);
	expect_listed(json_get(feature(root, 1), "levels"), "level", "a", 5); /* just enough */
	expect_listed(json_get(feature(root, 1), "levels"), "level", "b", -1); /* 3: guarded */
	assert_int_equal(json_kind(json_get(json_at(json_get(root, "parts"), 2), "rows")), JSON_IS_NULL);
	assert_int_equal(count_of(feature(root, 0), "missing"), 1); /* a fault of the file: exact */
	assert_int_equal(count_of(root, "cell_min"), 5);
	json_free(root);
	p.cell_min = 12;
	root = inspect(f);
	assert_int_equal(json_kind(json_get(feature(root, 0), "mean")), JSON_IS_NULL);
	assert_int_equal(json_kind(json_get(feature(root, 0), "present")), JSON_IS_NULL);
	assert_int_equal(count_of(root, "used"), 12);
	json_free(root);
}

static void test_nothing_is_no_small_cell(void **state)
{
	struct counted *f = *state;
	const struct counted_row few[] = {{8, 'a', '1', 1, "train"}, {1, 'a', '0', 0, "train"}};
	struct json *root;

	p.cell_min = 5;
	counted_rows(f, few, 2);
	root = inspect(f);
	assert_int_equal(count_of(json_at(json_get(root, "parts"), 2), "rows"), 0);
	expect_listed(json_get(feature(root, 1), "levels"), "level", "c", 0);
	json_free(root);
}

static void test_faults_are_exact(void **state)
{
	const struct counted_row bad[] = {
		{8, 'a', '1', 1, "train"}, {400, 'x', '0', 0, "train"}, {-400, 'x', '?', 1, "other"}};
	struct counted *f = *state;
	struct json *root;

	p.cell_min = 11;
	counted_rows(f, bad, 3);
	root = inspect(f);
	assert_int_equal(count_of(feature(root, 0), "above"), 1);
	assert_int_equal(count_of(feature(root, 0), "below"), 0); /* that row is left out by the split column */
	assert_int_equal(count_of(feature(root, 1), "unknown"), 1);
	expect_listed(json_get(feature(root, 1), "unknowns"), "text", "\"x\"", 1);
	expect_listed(json_get(root, "dropped"), "reason", "left out by the split column", 1);
	assert_true(json_count(json_get(root, "warnings")) >= 3);
	json_free(root);
}

static void expect_judgement(struct counted *f, enum refusal wanted, const char *words)
{
	struct diag why = {{0}};
	struct json *root = inspect(f);

	assert_int_equal(inspect_judge(&f->table, &f->study, &p, NOW_S, &why), wanted);
	assert_string_equal(why.text, words);
	assert_int_equal(json_as_bool(json_get(root, "permitted")), wanted == REFUSAL_NONE);
	if (wanted != REFUSAL_NONE)
		assert_string_equal(json_as_string(json_get(root, "refusal")), refusal_name(wanted));
	json_free(root);
}

static void test_judgements(void **state)
{
	struct counted *f = *state;

	expect_judgement(f, REFUSAL_NONE, "");
	p.min_rows = 6;
	p.min_positives = 3;
	expect_judgement(f, REFUSAL_NONE, "");
	p.min_rows = 7;
	expect_judgement(f, REFUSAL_DATA_SMALL, "fewer than 7 training rows (the policy's min_rows)");
	p.min_rows = 0;
	p.min_positives = 4; /* three of each class */
	expect_judgement(f, REFUSAL_DATA_SMALL,
	                 "fewer than 4 training rows of the rarest label (the policy's min_positives)");
	p.min_positives = 0;
	p.masking_required = true;
	expect_judgement(
		f, REFUSAL_POLICY_MASKING,
		"the study sends this hospital's numbers unmasked (masking: off); the policy requires masking");
	p.masking_required = false;
	counted_study(f, "by: patients, cap: 6");
	expect_judgement(f, REFUSAL_NONE, "");
	counted_study(f, "by: patients, cap: 5");
	expect_judgement(
		f, REFUSAL_WEIGHT_CAP,
		"6 training patients; the study's training.weights.cap is 5: it needs a new revision with a larger "
		"cap");
	counted_study(f, "by: patients, cap: 6");
	p.mechanisms[PRIVACY_LOCAL] = true;
	f->study.privacy = (struct privacy_plan){.mechanism = PRIVACY_LOCAL, .unit = UNIT_PATIENT, .patients = 6};
	expect_judgement(f, REFUSAL_NONE, "");
	f->study.privacy.patients = 5;
	expect_judgement(f, REFUSAL_WEIGHT_CAP,
	                 "more training patients here than the study says it has altogether (privacy.patients, 5): it "
	                 "needs a new revision with a larger number");
}

/* A numeric label is shown as a feature is, and no policy counts its positives. */
static void test_a_numeric_label(void **state)
{
	static const char study_line[] = "  label: {name: label, type: numeric, min: -1, max: 0.5}";
	struct tempdir dir;
	struct study s;
	struct table t;
	struct json *root;

	(void)state;
	tempdir_make(&dir);
	small_study(&s, study_line);
	small_table(&t, &dir, &s, 0);
	p.min_positives = 1000;
	p.cell_min = 11;
	root = inspect_table(&t, &s, &p, "rows.csv", NOW_S);
	const struct json *label = json_get(root, "label");
	assert_string_equal(json_as_string(json_get(label, "name")), "label");
	assert_string_equal(json_as_string(json_get(label, "type")), "numeric");
	assert_int_equal(count_of(label, "field"), 4);
	assert_true(json_as_real(json_get(label, "highest")) == 1);
	assert_int_equal(count_of(label, "present") + count_of(label, "missing"), 30);
	assert_int_equal(count_of(label, "above"), count_of(label, "missing"));
	assert_true(count_of(label, "above") > 0);
	assert_int_equal(json_count(json_get(json_at(json_get(root, "parts"), 0), "classes")), 0);
	assert_true(json_as_bool(json_get(root, "permitted")));
	json_free(root);
	table_free(&t);
	study_free(&s);
	tempdir_remove(&dir);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, counted_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_counts),           CASE(test_small_cells), CASE(test_nothing_is_no_small_cell),
		CASE(test_faults_are_exact), CASE(test_judgements),  CASE(test_a_numeric_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
