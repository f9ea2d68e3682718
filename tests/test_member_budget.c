/*
 * A member whose hospital has little of its privacy budget left: it refuses before anything is read, says why in its own log, and tells
 * the coordinator one word of the closed list.
 */
#include "base/log.h"
#include "tests/support/membership.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char refusal[DIAG_MAX]; /* the newest line of the log that has "refused (" */

static void on_log(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	if (strstr(line, "refused (") == NULL)
		return;
	pthread_mutex_lock(&lock);
	snprintf(refusal, sizeof refusal, "%s", line);
	pthread_mutex_unlock(&lock);
}

static int setup(void **state)
{
	*state = membership_begin_private(5);
	log_capture(on_log, NULL);
	refusal[0] = '\0';
	return 0;
}

static void expect_logged(const char *words)
{
	bool found;

	pthread_mutex_lock(&lock);
	found = strstr(refusal, words) != NULL;
	pthread_mutex_unlock(&lock);
	assert_true(found);
}

/* Another study of the same hospital, on whatever file, releases this. */
static void spend_elsewhere(struct membership *f, uint64_t round, double z)
{
	const struct budget_limit limit = {1e6, 1e-4};
	struct release_record r = {.study_hash = {{9}}, .round = round, .octets = 1};

	r.debit = (struct budget_debit){.mechanism = PRIVACY_DISTRIBUTED,
	                                .unit = UNIT_PATIENT,
	                                .what = DEBIT_TRAINING,
	                                .part_count = 1,
	                                .parts = {{1, z, 1}},
	                                .paid = 100};
	assert_int_equal(ledger_commit(f->ledger, "lung", &r, "", bytes_text("v"), &limit, NULL), OK);
}

static void test_no_budget(void **state)
{
	struct membership *f = *state;

	f->config.policy.budget_epsilon = 0.01;
	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.refusal_count, 1);
	assert_int_equal(f->fake.refusals[0].refusal, REFUSAL_BUDGET);
	assert_int_equal(f->fake.refusals[0].plan.round, 1);
	assert_int_equal(f->fake.upload_count, 0);
	assert_int_equal(membership_ledger(f).lines, 0);
	expect_logged(
		"study small round 1: refused (budget): study small round 1: this hospital's privacy budget: all its "
		"studies have spent epsilon 0.0000, this release (statistics) would make it ");
	expect_logged(", and the limit is 0.01 at delta 0.0001; raise budget.epsilon in policy.yaml, or end the study: "
	              "cohort-client reject small");
}

/* What the other study takes while this one runs counts with the next round. */
static void test_another_study_took_it(void **state)
{
	struct membership *f = *state;

	f->config.policy.budget_epsilon = 4;
	membership_start(f);
	spend_elsewhere(f, 1, 0.9);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.refusal_count, 1);
	assert_int_equal(f->fake.refusals[0].refusal, REFUSAL_BUDGET);
	assert_int_equal(membership_ledger(f).lines, 1); /* the other's */
	expect_logged("all its studies have spent epsilon 4.7");
}

/* Within the budget it takes part, and every release is in the account with the debit of its kind, once. */
static void test_within_the_budget(void **state)
{
	struct membership *f = *state;
	const struct budget_study *s;
	struct budget spent = {0};

	membership_start(f);
	fake_round(&f->fake, 1, 1, 0);
	fake_wait(&f->fake, &f->fake.accepted_count, 1);
	fake_closed(&f->fake, 1, 1, OUTCOME_DONE);
	fake_round(&f->fake, 2, 1, 1);
	fake_wait(&f->fake, &f->fake.accepted_count, 2);
	fake_round(&f->fake, 2, 2, 1); /* the same round again: the same octets, and no second debit */
	fake_wait(&f->fake, &f->fake.accepted_count, 3);
	assert_string_equal(f->fake.uploads[1].sha256, f->fake.uploads[2].sha256);
	membership_stop(f);
	ledger_budget(f->ledger, &spent);
	s = budget_find(&spent, &f->study.hash);
	assert_non_null(s);
	assert_int_equal(s->releases[DEBIT_STATISTICS], 1);
	assert_int_equal(s->releases[DEBIT_TRAINING], 1);
	assert_int_equal(membership_ledger(f).last.debit.parts[0].count, 5);
	budget_free(&spent);
}

/* ---- while it computes */

static int setup_slow(void **state)
{
	*state = membership_begin_private(20000);
	log_capture(on_log, NULL);
	return 0;
}

/* It was within the budget when the round was judged, and is not when its release would be entered. */
static void test_the_budget_goes_meanwhile(void **state)
{
	struct membership *f = *state;

	membership_start(f);
	fake_round(&f->fake, 2, 1, 1);
	membership_wait(f, membership_computing, "computing");
	spend_elsewhere(f, 1, 0.5);
	fake_wait(&f->fake, &f->fake.refusal_count, 1);
	assert_int_equal(f->fake.refusals[0].refusal, REFUSAL_BUDGET);
	assert_int_equal(f->fake.upload_count, 0);
	assert_int_equal(membership_ledger(f).lines, 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, membership_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_no_budget),
		CASE(test_another_study_took_it),
		CASE(test_within_the_budget),
		cmocka_unit_test_setup_teardown(test_the_budget_goes_meanwhile, setup_slow, membership_teardown),
	};

	return cmocka_run_group_tests_name("member_budget", tests, NULL, NULL);
}
