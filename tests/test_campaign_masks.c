/*
 * Studies that mask, from the first approval to the last model, with the real core at each site: what becomes of an attempt that
 * fails, that was opened and lost, that a restart finds without its roster; statistics that are answered once; groups that stay.
 */
#include "tests/support/masked_campaign.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

static const char required[] = "masking: required", groups[] = "masking: groups of 4";

/* Five rounds: statistics, three that train, the last evaluation. */
static const char whole_study[] = "1.1 done, 2.1 done, 3.1 done, 4.1 done, 5.1 done";

static const char *words(const struct masked_campaign *k)
{
	static char text[DIAG_MAX];

	campaign_waiting_for(k->campaign, text, sizeof text);
	return text;
}

/* Ends with the model of the last training round, sums that hold, and no two messages of a site that contradict each other. */
static void assert_good_end(const struct masked_campaign *k)
{
	assert_int_equal(campaign_state(k->campaign), CAMPAIGN_FINISHED);
	assert_int_equal(campaign_step(k->campaign), 3);
	assert_int_equal(k->inexact, 0);
	for (uint32_t i = 0; i < k->m.w.n; i++)
		assert_false(k->m.w.sites[i].contradicted);
}

/* ---- it goes well */

static void test_a_whole_study(void **state)
{
	(void)state;
	struct masked_campaign k;

	masked_campaign_init(&k, required, 5);
	masked_campaign_start(&k);
	masked_campaign_run(&k, 0);
	assert_good_end(&k);
	assert_string_equal(masked_campaign_story(&k), whole_study);
	assert_int_equal(k.m.now_ms, 0); /* no deadline passed */
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(k.reports[i].contributions, 5);
		assert_string_equal(k.reports[i].why, "");
	}
	masked_campaign_free(&k);
}

static void test_a_site_falls_silent_in_each_phase(void **state)
{
	(void)state;
	for (uint32_t p = 0; p < SECAGG_PHASE_COUNT; p++) {
		struct masked_campaign k;

		masked_campaign_init(&k, required, 5);
		k.m.w.sites[3].lasts = p;
		masked_campaign_start(&k);
		masked_campaign_run(&k, 0);
		assert_good_end(&k);
		assert_string_equal(masked_campaign_story(&k), whole_study);
		assert_int_equal(k.reports[0].contributions, p <= SECAGG_INPUT ? 4 : 5);
		assert_int_equal(k.reports[4].contributions, 4);
		masked_campaign_free(&k);
	}
}

/* ---- it fails */

static void begin_failing(struct masked_campaign *k, uint64_t round, enum secagg_phase phase)
{
	masked_campaign_init(k, required, 5);
	k->fail_round = round;
	k->fail_phase = phase;
	k->fail_sites = 3; /* m = t = 4 */
	masked_campaign_start(k);
	masked_campaign_run(k, (uint32_t)round);
}

/* The statistics round fails in each phase. Before shares of OPENING were asked for another attempt follows, under new keys, and
 * gives the sum of the same vectors; after that the study is over, and says what to do. */
static void test_statistics_that_fail(void **state)
{
	(void)state;
	for (uint32_t p = 0; p < SECAGG_OPENING; p++) {
		struct masked_campaign k;

		begin_failing(&k, 1, p);
		assert_int_equal(campaign_state(k.campaign), CAMPAIGN_EXPECT_RETRY);
		assert_int_equal(campaign_deadline_ms(k.campaign), k.m.now_ms + MASKED_CAMPAIGN_PAUSE_MS);
		assert_non_null(strstr(words(&k), "another attempt: 2 of 5 sites sent their message of phase "));
		assert_non_null(strstr(k.reports[0].why, "2 of 5 sites sent their message of phase "));
		masked_campaign_run(&k, 0);
		assert_good_end(&k);
		assert_string_equal(masked_campaign_story(&k),
		                    "1.1 failed, 1.2 done, 2.1 done, 3.1 done, 4.1 done, 5.1 done");
		assert_int_equal(k.not_opened, 0);
		masked_campaign_free(&k);
	}
}

