/* y is what crypto/mask.h makes of v and its check words in one go, however many pieces; and a v that is not the ledger's gives none. */
#include "client/masking.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define MASKS 3
#define PIECE (8u * MASK_TILE) /* as masking.c cuts */

static struct fixture {
	struct tempdir dir;
	struct mask masks[MASKS];
	struct release_record v;
	struct masking_order m;
	struct diag why;
	uint32_t *words; /* of v, with check words */
	uint32_t d;
} f;

static int make(void **state)
{
	(void)state;
	memset(&f, 0, sizeof f);
	tempdir_make(&f.dir);
	for (int i = 0; i < MASKS; i++) {
		memset(f.masks[i].key, 40 + i, KEYS_SIZE);
		f.masks[i].subtract = i == 1;
	}
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	free(f.words);
	tempdir_remove(&f.dir);
	return 0;
}

/* A vector of `plain` words in its file, and the order to mask it. */
static void order(uint32_t plain, uint32_t bits)
{
	uint8_t *octets = malloc(4 * plain + 1);

	free(f.words);
	f.d = plain + MASKED_CHECK_WORDS;
	f.words = calloc(f.d, sizeof *f.words);
	for (uint32_t i = 0; i < plain; i++) {
		f.words[i] = (i * 2654435761u) ^ 77;
		store_u32(octets + 4 * i, f.words[i]);
	}
	masked_plan_check_words(f.words + plain);
	tempdir_write_bytes(&f.dir, "v", bytes_of(octets, 4 * plain));
	sha256_of(&f.v.content, bytes_of(octets, 4 * plain));
	f.v.octets = 4 * (uint64_t)plain;
	f.m = (struct masking_order){.v_path = tempdir_path(&f.dir, "v"),
	                             .y_path = tempdir_path(&f.dir, "y"),
	                             .v = &f.v,
	                             .words = f.d,
	                             .bits = bits,
	                             .masks = f.masks,
	                             .mask_count = MASKS};
	free(octets);
}

static void assert_masked(void)
{
	size_t size = pack_size(f.d, f.m.bits), len;
	uint8_t *wanted = malloc(size);
	struct hash y, h;
	const char *got;

	if (masking_make(&y, &f.m, &f.why) != OK)
		fail_msg("%s", f.why.text);
	mask_input(wanted, f.words, 0, f.d, f.m.bits, f.masks, f.m.mask_count);
	got = tempdir_read(&f.dir, "y", &len);
	assert_int_equal(len, size);
	assert_memory_equal(got, wanted, size);
	sha256_of(&h, bytes_of(wanted, size));
	assert_true(hash_equal(&h, &y));
	free(wanted);
}

static void test_all_lengths(void **state)
{
	static const uint32_t lengths[] = {
		1,         11,        12,    13,        16,        1000,      PIECE - 5,     PIECE - 4,
		PIECE - 3, PIECE - 1, PIECE, PIECE + 1, PIECE + 9, 2 * PIECE, 2 * PIECE - 2, 3 * PIECE + 77};
	struct stat st;

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		order(lengths[i], 32);
		assert_masked();
	}
	assert_int_equal(stat(f.m.y_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	order(3 * PIECE + 77, 21);
	assert_masked();
	order(100, 32);
	f.m.mask_count = 0; /* the words themselves, and so the check words where they belong */
	assert_masked();
	assert_int_equal(load_u32((const uint8_t *)tempdir_read(&f.dir, "y", NULL) + 400), 1);
	assert_int_equal(load_u32((const uint8_t *)tempdir_read(&f.dir, "y", NULL) + 404), 0);
}

static void expect(enum err e, const char *words)
{
	struct hash y;

	assert_int_equal(masking_make(&y, &f.m, &f.why), e);
	if (strstr(f.why.text, words) == NULL)
		fail_msg("%s", f.why.text);
	assert_false(tempdir_exists(&f.dir, "y"));
}

static void test_another_vector(void **state)
{
	(void)state;
	order(300, 32);
	assert_masked();
	f.v.content.b[7] ^= 1;
	expect(ERR_DATA, "is not the contribution that the ledger has");
	order(300, 32);
	tempdir_write_bytes(&f.dir, "v", bytes_of(f.words, 1196));
	expect(ERR_DATA, "is shorter than the ledger says");
	order(300, 32);
	tempdir_write_bytes(&f.dir, "v", bytes_of(f.words, 1201)); /* the right words, and one octet more */
	expect(ERR_DATA, "is not the contribution that the ledger has");
	order(300, 32);
	f.m.v_path = tempdir_path(&f.dir, "gone");
	expect(ERR_NO_INPUT, "gone: cannot be opened");
}

static void test_given_up(void **state)
{
	atomic_bool cancel = true;

	(void)state;
	order(300, 32);
	f.m.cancel = &cancel;
	expect(ERR_CANCELLED, "given up");
}

static void test_no_place_for_it(void **state)
{
	struct hash y;

	(void)state;
	order(300, 32);
	f.m.y_path = tempdir_path(&f.dir, "no/y");
	assert_int_equal(masking_make(&y, &f.m, &f.why), ERR_CREATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_lengths, make, unmake),
		cmocka_unit_test_setup_teardown(test_another_vector, make, unmake),
		cmocka_unit_test_setup_teardown(test_given_up, make, unmake),
		cmocka_unit_test_setup_teardown(test_no_place_for_it, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
