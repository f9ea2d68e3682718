/* protocol/refusal: a closed list, one word for each code and one code for each word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <string.h>

#include "protocol/refusal.h"

static void words_go_both_ways(void **state)
{
	(void)state;
	for (unsigned r = REFUSAL_NONE + 1; r < REFUSAL_COUNT; r++) {
		enum refusal back = REFUSAL_NONE;
		assert_true(refusal_from(&back, refusal_name((enum refusal)r)));
		assert_int_equal(back, r);
	}
	assert_string_equal(refusal_name(REFUSAL_POLICY_EVALUATION), "policy_evaluation");
	assert_string_equal(refusal_name(REFUSAL_WEIGHT_CAP), "weight_cap");
}

static void other_words_are_none(void **state)
{
	(void)state;
	static const char *const words[] = {"none", "", "Budget", "budget ", "budge", "policy", "17"};
	enum refusal untouched = REFUSAL_BUDGET;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_false(refusal_from(&untouched, words[i]));
	assert_int_equal(untouched, REFUSAL_BUDGET);
}

/* What a hospital gives away by refusing is the code alone: no digit in a word or a sentence. */
static void nothing_is_counted(void **state)
{
	(void)state;
	for (unsigned r = REFUSAL_NONE + 1; r < REFUSAL_COUNT; r++) {
		const char *name = refusal_name((enum refusal)r), *text = refusal_text((enum refusal)r);
		assert_true(strlen(name) > 3 && strlen(text) > 10);
		for (const char *c = name; *c; c++)
			assert_true(islower((unsigned char)*c) || *c == '_');
		for (const char *c = text; *c; c++)
			assert_false(isdigit((unsigned char)*c) || *c == '%');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_go_both_ways),
		cmocka_unit_test(other_words_are_none),
		cmocka_unit_test(nothing_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