static void test_statistics_that_were_opened(void **state)
{
	(void)state;
	struct masked_campaign k;

	begin_failing(&k, 1, SECAGG_OPENING);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_FAILED);
	assert_string_equal(masked_campaign_story(&k), "1.1 abandoned");
	assert_string_equal(campaign_failure(k.campaign),
	                    "the sum of the statistics is lost (2 sites answered that hold shares of site 11, 4 are "
	                    "needed), and hospitals answer statistics once: start a new revision of the study");
	masked_campaign_free(&k);
}

/* A training round fails: the same again under new keys, or, when shares may have been given, the next round number. */
static void test_training_that_fails(void **state)
{
	(void)state;
	for (uint32_t p = 0; p < SECAGG_PHASE_COUNT; p++) {
		struct masked_campaign k;
		bool opened = p == SECAGG_OPENING;

		begin_failing(&k, 2, p);
		assert_int_equal(campaign_state(k.campaign), CAMPAIGN_EXPECT_RETRY); /* a pause before either */
		assert_non_null(
			strstr(words(&k), opened ? "another round: 2 sites answered" : "another attempt: 2 of 5"));
		masked_campaign_run(&k, 0);
		assert_good_end(&k);
		assert_string_equal(masked_campaign_story(&k),
		                    opened ? "1.1 done, 2.1 abandoned, 3.1 done, 4.1 done, 5.1 done, 6.1 done"
		                           : "1.1 done, 2.1 failed, 2.2 done, 3.1 done, 4.1 done, 5.1 done");
		assert_int_equal(k.not_opened, 0); /* no site was asked for what it may not do */
		masked_campaign_free(&k);
	}
}

/* The sum does not hold: the round is discarded and says so, and another follows; of statistics there is no other. */
static void test_garbage(void **state)
{
	(void)state;
	struct masked_campaign k;

	masked_campaign_init(&k, required, 5);
	k.garbage = true;
	masked_campaign_start(&k);
	masked_campaign_run(&k, 0);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_FAILED);
	assert_non_null(strstr(campaign_failure(k.campaign), "(the check words do not hold)"));
	masked_campaign_free(&k);

	masked_campaign_init(&k, required, 5);
	masked_campaign_start(&k);
	masked_campaign_run(&k, 1);
	k.garbage = true;
	masked_campaign_run(&k, 0);
	assert_good_end(&k);
	assert_string_equal(masked_campaign_story(&k),
	                    "1.1 done, 2.1 abandoned, 3.1 done, 4.1 done, 5.1 done, 6.1 done");
	assert_string_equal(k.reports[1].why, "the check words do not hold");
	assert_string_equal(k.reports[2].why, "");
	masked_campaign_free(&k);
}

static void test_masks_that_cannot_be_had(void **state)
{
	(void)state;
	struct masked_campaign k;

	masked_campaign_init(&k, required, 5);
	k.m.lose_slices[0] = true;
	masked_campaign_start(&k);
	masked_campaign_run(&k, 0);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_FAILED);
	assert_string_equal(masked_campaign_story(&k), "1.1 abandoned");
	assert_string_equal(k.reports[0].why, "the shares of site 11 do not fit"); /* names the site */
	masked_campaign_free(&k);
}

/* Stopped while the sum is opened: abandoned, and a slice that comes back later is nobody's. */
static void test_stopped_while_it_is_opened(void **state)
{
	(void)state;
	struct masked_campaign k;
	struct diag why = {{0}};

	masked_campaign_init(&k, required, 5);
	k.m.never_add = true;
	masked_campaign_start(&k);
	masked_campaign_step(&k);
	assert_string_equal(words(&k), "the masks to be taken off the sum");
	assert_int_equal(campaign_stop(k.campaign, 0, &why), OK);
	campaign_unmasked(k.campaign, 0, 0, OK, NULL, 0);
	campaign_row_persisted(k.campaign, 0, 1, 0);
	masked_campaign_step(&k);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_STOPPED);
	campaign_row_persisted(k.campaign, 0, 1, 0);
	campaign_unmasked(k.campaign, 0, 0, OK, NULL, 0);
	assert_string_equal(masked_campaign_story(&k), "1.1 abandoned");
	masked_campaign_free(&k);
}

