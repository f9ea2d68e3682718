/* The campaign against its picture in campaign.h: what the sites and the shell may do in every state, and which model
 * is the best. */
#include "tests/support/conduct.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
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

static void test_a_whole_study(void **state)
{
	static const unsigned asks[] = {ASK_STATISTICS, ASK_TRAIN, ASK_TRAIN | ASK_EVALUATE, ASK_TRAIN | ASK_EVALUATE,
	                                ASK_EVALUATE};
	struct conductor *c = *state;
	uint64_t octets;

	conduct_approve(c, SITES);
	assert_string_equal(campaign_state_name(c->campaign), "ready");
	conduct_start(c);
	for (uint32_t step = 0; step < 5; step++) {
		const struct round_plan *p = campaign_plan(c->campaign);
		struct hash model = {{0}};

		if (step > 0)
			model = conduct_made(step - 1);
		assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_ROUND);
		assert_int_equal(p->step, step);
		assert_int_equal(p->round, step + 1);
		assert_int_equal(p->attempt, 1);
		assert_int_equal(p->asks, asks[step]);
		assert_true(hash_equal(&p->model, &model));
		conduct_round(c, SITES);
		assert_int_equal(c->outcome, OUTCOME_DONE);
		assert_int_equal(c->evaluated, (asks[step] & ASK_EVALUATE) != 0);
	}
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_FINISHED);
	assert_int_equal(campaign_step(c->campaign), 3);
	assert_true(campaign_model(c->campaign, &octets).b[0] == 3);
	assert_int_equal(c->seen[CAMPAIGN_BEGIN], 5);
	assert_int_equal(c->seen[CAMPAIGN_ADD], 5 * SITES);
	assert_int_equal(c->seen[CAMPAIGN_PERSIST], 7); /* start, its first round, and one for each round's end */
}

/* ---- the sites */

static void test_waits_for_enough_approvals(void **state)
{
	struct conductor *c = *state;
	char words[200];

	conduct_start(c);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_SITES);
	campaign_answer(c->campaign, 2, ANSWER_REJECTED, 0);
	conduct_approve(c, 1);
	campaign_waiting_for(c->campaign, words, sizeof words);
	assert_string_equal(words, "1 more hospital to approve (1 of 2)");
	conduct_approve(c, 2); /* 2 has changed its mind */
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_ROUND);
	assert_int_equal(campaign_plan(c->campaign)->site_count, 2);
	conduct_approve(c, 2); /* every poll says it again, and nothing is written */
	assert_int_equal(c->seen[CAMPAIGN_PERSIST_ANSWER], 3);
}

/* sites.min is 2, and a fixed list of members could be enough; those who approve are not yet. */
static void test_waits_for_enough_updates(void **state)
{
	struct conductor *c = *state;
	char words[200];

	c->study.strategy = STRATEGY_TRIMMED_MEAN;
	c->study.server.trim = 0.25;
	conduct_start(c);
	conduct_approve(c, 4);
	campaign_waiting_for(c->campaign, words, sizeof words);
	assert_string_equal(words, "strategy trimmed_mean needs 4 updates and a round of 4 sites may end with 3: raise "
	                           "sites.min, invite more hospitals, or raise training.server.trim");
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_SITES);
	conduct_approve(c, 5);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_ROUND);
}

static void test_a_site_that_approves_in_the_middle_is_invited_next(void **state)
{
	struct conductor *c = *state;

	conduct_reach(c, CAMPAIGN_EXPECT_ROUND);
	conduct_approve(c, SITES + 1);
	assert_int_equal(conduct_upload(c, SITES + 1), UPLOAD_UNINVITED);
	conduct_round(c, SITES);
	assert_int_equal(campaign_plan(c->campaign)->site_count, SITES + 1);
	conduct_contribute(c, SITES + 1);
}

static void leave(struct conductor *c, uint32_t site, bool revoked)
{
	if (revoked)
		campaign_revoked(c->campaign, site, c->now_ms);
	else
		campaign_answer(c->campaign, site, ANSWER_WITHDRAWN, c->now_ms);
}

