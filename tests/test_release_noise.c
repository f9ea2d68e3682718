/*
 * client/release_noise: the words of a noised segment, against draws that the test makes of the same stream; noise is drawn for all
 * noised segments at once, serves once, and is drawn anew for anything else.
 */
#include "client/release_noise.h"
#include "privacy/noise.h"
#include "tests/support/child.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SUM = 40, FIGURES = 7, WORDS = SUM + 1 + FIGURES };

static const struct noised wide = {
	.grid = 0.25, .sensitivity = 2, .variance = 1000000, .clamp = 400, .word_max = 1 << 20};
static const struct noised fine = {
	.grid = 0.5, .sensitivity = 2, .variance = 9000000, .clamp = 200, .word_max = 1 << 20};

/* A noised segment, one that is not, another noised one. */
static void layout_make(struct layout *l, const struct noised *last)
{
	layout_begin(l, 3);
	assert_int_equal(layout_add_noised(l, SEGMENT_GRADIENT, SUM, &wide, NULL), OK);
	assert_int_equal(layout_add(l, SEGMENT_WEIGHT, CODING_COUNT, 1, 1, NULL), OK);
	assert_int_equal(layout_add_noised(l, SEGMENT_COUNTS, FIGURES, last, NULL), OK);
}

static void fill_from_stream(void *context, uint8_t *out, size_t len)
{
	rng_octets(context, out, len);
}

static struct entropy stream(struct rng *r, uint64_t seed)
{
	rng_seeded(r, seed, "test: noise");
	return (struct entropy){fill_from_stream, r};
}

static void fill_never(void *context, uint8_t *out, size_t len)
{
	(void)context, (void)out, (void)len;
	fail_msg("entropy is drawn for nothing");
}
static const struct entropy never = {fill_never, NULL};

static int32_t word(const uint8_t *octets, uint32_t i)
{
	return (int32_t)load_u32(octets + 4 * (size_t)i);
}

static void test_words_are_values_on_the_grid_and_noise(void **state)
{
	struct release_noise n = {0};
	struct layout l;
	struct rng r;
	struct entropy e = stream(&r, 1);
	double values[SUM];
	uint8_t octets[4 * WORDS];
	int32_t noise[SUM + FIGURES];

	(void)state;
	layout_make(&l, &fine);
	release_noise_draw(&n, &l, &e);
	memset(octets, 0xaa, sizeof octets);
	for (int i = 0; i < SUM; i++)
		values[i] = 7 * i - 130 + 0.1;
	values[3] = NAN;
	assert_int_equal(release_noise_encode(&n, octets, layout_find(&l, SEGMENT_COUNTS), values),
	                 5); /* 4 below, 1 NaN */
	assert_int_equal(release_noise_encode(&n, octets, layout_find(&l, SEGMENT_GRADIENT), values), 12);
	e = stream(&r, 1);
	noise_draw(noise, SUM, wide.variance, &e);
	noise_draw(noise + SUM, FIGURES, fine.variance, &e);
	for (uint32_t i = 0; i < SUM; i++) {
		double x = isnan(values[i]) ? 0 : fmin(fmax(rint(values[i] / 0.25), -400), 400);

		assert_int_equal(word(octets, i), (int32_t)x + noise[i]);
	}
	assert_int_equal(load_u32(octets + 4 * SUM), 0xaaaaaaaa); /* no noised segment's */
	for (uint32_t i = 0; i < FIGURES; i++) {
		double x = isnan(values[i]) ? 0 : fmin(fmax(rint(values[i] / 0.5), -200), 200);

		assert_int_equal(word(octets, SUM + 1 + i), (int32_t)x + noise[SUM + i]);
	}
	release_noise_free(&n);
}

/* ---- once */

static void encode_twice(void *context)
{
	struct layout l;
	struct release_noise n = {0};
	struct rng r;
	struct entropy e = stream(&r, 1);
	double values[SUM] = {0};
	uint8_t octets[4 * WORDS];

	(void)context;
	layout_make(&l, &fine);
	release_noise_draw(&n, &l, &e);
	release_noise_encode(&n, octets, layout_find(&l, SEGMENT_GRADIENT), values);
	release_noise_encode(&n, octets, layout_find(&l, SEGMENT_GRADIENT), values);
}

static void encode_without(void *context)
{
	struct layout l;
	struct release_noise n = {0};
	double values[SUM] = {0};
	uint8_t octets[4 * WORDS];

	(void)context;
	layout_make(&l, &fine);
	release_noise_encode(&n, octets, layout_find(&l, SEGMENT_GRADIENT), values);
}

