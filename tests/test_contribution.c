/*
 * The contribution against integers counted here, from the rows themselves: statistics and evaluation octet for octet. Training has
 * its own reference in test_fedavg.c; hospitals at the edge are in test_contribution_edges.c.
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

/* ---- what the test counts itself */

/* L and the grid's exponent g (grid = 2^-g) of wide numbers, from docs/PROTOCOL.md in integers: the largest g with
 * bound * 2^g + 1 < 2^(2L-1). */
static int low_bits(int sites)
{
	int log = 0;

	while (1 << log < sites)
		log++;
	return 30 - log;
}

static int wide_exponent(int64_t bound)
{
	int g = 0;

	while ((bound << (g + 1)) + 1 < (int64_t)1 << (2 * low_bits(COUNTED_SITES) - 1))
		g++;
	return g;
}

/* The wide number at word `index` must be `numerator` / 2^`halvings`. */
static void assert_wide(const struct buf *b, size_t index, int64_t bound, int64_t numerator, int halvings)
{
	int l = low_bits(COUNTED_SITES), g = wide_exponent(bound);
	int64_t q = numerator * ((int64_t)1 << (g - halvings));

	assert_int_equal(counted_word(b, index), (uint32_t)(q & (((int64_t)1 << l) - 1)));
	assert_int_equal((int32_t)counted_word(b, index + 1), q >> l);
}

/* ---- statistics */

static void test_statistics_are_the_counts(void **state)
{
	struct counted *f = *state;
	int64_t present = 0, sum8 = 0, sum64 = 0;
	int64_t kinds[4] = {0}, flags[3] = {0}, labels[2] = {0};
	size_t at = 0;

	for (size_t i = 0; i < COUNTED_ROWS; i++) {
		const struct counted_row *r = &counted_list[i];

		if (strcmp(r->part, "train") != 0)
			continue;
		if (r->x8 != 99) {
			present++;
			sum8 += r->x8; /* u = x / 4 = x8 / 32 */
			sum64 += r->x8 * r->x8; /* u^2 = x8^2 / 1024 */
		}
		kinds[r->kind == '?' ? 3 : r->kind - 'a']++;
		flags[r->flag == '?' ? 2 : r->flag - '0']++;
		labels[r->label]++;
	}
	counted_compute_good(f, ASK_STATISTICS);
	assert_int_equal(f->out.len, 4 * 2 * (3 + 4 + 3 + 2));
	assert_wide(&f->out, 0, 100, present, 0);
	assert_wide(&f->out, 2, 100, sum8, 5);
	assert_wide(&f->out, 4, 100, sum64, 10);
	at = 6;
	for (int i = 0; i < 4; i++, at += 2)
		assert_wide(&f->out, at, 100, kinds[i], 0);
	for (int i = 0; i < 3; i++, at += 2) /* negative, positive, missing */
		assert_wide(&f->out, at, 100, flags[i], 0);
	for (int i = 0; i < 2; i++, at += 2)
		assert_wide(&f->out, at, 100, labels[i], 0);
	assert_true(f->report.training_rows == 6 && isnan(f->report.training_loss) && !f->report.evaluated);
	assert_int_equal(f->report.saturated, 0);
}

/* ---- evaluation */

static double logit_of(const struct counted_row *r, double fill)
{
	double z = (double)counted_dyadic[4];

	z += (double)counted_dyadic[0] * (r->x8 == 99 ? fill : r->x8 / 8.0);
	z += (double)counted_dyadic[1] * (r->kind == '?' ? fill : r->kind == 'b');
	z += (double)counted_dyadic[2] * (r->kind == '?' ? fill : r->kind == 'c');
	return z + (double)counted_dyadic[3] * (r->flag == '?' ? fill : r->flag == '1');
}

static void count_part(const char *part, double fill, double *loss, int counts[2][COUNTED_BINS])
{
	for (size_t i = 0; i < COUNTED_ROWS; i++) {
		double z = logit_of(&counted_list[i], fill), score;
		int bin;

		if (strcmp(counted_list[i].part, part) != 0)
			continue;
		score = 1 / (1 + exp(-z / 2));
		bin = (int)floor(COUNTED_BINS * score);
		counts[counted_list[i].label][bin < COUNTED_BINS ? bin : COUNTED_BINS - 1]++;
		*loss += -log(counted_list[i].label ? 1 / (1 + exp(-z)) : 1 - 1 / (1 + exp(-z)));
	}
}

