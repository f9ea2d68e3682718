/* base/parse: strict numbers, against a regular expression for the grammar and known hard cases for the rounding. */
#include "base/parse.h"
#include "base/random.h"
#include "tests/support/child.h"
#include "tests/support/tempdir.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The text in memory that ends with its last character, so that a sanitizer sees a read past it. */
static bool parse_exact(double *out, const char *text, char decimal)
{
	size_t len = strlen(text);
	char *exact = mem_alloc(len);

	memcpy(exact, text, len);
	bool good = parse_f64(out, bytes_of(exact, len), decimal);
	free(exact);
	return good;
}

static void test_u64(void **state)
{
	static const char *const bad[] = {"",
	                                  "00",
	                                  "01",
	                                  "+1",
	                                  "-1",
	                                  " 1",
	                                  "1 ",
	                                  "1.0",
	                                  "0x1",
	                                  "1e3",
	                                  "a",
	                                  "1a",
	                                  "1,0",
	                                  "--1",
	                                  "\t1",
	                                  "1\n",
	                                  "18446744073709551616",
	                                  "18446744073709551620",
	                                  "99999999999999999999",
	                                  "184467440737095516150"};
	uint64_t v = 77;

	(void)state;
	assert_true(parse_u64(&v, bytes_text("0")) && v == 0);
	assert_true(parse_u64(&v, bytes_text("10")) && v == 10);
	assert_true(parse_u64(&v, bytes_text("18446744073709551615")) && v == UINT64_MAX);
	assert_true(parse_u64(&v, bytes_of("123", 2)) && v == 12);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		v = 77;
		assert_false(parse_u64(&v, bytes_text(bad[i])));
		assert_true(v == 77);
	}
	assert_false(parse_u64(&v, bytes_of("1\0", 2)));
}

static void test_i64(void **state)
{
	static const char *const bad[] = {"",
	                                  "-",
	                                  "-0",
	                                  "--1",
	                                  "-01",
	                                  "+1",
	                                  "- 1",
	                                  "9223372036854775808",
	                                  "-9223372036854775809",
	                                  "-18446744073709551615",
	                                  "18446744073709551615"};
	int64_t v = 77;

	(void)state;
	assert_true(parse_i64(&v, bytes_text("0")) && v == 0);
	assert_true(parse_i64(&v, bytes_text("-1")) && v == -1);
	assert_true(parse_i64(&v, bytes_text("9223372036854775807")) && v == INT64_MAX);
	assert_true(parse_i64(&v, bytes_text("-9223372036854775808")) && v == INT64_MIN);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		v = 77;
		assert_false(parse_i64(&v, bytes_text(bad[i])));
		assert_true(v == 77);
	}
}

static void test_integers_round_trip(void **state)
{
	struct rng r;
	char text[32];

	(void)state;
	rng_seeded(&r, 1, "parse");
	for (int i = 0; i < 20000; i++) {
		uint64_t u = rng_u64(&r) >> rng_below(&r, 64), v;
		int64_t s;
		snprintf(text, sizeof text, "%" PRIu64, u);
		assert_true(parse_u64(&v, bytes_text(text)) && v == u);
		snprintf(text, sizeof text, "%" PRId64, (int64_t)u);
		assert_true(parse_i64(&s, bytes_text(text)) && s == (int64_t)u);
	}
}

/* Every text of up to five characters over those that matter, against a POSIX regular expression. */
static void test_f64_grammar(void **state)
{
	static const char alphabet[] = "01-+.,eE x";
	const size_t letters = sizeof alphabet - 1;
	regex_t grammar;
	char text[6];
	double v;

	(void)state;
	assert_int_equal(regcomp(&grammar, "^-?([0-9]+([.][0-9]+)?|[.][0-9]+)([eE][-+]?[0-9]+)?$", REG_EXTENDED), 0);
	for (size_t len = 0, count = 1; len <= 5; len++, count *= letters) {
		for (size_t code = 0; code < count; code++) {
			size_t rest = code;
			for (size_t i = 0; i < len; i++, rest /= letters)
				text[i] = alphabet[rest % letters];
			text[len] = '\0';
			bool fits = regexec(&grammar, text, 0, NULL, 0) == 0;
			if (parse_f64(&v, bytes_text(text), '.') != fits)
				fail_msg("\"%s\" should be %s", text, fits ? "accepted" : "refused");
			for (char *dot = text; *dot; dot++) /* the same with the marks exchanged */
				*dot = (char)(*dot == '.' ? ',' : *dot == ',' ? '.' : *dot);
			if (parse_f64(&v, bytes_text(text), ',') != fits)
				fail_msg("\"%s\" with a comma should be %s", text, fits ? "accepted" : "refused");
		}
	}
	regfree(&grammar);
}

