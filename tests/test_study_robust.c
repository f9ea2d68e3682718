/* How many updates robust strategies need, and how many a round has at the least, counted out. */
#include "protocol/study_robust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static struct study study_of(enum strategy_kind strategy, struct server_training server)
{
	return (struct study){.name = "small", .strategy = strategy, .server = server, .sites = {.min = 1}};
}

static void test_which_they_are(void **state)
{
	(void)state;
	for (int k = STRATEGY_FEDAVG; k <= STRATEGY_KRUM; k++) {
		struct study s = study_of((enum strategy_kind)k, (struct server_training){.keep = 1, .trim = 0.2});

		assert_int_equal(study_is_robust(&s), k >= STRATEGY_MEDIAN);
		assert_true(k == STRATEGY_KRUM || k == STRATEGY_TRIMMED_MEAN || study_fewest_updates(&s) == 1);
	}
}

/* Every share in thousandths of every number up to 1,000, in integers. */
static void test_what_is_trimmed(void **state)
{
	(void)state;
	for (uint32_t share = 1; share <= 499; share++) {
		struct study s = study_of(STRATEGY_TRIMMED_MEAN, (struct server_training){.trim = share / 1000.0});

		for (uint32_t n = 1; n <= 1000; n++)
			assert_int_equal(study_trimmed(&s, n), share * n / 1000);
		assert_int_equal(study_fewest_updates(&s), (1000 + share - 1) / share);
	}
}

static void test_what_krum_needs(void **state)
{
	static const uint32_t known[][3] = {/* byzantine, keep, updates */
	                                    {0, 1, 3}, {0, 2, 4}, {1, 1, 5}, {1, 2, 5},
	                                    {1, 3, 6}, {3, 1, 9}, {3, 9, 14}};

	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		struct study s = study_of(STRATEGY_KRUM,
		                          (struct server_training){.byzantine = known[i][0], .keep = known[i][1]});

		assert_int_equal(study_fewest_updates(&s), known[i][2]);
	}
}

static void test_what_a_clear_round_has(void **state)
{
	struct study s = study_of(STRATEGY_KRUM, (struct server_training){.byzantine = 1, .keep = 1});
	struct diag why = {{0}};

	(void)state;
	s.sites = (struct sites_rule){.min = 3, .max_dropouts = 2, .masking = MASKING_OFF};
	assert_int_equal(study_check_robust(&s, 6, &why), ERR_REFUSED);
	assert_string_equal(why.text,
	                    "strategy krum needs 5 updates and a round of 6 sites may end with 4: raise sites.min, "
	                    "invite more hospitals, or lower training.server.byzantine or keep");
	assert_int_equal(study_check_robust(&s, 7, &why), OK);
	s.sites.min = 5;
	assert_int_equal(study_check_robust(&s, 6, &why), OK);
	s.sites.min = 3;
	s.strategy = STRATEGY_FEDAVG; /* does not ask */
	assert_int_equal(study_check_robust(&s, 3, &why), OK);
}

/* Groups of 4 or more; a round ends well with more than half of the groups. */
static void test_what_groups_have(void **state)
{
	struct study s = study_of(STRATEGY_TRIMMED_MEAN, (struct server_training){.trim = 0.34});
	struct diag why = {{0}};

	(void)state;
	s.sites = (struct sites_rule){.min = 3, .max_dropouts = 1, .masking = MASKING_GROUPS, .group = 4};
	assert_int_equal(study_fewest_updates(&s), 3);
	for (uint32_t sites = 4; sites < 40; sites++) {
		uint32_t groups = sites / 4;

		assert_int_equal(study_check_robust(&s, sites, &why), groups / 2 + 1 >= 3 ? OK : ERR_REFUSED);
	}
	assert_int_equal(study_check_robust(&s, 15, &why), ERR_REFUSED);
	assert_string_equal(why.text,
	                    "strategy trimmed_mean needs 3 groups and a round of 15 sites may end with 2: invite more "
	                    "hospitals, make groups smaller, or raise training.server.trim");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_which_they_are),   cmocka_unit_test(test_what_is_trimmed),
		cmocka_unit_test(test_what_krum_needs),  cmocka_unit_test(test_what_a_clear_round_has),
		cmocka_unit_test(test_what_groups_have),
	};

	return cmocka_run_group_tests_name("study_robust", tests, NULL, NULL);
}
