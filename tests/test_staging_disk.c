/*
 * Staging and its disk: a full one, a breaking one, writes that come short, syncs; a file that was cut; the spare file; and a
 * fault in any octet. What parts may be like is tests/test_staging.c's.
 */
#include "coordinator/staging.h"
#include "tests/support/tempdir.h"

#include "base/random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#define SITES 3
#define ITEMS 50 /* words: 51 with the weight */

/* ---- the disk */

static struct {
	int write_errno, sync_errno; /* 0: works */
	int short_by; /* octets that a write leaves out */
	int syncs;
} fault;

ssize_t pwritev(int fd, const struct iovec *v, int count, off_t at)
{
	if (fault.write_errno) {
		errno = fault.write_errno;
		return -1;
	}
	if (fault.short_by > 0 && v[0].iov_len > (size_t)fault.short_by)
		return syscall(SYS_pwrite64, fd, v[0].iov_base, v[0].iov_len - (size_t)fault.short_by, at);
	return syscall(SYS_pwritev, fd, v, count, (long)at, 0L);
}

static int sync_fd(long call, int fd)
{
	fault.syncs++;
	if (fault.sync_errno) {
		errno = fault.sync_errno;
		return -1;
	}
	return (int)syscall(call, fd);
}

int fdatasync(int fd)
{
	return sync_fd(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	return sync_fd(SYS_fsync, fd);
}

/* ---- a staging area for three sites */

struct fixture {
	struct tempdir dir;
	struct layout layout;
	struct round_plan plan;
	struct staging_grants grants;
	struct staging *staging;
	size_t octets;
	uint8_t *content[SITES];
	struct hash hash[SITES];
};

static const uint32_t sites[SITES] = {11, 18, 25};

static void fill(struct fixture *f, uint32_t slot)
{
	double values[ITEMS], weight = slot + 1;
	uint64_t saturated = 0;
	struct rng r;

	rng_seeded(&r, slot, "values");
	for (size_t i = 0; i < ITEMS; i++)
		values[i] = rng_normal(&r);
	f->content[slot] = mem_alloc(f->octets);
	assert_int_equal(segment_encode(f->content[slot], &f->layout.segments[0], &f->layout, values, &saturated, NULL),
	                 OK);
	assert_int_equal(
		segment_encode(f->content[slot], &f->layout.segments[1], &f->layout, &weight, &saturated, NULL), OK);
	sha256_of(&f->hash[slot], bytes_of(f->content[slot], f->octets));
}

static void open_staging(struct fixture *f)
{
	const struct staging_config config = {.folder = f->dir.path,
	                                      .study = "heart",
	                                      .revision = 2,
	                                      .plan = &f->plan,
	                                      .octets = f->octets,
	                                      .layout = &f->layout,
	                                      .grants = &f->grants};

	f->staging = staging_open(&config);
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);

	memset(&fault, 0, sizeof fault);
	tempdir_make(&f->dir);
	layout_begin(&f->layout, SITES);
	assert_int_equal(layout_add(&f->layout, SEGMENT_UPDATE, CODING_NARROW, ITEMS, 8.0, NULL), OK);
	assert_int_equal(layout_add(&f->layout, SEGMENT_WEIGHT, CODING_COUNT, 1, 100, NULL), OK);
	f->octets = layout_octets(&f->layout);
	f->plan = (struct round_plan){
		.round = 7, .attempt = 3, .sites = (uint32_t *)(uintptr_t)sites, .site_count = SITES};
	f->grants.max = 2;
	for (uint32_t i = 0; i < SITES; i++)
		fill(f, i);
	open_staging(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	memset(&fault, 0, sizeof fault);
	staging_release(f->staging);
	for (uint32_t i = 0; i < SITES; i++)
		free(f->content[i]);
	tempdir_remove(&f->dir);
	free(f);
	return 0;
}

static struct diag why;
static uint64_t next;

/* Octets offset .. offset + n of the site's contribution, in pieces of `piece` octets. */
static enum staging_verdict put_pieces(struct fixture *f, uint32_t slot, size_t offset, size_t n, size_t piece,
                                       int64_t now_ms)
{
	struct bytes pieces[256];
	struct staging_part part = {
		.slot = slot, .offset = offset, .total = f->octets, .content = f->hash[slot], .pieces = pieces};

	for (size_t at = 0; at < n; at += piece)
		pieces[part.piece_count++] = bytes_of(f->content[slot] + offset + at, n - at < piece ? n - at : piece);
	why.text[0] = '\0';
	return staging_put(f->staging, &part, now_ms, &next, &why);
}

static enum staging_verdict put(struct fixture *f, uint32_t slot, size_t offset, size_t n)
{
	return put_pieces(f, slot, offset, n, SIZE_MAX / 2, 0);
}

static void assert_holds(const struct fixture *f, uint32_t slot)
{
	uint8_t *back = mem_alloc(f->octets);

	assert_true(staging_holds(f->staging, slot, &f->hash[slot]));
	assert_int_equal(staging_read(f->staging, slot, 0, back, f->octets, &why), OK);
	assert_memory_equal(back, f->content[slot], f->octets);
	free(back);
}

/* ---- */

static void test_in_one_part(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = SITES; i-- > 0;) {
		assert_false(staging_holds(f->staging, i, &f->hash[i]));
		assert_int_equal(put(f, i, 0, f->octets), STAGING_COMPLETE);
	}
	for (uint32_t i = 0; i < SITES; i++)
		assert_holds(f, i);
	assert_int_equal(f->grants.open, 0); /* one part needs none */
	assert_true(tempdir_exists(&f->dir, "heart.2.7.3"));
	assert_int_equal(tempdir_count(&f->dir, NULL), 1);
}

