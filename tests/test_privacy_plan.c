/* privacy/plan: the closed list of mechanisms, and that none is promised which this version cannot keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "privacy/plan.h"

static void names_go_both_ways(void **state)
{
	(void)state;
	static const char *const names[] = {"none", "distributed", "local", "site"};
	for (int i = 0; i < PRIVACY_MECHANISM_COUNT; i++) {
		enum privacy_mechanism back = PRIVACY_MECHANISM_COUNT;
		assert_string_equal(privacy_mechanism_name((enum privacy_mechanism)i), names[i]);
		assert_true(privacy_mechanism_from(&back, names[i]));
		assert_int_equal(back, i);
	}
	enum privacy_mechanism untouched = PRIVACY_LOCAL;
	assert_false(privacy_mechanism_from(&untouched, "None"));
	assert_false(privacy_mechanism_from(&untouched, ""));
	assert_false(privacy_mechanism_from(&untouched, "nonee"));
	assert_int_equal(untouched, PRIVACY_LOCAL);
}

static void only_none_is_built(void **state)
{
	(void)state;
	for (int i = 0; i < PRIVACY_MECHANISM_COUNT; i++) {
		struct privacy_plan plan = {.mechanism = (enum privacy_mechanism)i, .unit = UNIT_PATIENT};
		struct diag why = {{0}};
		enum err e = privacy_plan_check(&plan, &why);
		assert_int_equal(e, i == PRIVACY_NONE ? OK : ERR_DATA);
		if (e)
			assert_non_null(strstr(why.text, privacy_mechanism_name((enum privacy_mechanism)i)));
		assert_int_equal(privacy_plan_check(&plan, NULL), e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(only_none_is_built),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
