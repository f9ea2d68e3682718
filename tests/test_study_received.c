/* protocol/study: contracts as received, held to the same terms; cut and flipped bytes, as files and as contracts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/contracts.h"

static char *minimal, *minimal_canonical, *rich;

static int read_texts(void **state)
{
	(void)state;
	minimal = contract_text("minimal.yaml");
	minimal_canonical = contract_text("minimal.json");
	rich = contract_text("all-keys.yaml");
	return 0;
}

static int free_texts(void **state)
{
	(void)state;
	free(minimal);
	free(minimal_canonical);
	free(rich);
	return 0;
}

static void received(struct study *s, struct bytes text)
{
	struct diag why = {0};
	if (study_from_canonical(s, text, &why) != OK)
		fail_msg("%s", why.text);
}

static void received_contracts_are_the_same(void **state)
{
	(void)state;
	struct study written, s;
	contract_parse(&written, rich);
	received(&s, buf_bytes(&written.canonical));
	assert_true(hash_equal(&s.hash, &written.hash) && hash_equal(&s.sha256, &written.sha256));
	assert_true(bytes_equal(buf_bytes(&s.canonical), buf_bytes(&written.canonical)));
	study_free(&written); /* nothing is borrowed from it */
	assert_int_equal(s.schema.feature_count, 6);
	assert_string_equal(s.schema.features[0].missing.items[1], "999");
	assert_string_equal(s.schema.features[5].levels.items[2], "a b");
	assert_string_equal(s.schema.label.levels.items[2], "z");
	assert_string_equal(s.init_file, "base.safetensors");
	assert_string_equal(s.members[0], "st-mary");
	study_free(&s);
	contract_parse(&written, minimal);
	received(&s, bytes_text(minimal_canonical));
	assert_true(hash_equal(&s.hash, &written.hash));
	assert_memory_equal(&s.local, &written.local, sizeof s.local);
	assert_memory_equal(&s.sites, &written.sites, sizeof s.sites);
	study_free(&s);
	study_free(&written);
}

static void refuses_received(void **state)
{
	(void)state;
	static const struct contract_refusal cases[] = {
		{"{\"cohort\":1,", "{\"cohort\":2,",
	         "cohort: the study has format 2 and this version reads format 1; install a version of Cohort that is "
	         "as new as "
	         "the study"},
		{"{\"cohort\":1,", "{", "cohort: is missing or not in its place"},
		{"\"revision\":1,", "", "revision: is missing or not in its place"},
		{"\"revision\":1,", "\"revision\":1,\"extra\":0,", "purpose: is missing or not in its place"},
		{"\"revision\":1,", "\"revision\":1.5,", "revision: is of a wrong type"},
		{"\"revision\":1,", "\"revision\":null,", "revision: is of a wrong type"},
		{"\"mechanism\":\"none\"}", "\"mechanism\":\"none\",\"more\":1}",
	         "privacy.more: is unknown or not in its place"},
		{"\"name\":\"age\",\"column\":\"age\"", "\"column\":\"age\",\"name\":\"age\"",
	         "data.features[0].missing: is missing or not in its place"},
		{"\"name\":\"age\",\"column\":\"age\"", "\"name\":\"age\",\"names\":[\"a\"],\"column\":\"age\"",
	         "data.features[0].names: is a shorthand and must be replaced"},
		{"\"name\":\"age\",\"column\":\"age\"", "\"name\":\"age\"", "data.features[0].column: is missing"},
		{"\"name\":\"age\",", "", "data.features[0].name: is missing"},
		{"\"type\":\"numeric\",", "", "data.features[0].type: is missing"},
		{"\"min\":18,", "", "data.features[0].min: is missing; a numeric feature needs min and max"},
		{"\"min\":18,", "\"min\":200,", "data.features[0].max: max 110 is not above min 200"},
		{"\"source\":\"heart\",", "", "data.source: is missing"},
		{"\"epochs\":1,", "", "training.local.epochs: is missing"},
		{"\"epochs\":1,", "\"epochs\":1,\"steps\":1,",
	         "training.local.steps: stands beside epochs; write one of them"},
		{",\"cap\":5000", "", "training.weights.cap: is missing"},
		{"\"bins\":2048,", "", "evaluation.bins: is missing"},
		{"\"test_fraction\":0.29999999999999999,", "", "data.split.test_fraction: is missing"},
		{"\"masking\":\"off\"", "\"masking\":\"on\"",
	         "masking: \"on\" is unknown; write required, off or groups of 8"},
		{"\"seed\":42", "\"seed\":42.0", "data.split.seed: is of a wrong type"},
		{"\"min\":18,", "\"min\":18.0,", "not in canonical form, although every term is understood"},
		{"0.29999999999999999", "0.3", "not in canonical form, although every term is understood"},
		{"\"revision\":1,", "\"revision\": 1,", "not in canonical form, although every term is understood"},
		{"a first visit", "a\\u0020first visit", "not in canonical form, although every term is understood"},
		{"a first visit", "a\\nfirst visit", "purpose: holds a control character"},
	};
	char expected[DIAG_MAX];
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct study s;
		struct diag why = {0};
		char *text = contract_edited(minimal_canonical, cases[i].old, cases[i].new);
		snprintf(expected, sizeof expected, "contract: %s", cases[i].expected);
		enum err e = study_from_canonical(&s, bytes_text(text), &why);
		if (e == OK || strcmp(why.text, expected) != 0)
			fail_msg("%s -> %s\nexpected \"%s\"\ngot      \"%s\"", cases[i].old, cases[i].new, expected,
			         why.text);
		assert_null(s.tree);
		free(text);
	}
}

