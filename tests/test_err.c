/* base/err: the table, the one line for a person, the end of the process. */
#include "base/err.h"
#include "tests/support/child.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* An allocation beyond any machine must give NULL as without sanitizers, not a sanitizer's report. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* The exit codes that base/err.h promises, written out a second time (sysexits.h). */
static const int exit_codes[ERR_COUNT] = {
	[OK] = 0,
	[ERR_USAGE] = 64,
	[ERR_DATA] = 65,
	[ERR_NO_INPUT] = 66,
	[ERR_UNREACHABLE] = 69,
	[ERR_INTERNAL] = 70,
	[ERR_MEMORY] = 70,
	[ERR_CREATE] = 73,
	[ERR_IO] = 74,
	[ERR_FULL] = 74,
	[ERR_AGAIN] = 75,
	[ERR_PROTOCOL] = 76,
	[ERR_REFUSED] = 77,
	[ERR_CONFIG] = 78,
	[ERR_LIMIT] = 65,
	[ERR_CANCELLED] = 75,
	[ERR_NOT_FOUND] = 66,
	[ERR_CONFLICT] = 65,
	[ERR_PEER_MESSAGE] = 76,
	[ERR_PEER_STATE] = 76,
	[ERR_PEER_IDENTITY] = 76,
	[ERR_PEER_LIMIT] = 76,
};

static void test_table(void **state)
{
	(void)state;
	for (int e = 0; e < ERR_COUNT; e++) {
		assert_int_equal(err_exit(e), exit_codes[e]);
		assert_int_equal(strncmp(err_name(e), e ? "ERR_" : "OK", e ? 4 : 3), 0);
		assert_true(strlen(err_text(e)) > 0);
		for (int other = 0; other < e; other++) {
			assert_string_not_equal(err_name(e), err_name(other));
			assert_string_not_equal(err_text(e), err_text(other));
		}
		assert_int_equal(err_is_peer(e), strncmp(err_name(e), "ERR_PEER_", 9) == 0);
	}
	assert_string_equal(err_name(ERR_DATA), "ERR_DATA");
	assert_string_equal(err_text(ERR_DATA), "bad data");
}

static void test_table_outside(void **state)
{
	(void)state;
	static const int outside[] = {-1, ERR_COUNT, 1 << 30};
	for (size_t i = 0; i < 3; i++) {
		assert_non_null(err_name((enum err)outside[i]));
		assert_non_null(err_text((enum err)outside[i]));
		assert_int_equal(err_exit((enum err)outside[i]), 70);
	}
}

static void test_errno(void **state)
{
	(void)state;
	assert_int_equal(err_errno(ENOSPC), ERR_FULL);
	assert_int_equal(err_errno(EDQUOT), ERR_FULL);
	assert_int_equal(err_errno(ENOENT), ERR_NO_INPUT);
	assert_int_equal(err_errno(EACCES), ERR_NO_INPUT);
	assert_int_equal(err_errno(ENOMEM), ERR_MEMORY);
	assert_int_equal(err_errno(EIO), ERR_IO);
	assert_int_equal(err_errno(0), ERR_IO);
}

static void test_diag_set(void **state)
{
	struct diag why = {0};

	(void)state;
	assert_int_equal(
		diag_set(&why, ERR_DATA, "%s:%d:%d: age \"%s\" is not a number", "st-mary.csv", 1042, 7, "abc"),
		ERR_DATA);
	assert_string_equal(why.text, "st-mary.csv:1042:7: age \"abc\" is not a number");
	assert_int_equal(diag_set(NULL, ERR_LIMIT, "%d", 1), ERR_LIMIT);
	/* an argument inside the line itself */
	assert_int_equal(diag_set(&why, ERR_DATA, "%s [%s]", "row 3", why.text), ERR_DATA);
	assert_string_equal(why.text, "row 3 [st-mary.csv:1042:7: age \"abc\" is not a number]");
}

static void test_diag_prefix(void **state)
{
	struct diag why = {0};

	(void)state;
	diag_set(&why, ERR_DATA, "line 3: bad");
	assert_int_equal(diag_prefix(&why, ERR_CONFIG, "%s", "client.yaml"), ERR_CONFIG);
	assert_string_equal(why.text, "client.yaml: line 3: bad");
	assert_int_equal(diag_prefix(&why, ERR_CONFIG, "%s", why.text), ERR_CONFIG);
	assert_string_equal(why.text, "client.yaml: line 3: bad: client.yaml: line 3: bad");
	assert_int_equal(diag_prefix(NULL, ERR_CONFIG, "x"), ERR_CONFIG);
}

