/*
 * Masked rounds in the daemon: real hospitals' cores over TLS, the program as a process. What it makes of the masked vectors is what
 * the plain sum of the same contributions gives, octet for octet, whoever drops out in whatever phase, and wherever the process
 * is killed.
 */
#include "tests/support/masked_daemon.h"

#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITES 5 /* the threshold of five with one colluder is 4, so one may drop out */
#define ALL ((1u << SITES) - 1)
#define WAIT_S MASKED_DAEMON_WAIT_S

static struct masked_daemon *setup(const char *settings)
{
	struct masked_daemon *d = mem_alloc(sizeof *d);

	masked_daemon_make(d, &(struct masked_daemon_config){.sites = SITES, .settings = settings});
	return d;
}

static void teardown(struct masked_daemon *d)
{
	masked_daemon_remove(d);
	free(d);
}

/* ---- rounds that come to their end */

static void test_a_study_from_start_to_end(void **state)
{
	struct masked_daemon *d = setup(NULL);

	(void)state;
	for (int round = 1; round <= 5; round++) { /* statistics, three of training, the last evaluation */
		masked_daemon_begin(d);
		assert_int_equal(d->h[0].round.plan.round, round);
		masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
		masked_daemon_finish(d, ALL);
	}
	assert_true(d->h[0].over);
	teardown(d);
}

/* ---- who drops out */

static void expect_text(const struct json *site, const char *key, const char *expected)
{
	assert_string_equal(json_as_string(json_get(site, key)), expected);
}

/* Site `who` was dropped in `phase`; all others contributed. SECAGG_PHASE_COUNT: so did this one. */
static void expect_dropped(struct masked_daemon *d, int64_t round, int64_t attempt, uint32_t who,
                           enum secagg_phase phase)
{
	struct json *node = masked_daemon_round(d, round, attempt);
	const struct json *sites = json_get(node, "sites");
	char reason[32];

	assert_int_equal(json_count(sites), SITES);
	for (uint32_t i = 0; i < SITES; i++) {
		const struct json *site = json_at(sites, i);

		assert_int_equal(json_as_integer(json_get(site, "number")), coordinating_number(i));
		if (i == who && phase < SECAGG_PHASE_COUNT) {
			snprintf(reason, sizeof reason, "in phase %s", secagg_phase_name(phase));
			expect_text(site, "state", "dropped");
			expect_text(site, "phase", secagg_phase_name(phase));
			expect_text(site, "reason", reason);
			assert_int_equal(json_as_integer(json_get(site, "bytes")), 0);
		} else {
			expect_text(site, "state", "contributed");
			expect_text(site, "phase", "");
			assert_int_equal(json_as_integer(json_get(site, "bytes")), d->m[i].y.len);
		}
	}
	json_free(node);
}

/* A phase in each round: whose vector came is in the sum, whatever it does afterwards. */
static void test_somebody_drops_out_in_each_phase(void **state)
{
	struct masked_daemon *d = setup(MASKED_DAEMON_IMPATIENT);

	(void)state;
	for (int phase = SECAGG_KEYS; phase < SECAGG_PHASE_COUNT; phase++) {
		uint32_t who = (uint32_t)phase; /* another one each time */
		bool counts = phase > SECAGG_INPUT;

		masked_daemon_begin(d);
		if (phase > SECAGG_KEYS)
			masked_daemon_play(d, SECAGG_KEYS, (enum secagg_phase)(phase - 1));
		d->all[who] = NULL;
		masked_daemon_play(d, (enum secagg_phase)phase, SECAGG_OPENING);
		masked_daemon_finish(d, counts ? ALL : ALL & ~(1u << who));
		expect_dropped(d, phase + 1, 1, who, counts ? SECAGG_PHASE_COUNT : (enum secagg_phase)phase);
	}
	assert_true(coordinating_logged(&d->c, "without site-1 (dropped in phase shares)", 0));
	coordinating_command(&d->c, &d->p, "rounds small");
	program_expect(&d->p, 0, "");
	assert_non_null(strstr(d->p.out, " site-1 dropped (in phase shares)\n"));
	coordinating_command(&d->c, &d->p, "events");
	program_expect(&d->p, 0, "");
	assert_non_null(strstr(
		d->p.out, "\"missing\":[{\"site\":\"site-2\",\"state\":\"dropped\",\"reason\":\"in phase input\"}]"));
	teardown(d);
}

/* Of five with one colluder at most one may be missing: the attempt fails, and another one with new keys gives the sum. */
static void test_too_few_and_then_enough(void **state)
{
	struct masked_daemon *d = setup(MASKED_DAEMON_IMPATIENT);
	struct round_plan plan = {0};
	struct hash first;

	(void)state;
	masked_daemon_begin(d);
	first = *secagg_client_sid(d->m[0].client);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_KEYS);
	d->all[1] = d->all[4] = NULL;
	masked_daemon_play(d, SECAGG_SHARES, SECAGG_SHARES);
	round_plan_copy(&plan, &d->h[0].round.plan);
	assert_int_equal(masker_listen(&d->m[0], SECAGG_INPUT, WAIT_S), 410);
	masked_daemon_hear_the_end(d, OUTCOME_FAILED);
	masked_daemon_begin(d);
	assert_int_equal(d->h[0].round.plan.round, plan.round);
	assert_int_equal(d->h[0].round.plan.attempt, 2);
	assert_false(hash_equal(&first, secagg_client_sid(d->m[0].client)) && !hash_is_zero(&first));
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
	round_plan_free(&plan);
	teardown(d);
}

static void finish_first_round(struct masked_daemon *d)
{
	masked_daemon_begin(d);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
}

