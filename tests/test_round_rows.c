/* Masked rounds over restarts of the coordinator: after a kill at any commit the same sum over the same sites. */
#include "tests/support/masked_round.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

/* Killed before or after each commit: the same sum over the same sites. */
static void test_restart_at_each_commit(void **state)
{
	(void)state;
	for (uint32_t silent = 0; silent <= 1; silent++)
		for (uint32_t at = 1;; at++) {
			bool killed = false;
			for (uint32_t before = 0; before <= 1; before++) {
				struct masked_round m;

				masked_round_init(&m, 41, 5, 1, 0);
				m.w.sites[3].lasts = silent ? SECAGG_INPUT : SECAGG_PHASE_COUNT;
				m.kill_at = at;
				m.kill_before = before;
				masked_round_begin(&m, 1);
				masked_round_run(&m);
				assert_true(round_succeeded(m.round));
				assert_true(masked_round_exact(&m, 0));
				assert_int_equal(round_contributions(m.round), 5 - silent);
				assert_true(silent || m.now_ms == 0); /* without a deadline */
				for (uint32_t i = 0; i < 5; i++) {
					assert_false(m.w.sites[i].contradicted);
					assert_string_equal(masked_round_fate(&m, i),
					                    silent && i == 3 ? "in phase input" : "contributed");
				}
				killed = m.commits >= at;
				masked_round_free(&m);
			}
			if (!killed)
				break;
		}
}

/* The coordinator dies when signatures, or shares, are in its memory alone: sites send them again. */
static void test_restart_while_it_is_opened(void **state)
{
	(void)state;
	for (uint32_t answers = 0; answers <= 5; answers++) {
		struct masked_round m;
		uint32_t repeats = 0;

		masked_round_init(&m, 43, 5, 1, 0);
		m.never_add = true; /* it stands before the unmasking */
		for (uint32_t i = answers; i < 5; i++)
			m.w.sites[i].lasts = SECAGG_OPENING;
		masked_round_begin(&m, 1);
		masked_round_step(&m);
		assert_int_equal(secagg_server_state(round_server(m.round, 0)),
		                 answers == 5 ? SECAGG_SERVER_EXPECT_UNMASKED : SECAGG_SERVER_EXPECT_ANSWERS);
		m.never_add = false;
		for (uint32_t i = answers; i < 5; i++) { /* they were about to send */
			m.w.sites[i].lasts = SECAGG_PHASE_COUNT;
			m.w.sites[i].silent = false;
			m.w.sites[i].sends[SECAGG_OPENING] = 1;
		}
		masked_round_restart(&m);
		assert_true(round_opened(m.round)); /* it cannot know */
		masked_round_step(&m);
		assert_true(m.closed);
		assert_true(round_succeeded(m.round));
		assert_true(masked_round_exact(&m, 0));
		for (uint32_t i = 0; i < 5; i++) {
			assert_false(m.w.sites[i].contradicted);
			repeats += m.lines[i].repeats;
		}
		assert_int_equal(repeats, 5);
		masked_round_free(&m);
	}
}

/* Deadlines start anew, that of joining too. */
static void test_time_after_a_restart(void **state)
{
	(void)state;
	static const int64_t takes[] = {MASKED_DEADLINE_MS, MASKED_PHASE_MS, MASKED_DEADLINE_MS, MASKED_PHASE_MS};

	for (uint32_t p = SECAGG_KEYS; p <= SECAGG_SURVIVORS; p++) {
		struct masked_round m;

		masked_round_init(&m, 43, 5, 1, 0);
		m.w.sites[4].lasts = p;
		masked_round_begin(&m, 1);
		round_joined(m.round, masked_round_number(&m, 4), 0);
		masked_round_step(&m);
		m.now_ms = 777;
		masked_round_restart(&m);
		round_joined(m.round, masked_round_number(&m, 4), m.now_ms);
		assert_int_equal(round_deadline_ms(m.round), 777 + MASKED_JOIN_MS);
		round_tick(m.round, 777 + MASKED_JOIN_MS);
		assert_int_equal(round_deadline_ms(m.round), 777 + takes[p]);
		masked_round_free(&m);
	}
}

