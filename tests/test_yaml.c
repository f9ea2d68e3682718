/* base/yaml: text to a tree by rules, every refusal with its place, finished trees held to the same rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/yaml.h"

static const struct yaml_rule rules[] = {
	{.path = "name", .types = YAML_TEXT, .required = true, .min = 1, .max = 8},
	{.path = "kind", .types = YAML_TEXT, .choices = "small|large", .fallback = "small"},
	{.path = "day", .types = YAML_DATE},
	{.path = "on", .types = YAML_BOOL, .fallback = "false"},
	{.path = "rounds", .types = YAML_INTEGER, .min = 1, .max = 100},
	{.path = "rate", .types = YAML_REAL, .min = 1e-9, .max = 10, .fallback = "0.05"},
	{.path = "drop", .types = YAML_INTEGER | YAML_TEXT, .max = 50},
	{.path = "inner", .types = YAML_MAP, .fallback = "{}"},
	{.path = "inner.a", .types = YAML_INTEGER, .fallback = "7"},
	{.path = "inner.b", .types = YAML_TEXT},
	{.path = "codes", .types = YAML_LIST, .max = 3, .fallback = "[\"\", NA]"},
	{.path = "codes[]", .types = YAML_TEXT},
	{.path = "items", .types = YAML_LIST, .min = 1, .max = 4},
	{.path = "items[]", .types = YAML_MAP},
	{.path = "items[].id", .types = YAML_TEXT, .required = true},
	{.path = "items[].ids", .types = YAML_LIST, .shorthand = true},
	{.path = "items[].ids[]", .types = YAML_TEXT},
	{.path = "items[].w", .types = YAML_REAL, .fallback = "1"},
	{.path = "sources", .types = YAML_NAMES, .max = 3},
	{.path = "sources{}", .types = YAML_MAP},
	{.path = "sources{}.csv", .types = YAML_TEXT, .required = true},
	{.path = "init", .types = YAML_TEXT | YAML_MAP},
	{.path = "init.file", .types = YAML_TEXT, .required = true},
};
#define RULES rules, sizeof rules / sizeof rules[0]

static void assert_tree(const char *text, const char *expected)
{
	struct yaml_document *d;
	struct buf out;
	struct diag why = {0};
	if (yaml_parse(&d, bytes_text(text), "f.yaml", RULES, &why) != OK)
		fail_msg("%s\n%s", text, why.text);
	buf_init(&out, 65536);
	json_write(&out, yaml_tree(d), false);
	assert_string_equal(buf_text(&out), expected);
	if (!strstr(text, "ids")) /* a shorthand must be replaced first */
		assert_int_equal(yaml_check(yaml_tree(d), RULES, "tree", &why), OK);
	buf_free(&out);
	yaml_close(d);
}

static void assert_refused(const char *text, const char *expected)
{
	struct yaml_document *d;
	struct diag why = {0};
	enum err e = yaml_parse(&d, bytes_text(text), "f.yaml", RULES, &why);
	if (e == OK || strcmp(why.text, expected) != 0)
		fail_msg("%s\nexpected \"%s\"\ngot      \"%s\"", text, expected, why.text);
	assert_int_equal(e, ERR_DATA);
	assert_null(d);
}

#define DEFAULTS                                                                                                       \
	"\"kind\":\"small\",\"on\":false,\"rate\":0.050000000000000003,\"inner\":{\"a\":7},\"codes\":[\"\",\"NA\"]"

static void defaults_and_order(void **state)
{
	(void)state;
	assert_tree("name: x\n", "{\"name\":\"x\"," DEFAULTS "}");
	assert_tree("codes: [a]\non: true\nday: 2028-02-29\nname: 'x'\nkind: large\nrate: 8\nrounds: 100\n"
	            "inner: {b: yes}\ndrop: \"10%\"\n",
	            "{\"name\":\"x\",\"kind\":\"large\",\"day\":\"2028-02-29\",\"on\":true,\"rounds\":100,\"rate\":8,"
	            "\"drop\":\"10%\",\"inner\":{\"a\":7,\"b\":\"yes\"},\"codes\":[\"a\"]}");
}