/* Drawn, but for a round that was given up. */
static void encode_another_round_s(void *context)
{
	struct layout l, next;
	struct release_noise n = {0};
	struct rng r;
	struct entropy e = stream(&r, 1);
	double values[SUM] = {0};
	uint8_t octets[4 * WORDS];

	(void)context;
	layout_make(&l, &fine);
	release_noise_draw(&n, &l, &e);
	layout_begin(&next, 3);
	assert_int_equal(layout_add_noised(&next, SEGMENT_STATISTICS, 3, &wide, NULL), OK);
	release_noise_draw(&n, &next, &e);
	release_noise_encode(&n, octets, layout_find(&l, SEGMENT_GRADIENT), values);
}

static void test_noise_serves_once(void **state)
{
	(void)state;
	child_expect_check("n->ready[s->kind]", encode_twice, NULL);
	child_expect_check("n->ready[s->kind]", encode_without, NULL);
	child_expect_check("n->ready[s->kind]", encode_another_round_s, NULL);
}

/* Ten rounds, one after the other: all their noise together has the variance that was asked for. */
static void test_each_round_has_its_own(void **state)
{
	struct release_noise n = {0};
	struct layout l;
	struct rng r;
	struct entropy e = stream(&r, 2);
	double values[SUM] = {0}, squares = 0, products = 0;
	uint8_t octets[4 * WORDS], before[4 * WORDS] = {0};

	(void)state;
	layout_make(&l, &fine);
	for (int round = 0; round < 50; round++) {
		release_noise_draw(&n, &l, &e);
		release_noise_encode(&n, octets, layout_find(&l, SEGMENT_GRADIENT), values);
		release_noise_encode(&n, octets, layout_find(&l, SEGMENT_COUNTS), values);
		for (uint32_t i = 0; i < SUM; i++) {
			squares += (double)word(octets, i) * word(octets, i);
			products += (double)word(octets, i) * word(before, i);
		}
		for (uint32_t i = 0; i < n.room; i++) /* nothing of it stays */
			assert_int_equal(n.words[i], 0);
		memcpy(before, octets, sizeof octets);
	}
	assert_true(fabs(squares / (50 * SUM) / 1e6 - 1) < 5 * sqrt(2.0 / (50 * SUM)));
	assert_true(fabs(products / (50 * SUM) / 1e6) < 5 / sqrt(50.0 * SUM));
	release_noise_free(&n);
}

/* ---- ahead */

static void test_what_was_drawn_ahead_is_taken(void **state)
{
	struct release_noise n = {0};
	struct layout l, other;
	struct rng r;
	struct entropy e = stream(&r, 3);
	double values[SUM] = {0};
	uint8_t octets[4 * WORDS];

	(void)state;
	layout_make(&l, &fine);
	release_noise_draw(&n, &l, &e);
	release_noise_draw(&n, &l, &never);
	release_noise_encode(&n, octets, layout_find(&l, SEGMENT_GRADIENT), values);
	int32_t first = word(octets, 0);
	release_noise_draw(&n, &l, &e); /* a part was used: all anew */
	release_noise_encode(&n, octets, layout_find(&l, SEGMENT_GRADIENT), values);
	assert_int_not_equal(word(octets, 0), first);

	struct noised larger = fine;
	larger.variance++;
	layout_make(&other, &larger);
	release_noise_draw(&n, &l, &e);
	struct rng seen = r;
	release_noise_draw(&n, &other, &e);
	assert_memory_not_equal(&seen, &r, sizeof r); /* another distribution, another draw */
	release_noise_free(&n);
}

static void test_a_round_without_noise_takes_none(void **state)
{
	struct release_noise n = {0};
	struct layout l;

	(void)state;
	layout_begin(&l, 3);
	assert_int_equal(layout_add(&l, SEGMENT_WEIGHT, CODING_COUNT, 1, 1, NULL), OK);
	release_noise_draw(&n, &l, &never);
	assert_null(n.words);
	release_noise_free(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_are_values_on_the_grid_and_noise),
		cmocka_unit_test(test_noise_serves_once),
		cmocka_unit_test(test_each_round_has_its_own),
		cmocka_unit_test(test_what_was_drawn_ahead_is_taken),
		cmocka_unit_test(test_a_round_without_noise_takes_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
