/*
 * protocol/vector against a slow second implementation: rounding by shifting the 53-bit integer of a double, grids by trying
 * every power of two in long double, sums in plain integers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/vec.h"
#include "protocol/vector.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static struct diag why;

/* ---- the second implementation */

/* The integer nearest to x / 2^exponent, ties to even. |result| < 2^62. */
static int64_t slow_round(double x, int exponent)
{
	int e;
	double fraction = frexp(fabs(x), &e);
	uint64_t m = (uint64_t)ldexp(fraction, 53); /* |x| = m * 2^(e - 53) */
	int shift = e - 53 - exponent;
	uint64_t q;
	if (shift >= 0) {
		q = m << shift;
	} else if (shift <= -63) {
		q = 0;
	} else {
		uint64_t rest = m & ((1ull << -shift) - 1), half = 1ull << (-shift - 1);
		q = m >> -shift;
		if (rest > half || (rest == half && (q & 1)))
			q++;
	}
	return x < 0 ? -(int64_t)q : (int64_t)q;
}

static int slow_exponent(long double bound, long double copies, long double limit)
{
	for (int e = -600; e < 600; e++)
		if ((bound / powl(2, e) + 1) * copies < limit)
			return e;
	fail_msg("no grid for %Lg", bound);
	return 0;
}

static int64_t slow_value(const struct segment *s, double x)
{
	double clamped = x > s->bound ? s->bound : x < -s->bound ? -s->bound : x;
	return slow_round(clamped, ilogb(s->grid));
}

/* ---- helpers */

static const struct segment *one_segment(struct layout *l, uint32_t sites, enum segment_coding coding, uint32_t items,
                                         double bound)
{
	layout_begin(l, sites);
	assert_int_equal(layout_add(l, SEGMENT_UPDATE, coding, items, bound, &why), OK);
	return &l->segments[0];
}

static void encode(uint8_t *octets, const struct segment *s, const struct layout *l, const double *values)
{
	uint64_t saturated = 0;
	assert_int_equal(segment_encode(octets, s, l, values, &saturated, &why), OK);
}

static int32_t word_at(const uint8_t *octets, uint32_t index)
{
	return (int32_t)load_u32(octets + 4 * (size_t)index);
}

static int64_t integer_at(const uint8_t *octets, const struct segment *s, const struct layout *l, uint32_t item)
{
	if (s->coding != CODING_WIDE)
		return word_at(octets, s->first + item);
	int64_t hi = word_at(octets, s->first + 2 * item + 1), lo = word_at(octets, s->first + 2 * item);
	assert_true(lo >= 0 && lo < (1ll << l->wide_bits));
	return hi * (1ll << l->wide_bits) + lo;
}

/* ---- grids */

static void grids_known(void **state)
{
	(void)state;
	const struct {
		uint32_t sites;
		enum segment_coding coding;
		double bound;
		int exponent;
		uint32_t wide_bits;
	} rows[] = {
		{1, CODING_NARROW, 8, -27, 30}, /* 2^31 - 1 above 2^30 */
		{3, CODING_NARROW, 8, -26, 28}, /* 715827881.7 above 2^29 */
		{5, CODING_NARROW, 8, -25, 27}, /* 429496728.6 above 2^28 */
		{4096, CODING_NARROW, 8, -15, 18}, /* 524287 above 2^18, just below 2^19 */
		{5, CODING_WIDE, 5000, -40, 27}, /* 2^53 above 5000 * 2^40 = 5.5e15 */
		{1, CODING_WIDE, 1, -58, 30},      {2, CODING_WIDE, 1, -56, 29}, {4096, CODING_WIDE, 1e7, -11, 18},
	};
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct layout l;
		const struct segment *s = one_segment(&l, rows[i].sites, rows[i].coding, 1, rows[i].bound);
		assert_int_equal(l.wide_bits, rows[i].wide_bits);
		assert_true(s->grid == ldexp(1, rows[i].exponent));
	}
}

