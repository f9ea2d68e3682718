/* crypto/plan: dropouts, quorum, groups, and what stands in the way of a round, by known numbers and by exhaustion. */
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
			/* Two quorums with the colluders in both share an honest site, and two are honest. */
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
	assert_int_equal(plan_check(&rule, 3, &why), OK);
	rule.max_colluders = 2;
	assert_int_equal(plan_check(&rule, 3, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "fewer than 2 honest"));
	rule.masking = MASKING_GROUPS;
	assert_int_equal(plan_check(&rule, 12, &why), ERR_REFUSED);
}

static void thresholds(void **state)
{
	(void)state;
	const struct {
		uint32_t n, colluders, t;
	} rows[] = {{4, 0, 3},
	            {5, 1, 4},
	            {5, 0, 3},
	            {3, 1, 3},
	            {10, 3, 7},
	            {256, 25, 141},
	            {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sites_rule rule = {.max_colluders = rows[i].colluders, .masking = MASKING_REQUIRED};
		assert_int_equal(plan_threshold(&rule, rows[i].n), rows[i].t);
		assert_true(plan_quorum(&rule, rows[i].n) >= rows[i].t);
	}
}

/* Every rule that passes: a quorum can be reached with the dropouts that are allowed, and is the greatest of its four
 * reasons. */
static void masks_that_can_be(void **state)
{
	(void)state;
	unsigned passed = 0, refused = 0;
	for (uint32_t n = 1; n <= 14; n++) {
		for (uint32_t k = 0; k < 13 * 13 * 13; k++) {
			struct sites_rule rule = {.min = k % 13, .max_dropouts = k / 13 % 13, .max_colluders = k / 169};
			uint32_t drop = rule.max_dropouts < n ? rule.max_dropouts : n;
			rule.masking = MASKING_REQUIRED;
			bool can =
				n >= rule.min && 2 * (n - drop) > n + rule.max_colluders && n >= rule.max_colluders + 2;
			assert_true((plan_check_masks(&rule, n, &why) == OK) == can);
			assert_true(!can || plan_quorum(&rule, n) <= n);
			passed += can;
			refused += !can;
		}
	}
	assert_true(passed > 100 && refused > 100);
}

static void groups_that_can_be(void **state)
{
	(void)state;
	struct sites_rule rule = {
		.min = 3, .max_dropouts = 1, .max_colluders = 1, .masking = MASKING_GROUPS, .group = 5};
	assert_int_equal(plan_group_count(&rule, 4), 0);
	assert_int_equal(plan_group_count(&rule, 14), 2);
	assert_int_equal(plan_check_masks(&rule, 4, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "4 sites are invited and a group has at least 5"));
	for (uint32_t n = 5; n < 40; n++)
		assert_int_equal(plan_check_masks(&rule, n, &why), OK);
	rule.group = 3; /* 3 sites less one leave 2, and t is 3 */
	assert_int_equal(plan_check_masks(&rule, 9, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "3 sites in a group with max_dropouts 1 leave 2"));
	rule.group = 4;
	rule.min = 5;
	assert_int_equal(plan_check_masks(&rule, 8, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "4 sites in a group are invited and sites.min is 5"));
	/* The larger of two sizes is looked at too: a quarter of 4 is 1, of 8 it is 2 and of 7 it is 1. */
	rule = (struct sites_rule){.min = 3,
	                           .max_dropouts = 25,
	                           .dropouts_percent = true,
	                           .max_colluders = 3,
	                           .masking = MASKING_GROUPS,
	                           .group = 7};
	assert_int_equal(plan_check_masks(&rule, 14, &why), OK); /* 7 - 1 >= 6 */
	assert_int_equal(plan_check_masks(&rule, 15, &why), OK); /* 8 - 2 >= 6 */
	rule.max_colluders = 4;
	assert_int_equal(plan_check_masks(&rule, 14, &why), OK); /* 7 - 1 >= 6 */
	assert_int_equal(plan_check_masks(&rule, 15, &why), ERR_REFUSED); /* 8 - 2 < 7 */
	assert_non_null(strstr(why.text, "8 sites in a group with max_dropouts 2 leave 6"));
	rule.group = 0;
	assert_int_equal(plan_group_count(&rule, 15), 0);
}

/* Sizes as equal as can be, nobody twice, ascending, and another study gives other groups. */
static void groups_of_members(void **state)
{
	(void)state;
	for (uint32_t members = 1; members <= 60; members++) {
		for (uint32_t groups = 1; groups <= members; groups++) {
			uint32_t sites[60], seen = 0, smallest = members / groups;
			struct hash study = {{(uint8_t)groups}};
			bool in[7 * 60 + 5] = {false};
			for (uint32_t i = 0; i < members; i++)
				sites[i] = 7 * i + 4;
			plan_groups(sites, members, groups, &study);
			assert_int_equal(plan_group_begin(members, groups, 0), 0);
			assert_int_equal(plan_group_begin(members, groups, groups), members);
			for (uint32_t g = 0; g < groups; g++) {
				uint32_t begin = plan_group_begin(members, groups, g);
				uint32_t size = plan_group_begin(members, groups, g + 1) - begin;
				assert_true(size == smallest || (size == smallest + 1 && members % groups > 0));
				for (uint32_t i = begin; i < begin + size; i++) {
					assert_true(sites[i] % 7 == 4 && !in[sites[i]]);
					assert_true(i == begin || sites[i - 1] < sites[i]);
					in[sites[i]] = true;
					seen++;
				}
			}
			assert_int_equal(seen, members);
		}
	}
}

/* 17 sites 4, 11, 18 ... and the study hash 00 01 .. 1f, by a ChaCha20 and a Fisher-Yates written in Python. */
static void groups_known(void **state)
{
	(void)state;
	static const uint32_t expected[] = {39, 74, 88, 102, 116, 11, 18, 32, 53, 81, 95, 4, 25, 46, 60, 67, 109};
	uint32_t sites[17];
	struct hash study;
	for (uint32_t i = 0; i < HASH_SIZE; i++)
		study.b[i] = (uint8_t)i;
	for (uint32_t i = 0; i < 17; i++)
		sites[i] = 7 * i + 4;
	plan_groups(sites, 17, 3, &study);
	assert_memory_equal(sites, expected, sizeof sites);
	study.b[31] ^= 1;
	for (uint32_t i = 0; i < 17; i++)
		sites[i] = 7 * i + 4;
	plan_groups(sites, 17, 3, &study);
	assert_memory_not_equal(sites, expected, sizeof sites);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dropouts),           cmocka_unit_test(quorum_known),
		cmocka_unit_test(quorum_properties),  cmocka_unit_test(rounds_that_cannot_be),
		cmocka_unit_test(thresholds),         cmocka_unit_test(masks_that_can_be),
		cmocka_unit_test(groups_that_can_be), cmocka_unit_test(groups_of_members),
		cmocka_unit_test(groups_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