static void truncated_and_flipped_files(void **state)
{
	(void)state;
	size_t len = strlen(minimal);
	for (size_t n = 0; n < len; n++) {
		struct study s;
		struct diag why = {0};
		uint8_t *cut = mem_alloc(n + 1);
		cut = mem_resize(cut, n ? n : 1, 1); /* exactly n bytes: reading one more is a heap error */
		memcpy(cut, minimal, n);
		enum err e = study_parse(&s, bytes_of(cut, n), "study.yaml", false, &why);
		assert_true(e != OK || n == len - 1); /* without the last line break it is whole */
		assert_true(e == OK || strncmp(why.text, "study.yaml:", 11) == 0);
		study_free(&s);
		free(cut);
		for (int bit = 0; bit < 8; bit++) {
			char *flipped = mem_copy_text(minimal);
			flipped[n] = (char)(flipped[n] ^ (1 << bit));
			e = study_parse(&s, bytes_of(flipped, len), "study.yaml", false, &why);
			assert_true((e == OK) == (s.tree != NULL));
			study_free(&s);
			free(flipped);
		}
	}
}

static void truncated_and_flipped_contracts(void **state)
{
	(void)state;
	size_t len = strlen(minimal_canonical);
	struct study s, original;
	received(&original, bytes_text(minimal_canonical));
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = mem_alloc(n + 1);
		cut = mem_resize(cut, n ? n : 1, 1);
		memcpy(cut, minimal_canonical, n);
		assert_int_not_equal(study_from_canonical(&s, bytes_of(cut, n), NULL), OK);
		free(cut);
		for (int bit = 0; bit < 8; bit++) {
			char *flipped = mem_copy_text(minimal_canonical);
			flipped[n] = (char)(flipped[n] ^ (1 << bit));
			if (study_from_canonical(&s, bytes_of(flipped, len), NULL) == OK)
				assert_false(hash_equal(&s.hash, &original.hash));
			study_free(&s);
			free(flipped);
		}
	}
	study_free(&original);
	char *large = mem_alloc(CONTRACT_MAX + 1);
	struct diag why = {0};
	assert_int_equal(study_from_canonical(&s, bytes_of(large, CONTRACT_MAX + 1), &why), ERR_LIMIT);
	assert_string_equal(why.text, "contract: 1048577 bytes, more than the 1048576 allowed");
	free(large);
}

/* Seconds from Python: calendar.timegm((2027, 7, 1, 0, 0, 0)). */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(received_contracts_are_the_same),
		cmocka_unit_test(refuses_received),
		cmocka_unit_test(truncated_and_flipped_files),
		cmocka_unit_test(truncated_and_flipped_contracts),
	};
	return cmocka_run_group_tests(tests, read_texts, free_texts);
}