/* ---- requests */

static void test_requests_for_attempts(void **state)
{
	(void)state;
	struct masked_campaign k;
	struct diag why = {{0}};
	struct buf said = {0};
	struct hash y = {{1}};
	uint8_t signature[KEYS_SIGNATURE_SIZE] = {0};
	struct bytes nothing = bytes_of(NULL, 0);

	masked_campaign_init(&k, required, 5);
	assert_int_equal(campaign_say(k.campaign, 11, 1, 1, SECAGG_SHARES, &said),
	                 SAY_DROPPED); /* there never was one */
	assert_int_equal(campaign_message(k.campaign, 11, 1, 1, SECAGG_KEYS, nothing, 0, &why), UPLOAD_UNINVITED);
	for (uint32_t i = 0; i < 5; i++)
		k.m.w.sites[i].lasts = SECAGG_INPUT;
	masked_campaign_start(&k);
	masked_campaign_step(&k);
	assert_int_equal(campaign_say(k.campaign, 11, 1, 1, SECAGG_SURVIVORS, &said), SAY_AGAIN);
	assert_int_equal(campaign_message(k.campaign, 11, 1, 2, SECAGG_KEYS, nothing, 0, &why), UPLOAD_UNINVITED);
	assert_int_equal(campaign_upload(k.campaign, 11, 1, 1, secagg_input_octets(&k.m.plans[0]), &y, 0),
	                 UPLOAD_MALFORMED); /* nothing comes in clear */
	assert_int_equal(
		campaign_input(k.campaign, 11, 1, 1, secagg_input_octets(&k.m.plans[0]), &y, signature, 0, &why),
		UPLOAD_MALFORMED);
	assert_int_equal(campaign_wants(k.campaign, 11, 1, 1, layout_octets(campaign_layout(k.campaign)), &y),
	                 UPLOAD_LENGTH);
	assert_string_equal(words(&k), "input: 0 of 5 hospitals, at least 4");

	/* its deadline: that it is over is told when that is on disk */
	campaign_tick(k.campaign, MASKED_DEADLINE_MS);
	assert_int_equal(campaign_say(k.campaign, 11, 1, 1, SECAGG_SURVIVORS, &said), SAY_WAIT);
	assert_int_equal(campaign_heard(k.campaign, 11, 1, 1, SECAGG_INPUT), UPLOAD_PENDING);
	assert_int_equal(campaign_message(k.campaign, 11, 1, 1, SECAGG_SURVIVORS, nothing, 0, &why), UPLOAD_PENDING);
	masked_campaign_step(&k);
	assert_int_equal(campaign_say(k.campaign, 11, 1, 1, SECAGG_SURVIVORS, &said), SAY_OVER);
	assert_int_equal(campaign_heard(k.campaign, 11, 1, 1, SECAGG_INPUT), UPLOAD_LATE);
	assert_int_equal(campaign_message(k.campaign, 11, 1, 1, SECAGG_SURVIVORS, nothing, 0, &why), UPLOAD_LATE);
	buf_free(&said);
	masked_campaign_free(&k);
}

