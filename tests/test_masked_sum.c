/*
 * The masked sum against plain sums of integers: real masks on real vectors, sites that are gone after they dealt shares, any cut of
 * the work between threads, and vectors and masks that are wrong. Also for MODE=tsan.
 */
#include "coordinator/masked_sum.h"

#include "base/random.h"
#include "protocol/masked_plan.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITES_AT_MOST 64
#define SLICE 7 /* survivors whose masks are taken off at once */

/* n sites, of which the last `lost` are gone before their vectors came. */
struct world {
	struct layout layout;
	uint32_t n, lost, bits, words;
	uint8_t pair[SITES_AT_MOST][SITES_AT_MOST][KEYS_SIZE]; /* [lower][higher] */
	uint8_t self[SITES_AT_MOST][KEYS_SIZE];
	int64_t *expected; /* the sum of the survivors' contributions */
	struct masked_sum *sum;
	uint32_t check; /* the first check word that sites send */
};

static uint32_t survivors(const struct world *w)
{
	return w->n - w->lost;
}

/* Every coordinate is so small that n of them fit k bits with their sign. */
static int32_t draw(struct rng *r, const struct world *w)
{
	int64_t most = ((int64_t)1 << (w->bits - 1)) / w->n - 1;

	return (int32_t)((int64_t)rng_below(r, (uint64_t)(2 * most + 1)) - most);
}

/* A site adds what it shares with lower ones and takes off what it shares with higher ones, and adds its own. */
static size_t masks_of(struct mask *masks, const struct world *w, uint32_t u)
{
	size_t count = 0;

	for (uint32_t v = 0; v < w->n; v++) {
		if (v == u)
			continue;
		memcpy(masks[count].key, v < u ? w->pair[v][u] : w->pair[u][v], KEYS_SIZE);
		masks[count++].subtract = v > u;
	}
	memcpy(masks[count].key, w->self[u], KEYS_SIZE);
	masks[count++].subtract = false;
	return count;
}

/* Adds the vector of a survivor in pieces. */
static void add_site(struct world *w, uint32_t u, struct rng *r, uint32_t pieces_at_once)
{
	uint32_t *x = mem_array(w->words, sizeof *x), step = pieces_at_once * MASKED_SUM_PIECE;
	uint8_t *y = mem_alloc(pack_size(w->words, w->bits));
	struct mask masks[SITES_AT_MOST];

	for (uint32_t i = 0; i < w->layout.words; i++) {
		int32_t value = draw(r, w);

		x[i] = (uint32_t)value;
		w->expected[i] += value;
	}
	x[w->layout.words] = w->check;
	mask_input(y, x, 0, w->words, w->bits, masks, masks_of(masks, w, u));
	for (uint32_t first = 0; first < w->words; first += step)
		masked_sum_add(w->sum, y + (size_t)first / 8 * w->bits, first,
		               w->words - first < step ? w->words - first : step);
	free(x);
	free(y);
}

static struct world *make(uint64_t seed, uint32_t n, uint32_t lost, uint32_t words, uint32_t bits)
{
	struct world *w = mem_alloc(sizeof *w);

	*w = (struct world){.n = n, .lost = lost, .bits = bits, .words = words + MASKED_CHECK_WORDS, .check = 1};
	struct rng r;
	rng_seeded(&r, seed, "masked sum");
	for (uint32_t u = 0; u < n; u++) {
		rng_octets(&r, w->self[u], KEYS_SIZE);
		for (uint32_t v = u + 1; v < n; v++)
			rng_octets(&r, w->pair[u][v], KEYS_SIZE);
	}
	layout_begin(&w->layout, n);
	assert_int_equal(layout_add(&w->layout, SEGMENT_UPDATE, CODING_NARROW, words, 8, NULL), OK);
	w->expected = mem_array(words, sizeof *w->expected);
	w->sum = masked_sum_new(&w->layout, bits);
	assert_int_equal(masked_sum_words(w->sum), w->words);
	return w;
}

static void drop(struct world *w)
{
	masked_sum_free(w->sum);
	free(w->expected);
	free(w);
}