static void lists_names_and_unions(void **state)
{
	(void)state;
	assert_tree("---\nname: x # a comment\nitems:\n- id: p\n- {id: q, w: 2.5e-3}\nsources: {z: {csv: 1}, a.b: "
	            "{csv: c}}\n"
	            "init: {file: f}\ndrop: 3\n",
	            "{\"name\":\"x\",\"kind\":\"small\",\"on\":false,\"rate\":0.050000000000000003,\"drop\":3,"
	            "\"inner\":{\"a\":7},\"codes\":[\"\",\"NA\"],"
	            "\"items\":[{\"id\":\"p\",\"w\":1},{\"id\":\"q\",\"w\":0.0025000000000000001}],"
	            "\"sources\":{\"z\":{\"csv\":\"1\"},\"a.b\":{\"csv\":\"c\"}},\"init\":{\"file\":\"f\"}}");
	assert_tree("name: x\ninit: he\nitems: [{id: p, ids: [1, 02]}]\n",
	            "{\"name\":\"x\"," DEFAULTS
	            ",\"items\":[{\"id\":\"p\",\"ids\":[\"1\",\"02\"],\"w\":1}],\"init\":\"he\"}");
}

/* Text is what stands there: no octal, no Norway problem, no float. */
static void texts_stay_texts(void **state)
{
	(void)state;
	static const char *const same[] = {"010",        "1.0", "0x10", "no",   "off", "NULL",
	                                   "2027-02-30", "a b", "1e5",  "true", ".nan"};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		char text[64], expected[256];
		snprintf(text, sizeof text, "name: x\ninner: {b: %s}\n", same[i]);
		snprintf(expected, sizeof expected,
		         "{\"name\":\"x\",\"kind\":\"small\",\"on\":false,\"rate\":0.050000000000000003,"
		         "\"inner\":{\"a\":7,\"b\":\"%s\"},\"codes\":[\"\",\"NA\"]}",
		         same[i]);
		assert_tree(text, expected);
	}
	assert_tree("name: |\n  one\n", "{\"name\":\"one\"," DEFAULTS "}"); /* a block's last line break is dropped */
	assert_tree("name: >\n  a\n  b\n", "{\"name\":\"a b\"," DEFAULTS "}");
	assert_tree("name: \"a\\tb\"\n", "{\"name\":\"a\\tb\"," DEFAULTS "}");
}

static void numbers_refused(void **state)
{
	(void)state;
	static const char *const integers[] = {"12abc", "010", "0x1f", "1_000", "+3",
	                                       "3.0",   "1e2", ".nan", "ten",   "99999999999999999999",
	                                       "-0",    "1,5"};
	static const char *const reals[] = {"0.3x", "00.5", "-01",   "+1.5", ".nan",  ".inf",  "-.inf",
	                                    "NaN",  "inf",  "1e999", "1,5",  "0x1p3", "1_0.5", "1.5 2"};
	char text[64], expected[128];
	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
		snprintf(text, sizeof text, "name: x\nrounds: %s\n", integers[i]);
		snprintf(expected, sizeof expected, "f.yaml:2:9: rounds: \"%s\" is not an integer", integers[i]);
		assert_refused(text, expected);
	}
	for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
		snprintf(text, sizeof text, "name: x\nrate: %s\n", reals[i]);
		snprintf(expected, sizeof expected, "f.yaml:2:7: rate: \"%s\" is not a number", reals[i]);
		assert_refused(text, expected);
	}
	assert_refused("name: x\nrounds: '3'\n",
	               "f.yaml:2:9: rounds: \"3\" is in quotes and so a text, not an integer");
	assert_refused("name: x\non: yes\n", "f.yaml:2:5: on: \"yes\" is not true or false");
	assert_refused("name: x\nrounds: 0\n", "f.yaml:2:9: rounds: 0 is below 1");
	assert_refused("name: x\nrounds: 101\n", "f.yaml:2:9: rounds: 101 is above 100");
	assert_refused("name: x\nrate: 10.5\n", "f.yaml:2:7: rate: 10.5 is above 10");
	assert_refused("name: x\ndrop: 51\n", "f.yaml:2:7: drop: 51 is above 50");
}

