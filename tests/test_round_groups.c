/*
 * The course of masked rounds at the coordinator, with the real core at each site: the sum is exact and holds those that the round
 * names, whoever falls silent and when; the deadlines; who refuses or leaves; groups that fail; masks that cannot be had.
 */
#include "tests/support/masked_round.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

/* ---- who falls silent */

static void test_all_stay(void **state)
{
	(void)state;
	for (uint32_t n = 3; n <= 24; n += 7) {
		struct masked_round m;

		masked_round_init(&m, n, n, 1, n / 5);
		masked_round_begin(&m, 1);
		masked_round_step(&m);
		assert_true(m.closed); /* no deadline had to pass */
		assert_true(round_succeeded(m.round));
		assert_true(masked_round_exact(&m, 0));
		assert_int_equal(round_contributions(m.round), n);
		for (uint32_t i = 0; i < n; i++) {
			assert_string_equal(masked_round_fate(&m, i), "contributed");
			assert_int_equal(round_site_at(m.round, i)->reached, SECAGG_PHASE_COUNT);
		}
		assert_string_equal(round_why(m.round), "");
		masked_round_free(&m);
	}
}

/* Site 2 falls silent before each phase's message: the others make the sum, and the round names where it fell out. */
static void test_one_falls_silent_in_each_phase(void **state)
{
	(void)state;
	static const char *const fates[] = {"absent", "in phase shares", "in phase input", "contributed",
	                                    "contributed"};

	for (uint32_t p = 0; p < SECAGG_PHASE_COUNT; p++) {
		struct masked_round m;

		masked_round_init(&m, 7, 5, 1, 0);
		m.w.sites[2].lasts = p;
		masked_round_begin(&m, 1);
		masked_round_run(&m);
		assert_true(round_succeeded(m.round));
		assert_true(masked_round_exact(&m, 0));
		assert_int_equal(round_contributions(m.round), p <= SECAGG_INPUT ? 4 : 5);
		assert_string_equal(masked_round_fate(&m, 2), fates[p]);
		assert_int_equal(round_site_at(m.round, 2)->reached, p);
		assert_int_equal(round_site_at(m.round, 2)->absent, p == 0);
		masked_round_free(&m);
	}
}

/* One that has joined and sends no keys is told apart from one that never came. */
static void test_joined_without_keys(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 7, 5, 1, 0);
	m.w.sites[2].lasts = 0;
	masked_round_begin(&m, 1);
	round_joined(m.round, masked_round_number(&m, 2), 0);
	masked_round_step(&m);
	m.now_ms = MASKED_JOIN_MS;
	round_tick(m.round, m.now_ms);
	masked_round_step(&m);
	assert_int_equal(round_deadline_ms(m.round),
	                 MASKED_DEADLINE_MS); /* it is waited for: KEYS has the long deadline */
	masked_round_run(&m);
	assert_true(round_succeeded(m.round));
	assert_string_equal(masked_round_fate(&m, 2), "in phase keys");
	masked_round_free(&m);
}

/* Exactly n - m drop and it succeeds; one more and it fails: opened only when signatures had been told. */
static void test_the_quorum_is_the_border(void **state)
{
	(void)state;
	for (uint32_t p = 0; p < SECAGG_PHASE_COUNT; p++)
		for (uint32_t more = 0; more <= 1; more++) {
			struct masked_round m;

			masked_round_init(&m, 31 + p, 7, 1, 1); /* m = t = 5 */
			assert_int_equal(m.plans[0].quorum, 5);
			for (uint32_t k = 0; k < 2 + more; k++)
				m.w.sites[2 * k + 1].lasts = p;
			masked_round_begin(&m, 1);
			masked_round_run(&m);
			assert_int_equal(round_succeeded(m.round), more == 0);
			assert_int_equal(round_opened(m.round), more == 0 || p == SECAGG_OPENING);
			assert_int_equal(round_why(m.round)[0] == '\0', more == 0);
			if (more == 0)
				assert_true(masked_round_exact(&m, 0));
			else
				assert_int_equal(m.unmasked[0], 0);
			masked_round_free(&m);
		}
}

/* ---- time */