static void grids_against_search(void **state)
{
	(void)state;
	const double bounds[] = {1e-30, 0x1p-20, 0.1, 1, 8, 255.99, 1e4};
	for (uint32_t n = 1; n <= 4096; n = n < 70 ? n + 1 : n * 2 - 3) {
		for (size_t i = 0; i < LENGTH(bounds); i++) {
			struct layout l;
			const struct segment *s = one_segment(&l, n, CODING_NARROW, 1, bounds[i]);
			assert_int_equal(ilogb(s->grid), slow_exponent(bounds[i], n, 0x1p31L));
			s = one_segment(&l, n, CODING_WIDE, 1, bounds[i]);
			assert_int_equal(ilogb(s->grid),
			                 slow_exponent(bounds[i], 1, powl(2, 2 * (int)l.wide_bits - 1)));
			assert_true(l.wide_bits == 30 - (uint32_t)ceil(log2(n)));
		}
	}
}

/* ---- one value */

static void ties_go_to_even(void **state)
{
	(void)state;
	const double values[] = {0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999999999999994, 2.5000000000000004, -0.0};
	const int64_t expected[] = {0, 2, 2, 0, -2, -2, 0, 3, 0};
	const enum segment_coding codings[] = {CODING_NARROW, CODING_WIDE};
	for (size_t c = 0; c < LENGTH(codings); c++) {
		double scaled[LENGTH(values)];
		uint8_t octets[8 * LENGTH(values)];
		struct layout l;
		const struct segment *s = one_segment(&l, 7, codings[c], LENGTH(values), 100);
		for (size_t i = 0; i < LENGTH(values); i++)
			scaled[i] = values[i] * s->grid;
		encode(octets, s, &l, scaled);
		for (uint32_t i = 0; i < LENGTH(values); i++)
			assert_int_equal(integer_at(octets, s, &l, i), expected[i]);
	}
}

static void every_coding_against_slow(void **state)
{
	(void)state;
	struct rng r;
	rng_seeded(&r, 1, "vector values");
	enum { ITEMS = 500 };
	const uint32_t sites[] = {1, 2, 3, 5, 64, 1000, 4096, VECTOR_SITES_MAX};
	for (size_t k = 0; k < LENGTH(sites) * 3; k++) {
		enum segment_coding coding = (enum segment_coding)(k % 3);
		double values[ITEMS], bound = coding == CODING_COUNT ? 2000 : 7.3;
		uint8_t octets[8 * ITEMS];
		uint64_t saturated = 0, beyond = 0;
		struct layout l;
		const struct segment *s = one_segment(&l, sites[k / 3], coding, ITEMS, bound);
		for (size_t i = 0; i < ITEMS; i++) {
			values[i] = rng_normal(&r) * bound * ldexp(1, -(int)rng_below(&r, 40));
			beyond += fabs(values[i]) > bound;
		}
		assert_int_equal(segment_encode(octets, s, &l, values, &saturated, &why), OK);
		assert_int_equal(saturated, beyond);
		for (uint32_t i = 0; i < ITEMS; i++)
			assert_int_equal(integer_at(octets, s, &l, i), slow_value(s, values[i]));
	}
}

/* The documented steps, one at a time: float difference, clamp, product by the scale, integer on the grid. */
static int64_t slow_update(const struct segment *s, float local, float global, double scale)
{
	volatile float difference = local - global;
	double clamped = fmin(fmax((double)difference, -s->bound), s->bound);
	return slow_round(clamped * scale, ilogb(s->grid));
}

/* Of the size of `edge` or far below, and small enough for a difference to be finite. */
static float any_parameter(struct rng *r, float edge)
{
	double x = rng_normal(r) * edge * ldexp(1, -(int)rng_below(r, 40));
	return (float)fmin(fmax(x, -1.5e38), 1.5e38);
}

