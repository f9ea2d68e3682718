/* The sum of a round against a slow sum, word by word, and at the largest words that a site may send. */
#include "coordinator/aggregate.h"

#include "base/limits.h"
#include "base/random.h"
#include "tests/support/child.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STATISTICS 5
#define UPDATE 300
#define COUNTS 8

/* All kinds of segment in one vector, with bounds near what `sites` sites can add. */
static struct layout all_kinds(uint32_t sites)
{
	struct layout l;
	struct diag why;

	layout_begin(&l, sites);
	assert_int_equal(layout_add(&l, SEGMENT_STATISTICS, CODING_WIDE, STATISTICS, 20000, &why), OK);
	assert_int_equal(layout_add(&l, SEGMENT_UPDATE, CODING_NARROW, UPDATE, 8, &why), OK);
	assert_int_equal(layout_add(&l, SEGMENT_WEIGHT, CODING_COUNT, 1, floor(2147483647.0 / sites), &why), OK);
	assert_int_equal(layout_add(&l, SEGMENT_LOSS, CODING_WIDE, 2, 32.0 * 10000, &why), OK);
	assert_int_equal(layout_add(&l, SEGMENT_COUNTS, CODING_COUNT, COUNTS, floor(2147483647.0 / sites), &why), OK);
	assert_int_equal(layout_add(&l, SEGMENT_ERRORS, CODING_WIDE, 10, 20000, &why), OK);
	return l;
}

static uint8_t *random_octets(struct rng *r, size_t octets)
{
	uint8_t *x = mem_alloc(octets);

	for (size_t i = 0; i < octets; i++)
		x[i] = (uint8_t)rng_below(r, 256);
	return x;
}

/* Little-endian two's complement, by hand. */
static int64_t word_at(const uint8_t *x, uint32_t i)
{
	int64_t w = x[4 * i] + 256 * x[4 * i + 1] + 65536 * x[4 * i + 2] + 16777216ll * x[4 * i + 3];

	return w < 2147483648ll ? w : w - 4294967296ll;
}

static void test_sums_in_any_order_and_any_pieces(void **state)
{
	enum { SITES = 9 };
	struct layout l = all_kinds(SITES);
	struct aggregate whole = {0}, pieces = {0};
	uint8_t *octets[SITES];
	struct rng r;

	(void)state;
	rng_seeded(&r, 3, "aggregate");
	aggregate_begin(&whole, &l);
	aggregate_begin(&pieces, &l);
	for (int i = 0; i < SITES; i++)
		octets[i] = random_octets(&r, layout_octets(&l));
	for (int i = 0; i < SITES; i++) {
		const uint8_t *last = octets[SITES - 1 - i];

		aggregate_add(&whole, bytes_of(octets[i], layout_octets(&l)));
		for (uint32_t first = 0, words; first < l.words; first += words) {
			words = 1 + (uint32_t)rng_below(&r, 50);
			words = words < l.words - first ? words : l.words - first;
			aggregate_add_words(&pieces, last + 4 * (size_t)first, first, words);
		}
		aggregate_count(&pieces);
	}
	assert_int_equal(whole.added, SITES);
	assert_int_equal(pieces.added, SITES);
	for (uint32_t w = 0; w < l.words; w++) {
		int64_t sum = 0;

		for (int i = 0; i < SITES; i++)
			sum += word_at(octets[i], w);
		assert_true(whole.sums[w] == sum && pieces.sums[w] == sum);
	}
	for (int i = 0; i < SITES; i++)
		free(octets[i]);
	aggregate_free(&whole);
	aggregate_free(&pieces);
	aggregate_free(&pieces);
}

