/* The session core against its state table: which message and which answer each state takes. */
#include "client/session.h"
#include "tests/support/small_study.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define NOW_S 1800000000
#define SELF 9

struct fixture {
	struct study study;
	struct policy policy;
	struct session *session;
	struct session_action action; /* the last one drained that was not POLL */
	bool polls;
};

static uint32_t sites[] = {4, 9, 17};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof f);
	small_study(&f.study, NULL);
	small_policy(&f.policy);
	f.session = session_new(&(struct session_config){.study = &f.study, .policy = &f.policy, .self = SELF});
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	session_free(f->session);
	study_free(&f->study);
	return 0;
}

/* Drains until nothing is left and asserts that, besides POLL, exactly the actions `kinds` came, in this order. */
static void expect(struct fixture *f, size_t count, const enum session_action_kind *kinds)
{
	struct session_action a;
	size_t seen = 0;

	f->polls = false;
	while (session_next(f->session, &a)) {
		if (a.kind == SESSION_POLL) {
			f->polls = true;
			continue;
		}
		assert_true(seen < count);
		assert_int_equal(a.kind, kinds[seen]);
		f->action = a;
		seen++;
	}
	assert_int_equal(seen, count);
}

#define EXPECT(...)                                                                                                    \
	expect(f, sizeof((enum session_action_kind[]){__VA_ARGS__}) / sizeof(enum session_action_kind),                \
	       (enum session_action_kind[]){__VA_ARGS__})
#define EXPECT_NOTHING() expect(f, 0, NULL)

static struct message round_message(struct fixture *f, uint64_t seq, uint64_t round, uint32_t attempt, uint32_t step)
{
	struct message m = {.type = MESSAGE_ROUND, .seq = seq};

	snprintf(m.study, sizeof m.study, "%s", f->study.name);
	m.plan = (struct round_plan){
		.study_hash = f->study.hash,
		.round = round,
		.attempt = attempt,
		.step = step,
		.asks = round_plan_asks(&f->study, step),
		.sites = sites,
		.site_count = 3,
	};
	if (step > 0) {
		m.plan.model.b[0] = (uint8_t)step;
		m.plan.model_octets = 1000;
	}
	return m;
}

static struct message closed_message(struct fixture *f, uint64_t seq, uint64_t round, uint32_t attempt,
                                     enum round_outcome outcome)
{
	struct message m = {.type = MESSAGE_CLOSED, .seq = seq, .outcome = outcome};

	snprintf(m.study, sizeof m.study, "%s", f->study.name);
	m.plan.study_hash = f->study.hash;
	m.plan.round = round;
	m.plan.attempt = attempt;
	return m;
}

static void polled(struct fixture *f, struct message m, bool missed)
{
	struct diag why = {{0}};

	if (session_polled(f->session, &m, 1, missed, NOW_S, &why) != OK)
		fail_msg("%s", why.text);
}

static void compute_and_persist(struct fixture *f, uint8_t byte)
{
	session_computed(f->session, f->action.work, &(struct hash){{byte}}, 64, REFUSAL_NONE);
	EXPECT(SESSION_PERSIST);
	session_persisted(f->session, f->action.work, REFUSAL_NONE);
	EXPECT(SESSION_SEND);
	assert_int_equal(session_content(f->session)->content.b[0], byte);
}

static void test_a_whole_round(void **state)
{
	struct fixture *f = *state;

	EXPECT_NOTHING();
	assert_true(f->polls);
	polled(f, round_message(f, 1, 1, 1, 0), false);
	EXPECT(SESSION_COMPUTE); /* statistics name no model */
	assert_true(f->polls); /* polling goes on while it computes */
	compute_and_persist(f, 1);
	session_sent(f->session, f->action.work, SENT_ACCEPTED);
	EXPECT_NOTHING();
	assert_int_equal(session_state(f->session), SESSION_EXPECT_CLOSED);
	polled(f, closed_message(f, 2, 1, 1, OUTCOME_DONE), false);
	EXPECT(SESSION_DISCARD);
	assert_int_equal(f->action.round, 1);
	polled(f, round_message(f, 3, 2, 1, 1), false);
	EXPECT(SESSION_FETCH);
	session_model(f->session, f->action.work, REFUSAL_NONE);
	EXPECT(SESSION_COMPUTE);
	compute_and_persist(f, 2);
}

