/*
 * A member, the real one with its threads, requesters, files and ledger, against a coordinator to order (tests/support/fake.h): what
 * leaves is what contribution.c computes, and what is given up is given up at once.
 */
#include "tests/support/membership.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* ---- good weather */

static void test_a_whole_study(void **state)
{
	struct membership *f = *state;
	struct ledger_ending ending;
	char hex[HASH_HEX_SIZE];

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	membership_assert_upload(f, 0, 1, 1, 0);
	fake_closed(&f->fake, 1, 1, OUTCOME_DONE);
	for (uint32_t step = 1; step <= f->study.rounds + 1; step++) {
		fake_round(&f->fake, step + 1, 1, step);
		fake_wait(&f->fake, &f->fake.accepted_count, (int)step + 1);
		membership_assert_upload(f, (int)step, step + 1, 1, step);
		fake_closed(&f->fake, step + 1, 1, OUTCOME_DONE);
	}
	fake_finished(&f->fake, true);
	membership_wait(f, membership_is_over, "the study is finished");
	assert_int_equal(f->fake.refusal_count, 0);
	assert_int_equal(f->fake.models, 1); /* one model all the time: fetched once */
	assert_string_equal(f->fake.session, "000102030405060708090a0b0c0d0e0f");
	assert_false(f->fake.sessions_differ);
	assert_int_equal(membership_ledger(f).lines, (int)f->study.rounds + 2);
	assert_int_equal(tempdir_count(&f->fake.dir, "state/outbound"), 0);
	assert_true(ledger_ending(f->ledger, &f->study.hash, &ending));
	hash_hex(hex, &ending.model);
	assert_true(ending.complete && hash_equal(&ending.model, &f->fake.model_sha256));
	assert_int_equal(tempdir_count(&f->fake.dir, "state/models"), 1);
	assert_false(membership_has_stopped(f));
}

static void test_another_attempt_gets_the_same_octets(void **state)
{
	struct membership *f = *state;

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	fake_closed(&f->fake, 1, 1, OUTCOME_FAILED);
	fake_round(&f->fake, 1, 2, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 2);
	membership_assert_upload(f, 0, 1, 1, 0);
	membership_assert_upload(f, 1, 1, 2, 0);
	assert_int_equal(membership_ledger(f).lines, 1);
}

/* ---- bad weather */

static void test_busy_coordinators(void **state)
{
	struct membership *f = *state;

	FAKE_SET(&f->fake, put_status, 503);
	FAKE_SET(&f->fake, put_times, 2);
	FAKE_SET(&f->fake, inbox_status, 503);
	membership_start(f);
	fake_wait(&f->fake, &f->fake.polls, 2);
	FAKE_SET(&f->fake, inbox_status, 0);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	membership_assert_upload(f, 0, 1, 1, 0);
	assert_int_equal(f->fake.parts, 3);
}

/* The line is cut while a poll is held, and again before the contribution is taken. */
static void test_cut_lines(void **state)
{
	struct membership *f = *state;

	membership_start(f);
	fake_wait(&f->fake, &f->fake.polls, 1);
	fake_down(&f->fake);
	fake_up(&f->fake);
	fake_wait(&f->fake, &f->fake.polls, 2);
	FAKE_SET(&f->fake, put_status, 503);
	FAKE_SET(&f->fake, put_times, 1);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.parts, 1);
	fake_down(&f->fake);
	fake_up(&f->fake);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	membership_assert_upload(f, 0, 1, 1, 0);
}

static void test_messages_that_are_gone(void **state)
{
	struct membership *f = *state;

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	FAKE_SET(&f->fake, forgotten, 2); /* what says how round 1 ended is not kept any more */
	fake_closed(&f->fake, 1, 1, OUTCOME_DONE);
	fake_round(&f->fake, 2, 1, 1);
	fake_wait(&f->fake, &f->fake.accepted_count, 2);
	membership_assert_upload(f, 1, 2, 1, 1);
}

/* A late part: the round had closed. */
static void test_late(void **state)
{
	struct membership *f = *state;

	FAKE_SET(&f->fake, put_status, 410);
	FAKE_SET(&f->fake, put_times, 1);
	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.parts, 1);
	fake_closed(&f->fake, 1, 1, OUTCOME_DONE);
	fake_round(&f->fake, 2, 1, 1);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	membership_assert_upload(f, 0, 2, 1, 1);
	assert_int_equal(membership_ledger(f).lines, 2);
}

/* ---- giving up work */

static const char endless[] = "training: {rounds: 3, local: {steps: 1000000, batch: 8, learning_rate: 0.001}}";

static void test_training_is_given_up(void **state)
{
	struct membership *f;
	int64_t before_ms;

	membership_teardown(state);
	*state = f = membership_begin(endless);
	membership_start(f);
	fake_round(&f->fake, 2, 1, 1);
	membership_wait(f, membership_computing, "training");
	before_ms = membership_now_ms();
	fake_closed(&f->fake, 2, 1, OUTCOME_ABANDONED);
	fake_round(&f->fake, 3, 1, 0); /* statistics: what this test can wait for */
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	assert_true(membership_now_ms() - before_ms < 2000);
	membership_assert_upload(f, 0, 3, 1, 0);
	assert_int_equal(membership_ledger(f).lines, 1);
}

static void test_stopping_while_training(void **state)
{
	struct membership *f;
	int64_t before_ms;

	membership_teardown(state);
	*state = f = membership_begin(endless);
	membership_start(f);
	fake_round(&f->fake, 2, 1, 1);
	membership_wait(f, membership_computing, "training");
	before_ms = membership_now_ms();
	membership_stop(f);
	assert_true(membership_now_ms() - before_ms < 1000);
}

static void test_stopping_while_polling(void **state)
{
	struct membership *f = *state;
	int64_t before_ms;

	membership_start(f);
	fake_wait(&f->fake, &f->fake.polls, 1);
	nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL); /* the poll is held now */
	before_ms = membership_now_ms();
	membership_stop(f);
	assert_true(membership_now_ms() - before_ms < 1000);
}

/* A refusal that does not get through must not keep the next round waiting. */
static void test_a_refusal_gives_way(void **state)
{
	struct membership *f = *state;
	int64_t before_ms;

	FAKE_SET(&f->fake, refusal_status, 503);
	FAKE_SET(&f->fake, refusal_times, 1000);
	membership_start(f);
	fake_round(&f->fake, 1, 1, 2); /* step 2 in round 1: no contract says so */
	fake_wait(&f->fake, &f->fake.refusal_tries, 1);
	before_ms = membership_now_ms();
	fake_round(&f->fake, 2, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	assert_true(membership_now_ms() - before_ms < 2000);
	membership_assert_upload(f, 0, 2, 1, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, membership_setup, membership_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_whole_study),          CASE(test_another_attempt_gets_the_same_octets),
		CASE(test_busy_coordinators),      CASE(test_cut_lines),
		CASE(test_messages_that_are_gone), CASE(test_late),
		CASE(test_training_is_given_up),   CASE(test_stopping_while_training),
		CASE(test_stopping_while_polling), CASE(test_a_refusal_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