/* Keys that come when the others are further are late at once; when the round has closed, once that is on disk. */
static void test_late_keys(void **state)
{
	(void)state;
	struct masked_campaign k;
	struct diag why = {{0}};

	masked_campaign_init(&k, required, 5);
	k.hold = true;
	for (uint32_t i = 0; i < 5; i++)
		k.m.w.sites[i].lasts = i == 4 ? SECAGG_KEYS : SECAGG_INPUT;
	masked_campaign_start(&k);
	masked_campaign_step(&k);
	campaign_tick(k.campaign, MASKED_JOIN_MS);
	masked_campaign_step(&k);
	assert_string_equal(words(&k), "input: 0 of 4 hospitals, at least 4");
	struct bytes keys = buf_bytes(&k.m.w.sites[4].outbox[SECAGG_KEYS]);
	assert_int_equal(campaign_message(k.campaign, 39, 1, 1, SECAGG_KEYS, keys, 0, &why), UPLOAD_LATE);
	for (uint32_t i = 0; i < 4; i++) {
		k.m.w.sites[i].lasts = SECAGG_PHASE_COUNT;
		k.m.w.sites[i].silent = false;
		k.m.w.sites[i].sends[SECAGG_INPUT] = 1;
	}
	masked_campaign_step(&k);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_EXPECT_OUTCOME);
	assert_int_equal(campaign_message(k.campaign, 39, 1, 1, SECAGG_KEYS, keys, 0, &why), UPLOAD_PENDING);
	assert_int_equal(campaign_heard(k.campaign, 39, 1, 1, SECAGG_KEYS), UPLOAD_PENDING);
	masked_campaign_free(&k);
}

/* A clear round takes no message of a masked one. */
static void test_a_clear_round(void **state)
{
	(void)state;
	struct masked_campaign k;
	struct diag why = {{0}};
	struct buf said = {0};
	struct hash y = {{1}};
	uint8_t signature[KEYS_SIGNATURE_SIZE] = {0};

	masked_campaign_init(&k, NULL, 3);
	masked_campaign_start(&k);
	campaign_persisted(k.campaign, 2, 0); /* the attempt is open */
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_EXPECT_ROUND);
	assert_int_equal(campaign_message(k.campaign, 11, 1, 1, SECAGG_KEYS, bytes_text("x"), 0, &why),
	                 UPLOAD_MALFORMED);
	assert_string_equal(why.text, "round 1 is not masked");
	assert_int_equal(campaign_input(k.campaign, 11, 1, 1, 10, &y, signature, 0, &why), UPLOAD_MALFORMED);
	assert_int_equal(campaign_heard(k.campaign, 11, 1, 1, SECAGG_KEYS), UPLOAD_UNINVITED);
	assert_int_equal(campaign_say(k.campaign, 11, 1, 1, SECAGG_SHARES, &said), SAY_DROPPED);
	assert_true(hash_is_zero(&campaign_plan(k.campaign)->roster));
	buf_free(&said);
	masked_campaign_free(&k);
}

/* ---- the roster */

static void test_no_roster_yet(void **state)
{
	(void)state;
	struct masked_campaign k;

	masked_campaign_init(&k, required, 5);
	k.no_roster = true;
	masked_campaign_start(&k);
	masked_campaign_step(&k);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_EXPECT_SITES);
	assert_string_equal(words(&k), "the authority's roster: none is in force yet");
	k.no_roster = false;
	masked_campaign_roster(&k);
	masked_campaign_run(&k, 0);
	assert_good_end(&k);
	masked_campaign_free(&k);
}

/* Another roster while a round runs: the round goes on. It fails: another roster is another plan, hence another round number. */
static void test_a_roster_between_attempts(void **state)
{
	(void)state;
	for (uint32_t changes = 0; changes <= 1; changes++) {
		struct masked_campaign k;

		begin_failing(&k, 2, SECAGG_INPUT);
		if (changes)
			masked_campaign_roster(&k);
		masked_campaign_run(&k, 0);
		assert_good_end(&k);
		assert_string_equal(masked_campaign_story(&k),
		                    changes ? "1.1 done, 2.1 failed, 3.1 done, 4.1 done, 5.1 done, 6.1 done"
		                            : "1.1 done, 2.1 failed, 2.2 done, 3.1 done, 4.1 done, 5.1 done");
		assert_true(hash_equal(&campaign_plan(k.campaign)->roster, &k.roster.content));
		masked_campaign_free(&k);
	}
}

