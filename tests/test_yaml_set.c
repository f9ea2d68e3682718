/* What is set on a command line stands as if the file said it: held against the file that says it. */
#include "base/yaml.h"
#include "protocol/study.h"
#include "tests/support/small_study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct yaml_rule rules[] = {
	{.path = "a", .types = YAML_INTEGER, .fallback = "1"},
	{.path = "b", .types = YAML_MAP, .fallback = "{}"},
	{.path = "b.c", .types = YAML_TEXT},
	{.path = "b.d", .types = YAML_REAL},
	{.path = "list", .types = YAML_LIST, .max = 9, .fallback = "[]"},
	{.path = "list[]", .types = YAML_MAP},
	{.path = "list[].name", .types = YAML_TEXT},
	{.path = "list[].max", .types = YAML_INTEGER},
	{.path = "words", .types = YAML_LIST, .max = 9, .fallback = "[]"},
	{.path = "words[]", .types = YAML_TEXT},
};

/* The JSON that `text` gives after the settings, or the words of the refusal. */
static void assert_gives(const char *text, const char *expected, int count, ...)
{
	struct yaml_document *d;
	struct diag why = {{0}};
	struct buf out;
	va_list args;
	enum err e = OK;

	assert_int_equal(yaml_open(&d, bytes_text(text), "file.yaml", &why), OK);
	va_start(args, count);
	for (int i = 0; i < count && e == OK; i++) {
		const char *path = va_arg(args, const char *), *value = va_arg(args, const char *);

		e = yaml_set(d, path, value, &why);
	}
	va_end(args);
	if (e == OK)
		e = yaml_apply(d, rules, sizeof rules / sizeof rules[0], &why);
	buf_init(&out, 4096);
	if (e == OK)
		json_write(&out, yaml_tree(d), false);
	else
		buf_put_text(&out, why.text);
	assert_string_equal(buf_text(&out), expected);
	buf_free(&out);
	yaml_close(d);
}

static void test_replaces_and_adds(void **state)
{
	(void)state;
	assert_gives("a: 2\n", "{\"a\":7,\"b\":{},\"list\":[],\"words\":[]}", 1, "a", "7");
	assert_gives("b: {c: x}\n", "{\"a\":1,\"b\":{\"c\":\"y\",\"d\":0.5},\"list\":[],\"words\":[]}", 2, "b.c", "y",
	             "b.d", "0.5");
	assert_gives("a: 2\n", "{\"a\":2,\"b\":{\"c\":\"x y\"},\"list\":[],\"words\":[]}", 1, "b.c", "\"x y\"");
	assert_gives("a: 2\n", "{\"a\":2,\"b\":{\"d\":1},\"list\":[],\"words\":[\"p\",\"q\"]}", 2, "b", "{d: 1}",
	             "words", "[p, q]");
	assert_gives("words: [p, q]\n", "{\"a\":1,\"b\":{},\"list\":[],\"words\":[\"p\",\"r\"]}", 1, "words[1]", "r");
	assert_gives("a: 2\n", "{\"a\":4,\"b\":{},\"list\":[],\"words\":[]}", 2, "a", "3", "a", "4");
}

static void test_items_by_name_or_index(void **state)
{
	const char *text = "list: [{name: age, max: 1}, {name: chol, max: 2}]\n";

	(void)state;
	assert_gives(text,
	             "{\"a\":1,\"b\":{},\"list\":[{\"name\":\"age\",\"max\":1},{\"name\":\"chol\",\"max\":600}],"
	             "\"words\":[]}",
	             1, "list.chol.max", "600");
	assert_gives(
		text,
		"{\"a\":1,\"b\":{},\"list\":[{\"name\":\"age\",\"max\":9},{\"name\":\"chol\",\"max\":2}],\"words\":[]}",
		1, "list[0].max", "9");
	assert_gives(text,
	             "list.chl.max: \"chl\" is no item of that list, or shares its entry with others (names: ...)", 1,
	             "list.chl.max", "1");
	assert_gives(text, "list[2].max: \"[2]\" is no item of that list, or shares its entry with others (names: ...)",
	             1, "list[2].max", "1");
}

