/*
 * Median, trimmed mean and Krum: known answers by hand, a second implementation that takes one coordinate and one pair at a
 * time, and what they are for: updates that are wrong, and do not matter.
 */
#include "coordinator/robust.h"

#include "base/random.h"
#include "base/vec.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RANGE 8.0
#define CAP 100.0

/* ---- summands in memory, as words */

struct field {
	struct study study;
	struct layout layout;
	struct aggregate sum;
	struct summands summands;
	uint32_t n, d;
	uint8_t **octets; /* n contributions */
	uint32_t reads, fails_at; /* this read (from 1) fails; 0: none */
};

static enum err read_kept(void *context, uint32_t summand, uint32_t first, uint32_t words, int64_t *out,
                          struct diag *why)
{
	struct field *f = context;

	assert_true(summand < f->n && words > 0 && first + words <= f->layout.words);
	if (++f->reads == f->fails_at)
		return diag_set(why, ERR_IO, "the disk is broken");
	memset(out, 0, words * sizeof *out);
	vec_sum_octets(out, f->octets[summand] + 4 * (size_t)first, words);
	return OK;
}

static void field_begin(struct field *f, enum strategy_kind strategy, struct server_training server, uint32_t n,
                        uint32_t d)
{
	memset(f, 0, sizeof *f);
	f->study = (struct study){.name = "small",
	                          .strategy = strategy,
	                          .server = server,
	                          .weight_cap = CAP,
	                          .update_range = RANGE,
	                          .sites = {.masking = MASKING_OFF}};
	f->n = n;
	f->d = d;
	layout_begin(&f->layout, n);
	assert_int_equal(layout_add(&f->layout, SEGMENT_UPDATE, CODING_NARROW, d, RANGE, NULL), OK);
	assert_int_equal(layout_add(&f->layout, SEGMENT_WEIGHT, CODING_COUNT, 1, CAP, NULL), OK);
	f->octets = mem_array(n, sizeof *f->octets);
	for (uint32_t i = 0; i < n; i++)
		f->octets[i] = mem_alloc(layout_octets(&f->layout));
	f->summands = (struct summands){n, read_kept, f};
	f->sum = (struct aggregate){.layout = f->layout, .summands = &f->summands};
}

static void field_end(struct field *f)
{
	for (uint32_t i = 0; i < f->n; i++)
		free(f->octets[i]);
	free(f->octets);
}

/* What site i sends: a change of `weight` patients, who say that they are `claimed`. */
static void put(struct field *f, uint32_t i, const float *change, double weight, double claimed)
{
	float *zeros = vec_f32(f->d);
	uint64_t saturated = 0;

	assert_int_equal(segment_encode_update(f->octets[i], layout_find(&f->layout, SEGMENT_UPDATE), &f->layout,
	                                       change, zeros, weight / CAP, &saturated, NULL),
	                 OK);
	assert_int_equal(segment_encode(f->octets[i], layout_find(&f->layout, SEGMENT_WEIGHT), &f->layout, &claimed,
	                                &saturated, NULL),
	                 OK);
	free(zeros);
}

static double *update_of(struct field *f)
{
	double *update = mem_array(f->d, sizeof *update);
	struct diag why = {{0}};

	if (robust_update(update, &f->study, &f->sum, &why) != OK)
		fail_msg("%s", why.text);
	return update;
}

static enum err refused(struct field *f, struct diag *why)
{
	double *update = mem_array(f->d, sizeof *update);
	enum err e = robust_update(update, &f->study, &f->sum, why);

	free(update);
	return e;
}

static const struct server_training no_terms = {.learning_rate = 1};

static struct server_training trimming(double trim)
{
	return (struct server_training){.learning_rate = 1, .trim = trim};
}

static struct server_training krum(uint32_t byzantine, uint32_t keep)
{
	return (struct server_training){.learning_rate = 1, .byzantine = byzantine, .keep = keep};
}

/* ---- by hand */

/* Five sites, three coordinates; exact in binary, so the answers are, too. Site 4 is wrong. */
static const float five[5][3] = {
	{1, 0.5f, -2}, {1.25f, 0.25f, -2.5f}, {0.75f, 0.75f, -1.5f}, {1.5f, 0, -2.25f}, {-8, 8, 8}};