static void update_against_slow(void **state)
{
	(void)state;
	struct rng r;
	rng_seeded(&r, 2, "vector update");
	enum { ITEMS = 1000 };
	const double scales[] = {0, 1, 1.0 / 3, 569.0 / 5000, 0x1p-40, 1e-300, 5e-324};
	/* 8 and 2^-30 are floats, the others lie between two; nothing but infinity is beyond the last two */
	const double bounds[] = {8, 0x1p-30, 7.3, 0.1, 3e38, 1e40, 0x1p500};
	const uint32_t sites[] = {1, 5, 4096};
	float *local = vec_f32(ITEMS), *global = vec_f32(ITEMS);
	uint8_t octets[4 * ITEMS];
	for (size_t k = 0; k < LENGTH(scales) * LENGTH(bounds) * LENGTH(sites); k++) {
		double scale = scales[k % LENGTH(scales)], bound = bounds[k / LENGTH(scales) % LENGTH(bounds)];
		float edge = (float)fmin(bound, 3e38);
		struct layout l;
		const struct segment *s =
			one_segment(&l, sites[k / LENGTH(scales) / LENGTH(bounds)], CODING_NARROW, ITEMS, bound);
		uint64_t saturated = 10, beyond = 10;
		for (size_t i = 0; i < ITEMS; i++) {
			local[i] = any_parameter(&r, edge);
			global[i] = any_parameter(&r, edge);
		}
		const float edges[] = {edge, nextafterf(edge, 0), nextafterf(edge, HUGE_VALF), HUGE_VALF, 1e-45f, 0};
		for (size_t i = 0; i < LENGTH(edges); i++) {
			local[2 * i] = edges[i];
			local[2 * i + 1] = -edges[i];
			global[2 * i] = global[2 * i + 1] = 0;
		}
		for (size_t i = 0; i < ITEMS; i++)
			beyond += fabs((double)(float)(local[i] - global[i])) > bound;
		assert_int_equal(segment_encode_update(octets, s, &l, local, global, scale, &saturated, &why), OK);
		assert_int_equal(saturated, beyond);
		for (uint32_t i = 0; i < ITEMS; i++)
			assert_int_equal(word_at(octets, i), slow_update(s, local[i], global[i], scale));
	}
	free(local);
	free(global);
}

/* Halves of a grid step go to the even neighbour, on both sides of 0 and where the word is largest. */
static void update_ties_go_to_even(void **state)
{
	(void)state;
	enum { ITEMS = 64 };
	struct layout l;
	const struct segment *s = one_segment(&l, 1000, CODING_NARROW, ITEMS, 8);
	float local[ITEMS], global[ITEMS] = {0};
	uint8_t octets[4 * ITEMS];
	uint64_t saturated = 0;
	for (int i = 0; i < ITEMS; i++)
		local[i] = (float)((i - ITEMS / 2 + 0.5) * s->grid);
	local[0] = (float)(8 - s->grid / 2);
	local[1] = -local[0];
	assert_true((double)local[0] == 8 - s->grid / 2); /* a float can be such a tie at all */
	assert_int_equal(segment_encode_update(octets, s, &l, local, global, 1, &saturated, &why), OK);
	for (uint32_t i = 0; i < ITEMS; i++) {
		assert_int_equal(word_at(octets, i) % 2, 0);
		assert_int_equal(word_at(octets, i), slow_update(s, local[i], 0, 1));
	}
}

/* Every length that a vector loop begins, fills or leaves a rest of, at every place in a cache line; and not an octet more. */
static void update_of_any_length(void **state)
{
	(void)state;
	enum { MOST = 70 };
	float values[2 * MOST + 16];
	for (size_t i = 0; i < LENGTH(values); i++)
		values[i] = (float)i / 64 - 1;
	for (uint32_t items = 0; items <= MOST; items++)
		for (uint32_t shift = 0; shift < 16; shift++) {
			uint8_t octets[4 * (MOST + 16) + 4];
			const float *local = values + shift, *global = values + 2 * MOST - items;
			uint64_t saturated = 0;
			struct layout l;
			const struct segment *s;
			layout_begin(&l, 5);
			assert_int_equal(layout_add(&l, SEGMENT_COUNTS, CODING_COUNT, shift, 5, &why), OK);
			assert_int_equal(layout_add(&l, SEGMENT_UPDATE, CODING_NARROW, items, 1, &why), OK);
			s = &l.segments[1];
			memset(octets, 0xa5, sizeof octets);
			assert_int_equal(segment_encode_update(octets, s, &l, local, global, .3, &saturated, &why), OK);
			for (uint32_t i = 0; i < items; i++)
				assert_int_equal(word_at(octets, shift + i), slow_update(s, local[i], global[i], .3));
			for (uint32_t i = 0; i < sizeof octets; i++)
				assert_true(octets[i] == 0xa5 || (i >= 4 * shift && i < 4 * (shift + items)));
		}
}