static void test_an_index_is_one_number_in_brackets(void **state)
{
	static const char *const wrong[] = {"[x]", "[]", "[+1]", "[-1]", "[ 1]", "[1x]", "[01]", "[0.5]", "[1"};
	const char *text = "words: [p, q]\n";

	(void)state;
	assert_gives(text, "{\"a\":1,\"b\":{},\"list\":[],\"words\":[\"r\",\"q\"]}", 1, "words[0]", "r");
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		char path[32], expected[160];

		snprintf(path, sizeof path, "words%s", wrong[i]);
		snprintf(expected, sizeof expected,
		         "%s: \"%s\" is no item of that list, or shares its entry with others (names: ...)", path,
		         wrong[i]);
		assert_gives(text, expected, 1, path, "r");
	}
	assert_gives("list: [{name: age, max: 1}]\n", "list[0]max: \"[0]\" is followed by neither \".\" nor \"[\"", 1,
	             "list[0]max", "9");
}

static void test_refusals(void **state)
{
	(void)state;
	assert_gives("a: 2\n", "a.b: \"b\" lies below a value", 1, "a.b", "1");
	assert_gives("a: 2\n", "b..c: a name is missing; write the key as in data.split.seed", 1, "b..c", "1");
	assert_gives("a: 2\n",
	             "b.c:2:1: did not find expected node content (while parsing a flow node that starts at line 2)", 1,
	             "b.c", "[");
	assert_gives("a: 2\n", "unknown key \"nope\"; known here: a, b, list, words", 1, "nope", "1");
	assert_gives("a: 2\n", "file.yaml:1:4: a: \"x\" is not an integer", 1, "a", "x");
}

/* ---- a study */

static void assert_study(const char *const *settings, size_t count, const char *from, const char *to)
{
	struct tempdir dir;
	struct study set, written;
	struct diag why = {{0}};
	char *text = mem_copy_text(small_study_text), *at = strstr(text, from);
	struct buf other;

	assert_non_null(at);
	buf_init(&other, YAML_TEXT_MAX);
	buf_put(&other, bytes_of(text, (size_t)(at - text)));
	buf_put_text(&other, to);
	buf_put_text(&other, at + strlen(from));
	tempdir_make(&dir);
	tempdir_write(&dir, "study.yaml", small_study_text);
	tempdir_write(&dir, "other.yaml", buf_text(&other));
	if (study_load_set(&set, tempdir_path(&dir, "study.yaml"), settings, count, &why) != OK ||
	    study_load(&written, tempdir_path(&dir, "other.yaml"), true, &why) != OK)
		fail_msg("%s", why.text);
	assert_memory_equal(set.hash.b, written.hash.b, HASH_SIZE);
	study_free(&set);
	study_free(&written);
	tempdir_remove(&dir);
	buf_free(&other);
	free(text);
}

static void test_a_study_is_the_same_as_if_written(void **state)
{
	static const char *const rounds[] = {"training.rounds=9"};
	static const char *const feature[] = {"data.features.y.max=77"};
	static const char *const layers[] = {"model.layers=[dense 1]"};

	(void)state;
	assert_study(rounds, 1, "rounds: 3", "rounds: 9");
	assert_study(feature, 1, "{name: y, min: -4, max: 4}", "{name: y, min: -4, max: 77}");
	assert_study(layers, 1, "[dense 3, relu, dense 1]", "[dense 1]");
}

