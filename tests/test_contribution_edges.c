/*
 * Contributions of hospitals at the edge: a part without rows, patients who are all alike, more rows than the study takes, a model
 * that does not fit, an end in the middle.
 */
#include "tests/support/counted.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct counted_row without_test[] = {{8, 'a', '1', 1, "train"}, {-8, 'b', '0', 0, "train"}};
static const struct counted_row without_training[] = {{8, 'a', '1', 1, "test"}, {-8, 'b', '0', 0, "test"}};
static const struct counted_row of_one_class[] = {
	{8, 'a', '1', 1, "train"}, {-8, 'b', '0', 1, "train"}, {1, 'c', '1', 1, "test"}};

static void assert_zero(const struct counted *f, size_t first, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(counted_word(&f->out, first + i), 0);
}

static void test_no_test_row(void **state)
{
	struct counted *f = *state;

	counted_rows(f, without_test, 2);
	counted_model(f, counted_dyadic, 0);
	counted_compute_good(f, ASK_TRAIN | ASK_EVALUATE);
	assert_int_equal(counted_word(&f->out, COUNTED_PARAMETERS), 2);
	assert_zero(f, COUNTED_PARAMETERS + 1, 4 + 4 * COUNTED_BINS);
	assert_true(f->report.test.rows == 0 && isnan(f->report.test.auc) && isnan(f->report.test.loss));
	assert_false(isnan(f->report.training_loss));
}

static void test_no_training_row(void **state)
{
	struct counted *f = *state;

	counted_rows(f, without_training, 2);
	counted_compute_good(f, ASK_STATISTICS);
	assert_zero(f, 0, f->out.len / 4);
	counted_model(f, counted_dyadic, 0);
	counted_compute_good(f, ASK_TRAIN);
	assert_int_equal(f->out.len, 4 * (COUNTED_PARAMETERS + 1));
	assert_zero(f, 0, COUNTED_PARAMETERS + 1); /* weight 0: its absence from the mean tells nothing */
	assert_true(isnan(f->report.training_loss) && f->report.weight == 0);
}

static void test_one_class(void **state)
{
	struct counted *f = *state;
	bool moved = false;

	counted_rows(f, of_one_class, 3);
	counted_model(f, counted_dyadic, 0);
	counted_compute_good(f, ASK_TRAIN | ASK_EVALUATE);
	for (size_t i = 0; i < COUNTED_PARAMETERS; i++)
		moved = moved || counted_word(&f->out, i) != 0;
	assert_true(moved); /* it trains */
	assert_int_equal(counted_word(&f->out, COUNTED_PARAMETERS), 2);
	assert_true(f->report.test.rows == 1 && isnan(f->report.test.auc) && !isnan(f->report.test.loss));
}

/* ---- caps */

static void test_more_patients_than_the_cap(void **state)
{
	struct counted *f = *state;

	counted_study(f, "by: patients, cap: 6");
	counted_compute_good(f, ASK_STATISTICS);
	counted_study(f, "by: patients, cap: 5");
	counted_model(f, counted_dyadic, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(counted_compute(f, i == 0 ? ASK_STATISTICS : ASK_TRAIN, NULL), ERR_LIMIT);
		assert_string_equal(
			f->why.text,
			"st-mary has 6 training patients; the study's training.weights.cap is 5: it needs a "
			"new revision with a larger cap");
	}
}

/* Test rows count, too: sums over them must not overflow. */
static void test_more_rows_than_the_cap_in_another_part(void **state)
{
	struct counted_row many[8];
	struct counted *f = *state;

	counted_study(f, "by: patients, cap: 6");
	for (int i = 0; i < 8; i++)
		many[i] = (struct counted_row){i, 'a', '1', i % 2, i == 0 ? "train" : "test"};
	counted_rows(f, many, 7);
	counted_compute_good(f, ASK_STATISTICS);
	counted_rows(f, many, 8);
	assert_int_equal(counted_compute(f, ASK_STATISTICS, NULL), ERR_LIMIT);
	assert_string_equal(f->why.text, "st-mary has 7 rows in one part; this study takes at most 6 from a site "
	                                 "(training.weights.cap)");
}

static void test_equal_weights(void **state)
{
	struct counted *f = *state;

	counted_study(f, "by: equal");
	counted_model(f, counted_dyadic, 0);
	counted_compute_good(f, ASK_TRAIN);
	assert_int_equal(counted_word(&f->out, COUNTED_PARAMETERS), 1);
	assert_true(f->report.weight == 1);
	counted_rows(f, without_training, 2);
	counted_model(f, counted_dyadic, 0);
	counted_compute_good(f, ASK_TRAIN);
	assert_int_equal(counted_word(&f->out, COUNTED_PARAMETERS), 0);
}

/* ---- what does not work */

static void test_models_that_do_not_fit(void **state)
{
	struct counted *f = *state;
	size_t whole;

	counted_model(f, counted_dyadic, 0);
	whole = f->model.len;
	for (size_t cut = 0; cut < whole; cut += 7) {
		f->model.len = cut;
		assert_int_equal(counted_compute(f, ASK_TRAIN, NULL), ERR_DATA);
		assert_true(f->why.text[0] != '\0');
	}
	f->model.len = whole;
	store_u32(f->model.ptr + whole - 4, 0x7fc00000); /* the bias becomes NaN */
	assert_int_equal(counted_compute(f, ASK_TRAIN, NULL), ERR_DATA);
	store_u32(f->model.ptr + whole - 4, 0);
	counted_compute_good(f, ASK_TRAIN);
}

static void test_a_step_that_leaves_the_numbers(void **state)
{
	struct counted *f = *state;

	counted_model(f, counted_dyadic, 0);
	f->study.local.learning_rate = 1e39; /* beyond float */
	contributor_free(&f->contributor);
	contributor_init(&f->contributor, &f->study, &f->table, "st-mary");
	assert_int_equal(counted_compute(f, ASK_TRAIN, NULL), ERR_DATA);
	assert_non_null(strstr(f->why.text, "learning rate"));
}

static void test_cancelling(void **state)
{
	struct counted *f = *state;
	atomic_bool cancel = true;

	counted_model(f, counted_dyadic, 0);
	assert_int_equal(counted_compute(f, ASK_TRAIN, &cancel), ERR_CANCELLED);
	assert_int_equal(counted_compute(f, ASK_EVALUATE, &cancel), ERR_CANCELLED);
	atomic_store(&cancel, false);
	assert_int_equal(counted_compute(f, ASK_TRAIN | ASK_EVALUATE, &cancel), OK);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, counted_setup, counted_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_no_test_row),
		CASE(test_no_training_row),
		CASE(test_one_class),
		CASE(test_more_patients_than_the_cap),
		CASE(test_more_rows_than_the_cap_in_another_part),
		CASE(test_equal_weights),
		CASE(test_models_that_do_not_fit),
		CASE(test_a_step_that_leaves_the_numbers),
		CASE(test_cancelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
