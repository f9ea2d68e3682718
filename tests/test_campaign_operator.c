/* What the operator may do with a campaign in every state: start, pause, resume, stop. */
#include "tests/support/conduct.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#define SITES CONDUCT_SITES

static int setup(void **state)
{
	static struct conductor c;

	conduct_begin(&c, NULL);
	*state = &c;
	return 0;
}

static int teardown(void **state)
{
	conduct_end(*state);
	return 0;
}

static void test_the_operator_in_every_state(void **state)
{
	static const struct {
		enum campaign_state in;
		bool start, pause, stop;
	} table[] = {
		{CAMPAIGN_READY, true, false, true},          {CAMPAIGN_EXPECT_SITES, false, true, true},
		{CAMPAIGN_EXPECT_OPENED, false, true, true},  {CAMPAIGN_EXPECT_ROUND, false, true, true},
		{CAMPAIGN_EXPECT_OUTCOME, false, true, true}, {CAMPAIGN_EXPECT_CLOSED, false, true, true},
		{CAMPAIGN_EXPECT_RETRY, false, true, true},   {CAMPAIGN_FINISHED, false, false, false},
		{CAMPAIGN_STOPPED, false, false, false},      {CAMPAIGN_FAILED, false, false, false},
	};
	struct conductor *c = *state;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct diag why = {{0}};

		conduct_reach(c, table[i].in);
		assert_int_equal(campaign_start(c->campaign, 0, &why), table[i].start ? OK : ERR_CONFLICT);
		assert_int_equal(why.text[0] == '\0', table[i].start);
		conduct_reach(c, table[i].in);
		assert_int_equal(campaign_pause(c->campaign, &why), table[i].pause ? OK : ERR_CONFLICT);
		assert_int_equal(campaign_pause(c->campaign, &why), table[i].pause ? OK : ERR_CONFLICT);
		conduct_reach(c, table[i].in);
		assert_int_equal(campaign_unpause(c->campaign, 0, &why), table[i].pause ? OK : ERR_CONFLICT);
		conduct_reach(c, table[i].in);
		assert_int_equal(campaign_stop(c->campaign, c->now_ms, &why), table[i].stop ? OK : ERR_CONFLICT);
		assert_int_equal(campaign_stop(c->campaign, c->now_ms, &why), ERR_CONFLICT); /* once is enough */
		conduct(c);
		assert_int_equal(campaign_state(c->campaign), table[i].stop ? CAMPAIGN_STOPPED : table[i].in);
		assert_true(campaign_deadline_ms(c->campaign) == INT64_MAX);
		conduct_restart(c);
		conduct(c);
		assert_int_equal(campaign_state(c->campaign), table[i].stop ? CAMPAIGN_STOPPED : table[i].in);
	}
}

/* Stopped while a round is open, computed or closed: what it was is reported once, and nothing that comes late
 * counts. */
static void test_stopping_in_the_middle(void **state)
{
	static const struct {
		enum campaign_state in;
		unsigned reports;
		enum round_outcome outcome;
	} table[] = {
		{CAMPAIGN_EXPECT_OPENED, 0, OUTCOME_DONE},
		{CAMPAIGN_EXPECT_ROUND, 1, OUTCOME_ABANDONED},
		{CAMPAIGN_EXPECT_OUTCOME, 1, OUTCOME_ABANDONED},
		{CAMPAIGN_EXPECT_CLOSED, 2, OUTCOME_DONE}, /* its end is written with both records */
	};
	struct conductor *c = *state;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct campaign_action compute = {.kind = CAMPAIGN_COMPUTE};
		struct diag why = {{0}};
		uint64_t octets;
		struct hash model;

		conduct_reach(c, table[i].in);
		assert_int_equal(campaign_stop(c->campaign, c->now_ms, &why), OK);
		conduct_answer(c, &compute); /* the pool was just making a model */
		campaign_added(c->campaign, 1, c->now_ms);
		campaign_site_persisted(c->campaign, 1, true, c->now_ms);
		conduct(c);
		assert_int_equal(campaign_state(c->campaign), CAMPAIGN_STOPPED);
		assert_int_equal(c->reports, table[i].reports);
		assert_int_equal(c->outcome, table[i].outcome);
		model = campaign_model(c->campaign, &octets);
		assert_int_equal(hash_is_zero(&model), table[i].in != CAMPAIGN_EXPECT_CLOSED);
		assert_non_null(strstr(conduct_inbox(c, 1, 0), "\"complete\":false"));
	}
}

static void test_pausing_lets_the_open_round_end(void **state)
{
	struct conductor *c = *state;
	struct diag why = {{0}};

	conduct_reach(c, CAMPAIGN_EXPECT_ROUND);
	assert_int_equal(campaign_pause(c->campaign, &why), OK);
	conduct(c);
	assert_string_equal(campaign_state_name(c->campaign), "paused");
	conduct_round(c, SITES);
	assert_int_equal(c->outcome, OUTCOME_DONE);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_SITES);
	conduct_approve(c, SITES + 1); /* another site does not end the pause */
	conduct_restart(c); /* nor does a restart */
	conduct(c);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_SITES);
	assert_int_equal(campaign_unpause(c->campaign, c->now_ms, &why), OK);
	conduct(c);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_ROUND);
	assert_int_equal(campaign_plan(c->campaign)->step, 1);
	assert_int_equal(campaign_plan(c->campaign)->site_count, SITES + 1);
}

static void test_pausing_before_another_attempt(void **state)
{
	struct conductor *c = *state;
	struct diag why = {{0}};

	conduct_reach(c, CAMPAIGN_EXPECT_RETRY);
	assert_int_equal(campaign_pause(c->campaign, &why), OK);
	conduct_to(c, c->now_ms + CONDUCT_PAUSE_MS);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_SITES);
	assert_int_equal(campaign_unpause(c->campaign, c->now_ms, &why), OK);
	conduct(c);
	assert_int_equal(campaign_plan(c->campaign)->round, 1);
	assert_int_equal(campaign_plan(c->campaign)->attempt, 2); /* the plan was kept for it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_operator_in_every_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopping_in_the_middle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pausing_lets_the_open_round_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pausing_before_another_attempt, setup, teardown),
	};

	return cmocka_run_group_tests_name("campaign_operator", tests, NULL, NULL);
}
