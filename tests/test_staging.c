/* Staging: parts cut anywhere, words that no honest site sends, wrong hashes, grants, and what is there after a restart. */
#include "coordinator/staging.h"

#include "base/random.h"
#include "tests/support/tempdir.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define SITES 3
#define UPDATE 9
#define OCTETS (4 * (UPDATE + 1 + 2 * 2))

struct fixture {
	struct tempdir dir;
	struct round_plan plan;
	struct layout layout;
	struct staging_grants grants;
	struct staging *staging;
	bool masked;
	uint8_t good[OCTETS];
};

static uint32_t sites[SITES] = {4, 9, 17};

static struct staging *open_staging(struct fixture *f)
{
	const struct staging_config config = {.folder = tempdir_path(&f->dir, NULL),
	                                      .study = "heart",
	                                      .revision = 1,
	                                      .plan = &f->plan,
	                                      .octets = OCTETS,
	                                      .layout = f->masked ? NULL : &f->layout,
	                                      .grants = &f->grants};

	return staging_open(&config);
}

static int setup(void **state)
{
	static struct fixture f;
	struct diag why;
	uint64_t saturated = 0;
	double update[UPDATE], weight = 7, loss[2] = {3.25, 1e5};
	struct rng r;

	memset(&f, 0, sizeof f);
	tempdir_make(&f.dir);
	f.plan = (struct round_plan){.round = 3, .attempt = 2, .sites = sites, .site_count = SITES};
	f.grants.max = 1;
	layout_begin(&f.layout, SITES);
	assert_int_equal(layout_add(&f.layout, SEGMENT_UPDATE, CODING_NARROW, UPDATE, 8, &why), OK);
	assert_int_equal(layout_add(&f.layout, SEGMENT_WEIGHT, CODING_COUNT, 1, 5000, &why), OK);
	assert_int_equal(layout_add(&f.layout, SEGMENT_LOSS, CODING_WIDE, 2, 160000, &why), OK);
	assert_int_equal(layout_octets(&f.layout), OCTETS);
	rng_seeded(&r, 2, "staging");
	for (int i = 0; i < UPDATE; i++)
		update[i] = rng_normal(&r);
	assert_int_equal(
		segment_encode(f.good, layout_find(&f.layout, SEGMENT_UPDATE), &f.layout, update, &saturated, &why),
		OK);
	assert_int_equal(
		segment_encode(f.good, layout_find(&f.layout, SEGMENT_WEIGHT), &f.layout, &weight, &saturated, &why),
		OK);
	assert_int_equal(
		segment_encode(f.good, layout_find(&f.layout, SEGMENT_LOSS), &f.layout, loss, &saturated, &why), OK);
	f.staging = open_staging(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	staging_release(f->staging);
	assert_int_equal(f->grants.open, 0);
	tempdir_remove(&f->dir);
	return 0;
}

static struct hash content_of(const uint8_t octets[OCTETS])
{
	struct hash h;

	sha256_of(&h, bytes_of(octets, OCTETS));
	return h;
}

/* One part, [from, to) of `octets`, in two pieces of which the first ends at `cut`. */
static enum staging_verdict put(struct fixture *f, uint32_t slot, const uint8_t *octets, const struct hash *content,
                                size_t from, size_t to, size_t cut, uint64_t *next)
{
	struct bytes pieces[2] = {bytes_of(octets + from, cut - from), bytes_of(octets + cut, to - cut)};
	struct staging_part part = {
		.slot = slot, .offset = from, .total = OCTETS, .content = *content, .pieces = pieces, .piece_count = 2};
	struct diag why = {{0}};
	enum staging_verdict v = staging_put(f->staging, &part, 1000, next, &why);

	assert_int_equal(v == STAGING_NEXT || v == STAGING_COMPLETE, why.text[0] == '\0');
	return v;
}

/* All of it in two parts, the second in two pieces. */
static enum staging_verdict put_all(struct fixture *f, uint32_t slot, const uint8_t *octets, size_t first, size_t cut)
{
	struct hash content = content_of(octets);
	uint64_t next = 0;
	enum staging_verdict v = STAGING_NEXT;

	if (first > 0)
		v = put(f, slot, octets, &content, 0, first, 0, &next);
	if (v != STAGING_NEXT)
		return v;
	assert_int_equal(next, first);
	return put(f, slot, octets, &content, first, OCTETS, cut, &next);
}

static void assert_holds(struct fixture *f, uint32_t slot, const uint8_t *octets)
{
	uint8_t back[OCTETS];
	struct hash content = content_of(octets);

	assert_int_equal(staging_read(f->staging, slot, 0, back, OCTETS, NULL), OK);
	assert_memory_equal(back, octets, OCTETS);
	assert_true(staging_holds(f->staging, slot, &content));
}

static void test_parts_and_pieces_cut_anywhere(void **state)
{
	struct fixture *f = *state;

	for (size_t first = 0; first < OCTETS; first++)
		for (size_t cut = first; cut <= OCTETS; cut++) {
			uint32_t slot = (uint32_t)(first + cut) % SITES;

			assert_int_equal(put_all(f, slot, f->good, first, cut), STAGING_COMPLETE);
			assert_holds(f, slot, f->good);
		}
}

/* A word out of range in any place, however the parts are cut: never complete, nothing is kept, and the right one is taken then. */
static void test_words_that_no_honest_site_sends(void **state)
{
	struct fixture *f = *state;

	for (uint32_t word = 0; word < f->layout.words; word++)
		for (size_t first = 0; first < OCTETS; first++) {
			uint8_t bad[OCTETS];
			struct hash content;
			uint64_t next;

			memcpy(bad, f->good, OCTETS);
			store_u32(bad + 4 * (size_t)word, 0x80000000); /* the most negative: no coding permits it */
			content = content_of(bad);
			assert_int_equal(put_all(f, 1, bad, first, (first + OCTETS) / 2), STAGING_WORDS);
			assert_int_equal(put(f, 1, bad, &content, OCTETS - 1, OCTETS, OCTETS, &next), STAGING_NEXT);
			assert_int_equal(next, 0); /* forgotten */
			assert_int_equal(f->grants.open, 0);
		}
	assert_int_equal(put_all(f, 1, f->good, 7, 9), STAGING_COMPLETE);
	assert_holds(f, 1, f->good);
}

static void test_another_hash_than_announced(void **state)
{
	struct fixture *f = *state;
	struct hash content = content_of(f->good);
	uint64_t next;

	content.b[31] ^= 1;
	assert_int_equal(put(f, 0, f->good, &content, 0, 8, 8, &next), STAGING_NEXT);
	assert_int_equal(put(f, 0, f->good, &content, 8, OCTETS, 8, &next), STAGING_HASH);
	assert_int_equal(put_all(f, 0, f->good, 8, 8), STAGING_COMPLETE);
}

static void test_misplaced_and_repeated_parts(void **state)
{
	struct fixture *f = *state;
	struct hash content = content_of(f->good), other = {{1}};
	uint64_t next = 99;

	assert_int_equal(put(f, 2, f->good, &content, 8, 12, 8, &next), STAGING_NEXT);
	assert_int_equal(next, 0); /* nothing of it is here */
	assert_int_equal(put(f, 2, f->good, &content, 0, 6, 3, &next), STAGING_NEXT);
	assert_int_equal(put(f, 2, f->good, &content, 0, 6, 3, &next), STAGING_NEXT);
	assert_int_equal(next, 6); /* a repeat is not hashed twice */
	assert_int_equal(put(f, 2, f->good, &content, 10, 12, 10, &next), STAGING_NEXT);
	assert_int_equal(next, 6);
	assert_int_equal(put(f, 2, f->good, &other, 6, 12, 10, &next), STAGING_NEXT);
	assert_int_equal(next, 0); /* another content begins at its beginning; the one under way stays */
	assert_int_equal(put(f, 2, f->good, &content, 6, OCTETS, 7, &next), STAGING_COMPLETE);
	assert_holds(f, 2, f->good);
}

static void test_lengths(void **state)
{
	struct fixture *f = *state;
	struct bytes piece = bytes_of(f->good, 8);
	struct staging_part part = {
		.total = OCTETS, .content = content_of(f->good), .pieces = &piece, .piece_count = 1};
	static const uint64_t offsets[] = {OCTETS - 7, OCTETS, OCTETS + 1, UINT64_MAX, UINT64_MAX - 7};
	struct diag why;
	uint64_t next;

	for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
		part.offset = offsets[i];
		assert_int_equal(staging_put(f->staging, &part, 0, &next, &why), STAGING_LENGTH);
	}
	part.offset = 0;
	part.piece_count = 0;
	assert_int_equal(staging_put(f->staging, &part, 0, &next, &why), STAGING_LENGTH);
	assert_int_equal(tempdir_count(&f->dir, NULL), 0); /* nothing was made for it */
}

