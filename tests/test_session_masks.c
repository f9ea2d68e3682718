/*
 * The session core under masks, four hospitals against the real server core: whole rounds, repeats, and
 * deaths at every write.
 */
#include "tests/support/masked_sessions.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void expect_states(struct masked_sessions *w, enum session_state state)
{
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
		assert_int_equal(session_state(w->hospitals[i].session), state);
}

/* ---- rounds that end well */

static void test_whole_rounds(void **state)
{
	struct masked_sessions *w = *state;

	for (uint32_t step = 0; step < 4; step++) {
		bool opened;
		masked_sessions_open(w, step + 1, 1, step);
		masked_sessions_run(w);
		assert_true(masked_sessions_exact(w));
		expect_states(w, SESSION_EXPECT_CLOSED);
		assert_true(masked_sessions_resumable(&w->hospitals[0], &opened));
		for (uint32_t i = 0; i < MASKED_HOSPITALS; i++) {
			for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
				assert_int_equal(w->hospitals[i].says[p], 1);
			assert_int_equal(w->hospitals[i].rosters, 1); /* the first round's; then it is at hand */
		}
		masked_sessions_close(w, OUTCOME_DONE);
		expect_states(w, SESSION_EXPECT_ROUND);
		assert_false(masked_sessions_resumable(&w->hospitals[0], &opened)); /* no key is left on the disk */
		assert_true(opened);
		assert_null(session_content(w->hospitals[0].session));
	}
	masked_sessions_expect_no_trouble(w);
}

/* Every poll and every request of every hospital brings nothing, again and again, while the others are slow. */
static void test_repeats_are_the_same_octets(void **state)
{
	struct masked_sessions *w = *state;

	w->hospitals[3].silent = true;
	masked_sessions_open(w, 1, 1, 0);
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++) {
		for (int i = 0; i < 3; i++) {
			masked_sessions_step(w);
			masked_sessions_tick(w);
			for (uint32_t k = 0; k < MASKED_HOSPITALS; k++)
				masked_sessions_tell(w, &w->hospitals[k]); /* the round again */
		}
		if (p < SECAGG_SURVIVORS)
			secagg_server_close(w->server);
	}
	masked_sessions_run(w);
	assert_true(masked_sessions_exact(w));
	masked_sessions_expect_no_trouble(w);
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
		assert_true(w->hospitals[0].says[p] >= 1); /* note_said compares each with the first */
	assert_true(w->hospitals[0].says[SECAGG_OPENING] > 1);
}

/* Signatures and answers are in no coordinator's rows: its restart at any moment costs time, and nothing else. */
static void test_the_coordinator_forgets_signatures_and_answers(void **state)
{
	struct masked_sessions *w = *state;

	masked_sessions_open(w, 1, 1, 0);
	masked_sessions_lasts(w, SECAGG_OPENING);
	w->hospitals[0].lasts = SECAGG_SURVIVORS; /* so the others' signatures do not reach the threshold yet */
	w->hospitals[1].lasts = SECAGG_SURVIVORS;
	masked_sessions_step(w);
	assert_int_equal(w->hospitals[3].says[SECAGG_SURVIVORS], 1);
	masked_sessions_restart_server(w); /* forgets two signatures */
	masked_sessions_lasts(w, SECAGG_PHASE_COUNT);
	masked_sessions_step(w);
	assert_int_equal(secagg_server_state(w->server), SECAGG_SERVER_EXPECT_SIGNATURES);
	masked_sessions_tick(w);
	masked_sessions_step(w);
	assert_int_equal(w->hospitals[3].says[SECAGG_SURVIVORS], 2);
	assert_true(masked_sessions_exact(w));
	masked_sessions_restart_server(w); /* before it could write the end down: all signatures and answers are lost */
	free(w->sum);
	w->sum = NULL;
	masked_sessions_step(w);
	assert_int_equal(secagg_server_state(w->server), SECAGG_SERVER_EXPECT_SIGNATURES);
	masked_sessions_tick(w);
	masked_sessions_step(w);
	assert_true(masked_sessions_exact(w));
	masked_sessions_expect_no_trouble(w);
	assert_int_equal(w->hospitals[0].says[SECAGG_OPENING], 2);
}

/* The coordinator is started again while answers are on their way to it. */
static void test_answers_that_come_before_signatures(void **state)
{
	struct masked_sessions *w = *state;

	masked_sessions_open(w, 1, 1, 0);
	masked_sessions_lasts(w, SECAGG_OPENING);
	masked_sessions_step(w);
	assert_int_equal(secagg_server_state(w->server), SECAGG_SERVER_EXPECT_ANSWERS);
	masked_sessions_restart_server(w);
	masked_sessions_lasts(w, SECAGG_PHASE_COUNT);
	masked_sessions_step(w);
	assert_true(masked_sessions_exact(w));
	masked_sessions_expect_no_trouble(w);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++) {
		assert_int_equal(w->hospitals[i].says[SECAGG_SURVIVORS], 2);
		assert_int_equal(w->hospitals[i].says[SECAGG_OPENING], 2);
	}
}

/* Hospital or coordinator, before the write or after it: the sum is exact, or too few are left and another attempt gives it. */
static void test_deaths_at_every_write(void **state)
{
	uint32_t writes = UINT32_MAX;

	(void)state;
	for (int before = 0; before < 2; before++)
		for (uint32_t k = 1; k <= writes; k++) {
			struct masked_sessions w;
			masked_sessions_init(&w, 1000 + k);
			w.kill_at = k;
			w.kill_before = before;
			masked_sessions_open(&w, 1, 1, 0);
			masked_sessions_run(&w);
			if (!masked_sessions_exact(&w))
				fail_msg("write %u, before %d: %s", k, before, secagg_server_why(w.server));
			masked_sessions_close(&w, OUTCOME_DONE);
			for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
				if (w.hospitals[i].session == NULL)
					masked_sessions_start(&w, &w.hospitals[i]);
			masked_sessions_close(&w, OUTCOME_DONE);
			for (uint32_t i = 0; i < MASKED_HOSPITALS; i++) {
				bool opened;
				assert_int_equal(w.hospitals[i].alarms, 0);
				assert_int_equal(w.hospitals[i].refusals, 0);
				if (w.hospitals[i].record.len > 0 &&
				    masked_sessions_resumable(&w.hospitals[i], &opened))
					fail_msg("write %u, before %d: hospital %u keeps its keys", k, before, i);
			}
			writes = w.writes;
			masked_sessions_free(&w);
		}
	assert_true(writes > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole_rounds, masked_sessions_setup, masked_sessions_teardown),
		cmocka_unit_test_setup_teardown(test_repeats_are_the_same_octets, masked_sessions_setup,
	                                        masked_sessions_teardown),
		cmocka_unit_test_setup_teardown(test_the_coordinator_forgets_signatures_and_answers,
	                                        masked_sessions_setup, masked_sessions_teardown),
		cmocka_unit_test_setup_teardown(test_answers_that_come_before_signatures, masked_sessions_setup,
	                                        masked_sessions_teardown),
		cmocka_unit_test(test_deaths_at_every_write),
	};

	return cmocka_run_group_tests_name("session_masks", tests, NULL, NULL);
}
