/*
 * What lost rounds cost a study under privacy: counted once for each number that is given up after a hospital may have answered, over
 * restarts too; the study ends when no more is paid for. And the clip that goes from round to round.
 */
#include "tests/support/conduct.h"
#include "tests/support/masked_campaign.h"
#include "tests/support/private_terms.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

static void assert_spares(const struct campaign *c, uint32_t lost, uint32_t left)
{
	uint32_t seen_lost, seen_left;

	campaign_spares(c, &seen_lost, &seen_left);
	assert_int_equal(seen_lost, lost);
	assert_int_equal(seen_left, left);
}

static const char *reason(const struct campaign *c)
{
	static char text[DIAG_MAX];

	campaign_reason(c, text, sizeof text);
	return text;
}

/* ---- under masks: shares were given away, and the sum is lost */

static void begin_masked(struct masked_campaign *k, enum privacy_mechanism mechanism, uint32_t spare_rounds)
{
	masked_campaign_init(k, "masking: required", 5);
	if (mechanism != PRIVACY_NONE)
		private_terms(&k->study, mechanism, spare_rounds);
	masked_campaign_start(k);
	masked_campaign_run(k, 1); /* the statistics */
}

/* The next round's sum does not hold. */
static void lose(struct masked_campaign *k)
{
	k->garbage = true;
	masked_campaign_run(k, k->report_count + 1);
	assert_false(k->garbage);
}

static void each_lost_round_is_paid_for(void **state)
{
	struct masked_campaign k;

	(void)state;
	begin_masked(&k, PRIVACY_DISTRIBUTED, 2);
	assert_spares(k.campaign, 0, 2);
	lose(&k);
	masked_campaign_step(&k);
	assert_spares(k.campaign, 1, 1);
	masked_campaign_restart(&k);
	assert_spares(k.campaign, 1, 1);
	masked_campaign_run(&k, k.report_count + 1);
	lose(&k);
	masked_campaign_run(&k, 0);
	assert_spares(k.campaign, 2, 0);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_FINISHED);
	assert_string_equal(masked_campaign_story(&k), "1.1 done, 2.1 abandoned, 3.1 done, 4.1 abandoned, 5.1 done, "
	                                               "6.1 done, 7.1 done");
	assert_string_equal(reason(k.campaign), "");
	masked_campaign_free(&k);
}

static void assert_used_up(uint32_t spare_rounds, const char *words)
{
	struct masked_campaign k;

	begin_masked(&k, PRIVACY_DISTRIBUTED, spare_rounds);
	for (uint32_t i = 0; i <= spare_rounds; i++)
		lose(&k);
	masked_campaign_run(&k, 0);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_FAILED);
	assert_int_equal(k.report_count, spare_rounds + 2);
	assert_string_equal(campaign_failure(k.campaign), words);
	assert_spares(k.campaign, spare_rounds, 0);
	masked_campaign_free(&k);
}

static void the_study_fails_when_none_is_left(void **state)
{
	(void)state;
	assert_used_up(3, "the 3 spare rounds are used up: sites would refuse; a new revision must pay for more "
	                  "(privacy.spare_rounds)");
	assert_used_up(1, "the 1 spare round is used up: sites would refuse; a new revision must pay for more "
	                  "(privacy.spare_rounds)");
	assert_used_up(0,
	               "a training round is lost, and no spare round was paid for: sites would refuse; a new revision "
	               "must pay for some (privacy.spare_rounds)");
}

/* An attempt that nobody was asked for shares in is tried again under its number, which costs nothing. */
static void another_attempt_costs_nothing(void **state)
{
	struct masked_campaign k;

	(void)state;
	masked_campaign_init(&k, "masking: required", 5);
	private_terms(&k.study, PRIVACY_DISTRIBUTED, 0);
	k.fail_round = 2;
	k.fail_phase = SECAGG_INPUT;
	k.fail_sites = 3;
	masked_campaign_start(&k);
	masked_campaign_run(&k, 0);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_FINISHED);
	assert_string_equal(masked_campaign_story(&k), "1.1 done, 2.1 failed, 2.2 done, 3.1 done, 4.1 done, 5.1 done");
	masked_campaign_free(&k);
}

