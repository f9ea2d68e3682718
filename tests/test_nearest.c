/* base/nearest: which misspelling is recognised, and which is not guessed at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/nearest.h"

static const char known[] = "source|features|label|patient_id|missing|outside|fill|split|scale";

static void finds(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"lable", "label"}, /* neighbours swapped: one edit, two by plain Levenshtein */
		{"feature", "features"},      {"Fill", "fill"},      {"patientid", "patient_id"},
		{"patient-id", "patient_id"}, {"scale", "scale"},    {"mising", "missing"},
		{"splitt", "split"},          {"ouside", "outside"},
	};
	char out[32];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *found = nearest_word(out, sizeof out, cases[i][0], known);
		assert_ptr_equal(found, out);
		assert_string_equal(out, cases[i][1]);
	}
}

static void does_not_guess(void **state)
{
	(void)state;
	static const char *const words[] = {"", "x", "foo", "colour", "columns", "labradoodle"};
	char out[32], longest[70];
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_null(nearest_word(out, sizeof out, words[i], known));
	assert_null(nearest_word(out, sizeof out, "label", ""));
	memset(longest, 'a', sizeof longest);
	longest[65] = 0;
	assert_null(nearest_word(out, sizeof out, longest, longest));
	longest[64] = 0;
	assert_null(nearest_word(out, sizeof out, longest, "b"));
}

static void first_of_equals_and_short_buffers(void **state)
{
	(void)state;
	char out[4];
	assert_string_equal(nearest_word(out, sizeof out, "mat", "cat|hat|bat"), "cat");
	assert_string_equal(nearest_word(out, sizeof out, "feature", known), "fea");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds),
		cmocka_unit_test(does_not_guess),
		cmocka_unit_test(first_of_equals_and_short_buffers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