static void test_diag_errno(void **state)
{
	struct diag why = {0};

	(void)state;
	assert_int_equal(diag_errno(&why, ENOSPC, "%s: cannot be written", "m.bin"), ERR_FULL);
	assert_string_equal(why.text, "m.bin: cannot be written: No space left on device");
	assert_int_equal(diag_errno(NULL, EIO, "x"), ERR_IO);
}

/* What a terminal could obey becomes '?', one per byte; the rest stays. */
static void test_cleaning(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"a\nb\tc\rd", "a?b?c?d"},
		{"\x1b[31mred\x07\x7f", "?[31mred??"},
		{"\xc2\x9b"
	         "2J",
	         "??2J"}, /* U+009B, the one-character CSI */
		{"\x9b"
	         "2J",
	         "?2J"}, /* the same on an eight-bit terminal */
		{"\xc2\xa0", "\xc2\xa0"}, /* U+00A0, the first after C1 */
		{"a\xe2\x80\xae"
	         "b",
	         "a???b"}, /* U+202E, right to left from here */
		{"\xe2\x81\xa6\xe2\x81\xa9", "??????"}, /* U+2066, U+2069 */
		{"\xe2\x80\xaf\xe2\x81\xaa", "\xe2\x80\xaf\xe2\x81\xaa"}, /* their neighbours */
		{"M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80", "M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"M\xfcller", "M?ller"}, /* Latin-1 */
		{"\xc0\xaf", "??"}, /* overlong slash */
		{"\xe0\x9f\xbf", "???"}, /* overlong U+07FF */
		{"\xed\xa0\x80", "???"}, /* surrogate */
		{"\xf4\x90\x80\x80", "????"}, /* U+110000 */
		{"\xf0\x8f\xbf\xbf", "????"}, /* overlong U+FFFF */
		{"\xe2\x82", "??"}, /* ends early, without a cut by us */
		{"\xf5\x80\x80\x80\xff", "?????"},
		{"\xc3", "?"},
	};
	struct diag why;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		diag_set(&why, ERR_DATA, "%s", cases[i].in);
		assert_string_equal(why.text, cases[i].out);
	}
}

/* A second, slow decoder by arithmetic on code points: length of the valid sequence at `s`, or 0. */
static size_t slow_sequence(const uint8_t *s, size_t len)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};

	for (size_t n = 1; n <= 4 && n <= len; n++) {
		uint32_t point = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));
		bool lead = n == 1 ? s[0] < 0x80 : (uint32_t)(s[0] >> (7 - n)) == (0xffu >> (7 - n)) - 1;
		for (size_t i = 1; i < n; i++) {
			lead = lead && s[i] / 64 == 2;
			point = point * 64 + s[i] % 64;
		}
		if (lead && point >= least[n] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff))
			return n;
	}
	return 0;
}