static void test_grants(void **state)
{
	struct fixture *f = *state;
	struct hash content = content_of(f->good);
	uint64_t next;

	assert_int_equal(put(f, 0, f->good, &content, 0, 8, 8, &next), STAGING_NEXT);
	assert_int_equal(put(f, 1, f->good, &content, 0, 8, 8, &next), STAGING_BUSY);
	assert_int_equal(put(f, 1, f->good, &content, 0, OCTETS, 8, &next), STAGING_COMPLETE); /* one part: no grant */
	staging_expire(f->staging, 1000 + STAGING_IDLE_MS - 1);
	assert_int_equal(f->grants.open, 1);
	staging_expire(f->staging, 1000 + STAGING_IDLE_MS);
	assert_int_equal(f->grants.open, 0);
	assert_int_equal(put(f, 2, f->good, &content, 0, 8, 8, &next), STAGING_NEXT); /* its turn */
	assert_int_equal(put(f, 0, f->good, &content, 8, 12, 8, &next), STAGING_BUSY);
	assert_int_equal(put(f, 2, f->good, &content, 8, OCTETS, 8, &next), STAGING_COMPLETE);
	assert_int_equal(put(f, 0, f->good, &content, 8, OCTETS, 8, &next), STAGING_COMPLETE); /* from where it stood */
	assert_holds(f, 0, f->good);
	assert_int_equal(put(f, 0, f->good, &content, 0, 8, 8, &next), STAGING_NEXT);
	staging_forget(f->staging, 0);
	assert_int_equal(f->grants.open, 0);
}