/* Each phase has its deadline, from its own beginning. */
static void test_deadlines(void **state)
{
	(void)state;
	static const int64_t takes[] = {MASKED_DEADLINE_MS, MASKED_PHASE_MS, MASKED_DEADLINE_MS, MASKED_PHASE_MS,
	                                MASKED_PHASE_MS};

	for (uint32_t p = 0; p < SECAGG_PHASE_COUNT; p++) {
		struct masked_round m;
		int64_t begins;

		masked_round_init(&m, 3, 5, 1, 0);
		m.now_ms = 77;
		m.w.sites[4].lasts = p;
		masked_round_begin(&m, 1);
		if (p == SECAGG_KEYS)
			round_joined(m.round, masked_round_number(&m, 4), m.now_ms);
		begins = m.now_ms;
		masked_round_step(&m);
		m.now_ms = begins + takes[p] - 1;
		round_tick(m.round, m.now_ms);
		masked_round_step(&m);
		assert_false(m.closed);
		assert_int_equal(round_deadline_ms(m.round), begins + takes[p]);
		m.now_ms = begins + takes[p];
		round_tick(m.round, m.now_ms);
		masked_round_step(&m);
		assert_int_equal(m.closed, p != SECAGG_SURVIVORS); /* its shares are waited for too */
		masked_round_run(&m);
		assert_int_equal(m.now_ms, begins + takes[p] + (p == SECAGG_SURVIVORS ? MASKED_PHASE_MS : 0));
		assert_true(round_succeeded(m.round));
		assert_true(masked_round_exact(&m, 0));
		masked_round_free(&m);
	}
}

/* Who never came is waited for until join_ms, no longer; but with too few it is waited for until deadline_ms, and then it fails. */
static void test_who_has_not_joined(void **state)
{
	(void)state;
	for (uint32_t absent = 1; absent <= 3; absent++) {
		struct masked_round m;

		masked_round_init(&m, 5, 5, 1, 0); /* m = 3 */
		for (uint32_t i = 0; i < absent; i++)
			m.w.sites[i].lasts = 0;
		masked_round_begin(&m, 1);
		masked_round_step(&m);
		assert_int_equal(round_deadline_ms(m.round), MASKED_JOIN_MS);
		m.now_ms = MASKED_JOIN_MS;
		round_tick(m.round, m.now_ms);
		masked_round_step(&m);
		assert_int_equal(m.closed, absent <= 2);
		if (absent <= 2)
			assert_true(round_succeeded(m.round));
		else
			assert_int_equal(round_deadline_ms(m.round), MASKED_DEADLINE_MS);
		masked_round_run(&m);
		assert_int_equal(round_succeeded(m.round), absent <= 2);
		assert_false(absent == 3 && round_opened(m.round));
		assert_string_equal(masked_round_fate(&m, 0), "absent");
		masked_round_free(&m);
	}
}

/* Too few have come by join_ms: one that comes late makes the quorum, and is waited for from then on. */
static void test_a_late_joiner_takes_part(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 5, 5, 1, 0);
	m.w.sites[0].lasts = m.w.sites[1].lasts = m.w.sites[2].lasts = 0;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	m.now_ms = MASKED_JOIN_MS + 500;
	round_tick(m.round, m.now_ms);
	assert_true(round_site_at(m.round, 2)->absent);
	m.w.sites[2].lasts = SECAGG_PHASE_COUNT;
	m.w.sites[2].silent = false;
	m.w.sites[2].sends[SECAGG_KEYS] = 1; /* it never polled: its keys make it one that has joined */
	masked_round_step(&m);
	assert_true(m.closed);
	assert_true(round_succeeded(m.round));
	assert_true(masked_round_exact(&m, 0));
	assert_int_equal(round_contributions(m.round), 3);
	assert_false(round_site_at(m.round, 2)->absent);
	masked_round_free(&m);
}

/* ---- who refuses, leaves, is revoked */

static void test_refusals_that_leave_too_few(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 9, 5, 1, 0); /* m = 3 */
	for (uint32_t i = 0; i < 5; i++)
		m.w.sites[i].lasts = i == 4; /* its keys come */
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	for (uint32_t i = 0; i < 3; i++) {
		assert_false(m.closed);
		round_refused(m.round, masked_round_number(&m, i), REFUSAL_POLICY_MASKING, 0);
		masked_round_turn(&m);
	}
	assert_true(m.closed); /* at once */
	assert_false(round_succeeded(m.round));
	assert_string_equal(masked_round_fate(&m, 0), "refused");
	assert_string_equal(masked_round_fate(&m, 3), "absent");
	assert_string_equal(masked_round_fate(&m, 4), "joined"); /* nothing of it is missing */
	assert_int_equal(m.site_count, 3); /* rows of those who refused */
	masked_round_free(&m);
}

/* One has not come, one has joined and is revoked before its keys: from join_ms on nobody is waited for. */
static void test_a_joined_leaver(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 9, 5, 1, 0);
	m.w.sites[3].lasts = m.w.sites[4].lasts = 0;
	masked_round_begin(&m, 1);
	round_joined(m.round, masked_round_number(&m, 3), 0);
	masked_round_step(&m);
	round_dropped(m.round, masked_round_number(&m, 3), DROP_REVOKED, 0);
	m.now_ms = MASKED_JOIN_MS;
	round_tick(m.round, m.now_ms);
	masked_round_step(&m);
	assert_true(m.closed);
	assert_true(round_succeeded(m.round));
	masked_round_free(&m);
}

