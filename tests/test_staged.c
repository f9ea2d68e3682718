/* Staged contributions as summands: whose they are, and every word of them, over several slices; and a file that is gone. */
#include "coordinator/staged.h"

#include "base/random.h"
#include "tests/support/tempdir.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITES 5
#define WORDS (STAGING_SLICE / 2 + 77) /* two slices and a piece */

static uint32_t sites[SITES] = {4, 9, 17, 18, 30};

/* Not staged: 9 has refused, 30 has not been heard of. 17 has been dropped after it was staged. */
static const enum site_state states[SITES] = {SITE_CONTRIBUTED, SITE_REFUSED, SITE_DROPPED, SITE_CONTRIBUTED,
                                              SITE_EXPECT_JOIN};

struct fixture {
	struct tempdir dir;
	struct staging_grants grants;
	struct staging *staging;
	struct round *round;
	uint8_t *octets[SITES]; /* NULL: not staged */
	struct staged staged;
};

static void stage(struct fixture *f, uint32_t slot, struct rng *r)
{
	uint64_t next = 0;
	struct diag why;
	struct bytes all;

	f->octets[slot] = mem_alloc(4 * (size_t)WORDS);
	for (uint32_t k = 0; k < WORDS; k++)
		store_u32(f->octets[slot] + 4 * (size_t)k,
		          (uint32_t)(int32_t)((double)rng_below(r, 2000001) - 1000000));
	all = bytes_of(f->octets[slot], 4 * (size_t)WORDS);
	struct staging_part part = {.slot = slot, .total = all.len, .pieces = &all, .piece_count = 1};
	sha256_of(&part.content, all);
	assert_int_equal(staging_put(f->staging, &part, 0, &next, &why), STAGING_COMPLETE);
}

static int setup(void **state)
{
	static struct fixture f;
	struct round_plan plan = {.round = 3, .attempt = 1, .sites = sites, .site_count = SITES};
	struct round_config config = {.sites = sites,
	                              .site_count = SITES,
	                              .quorum = 1,
	                              .octets = 4 * (uint64_t)WORDS,
	                              .join_ms = 1,
	                              .deadline_ms = 2};
	struct round_action action;
	struct layout layout;
	struct rng r;

	memset(&f, 0, sizeof f);
	tempdir_make(&f.dir);
	rng_seeded(&r, 3, "staged");
	layout_begin(&layout, SITES);
	assert_int_equal(layout_add(&layout, SEGMENT_UPDATE, CODING_NARROW, WORDS, 8, NULL), OK);
	f.staging = staging_open(&(struct staging_config){.folder = tempdir_path(&f.dir, NULL),
	                                                  .study = "heart",
	                                                  .revision = 1,
	                                                  .plan = &plan,
	                                                  .octets = layout_octets(&layout),
	                                                  .layout = &layout,
	                                                  .grants = &f.grants});
	f.round = round_open(&config, 0);
	for (uint32_t i = 0; i < SITES; i++) {
		struct round_site row = {.number = sites[i], .state = states[i]};

		if (states[i] != SITE_EXPECT_JOIN)
			round_restore(f.round, &row);
		if (i % 3 == 0 || states[i] == SITE_DROPPED)
			stage(&f, i, &r);
	}
	while (round_next(f.round, &action))
		if (action.kind == ROUND_ADD)
			round_added(f.round, action.site, 0);
	staged_open(&f.staged, f.staging, f.round);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	staged_close(&f->staged);
	staged_close(&f->staged);
	staging_release(f->staging);
	round_free(f->round);
	for (uint32_t i = 0; i < SITES; i++)
		free(f->octets[i]);
	tempdir_remove(&f->dir);
	return 0;
}

static void expect_words(struct fixture *f, uint32_t summand, uint32_t slot, uint32_t first, uint32_t words)
{
	const struct summands *from = &f->staged.summands;
	int64_t *out = mem_array(words, sizeof *out);
	struct diag why = {{0}};

	memset(out, 0xff, words * sizeof *out);
	if (from->read(from->context, summand, first, words, out, &why) != OK)
		fail_msg("%s", why.text);
	for (uint32_t k = 0; k < words; k++)
		assert_true(out[k] == (int32_t)load_u32(f->octets[slot] + 4 * ((size_t)first + k)));
	free(out);
}

static void test_who_has_contributed_and_every_word(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->staged.summands.count, 2);
	for (uint32_t summand = 0; summand < 2; summand++) {
		expect_words(f, summand, 3 * summand, 0, WORDS);
		expect_words(f, summand, 3 * summand, 5, STAGING_SLICE / 4);
		expect_words(f, summand, 3 * summand, WORDS - 1, 1);
	}
}

/* The attempt is over: its file may have another name by then, and stays readable. */
static void test_it_outlives_the_attempt(void **state)
{
	struct fixture *f = *state;

	staging_end(f->staging, false);
	staging_release(f->staging);
	f->staging = NULL;
	expect_words(f, 1, 3, 0, WORDS);
}

static void test_a_file_that_is_cut(void **state)
{
	struct fixture *f = *state;
	const struct summands *from = &f->staged.summands;
	int64_t *out = mem_array(WORDS, sizeof *out);
	struct diag why = {{0}};

	assert_int_equal(truncate(tempdir_path(&f->dir, "heart.1.3.1"), 4 * ((long)WORDS * 3 + STAGING_SLICE / 4 + 9)),
	                 0);
	assert_int_equal(from->read(from->context, 1, 0, WORDS, out, &why), ERR_IO);
	assert_non_null(strstr(why.text, "cannot be read back"));
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_who_has_contributed_and_every_word, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_outlives_the_attempt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_file_that_is_cut, setup, teardown),
	};

	return cmocka_run_group_tests_name("staged", tests, NULL, NULL);
}