static void a_lost_noised_evaluation_ends_the_study_without_figures(void **state)
{
	struct masked_campaign k;

	(void)state;
	begin_masked(&k, PRIVACY_DISTRIBUTED, 2);
	masked_campaign_run(&k, 4);
	lose(&k);
	masked_campaign_run(&k, 0);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_FINISHED);
	assert_int_equal(campaign_step(k.campaign), 3);
	assert_string_equal(masked_campaign_story(&k), "1.1 done, 2.1 done, 3.1 done, 4.1 done, 5.1 abandoned");
	assert_string_equal(reason(k.campaign),
	                    "without figures: the round of the noised evaluation is lost, and it was paid for once");
	assert_spares(k.campaign, 0, 2);
	masked_campaign_restart(&k);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_FINISHED);
	masked_campaign_free(&k);
}

/* Exact figures cost nothing, so they are asked for again; without privacy nothing costs anything. */
static void what_is_not_paid_for_is_asked_again(void **state)
{
	struct masked_campaign k;

	(void)state;
	begin_masked(&k, PRIVACY_DISTRIBUTED, 0);
	k.study.evaluation = EVALUATION_MASKED;
	k.study.evaluate_every = 0;
	masked_campaign_run(&k, 4);
	lose(&k);
	masked_campaign_run(&k, 0);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_FINISHED);
	assert_string_equal(masked_campaign_story(&k),
	                    "1.1 done, 2.1 done, 3.1 done, 4.1 done, 5.1 abandoned, 6.1 done");
	masked_campaign_free(&k);

	begin_masked(&k, PRIVACY_NONE, 0);
	for (int i = 0; i < 5; i++)
		lose(&k);
	masked_campaign_run(&k, 0);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_FINISHED);
	assert_spares(k.campaign, 0, 0);
	masked_campaign_free(&k);
}

/* ---- in the clear, under `local`: numbers that are given up after attempts that failed */

static void begin_clear(struct conductor *c, uint32_t spare_rounds)
{
	conduct_begin(c, NULL);
	private_terms(&c->study, PRIVACY_LOCAL, spare_rounds);
	conduct_approve(c, CONDUCT_SITES);
	conduct_start(c);
}

/* The open attempt fails. */
static void let_it_fail(struct conductor *c)
{
	while (campaign_state(c->campaign) != CAMPAIGN_EXPECT_RETRY)
		conduct_to(c, campaign_deadline_ms(c->campaign));
}

/* Attempt after attempt, with these sites there, until another number is asked for or the study is over. Returns the attempts. */
static uint32_t fail_all(struct conductor *c, uint32_t sites)
{
	uint64_t round = campaign_plan(c->campaign)->round;
	uint32_t attempts = 0;

	while (campaign_plan(c->campaign)->round == round && !campaign_over(c->campaign)) {
		attempts++;
		for (uint32_t site = 1; site <= sites; site++)
			conduct_contribute(c, site);
		let_it_fail(c);
		conduct_to(c, campaign_deadline_ms(c->campaign));
	}
	return attempts;
}

static void a_number_that_is_given_up_costs_if_a_site_was_there(void **state)
{
	struct conductor c;

	(void)state;
	begin_clear(&c, 1);
	conduct_round(&c, CONDUCT_SITES);
	assert_int_equal(fail_all(&c, 0), ATTEMPTS_MAX); /* nobody there: nothing was made, nothing spent */
	assert_int_equal(campaign_plan(c.campaign)->round, 3);
	assert_spares(c.campaign, 0, 1);
	assert_int_equal(fail_all(&c, 1), ATTEMPTS_MAX);
	assert_int_equal(campaign_plan(c.campaign)->round, 4);
	assert_spares(c.campaign, 1, 0);
	conduct_restart(&c);
	assert_spares(c.campaign, 1, 0);
	assert_int_equal(fail_all(&c, 1), ATTEMPTS_MAX);
	assert_int_equal(campaign_state(c.campaign), CAMPAIGN_FAILED);
	assert_non_null(strstr(campaign_failure(c.campaign), "the 1 spare round is used up"));
	conduct_end(&c);
}

static void statistics_are_paid_for_once(void **state)
{
	struct conductor c;

	(void)state;
	begin_clear(&c, 3);
	assert_int_equal(fail_all(&c, 0), ATTEMPTS_MAX);
	assert_int_equal(campaign_plan(c.campaign)->round, 2);
	assert_false(campaign_over(c.campaign));
	assert_int_equal(fail_all(&c, 1), ATTEMPTS_MAX);
	assert_int_equal(campaign_state(c.campaign), CAMPAIGN_FAILED);
	assert_string_equal(campaign_failure(c.campaign),
	                    "the round of the statistics is lost, and it was paid for once: "
	                    "start a new revision of the study");
	conduct_end(&c);
}

