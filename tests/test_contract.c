/* Contracts as files: stored and found again, never taken for another, and models beside them. */
#include "client/contract.h"
#include "client/models.h"
#include "tests/support/small_study.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char *file_of(const struct hash *hash)
{
	static char name[128];
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, hash);
	snprintf(name, sizeof name, "contracts/%s.json", hex);
	return name;
}

/* Sets when a file was last written. */
static void set_time(struct tempdir *t, const char *name, time_t when)
{
	const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};

	assert_int_equal(utimensat(AT_FDCWD, tempdir_path(t, name), times, 0), 0);
}

static void store(struct tempdir *t, struct study *s, const char *line)
{
	struct diag why = {{0}};

	small_study(s, line);
	if (contract_store(tempdir_path(t, NULL), s, &why) != OK)
		fail_msg("%s", why.text);
}

static void test_stored_and_loaded(void **state)
{
	struct study s, again;
	struct diag why = {{0}};
	struct tempdir t;
	size_t len;
	const char *bytes;

	(void)state;
	tempdir_make(&t);
	store(&t, &s, NULL);
	bytes = tempdir_read(&t, file_of(&s.hash), &len);
	assert_true(bytes_equal(bytes_of(bytes, len), buf_bytes(&s.canonical))); /* the very bytes that were hashed */
	assert_int_equal(contract_load(&again, tempdir_path(&t, NULL), &s.hash, &why), OK);
	assert_true(hash_equal(&again.hash, &s.hash));
	assert_string_equal(again.name, "small");
	study_free(&again);
	study_free(&s);
	tempdir_remove(&t);
}

static void test_what_is_not_there(void **state)
{
	struct diag why = {{0}};
	struct tempdir t;
	struct study s;
	struct hash hash = {{1}};

	(void)state;
	tempdir_make(&t);
	assert_int_equal(contract_load(&s, tempdir_path(&t, NULL), &hash, &why), ERR_NOT_FOUND);
	assert_non_null(strstr(why.text, "no contract 0100000000000000"));
	assert_int_equal(contract_find(&s, tempdir_path(&t, NULL), "small", &why), ERR_NOT_FOUND);
	assert_string_equal(why.text, "no contract of a study small was fetched; run: cohort-client fetch small");
	tempdir_remove(&t);
}

/* A contract under another one's name: whoever can write the folder must not change what an approved hash means. */
static void test_a_contract_under_another_hash(void **state)
{
	struct study s, other, out;
	struct diag why = {{0}};
	struct tempdir t;
	size_t len;

	(void)state;
	tempdir_make(&t);
	store(&t, &s, NULL);
	store(&t, &other, "revision: 2");
	const char *text = tempdir_read(&t, file_of(&other.hash), &len);
	tempdir_write_bytes(&t, file_of(&s.hash), bytes_of(text, len));
	assert_int_equal(contract_load(&out, tempdir_path(&t, NULL), &s.hash, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "is not the contract that its name says; fetch it again"));
	text = tempdir_read(&t, file_of(&other.hash), &len);
	tempdir_write_bytes(&t, file_of(&other.hash), bytes_of(text, len - 1));
	assert_int_equal(contract_load(&out, tempdir_path(&t, NULL), &other.hash, &why), ERR_DATA);
	assert_int_equal(contract_find(&out, tempdir_path(&t, NULL), "small", &why), ERR_NOT_FOUND);
	study_free(&s);
	study_free(&other);
	tempdir_remove(&t);
}

static void test_the_newest_is_found(void **state)
{
	struct study one, three, two, other, out;
	struct diag why = {{0}};
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	store(&t, &three, "revision: 3");
	store(&t, &one, NULL);
	store(&t, &two, "revision: 2");
	store(&t, &other, "study: other");
	set_time(&t, file_of(&three.hash), 1000); /* the revision counts, not when it was fetched */
	assert_int_equal(contract_find(&out, tempdir_path(&t, NULL), "small", &why), OK);
	assert_int_equal(out.revision, 3);
	study_free(&out);
	assert_int_equal(contract_find(&out, tempdir_path(&t, NULL), "other", &why), OK);
	assert_int_equal(out.revision, 1);
	study_free(&out);
	study_free(&one);
	study_free(&two);
	study_free(&three);
	study_free(&other);
	tempdir_remove(&t);
}