static void saturation_is_counted(void **state)
{
	(void)state;
	const double values[] = {8, -8, nextafter(8, 9), nextafter(-8, -9), INFINITY, -INFINITY, 1e300, 0};
	uint8_t octets[4 * LENGTH(values)];
	struct layout l;
	const struct segment *s = one_segment(&l, 3, CODING_NARROW, LENGTH(values), 8);
	uint64_t saturated = 100;
	assert_int_equal(segment_encode(octets, s, &l, values, &saturated, &why), OK);
	assert_int_equal(saturated, 105);
	int32_t most = 8 * (1 << 26);
	const int32_t expected[] = {most, -most, most, -most, most, -most, most, 0};
	for (uint32_t i = 0; i < LENGTH(values); i++)
		assert_int_equal(word_at(octets, i), expected[i]);
}

static void nan_is_refused(void **state)
{
	(void)state;
	double values[] = {1, 2, 3, 4};
	float floats[] = {1, 2, 3, 4}, zeros[] = {0, 0, 0, 0}, infinite[] = {1, 2, 3, 4};
	uint8_t octets[8 * LENGTH(values)];
	for (size_t i = 0; i < LENGTH(values); i++) {
		values[i] = NAN;
		floats[i] = -NAN;
		infinite[i] = HUGE_VALF;
		for (int coding = CODING_NARROW; coding <= CODING_WIDE; coding++) {
			struct layout l;
			const struct segment *s = one_segment(&l, 3, (enum segment_coding)coding, LENGTH(values), 8);
			uint64_t saturated = 7;
			char name[32];
			snprintf(name, sizeof(name), "update[%zu]", i);
			assert_int_equal(segment_encode(octets, s, &l, values, &saturated, &why), ERR_DATA);
			assert_non_null(strstr(why.text, name));
			assert_int_equal(saturated, 7);
			if (coding == CODING_WIDE)
				continue;
			assert_int_equal(segment_encode_update(octets, s, &l, floats, zeros, .5, &saturated, &why),
			                 ERR_DATA);
			assert_non_null(strstr(why.text, name));
			assert_int_equal(saturated, 7);
			assert_int_equal(segment_encode_update(octets, s, &l, infinite, infinite, .5, &saturated, &why),
			                 ERR_DATA); /* infinity - infinity */
			assert_non_null(strstr(why.text, name));
		}
		values[i] = 1;
		floats[i] = 1;
		infinite[i] = 1;
	}
}

/* ---- sums */

/* n equal sites, at the values that strain the digits most: no word sum may reach 2^31, and the decoded sum is exact. */
static void extremes_add_for(uint32_t n, enum segment_coding coding)
{
	struct layout l;
	double bound = coding == CODING_COUNT ? 500000 : 8;
	enum { ITEMS = 9 };
	const struct segment *s = one_segment(&l, n, coding, ITEMS, bound);
	double g = s->grid, digit = ldexp(g, (int)l.wide_bits);
	const double values[ITEMS] = {bound, -bound, bound - g, g - bound, -g, digit - g, digit, -digit - g, g};
	uint8_t octets[8 * ITEMS];
	int64_t sums[2 * ITEMS];
	double decoded[ITEMS];
	encode(octets, s, &l, values);
	for (uint32_t w = 0; w < s->words; w++) {
		sums[w] = (int64_t)n * word_at(octets, w);
		assert_true(sums[w] < (1ll << 31) && sums[w] >= -(1ll << 31));
	}
	segment_decode(decoded, s, &l, sums);
	for (uint32_t i = 0; i < ITEMS; i++)
		assert_true(decoded[i] == (double)((int64_t)n * slow_value(s, values[i])) * g);
	assert_int_equal(layout_check_words(&l, 0, octets, l.words, &why),
	                 coding == CODING_COUNT ? ERR_PEER_MESSAGE : OK);
}

static void extremes_keep_their_carries(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 4096; n++) {
		extremes_add_for(n, CODING_WIDE);
		extremes_add_for(n, CODING_NARROW);
		extremes_add_for(n, CODING_COUNT);
	}
}

static void add_three_segments(struct layout *l, uint32_t sites, uint32_t items)
{
	layout_begin(l, sites);
	assert_int_equal(layout_add(l, SEGMENT_STATISTICS, CODING_WIDE, items, 5000, &why), OK);
	assert_int_equal(layout_add(l, SEGMENT_UPDATE, CODING_NARROW, items, 8, &why), OK);
	assert_int_equal(layout_add(l, SEGMENT_COUNTS, CODING_COUNT, items, 5000, &why), OK);
	assert_int_equal(l->words, 4 * items);
	assert_int_equal(layout_octets(l), 16 * items);
}