/* Whoever approves while a round is tried again waits for the next; a hospital that leaves ends its number. */
static void attempts_go_on_with_their_sites(void **state)
{
	struct conductor c;

	(void)state;
	begin_clear(&c, 3);
	conduct_round(&c, CONDUCT_SITES);
	conduct_contribute(&c, 1);
	let_it_fail(&c);
	campaign_answer(c.campaign, 4, ANSWER_APPROVED, c.now_ms);
	conduct(&c);
	conduct_to(&c, campaign_deadline_ms(c.campaign));
	assert_int_equal(campaign_plan(c.campaign)->round, 2);
	assert_int_equal(campaign_plan(c.campaign)->attempt, 2);
	assert_int_equal(campaign_plan(c.campaign)->site_count, CONDUCT_SITES);
	let_it_fail(&c);
	campaign_answer(c.campaign, 3, ANSWER_WITHDRAWN, c.now_ms);
	conduct(&c);
	conduct_to(&c, campaign_deadline_ms(c.campaign));
	assert_int_equal(campaign_plan(c.campaign)->round, 3);
	assert_int_equal(campaign_plan(c.campaign)->site_count, CONDUCT_SITES);
	assert_spares(c.campaign, 1, 2);
	conduct_end(&c);
}

/* 500 ms, and twice as long each time; never longer than six hours. Without privacy it is always the same. */
static void pauses_between_attempts_double(void **state)
{
	struct conductor c;

	(void)state;
	for (int private = 0; private < 2; private ++) {
		int64_t pause_ms = CONDUCT_PAUSE_MS;

		conduct_begin(&c, NULL);
		if (private)
			private_terms(&c.study, PRIVACY_LOCAL, 3);
		c.config.pause_ms = pause_ms;
		conduct_approve(&c, CONDUCT_SITES);
		conduct_start(&c);
		for (int attempt = 1; attempt < ATTEMPTS_MAX; attempt++) {
			conduct_to(&c,
			           campaign_deadline_ms(c.campaign)); /* the join deadline, and what else comes first */
			while (campaign_state(c.campaign) != CAMPAIGN_EXPECT_RETRY)
				conduct_to(&c, campaign_deadline_ms(c.campaign));
			assert_int_equal(campaign_deadline_ms(c.campaign) - c.now_ms, pause_ms);
			conduct_to(&c, campaign_deadline_ms(c.campaign));
			if (private)
				pause_ms = 2 * pause_ms < 6 * 3600 * 1000 ? 2 * pause_ms : 6 * 3600 * 1000;
		}
		assert_true(!private || pause_ms > 8000000);
		conduct_end(&c);
	}
}

/* An attempt that is opened again after a restart: nobody knows who had joined. */
static void after_a_restart_somebody_may_have_joined(void **state)
{
	struct conductor c;

	(void)state;
	begin_clear(&c, 1);
	conduct_round(&c, CONDUCT_SITES);
	conduct_restart(&c);
	assert_int_equal(fail_all(&c, 0), ATTEMPTS_MAX);
	assert_spares(c.campaign, 1, 0);
	conduct_end(&c);
}

/* A refusal gives nothing away. */
static void who_refuses_releases_nothing(void **state)
{
	struct conductor c;

	(void)state;
	begin_clear(&c, 1);
	conduct_round(&c, CONDUCT_SITES);
	for (int attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
		const struct round_plan *p = campaign_plan(c.campaign);

		for (uint32_t site = 1; site <= 2; site++)
			assert_int_equal(
				campaign_refused(c.campaign, site, p->round, p->attempt, REFUSAL_BUDGET, c.now_ms), OK);
		conduct(&c);
		while (campaign_state(c.campaign) != CAMPAIGN_EXPECT_ROUND)
			conduct_to(&c, campaign_deadline_ms(c.campaign));
	}
	assert_int_equal(campaign_plan(c.campaign)->round, 3);
	assert_spares(c.campaign, 0, 1);
	conduct_end(&c);
}

/* ---- the clip */

static void begin_adaptive(struct masked_campaign *k)
{
	masked_campaign_init(k, "masking: required", 5);
	private_terms(&k->study, PRIVACY_SITE, 2);
	k->study.privacy.clip_quantile = 0.5;
	k->study.privacy.clip_rate = 0.2;
	masked_campaign_start(k);
}

