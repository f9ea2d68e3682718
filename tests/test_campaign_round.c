/* How a campaign opens and closes its rounds: attempts, plans that stay or change, deadlines, and what cannot be
 * opened. */
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

static void begin(struct conductor *c, uint32_t sites)
{
	conduct_approve(c, sites);
	conduct_start(c);
}

static struct hash plan_hash(const struct conductor *c)
{
	struct hash h;

	round_plan_hash(&h, campaign_plan(c->campaign));
	return h;
}

/* The open attempt ends without a contribution; then the pause before the next. */
static void fail_attempt(struct conductor *c)
{
	unsigned before = c->reports;

	conduct_to(c, c->now_ms + CONDUCT_DEADLINE_MS);
	assert_int_equal(c->reports, before + 1);
	assert_int_equal(c->outcome, OUTCOME_FAILED);
}

static void test_another_attempt_has_the_same_plan(void **state)
{
	struct conductor *c = *state;
	struct hash before, after;

	begin(c, SITES);
	conduct_round(c, SITES);
	before = plan_hash(c);
	conduct_contribute(c, 2);
	fail_attempt(c);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_RETRY);
	assert_int_equal(campaign_deadline_ms(c->campaign), c->now_ms + CONDUCT_PAUSE_MS);
	conduct_to(c, c->now_ms + CONDUCT_PAUSE_MS - 1);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_RETRY);
	conduct_to(c, c->now_ms + 1);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_ROUND);
	after = plan_hash(c);
	assert_true(hash_equal(&before, &after));
	assert_int_equal(campaign_plan(c->campaign)->attempt, 2);
	assert_int_equal(round_contributions(campaign_round(c->campaign)), 0); /* an attempt counts its own */
	conduct_contribute(c, 2); /* who contributed before does so again */
	conduct_contribute(c, 1);
	conduct_contribute(c, 3);
	assert_int_equal(c->outcome, OUTCOME_DONE);
	assert_int_equal(campaign_plan(c->campaign)->round, 3);
	assert_int_equal(campaign_plan(c->campaign)->attempt, 1);
	assert_int_equal(campaign_plan(c->campaign)->step, 2);
}

static void test_other_sites_make_another_round(void **state)
{
	struct conductor *c = *state;
	struct hash before, after;

	begin(c, SITES);
	before = plan_hash(c);
	fail_attempt(c);
	conduct_approve(c, SITES + 1);
	conduct_to(c, c->now_ms + CONDUCT_PAUSE_MS);
	after = plan_hash(c);
	assert_false(hash_equal(&before, &after));
	assert_int_equal(campaign_plan(c->campaign)->round, 2);
	assert_int_equal(campaign_plan(c->campaign)->attempt, 1);
	assert_int_equal(campaign_plan(c->campaign)->step, 0); /* it asks the same again */
	assert_int_equal(campaign_plan(c->campaign)->site_count, SITES + 1);
}

static void test_as_many_but_other_sites_make_another_round(void **state)
{
	struct conductor *c = *state;

	begin(c, SITES);
	fail_attempt(c);
	campaign_answer(c->campaign, 1, ANSWER_WITHDRAWN, c->now_ms);
	campaign_answer(c->campaign, SITES + 1, ANSWER_APPROVED, c->now_ms);
	conduct_to(c, c->now_ms + CONDUCT_PAUSE_MS);
	assert_int_equal(campaign_plan(c->campaign)->site_count, SITES);
	assert_int_equal(campaign_plan(c->campaign)->round, 2);
}

static void test_who_leaves_and_comes_back_changes_nothing(void **state)
{
	struct conductor *c = *state;

	begin(c, SITES);
	fail_attempt(c);
	campaign_revoked(c->campaign, 1, c->now_ms);
	campaign_answer(c->campaign, 1, ANSWER_APPROVED, c->now_ms);
	conduct_to(c, c->now_ms + CONDUCT_PAUSE_MS);
	assert_int_equal(campaign_plan(c->campaign)->round, 1);
	assert_int_equal(campaign_plan(c->campaign)->attempt, 2);
}

static void test_attempts_are_counted_and_end(void **state)
{
	struct conductor *c = *state;

	begin(c, SITES);
	for (uint32_t attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
		assert_int_equal(campaign_plan(c->campaign)->round, 1);
		assert_int_equal(campaign_plan(c->campaign)->attempt, attempt);
		fail_attempt(c);
		if (attempt % 5 == 0) /* the count is in the record */
			conduct_restart(c);
		conduct_to(c, c->now_ms + CONDUCT_PAUSE_MS);
	}
	assert_int_equal(campaign_plan(c->campaign)->round, 2);
	assert_int_equal(campaign_plan(c->campaign)->attempt, 1);
	assert_int_equal(campaign_plan(c->campaign)->step, 0);
}

