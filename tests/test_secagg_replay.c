/*
 * The two transcripts of an independent implementation, through both cores by the program that replays any: every octet agrees. And
 * the program looks: with one digit of any value changed it finds a difference.
 */
#include "base/file.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct tempdir folder;
static const char *const transcripts[] = {"tests/vectors/secagg_n4_one_drop.json",
                                          "tests/vectors/secagg_n5_no_drop.json"};

static void test_transcripts_agree(void **state)
{
	struct program p;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		program_run(&p, "secagg_replay", "%s", transcripts[i]);
		program_expect(&p, 0, "");
		assert_non_null(
			strstr(p.out, i == 0 ? "61 values compared, 0 differ" : "95 values compared, 0 differ"));
	}
}

/* The digits of the next hexadecimal value from `at` on; 0 when there is none. */
static size_t next_value(const char *text, size_t *at)
{
	for (const char *quote = text + *at; (quote = strchr(quote, '"')) != NULL; quote++) {
		size_t digits = strspn(quote + 1, "0123456789abcdef");
		if (digits >= 6 && quote[1 + digits] == '"') {
			*at = (size_t)(quote + 1 - text);
			return digits;
		}
	}
	return 0;
}

static void test_every_value_is_looked_at(void **state)
{
	struct program p;
	struct buf text;
	size_t values = 0, at = 0, digits;

	(void)state;
	assert_int_equal(file_read(&text, transcripts[0], 1u << 20, NULL), OK);
	buf_put_u8(&text, 0);
	char *all = (char *)text.ptr;
	for (; (digits = next_value(all, &at)) > 0; at += digits + 1, values++) {
		char *digit = all + at + digits / 2, old = *digit;
		*digit = old == '0' ? '1' : '0';
		tempdir_write(&folder, "changed.json", all);
		program_run(&p, "secagg_replay", "'%s'", tempdir_path(&folder, "changed.json"));
		if (p.exit_code == 0)
			fail_msg("a changed digit is not seen: ...%.60s", all + (at > 30 ? at - 30 : 0));
		*digit = old;
	}
	assert_true(values > 70);
	buf_free(&text);
}

static void test_bad_files(void **state)
{
	struct program p;

	(void)state;
	program_run(&p, "secagg_replay", "/nonexistent");
	program_expect(&p, 66, "cannot be");
	program_run(&p, "secagg_replay", "%s", "tests/vectors/README.md");
	program_expect(&p, 65, "secagg_replay:");
	tempdir_write(&folder, "empty.json", "{}");
	program_run(&p, "secagg_replay", "'%s'", tempdir_path(&folder, "empty.json"));
	program_expect(&p, 65, "no proper federation");
	program_run(&p, "secagg_replay", " ");
	program_expect(&p, 64, "usage");
}

static int begin(void **state)
{
	(void)state;
	tempdir_make(&folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	tempdir_remove(&folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transcripts_agree),
		cmocka_unit_test(test_every_value_is_looked_at),
		cmocka_unit_test(test_bad_files),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
