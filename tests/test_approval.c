/* Approvals and rejections as files: what one answer does to the other, what a crash in between leaves, and damaged files. */
#include "client/approval.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct approval example(uint8_t byte)
{
	struct approval a = {.study = "heart", .revision = 3};

	memset(&a.study_hash, byte, sizeof a.study_hash);
	memset(&a.fingerprint, byte + 1, sizeof a.fingerprint);
	approval_date(&a, 1769853600);
	return a;
}

static const char *name_of(const struct approval *a, const char *folder, const char *suffix)
{
	static char name[256];
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, &a->study_hash);
	snprintf(name, sizeof name, "%s/%s%s", folder, hex, suffix);
	return name;
}

static void write_good(struct tempdir *t, const struct approval *a, enum approval_kind kind)
{
	struct diag why = {{0}};

	if (approval_write(tempdir_path(t, NULL), a, kind, &why) != OK)
		fail_msg("%s", why.text);
}

static enum err read_back(struct approval *out, struct tempdir *t, const struct approval *a, enum approval_kind kind)
{
	struct diag why = {{0}};

	return approval_read(out, tempdir_path(t, NULL), &a->study_hash, kind, &why);
}

static void test_an_approval_is_read_as_it_was_written(void **state)
{
	struct approval a = example(7), b;
	struct tempdir t;
	struct stat st;

	(void)state;
	tempdir_make(&t);
	assert_string_equal(a.when, "2026-01-31T10:00:00Z");
	assert_int_equal(read_back(&b, &t, &a, APPROVAL_GIVEN), ERR_NOT_FOUND);
	write_good(&t, &a, APPROVAL_GIVEN);
	assert_int_equal(read_back(&b, &t, &a, APPROVAL_GIVEN), OK);
	assert_memory_equal(&a, &b, sizeof a);
	assert_int_equal(read_back(&b, &t, &a, APPROVAL_REJECTED), ERR_NOT_FOUND);
	assert_int_equal(stat(tempdir_path(&t, name_of(&a, "approved", ".yaml")), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	tempdir_remove(&t);
}

static void test_the_file_is_for_people(void **state)
{
	static const char expected[] =
		"# Written by `cohort-client approve`. The contract lies in "
		"../contracts/0707070707070707070707070707070707070707070707070707070707070707.json\n"
		"study: \"heart\"\n"
		"revision: 3\n"
		"hash: \"0707070707070707070707070707070707070707070707070707070707070707\"\n"
		"when: \"2026-01-31T10:00:00Z\"\n"
		"fingerprint: \"0808080808080808080808080808080808080808080808080808080808080808\"\n";
	struct approval a = example(7);
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	write_good(&t, &a, APPROVAL_GIVEN);
	assert_string_equal(tempdir_read(&t, name_of(&a, "approved", ".yaml"), NULL), expected);
	tempdir_remove(&t);
}

static void test_a_rejection_replaces_an_approval_and_back(void **state)
{
	struct approval a = example(7), b, r;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	write_good(&t, &a, APPROVAL_GIVEN);
	r = a;
	r.withdrawn = true;
	memset(&r.fingerprint, 0, sizeof r.fingerprint);
	write_good(&t, &r, APPROVAL_REJECTED);
	assert_int_equal(read_back(&b, &t, &a, APPROVAL_GIVEN), ERR_NOT_FOUND);
	assert_false(tempdir_exists(&t, name_of(&a, "approved", ".yaml")));
	assert_int_equal(read_back(&b, &t, &a, APPROVAL_REJECTED), OK);
	assert_memory_equal(&r, &b, sizeof r);

	write_good(&t, &a, APPROVAL_GIVEN);
	assert_int_equal(read_back(&b, &t, &a, APPROVAL_GIVEN), OK);
	assert_false(tempdir_exists(&t, name_of(&a, "rejected", ".yaml")));
	tempdir_remove(&t);
}

/* approval_write was cut between its two steps: both files lie there. */
static void test_with_both_the_rejection_holds(void **state)
{
	struct approval a = example(7), b, *list;
	struct tempdir t;
	uint32_t count;
	const char *kept;

	(void)state;
	tempdir_make(&t);
	write_good(&t, &a, APPROVAL_GIVEN);
	kept = tempdir_read(&t, name_of(&a, "approved", ".yaml"), NULL);
	write_good(&t, &a, APPROVAL_REJECTED);
	tempdir_write(&t, name_of(&a, "approved", ".yaml"), kept);
	assert_int_equal(read_back(&b, &t, &a, APPROVAL_GIVEN), ERR_NOT_FOUND);
	assert_int_equal(read_back(&b, &t, &a, APPROVAL_REJECTED), OK);
	approval_list(&list, &count, tempdir_path(&t, NULL), APPROVAL_GIVEN, NULL);
	assert_int_equal(count, 0);
	free(list);
	tempdir_remove(&t);
}

static void test_what_the_coordinator_knows(void **state)
{
	struct approval a = example(7), b;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	write_good(&t, &a, APPROVAL_REJECTED);
	assert_int_equal(read_back(&b, &t, &a, APPROVAL_REJECTED), OK);
	assert_false(b.told);
	assert_int_equal(approval_told(tempdir_path(&t, NULL), &a.study_hash, NULL), OK);
	assert_int_equal(read_back(&b, &t, &a, APPROVAL_REJECTED), OK);
	assert_true(b.told);

	write_good(&t, &a, APPROVAL_GIVEN); /* approved after all, and rejected again: that is news */
	write_good(&t, &a, APPROVAL_REJECTED);
	assert_int_equal(read_back(&b, &t, &a, APPROVAL_REJECTED), OK);
	assert_false(b.told);

	/* the note comes late, after a person has approved: it must not end the approval */
	write_good(&t, &a, APPROVAL_GIVEN);
	assert_int_equal(approval_told(tempdir_path(&t, NULL), &a.study_hash, NULL), OK);
	assert_int_equal(read_back(&b, &t, &a, APPROVAL_GIVEN), OK);
	tempdir_remove(&t);
}

static void test_lists(void **state)
{
	struct approval a = example(7), b = example(9), *list;
	struct diag trouble;
	struct tempdir t;
	uint32_t count;

	(void)state;
	tempdir_make(&t);
	approval_list(&list, &count, tempdir_path(&t, NULL), APPROVAL_GIVEN, &trouble); /* no folder yet */
	assert_true(list == NULL && count == 0 && trouble.text[0] == '\0');
	write_good(&t, &a, APPROVAL_GIVEN);
	write_good(&t, &b, APPROVAL_GIVEN);
	tempdir_write(&t, "approved/notes.txt", "not for us");
	tempdir_write(&t, name_of(&a, "approved", ".yaml.new-abcdef"), "of a crashed writer");
	approval_list(&list, &count, tempdir_path(&t, NULL), APPROVAL_GIVEN, &trouble);
	assert_int_equal(count, 2);
	assert_string_equal(trouble.text, "");
	free(list);

	/* what nobody can read is no consent, and the others still hold */
	tempdir_write(&t, name_of(&a, "approved", ".yaml"), "study: heart\n");
	approval_list(&list, &count, tempdir_path(&t, NULL), APPROVAL_GIVEN, &trouble);
	assert_int_equal(count, 1);
	assert_true(hash_equal(&list[0].study_hash, &b.study_hash));
	assert_non_null(strstr(trouble.text, "\"revision\" is missing"));
	free(list);

	assert_int_equal(approval_remove(tempdir_path(&t, NULL), &b.study_hash, APPROVAL_GIVEN, NULL), OK);
	assert_int_equal(approval_remove(tempdir_path(&t, NULL), &b.study_hash, APPROVAL_GIVEN, NULL), OK);
	approval_list(&list, &count, tempdir_path(&t, NULL), APPROVAL_GIVEN, NULL);
	assert_int_equal(count, 0);
	free(list);
	tempdir_remove(&t);
}

static void test_a_file_of_another_contract(void **state)
{
	struct approval a = example(7), b = example(9), out;
	struct diag why = {{0}};
	struct tempdir t;
	const char *text;

	(void)state;
	tempdir_make(&t);
	write_good(&t, &a, APPROVAL_GIVEN);
	text = tempdir_read(&t, name_of(&a, "approved", ".yaml"), NULL);
	tempdir_write(&t, name_of(&b, "approved", ".yaml"), text); /* copied under another contract's hash */
	assert_int_equal(approval_read(&out, tempdir_path(&t, NULL), &b.study_hash, APPROVAL_GIVEN, &why), ERR_CONFIG);
	assert_non_null(strstr(why.text, ".yaml:4:7: hash: is not the one that the file is named by"));
	tempdir_remove(&t);
}

static void judge(struct tempdir *t, const struct approval *a, struct bytes text)
{
	struct approval out;
	struct diag why = {{0}};
	enum err e;

	tempdir_write_bytes(t, name_of(a, "approved", ".yaml"), text);
	e = approval_read(&out, tempdir_path(t, NULL), &a->study_hash, APPROVAL_GIVEN, &why);
	if (e != OK) {
		assert_true(e == ERR_CONFIG || e == ERR_LIMIT || e == ERR_NO_INPUT);
		assert_true(why.text[0] != '\0');
	} else { /* the part that matters is as it was, or the file was refused */
		assert_true(hash_equal(&out.study_hash, &a->study_hash));
	}
}

static void test_damaged_files(void **state)
{
	struct approval a = example(7);
	struct tempdir t;
	size_t len;
	const char *text;
	char *copy;

	(void)state;
	tempdir_make(&t);
	write_good(&t, &a, APPROVAL_GIVEN);
	text = tempdir_read(&t, name_of(&a, "approved", ".yaml"), &len);
	for (size_t cut = 0; cut < len; cut++)
		judge(&t, &a, bytes_of(text, cut));
	copy = malloc(len);
	for (size_t at = 0; at < len; at++)
		for (int bit = 0; bit < 8; bit += 3) {
			memcpy(copy, text, len);
			copy[at] = (char)(copy[at] ^ (1 << bit));
			judge(&t, &a, bytes_of(copy, len));
		}
	free(copy);
	tempdir_remove(&t);
}

static void test_a_folder_that_cannot_be_written(void **state)
{
	struct approval a = example(7);
	struct diag why = {{0}};
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	tempdir_write(&t, "approved", "a file where the folder should be");
	assert_int_equal(approval_write(tempdir_path(&t, NULL), &a, APPROVAL_GIVEN, &why), ERR_CREATE);
	assert_true(why.text[0] != '\0');
	assert_int_equal(approval_write(tempdir_path(&t, "missing"), &a, APPROVAL_GIVEN, &why), ERR_CREATE);
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_approval_is_read_as_it_was_written),
		cmocka_unit_test(test_the_file_is_for_people),
		cmocka_unit_test(test_a_rejection_replaces_an_approval_and_back),
		cmocka_unit_test(test_with_both_the_rejection_holds),
		cmocka_unit_test(test_what_the_coordinator_knows),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_a_file_of_another_contract),
		cmocka_unit_test(test_damaged_files),
		cmocka_unit_test(test_a_folder_that_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