static void expect_of_five(enum strategy_kind strategy, struct server_training server, uint32_t n, double a, double b,
                           double c)
{
	struct field f;
	double *update;

	field_begin(&f, strategy, server, n, 3);
	for (uint32_t i = 0; i < n; i++)
		put(&f, i, five[i], CAP, CAP);
	update = update_of(&f);
	assert_true(update[0] == a && update[1] == b && update[2] == c);
	free(update);
	field_end(&f);
}

static void test_by_hand(void **state)
{
	(void)state;
	expect_of_five(STRATEGY_MEDIAN, no_terms, 5, 1, 0.5, -2);
	expect_of_five(STRATEGY_MEDIAN, no_terms, 4, 1.125, 0.375, -2.125);
	expect_of_five(STRATEGY_MEDIAN, no_terms, 2, 1.125, 0.375, -2.25);
	expect_of_five(STRATEGY_MEDIAN, no_terms, 1, 1, 0.5, -2);
	/* one at each end: {.75, 1, 1.25}, {.25, .5, .75}, {-2.25, -2, -1.5} */
	expect_of_five(STRATEGY_TRIMMED_MEAN, trimming(0.2), 5, 1, 0.5, -5.75 / 3);
	expect_of_five(STRATEGY_TRIMMED_MEAN, trimming(0.399), 5, 1, 0.5, -5.75 / 3);
	expect_of_five(STRATEGY_TRIMMED_MEAN, trimming(0.4), 5, 1, 0.5, -2);
	/* Squared distances 0-1 .375, 0-2 .375, 1-2 1.5, 0-3 .5625, 1-3 .1875, 2-3 1.6875, and more than 200 to site 4; the two
	 * nearest of each: .75, .5625, 1.875, .75. */
	expect_of_five(STRATEGY_KRUM, krum(1, 1), 5, 1.25, 0.25, -2.5);
	expect_of_five(STRATEGY_KRUM, krum(1, 2), 5, 1.125, 0.375, -2.25); /* and 0, before 3, which is as good */
	/* The nearest three of five, with f = 0: 1.3125, 2.0625, 3.5625, 2.4375. */
	expect_of_five(STRATEGY_KRUM, krum(0, 1), 5, 1, 0.5, -2);
	expect_of_five(STRATEGY_KRUM, krum(0, 3), 5, 1.25, 0.25, -2.25);
}

/* ---- a second implementation, one coordinate and one pair at a time */

static long double change_of(const struct field *f, uint32_t i, uint32_t k)
{
	const struct segment *update = layout_find(&f->layout, SEGMENT_UPDATE);
	long double weight = (int32_t)load_u32(f->octets[i] + 4 * (size_t)f->d);
	long double x =
		(int32_t)load_u32(f->octets[i] + 4 * (size_t)k) * (long double)update->grid * (long double)CAP / weight;

	return fminl(fmaxl(x, -(long double)RANGE), (long double)RANGE);
}

static int ascending(const void *a, const void *b)
{
	long double x = *(const long double *)a, y = *(const long double *)b;

	return (x > y) - (x < y);
}

/* The mean of the values that remain of x[n] when `cut` are taken off at each end. */
static long double between(long double *x, uint32_t n, uint32_t cut)
{
	long double sum = 0;

	qsort(x, n, sizeof *x, ascending);
	for (uint32_t i = cut; i < n - cut; i++)
		sum += x[i];
	return sum / (n - 2 * cut);
}

static long double slow_score(const struct field *f, uint32_t i)
{
	long double *to = mem_array(f->n, sizeof *to), sum = 0;

	for (uint32_t j = 0; j < f->n; j++)
		for (uint32_t k = 0; k < f->d; k++) {
			long double apart = change_of(f, i, k) - change_of(f, j, k);

			to[j] += apart * apart;
		}
	qsort(to, f->n, sizeof *to, ascending); /* its own, 0, is the first */
	for (uint32_t j = 1; j <= f->n - f->study.server.byzantine - 2; j++)
		sum += to[j];
	free(to);
	return sum;
}

/* Krum's choice: the best of those not yet chosen, `keep` times. */
static void slow_choice(bool *chosen, const struct field *f)
{
	long double *score = mem_array(f->n, sizeof *score);

	for (uint32_t i = 0; i < f->n; i++)
		score[i] = slow_score(f, i);
	for (uint32_t times = 0; times < f->study.server.keep; times++) {
		uint32_t best = f->n;

		for (uint32_t i = 0; i < f->n; i++)
			if (!chosen[i] && (best == f->n || score[i] < score[best]))
				best = i;
		chosen[best] = true;
	}
	free(score);
}