static void values_refused(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"kind: small\n", "f.yaml:1:1: \"name\" is missing"},
		{"name:\n", "f.yaml:1:6: name: has no value; write one or leave the key out"},
		{"name: ~\n", "f.yaml:1:7: name: null is no value; leave the key out, or write \"null\" for the text"},
		{"name: null\n",
	         "f.yaml:1:7: name: null is no value; leave the key out, or write \"null\" for the text"},
		{"name: ''\n", "f.yaml:1:7: name: must not be empty"},
		{"name: abcdefghi\n", "f.yaml:1:7: name: is 9 bytes long, more than 8"},
		{"name: [x]\n", "f.yaml:1:7: name: a list is not a text"},
		{"name: {x: y}\n", "f.yaml:1:7: name: a map is not a text"},
		{"name: x\nkind: smal\n",
	         "f.yaml:2:7: kind: \"smal\" is not one of small, large; did you mean \"small\"?"},
		{"name: x\nkind: tiny\n", "f.yaml:2:7: kind: \"tiny\" is not one of small, large"},
		{"name: x\nday: 2027-02-29\n",
	         "f.yaml:2:6: day: \"2027-02-29\" is not a date that exists, written YYYY-MM-DD"},
		{"name: x\nday: 2027-2-9\n",
	         "f.yaml:2:6: day: \"2027-2-9\" is not a date that exists, written YYYY-MM-DD"},
		{"name: x\ncodes: [a, b, c, d]\n", "f.yaml:2:8: codes: has 4 entries, more than 3"},
		{"name: x\ncodes: a\n", "f.yaml:2:8: codes: \"a\" is not a list"},
		{"name: x\nitems: []\n", "f.yaml:2:8: items: must not be empty"},
		{"name: x\nitems: [{w: 2}]\n", "f.yaml:2:9: items[0]: \"id\" is missing"},
		{"name: x\nitems: [{id: a}, {id: b, w: c}]\n", "f.yaml:2:29: items[1].w: \"c\" is not a number"},
		{"name: x\nsources: {st-a: {}}\n", "f.yaml:2:17: sources.st-a: \"csv\" is missing"},
		{"name: x\ninner: 3\n", "f.yaml:2:8: inner: \"3\" is not a map (key: value)"},
		{"name: x\ninit: [a]\n", "f.yaml:2:7: init: a list is not a text or a map (key: value)"},
		{"name: x\ndrop: [a]\n", "f.yaml:2:7: drop: a list is not an integer or a text"},
		{"name: \"a\\nb\"\n", "f.yaml:1:7: a text holds a control character"},
		{"name: \"a\\0b\"\n", "f.yaml:1:7: a text holds a control character"},
		{"name: \"a\\eb\"\n", "f.yaml:1:7: a text holds a control character"},
		{"name: \"a\\x9bb\"\n", "f.yaml:1:7: a text holds a control character"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cases[i][0], cases[i][1]);
}

static void keys_refused(void **state)
{
	(void)state;
	assert_refused("nmae: x\n", "f.yaml:1:1: unknown key \"nmae\"; did you mean \"name\"?");
	assert_refused("name: x\ninner:\n  a: 1\n  zebra: 2\n",
	               "f.yaml:4:3: unknown key \"zebra\" in inner; known here: a, b");
	assert_refused("name: x\nitems:\n  - id: a\n    wd: 3\n",
	               "f.yaml:4:5: unknown key \"wd\" in items[0]; known here: id, ids, w");
	assert_refused("name: x\nname: y\n", "f.yaml:2:1: \"name\" was written before, in line 1");
	assert_refused("name: x\ninner: {a: 1, b: 2, a: 1}\n", "f.yaml:2:21: \"a\" was written before, in line 2");
	assert_refused("name: x\n? [a]\n: 3\n", "f.yaml:2:3: a key must be a word, not a list or a map");
	assert_refused(
		"name: x\n\"[]\": 3\n",
		"f.yaml:2:1: unknown key \"[]\"; known here: name, kind, day, on, rounds, rate, drop, inner, codes, "
		"items, sources, init");
}