/* Another roster is found by a restart: the attempt ends, as one that was opened when U3 stands in its rows. */
static void test_a_roster_over_a_restart(void **state)
{
	(void)state;
	for (uint32_t opened = 0; opened <= 1; opened++) {
		struct masked_campaign k;

		masked_campaign_init(&k, required, 5);
		for (uint32_t i = 0; i < 5; i++)
			k.m.w.sites[i].lasts = opened ? SECAGG_SURVIVORS : SECAGG_INPUT;
		masked_campaign_start(&k);
		masked_campaign_step(&k);
		k.roster.version++;
		sha256_of(&k.roster.content, bytes_text("another"));
		for (uint32_t i = 0; i < 5; i++) {
			k.m.w.sites[i].lasts = SECAGG_PHASE_COUNT;
			k.m.w.sites[i].silent = false;
		}
		masked_campaign_restart(&k);
		masked_campaign_run(&k, 0);
		assert_string_equal(k.reports[0].why,
		                    "the attempt could not go on after a restart: round 1 is for another roster than "
		                    "roster 2, which is at hand");
		if (opened) {
			assert_int_equal(campaign_state(k.campaign), CAMPAIGN_FAILED);
			assert_string_equal(masked_campaign_story(&k), "1.1 abandoned");
		} else {
			assert_good_end(&k);
			assert_string_equal(masked_campaign_story(&k),
			                    "1.1 failed, 2.1 done, 3.1 done, 4.1 done, 5.1 done, 6.1 done");
		}
		masked_campaign_free(&k);
	}
}

/* ---- restarts */

/* Killed before or after each commit of a whole study: the same rounds, the same sums, the same end. */
static void test_restart_at_each_commit(void **state)
{
	(void)state;
	bool killed = true;

	for (uint32_t at = 1; killed; at++) {
		struct masked_campaign k;

		masked_campaign_init(&k, required, 4);
		k.m.kill_at = at;
		k.m.kill_before = at % 2;
		masked_campaign_start(&k);
		masked_campaign_run(&k, 0);
		killed = k.m.commits >= at;
		if (at == 1) { /* the operator's start was lost: campaign_start is not told to any one */
			masked_campaign_free(&k);
			continue;
		}
		assert_good_end(&k);
		assert_string_equal(masked_campaign_story(&k), whole_study);
		assert_int_equal(k.m.now_ms, 0);
		assert_int_equal(k.not_opened, 0);
		masked_campaign_free(&k);
	}
}

static void test_an_unreadable_vector(void **state)
{
	(void)state;
	struct masked_campaign k;

	masked_campaign_init(&k, required, 5);
	k.m.w.sites[4].lasts = SECAGG_INPUT;
	masked_campaign_start(&k);
	masked_campaign_step(&k);
	masked_campaign_restart(&k);
	campaign_unreadable(k.campaign, "site 11's vector cannot be read", k.m.now_ms);
	masked_campaign_run(&k, 1);
	assert_string_equal(masked_campaign_story(&k), "1.1 failed");
	assert_string_equal(k.reports[0].why, "site 11's vector cannot be read");
	masked_campaign_free(&k);
}

/* ---- who leaves */

/* Three of five withdraw in a round: it fails, and so few make none. */
static void test_leavers(void **state)
{
	(void)state;
	struct masked_campaign k;

	masked_campaign_init(&k, required, 5);
	k.m.w.sites[0].lasts = SECAGG_SHARES;
	masked_campaign_start(&k);
	masked_campaign_step(&k);
	campaign_revoked(k.campaign, 11, 0);
	masked_campaign_step(&k); /* nobody waits for it: the study goes on with four of then four */
	assert_int_equal(k.reports[0].contributions, 4);
	masked_campaign_run(&k, 0);
	assert_good_end(&k);
	masked_campaign_free(&k);
}

/* ---- groups */