static void test_refusals_last(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 43, 5, 1, 0);
	m.w.sites[0].lasts = 0;
	m.w.sites[1].lasts = SECAGG_SHARES;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	round_refused(m.round, 11, REFUSAL_POLICY_MASKING, 0);
	masked_round_step(&m);
	m.kill_at = m.commits + 2; /* its row is stored, the set that it makes is not */
	m.kill_before = true;
	round_dropped(m.round, 18, DROP_WITHDRAWN, 0);
	masked_round_step(&m);
	assert_int_equal(m.site_count, 2);
	assert_true(m.closed); /* neither is waited for */
	assert_true(round_succeeded(m.round));
	assert_string_equal(masked_round_fate(&m, 0), "refused");
	assert_string_equal(masked_round_fate(&m, 1), "withdrawn");
	assert_int_equal(round_contributions(m.round), 3);
	masked_round_free(&m);
}

static void test_rows_that_do_not_fit(void **state)
{
	(void)state;
	struct masked_round m;
	struct diag why = {{0}};

	masked_round_init(&m, 43, 5, 1, 0);
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	masked_round_open(&m);
	assert_int_equal(round_restore_row(m.round, 1, &m.rows[0].head, &why), ERR_DATA);
	assert_string_equal(why.text, "a row of group 1: the round has 1");
	assert_int_equal(round_restore_row(m.round, 0, &m.rows[1].head, &why), ERR_DATA);
	assert_int_equal(round_restore_row(m.round, 0, &m.rows[0].head, &why), OK);
	assert_int_equal(round_restore_row(m.round, 0, &m.rows[0].head, &why), ERR_DATA);
	masked_round_free(&m);
}

/* A staged vector is gone after a restart: the round fails, and is not taken for one that was not opened. */
static void test_an_unreadable_vector(void **state)
{
	(void)state;
	for (uint32_t opened = 0; opened <= 1; opened++) {
		struct masked_round m;

		masked_round_init(&m, 43, 5, 1, 0);
		for (uint32_t i = 0; i < 5; i++)
			m.w.sites[i].lasts = i == 4 && !opened ? SECAGG_INPUT : SECAGG_OPENING;
		masked_round_begin(&m, 1);
		masked_round_step(&m);
		masked_round_restart(&m);
		round_fail(m.round, "staged/3: site 11's vector cannot be read");
		masked_round_turn(&m);
		assert_true(m.closed);
		assert_false(round_succeeded(m.round));
		assert_int_equal(round_opened(m.round), opened);
		assert_string_equal(round_why(m.round), "staged/3: site 11's vector cannot be read");
		round_fail(m.round, "again");
		assert_string_equal(round_why(m.round), "staged/3: site 11's vector cannot be read");
		masked_round_free(&m);
	}
}

static void test_groups_restart_at_each_commit(void **state)
{
	(void)state;
	for (uint32_t at = 1;; at += 3) {
		struct masked_round m;
		bool killed;

		masked_round_init(&m, 51, 12, 3, 0);
		m.w.sites[4].lasts = SECAGG_SHARES;
		m.kill_at = at;
		m.kill_before = at % 2;
		masked_round_begin(&m, 1);
		masked_round_run(&m);
		assert_true(round_succeeded(m.round));
		assert_int_equal(round_contributions(m.round), 11);
		for (uint32_t g = 0; g < 3; g++)
			assert_true(masked_round_exact(&m, g));
		killed = m.commits >= at;
		masked_round_free(&m);
		if (!killed)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart_at_each_commit),        cmocka_unit_test(test_restart_while_it_is_opened),
		cmocka_unit_test(test_time_after_a_restart),          cmocka_unit_test(test_refusals_last),
		cmocka_unit_test(test_rows_that_do_not_fit),          cmocka_unit_test(test_an_unreadable_vector),
		cmocka_unit_test(test_groups_restart_at_each_commit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