/* Every octet of the contribution changed once: the hash finds it, if no word is impossible already. */
static void test_every_flipped_octet_is_found(void **state)
{
	struct fixture *f = *state;
	uint32_t words = 0, hashes = 0;

	for (size_t at = 0; at < f->octets; at++) {
		f->content[0][at] ^= 0x40;
		enum staging_verdict v = put(f, 0, 0, f->octets);
		words += v == STAGING_WORDS;
		hashes += v == STAGING_HASH;
		assert_true(why.text[0] != '\0');
		f->content[0][at] ^= 0x40;
	}
	assert_int_equal(words + hashes, f->octets);
	assert_true(words > 0 && hashes > 0);
	assert_int_equal(put(f, 0, 0, f->octets), STAGING_COMPLETE); /* nothing of it is left */
}

static void test_another_content_begins_anew(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f, 0, 0, 50), STAGING_NEXT);
	f->hash[0] = f->hash[1];
	memcpy(f->content[0], f->content[1], f->octets);
	assert_int_equal(put(f, 0, 50, 10), STAGING_NEXT);
	assert_int_equal(next, 0);
	assert_int_equal(put(f, 0, 0, 10), STAGING_NEXT);
	assert_int_equal(next, 10);
	assert_int_equal(f->grants.open, 1);
	assert_int_equal(put(f, 0, 10, f->octets - 10), STAGING_COMPLETE);
	assert_holds(f, 0);
}

/* ---- the disk */

static void test_a_full_disk(void **state)
{
	static const int full[] = {ENOSPC, EDQUOT, EFBIG};
	struct fixture *f = *state;

	assert_int_equal(put(f, 0, 0, 50), STAGING_NEXT);
	for (size_t i = 0; i < 3; i++) {
		fault.write_errno = full[i];
		assert_int_equal(put(f, 0, 50, 50), STAGING_FULL);
		assert_int_equal(put(f, 1, 0, 50), STAGING_FULL);
		assert_int_equal(f->grants.open, 0); /* others may have better luck */
	}
	fault.write_errno = 0;
	assert_int_equal(put(f, 0, 50, f->octets - 50), STAGING_COMPLETE);
	assert_holds(f, 0);
	fault.write_errno = EIO;
	assert_int_equal(put(f, 1, 0, 50), STAGING_BROKEN);
	assert_non_null(strstr(why.text, "heart.2.7.3: cannot be written"));
}

static void test_short_writes(void **state)
{
	struct fixture *f = *state;

	fault.short_by = 1;
	assert_int_equal(put_pieces(f, 0, 0, f->octets, 13, 0), STAGING_COMPLETE);
	fault.short_by = 0;
	assert_holds(f, 0);
}

