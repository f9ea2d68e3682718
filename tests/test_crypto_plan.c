/* crypto/plan: dropouts, quorum and what stands in the way of a round, against the numbers of the design and by exhaustion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "crypto/plan.h"

static struct diag why;

static void dropouts(void **state)
{
	(void)state;
	struct sites_rule absolute = {.max_dropouts = 2};
	assert_int_equal(plan_max_dropouts(&absolute, 5), 2);
	assert_int_equal(plan_max_dropouts(&absolute, 2), 2);
	assert_int_equal(plan_max_dropouts(&absolute, 1), 1);
	struct sites_rule percent = {.max_dropouts = 10, .dropouts_percent = true};
	assert_int_equal(plan_max_dropouts(&percent, 9), 0); /* rounded down */
	assert_int_equal(plan_max_dropouts(&percent, 10), 1);
	assert_int_equal(plan_max_dropouts(&percent, 19), 1);
	assert_int_equal(plan_max_dropouts(&percent, 4096), 409);
	percent.max_dropouts = 100;
	assert_int_equal(plan_max_dropouts(&percent, UINT32_MAX), UINT32_MAX);
}

static void quorum_known(void **state)
{
	(void)state;
	const struct {
		uint32_t n, min, drop, colluders;
		enum masking masking;
		uint32_t m;
	} rows[] = {
		{5, 3, 1, 1, MASKING_OFF, 4},       {3, 3, 1, 1, MASKING_OFF, 3}, /* sites.min wins */
		{5, 0, 9, 0, MASKING_OFF, 1}, /* a sum of none is no sum */
		{2, 3, 0, 1, MASKING_OFF, 3}, /* more than n: no round */
		{5, 3, 1, 1, MASKING_REQUIRED, 4}, /* t = 4 */
		{3, 3, 0, 1, MASKING_REQUIRED, 3},  {10, 3, 5, 3, MASKING_REQUIRED, 7}, /* t = floor(13 / 2) + 1 */
		{10, 3, 5, 7, MASKING_REQUIRED, 9}, /* max_colluders + 2 and t agree */
		{4, 1, 4, 4, MASKING_REQUIRED, 6}, /* max_colluders + 2 */
		{10, 3, 5, 3, MASKING_GROUPS, 7},   {UINT32_MAX, 3, 0, UINT32_MAX, MASKING_REQUIRED, UINT32_MAX},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sites_rule rule = {.min = rows[i].min, .max_dropouts = rows[i].drop};
		rule.max_colluders = rows[i].colluders;
		rule.masking = rows[i].masking;
		assert_int_equal(plan_quorum(&rule, rows[i].n), rows[i].m);
	}
}

/* The properties that the threshold exists for, over every small rule. */
static void quorum_properties(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 12; n++) {
		for (uint32_t k = 0; k < 13 * 13 * 13; k++) {
			struct sites_rule rule = {.min = k % 13, .max_dropouts = k / 13 % 13, .max_colluders = k / 169};
			rule.masking = MASKING_OFF;
			uint32_t clear = plan_quorum(&rule, n);
			rule.masking = MASKING_REQUIRED;
			uint32_t m = plan_quorum(&rule, n);
			assert_true(clear >= 1 && clear >= rule.min && clear + plan_max_dropouts(&rule, n) >= n);
			assert_true(m >= clear);
			/* Two quorums among n sites, colluders in both, still share an honest site; two are honest in any sum. */
			assert_true(2 * m > n + rule.max_colluders);
			assert_true(m >= rule.max_colluders + 2);
		}
	}
}

static void rounds_that_cannot_be(void **state)
{
	(void)state;
	struct sites_rule rule = {
		.min = 3, .max_dropouts = 1, .max_colluders = 1, .cell_min = 11, .masking = MASKING_OFF};
	assert_int_equal(plan_check(&rule, 5, &why), OK);
	assert_int_equal(plan_check(&rule, 3, &why), OK);
	assert_int_equal(plan_check(&rule, 2, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "2 sites are invited and sites.min is 3"));
	assert_int_equal(plan_check(&rule, 0, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "no site is invited"));
	assert_int_equal(plan_check(&rule, 2, NULL), ERR_REFUSED);
	for (uint32_t n = 1; n < 100; n++)
		assert_int_equal(plan_check(&rule, n, &why) == OK, n >= plan_quorum(&rule, n));

	/* The defaults, masked, refuse three sites: they need max_dropouts 0. */
	rule.masking = MASKING_REQUIRED;
	assert_int_equal(plan_check(&rule, 3, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "3 sites with max_dropouts 1 leave 2, and masks against 1 colluders need 3"));
	rule.max_dropouts = 0;
	assert_int_equal(plan_check(&rule, 3, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "write masking: off"));
	rule.max_colluders = 2;
	assert_int_equal(plan_check(&rule, 3, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "fewer than 2 honest"));
	rule.masking = MASKING_GROUPS;
	assert_int_equal(plan_check(&rule, 12, &why), ERR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dropouts),
		cmocka_unit_test(quorum_known),
		cmocka_unit_test(quorum_properties),
		cmocka_unit_test(rounds_that_cannot_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