static void test_leaving_before_during_and_after_a_round(void **state)
{
	struct conductor *c = *state;

	for (int revoked = 0; revoked <= 1; revoked++) {
		conduct_reach(c, CAMPAIGN_READY);
		leave(c, 2, revoked);
		conduct_start(c);
		assert_int_equal(campaign_plan(c->campaign)->site_count, SITES - 1);
		assert_int_equal(conduct_upload(c, 2), UPLOAD_UNINVITED);

		conduct_reach(c, CAMPAIGN_EXPECT_ROUND);
		leave(c, 2, revoked);
		conduct(c);
		assert_int_equal(round_site(campaign_round(c->campaign), 2)->dropped,
		                 revoked ? DROP_REVOKED : DROP_WITHDRAWN);
		assert_int_equal(c->rows[2].state, SITE_DROPPED);
		conduct_contribute(c, 1);
		conduct_contribute(c, 3);
		assert_int_equal(c->outcome, OUTCOME_DONE); /* nobody waits for 2 */

		conduct_reach(c, CAMPAIGN_EXPECT_ROUND);
		conduct_contribute(c, 2);
		leave(c, 2, revoked); /* what was accepted counts */
		conduct_contribute(c, 1);
		conduct_contribute(c, 3);
		assert_int_equal(c->seen[CAMPAIGN_ADD], 3);
		assert_int_equal(campaign_plan(c->campaign)->site_count, SITES - 1); /* of the next round */
	}
}

static void test_leaving_too_many_fails_the_attempt_at_once(void **state)
{
	struct conductor *c = *state;

	conduct_reach(c, CAMPAIGN_EXPECT_ROUND);
	leave(c, 1, true);
	leave(c, 2, false);
	conduct(c);
	assert_int_equal(c->outcome, OUTCOME_FAILED);
	conduct_to(c, c->now_ms + CONDUCT_PAUSE_MS);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_SITES);
	conduct_approve(c, 1); /* its certificate is good again: the same answer as before, and the study goes on */
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_ROUND);
	assert_int_equal(campaign_plan(c->campaign)->site_count, 2);
}

/* Between the plan and its first message, and between an answer's row and the drop's: nobody waits for who has left. */
static void test_leaving_between_plan_and_round(void **state)
{
	struct conductor *c = *state;
	struct campaign_action a;

	for (int revoked = 0; revoked <= 1; revoked++) {
		conduct_reach(c, CAMPAIGN_EXPECT_OPENED);
		leave(c, 2, revoked);
		conduct(c);
		assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_ROUND);
		assert_int_equal(round_site(campaign_round(c->campaign), 2)->dropped,
		                 revoked ? DROP_REVOKED : DROP_WITHDRAWN);
	}
	conduct_reach(c, CAMPAIGN_EXPECT_ROUND);
	leave(c, 2, false);
	conduct_until(c, CAMPAIGN_PERSIST_SITE, &a); /* the answer is stored, what it means for the round is not */
	conduct_restart(c);
	conduct(c);
	assert_int_equal(round_site(campaign_round(c->campaign), 2)->dropped, DROP_WITHDRAWN);
	assert_int_equal(c->rows[2].state, SITE_DROPPED);
}