/* Nobody knows what the answers have opened: this round number never comes again, the next asks the same. */
static void test_too_few_open(void **state)
{
	struct masked_daemon *d = setup(MASKED_DAEMON_IMPATIENT);
	struct round_plan plan = {0};

	(void)state;
	finish_first_round(d);
	masked_daemon_begin(d);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_SURVIVORS);
	round_plan_copy(&plan, &d->h[0].round.plan);
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(masker_listen(&d->m[i], SECAGG_OPENING, WAIT_S), 200);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(masker_say(&d->m[i], SECAGG_OPENING), 204);
	masked_daemon_hear_the_end(d, OUTCOME_ABANDONED);
	masked_daemon_begin(d);
	assert_int_equal(d->h[0].round.plan.round, plan.round + 1);
	assert_int_equal(d->h[0].round.plan.step, plan.step);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
	round_plan_free(&plan);
	teardown(d);
}

/* ---- kill -9 */

/* What a site does that has signed and hears nothing: signatures are on no disk of the coordinator's. */
static void sign_again(struct masked_daemon *d)
{
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(masker_listen(&d->m[i], SECAGG_OPENING, WAIT_S), 204);
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(masker_say(&d->m[i], SECAGG_SURVIVORS), 204);
}

static void test_killed_after_each_phase(void **state)
{
	struct masked_daemon *d = setup(NULL);

	(void)state;
	for (int phase = SECAGG_KEYS; phase <= SECAGG_SURVIVORS; phase++) {
		masked_daemon_begin(d);
		masked_daemon_play(d, SECAGG_KEYS, (enum secagg_phase)phase);
		masked_daemon_kill(d);
		if (phase == SECAGG_SURVIVORS)
			sign_again(d);
		masked_daemon_play(d, (enum secagg_phase)(phase + 1), SECAGG_OPENING);
		masked_daemon_finish(d, ALL);
	}
	teardown(d);
}

/* In the middle of a phase: who has sent its message is not asked again, but for what is in memory only. */
static void test_killed_in_the_middle_of_each_phase(void **state)
{
	struct masked_daemon *d = setup(NULL);

	(void)state;
	for (int phase = SECAGG_KEYS; phase < SECAGG_PHASE_COUNT; phase++) {
		masked_daemon_begin(d);
		if (phase > SECAGG_KEYS)
			masked_daemon_play(d, SECAGG_KEYS, (enum secagg_phase)(phase - 1));
		d->all[2] = d->all[3] = NULL;
		masked_daemon_play(d, (enum secagg_phase)phase, (enum secagg_phase)phase);
		masked_daemon_kill(d);
		if (phase == SECAGG_OPENING) /* nobody's answer is taken before enough have signed again */
			assert_int_equal(masker_say(&d->m[0], SECAGG_OPENING), 425);
		for (uint32_t i = 0; i < SITES; i++) {
			bool again = phase >= SECAGG_SURVIVORS && d->all[i] != NULL;

			d->all[i] = again || d->all[i] == NULL ? &d->m[i] : NULL;
		}
		if (phase == SECAGG_OPENING)
			for (uint32_t i = 0; i < SITES; i++)
				assert_int_equal(masker_say(&d->m[i], SECAGG_SURVIVORS), 204);
		masked_daemon_play(d, (enum secagg_phase)phase, (enum secagg_phase)phase);
		for (uint32_t i = 0; i < SITES; i++)
			d->all[i] = &d->m[i];
		if (phase < SECAGG_OPENING)
			masked_daemon_play(d, (enum secagg_phase)(phase + 1), SECAGG_OPENING);
		masked_daemon_finish(d, ALL);
	}
	teardown(d);
}

/* ---- another roster */

static void test_a_new_roster(void **state)
{
	struct masked_daemon *d = setup(NULL);
	struct round_plan plan = {0};

	(void)state;
	masked_daemon_begin(d);
	round_plan_copy(&plan, &d->h[0].round.plan);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_KEYS);
	coordinating_roster(&d->c, 2, UINT32_MAX);
	assert_true(coordinating_logged(&d->c, "roster version 2", 10000));
	masked_daemon_play(d, SECAGG_SHARES,
	                   SECAGG_OPENING); /* an open attempt goes on with the one that it began with */
	masked_daemon_finish(d, ALL);
	masked_daemon_begin(d);
	assert_int_equal(d->m[0].roster.version, 2);
	assert_true(hash_equal(&d->h[0].round.plan.roster, &d->m[0].roster.content));
	assert_false(hash_equal(&d->h[0].round.plan.roster, &plan.roster));
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_SHARES);
	/* a restart that finds another one cannot: the next round asks the same */
	round_plan_copy(&plan, &d->h[0].round.plan);
	coordinating_end(&d->c, SIGKILL);
	coordinating_roster(&d->c, 3, UINT32_MAX);
	coordinating_start(&d->c);
	masked_daemon_reconnect(d);
	masked_daemon_hear_the_end(d, OUTCOME_FAILED);
	masked_daemon_begin(d);
	assert_int_equal(d->h[0].round.plan.round, plan.round + 1);
	assert_int_equal(d->h[0].round.plan.step, plan.step);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
	round_plan_free(&plan);
	teardown(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_study_from_start_to_end),
		cmocka_unit_test(test_somebody_drops_out_in_each_phase),
		cmocka_unit_test(test_too_few_and_then_enough),
		cmocka_unit_test(test_too_few_open),
		cmocka_unit_test(test_killed_after_each_phase),
		cmocka_unit_test(test_killed_in_the_middle_of_each_phase),
		cmocka_unit_test(test_a_new_roster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