static void surprises_refused(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"", "f.yaml:1:1: the file is empty"},
		{"# only a comment\n", "f.yaml:2:1: the file is empty"},
		{"[a]\n", "f.yaml:1:1: the file must hold keys and values (key: value)"},
		{"just text\n", "f.yaml:1:1: the file must hold keys and values (key: value)"},
		{"name: &a x\nkind: *a\n",
	         "f.yaml:1:7: anchors are not accepted; write the value out where it is needed"},
		{"name: x\nkind: *a\n", "f.yaml:2:7: aliases are not accepted; write the value out"},
		{"name: !!str x\n", "f.yaml:1:7: tags are not accepted; the type follows from the key"},
		{"name: ! x\n", "f.yaml:1:7: tags are not accepted; the type follows from the key"},
		{"name: x\ninner: !t {a: 1}\n", "f.yaml:2:8: tags are not accepted; the type follows from the key"},
		{"name: x\ncodes: &c [a]\n",
	         "f.yaml:2:8: anchors are not accepted; write the value out where it is needed"},
		{"&k name: x\n", "f.yaml:1:1: anchors are not accepted; write the value out where it is needed"},
		{"name: x\n<<: {a: 1}\n", "f.yaml:2:1: merge keys are not accepted; write the values out"},
		{"name: x\n---\nname: y\n", "f.yaml:2:1: a second document starts here; one file holds one"},
		{"%YAML 1.1\n---\nname: x\n",
	         "f.yaml:1:1: directives (%YAML, %TAG) are not accepted; leave the line out"},
		{"name: x\ninner:\n\ta: 1\n", "f.yaml:3:1: found character that cannot start any token (while scanning "
	                                      "for the next token that starts at "
	                                      "line 3) (a tab? YAML indents with spaces)"},
		{"name: x\ninner:\n  a: 1\n \tb: 1\n", "f.yaml:4:2: found a tab character that violates indentation "
	                                               "(while scanning a plain scalar that starts "
	                                               "at line 3) (a tab? YAML indents with spaces)"},
		{"name: x\n  kind: small\n", "f.yaml:2:7: mapping values are not allowed in this context"},
		{"name: [x\n",
	         "f.yaml:2:1: did not find expected ',' or ']' (while parsing a flow sequence that starts at line 1)"},
		{"name: \xff\n", "f.yaml: byte 6: invalid leading UTF-8 octet"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cases[i][0], cases[i][1]);
	/* UTF-16 with a byte order mark, which libyaml would read on its own accord */
	struct yaml_document *d;
	static const char wide[] = "\xff\xfen\0a\0m\0e\0:\0 \0x\0\n";
	assert_int_equal(yaml_parse(&d, bytes_of(wide, sizeof wide), "f.yaml", RULES, NULL), ERR_DATA);
	assert_tree("\xef\xbb\xbfname: x\n", "{\"name\":\"x\"," DEFAULTS "}");
}

static void bounds(void **state)
{
	(void)state;
	struct diag why = {0};
	struct yaml_document *d;
	char *text = mem_alloc(YAML_TEXT_MAX + 2);
	memset(text, '#', YAML_TEXT_MAX + 1);
	assert_int_equal(yaml_open(&d, bytes_of(text, YAML_TEXT_MAX + 1), "f.yaml", &why), ERR_LIMIT);
	assert_string_equal(why.text, "f.yaml: 1048577 bytes, more than the 1048576 allowed");
	assert_int_equal(yaml_open(&d, bytes_of(text, YAML_TEXT_MAX), "f.yaml", &why), ERR_DATA);
	free(text);
	struct buf deep;
	for (int extra = 0; extra < 2; extra++) {
		buf_init(&deep, 1024);
		buf_put_text(&deep, "a: ");
		for (int i = 1; i < YAML_DEPTH_MAX + extra; i++)
			buf_put_u8(&deep, '[');
		for (int i = 1; i < YAML_DEPTH_MAX + extra; i++)
			buf_put_u8(&deep, ']');
		assert_int_equal(yaml_open(&d, buf_bytes(&deep), "f.yaml", &why), extra ? ERR_LIMIT : OK);
		yaml_close(d);
		buf_free(&deep);
	}
	assert_string_equal(why.text, "f.yaml:1:19: nested too deeply");
	buf_init(&deep, YAML_TEXT_MAX);
	buf_put_text(&deep, "a: [");
	for (unsigned i = 0; i < YAML_NODES_MAX; i++)
		buf_put_text(&deep, "1,");
	buf_put_text(&deep, "]");
	assert_int_equal(yaml_open(&d, buf_bytes(&deep), "f.yaml", &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "too many values in one file"));
	buf_free(&deep);
}