static void test_refusals(void **state)
{
	struct conductor *c = *state;
	struct campaign *k;

	conduct_reach(c, CAMPAIGN_EXPECT_ROUND);
	k = c->campaign;
	assert_int_equal(campaign_refused(k, 1, 1, 2, REFUSAL_BUDGET, 0), ERR_PEER_STATE);
	assert_int_equal(campaign_refused(k, 1, 2, 1, REFUSAL_BUDGET, 0), ERR_PEER_STATE);
	assert_int_equal(campaign_refused(k, 1, UINT64_MAX, UINT32_MAX, REFUSAL_BUDGET, 0), ERR_PEER_STATE);
	assert_int_equal(campaign_refused(k, SITES + 1, 1, 1, REFUSAL_BUDGET, 0), ERR_PEER_IDENTITY);
	conduct_contribute(c, 1);
	assert_int_equal(campaign_refused(k, 1, 1, 1, REFUSAL_BUDGET, 0), ERR_PEER_STATE);
	assert_int_equal(campaign_refused(k, 2, 1, 1, REFUSAL_BUDGET, 0), OK);
	assert_int_equal(campaign_refused(k, 2, 1, 1, REFUSAL_EXPIRED, 0), OK); /* a repeat, whatever it says */
	conduct(c);
	assert_int_equal(c->rows[2].state, SITE_REFUSED);
	assert_int_equal(c->rows[2].refusal, REFUSAL_BUDGET);
	assert_int_equal(conduct_upload(c, 2), UPLOAD_UNINVITED);
	assert_int_equal(campaign_refused(k, 3, 1, 1, REFUSAL_EXPIRED, 0), OK);
	conduct(c);
	assert_int_equal(c->outcome, OUTCOME_FAILED); /* one is left, and two make a quorum */
	assert_int_equal(campaign_refused(k, 3, 1, 1, REFUSAL_EXPIRED, 0), ERR_PEER_STATE);
}

static void test_nobody_is_heard_outside_a_round(void **state)
{
	static const enum campaign_state states[] = {
		CAMPAIGN_READY,          CAMPAIGN_EXPECT_SITES,  CAMPAIGN_EXPECT_OPENED,
		CAMPAIGN_EXPECT_OUTCOME, CAMPAIGN_EXPECT_CLOSED, CAMPAIGN_EXPECT_RETRY,
		CAMPAIGN_FINISHED,       CAMPAIGN_STOPPED,       CAMPAIGN_FAILED};
	struct conductor *c = *state;

	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		struct campaign_action a;

		conduct_reach(c, states[i]);
		while (campaign_next(c->campaign, &a))
			;
		campaign_polled(c->campaign, 1, c->now_ms);
		campaign_site_persisted(c->campaign, 1, false, c->now_ms);
		campaign_added(c->campaign, 1, c->now_ms);
		campaign_tick(c->campaign, c->now_ms);
		assert_int_equal(campaign_refused(c->campaign, 1, 1, 1, REFUSAL_PLAN, c->now_ms), ERR_PEER_STATE);
		campaign_persisted(c->campaign, 0, c->now_ms); /* of a token that nobody waits for */
		if (states[i] != CAMPAIGN_EXPECT_OUTCOME)
			conduct_answer(c, &(struct campaign_action){.kind = CAMPAIGN_COMPUTE});
		assert_false(campaign_next(c->campaign, &a));
		assert_int_equal(campaign_state(c->campaign), states[i]);
	}
}

static void test_an_upload_that_finds_the_disk_full(void **state)
{
	struct conductor *c = *state;
	struct campaign_action a;

	conduct_reach(c, CAMPAIGN_EXPECT_ROUND);
	conduct_contribute(c, 1);
	conduct_contribute(c, 2);
	assert_int_equal(conduct_upload(c, 3), UPLOAD_WANTED);
	assert_int_equal(conduct_upload(c, 3), UPLOAD_PENDING);
	conduct_until(c, CAMPAIGN_PERSIST_SITE, &a);
	campaign_site_persisted(c->campaign, 3, false, c->now_ms);
	conduct(c);
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_EXPECT_ROUND);
	assert_int_equal(conduct_upload(c, 3), UPLOAD_WANTED);
	conduct(c);
	assert_int_equal(c->outcome, OUTCOME_DONE);
	assert_int_equal(c->seen[CAMPAIGN_ADD], 3);
}

/* ---- models */