static void add_all(struct world *w, uint64_t seed)
{
	struct rng r;

	rng_seeded(&r, seed, "vectors");
	for (uint32_t u = 0; u < survivors(w); u++)
		add_site(w, u, &r, 1 + u % 3);
}

/* ---- unmasking, slice by slice as the core hands them out */

static uint32_t slices(const struct world *w)
{
	return (survivors(w) + SLICE - 1) / SLICE + w->lost;
}

static size_t slice_masks(struct mask *masks, const struct world *w, uint32_t slice)
{
	uint32_t first = slice * SLICE, of_survivors = (survivors(w) + SLICE - 1) / SLICE;
	size_t count = 0;

	if (slice < of_survivors) {
		for (uint32_t u = first; u < survivors(w) && u < first + SLICE; u++) {
			memcpy(masks[count].key, w->self[u], KEYS_SIZE);
			masks[count++].subtract = true;
		}
		return count;
	}
	uint32_t v = survivors(w) + slice - of_survivors; /* gone: the survivors' masks with it are still there */
	for (uint32_t u = 0; u < survivors(w); u++) {
		memcpy(masks[count].key, w->pair[u][v], KEYS_SIZE);
		masks[count++].subtract = v < u;
	}
	return count;
}

struct worker {
	struct world *world;
	uint32_t first, step;
	pthread_t thread;
};

static void *work(void *context)
{
	const struct worker *k = context;
	struct mask masks[SITES_AT_MOST];
	uint32_t pieces = masked_sum_pieces(k->world->sum);

	for (uint32_t slice = k->first; slice < slices(k->world); slice += k->step) {
		size_t count = slice_masks(masks, k->world, slice);

		for (uint32_t i = 0; i < pieces; i++)
			masked_sum_unmask(k->world->sum, (slice + i) % pieces, masks, count);
	}
	return NULL;
}