static void test_a_study_s_refusals_name_the_setting(void **state)
{
	static const char *const wrong[] = {"training.rounds=0"};
	static const char *const none[] = {"training.rounds"};
	struct tempdir dir;
	struct study s;
	struct diag why = {{0}};

	(void)state;
	tempdir_make(&dir);
	tempdir_write(&dir, "study.yaml", small_study_text);
	assert_int_equal(study_load_set(&s, tempdir_path(&dir, "study.yaml"), wrong, 1, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "training.rounds: "));
	assert_int_equal(study_load_set(&s, tempdir_path(&dir, "study.yaml"), none, 1, &why), ERR_USAGE);
	assert_non_null(strstr(why.text, "write KEY=VALUE"));
	tempdir_remove(&dir);
}

/* What the file does not hold has no place in it. */
static void test_what_was_added_has_no_place(void **state)
{
	static const char *const added[] = {"training.server.tau=7"};
	static const char *const inside[] = {"training.local={batch: 32, learning_rate: no}"};
	static const char *const unknown[] = {"training.local={btch: 32}"};
	struct tempdir dir;
	struct study s;
	struct diag why = {{0}};

	(void)state;
	tempdir_make(&dir);
	tempdir_write(&dir, "study.yaml", small_study_text);
	assert_int_equal(study_load_set(&s, tempdir_path(&dir, "study.yaml"), added, 1, &why), ERR_DATA);
	assert_string_equal(why.text, "training.server.tau: 7 is above 1");
	assert_int_equal(study_load_set(&s, tempdir_path(&dir, "study.yaml"), inside, 1, &why), ERR_DATA);
	assert_string_equal(why.text, "training.local.learning_rate: \"no\" is not a number");
	assert_int_equal(study_load_set(&s, tempdir_path(&dir, "study.yaml"), unknown, 1, &why), ERR_DATA);
	assert_string_equal(why.text, "unknown key \"btch\" in training.local; did you mean \"batch\"?");
	tempdir_remove(&dir);
}

/* ---- keys */

static void assert_unknown(const char *key, const char *words)
{
	struct tempdir dir;
	struct study s;
	struct diag why = {{0}};
	char setting[128];
	const char *settings[] = {setting};

	snprintf(setting, sizeof setting, "%s=5", key);
	tempdir_make(&dir);
	tempdir_write(&dir, "study.yaml", small_study_text);
	assert_int_equal(study_load_set(&s, tempdir_path(&dir, "study.yaml"), settings, 1, &why), ERR_DATA);
	assert_string_equal(why.text, words);
	tempdir_remove(&dir);
}

static void test_a_key_that_is_none_names_the_one_that_was_meant(void **state)
{
	(void)state;
	assert_unknown("rounds", "rounds is no key of a study; did you mean training.rounds?");
	assert_unknown("local.epochs", "local.epochs is no key of a study; did you mean training.local.epochs?");
	assert_unknown("model.rounds", "model.rounds is no key of a study; did you mean training.rounds?");
	assert_unknown("learning_rate", "learning_rate is no key of a study; did you mean training.local.learning_rate "
	                                "or training.server.learning_rate?");
	assert_unknown("training.round", "training.round is no key of a study; did you mean training.rounds?");
	assert_unknown("trainin.rounds", "trainin.rounds is no key of a study; did you mean training.rounds?");
	assert_unknown("training.rounds.a", "training.rounds.a is no key of a study");
	assert_unknown("data.features.y.mux", "data.features.y.mux is no key of a study; did you mean "
	                                      "data.features.y.max?");
	assert_unknown("qwertz", "qwertz is no key of a study");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replaces_and_adds),
		cmocka_unit_test(test_items_by_name_or_index),
		cmocka_unit_test(test_an_index_is_one_number_in_brackets),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_a_study_is_the_same_as_if_written),
		cmocka_unit_test(test_a_study_s_refusals_name_the_setting),
		cmocka_unit_test(test_what_was_added_has_no_place),
		cmocka_unit_test(test_a_key_that_is_none_names_the_one_that_was_meant),
	};

	return cmocka_run_group_tests_name("yaml_set", tests, NULL, NULL);
}