static void test_beginning_again_forgets(void **state)
{
	struct layout l = all_kinds(3), shorter;
	struct aggregate a = {0};
	struct diag why;
	struct rng r;
	uint8_t *octets;

	(void)state;
	rng_seeded(&r, 4, "aggregate");
	octets = random_octets(&r, layout_octets(&l));
	for (int again = 0; again < 2; again++) { /* of the same length, and after a shorter one */
		aggregate_begin(&a, &l);
		assert_int_equal(a.added, 0);
		for (uint32_t w = 0; w < l.words; w++)
			assert_true(a.sums[w] == 0);
		aggregate_add(&a, bytes_of(octets, layout_octets(&l)));
		aggregate_begin(&a, &l);
		assert_true(a.added == 0 && a.sums[l.words - 1] == 0);
		layout_begin(&shorter, 3);
		assert_int_equal(layout_add(&shorter, SEGMENT_WEIGHT, CODING_COUNT, 1, 10, &why), OK);
		aggregate_begin(&a, &shorter);
		assert_int_equal(a.layout.words, 1);
	}
	free(octets);
	aggregate_free(&a);
}

static void test_a_part_beginning_again_forgets(void **state)
{
	struct layout l = all_kinds(3), shorter;
	struct aggregate_part p = {0};
	uint8_t *octets = mem_alloc(layout_octets(&l));

	(void)state;
	memset(octets, 1, layout_octets(&l));
	layout_begin(&shorter, 3);
	assert_int_equal(layout_add(&shorter, SEGMENT_WEIGHT, CODING_COUNT, 1, 10, NULL), OK);
	aggregate_part_begin(&p, &shorter);
	for (int again = 0; again < 2; again++) {
		aggregate_part_begin(&p, &l);
		aggregate_part_add(&p, bytes_of(octets, layout_octets(&l)));
		assert_true(p.added == 1 && p.sums[l.words - 1] == 0x01010101);
		aggregate_part_begin(&p, &l);
		assert_true(p.added == 0 && p.sums[0] == 0 && p.sums[l.words - 1] == 0);
		aggregate_part_begin(&p, &shorter);
		assert_int_equal(p.layout.words, 1);
	}
	free(octets);
	aggregate_part_free(&p);
}

/* The extreme word of place i: what layout_check_words takes just now. */
static int32_t extreme(const struct layout *l, uint32_t word, bool largest)
{
	int64_t inside = 0, outside = largest ? INT32_MAX : INT32_MIN;
	uint8_t octets[4];

	store_u32(octets, (uint32_t)outside);
	if (layout_check_words(l, word, octets, 1, NULL) == OK)
		return (int32_t)outside;
	while (llabs(outside - inside) > 1) { /* bisection */
		int64_t middle = inside + (outside - inside) / 2;

		store_u32(octets, (uint32_t)(int32_t)middle);
		if (layout_check_words(l, word, octets, 1, NULL) == OK)
			inside = middle;
		else
			outside = middle;
	}
	return (int32_t)inside;
}

/* Two parts of as many equal contributions as `a` has, joined, are `a`. */
static void assert_parts_add_up(const struct aggregate *a, const uint8_t *octets)
{
	struct aggregate joined = {0};
	struct aggregate_part parts[2] = {{.sums = NULL}, {.sums = NULL}};
	struct bytes one = bytes_of(octets, layout_octets(&a->layout));

	aggregate_begin(&joined, &a->layout);
	for (int i = 0; i < 2; i++)
		aggregate_part_begin(&parts[i], &a->layout);
	for (uint32_t i = 0; i < a->added; i++)
		aggregate_part_add(&parts[i % 3 == 0], one);
	for (int i = 0; i < 2; i++) {
		aggregate_join(&joined, &parts[i]);
		aggregate_part_free(&parts[i]);
		aggregate_part_free(&parts[i]);
	}
	assert_int_equal(joined.added, a->added);
	assert_memory_equal(joined.sums, a->sums, a->layout.words * sizeof *a->sums);
	aggregate_free(&joined);
}

/* As many sites as a network may have, each with the largest or the smallest word that passes the check at upload:
 * the sum is exact and decodes to what it is, with nothing lost to an overflow (which UBSan would name). */
