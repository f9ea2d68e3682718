/* base/json: canonical bytes, strict parsing, strict reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define TEXT_MAX 65536

static struct json *parsed(const char *text)
{
	struct json *root;
	struct diag why = {0};
	if (json_parse(&root, bytes_text(text), TEXT_MAX, "text", &why) != OK)
		fail_msg("%s: %s", text, why.text);
	return root;
}

static void assert_writes(const struct json *root, bool pretty, const char *expected)
{
	struct buf out;
	buf_init(&out, TEXT_MAX);
	json_write(&out, root, pretty);
	assert_string_equal(buf_text(&out), expected);
	buf_free(&out);
}

static void assert_round_trip(const char *text)
{
	struct json *root = parsed(text);
	assert_writes(root, false, text);
	json_free(root);
}

static void canonical_form(void **state)
{
	(void)state;
	struct json *root = json_new_object(), *list = json_new_array();
	json_set_string(root, "z", "first key stays first");
	json_set_integer(root, "a", -7);
	json_set_bool(root, "yes", true);
	json_set_bool(root, "no", false);
	json_set_string(root, "none", NULL);
	json_add(list, json_new_real(0.1));
	json_add(list, json_new_string("x"));
	json_set(root, "list", list);
	json_set(root, "empty", json_new_array());
	json_set(root, "nothing", json_new_object());
	json_set_integer(root, "a", 9); /* replaced in place */
	assert_writes(root, false,
	              "{\"z\":\"first key stays first\",\"a\":9,\"yes\":true,\"no\":false,\"none\":null,"
	              "\"list\":[0.10000000000000001,\"x\"],\"empty\":[],\"nothing\":{}}");
	struct json *copy = json_clone(root);
	json_set_integer(root, "a", 10);
	assert_int_equal(json_as_integer(json_get(copy, "a")), 9);
	json_free(copy);
	json_free(root);
}

static void pretty_form(void **state)
{
	(void)state;
	struct json *root = parsed("{\"a\":[1,{\"b\":2}],\"c\":{},\"d\":[]}");
	assert_writes(root, true,
	              "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}");
	json_free(root);
}

/* RFC 8259 section 7: what must be escaped, and nothing else. */
static void escapes(void **state)
{
	(void)state;
	struct json *root = json_new_string("\"\\/\b\f\n\r\t\x01\x1f\x7f \xc3\xa4 \xf0\x9f\x98\x80");
	assert_writes(root, false, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f \xc3\xa4 \xf0\x9f\x98\x80\"");
	json_free(root);
	assert_round_trip("{\"\\\"k\\\\\":\"v\"}");
	root = json_new_string("a\xff\xc3\xa4");
	assert_writes(root, false, "\"a???\"");
	json_free(root);
}