/* The next round, open: what its plan names; then it ends, and finds `found`. */
static double next_round(struct masked_campaign *k, double found)
{
	double clip;

	k->hold = true;
	while (campaign_state(k->campaign) != CAMPAIGN_EXPECT_OUTCOME)
		if (!masked_campaign_turn(k)) { /* the pause after a round that is lost */
			k->m.now_ms = campaign_deadline_ms(k->campaign);
			campaign_tick(k->campaign, k->m.now_ms);
		}
	clip = campaign_plan(k->campaign)->clip;
	k->hold = false;
	k->clip = found;
	masked_campaign_compute(k);
	return clip;
}

static void each_round_names_the_clip_that_the_last_one_found(void **state)
{
	struct masked_campaign k;

	(void)state;
	begin_adaptive(&k);
	assert_true(next_round(&k, 9) == 0); /* statistics clip no update */
	assert_true(next_round(&k, 0.75) == 0.5); /* the contract's */
	assert_true(next_round(&k, 0.625) == 0.75);
	k.garbage = true; /* a round that is lost finds nothing */
	assert_true(next_round(&k, 0.25) == 0.625);
	while (masked_campaign_shell(&k))
		continue;
	masked_campaign_restart(&k);
	assert_true(next_round(&k, 0.125) == 0.625);
	assert_true(next_round(&k, 9) == 0); /* neither does the evaluation */
	masked_campaign_step(&k);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_FINISHED);
	masked_campaign_free(&k);
}

/* ---- the record */

static enum err restore_with(struct masked_campaign *k, const char *key, double value, struct diag *why)
{
	struct json *record = campaign_save(k->campaign);
	struct campaign *again;
	enum err e;

	if (strcmp(key, "lost") == 0)
		json_set_integer(record, key, (int64_t)value);
	else if (strcmp(key, "released") == 0)
		json_set_bool(record, key, value != 0);
	else
		json_set_real(record, key, value);
	e = campaign_restore(&again, &k->config, record, 0, why);
	if (e == OK)
		campaign_free(again);
	json_free(record);
	return e;
}

static void records_hold_what_the_contract_permits(void **state)
{
	static const double clips[] = {0x1p-22, 0x1p20, -1, INFINITY};
	struct masked_campaign k;
	struct diag why;

	(void)state;
	begin_adaptive(&k);
	masked_campaign_run(&k, 1);
	assert_int_equal(restore_with(&k, "lost", 2, &why), OK);
	assert_int_equal(restore_with(&k, "lost", 3, &why), ERR_DATA);
	assert_int_equal(restore_with(&k, "clip", 0x1p-21, &why), OK);
	assert_int_equal(restore_with(&k, "clip", 0x1p19, &why), OK);
	for (int i = 0; i < 4; i++)
		assert_int_equal(restore_with(&k, "clip", clips[i], &why), ERR_DATA);
	assert_int_equal(restore_with(&k, "released", 1, &why), OK);
	k.study.privacy.clip_rate = 0;
	assert_int_equal(restore_with(&k, "clip", 0.5, &why), ERR_DATA);
	masked_campaign_free(&k);

	begin_masked(&k, PRIVACY_NONE, 0);
	assert_int_equal(restore_with(&k, "lost", 1, &why), ERR_DATA);
	assert_int_equal(restore_with(&k, "clip", 1, &why), ERR_DATA);
	assert_int_equal(restore_with(&k, "released", 1, &why), ERR_DATA);
	assert_int_equal(restore_with(&k, "released", 0, &why), OK);
	masked_campaign_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_lost_round_is_paid_for),
		cmocka_unit_test(the_study_fails_when_none_is_left),
		cmocka_unit_test(another_attempt_costs_nothing),
		cmocka_unit_test(a_lost_noised_evaluation_ends_the_study_without_figures),
		cmocka_unit_test(what_is_not_paid_for_is_asked_again),
		cmocka_unit_test(a_number_that_is_given_up_costs_if_a_site_was_there),
		cmocka_unit_test(statistics_are_paid_for_once),
		cmocka_unit_test(attempts_go_on_with_their_sites),
		cmocka_unit_test(pauses_between_attempts_double),
		cmocka_unit_test(after_a_restart_somebody_may_have_joined),
		cmocka_unit_test(who_refuses_releases_nothing),
		cmocka_unit_test(each_round_names_the_clip_that_the_last_one_found),
		cmocka_unit_test(records_hold_what_the_contract_permits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