static void places_of_meanings(void **state)
{
	(void)state;
	static const char text[] =
		"name: x\nitems:\n  - {id: a}\n  - id: b\n    w: 3\nsources:\n  a: {csv: 1}\n  a.b: {csv: 2}\n";
	static const char *const cases[][2] = {
		{"name", "f.yaml:1:7: name: wrong 7"},
		{"items[1].w", "f.yaml:5:8: items[1].w: wrong 7"},
		{"items[1].ids[2]", "f.yaml:4:5: items[1].ids[2]: wrong 7"}, /* not written: its parent */
		{"items[9].w", "f.yaml:3:3: items[9].w: wrong 7"},
		{"items[0].w", "f.yaml:3:5: items[0].w: wrong 7"}, /* a default */
		{"inner.a", "f.yaml:1:1: inner.a: wrong 7"},
		{"sources.a.csv", "f.yaml:7:12: sources.a.csv: wrong 7"},
		{"sources.a.b.csv", "f.yaml:8:14: sources.a.b.csv: wrong 7"},
		{"name[0].x", "f.yaml:1:7: name[0].x: wrong 7"},
		{"", "f.yaml:1:1: wrong 7"},
	};
	struct yaml_document *d;
	assert_int_equal(yaml_parse(&d, bytes_text(text), "f.yaml", RULES, NULL), OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag why = {0};
		assert_int_equal(yaml_complain(d, &why, ERR_REFUSED, cases[i][0], "wrong %d", 7), ERR_REFUSED);
		assert_string_equal(why.text, cases[i][1]);
	}
	assert_true(yaml_wrote(d, "items[1].w") && yaml_wrote(d, "sources.a.b.csv") && yaml_wrote(d, "name"));
	assert_false(yaml_wrote(d, "items[0].w") || yaml_wrote(d, "items[9]") || yaml_wrote(d, "inner.a"));
	assert_string_equal(yaml_peek(d, "name"), "x");
	assert_null(yaml_peek(d, "items"));
	assert_null(yaml_peek(d, "kind"));
	struct json *tree = yaml_take_tree(d);
	assert_null(yaml_tree(d));
	yaml_close(d);
	yaml_close(NULL);
	assert_int_equal(json_count(json_get(tree, "items")), 2);
	json_free(tree);
}