static void test_the_largest_words_of_all_sites_fit(void **state)
{
	struct layout l = all_kinds(SITES_MAX);

	(void)state;
	for (int largest = 0; largest <= 1; largest++) {
		struct aggregate a = {0};
		uint8_t *octets = mem_alloc(layout_octets(&l));
		double values[UPDATE];

		for (uint32_t w = 0; w < l.words; w++)
			store_u32(octets + 4 * (size_t)w, (uint32_t)extreme(&l, w, largest == 1));
		aggregate_begin(&a, &l);
		for (uint32_t i = 0; i < SITES_MAX; i++)
			aggregate_add(&a, bytes_of(octets, layout_octets(&l)));
		assert_parts_add_up(&a, octets);
		for (enum segment_kind kind = 0; kind < SEGMENT_KIND_COUNT; kind++) {
			const struct segment *s = layout_find(&l, kind);
			if (s == NULL) /* noised ones have words of their own: tests/test_private_layout.c */
				continue;
			uint32_t step = s->coding == CODING_WIDE ? 2 : 1;

			aggregate_values(values, &a, kind);
			for (uint32_t i = 0; i < s->items; i++) {
				long double one = extreme(&l, s->first + step * i, largest == 1);

				if (step == 2)
					one += ldexpl(extreme(&l, s->first + 2 * i + 1, largest == 1),
					              (int)l.wide_bits);
				assert_true(values[i] == (double)(SITES_MAX * one * (long double)s->grid));
				if (step == 1) /* narrow and count: no more than n clamped values */
					assert_true(fabs(values[i]) <= SITES_MAX * (s->bound + s->grid));
			}
		}
		free(octets);
		aggregate_free(&a);
	}
}

/* ---- a caller's mistakes end the process */

static void count_too_many(void *context)
{
	struct aggregate a = {0};

	aggregate_begin(&a, context);
	for (uint32_t i = 0; i <= a.layout.sites; i++)
		aggregate_count(&a);
}

static void add_beyond(void *context)
{
	struct aggregate a = {0};
	uint8_t octets[8] = {0};

	aggregate_begin(&a, context);
	aggregate_add_words(&a, octets, a.layout.words - 1, 2);
}

static void add_short(void *context)
{
	struct aggregate a = {0};
	uint8_t octets[4] = {0};

	aggregate_begin(&a, context);
	aggregate_add(&a, bytes_of(octets, sizeof octets));
}

static void add_too_many_parts(void *context)
{
	struct aggregate_part p = {0};
	uint8_t *octets;

	aggregate_part_begin(&p, context);
	octets = mem_alloc(layout_octets(&p.layout));
	for (uint32_t i = 0; i <= p.layout.sites; i++)
		aggregate_part_add(&p, bytes_of(octets, layout_octets(&p.layout)));
}

static void join_too_many(void *context)
{
	struct aggregate a = {0};
	struct aggregate_part p = {0};

	aggregate_begin(&a, context);
	aggregate_part_begin(&p, context);
	aggregate_count(&a);
	p.added = a.layout.sites;
	aggregate_join(&a, &p);
}

static void test_mistakes_are_checked(void **state)
{
	struct layout l = all_kinds(3);

	(void)state;
	child_expect_check("a->added < a->layout.sites", count_too_many, &l);
	child_expect_check("words <= a->layout.words - first", add_beyond, &l);
	child_expect_check("octets.len == layout_octets", add_short, &l);
	child_expect_check("p->added < p->layout.sites", add_too_many_parts, &l);
	child_expect_check("p->added <= a->layout.sites - a->added", join_too_many, &l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums_in_any_order_and_any_pieces),
		cmocka_unit_test(test_beginning_again_forgets),
		cmocka_unit_test(test_a_part_beginning_again_forgets),
		cmocka_unit_test(test_the_largest_words_of_all_sites_fit),
		cmocka_unit_test(test_mistakes_are_checked),
	};

	return cmocka_run_group_tests_name("aggregate", tests, NULL, NULL);
}