static void unmask(struct world *w, uint32_t threads)
{
	struct worker workers[4];

	for (uint32_t i = 0; i < threads; i++) {
		workers[i] = (struct worker){.world = w, .first = i, .step = threads};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
}

static void expect_exact(const struct world *w)
{
	struct aggregate sum = {0};
	struct diag why = {{0}};

	aggregate_begin(&sum, &w->layout);
	if (masked_sum_finish(&sum, w->sum, survivors(w), &why) != OK)
		fail_msg("n %u, lost %u, bits %u: %s", w->n, w->lost, w->bits, why.text);
	assert_int_equal(sum.layout.words, w->layout.words);
	assert_int_equal(sum.added, survivors(w));
	assert_memory_equal(sum.sums, w->expected, w->layout.words * sizeof *sum.sums);
	aggregate_free(&sum);
}

static void play(uint64_t seed, uint32_t n, uint32_t lost, uint32_t words, uint32_t bits, uint32_t threads)
{
	struct world *w = make(seed, n, lost, words, bits);

	add_all(w, seed);
	unmask(w, threads);
	expect_exact(w);
	drop(w);
}

static void test_every_number_of_sites(void **state)
{
	(void)state;
	for (uint32_t n = 3; n <= SITES_AT_MOST; n++) {
		play(n, n, 0, 5 + n, 32, 1);
		play(n, n, n / 3, 5 + n, 32, 2);
	}
}

static void test_vectors_of_several_pieces_between_threads(void **state)
{
	static const uint32_t lengths[] = {MASKED_SUM_PIECE - MASKED_CHECK_WORDS -
	                                           1, /* the last piece begins in, before, */
	                                   MASKED_SUM_PIECE - MASKED_CHECK_WORDS, /* behind the check words */
	                                   MASKED_SUM_PIECE - 2, 3 * MASKED_SUM_PIECE + 1234};
	(void)state;
	for (uint32_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		for (uint32_t threads = 1; threads <= 4; threads++)
			play(i, 5, 1, lengths[i], 32, threads);
}

static void test_fewer_bits(void **state)
{
	(void)state;
	for (uint32_t bits = 8; bits <= PACK_BITS_MAX; bits++)
		play(bits, 6, 2, MASKED_SUM_PIECE + 100, bits, 2);
}

/* Unmasking may begin while vectors are added: the order does not matter. */
static void test_masks_before_vectors(void **state)
{
	(void)state;
	struct world *w = make(1, 9, 2, 500, 32);

	unmask(w, 2);
	add_all(w, 1);
	expect_exact(w);
	drop(w);
}

/* Groups of one round, whose sums are added up. */
static void test_groups(void **state)
{
	(void)state;
	struct world *one = make(6, 5, 0, 100, 32), *two = make(7, 4, 1, 100, 32);
	struct aggregate sum = {0};
	struct layout layout;

	add_all(one, 6);
	add_all(two, 7);
	unmask(one, 2);
	unmask(two, 2);
	layout_begin(&layout, 9);
	assert_int_equal(layout_add(&layout, SEGMENT_UPDATE, CODING_NARROW, 100, 8, NULL), OK);
	aggregate_begin(&sum, &layout);
	assert_int_equal(masked_sum_finish(&sum, one->sum, 5, NULL), OK);
	assert_int_equal(masked_sum_finish(&sum, two->sum, 3, NULL), OK);
	assert_int_equal(sum.added, 8);
	int64_t some[7];
	masked_sum_read(some, two->sum, 93, 7);
	assert_memory_equal(some, two->expected + 93, sizeof some); /* each group's own is still there */
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(sum.sums[i], one->expected[i] + two->expected[i]);
	aggregate_free(&sum);
	drop(one);
	drop(two);
}

/* ---- what is wrong */

static void expect_discarded(const struct world *w, uint32_t claimed)
{
	struct aggregate sum = {0};
	struct diag why = {{0}};

	aggregate_begin(&sum, &w->layout);
	assert_int_equal(masked_sum_finish(&sum, w->sum, claimed, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "check words do not hold"));
	assert_non_null(strstr(why.text, "discarded"));
	assert_int_equal(sum.added, 0);
	for (uint32_t i = 0; i < w->layout.words; i++)
		assert_int_equal(sum.sums[i], 0); /* nothing was made of it */
	aggregate_free(&sum);
}

static void test_check_words_of_sites_that_lie(void **state)
{
	(void)state;
	for (uint32_t check = 0; check <= 2; check += 2) { /* a vector counts for none, or for two */
		struct world *w = make(check, 4, 0, 20, 32);

		w->check = check;
		add_all(w, check);
		unmask(w, 1);
		expect_discarded(w, 4);
		drop(w);
	}
}

static void test_a_survivor_more_or_less(void **state)
{
	(void)state;
	struct world *w = make(3, 6, 1, 20, 32);

	add_all(w, 3);
	unmask(w, 2);
	expect_discarded(w, 4);
	expect_discarded(w, 6);
	expect_exact(w);
	drop(w);
}

static void test_a_wrong_mask(void **state)
{
	(void)state;
	struct world *w = make(4, 6, 1, 20, 32);

	add_all(w, 4);
	w->self[2][31] ^= 1;
	unmask(w, 2);
	expect_discarded(w, 5);
	drop(w);
}

/* Garbage anywhere in the check words is seen: each of the three zeros, alone. */
static void test_each_check_word(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < MASKED_CHECK_WORDS; i++) {
		struct world *w = make(5, 3, 0, 20, 32);
		uint8_t *garbage = mem_alloc(pack_size(w->words, 32));

		add_all(w, 5);
		unmask(w, 1);
		store_u32(garbage + 4 * (w->layout.words + i), 0x80000000u);
		masked_sum_add(w->sum, garbage, 0, w->words);
		expect_discarded(w, 3);
		free(garbage);
		drop(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_number_of_sites),
		cmocka_unit_test(test_vectors_of_several_pieces_between_threads),
		cmocka_unit_test(test_fewer_bits),
		cmocka_unit_test(test_masks_before_vectors),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_check_words_of_sites_that_lie),
		cmocka_unit_test(test_a_survivor_more_or_less),
		cmocka_unit_test(test_a_wrong_mask),
		cmocka_unit_test(test_each_check_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
