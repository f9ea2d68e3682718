/* base/name: the grammar of names, at its edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/limits.h"
#include "base/name.h"

static void site_names(void **state)
{
	(void)state;
	const char *good[] = {"a", "7", "Z", "st-mary", "St.Mary_2", "0--..__", "a-"};
	const char *bad[] = {"", ".", "..", "-a", "_a", ".a", "a b", "a/b", "a\n", "\xc3\xa4", "a%", "a\\", "a:b", "*"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(name_is_site(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(name_is_site(bad[i]));
}

static void every_byte_is_judged(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char first[] = {(char)c, 'a', 0}, second[] = {'a', (char)c, 0};
		bool alphanumeric = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", c) != NULL;
		assert_int_equal(name_is_site(first), alphanumeric);
		assert_int_equal(name_is_site(second), alphanumeric || strchr("._-", c));
		bool study = strchr("abcdefghijklmnopqrstuvwxyz0123456789-", c) != NULL;
		assert_int_equal(name_is_study(first), study);
		assert_int_equal(name_is_federation(second), study);
	}
}

static void length_is_bounded(void **state)
{
	(void)state;
	char name[NAME_SIZE + 1] = {0};
	memset(name, 'a', NAME_SIZE - 1);
	assert_true(name_is_site(name));
	assert_true(name_is_study(name));
	name[NAME_SIZE - 1] = 'a';
	assert_false(name_is_site(name));
	assert_false(name_is_study(name));
	assert_false(name_is_study(""));
}

static void compare_ignores_case(void **state)
{
	(void)state;
	assert_int_equal(name_compare("St-Mary", "sT-mARY"), 0);
	assert_true(name_compare("a", "B") < 0);
	assert_true(name_compare("B", "a") > 0);
	assert_true(name_compare("a", "aa") < 0);
	assert_true(name_compare("aa", "a") > 0);
	assert_int_equal(name_compare("", ""), 0);
	assert_true(name_compare("a_", "a-") != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(site_names),
		cmocka_unit_test(every_byte_is_judged),
		cmocka_unit_test(length_is_bounded),
		cmocka_unit_test(compare_ignores_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