static long double slow(const struct field *f, const bool *chosen, uint32_t k)
{
	long double *x = mem_array(f->n, sizeof *x), result;
	uint32_t n = 0, cut = 0;

	for (uint32_t i = 0; i < f->n; i++)
		if (chosen[i])
			x[n++] = change_of(f, i, k);
	if (f->study.strategy == STRATEGY_MEDIAN)
		cut = n % 2 == 1 ? n / 2 : n / 2 - 1;
	else if (f->study.strategy == STRATEGY_TRIMMED_MEAN)
		cut = (uint32_t)floorl(f->study.server.trim * (double)n);
	result = between(x, n, cut);
	free(x);
	return result;
}

static void fill(struct field *f, struct rng *r)
{
	float *change = vec_f32(f->d);

	for (uint32_t i = 0; i < f->n; i++) {
		double weight = 1 + (double)rng_below(r, (uint64_t)CAP);

		for (uint32_t k = 0; k < f->d; k++)
			change[k] = (float)(rng_normal(r) * (k % 3 == 0 ? 9 : 0.1)); /* some beyond the range */
		put(f, i, change, weight, weight);
	}
	free(change);
}

static void expect_as_slow(struct field *f)
{
	bool *chosen = mem_array(f->n, sizeof *chosen);
	double *update = update_of(f);

	for (uint32_t i = 0; i < f->n; i++)
		chosen[i] = f->study.strategy != STRATEGY_KRUM;
	if (f->study.strategy == STRATEGY_KRUM)
		slow_choice(chosen, f);
	for (uint32_t k = 0; k < f->d; k++)
		assert_true(fabsl((long double)update[k] - slow(f, chosen, k)) <= 1e-14L * (long double)RANGE);
	free(chosen);
	free(update);
}

static void test_against_a_second_implementation(void **state)
{
	static const uint32_t sizes[][2] = {{3, 1}, {4, 7}, {5, 40}, {8, 13}, {17, 30}, {40, 65}};
	struct rng r;

	(void)state;
	rng_seeded(&r, 21, "robust");
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
		for (int what = 0; what < 6; what++) {
			static const enum strategy_kind kinds[] = {STRATEGY_MEDIAN, STRATEGY_TRIMMED_MEAN,
			                                           STRATEGY_KRUM};
			uint32_t n = sizes[s][0], most = (n - 3) / 2;
			struct server_training server =
				kinds[what % 3] == STRATEGY_KRUM
					? krum(what < 3 ? most : most / 2, what < 3 ? 1 : 1 + most / 2)
				: kinds[what % 3] == STRATEGY_TRIMMED_MEAN ? trimming(what < 3 ? 0.45 : 0.34)
									   : no_terms;
			struct field f;

			field_begin(&f, kinds[what % 3], server, n, sizes[s][1]);
			fill(&f, &r);
			expect_as_slow(&f);
			field_end(&f);
		}
}

/* More than one tile: 2,200 summands leave 953 coordinates for each of the first two. */
static void test_more_than_one_tile(void **state)
{
	struct field f;
	struct rng r;

	(void)state;
	rng_seeded(&r, 22, "tiles");
	field_begin(&f, STRATEGY_MEDIAN, no_terms, 2200, 2000);
	fill(&f, &r);
	expect_as_slow(&f);
	assert_int_equal(f.reads, 2200 + 3 * 2200);
	field_end(&f);
	field_begin(&f, STRATEGY_KRUM, krum(3, 3), 10, 210000); /* 209,715 in the first */
	fill(&f, &r);
	expect_as_slow(&f);
	assert_int_equal(f.reads, 10 + 2 * 10 + 2 * 3);
	field_end(&f);
}

/* ---- the order of the sites changes no bit */

static void test_any_order_gives_the_same_bits(void **state)
{
	static const struct server_training terms[] = {
		{.learning_rate = 1}, {.trim = 0.3}, {.byzantine = 3, .keep = 4}};
	static const enum strategy_kind kinds[] = {STRATEGY_MEDIAN, STRATEGY_TRIMMED_MEAN, STRATEGY_KRUM};
	struct rng r;

	(void)state;
	rng_seeded(&r, 23, "order");
	for (int s = 0; s < 3; s++) {
		struct field f;
		double *first;

		field_begin(&f, kinds[s], terms[s], 12, 200);
		fill(&f, &r);
		first = update_of(&f);
		for (int times = 0; times < 20; times++) {
			double *again;

			for (uint32_t i = f.n - 1; i > 0; i--) {
				uint32_t j = (uint32_t)rng_below(&r, i + 1);
				uint8_t *kept = f.octets[i];

				f.octets[i] = f.octets[j];
				f.octets[j] = kept;
			}
			again = update_of(&f);
			assert_memory_equal(again, first, f.d * sizeof *again);
			free(again);
		}
		free(first);
		field_end(&f);
	}
}