/* Revoked or withdrawn in each phase, once its message is there: it is not waited for. */
static void test_leavers(void **state)
{
	(void)state;
	for (uint32_t p = SECAGG_KEYS; p < SECAGG_PHASE_COUNT; p++) {
		struct masked_round m;
		struct buf said = {0};

		masked_round_init(&m, 11 + p, 5, 1, 0);
		m.w.sites[1].lasts = p + 1;
		masked_round_begin(&m, 1);
		masked_round_step(&m);
		round_dropped(m.round, 18, DROP_REVOKED, m.now_ms);
		masked_round_step(&m);
		assert_true(m.closed); /* without a deadline */
		assert_true(round_succeeded(m.round));
		assert_true(masked_round_exact(&m, 0));
		assert_int_equal(round_contributions(m.round), p < SECAGG_INPUT ? 4 : 5);
		assert_string_equal(masked_round_fate(&m, 1), p < SECAGG_INPUT ? "revoked" : "contributed");
		assert_int_equal(m.site_count, p < SECAGG_INPUT);
		assert_int_equal(round_say(m.round, 18, SECAGG_INPUT, &said),
		                 p < SECAGG_INPUT ? SAY_DROPPED : SAY_WAIT);
		buf_free(&said);
		masked_round_free(&m);
	}
}

/* Those who are left are fewer than the phase needs: it fails at once, also when others are still awaited. */
static void test_leavers_that_leave_too_few(void **state)
{
	(void)state;
	for (uint32_t p = SECAGG_KEYS; p < SECAGG_PHASE_COUNT; p++) {
		struct masked_round m;

		masked_round_init(&m, 21, 5, 1, 0);
		for (uint32_t i = 0; i < 4; i++)
			m.w.sites[i].lasts = p;
		masked_round_begin(&m, 1);
		for (uint32_t i = 0; i < 4; i++)
			round_joined(m.round, masked_round_number(&m, i), 0);
		masked_round_step(&m);
		for (uint32_t i = 0; i < 3; i++) {
			assert_false(m.closed);
			round_dropped(m.round, masked_round_number(&m, i), DROP_WITHDRAWN, m.now_ms);
			masked_round_step(&m);
		}
		assert_true(m.closed);
		assert_false(round_succeeded(m.round));
		assert_int_equal(round_opened(m.round), p == SECAGG_OPENING);
		if (p < SECAGG_SURVIVORS) /* it was still awaited: not its fault */
			assert_string_equal(masked_round_fate(&m, 3), p == 0   ? "in phase keys"
			                                              : p == 1 ? "in phase shares"
			                                                       : "in phase input");
		masked_round_free(&m);
	}
}

/* ---- unmasking */

static void test_masks_that_cannot_be_had(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 43, 5, 1, 0);
	m.lose_slices[0] = true;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	assert_true(m.closed);
	assert_false(round_succeeded(m.round));
	assert_true(round_opened(m.round));
	assert_string_equal(round_why(m.round), "the shares of site 11 do not fit");
	masked_round_free(&m);
}

/* The round is freed while a slice is worked on. */
static void test_a_slice_outlives_its_round(void **state)
{
	(void)state;
	struct masked_round m;
	struct secret masks = {0};
	struct diag why = {{0}};
	uint32_t count;

	masked_round_init(&m, 43, 5, 1, 0);
	m.never_add = true;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	struct secagg_server *server = secagg_server_retain(round_server(m.round, 0));
	round_free(m.round);
	m.round = NULL;
	assert_int_equal(secagg_server_masks(server, 0, &masks, &count, &why), OK);
	assert_int_equal(count, 5);
	secret_free(&masks);
	secagg_server_free(server);
	masked_round_free(&m);
}

/* ---- groups */

static void test_groups(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 51, 15, 3, 0);
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	assert_true(m.closed && round_succeeded(m.round));
	assert_int_equal(round_groups(m.round), 3);
	for (uint32_t g = 0; g < 3; g++) {
		assert_true(round_group_done(m.round, g));
		assert_int_equal(round_survivors(m.round, g), 5);
		assert_true(masked_round_exact(&m, g));
	}
	for (uint32_t i = 0; i < 15; i++)
		assert_int_equal(round_group_of(m.round, masked_round_number(&m, i)), i % 3);
	assert_int_equal(round_group_of(m.round, 12), UINT32_MAX);
	masked_round_free(&m);
}