static void test_deadlines(void **state)
{
	struct conductor *c = *state;

	c->now_ms = 77;
	begin(c, SITES);
	assert_int_equal(campaign_deadline_ms(c->campaign), 77 + CONDUCT_JOIN_MS);
	conduct_contribute(c, 1);
	conduct_contribute(c, 2);
	conduct_to(c, 77 + CONDUCT_JOIN_MS - 1);
	assert_int_equal(c->reports, 0);
	conduct_to(c, 77 + CONDUCT_JOIN_MS); /* 3 has not joined: two make the quorum */
	assert_int_equal(c->reports, 1);
	assert_int_equal(c->took_ms, CONDUCT_JOIN_MS);
	assert_int_equal(c->outcome, OUTCOME_DONE);
	assert_int_equal(campaign_plan(c->campaign)->site_count, SITES); /* the absent one is invited again */
	campaign_polled(c->campaign, 3, c->now_ms);
	conduct_contribute(c, 1);
	conduct_contribute(c, 2);
	conduct_to(c, c->now_ms + CONDUCT_DEADLINE_MS - 1); /* this time it has joined, and is waited for */
	assert_int_equal(c->reports, 1);
	conduct_to(c, c->now_ms + 1);
	assert_int_equal(c->reports, 2);
}

/* A restart gives every site its time again, and keeps who has contributed, refused or left. */
static void test_a_restart_in_a_round(void **state)
{
	struct conductor *c = *state;
	struct round_site before;

	begin(c, SITES + 1);
	conduct_contribute(c, 4);
	assert_int_equal(campaign_refused(c->campaign, 2, 1, 1, REFUSAL_MODEL, 0), OK);
	conduct(c);
	before = *round_site(campaign_round(c->campaign), 4);
	c->now_ms = CONDUCT_DEADLINE_MS - 1;
	conduct_restart(c);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_ROUND);
	assert_int_equal(campaign_deadline_ms(c->campaign), c->now_ms + CONDUCT_JOIN_MS);
	assert_int_equal(conduct_upload(c, 4), UPLOAD_ACCEPTED);
	conduct(c);
	assert_int_equal(c->seen[CAMPAIGN_BEGIN], 2);
	assert_int_equal(c->seen[CAMPAIGN_ADD], 2); /* the sum is made again */
	assert_memory_equal(&before.content, &round_site(campaign_round(c->campaign), 4)->content,
	                    sizeof before.content);
	assert_int_equal(round_site(campaign_round(c->campaign), 2)->refusal, REFUSAL_MODEL);
	conduct_contribute(c, 1);
	conduct_contribute(c, 3);
	assert_int_equal(c->outcome, OUTCOME_DONE);
}

static void test_a_restart_while_waiting(void **state)
{
	struct conductor *c = *state;

	begin(c, 1);
	conduct_restart(c);
	conduct(c);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_SITES);
	conduct_approve(c, 2);
	fail_attempt(c);
	conduct_restart(c); /* in the pause before the next attempt */
	conduct(c);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_ROUND);
	assert_int_equal(campaign_plan(c->campaign)->round, 1);
	assert_int_equal(campaign_plan(c->campaign)->attempt, 2);
}

/* ---- sums that would overflow */

#define LARGE_CAP "training: {rounds: 3, weights: {by: patients, cap: 10000000}}"
#define TOO_MANY 215 /* times the cap passes 2^31 - 1 */

static void assert_overflow_failed(struct conductor *c)
{
	conduct(c);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_FAILED);
	assert_non_null(strstr(campaign_failure(c->campaign), "215 sites"));
	assert_non_null(strstr(campaign_failure(c->campaign), "lower the cap"));
	assert_non_null(strstr(conduct_inbox(c, 1, 0), "\"complete\":false"));
	conduct_restart(c);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_FAILED);
}

static void test_a_sum_that_would_overflow_after_a_round(void **state)
{
	struct conductor *c = *state;

	conduct_again(c, LARGE_CAP);
	begin(c, TOO_MANY);
	conduct_round(c, TOO_MANY); /* statistics are wide; the weights of the next round are not */
	assert_overflow_failed(c);
	assert_int_equal(c->outcome, OUTCOME_DONE);
}

static void test_a_sum_that_would_overflow_at_opening(void **state)
{
	struct conductor *c = *state;
	struct diag why = {{0}};

	conduct_again(c, LARGE_CAP);
	begin(c, TOO_MANY - 1);
	conduct_round(c, TOO_MANY - 1);
	assert_int_equal(campaign_plan(c->campaign)->step, 1); /* so many fit */
	assert_int_equal(campaign_pause(c->campaign, &why), OK);
	fail_attempt(c);
	conduct_approve(c, TOO_MANY);
	conduct_to(c, c->now_ms + CONDUCT_PAUSE_MS);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_SITES);
	assert_int_equal(campaign_unpause(c->campaign, c->now_ms, &why), OK);
	assert_overflow_failed(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_another_attempt_has_the_same_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_sites_make_another_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_as_many_but_other_sites_make_another_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_leaves_and_comes_back_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attempts_are_counted_and_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadlines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_restart_in_a_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_restart_while_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_sum_that_would_overflow_after_a_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_sum_that_would_overflow_at_opening, setup, teardown),
	};

	return cmocka_run_group_tests_name("campaign_round", tests, NULL, NULL);
}