static void reals_come_back(void **state)
{
	(void)state;
	static const struct {
		double v;
		const char *text;
	} cases[] = {{1.0, "1"},
	             {-8.0, "-8"},
	             {0.0, "0"},
	             {-0.0, "0"},
	             {0.05, "0.050000000000000003"},
	             {1e-5, "1.0000000000000001e-05"},
	             {1e16, "10000000000000000"},
	             {1e17, "1e+17"},
	             {1e300, "1.0000000000000001e+300"},
	             {0.5, "0.5"},
	             {DBL_MAX, "1.7976931348623157e+308"},
	             {5e-324, "4.9406564584124654e-324"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *root = json_new_real(cases[i].v);
		assert_writes(root, false, cases[i].text);
		json_free(root);
		root = parsed(cases[i].text);
		assert_true(json_as_real(root) == cases[i].v);
		json_free(root);
		assert_round_trip(cases[i].text);
	}
	struct json *not_finite[] = {json_new_real(NAN), json_new_real(INFINITY), json_new_real(-INFINITY)};
	for (size_t i = 0; i < 3; i++) {
		assert_writes(not_finite[i], false, "null");
		json_free(not_finite[i]);
	}
}

/* Every double must survive writing and reading; a locale with a decimal comma must not change the bytes. */
static void random_reals_come_back(void **state)
{
	(void)state;
	uint64_t x = 88172645463325252u; /* xorshift64, Marsaglia 2003 */
	bool comma = setlocale(LC_NUMERIC, "de_DE.UTF-8") || setlocale(LC_NUMERIC, "de_DE");
	for (int i = 0; i < 20000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		double v;
		memcpy(&v, &x, sizeof v);
		if (!isfinite(v))
			continue;
		struct json *root = json_new_real(v);
		struct buf out;
		buf_init(&out, 64);
		json_write(&out, root, false);
		struct json *back = parsed(buf_text(&out));
		assert_true(json_as_real(back) == v);
		json_free(back);
		json_free(root);
		buf_free(&out);
	}
	if (comma)
		setlocale(LC_NUMERIC, "C");
}

static void integers_come_back(void **state)
{
	(void)state;
	assert_round_trip("[0,-1,9223372036854775807,-9223372036854775808]");
}

static void assert_refused(struct bytes text, const char *expected)
{
	struct json *root;
	struct diag why = {0};
	assert_int_equal(json_parse(&root, text, TEXT_MAX, "text", &why), ERR_DATA);
	assert_null(root);
	if (strncmp(why.text, expected, strlen(expected)) != 0)
		fail_msg("expected \"%s\", got \"%s\"", expected, why.text);
}

static void parser_refuses(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"", "text:1:"},
		{"{\"a\":1,\"a\":2}", "text:1:10: duplicate object key"},
		{"{} x", "text:1:4: end of file expected"},
		{"{\n\"a\" 1}", "text:2:5: ':' expected"},
		{"[1,]", "text:1:"},
		{"[01]", "text:1:"},
		{"[+1]", "text:1:"},
		{"[.5]", "text:1:"},
		{"[1.]", "text:1:"},
		{"[0x10]", "text:1:"},
		{"[NaN]", "text:1:"},
		{"[Infinity]", "text:1:"},
		{"[1e999]", "text:1:6: real number overflow"},
		{"[9223372036854775808]", "text:1:20: too big integer"},
		{"['a']", "text:1:"},
		{"[\"a\\u0000b\"]", "text:1:"},
		{"[\"\\ud800\"]", "text:1:"},
		{"[\"\xff\"]", "text:1:"},
		{"[\"\xc0\x80\"]", "text:1:"},
		{"[\"\xed\xa0\x80\"]", "text:1:"},
		{"[\"a\tb\"]", "text:1:"},
		{"// comment\n{}", "text:1:"},
		{"\xef\xbb\xbf{}", "text:1:"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(bytes_text(cases[i][0]), cases[i][1]);
	assert_refused(bytes_of("[\"a\0b\"]", 7), "text:1:");
	assert_refused(bytes_of("{}\0", 3), "text:1:");
	struct json *root;
	struct diag why = {0};
	assert_int_equal(json_parse(&root, bytes_text("[1, 2]"), 5, "text", &why), ERR_LIMIT);
	assert_string_equal(why.text, "text: 6 bytes, more than the 5 allowed");
}

static void depth_is_bounded(void **state)
{
	(void)state;
	for (int extra = 0; extra < 2; extra++)
		for (int objects = 0; objects < 2; objects++) {
			struct buf text;
			struct json *root;
			buf_init(&text, TEXT_MAX);
			for (int i = 0; i < JSON_DEPTH_MAX + extra; i++)
				buf_put_text(&text, objects ? "{\"a\":" : "[");
			buf_put_text(&text, "1");
			for (int i = 0; i < JSON_DEPTH_MAX + extra; i++)
				buf_put_text(&text, objects ? "}" : "]");
			enum err e = json_parse(&root, buf_bytes(&text), TEXT_MAX, "text", NULL);
			assert_int_equal(e, extra ? ERR_DATA : OK);
			json_free(root);
			buf_free(&text);
		}
}

static const char sample[] = "{\"round\":3,\"name\":\"st-\xc3\xa4\",\"f\":[1.5e-3,true,null],\"o\":{\"x\":-2}}";

/* Whatever a peer sends: refused or a tree that can be written and parsed again; the sanitizers watch. */
static void assert_survives(struct bytes text)
{
	struct json *root;
	struct buf out;
	struct diag why = {0};
	if (json_parse(&root, text, TEXT_MAX, "text", &why) != OK) {
		assert_true(why.text[0] != 0);
		return;
	}
	buf_init(&out, TEXT_MAX);
	json_write(&out, root, false);
	struct json *again = parsed(buf_text(&out));
	assert_writes(again, false, buf_text(&out));
	json_free(again);
	json_free(root);
	buf_free(&out);
}

static void truncated_and_flipped(void **state)
{
	(void)state;
	for (size_t n = 0; n < strlen(sample); n++) {
		struct json *root;
		uint8_t *cut = mem_alloc(n + 1); /* exactly n bytes are read: one more would be a heap error */
		cut = mem_resize(cut, n ? n : 1, 1);
		memcpy(cut, sample, n);
		assert_int_equal(json_parse(&root, bytes_of(cut, n), TEXT_MAX, "text", NULL), ERR_DATA);
		free(cut);
	}
	for (size_t i = 0; i < strlen(sample); i++)
		for (int bit = 0; bit < 8; bit++) {
			char flipped[sizeof sample];
			memcpy(flipped, sample, sizeof sample);
			flipped[i] = (char)(flipped[i] ^ (1 << bit));
			assert_survives(bytes_of(flipped, strlen(sample)));
		}
}

static void keys_in_order(void **state)
{
	(void)state;
	struct json *root = parsed("{\"b\":1,\"a\":2,\"c\":[4,5]}");
	const struct json *value;
	const char *key = json_key_after(root, NULL, &value);
	assert_string_equal(key, "b");
	key = json_key_after(root, key, &value);
	assert_string_equal(key, "a");
	assert_int_equal(json_as_integer(value), 2);
	key = json_key_after(root, key, &value);
	assert_int_equal(json_count(value), 2);
	assert_int_equal(json_as_integer(json_at(value, 1)), 5);
	assert_null(json_key_after(root, key, &value));
	assert_int_equal(json_count(root), 3);
	assert_null(json_get(root, "d"));
	assert_null(json_get(value, "d"));
	assert_int_equal(json_count(json_get(root, "a")), 0);
	json_free(root);
	json_free(NULL);
}

static void reader_takes_all(void **state)
{
	(void)state;
	struct diag why = {0};
	struct json_reader r;
	struct hash h;
	struct json *root =
		parsed("{\"b\":true,\"i\":-5,\"r\":2,\"x\":0.25,\"s\":\"tab\\there\",\"n\":null,\"a\":[1],\"o\":{},"
	               "\"h\":\"00000000000000000000000000000000000000000000000000000000000000ff\",\"z\":null}");
	json_read_begin(&r, root, "message", &why);
	assert_true(json_has(&r, "b"));
	assert_false(json_has(&r, "n"));
	assert_false(json_has(&r, "absent"));
	assert_true(json_read_bool(&r, "b"));
	assert_int_equal(json_read_integer(&r, "i", -5, -5), -5);
	assert_true(json_read_real(&r, "r", 0, 2) == 2);
	assert_true(json_read_real(&r, "x", 0, 1) == 0.25);
	assert_string_equal(json_read_string(&r, "s", 8), "tab\there");
	json_read_null(&r, "n");
	assert_int_equal(json_count(json_read_array(&r, "a", 1)), 1);
	assert_non_null(json_read_object(&r, "o"));
	json_read_hash(&r, "h", &h);
	assert_int_equal(h.b[31], 0xff);
	json_read_hash(&r, "z", &h);
	assert_true(hash_is_zero(&h));
	assert_int_equal(json_read_end(&r), OK);
	assert_string_equal(why.text, "");
	json_free(root);
}

/* One wrong key each; what the reader says about it. */
static void reader_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"{}", "message: \"v\" is missing"},
		{"[]", "message: must be an object"},
		{"{\"v\":\"3\"}", "message: \"v\" must be an integer"},
		{"{\"v\":3.0}", "message: \"v\" must be an integer"},
		{"{\"v\":true}", "message: \"v\" must be an integer"},
		{"{\"v\":null}", "message: \"v\" must be an integer"},
		{"{\"v\":11}", "message: \"v\" is 11, not from 0 to 10"},
		{"{\"v\":-1}", "message: \"v\" is -1, not from 0 to 10"},
		{"{\"v\":1,\"w\":2}", "message: unknown key \"w\""},
		{"{\"w\":2,\"v\":1}", "message: unknown key \"w\""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag why = {0};
		struct json_reader r;
		struct json *root = parsed(cases[i].text);
		json_read_begin(&r, root, "message", &why);
		json_read_integer(&r, "v", 0, 10);
		assert_int_equal(json_read_end(&r), ERR_DATA);
		assert_string_equal(why.text, cases[i].expected);
		json_free(root);
	}
}