static void random_sums_are_exact(void **state)
{
	(void)state;
	enum { ITEMS = 33, SEGMENTS = 3, WORDS = 4 * ITEMS };
	struct rng r;
	rng_seeded(&r, 3, "vector sums");
	for (uint32_t n = 1; n <= 64; n++) {
		struct layout l;
		add_three_segments(&l, n, ITEMS);
		int64_t sums[WORDS] = {0}, exact[SEGMENTS][ITEMS] = {{0}};
		uint32_t masked[WORDS] = {0};
		for (uint32_t site = 0; site < n; site++) {
			uint8_t octets[4 * WORDS];
			for (uint32_t k = 0; k < SEGMENTS; k++) {
				double values[ITEMS];
				for (uint32_t i = 0; i < ITEMS; i++) {
					values[i] = (2 * rng_unit(&r) - 1) * 1.1 * l.segments[k].bound;
					exact[k][i] += slow_value(&l.segments[k], values[i]);
				}
				encode(octets, &l.segments[k], &l, values);
			}
			vec_sum_octets(sums, octets, l.words);
			for (uint32_t w = 0; w < l.words; w++)
				masked[w] += load_u32(octets + 4 * (size_t)w);
		}
		for (uint32_t w = 0; w < l.words; w++)
			assert_int_equal(sums[w], (int32_t)masked[w]);
		for (uint32_t k = 0; k < SEGMENTS; k++) {
			double decoded[ITEMS];
			segment_decode(decoded, &l.segments[k], &l, sums);
			for (uint32_t i = 0; i < ITEMS; i++)
				assert_true(decoded[i] == (double)exact[k][i] * l.segments[k].grid);
		}
	}
}

/* ---- layouts */

static void layout_has_places(void **state)
{
	(void)state;
	struct layout l;
	add_three_segments(&l, 5, 10);
	const struct segment *counts = layout_find(&l, SEGMENT_COUNTS);
	assert_non_null(counts);
	assert_int_equal(counts->first, 30);
	assert_int_equal(counts->words, 10);
	assert_int_equal(layout_find(&l, SEGMENT_UPDATE)->first, 20);
	assert_int_equal(layout_find(&l, SEGMENT_STATISTICS)->words, 20);
	assert_null(layout_find(&l, SEGMENT_LOSS));
}

static enum err try_add(uint32_t sites, enum segment_coding coding, uint32_t items, double bound)
{
	struct layout l;
	layout_begin(&l, sites);
	why.text[0] = 0;
	return layout_add(&l, SEGMENT_WEIGHT, coding, items, bound, &why);
}

static void overflow_is_refused(void **state)
{
	(void)state;
	assert_int_equal(try_add(1, CODING_COUNT, 1, 2147483647), OK);
	assert_int_equal(try_add(1, CODING_COUNT, 1, 2147483647.5), ERR_LIMIT); /* rounds up to 2^31 */
	assert_int_equal(try_add(2, CODING_COUNT, 1, 1073741823), OK);
	assert_int_equal(try_add(2, CODING_COUNT, 1, 1073741823.5), ERR_LIMIT); /* the tie goes up */
	assert_int_equal(try_add(4096, CODING_COUNT, 1, 524287), OK);
	assert_int_equal(try_add(4096, CODING_COUNT, 1, 524288), ERR_LIMIT);
	assert_int_equal(try_add(4000, CODING_COUNT, 1, 1000000), ERR_LIMIT);
	assert_non_null(strstr(why.text, "4000 sites with weight up to 1000000 each does not fit 31 bits"));

	/* n = 4096: L = 18, so bound + 1 < 2^35 at grid 1. */
	assert_int_equal(try_add(4096, CODING_WIDE, 1, 0x1p35 - 2), OK);
	assert_int_equal(try_add(4096, CODING_WIDE, 1, 0x1p35 - 1), ERR_LIMIT);

	assert_int_equal(try_add(0, CODING_NARROW, 1, 1), ERR_LIMIT);
	assert_int_equal(try_add(VECTOR_SITES_MAX, CODING_NARROW, 1, 1), OK);
	assert_int_equal(try_add(VECTOR_SITES_MAX + 1, CODING_NARROW, 1, 1), ERR_LIMIT);
	assert_int_equal(try_add(UINT32_MAX, CODING_WIDE, 1, 1), ERR_LIMIT);

	assert_int_equal(try_add(3, CODING_NARROW, VECTOR_WORDS_MAX, 1), OK);
	assert_int_equal(try_add(3, CODING_NARROW, VECTOR_WORDS_MAX + 1, 1), ERR_LIMIT);
	assert_int_equal(try_add(3, CODING_WIDE, VECTOR_WORDS_MAX / 2 + 1, 1), ERR_LIMIT);
	assert_int_equal(try_add(3, CODING_WIDE, UINT32_MAX, 1), ERR_LIMIT);
	assert_int_equal(try_add(3, CODING_NARROW, 0, 1), OK);

	struct layout l;
	layout_begin(&l, 3);
	assert_int_equal(layout_add(&l, SEGMENT_UPDATE, CODING_NARROW, VECTOR_WORDS_MAX - 1, 1, &why), OK);
	assert_int_equal(layout_add(&l, SEGMENT_LOSS, CODING_WIDE, 1, 1, &why), ERR_LIMIT);
	assert_int_equal(l.count, 1);
	assert_int_equal(layout_add(&l, SEGMENT_WEIGHT, CODING_COUNT, 1, 1, &why), OK);
	assert_int_equal(l.words, VECTOR_WORDS_MAX);
}