static void test_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct hash content = content_of(f->good), other = content;
	struct diag why;
	uint64_t next;

	assert_int_equal(put_all(f, 2, f->good, 5, 5), STAGING_COMPLETE);
	assert_int_equal(put(f, 0, f->good, &content, 0, 8, 8, &next), STAGING_NEXT);
	assert_int_equal(staging_sync(f->staging, &why), OK);
	staging_release(f->staging);
	f->staging = open_staging(f);
	other.b[0] ^= 1;
	assert_true(staging_holds(f->staging, 2, &content));
	assert_false(staging_holds(f->staging, 2, &other));
	assert_false(staging_holds(f->staging, 0, &content));
	assert_int_equal(put(f, 0, f->good, &content, 8, 12, 8, &next), STAGING_NEXT);
	assert_int_equal(next, 0); /* what was not complete begins anew */
}

/* Under masks every word may be any, and nothing of it is spared when the attempt is over. */
static void test_masked_vectors(void **state)
{
	struct fixture *f = *state;
	uint8_t y[OCTETS];
	struct rng r;

	staging_release(f->staging);
	f->masked = true;
	f->staging = open_staging(f);
	rng_seeded(&r, 3, "masked");
	rng_octets(&r, y, sizeof y);
	memset(y + 4 * UPDATE, 0xff, 4); /* as a weight, it would be negative */
	assert_int_equal(put_all(f, 1, y, 7, 13), STAGING_COMPLETE);
	assert_int_equal(staging_sync(f->staging, NULL), OK);
	assert_holds(f, 1, y);
	assert_true(tempdir_exists(&f->dir, "heart.1.3.2"));
	staging_end(f->staging, true);
	assert_false(tempdir_exists(&f->dir, "heart.1.3.2"));
	assert_false(tempdir_exists(&f->dir, "heart.spare"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_parts_and_pieces_cut_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_words_that_no_honest_site_sends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_hash_than_announced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_misplaced_and_repeated_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grants, setup, teardown),
		cmocka_unit_test_setup_teardown(test_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_masked_vectors, setup, teardown),
	};

	return cmocka_run_group_tests_name("staging", tests, NULL, NULL);
}