static void plain_text(void **state)
{
	(void)state;
	static const char *const plain[] = {
		"", "a\tb", "\xc3\xa4", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\xa5", "\xc2\xa0"};
	static const char *const other[] = {"\n",           "\x1b[1m",      "\x7f",
	                                    "\xc2\x80",     "\xc2\x9f",     "a\xe2\x80\xaa",
	                                    "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9"};
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		assert_true(json_is_plain(plain[i]));
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_false(json_is_plain(other[i]));
}

static void reader_refuses_values(void **state)
{
	(void)state;
	static const struct {
		char kind;
		const char *value, *expected;
	} cases[] = {
		{'b', "1", "m: \"v\" must be true or false"},
		{'r', "\"1\"", "m: \"v\" must be a number"},
		{'r', "1.5", "m: \"v\" is 1.5, not from 0 to 1"},
		{'s', "1", "m: \"v\" must be a text"},
		{'s', "\"abcde\"", "m: \"v\" is longer than 4 bytes"},
		{'s', "\"a\\nb\"", "m: \"v\" holds a control character"},
		{'s', "\"a\\u007f\"", "m: \"v\" holds a control character"},
		{'s', "\"a\\u009b\"", "m: \"v\" holds a control character"},
		{'h', "\"00\"", "m: \"v\" must be a hash, 64 of the characters 0-9 and a-f"},
		{'h', "7", "m: \"v\" must be a hash, 64 of the characters 0-9 and a-f"},
		{'h', "\"0000000000000000000000000000000000000000000000000000000000000000\"",
	         "m: \"v\" must be a hash, 64 of the characters 0-9 and a-f"},
		{'h', "\"00000000000000000000000000000000000000000000000000000000000000FF\"",
	         "m: \"v\" must be a hash, 64 of the characters 0-9 and a-f"},
		{'a', "{}", "m: \"v\" must be a list"},
		{'a', "[1,2,3]", "m: \"v\" has 3 entries, more than 2"},
		{'o', "[]", "m: \"v\" must be an object"},
		{'n', "0", "m: \"v\" must be null"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag why = {0};
		struct json_reader r;
		struct hash h;
		char text[256];
		snprintf(text, sizeof text, "{\"v\":%s}", cases[i].value);
		struct json *root = parsed(text);
		json_read_begin(&r, root, "m", &why);
		switch (cases[i].kind) {
		case 'b':
			assert_false(json_read_bool(&r, "v"));
			break;
		case 'r':
			assert_true(json_read_real(&r, "v", 0, 1) == 0);
			break;
		case 's':
			assert_string_equal(json_read_string(&r, "v", 4), "");
			break;
		case 'h':
			json_read_hash(&r, "v", &h);
			break;
		case 'a':
			assert_null(json_read_array(&r, "v", 2));
			break;
		case 'o':
			assert_null(json_read_object(&r, "v"));
			break;
		default:
			json_read_null(&r, "v");
		}
		/* sticky: what follows is harmless and the first failure stays described */
		assert_false(json_has(&r, "v"));
		assert_int_equal(json_read_integer(&r, "other", 1, 2), 0);
		assert_int_equal(json_read_end(&r), ERR_DATA);
		assert_string_equal(why.text, cases[i].expected);
		json_free(root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_form),
		cmocka_unit_test(pretty_form),
		cmocka_unit_test(escapes),
		cmocka_unit_test(reals_come_back),
		cmocka_unit_test(random_reals_come_back),
		cmocka_unit_test(integers_come_back),
		cmocka_unit_test(parser_refuses),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(truncated_and_flipped),
		cmocka_unit_test(keys_in_order),
		cmocka_unit_test(reader_takes_all),
		cmocka_unit_test(reader_refuses),
		cmocka_unit_test(plain_text),
		cmocka_unit_test(reader_refuses_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