/* ---- words that no honest site sends */

static void set_word(uint8_t *octets, uint32_t index, int64_t word)
{
	store_u32(octets + 4 * (size_t)index, (uint32_t)(int32_t)word);
}

static void check_edges(const struct layout *l, uint8_t *octets, uint32_t index, int64_t min, int64_t max)
{
	const int64_t good[] = {min, 0, max}, bad[] = {min - 1, max + 1, INT32_MIN, INT32_MAX};
	uint32_t kept = load_u32(octets + 4 * (size_t)index);
	for (size_t i = 0; i < LENGTH(good); i++) {
		set_word(octets, index, good[i]);
		assert_int_equal(layout_check_words(l, 0, octets, l->words, &why), OK);
		assert_int_equal(layout_check_words(l, index, octets + 4 * (size_t)index, 1, &why), OK);
	}
	for (size_t i = 0; i < LENGTH(bad); i++) {
		char name[32];
		snprintf(name, sizeof(name), "word %u ", index);
		set_word(octets, index, bad[i]);
		assert_int_equal(layout_check_words(l, 0, octets, l->words, &why), ERR_PEER_MESSAGE);
		assert_non_null(strstr(why.text, name));
		assert_int_equal(layout_check_words(l, index, octets + 4 * (size_t)index, 1, &why), ERR_PEER_MESSAGE);
		/* What lies before it, and what lies behind it, is still good. */
		assert_int_equal(layout_check_words(l, 0, octets, index, &why), OK);
		assert_int_equal(
			layout_check_words(l, index + 1, octets + 4 * (size_t)(index + 1), l->words - index - 1, &why),
			OK);
	}
	store_u32(octets + 4 * (size_t)index, kept);
}

static void words_are_checked(void **state)
{
	(void)state;
	struct layout l;
	add_three_segments(&l, 5, 3);
	uint8_t octets[4 * 12] = {0};
	int64_t q = 5000ll << 40, digit = 1ll << 27; /* of the wide segment: n = 5, grid 2^-40 */
	for (uint32_t i = 0; i < 12; i++) {
		if (i < 6)
			check_edges(&l, octets, i, i % 2 ? -(q / digit) : 0, i % 2 ? q / digit : digit - 1);
		else if (i < 9)
			check_edges(&l, octets, i, -(8 << 25), 8 << 25);
		else
			check_edges(&l, octets, i, 0, 5000);
	}
	assert_int_equal(layout_check_words(&l, 12, octets, 0, &why), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grids_known),           cmocka_unit_test(grids_against_search),
		cmocka_unit_test(ties_go_to_even),       cmocka_unit_test(every_coding_against_slow),
		cmocka_unit_test(update_against_slow),   cmocka_unit_test(update_ties_go_to_even),
		cmocka_unit_test(update_of_any_length),  cmocka_unit_test(saturation_is_counted),
		cmocka_unit_test(nan_is_refused),        cmocka_unit_test(extremes_keep_their_carries),
		cmocka_unit_test(random_sums_are_exact), cmocka_unit_test(layout_has_places),
		cmocka_unit_test(overflow_is_refused),   cmocka_unit_test(words_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