/* Trees that yaml_apply would not have made. */
static void finished_trees_refused(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"[]", "tree: must be an object"},
		{"{\"kind\":\"small\"}", "tree: name: is missing or not in its place"},
		{"{\"name\":\"x\"}", "tree: kind: is missing or not in its place"},
		{"{\"name\":null," DEFAULTS "}", "tree: name: is of a wrong type"},
		{"{\"name\":1," DEFAULTS "}", "tree: name: is of a wrong type"},
		{"{\"name\":\"\"," DEFAULTS "}", "tree: name: must not be empty"},
		{"{\"name\":\"a\\nb\"," DEFAULTS "}", "tree: name: holds a control character"},
		{"{\"name\":\"x\"," DEFAULTS ",\"more\":1}", "tree: more: is unknown or not in its place"},
		{"{\"name\":\"x\"," DEFAULTS ",\"day\":\"2027-01-01\"}", "tree: day: is unknown or not in its place"},
		{"{\"name\":\"x\",\"kind\":\"tiny\"}", "tree: kind: \"tiny\" is not one of small, large"},
		{"{\"name\":\"x\",\"kind\":\"small\",\"day\":\"2027-02-30\"}", "tree: day: is of a wrong type"},
		{"{\"name\":\"x\",\"kind\":\"small\",\"on\":1}", "tree: on: is of a wrong type"},
		{"{\"name\":\"x\",\"kind\":\"small\",\"on\":true,\"rounds\":1.5}", "tree: rounds: is of a wrong type"},
		{"{\"name\":\"x\",\"kind\":\"small\",\"on\":true,\"rounds\":101}", "tree: rounds: 101 is above 100"},
		{"{\"name\":\"x\",\"kind\":\"small\",\"on\":true,\"rate\":\"1\"}", "tree: rate: is of a wrong type"},
		{"{\"name\":\"x\",\"kind\":\"small\",\"on\":true,\"rate\":1,\"inner\":{}}",
	         "tree: inner.a: is missing or not in its place"},
		{"{\"name\":\"x\",\"kind\":\"small\",\"on\":true,\"rate\":1,\"inner\":{\"a\":1,\"c\":2}}",
	         "tree: inner.c: is unknown or not in its place"},
		{"{\"name\":\"x\"," DEFAULTS ",\"items\":[{\"id\":\"a\",\"w\":1},{\"id\":\"b\"}]}",
	         "tree: items[1].w: is missing or not in its place"},
		{"{\"name\":\"x\"," DEFAULTS ",\"items\":[{\"id\":\"a\",\"ids\":[],\"w\":1}]}",
	         "tree: items[0].ids: is a shorthand and must be replaced"},
		{"{\"name\":\"x\"," DEFAULTS ",\"sources\":{\"a\":{}}}",
	         "tree: sources.a.csv: is missing or not in its place"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag why = {0};
		struct json *tree;
		assert_int_equal(json_parse(&tree, bytes_text(cases[i][0]), 4096, "tree", &why), OK);
		assert_int_equal(yaml_check(tree, RULES, "tree", &why), ERR_DATA);
		assert_string_equal(why.text, cases[i][1]);
		json_free(tree);
	}
}

static void truncated_and_flipped(void **state)
{
	(void)state;
	static const char sample[] =
		"name: \"x\"\nday: 2027-06-30\ncodes: ['', NA]\nitems:\n  - {id: a, w: 1.5}\n  - id: |\n"
		"      b\ninner: {a: 1}\nsources: {q: {csv: \"\\u00e4\"}}\n";
	size_t len = strlen(sample);
	for (size_t n = 0; n <= len; n++) {
		struct yaml_document *d;
		struct diag why = {0};
		uint8_t *cut = mem_alloc(n + 1);
		cut = mem_resize(cut, n ? n : 1, 1);
		memcpy(cut, sample, n);
		enum err e = yaml_parse(&d, bytes_of(cut, n), "f.yaml", RULES, &why);
		assert_true(e == OK || why.text[0] != 0);
		yaml_close(d);
		for (size_t bit = 0; bit < 8 && n < len; bit++) {
			char flipped[sizeof sample];
			memcpy(flipped, sample, sizeof sample);
			flipped[n] = (char)(flipped[n] ^ (1 << bit));
			e = yaml_parse(&d, bytes_of(flipped, len), "f.yaml", RULES, &why);
			assert_true((e == OK) == (d != NULL));
			yaml_close(d);
		}
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_and_order),    cmocka_unit_test(lists_names_and_unions),
		cmocka_unit_test(texts_stay_texts),      cmocka_unit_test(numbers_refused),
		cmocka_unit_test(values_refused),        cmocka_unit_test(keys_refused),
		cmocka_unit_test(surprises_refused),     cmocka_unit_test(bounds),
		cmocka_unit_test(places_of_meanings),    cmocka_unit_test(finished_trees_refused),
		cmocka_unit_test(truncated_and_flipped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