/* The file's data each time; its folder once, because only then its name lasts. */
static void test_syncs(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f, 0, 0, f->octets), STAGING_COMPLETE);
	assert_int_equal(staging_sync(f->staging, &why), OK);
	assert_int_equal(fault.syncs, 2);
	assert_int_equal(put(f, 1, 0, f->octets), STAGING_COMPLETE);
	assert_int_equal(staging_sync(f->staging, &why), OK);
	assert_int_equal(fault.syncs, 3);
	fault.sync_errno = EIO;
	assert_int_equal(staging_sync(f->staging, &why), ERR_IO);
	assert_non_null(strstr(why.text, "fdatasync failed"));
}

/* ---- after a restart, and between attempts */

static void test_after_a_restart(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f, 1, 0, f->octets), STAGING_COMPLETE);
	assert_int_equal(put(f, 2, 0, 50), STAGING_NEXT);
	staging_release(f->staging);
	open_staging(f);
	assert_holds(f, 1);
	assert_false(staging_holds(f->staging, 0, &f->hash[0])); /* a hole */
	assert_false(staging_holds(f->staging, 2, &f->hash[2])); /* beyond the end */
	assert_int_equal(put(f, 2, 50, 10), STAGING_NEXT);
	assert_int_equal(next, 0);
	staging_release(f->staging);
	assert_int_equal(truncate(tempdir_path(&f->dir, "heart.2.7.3"), (off_t)(2 * f->octets - 1)), 0);
	open_staging(f);
	assert_false(staging_holds(f->staging, 1, &f->hash[1]));
	uint8_t octet;
	assert_int_equal(staging_read(f->staging, 1, f->octets - 1, &octet, 1, &why), ERR_IO);
	assert_non_null(strstr(why.text, "too short"));
}

/* The next attempt writes over the file of the last; slots that it has not filled are not taken for filled. */
static void test_the_spare_file(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(put(f, i, 0, f->octets), STAGING_COMPLETE);
	staging_end(f->staging, true);
	staging_release(f->staging);
	assert_true(tempdir_exists(&f->dir, "heart.spare"));
	f->plan.attempt = 4;
	open_staging(f);
	struct hash other = f->hash[1];
	assert_false(staging_holds(f->staging, 1, &other)); /* no file of its own yet */
	f->content[1][0] ^= 1;
	sha256_of(&f->hash[1], bytes_of(f->content[1], f->octets));
	assert_int_equal(put(f, 1, 0, f->octets), STAGING_COMPLETE);
	assert_true(tempdir_exists(&f->dir, "heart.2.7.4"));
	assert_false(tempdir_exists(&f->dir, "heart.spare"));
	assert_holds(f, 1);
	assert_false(staging_holds(f->staging, 1, &other));
	staging_end(f->staging, true);
	assert_holds(f, 1); /* what is open stays readable */
	staging_release(f->staging);
	f->plan.attempt = 5;
	open_staging(f);
	staging_end(f->staging, false); /* the study is over */
	assert_int_equal(tempdir_count(&f->dir, NULL), 0);
}

static bool keep_heart(void *context, const char *name)
{
	(void)context;
	return strcmp(name, "heart.1.2.3") == 0;
}

static void test_sweeping(void **state)
{
	struct fixture *f = *state;

	tempdir_write(&f->dir, "heart.1.2.3", "kept");
	tempdir_write(&f->dir, "heart.1.2.2", "old");
	tempdir_write(&f->dir, "heart.spare", "old");
	tempdir_write(&f->dir, ".hidden", "not ours");
	staging_sweep(f->dir.path, keep_heart, NULL);
	assert_int_equal(tempdir_count(&f->dir, NULL), 2);
	assert_true(tempdir_exists(&f->dir, "heart.1.2.3"));
	assert_true(tempdir_exists(&f->dir, ".hidden"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_in_one_part),
		TEST(test_every_flipped_octet_is_found),
		TEST(test_another_content_begins_anew),
		TEST(test_a_full_disk),
		TEST(test_short_writes),
		TEST(test_syncs),
		TEST(test_after_a_restart),
		TEST(test_the_spare_file),
		TEST(test_sweeping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