static void test_of_one_revision_the_last_fetched(void **state)
{
	struct study a, b, out;
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	store(&t, &a, NULL);
	store(&t, &b, "purpose: Another question");
	for (int turn = 0; turn < 2; turn++) {
		set_time(&t, file_of(&a.hash), 1000 + turn);
		set_time(&t, file_of(&b.hash), 1001 - turn);
		assert_int_equal(contract_find(&out, tempdir_path(&t, NULL), "small", NULL), OK);
		assert_true(hash_equal(&out.hash, turn == 1 ? &a.hash : &b.hash));
		study_free(&out);
	}
	study_free(&a);
	study_free(&b);
	tempdir_remove(&t);
}

static void count_one(void *context, const struct study *study)
{
	assert_string_equal(study->name, "small");
	++*(int *)context;
}

static void test_each_of_them(void **state)
{
	struct study a, b;
	struct tempdir t;
	int count = 0;

	(void)state;
	tempdir_make(&t);
	contract_each(tempdir_path(&t, NULL), count_one, &count);
	assert_int_equal(count, 0);
	store(&t, &a, NULL);
	store(&t, &b, "revision: 2");
	tempdir_write(&t, "contracts/readme.json", "{}");
	contract_each(tempdir_path(&t, NULL), count_one, &count);
	assert_int_equal(count, 2);
	study_free(&a);
	study_free(&b);
	tempdir_remove(&t);
}

/* ---- models */

static const char *put_model(struct tempdir *t, const struct hash *study, const struct hash *model)
{
	static char path[PATH_SIZE];

	assert_int_equal(models_path(path, tempdir_path(t, NULL), study, model, NULL), OK);
	tempdir_write(t, path + strlen(tempdir_path(t, NULL)) + 1, "a model");
	return path + strlen(tempdir_path(t, NULL)) + 1;
}

static void test_of_models_only_one_is_kept(void **state)
{
	struct hash study = {{1}}, other = {{2}}, a = {{3}}, b = {{4}}, found;
	char name_a[PATH_SIZE], name_other[PATH_SIZE], part[PATH_SIZE + 8];
	struct tempdir t;

	(void)state;
	tempdir_make(&t);
	assert_false(models_newest(&found, tempdir_path(&t, NULL), &study));
	snprintf(name_a, sizeof name_a, "%s", put_model(&t, &study, &a));
	snprintf(name_other, sizeof name_other, "%s", put_model(&t, &other, &a));
	put_model(&t, &study, &b);
	snprintf(part, sizeof part, "%s.part", name_a); /* also one of the model that is kept: it is complete */
	tempdir_write(&t, part, "half a model");
	set_time(&t, name_a, 1000);
	assert_true(models_newest(&found, tempdir_path(&t, NULL), &study));
	assert_true(hash_equal(&found, &b));
	models_keep_only(tempdir_path(&t, NULL), &study, &a);
	assert_true(tempdir_exists(&t, name_a));
	assert_true(tempdir_exists(&t, name_other)); /* another study's */
	assert_false(tempdir_exists(&t, part));
	assert_int_equal(tempdir_count(&t, "models"), 2);
	assert_true(models_newest(&found, tempdir_path(&t, NULL), &study));
	assert_true(hash_equal(&found, &a));
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stored_and_loaded),
		cmocka_unit_test(test_what_is_not_there),
		cmocka_unit_test(test_a_contract_under_another_hash),
		cmocka_unit_test(test_the_newest_is_found),
		cmocka_unit_test(test_of_one_revision_the_last_fetched),
		cmocka_unit_test(test_each_of_them),
		cmocka_unit_test(test_of_models_only_one_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