static void test_evaluation_is_the_counts(void **state)
{
	static const char *const parts[2] = {"validation", "test"};
	struct counted *f = *state;
	int g = wide_exponent(32 * 100), l = low_bits(COUNTED_SITES);
	struct metrics *own[2] = {&f->report.validation, &f->report.test};

	counted_model(f, counted_dyadic, 0.5);
	counted_compute_good(f, ASK_EVALUATE);
	assert_int_equal(f->out.len, 4 * (2 * 2 + 2 * 2 * COUNTED_BINS));
	for (int p = 0; p < 2; p++) {
		int counts[2][COUNTED_BINS] = {{0}};
		double loss = 0;
		int64_t q = (int64_t)(int32_t)counted_word(&f->out, 2 * (size_t)p + 1) * ((int64_t)1 << l) +
		            counted_word(&f->out, 2 * (size_t)p);

		count_part(parts[p], 0.5, &loss, counts);
		assert_true(fabs((double)q - loss * ldexp(1, g)) <= 1); /* one step of 2^-g: libm's last digit */
		for (int c = 0; c < 2; c++)
			for (int bin = 0; bin < COUNTED_BINS; bin++)
				assert_int_equal(counted_word(&f->out, 4 + (size_t)(p * 2 * COUNTED_BINS +
				                                                    c * COUNTED_BINS + bin)),
				                 counts[c][bin]);
		assert_true(own[p]->rows == (p == 0 ? 2 : 4));
		assert_true(fabs(own[p]->loss * own[p]->rows - loss) < 1e-12);
	}
	assert_true(f->report.evaluated);
}

/* The scaling comes with the model: another one is used at once, for rows that were encoded before. */
static void test_the_scaling_is_the_model_s(void **state)
{
	struct counted *f = *state;
	struct buf first = {0};
	double loss = 0;
	int counts[2][COUNTED_BINS] = {{0}};
	struct counted_row missing[COUNTED_ROWS];

	memcpy(missing, counted_list, sizeof missing);
	missing[8].x8 = 99; /* a missing value in a test row: `fill` counts there */
	counted_rows(f, missing, sizeof missing / sizeof *missing);
	counted_model(f, counted_dyadic, 0.5);
	counted_compute_good(f, ASK_EVALUATE);
	buf_init(&first, 1 << 20);
	buf_put(&first, buf_bytes(&f->out));
	counted_model(f, counted_dyadic, -4);
	counted_compute_good(f, ASK_EVALUATE);
	assert_false(bytes_equal(buf_bytes(&first), buf_bytes(&f->out)));
	counted_model(f, counted_dyadic, 0.5);
	counted_compute_good(f, ASK_EVALUATE);
	assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&f->out)));
	count_part("test", 0.5, &loss, counts);
	assert_true(f->report.test.rows == 4);
	buf_free(&first);
}

/* ---- both together, and again */

static void test_the_same_octets_every_time(void **state)
{
	struct counted *f = *state;
	struct buf first;

	counted_model(f, counted_dyadic, 0.5);
	counted_compute_good(f, ASK_TRAIN | ASK_EVALUATE);
	assert_int_equal(f->out.len, 4 * (COUNTED_PARAMETERS + 1 + 2 * 2 + 2 * 2 * COUNTED_BINS));
	assert_int_equal(counted_word(&f->out, COUNTED_PARAMETERS), 6); /* the weight: training patients */
	buf_init(&first, 1 << 20);
	buf_put(&first, buf_bytes(&f->out));
	counted_compute_good(f, ASK_STATISTICS); /* something else in between */
	counted_compute_good(f, ASK_TRAIN | ASK_EVALUATE);
	assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&f->out)));
	contributor_free(&f->contributor); /* and after a restart */
	contributor_init(&f->contributor, &f->study, &f->table, "st-mary");
	counted_compute_good(f, ASK_TRAIN | ASK_EVALUATE);
	assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&f->out)));
	buf_free(&first);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, counted_setup, counted_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_statistics_are_the_counts),
		CASE(test_evaluation_is_the_counts),
		CASE(test_the_scaling_is_the_model_s),
		CASE(test_the_same_octets_every_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