static void test_groups_stay(void **state)
{
	(void)state;
	struct masked_campaign k;
	uint32_t first[12];

	masked_campaign_init(&k, groups, 12);
	masked_campaign_start(&k);
	while (campaign_round(k.campaign) == NULL)
		masked_campaign_shell(&k);
	assert_int_equal(round_quorum(campaign_round(k.campaign)), 6); /* two of three groups with 3 of 4 sites each */
	masked_campaign_run(&k, 1);
	assert_int_equal(campaign_plan(k.campaign)->site_count, 12);
	memcpy(first, k.m.group_of, sizeof first);
	campaign_answer(k.campaign, masked_round_number(&k.m, 2), ANSWER_WITHDRAWN, k.m.now_ms);
	k.m.w.sites[2].silent = true;
	masked_campaign_run(&k, 0);
	assert_good_end(&k);
	assert_int_equal(k.reports[0].contributions, 12);
	assert_int_equal(k.reports[4].contributions, 11);
	assert_int_equal(campaign_plan(k.campaign)->site_count, 12); /* it is still invited, and dropped */
	assert_memory_equal(first, k.m.group_of, sizeof first);
	masked_campaign_free(&k);
}

/* Two of a group of four are silent: its group fails, the round does not. */
static void test_a_group_that_fails(void **state)
{
	(void)state;
	struct masked_campaign k;
	uint32_t silent = 0;

	masked_campaign_init(&k, groups, 12);
	masked_campaign_start(&k);
	masked_campaign_run(&k, 1);
	for (uint32_t i = 0; i < 12 && silent < 2; i++)
		if (k.m.group_of[i] == 1) {
			k.m.w.sites[i].lasts = SECAGG_SHARES;
			silent++;
		}
	masked_campaign_run(&k, 0);
	assert_good_end(&k);
	assert_int_equal(k.reports[3].contributions, 8);
	assert_int_equal(k.reports[3].outcome, OUTCOME_DONE);
	assert_non_null(strstr(k.reports[3].why, "group 2 of 3: "));
	masked_campaign_free(&k);
}

/* In two of three groups too few approve: it waits, and goes on when they approve again. */
static void test_groups_that_leave(void **state)
{
	(void)state;
	struct masked_campaign k;
	uint32_t left[MASKED_GROUPS_MAX] = {0}, back = 0;

	masked_campaign_init(&k, groups, 12);
	k.fail_round = 99;
	masked_campaign_start(&k);
	masked_campaign_run(&k, 1);
	for (uint32_t i = 0; i < 12; i++) {
		if (k.m.group_of[i] == 2 || left[k.m.group_of[i]] == 2)
			continue;
		left[k.m.group_of[i]]++;
		back = masked_round_number(&k.m, i);
		campaign_answer(k.campaign, back, ANSWER_WITHDRAWN, k.m.now_ms);
	}
	for (uint32_t turns = 0; turns < 50 && campaign_state(k.campaign) != CAMPAIGN_EXPECT_SITES; turns++)
		masked_campaign_run(&k, k.report_count + 1);
	assert_int_equal(campaign_state(k.campaign), CAMPAIGN_EXPECT_SITES);
	assert_string_equal(words(&k),
	                    "hospitals to approve again: enough do in 1 of 3 groups, more than half are needed");
	campaign_answer(k.campaign, back, ANSWER_APPROVED, k.m.now_ms);
	masked_campaign_step(&k);
	assert_int_not_equal(campaign_state(k.campaign), CAMPAIGN_EXPECT_SITES);
	masked_campaign_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_study),
		cmocka_unit_test(test_a_site_falls_silent_in_each_phase),
		cmocka_unit_test(test_statistics_that_fail),
		cmocka_unit_test(test_statistics_that_were_opened),
		cmocka_unit_test(test_training_that_fails),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_masks_that_cannot_be_had),
		cmocka_unit_test(test_stopped_while_it_is_opened),
		cmocka_unit_test(test_requests_for_attempts),
		cmocka_unit_test(test_late_keys),
		cmocka_unit_test(test_a_clear_round),
		cmocka_unit_test(test_no_roster_yet),
		cmocka_unit_test(test_a_roster_between_attempts),
		cmocka_unit_test(test_a_roster_over_a_restart),
		cmocka_unit_test(test_restart_at_each_commit),
		cmocka_unit_test(test_an_unreadable_vector),
		cmocka_unit_test(test_leavers),
		cmocka_unit_test(test_groups_stay),
		cmocka_unit_test(test_a_group_that_fails),
		cmocka_unit_test(test_groups_that_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