static void run_on(struct conductor *c, double first, double second, double third)
{
	c->validation[1] = first;
	c->validation[2] = second;
	c->validation[3] = third;
	conduct_approve(c, SITES);
	conduct_start(c);
	while (campaign_state(c->campaign) == CAMPAIGN_EXPECT_ROUND) {
		conduct_round(c, SITES);
		conduct_restart(c); /* what was judged so far is in the record */
		conduct(c);
	}
	assert_int_equal(campaign_state(c->campaign), CAMPAIGN_FINISHED);
}

static void run_to_the_end(struct conductor *c, const char *line, double first, double second, double third)
{
	conduct_again(c, line);
	run_on(c, first, second, third);
}

/* As a study of a number would, whose label changes nothing else for the campaign. */
static void run_numbers(struct conductor *c, enum select_metric select, double first, double second, double third)
{
	conduct_again(c, NULL);
	c->study.select = select;
	run_on(c, first, second, third);
}

static uint32_t best_step(const struct conductor *c)
{
	uint64_t octets;
	uint32_t step;
	struct hash best = campaign_best(c->campaign, &octets, &step), made = conduct_made(step);

	assert_true(hash_equal(&best, &made));
	assert_int_equal(octets, 1000 + step);
	return step;
}

#define EVALUATION(select) "evaluation: {release: masked, bins: 16, select: " select "}"

static void test_the_best_model(void **state)
{
	static const char *const larger[] = {EVALUATION("auc"), EVALUATION("accuracy"), EVALUATION("f1")};
	struct conductor *c = *state;

	for (size_t i = 0; i < sizeof larger / sizeof *larger; i++) {
		run_to_the_end(c, larger[i], 0.7, 0.9, 0.8);
		assert_int_equal(best_step(c), 2);
	}
	run_to_the_end(c, EVALUATION("auc"), 0.9, 0.7, 0.9); /* of equals the earlier */
	assert_int_equal(best_step(c), 1);
	run_to_the_end(c, EVALUATION("loss"), 0.7, 0.9, 0.8);
	assert_int_equal(best_step(c), 1);
	run_to_the_end(c, EVALUATION("loss"), NAN, 0.9, 0.8);
	assert_int_equal(best_step(c), 3);
	run_numbers(c, SELECT_R2, 0.7, 0.9, 0.8);
	assert_int_equal(best_step(c), 2);
	run_numbers(c, SELECT_RMSE, 0.9, 0.8, 0.7);
	assert_int_equal(best_step(c), 3);
	run_to_the_end(c, EVALUATION("auc"), NAN, 0.9, NAN); /* withheld figures are no judgement */
	assert_int_equal(best_step(c), 2);
	run_to_the_end(c, EVALUATION("auc"), NAN, NAN, NAN); /* no validation part: the last */
	assert_int_equal(best_step(c), 3);
	run_to_the_end(c, "evaluation: {release: none}", 0.9, 0.8, 0.7);
	assert_int_equal(best_step(c), 3);
	assert_int_equal(c->reports, 4); /* and no round for the last figures */
}

static void test_what_cannot_be_trained_ends_the_study(void **state)
{
	struct conductor *c = *state;

	conduct_reach(c, CAMPAIGN_FAILED);
	for (int restarted = 0; restarted <= 1; restarted++) {
		assert_string_equal(campaign_failure(c->campaign), "one class");
		assert_string_equal(campaign_state_name(c->campaign), "failed");
		assert_int_equal(c->outcome, OUTCOME_ABANDONED);
		assert_true(hash_is_zero(&c->model));
		assert_non_null(strstr(conduct_inbox(c, 1, 0), "\"complete\":false"));
		conduct_restart(c);
		conduct(c);
		assert_int_equal(campaign_state(c->campaign), CAMPAIGN_FAILED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_whole_study, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_enough_approvals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_enough_updates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_site_that_approves_in_the_middle_is_invited_next, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_leaving_before_during_and_after_a_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leaving_too_many_fails_the_attempt_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leaving_between_plan_and_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_is_heard_outside_a_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_upload_that_finds_the_disk_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_best_model, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_trained_ends_the_study, setup, teardown),
	};

	return cmocka_run_group_tests_name("campaign", tests, NULL, NULL);
}
