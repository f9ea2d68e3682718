/*
 * Every durable write of either side is the last one of its process once, made or not made: nobody contradicts itself after the restart,
 * nothing is opened twice, and the attempt, or the next one, gives the exact sum.
 */
#include "tests/support/masked.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#define SITES 4

static uint32_t writes_of_a_whole_attempt(void)
{
	struct masked w;

	masked_init(&w, 21, SITES, 0, 0, 6, 20);
	masked_begin(&w, 1);
	masked_run(&w);
	assert_true(masked_exact(&w));
	uint32_t writes = w.writes;
	masked_free(&w);
	return writes;
}

static bool opened(const struct masked *w, uint32_t i)
{
	struct secagg_record_summary summary;

	if (w->sites[i].disk.len == 0)
		return false;
	assert_int_equal(secagg_record_read(&summary, buf_bytes(&w->sites[i].disk), NULL), OK);
	return summary.opened;
}

/* After the attempt: the next one of the round goes through among those that did not open this one, or is refused by them. */
static void check_next_attempt(struct masked *w)
{
	uint32_t closed = 0;

	for (uint32_t i = 0; i < SITES; i++) {
		closed += !opened(w, i);
		w->sites[i].silent = false;
	}
	bool was_exact = masked_exact(w);
	masked_begin(w, 2);
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(w->sites[i].error == OK, !opened(w, i));
	for (uint32_t i = 0; i < SITES; i++)
		w->sites[i].silent = w->sites[i].client == NULL;
	masked_run(w);
	assert_int_equal(masked_exact(w), closed >= w->plan.quorum);
	assert_true(was_exact || closed > 0);
}

static void kill_at_each_write(bool before)
{
	uint32_t writes = writes_of_a_whole_attempt(), exact = 0;

	assert_true(writes >= SITES * (5 + 3) + 3); /* a site's five records, its three rows, and the three sets */
	for (uint32_t k = 1; k <= writes; k++) {
		struct masked w;
		masked_init(&w, 21, SITES, 0, 0, 6, 20);
		w.kill_at = k;
		w.kill_before = before;
		masked_begin(&w, 1);
		masked_run(&w);
		for (uint32_t i = 0; i < SITES; i++)
			assert_false(w.sites[i].contradicted);
		assert_true(w.writes >= k);
		exact += masked_exact(&w);
		if (!masked_exact(&w))
			fail_msg("write %u: %s", k,
			         secagg_server_why(w.server)); /* one site fewer is still the quorum */
		check_next_attempt(&w);
		masked_free(&w);
	}
	assert_int_equal(exact, writes);
}

static void test_death_before_a_write(void **state)
{
	(void)state;
	kill_at_each_write(true);
}

static void test_death_after_a_write(void **state)
{
	(void)state;
	kill_at_each_write(false);
}

/* A restart before the vector is masked is the end of the attempt; later it goes on, in each state that the disk knows. */
static void test_where_a_site_goes_on(void **state)
{
	(void)state;
	struct masked w;

	masked_init(&w, 22, SITES, 0, 0, 6, 20);
	masked_begin(&w, 1);
	masked_restart(&w, 0);
	assert_int_equal(w.sites[0].error, ERR_REFUSED);
	w.sites[0].silent = true;
	masked_step(&w);
	secagg_server_close(w.server); /* U1 without the first */
	w.sites[1].lasts = SECAGG_INPUT;
	masked_step(&w);
	assert_int_equal(secagg_server_state(w.server), SECAGG_SERVER_EXPECT_INPUTS);
	masked_restart(&w, 1); /* masks again, and sends the same */
	assert_int_equal(w.sites[1].error, OK);
	assert_int_equal(secagg_client_state(w.sites[1].client), SECAGG_CLIENT_EXPECT_U3);
	assert_false(w.sites[1].contradicted);
	w.sites[1].lasts = SECAGG_PHASE_COUNT;
	w.sites[1].silent = false;
	masked_run(&w);
	assert_true(masked_exact(&w));
	for (uint32_t i = 1; i < SITES; i++) {
		masked_restart(&w, i); /* after the answer: the same again */
		assert_int_equal(w.sites[i].error, OK);
		assert_int_equal(w.sites[i].sends[SECAGG_OPENING], 1);
		assert_false(w.sites[i].contradicted);
	}
	masked_free(&w);
}

/* The vector on disk changed between two maskings under the same keys: the second is never sent. */
static void test_another_vector_is_not_masked_again(void **state)
{
	(void)state;
	struct masked w;

	masked_init(&w, 23, SITES, 0, 0, 6, 20);
	w.sites[2].lasts = SECAGG_INPUT;
	masked_begin(&w, 1);
	masked_step(&w);
	w.sites[2].x[3] ^= 1;
	w.sites[2].sends[SECAGG_INPUT] = 0;
	masked_restart(&w, 2);
	assert_int_equal(w.sites[2].error, ERR_REFUSED);
	assert_non_null(strstr(w.sites[2].why.text, "is not the one of before"));
	assert_int_equal(secagg_client_state(w.sites[2].client), SECAGG_CLIENT_OUT);
	assert_int_equal(w.sites[2].sends[SECAGG_INPUT], 0);
	masked_free(&w);
}

/* The coordinator forgets signatures and answers with a restart: sites give the identical ones again. */
static void test_a_restarted_coordinator_asks_again(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_SHARES; phase < SECAGG_PHASE_COUNT; phase++) {
		struct masked w;
		masked_init(&w, 24, SITES, 0, 0, 6, 20);
		w.sites[3].lasts = phase;
		masked_begin(&w, 1);
		masked_step(&w);
		w.sites[3].lasts = SECAGG_PHASE_COUNT;
		w.sites[3].silent = false;
		masked_restart_server(&w);
		masked_run(&w);
		assert_true(masked_exact(&w));
		for (uint32_t i = 0; i < SITES; i++) {
			assert_false(w.sites[i].contradicted);
			assert_true(secagg_server_survives(w.server, w.sites[i].number));
		}
		masked_free(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_death_before_a_write),
		cmocka_unit_test(test_death_after_a_write),
		cmocka_unit_test(test_where_a_site_goes_on),
		cmocka_unit_test(test_another_vector_is_not_masked_again),
		cmocka_unit_test(test_a_restarted_coordinator_asks_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