/* ---- what they are for */

#define HONEST 7
#define WRONG 3

/* Honest sites are near 0.5 in every coordinate, and three conspire: all at the edge of the range, or, the harder case for a
 * distance, together at a place a little outside. */
static void test_wrong_updates_do_not_rule(void **state)
{
	static const float lies[] = {8, -8, 1, 0.75f};
	static const enum strategy_kind kinds[] = {STRATEGY_MEDIAN, STRATEGY_TRIMMED_MEAN, STRATEGY_KRUM,
	                                           STRATEGY_KRUM};
	const struct server_training terms[] = {no_terms, trimming(0.3), krum(WRONG, 1), krum(WRONG, 5)};
	enum { D = 50 };
	struct rng r;

	(void)state;
	rng_seeded(&r, 24, "lies");
	for (int s = 0; s < 4; s++)
		for (size_t lie = 0; lie < sizeof lies / sizeof *lies; lie++) {
			float low[D], high[D], change[D];
			double *update, mean = 0;
			struct field f;

			field_begin(&f, kinds[s], terms[s], HONEST + WRONG, D);
			for (uint32_t i = 0; i < HONEST + WRONG; i++) {
				bool honest = i % 3 != 1 || i / 3 >= WRONG;
				double weight = honest ? 1 + (double)rng_below(&r, 20) : CAP;

				for (int k = 0; k < D; k++) {
					change[k] = honest ? (float)(0.5 + 0.01 * rng_normal(&r)) : lies[lie];
					mean += k == 0 ? (double)change[k] / f.n : 0;
					low[k] = i == 0 || (honest && change[k] < low[k]) ? change[k] : low[k];
					high[k] = i == 0 || (honest && change[k] > high[k]) ? change[k] : high[k];
				}
				put(&f, i, change, weight, weight);
			}
			update = update_of(&f);
			for (int k = 0; k < D; k++)
				assert_true(update[k] > (double)low[k] - 1e-5 && update[k] < (double)high[k] + 1e-5);
			assert_true(fabs(mean - 0.5) > 0.06); /* what they do to a plain mean */
			free(update);
			field_end(&f);
		}
}

/* A site that multiplies by one weight and claims another moves its own change alone, and that within the range. */
static void test_a_lie_about_the_weight(void **state)
{
	static const float change[1] = {8};
	float honest[1] = {1};
	struct field f;
	double *update;

	(void)state;
	field_begin(&f, STRATEGY_MEDIAN, no_terms, 2, 1);
	put(&f, 0, honest, CAP, CAP);
	put(&f, 1, change, CAP, 1);
	update = update_of(&f);
	assert_true(update[0] == (1 + RANGE) / 2);
	free(update);
	field_end(&f);
}

/* ---- ties */

static void test_ties(void **state)
{
	static const float one[2] = {1, -1}, other[2] = {2, -3};
	struct field f;
	double *update;

	(void)state;
	for (int s = 0; s < 3; s++) { /* all alike: each gives what they say */
		static const enum strategy_kind kinds[] = {STRATEGY_MEDIAN, STRATEGY_TRIMMED_MEAN, STRATEGY_KRUM};
		const struct server_training terms[] = {no_terms, trimming(0.25), krum(1, 2)};

		field_begin(&f, kinds[s], terms[s], 6, 2);
		for (uint32_t i = 0; i < f.n; i++)
			put(&f, i, one, 25, 25);
		update = update_of(&f);
		assert_true(update[0] == 1 && update[1] == -1);
		free(update);
		field_end(&f);
	}
	for (uint32_t first = 0; first < 2; first++) { /* two pairs, as near to one another: the first counts */
		field_begin(&f, STRATEGY_KRUM, krum(0, 1), 3, 2);
		for (uint32_t i = 0; i < 3; i++)
			put(&f, i, i == first || i == 2 ? one : other, CAP, CAP);
		update = update_of(&f);
		assert_true(update[0] == 1);
		free(update);
		put(&f, 2, (const float[2]){1.5f, -2}, CAP,
		    CAP); /* in the middle: 0 and 1 are as near to it as it to them */
		update = update_of(&f);
		assert_true(update[0] == (double)(first == 0 ? one[0] : other[0]));
		free(update);
		field_end(&f);
	}
}