/* Of three groups one may fail: its sites are dropped with it. With two the round fails, at once. */
static void test_groups_that_fail(void **state)
{
	(void)state;
	for (uint32_t failing = 1; failing <= 2; failing++) {
		struct masked_round m;

		masked_round_init(&m, 51, 15, 3, 0); /* m = 3 in each */
		for (uint32_t g = 0; g < failing; g++)
			for (uint32_t k = 0; k < 3; k++)
				m.w.sites[3 * k + g].lasts = SECAGG_INPUT;
		masked_round_begin(&m, 1);
		masked_round_run(&m);
		assert_int_equal(round_succeeded(m.round), failing == 1);
		assert_non_null(
			strstr(round_why(m.round), "group 1 of 3: 2 of 5 sites sent their message of phase input"));
		assert_string_equal(masked_round_fate(&m, 0), "with its group");
		assert_string_equal(masked_round_fate(&m, 9), "with its group"); /* its vector was there */
		assert_false(round_group_done(m.round, 0));
		assert_true(round_group_done(m.round, 2));
		assert_true(masked_round_exact(&m, 2));
		assert_true(round_opened(m.round));
		assert_int_equal(round_contributions(m.round), failing == 1 ? 10 : 5);
		masked_round_free(&m);
	}
}

/* It is not left out of a sum, for there is none: it hears nothing until the attempt is over, and what it sends is late. Told that it
 * has no part, a site whose vector was acknowledged would call that a lie. */
static void test_what_the_sites_of_a_failed_group_hear(void **state)
{
	(void)state;
	struct masked_round m;
	struct hash other = {{1}};
	struct diag why;
	struct buf said;

	masked_round_init(&m, 51, 15, 3, 0);
	for (uint32_t k = 0; k < 3; k++)
		m.w.sites[3 * k].lasts = SECAGG_INPUT;
	masked_round_begin(&m, 1);
	masked_round_run(&m);
	assert_int_equal(round_site(m.round, m.w.sites[0].number)->dropped, DROP_GROUP);
	assert_int_equal(round_site(m.round, m.w.sites[9].number)->dropped, DROP_GROUP);
	buf_init(&said, 0);
	assert_int_equal(round_say(m.round, m.w.sites[9].number, SECAGG_SURVIVORS, &said), SAY_WAIT);
	assert_int_equal(round_wants(m.round, m.w.sites[0].number, secagg_input_octets(&m.plans[0]), &other),
	                 UPLOAD_LATE);
	assert_int_equal(round_message(m.round, m.w.sites[9].number, SECAGG_SURVIVORS, bytes_text("late"), 0, &why),
	                 UPLOAD_LATE);
	assert_int_equal(round_heard(m.round, m.w.sites[0].number, SECAGG_OPENING), UPLOAD_LATE);
	buf_free(&said);
	masked_round_free(&m);
}

/* Two of three have failed: nobody waits for the third. */
static void test_groups_that_cannot_succeed(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 51, 15, 3, 0);
	for (uint32_t i = 0; i < 15; i++)
		m.w.sites[i].lasts = SECAGG_SHARES;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	for (uint32_t k = 0; k < 6; k++) {
		assert_false(m.closed);
		round_dropped(m.round, masked_round_number(&m, 3 * (k / 2) + k % 2), DROP_WITHDRAWN, 0);
		masked_round_step(&m);
	}
	assert_true(m.closed);
	assert_false(round_succeeded(m.round));
	assert_false(round_opened(m.round));
	masked_round_free(&m);
}

/* Two groups are done when a vector of the third cannot be read: the round fails all the same. */
static void test_unreadable_after_others_are_done(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 51, 15, 3, 0);
	m.w.sites[2].lasts = SECAGG_INPUT;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	assert_true(round_group_done(m.round, 0) && round_group_done(m.round, 1));
	assert_false(m.closed);
	round_fail(m.round, "lost");
	masked_round_step(&m);
	assert_true(m.closed);
	assert_false(round_succeeded(m.round));
	masked_round_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_stay),
		cmocka_unit_test(test_one_falls_silent_in_each_phase),
		cmocka_unit_test(test_joined_without_keys),
		cmocka_unit_test(test_the_quorum_is_the_border),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_who_has_not_joined),
		cmocka_unit_test(test_a_late_joiner_takes_part),
		cmocka_unit_test(test_refusals_that_leave_too_few),
		cmocka_unit_test(test_a_joined_leaver),
		cmocka_unit_test(test_leavers),
		cmocka_unit_test(test_leavers_that_leave_too_few),
		cmocka_unit_test(test_masks_that_cannot_be_had),
		cmocka_unit_test(test_a_slice_outlives_its_round),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_groups_that_fail),
		cmocka_unit_test(test_what_the_sites_of_a_failed_group_hear),
		cmocka_unit_test(test_groups_that_cannot_succeed),
		cmocka_unit_test(test_unreadable_after_others_are_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