static void test_f64_refuses(void **state)
{
	static const char *const bad[] = {"nan",
	                                  "NaN",
	                                  "inf",
	                                  "-inf",
	                                  "Infinity",
	                                  "0x10",
	                                  "0x1p3",
	                                  "1e",
	                                  "1e+",
	                                  "1_000",
	                                  "1.2.3",
	                                  "1,5",
	                                  "12abc",
	                                  " 1",
	                                  "1 ",
	                                  "1\n",
	                                  "1e309",
	                                  "-1e309",
	                                  "1e99999999999999999999",
	                                  "1.7976931348623159e308",
	                                  "\xef\xbc\x91" /* full-width 1 */};
	char longest[PARSE_F64_CHARACTERS_MAX + 2];
	double v = 77;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(parse_exact(&v, bad[i], '.'));
		assert_true(v == 77);
	}
	assert_false(parse_f64(&v, bytes_of("1\0", 2), '.'));
	memset(longest, '0', sizeof longest);
	longest[PARSE_F64_CHARACTERS_MAX + 1] = '\0';
	assert_false(parse_exact(&v, longest, '.'));
	longest[PARSE_F64_CHARACTERS_MAX - 1] = '7';
	longest[PARSE_F64_CHARACTERS_MAX] = '\0';
	assert_true(parse_exact(&v, longest, '.') && v == 7);
}

/* Cases at the borders of rounding, with the result as hexadecimal (from the definition of binary64). */
static void test_f64_rounding(void **state)
{
	static const struct {
		const char *text;
		double value;
	} cases[] = {
		{"0", 0},
		{"007", 7},
		{".5", 0.5},
		{"-1.5e-1", -0.15},
		{"9007199254740993", 0x1p53}, /* halfway, ties to even */
		{"9007199254740993.00000000000000000000000000000000000001", 0x1.0000000000001p53},
		{"9007199254740995", 0x1.0000000000002p53},
		{"1.7976931348623157e308", 0x1.fffffffffffffp1023},
		{"1.7976931348623158e308", 0x1.fffffffffffffp1023}, /* just below halfway to infinity */
		{"2.2250738585072011e-308", 0x0.fffffffffffffp-1022}, /* the one that hung PHP and Java */
		{"2.2250738585072014e-308", 0x1p-1022},
		{"4.9e-324", 0x1p-1074},
		{"2.4703282292062328e-324", 0x1p-1074}, /* just above half of the smallest */
		{"2.4703282292062327e-324", 0}, /* just below */
		{"1e-99999", 0},
		{"1e22", 1e22},
		{"1e23", 0x1.52d02c7e14af6p76},
		{"8.5e-1", 0x1.b333333333333p-1},
	};
	double v;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(parse_exact(&v, cases[i].text, '.'));
		if (v != cases[i].value)
			fail_msg("%s gave %a, not %a", cases[i].text, v, cases[i].value);
	}
	assert_true(parse_exact(&v, "-0", '.') && v == 0 && signbit(v));
	assert_true(parse_exact(&v, "38,67", ',') && v == 38.67);
}

/* %.17g names each double uniquely, so reading it back must give the same bits. */
static void test_f64_round_trip(void **state)
{
	struct rng r;
	char text[64];

	(void)state;
	rng_seeded(&r, 2, "parse");
	for (int i = 0; i < 50000; i++) {
		uint64_t bits = rng_u64(&r);
		double x, v;
		memcpy(&x, &bits, sizeof x);
		if (!isfinite(x))
			continue;
		snprintf(text, sizeof text, "%.17g", x);
		assert_true(parse_f64(&v, bytes_text(text), '.'));
		assert_memory_equal(&v, &x, sizeof x);
	}
}

/* A locale whose decimal mark is a comma: an installed one, or one compiled into the test's own folder. */
static bool use_comma_locale(struct tempdir *t)
{
	static const char *const installed[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "da_DK.UTF-8"};
	char command[PATH_SIZE + 200];

	for (size_t i = 0; i < sizeof installed / sizeof *installed; i++)
		if (setlocale(LC_ALL, installed[i]))
			return true;
	snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' >/dev/null 2>&1", t->path);
	if (system(command) != 0)
		return false;
	setenv("LOCPATH", t->path, 1);
	return setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
}

static void test_f64_locale(void **state)
{
	struct tempdir t;
	double v;

	(void)state;
	tempdir_make(&t);
	bool comma = use_comma_locale(&t);
	bool reads_comma = comma && strtod("1,5", NULL) == 1.5; /* the C library's own reading has changed */
	bool good = parse_f64(&v, bytes_text("1.5"), '.') && v == 1.5;
	bool good_comma = parse_f64(&v, bytes_text("1,5"), ',') && v == 1.5;
	setlocale(LC_ALL, "C");
	unsetenv("LOCPATH");
	tempdir_remove(&t);
	if (!comma) {
		printf("skipped: no locale with a decimal comma\n");
		skip();
	}
	assert_true(reads_comma);
	assert_true(good);
	assert_true(good_comma);
}

static void use_strange_mark(void *context)
{
	(void)parse_f64(context, bytes_text("1;5"), ';');
}

static void test_f64_mark(void **state)
{
	double v;

	(void)state;
	child_expect_check("decimal == '.'", use_strange_mark, &v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_i64),
		cmocka_unit_test(test_integers_round_trip),
		cmocka_unit_test(test_f64_grammar),
		cmocka_unit_test(test_f64_refuses),
		cmocka_unit_test(test_f64_rounding),
		cmocka_unit_test(test_f64_round_trip),
		cmocka_unit_test(test_f64_locale),
		cmocka_unit_test(test_f64_mark),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