static void slow_clean(char *out, const char *in)
{
	const uint8_t *s = (const uint8_t *)in;

	for (size_t len = strlen(in); len > 0;) {
		size_t n = slow_sequence(s, len);
		bool control = (n == 1 && (*s < 32 || *s == 127)) || (n == 2 && s[0] == 0xc2 && s[1] < 0xa0);
		uint32_t point = n == 3 ? (s[0] & 15u) * 4096 + (s[1] & 63u) * 64 + (s[2] & 63u) : 0;
		control = control || (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
		size_t keep = n && !control ? n : 1;
		if (n && !control)
			memcpy(out, s, n);
		else
			*out = '?';
		out += keep;
		s += keep;
		len -= keep;
	}
	*out = '\0';
}

/* Every text of one, two and three bytes drawn from the bytes where UTF-8's rules change, and some of four. */
static void test_cleaning_exhaustive(void **state)
{
	static const uint8_t edge[] = {0x01, 0x1f, 0x20, 0x41, 0x7e, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x9f, 0xa0,
	                               0xa6, 0xaa, 0xae, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xdf, 0xe0, 0xe1, 0xe2,
	                               0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
	const size_t n = sizeof edge;
	struct diag why;
	char expected[16];

	(void)state;
	for (size_t code = 0; code < n * n * n * n; code++) {
		const char text[] = {(char)edge[code % n], (char)edge[code / n % n], (char)edge[code / n / n % n],
		                     (char)edge[code / n / n / n], '\0'};
		diag_set(&why, ERR_DATA, "%s", text);
		slow_clean(expected, text);
		if (strcmp(why.text, expected) != 0)
			assert_string_equal(why.text, expected);
	}
}

/* A long text is cut below DIAG_MAX and never inside a sequence, wherever the cut falls. */
static void test_cut(void **state)
{
	static const char *const letters[] = {"x", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	struct diag why;

	(void)state;
	for (size_t width = 1; width <= 4; width++) {
		for (size_t shift = 0; shift < 8; shift++) {
			char text[2 * DIAG_MAX] = {0};
			memset(text, '.', shift);
			for (size_t at = shift; at + width < sizeof text; at += width)
				memcpy(text + at, letters[width - 1], width);
			diag_set(&why, ERR_DATA, "%s", text);
			size_t whole = shift + (DIAG_MAX - 1 - shift) / width * width;
			assert_int_equal(strlen(why.text), whole);
			assert_memory_equal(why.text, text, whole);
			/* and once more through a prefix, which cuts again */
			diag_prefix(&why, ERR_DATA, "p");
			assert_int_equal(strlen(why.text), 3 + shift + (DIAG_MAX - 1 - 3 - shift) / width * width);
		}
	}
}

static void fail_a_check(void *context)
{
	(void)context;
	CHECK(1 + 1 == 2);
	CHECK(1 + 1 == 3);
}

static void test_check(void **state)
{
	struct child c;

	(void)state;
	child_expect_check("1 + 1 == 3", fail_a_check, NULL);
	child_run(&c, false, fail_a_check, NULL);
	assert_int_equal(strncmp(c.output, "tests/test_err.c:", 17), 0);
}

static void overflow_an_array(void *context)
{
	free(mem_array(SIZE_MAX / 8 + 1, 8));
	(void)context;
}

static void overflow_a_resize(void *context)
{
	free(mem_resize(NULL, SIZE_MAX / 8 + 1, 8));
	(void)context;
}

static void exhaust_by_array(void *context)
{
	free(mem_array(SIZE_MAX / 4, 1));
	(void)context;
}

static void exhaust_by_resize(void *context)
{
	free(mem_resize(NULL, SIZE_MAX / 4, 1));
	(void)context;
}

static void test_memory_ends(void **state)
{
	void (*const exhausting[])(void *) = {exhaust_by_array, exhaust_by_resize};
	struct child c;

	(void)state;
	child_expect_check("count <= SIZE_MAX / size", overflow_an_array, NULL);
	child_expect_check("count <= SIZE_MAX / size", overflow_a_resize, NULL);
	for (size_t i = 0; i < 2; i++) {
		child_run(&c, false, exhausting[i], NULL);
		assert_int_equal(c.exit_code, 70);
		assert_non_null(strstr(c.output, "out of memory"));
	}
}

static void test_memory(void **state)
{
	static const size_t sizes[] = {0, 1, 7, 4096, 1 << 20};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		unsigned char *p = mem_alloc(sizes[i]);
		assert_non_null(p);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[k], 0);
		memset(p, 0xa5, sizes[i]);
		p = mem_resize(p, sizes[i] + 3, 2);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[k], 0xa5);
		p = mem_resize(p, 0, 2);
		assert_non_null(p);
		free(p);
	}
	void *none = mem_array(0, 8);
	assert_non_null(none);
	free(none);
	char *copy = mem_copy_text("roster");
	assert_string_equal(copy, "roster");
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),       cmocka_unit_test(test_table_outside),
		cmocka_unit_test(test_errno),       cmocka_unit_test(test_diag_set),
		cmocka_unit_test(test_diag_prefix), cmocka_unit_test(test_diag_errno),
		cmocka_unit_test(test_cleaning),    cmocka_unit_test(test_cleaning_exhaustive),
		cmocka_unit_test(test_cut),         cmocka_unit_test(test_check),
		cmocka_unit_test(test_memory_ends), cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