static void test_another_attempt_sends_the_same_bytes(void **state)
{
	struct fixture *f = *state;

	polled(f, round_message(f, 1, 1, 1, 0), false);
	EXPECT(SESSION_COMPUTE);
	compute_and_persist(f, 1);
	session_sent(f->session, f->action.work, SENT_ACCEPTED);
	polled(f, closed_message(f, 2, 1, 1, OUTCOME_FAILED), false);
	EXPECT_NOTHING(); /* a failed attempt discards nothing */
	polled(f, round_message(f, 3, 1, 2, 0), false);
	EXPECT(SESSION_SEND);
	assert_int_equal(session_content(f->session)->content.b[0], 1);
	assert_int_equal(session_plan(f->session)->attempt, 2);
}

static void test_after_a_restart_the_stored_bytes_are_sent(void **state)
{
	struct fixture *f = *state;
	struct message m = round_message(f, 1, 2, 1, 1);
	struct release_record record = {
		.study_hash = f->study.hash, .round = 2, .step = 1, .asks = m.plan.asks, .content = {{5}}};

	round_plan_hash(&record.plan_hash, &m.plan);
	session_restore(f->session, &record);
	polled(f, m, false);
	EXPECT(SESSION_SEND);
	assert_int_equal(session_content(f->session)->content.b[0], 5);
}

static void test_the_end_of_a_round_stops_the_work(void **state)
{
	struct fixture *f = *state;
	uint64_t old;

	polled(f, round_message(f, 1, 2, 1, 1), false);
	EXPECT(SESSION_FETCH);
	session_model(f->session, f->action.work, REFUSAL_NONE);
	EXPECT(SESSION_COMPUTE);
	old = f->action.work;
	polled(f, closed_message(f, 2, 2, 1, OUTCOME_DONE), false);
	EXPECT(SESSION_CANCEL, SESSION_DISCARD);
	session_computed(f->session, old, &(struct hash){{1}}, 64, REFUSAL_NONE); /* it finished all the same */
	EXPECT_NOTHING();
	assert_null(session_to_persist(f->session));
	assert_null(session_content(f->session));
}

static void test_a_newer_round_stops_the_work(void **state)
{
	struct fixture *f = *state;

	polled(f, round_message(f, 1, 2, 1, 1), false);
	EXPECT(SESSION_FETCH);
	polled(f, round_message(f, 5, 3, 1, 1), true);
	EXPECT(SESSION_CANCEL, SESSION_FETCH);
	assert_int_equal(session_plan(f->session)->round, 3);
}

static void test_a_repeat_changes_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t work;

	polled(f, round_message(f, 1, 2, 1, 1), false);
	EXPECT(SESSION_FETCH);
	work = f->action.work;
	polled(f, round_message(f, 2, 2, 1, 1), false);
	EXPECT_NOTHING();
	session_model(f->session, work, REFUSAL_NONE);
	EXPECT(SESSION_COMPUTE);
}

static void test_a_closed_round_is_not_opened_again(void **state)
{
	struct fixture *f = *state;

	polled(f, closed_message(f, 1, 4, 1, OUTCOME_DONE), false);
	EXPECT(SESSION_DISCARD);
	polled(f, round_message(f, 2, 4, 2, 1), false);
	EXPECT(SESSION_REFUSE);
	assert_int_equal(f->action.refusal, REFUSAL_PLAN);
}

static void test_work_that_fails_refuses_with_its_reason(void **state)
{
	struct fixture *f = *state;

	polled(f, round_message(f, 1, 2, 1, 1), false);
	EXPECT(SESSION_FETCH);
	session_model(f->session, f->action.work, REFUSAL_MODEL);
	EXPECT(SESSION_REFUSE);
	assert_int_equal(f->action.refusal, REFUSAL_MODEL);
	polled(f, round_message(f, 2, 3, 1, 1), false);
	EXPECT(SESSION_FETCH);
	session_model(f->session, f->action.work, REFUSAL_NONE);
	EXPECT(SESSION_COMPUTE);
	session_computed(f->session, f->action.work, &(struct hash){{1}}, 64, REFUSAL_NONE);
	EXPECT(SESSION_PERSIST);
	session_persisted(f->session, f->action.work, REFUSAL_INTERNAL); /* disk full */
	EXPECT(SESSION_REFUSE);
	assert_null(session_content(f->session)); /* what is not on disk is not sent */
}