/* ---- who is counted, and when there are too few */

static void test_a_site_without_training_rows_is_not_counted(void **state)
{
	static const float far[3] = {-8, -8, -8};
	struct field f;
	double *update;

	(void)state;
	field_begin(&f, STRATEGY_MEDIAN, no_terms, 5, 3);
	for (uint32_t i = 0; i < 5; i++)
		put(&f, i, i % 2 == 1 ? far : five[i / 2], i % 2 == 1 ? 0 : CAP, i % 2 == 1 ? 0 : CAP);
	update = update_of(&f);
	assert_true(update[0] == 1 && update[1] == 0.5 && update[2] == -2);
	free(update);
	field_end(&f);
}

static void test_too_few(void **state)
{
	static const struct {
		enum strategy_kind strategy;
		struct server_training server;
		uint32_t enough;
		const char *words;
	} cases[] = {
		{STRATEGY_MEDIAN, {.learning_rate = 1}, 1, "median needs 1 updates, and 0 of this round's 9 sites"},
		{STRATEGY_TRIMMED_MEAN,
	         {.trim = 0.2},
	         5,
	         "trimmed_mean needs 5 updates, and 4 of this round's 9 sites"},
		{STRATEGY_KRUM, {.byzantine = 1, .keep = 1}, 5, "krum needs 5 updates, and 4 of this round's 9 sites"},
		{STRATEGY_KRUM, {.byzantine = 2, .keep = 4}, 8, "krum needs 8 updates, and 7 of this round's 9 sites"},
	};

	(void)state;
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
		for (uint32_t missing = 0; missing < 2; missing++) {
			struct diag why = {{0}};
			struct field f;

			field_begin(&f, cases[c].strategy, cases[c].server, 9, 3);
			for (uint32_t i = 0; i < cases[c].enough - missing; i++)
				put(&f, i, five[i % 5], CAP, CAP);
			assert_int_equal(refused(&f, &why), missing ? ERR_DATA : OK);
			assert_true(!missing == (strstr(why.text, cases[c].words) == NULL));
			field_end(&f);
		}
}

static void test_krum_compares_no_more_than_a_network_has(void **state)
{
	struct diag why = {{0}};
	struct field f;

	(void)state;
	field_begin(&f, STRATEGY_KRUM, krum(1, 1), SITES_MAX + 1, 1);
	for (uint32_t i = 0; i < f.n; i++)
		put(&f, i, five[0], CAP, CAP);
	assert_int_equal(refused(&f, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "at most 4096: ask fewer of these 4097 sites"));
	field_end(&f);
}

static void test_a_disk_that_fails(void **state)
{
	static const enum strategy_kind kinds[] = {STRATEGY_MEDIAN, STRATEGY_KRUM};

	(void)state;
	for (int s = 0; s < 2; s++) {
		const struct server_training terms[] = {no_terms, krum(1, 2)};
		struct field f;

		field_begin(&f, kinds[s], terms[s], 5, 3);
		for (uint32_t i = 0; i < 5; i++)
			put(&f, i, five[i], CAP, CAP);
		free(update_of(&f));
		for (uint32_t all = f.reads, at = 1; at <= all; at++) {
			struct diag why = {{0}};

			f.reads = 0;
			f.fails_at = at;
			assert_int_equal(refused(&f, &why), ERR_IO);
			assert_string_equal(why.text, "the disk is broken");
		}
		field_end(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_against_a_second_implementation),
		cmocka_unit_test(test_more_than_one_tile),
		cmocka_unit_test(test_any_order_gives_the_same_bits),
		cmocka_unit_test(test_wrong_updates_do_not_rule),
		cmocka_unit_test(test_a_lie_about_the_weight),
		cmocka_unit_test(test_ties),
		cmocka_unit_test(test_a_site_without_training_rows_is_not_counted),
		cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_krum_compares_no_more_than_a_network_has),
		cmocka_unit_test(test_a_disk_that_fails),
	};

	return cmocka_run_group_tests_name("robust", tests, NULL, NULL);
}