static void test_wrong_inboxes(void **state)
{
	struct fixture *f = *state;
	struct message good = round_message(f, 3, 2, 1, 1), bad = good;
	struct message two[2];
	struct diag why = {{0}};

	EXPECT_NOTHING();
	snprintf(bad.study, sizeof bad.study, "other");
	assert_int_equal(session_polled(f->session, &bad, 1, false, NOW_S, &why), ERR_PROTOCOL);
	bad = good;
	bad.type = MESSAGE_REFUSAL;
	assert_int_equal(session_polled(f->session, &bad, 1, false, NOW_S, &why), ERR_PROTOCOL);
	two[0] = good;
	two[1] = good; /* not ascending */
	assert_int_equal(session_polled(f->session, two, 2, false, NOW_S, &why), ERR_PROTOCOL);
	EXPECT_NOTHING(); /* nothing of them was used */
	assert_true(f->polls);
	assert_int_equal(session_seq(f->session), 0);
	polled(f, good, false);
	EXPECT(SESSION_FETCH);
	assert_int_equal(session_polled(f->session, &good, 1, false, NOW_S, &why),
	                 ERR_PROTOCOL); /* an old number again */
}

/* The coordinator's database is new or an older copy: its numbers begin again, and so do we. */
static void test_missed_messages_begin_the_numbers_anew(void **state)
{
	struct fixture *f = *state;
	struct diag why = {{0}};

	polled(f, round_message(f, 7, 2, 1, 1), false);
	EXPECT(SESSION_FETCH);
	assert_int_equal(session_polled(f->session, NULL, 0, true, NOW_S, &why), OK); /* nothing is open there */
	EXPECT(SESSION_CANCEL);
	assert_int_equal(session_seq(f->session), 0); /* asking after 7 again would be answered so for ever */
	polled(f, round_message(f, 1, 3, 1, 1), false);
	EXPECT(SESSION_FETCH);
}

static void test_the_end_of_a_later_round_ends_ours(void **state)
{
	struct fixture *f = *state;

	polled(f, round_message(f, 1, 2, 1, 1), false);
	EXPECT(SESSION_FETCH);
	polled(f, closed_message(f, 2, 1, 3, OUTCOME_FAILED), false); /* an older one does not */
	EXPECT_NOTHING();
	polled(f, closed_message(f, 5, 4, 1, OUTCOME_FAILED), false);
	EXPECT(SESSION_CANCEL);
	assert_int_equal(session_state(f->session), SESSION_EXPECT_ROUND);
}

static void test_ends_of_another_contract(void **state)
{
	struct fixture *f = *state;
	struct message closed = closed_message(f, 2, 2, 1, OUTCOME_DONE), finished = closed;
	struct message round = round_message(f, 3, 3, 1, 1);
	struct diag why = {{0}};

	polled(f, round_message(f, 1, 2, 1, 1), false);
	EXPECT(SESSION_FETCH);
	closed.plan.study_hash.b[0] ^= 1;
	assert_int_equal(session_polled(f->session, &closed, 1, false, NOW_S, &why), ERR_PROTOCOL);
	finished.type = MESSAGE_FINISHED;
	finished.plan.study_hash.b[0] ^= 1;
	assert_int_equal(session_polled(f->session, &finished, 1, false, NOW_S, &why), ERR_PROTOCOL);
	EXPECT_NOTHING();
	round.plan.study_hash.b[0] ^= 1;
	polled(f, round, false);
	EXPECT(SESSION_CANCEL, SESSION_REFUSE);
	assert_int_equal(f->action.refusal, REFUSAL_NOT_APPROVED);
}

static void test_the_end(void **state)
{
	struct fixture *f = *state;
	struct message m = {.type = MESSAGE_FINISHED, .seq = 9, .complete = true};

	polled(f, round_message(f, 1, 2, 1, 1), false);
	EXPECT(SESSION_FETCH);
	snprintf(m.study, sizeof m.study, "%s", f->study.name);
	m.plan.study_hash = f->study.hash;
	m.model.b[0] = 42;
	polled(f, m, false);
	EXPECT(SESSION_CANCEL, SESSION_END);
	assert_false(f->polls);
	assert_int_equal(session_finished(f->session)->model.b[0], 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_whole_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_attempt_sends_the_same_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_after_a_restart_the_stored_bytes_are_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_end_of_a_round_stops_the_work, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_newer_round_stops_the_work, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_repeat_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_closed_round_is_not_opened_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_work_that_fails_refuses_with_its_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_inboxes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missed_messages_begin_the_numbers_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_end_of_a_later_round_ends_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends_of_another_contract, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_end, setup, teardown),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
