/*
 * The session's table under masks: in each state, what each answer and each message does. One hospital is brought into the state by
 * an honest federation and then fed by hand.
 */
#include "tests/support/masked_sessions.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define ACTIONS_MAX 8

static const struct place {
	enum session_state state;
	enum secagg_phase phase;
	bool works; /* the shell's worker is at something */
	bool final; /* v is on the disk */
	bool begun; /* the keys are on the disk */
} places[] = {
	{SESSION_EXPECT_ROSTER, SECAGG_KEYS, true, false, false},
	{SESSION_EXPECT_MODEL, SECAGG_KEYS, true, false, false},
	{SESSION_EXPECT_VECTOR, SECAGG_KEYS, true, false, false},
	{SESSION_EXPECT_SAID, SECAGG_KEYS, true, true, true},
	{SESSION_EXPECT_HEARD, SECAGG_SHARES, true, true, true},
	{SESSION_EXPECT_SAID, SECAGG_SHARES, true, true, true},
	{SESSION_EXPECT_HEARD, SECAGG_INPUT, true, true, true},
	{SESSION_EXPECT_MASKED, SECAGG_INPUT, true, true, true},
	{SESSION_EXPECT_ACKNOWLEDGED, SECAGG_INPUT, true, true, true},
	{SESSION_EXPECT_HEARD, SECAGG_SURVIVORS, true, true, true},
	{SESSION_EXPECT_SAID, SECAGG_SURVIVORS, true, true, true},
	{SESSION_EXPECT_HEARD, SECAGG_OPENING, true, true, true},
	{SESSION_EXPECT_SAID, SECAGG_OPENING, true, true, true},
	{SESSION_EXPECT_CLOSED, SECAGG_OPENING, false, true, true},
};

#define PLACES (sizeof places / sizeof *places)

struct fixture {
	struct masked_sessions w;
	struct masked_hospital *h;
	struct session *s;
	const struct place *place;
	uint64_t work; /* number of the work in hand */
	enum session_action_kind actions[ACTIONS_MAX];
	struct session_action last;
	uint32_t count;
	bool fails; /* the disk is full */
};

static void begin(struct fixture *f, size_t place)
{
	memset(f, 0, sizeof *f);
	masked_sessions_init(&f->w, 300 + place);
	f->place = &places[place];
	f->h = &f->w.hospitals[1];
	f->h->stops = f->place->state != SESSION_EXPECT_CLOSED;
	f->h->stops_at = f->place->state;
	f->h->stops_phase = f->place->phase;
	masked_sessions_open(&f->w, 2, 1, 1);
	masked_sessions_step(&f->w);
	f->s = f->h->session;
	f->work = f->h->job.work;
	assert_int_equal(session_state(f->s), f->place->state);
}

static void end(struct fixture *f)
{
	masked_sessions_free(&f->w);
}

/* What is asked for, without POLL; records are written. */
static void drain(struct fixture *f)
{
	struct session_action a;

	f->count = 0;
	while (session_next(f->s, &a)) {
		if (a.kind == SESSION_POLL)
			continue;
		assert_true(f->count < ACTIONS_MAX);
		f->actions[f->count++] = a.kind;
		f->last = a;
		if (a.kind != SESSION_PERSIST_MASKS)
			continue;
		if (!f->fails) {
			buf_clear(&f->h->record);
			buf_put(&f->h->record, session_masks_record(f->s));
		}
		session_masks_persisted(f->s, f->fails ? REFUSAL_INTERNAL : REFUSAL_NONE);
	}
}

static void expect(struct fixture *f, const enum session_action_kind *kinds, uint32_t count)
{
	drain(f);
	assert_int_equal(f->count, count);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(f->actions[i], kinds[i]);
}

#define EXPECT(...)                                                                                                    \
	expect(f, (enum session_action_kind[]){__VA_ARGS__},                                                           \
	       sizeof((enum session_action_kind[]){__VA_ARGS__}) / sizeof(enum session_action_kind))
#define EXPECT_NOTHING() expect(f, NULL, 0)

static bool holds_secrets(const struct fixture *f)
{
	struct secagg_record_summary summary;

	if (f->h->record.len == 0)
		return false;
	assert_int_equal(secagg_record_read(&summary, buf_bytes(&f->h->record), NULL), OK);
	return summary.resumable;
}

static struct message message(struct fixture *f, enum message_type type)
{
	struct message m = {.type = type, .seq = ++f->h->seq, .plan = f->w.plan};

	snprintf(m.study, sizeof m.study, "%s", f->w.study.name);
	return m;
}

static void polled(struct fixture *f, const struct message *m, bool missed)
{
	struct diag why = {{0}};

	if (session_polled(f->s, m, m != NULL, missed, MASKED_HOSPITALS_NOW_S, &why) != OK)
		fail_msg("%s", why.text);
}

/* All answers but those of `state`. */
static void answer(struct fixture *f, uint64_t work, enum session_state but)
{
	const struct hash any = {{1}};

	if (but != SESSION_EXPECT_ROSTER)
		session_roster(f->s, work, &f->w.roster, REFUSAL_NONE);
	if (but != SESSION_EXPECT_MODEL)
		session_model(f->s, work, REFUSAL_NONE);
	if (but != SESSION_EXPECT_VECTOR)
		session_computed(f->s, work, &any, 64, REFUSAL_NONE);
	session_persisted(f->s, work, REFUSAL_NONE);
	if (but != SESSION_EXPECT_MASKED)
		session_masked(f->s, work, &any, REFUSAL_NONE);
	if (but != SESSION_EXPECT_ACKNOWLEDGED)
		session_sent(f->s, work, SENT_ACCEPTED);
	if (but != SESSION_EXPECT_SAID)
		session_said(f->s, work, MASKS_YES);
	if (but != SESSION_EXPECT_HEARD)
		session_heard(f->s, work, MASKS_DROPPED, bytes_of(NULL, 0));
}

/* ---- answers */

static void test_answers_to_other_work_are_ignored(void **state)
{
	(void)state;
	for (size_t k = 0; k < PLACES; k++) {
		static struct fixture room;
		struct fixture *f = &room;

		begin(f, k);
		answer(f, f->work, f->place->state); /* of another kind */
		answer(f, f->work - 1, SESSION_OVER); /* to work that was given up */
		answer(f, f->work + 1, SESSION_OVER);
		EXPECT_NOTHING();
		assert_int_equal(session_state(f->s), f->place->state);
		end(f);
	}
}

/* What the coordinator does not want any more: silence, without keys, and a person is called only where it cannot be in order. */
static void shown_out(size_t k, enum masks_reply reply, bool alarm)
{
	static struct fixture room;
	struct fixture *f = &room;

	begin(f, k);
	if (f->place->state == SESSION_EXPECT_SAID)
		session_said(f->s, f->work, reply);
	else if (f->place->state == SESSION_EXPECT_HEARD)
		session_heard(f->s, f->work, reply, bytes_of(NULL, 0));
	else
		session_sent(f->s, f->work, SENT_REJECTED);
	EXPECT(SESSION_PERSIST_MASKS, SESSION_LEAVE);
	assert_int_equal(f->last.alarm, alarm);
	assert_int_equal(session_state(f->s), SESSION_EXPECT_CLOSED);
	assert_true(session_why(f->s)[0] != '\0');
	assert_false(holds_secrets(f));
	assert_null(session_content(f->s));
	assert_null(session_masked_plan(f->s));
	polled(f, NULL, false);
	EXPECT_NOTHING(); /* and nothing is said again */
	end(f);
}

static void test_not_wanted_any_more(void **state)
{
	(void)state;
	for (size_t k = 0; k < PLACES; k++) {
		const struct place *p = &places[k];

		if (p->state == SESSION_EXPECT_SAID || p->state == SESSION_EXPECT_HEARD) {
			shown_out(k, MASKS_OVER, false);
			shown_out(k, MASKS_DROPPED, p->state == SESSION_EXPECT_HEARD && p->phase == SECAGG_SURVIVORS);
		}
		if (p->state == SESSION_EXPECT_SAID || p->state == SESSION_EXPECT_ACKNOWLEDGED)
			shown_out(k, MASKS_REJECTED, true);
	}
}

/* Nothing yet: the same again; but a signature goes again before the opening is listened for. */
static void test_nothing_yet(void **state)
{
	(void)state;
	for (size_t k = 0; k < PLACES; k++) {
		static struct fixture room;
		struct fixture *f = &room;

		if (places[k].state != SESSION_EXPECT_HEARD)
			continue;
		begin(f, k);
		session_heard(f->s, f->work, MASKS_NOTHING, bytes_of(NULL, 0));
		if (f->place->phase == SECAGG_OPENING) {
			EXPECT(SESSION_SAY);
			assert_int_equal(f->last.phase, SECAGG_SURVIVORS);
			session_said(f->s, f->last.work, MASKS_YES);
		}
		EXPECT(SESSION_LISTEN);
		assert_int_equal(f->last.phase, f->place->phase);
		end(f);
	}
}

/* ---- messages */

static void test_the_attempt_told_again_changes_nothing(void **state)
{
	(void)state;
	for (size_t k = 0; k < PLACES; k++)
		for (int missed = 0; missed < 2; missed++) {
			static struct fixture room;
			struct fixture *f = &room;

			begin(f, k);
			if (missed)
				f->h->seq = 0; /* the coordinator's numbers begin anew */
			struct message m = message(f, MESSAGE_ROUND);
			polled(f, &m, missed);
			if (f->place->works)
				EXPECT_NOTHING();
			else
				EXPECT(SESSION_SAY); /* it has answered, and the round is still open */
			assert_int_equal(session_plan(f->s)->attempt, 1);
			assert_int_equal(session_seq(f->s), m.seq);
			end(f);
		}
}

/* What ends the attempt in hand stops the worker and takes the keys from the disk; `then` is what follows. */
static void expect_end(struct fixture *f, const enum session_action_kind *then, uint32_t count)
{
	enum session_action_kind kinds[ACTIONS_MAX];
	uint32_t n = 0;

	if (f->place->works)
		kinds[n++] = SESSION_CANCEL;
	if (f->place->begun)
		kinds[n++] = SESSION_PERSIST_MASKS;
	for (uint32_t i = 0; i < count; i++)
		kinds[n++] = then[i];
	expect(f, kinds, n);
	assert_false(holds_secrets(f));
}

static void test_the_end_of_the_round(void **state)
{
	static const enum session_action_kind discards[] = {SESSION_DISCARD};

	(void)state;
	for (size_t k = 0; k < PLACES; k++)
		for (uint32_t outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
			static struct fixture room;
			struct fixture *f = &room;

			begin(f, k);
			struct message m = message(f, MESSAGE_CLOSED);
			m.outcome = (enum round_outcome)outcome;
			polled(f, &m, false);
			expect_end(f, discards, outcome != OUTCOME_FAILED);
			assert_int_equal(session_state(f->s), SESSION_EXPECT_ROUND);
			assert_null(session_masked_plan(f->s));
			assert_null(session_content(f->s));
			answer(f, f->work, SESSION_OVER); /* it comes too late */
			EXPECT_NOTHING();
			end(f);
		}
}

static void test_the_end_of_the_study(void **state)
{
	static const enum session_action_kind ends[] = {SESSION_END};

	(void)state;
	for (size_t k = 0; k < PLACES; k++) {
		static struct fixture room;
		struct fixture *f = &room;

		begin(f, k);
		struct message m = message(f, MESSAGE_FINISHED);
		m.complete = true;
		polled(f, &m, false);
		expect_end(f, ends, 1);
		assert_int_equal(session_state(f->s), SESSION_OVER);
		end(f);
	}
}

static void test_missed_messages_end_it_when_nothing_is_open(void **state)
{
	(void)state;
	for (size_t k = 0; k < PLACES; k++) {
		static struct fixture room;
		struct fixture *f = &room;

		begin(f, k);
		polled(f, NULL, true);
		expect_end(f, NULL, 0);
		assert_int_equal(session_state(f->s), SESSION_EXPECT_ROUND);
		end(f);
	}
}

/* A newer attempt: keys anew, the same v where it is final. The record of the new attempt takes the place of the old one. */
static void test_a_newer_attempt(void **state)
{
	(void)state;
	for (size_t k = 0; k < PLACES; k++) {
		static struct fixture room;
		struct fixture *f = &room;
		bool opened = places[k].phase == SECAGG_OPENING && places[k].state != SESSION_EXPECT_HEARD;

		begin(f, k);
		f->w.plan.attempt = 2;
		struct message m = message(f, MESSAGE_ROUND);
		polled(f, &m, false);
		if (opened)
			expect_end(f, (enum session_action_kind[]){SESSION_REFUSE}, 1);
		else if (f->place->final)
			expect_end(f, (enum session_action_kind[]){SESSION_SAY}, 1);
		else if (f->place->state == SESSION_EXPECT_ROSTER)
			expect_end(f, (enum session_action_kind[]){SESSION_ROSTER}, 1);
		else
			expect_end(f, (enum session_action_kind[]){SESSION_FETCH}, 1);
		assert_int_equal(session_plan(f->s)->attempt, 2);
		assert_null(session_content(f->s));
		end(f);
	}
}

/* ---- a full disk */

static void test_a_full_disk_before_the_keys_refuses(void **state)
{
	static struct fixture room;
	struct fixture *f = &room;
	const struct hash v = {{1}};

	(void)state;
	begin(f, 2); /* EXPECT_VECTOR */
	f->fails = true;
	session_computed(f->s, f->work, &v, 64, REFUSAL_NONE);
	EXPECT(SESSION_PERSIST);
	session_persisted(f->s, f->last.work, REFUSAL_NONE);
	EXPECT(SESSION_PERSIST_MASKS, SESSION_REFUSE);
	assert_int_equal(f->last.refusal, REFUSAL_INTERNAL);
	assert_int_equal(session_to_say(f->s, SECAGG_KEYS).len, 0);
	end(f);
}

/* Each record that a message asks for: what it holds is not said. */
static void test_a_full_disk_later_is_silence(void **state)
{
	(void)state;
	for (size_t k = 0; k < PLACES; k++) {
		static struct fixture room;
		struct fixture *f = &room;
		struct buf said = {0};

		if (places[k].state != SESSION_EXPECT_HEARD || places[k].phase == SECAGG_INPUT)
			continue;
		begin(f, k);
		f->fails = true;
		secagg_server_say(f->w.server, f->place->phase, f->h->number, &said);
		session_heard(f->s, f->work, MASKS_YES, buf_bytes(&said));
		EXPECT(SESSION_PERSIST_MASKS, SESSION_PERSIST_MASKS, SESSION_LEAVE); /* the second: without keys */
		assert_false(f->last.alarm);
		assert_int_equal(session_state(f->s), SESSION_EXPECT_CLOSED);
		assert_int_equal(session_to_say(f->s, f->place->phase).len, 0);
		buf_free(&said);
		end(f);
	}
}

static void test_a_masked_vector_that_cannot_be_made(void **state)
{
	static struct fixture room;
	struct fixture *f = &room;

	(void)state;
	begin(f, 7); /* EXPECT_MASKED */
	assert_non_null(session_to_mask(f->s));
	session_masked(f->s, f->work, &(struct hash){{0}}, REFUSAL_INTERNAL);
	EXPECT(SESSION_PERSIST_MASKS, SESSION_LEAVE);
	assert_false(holds_secrets(f));
	assert_null(session_to_mask(f->s));
	end(f);
}

/* The keys of the masks on the record cover one vector. */
static void test_after_a_restart_y_must_be_the_same(void **state)
{
	static struct fixture room;
	struct fixture *f = &room;

	(void)state;
	begin(f, 8); /* EXPECT_ACKNOWLEDGED: y is on record */
	f->h->stops_at = SESSION_EXPECT_MASKED;
	masked_sessions_restart(&f->w, f->h);
	masked_sessions_step(&f->w);
	f->s = f->h->session;
	assert_int_equal(session_state(f->s), SESSION_EXPECT_MASKED);
	session_masked(f->s, f->h->job.work, &(struct hash){{1}}, REFUSAL_NONE);
	EXPECT(SESSION_PERSIST_MASKS, SESSION_LEAVE);
	assert_true(f->last.alarm);
	assert_false(holds_secrets(f));
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_to_other_work_are_ignored),
		cmocka_unit_test(test_not_wanted_any_more),
		cmocka_unit_test(test_nothing_yet),
		cmocka_unit_test(test_the_attempt_told_again_changes_nothing),
		cmocka_unit_test(test_the_end_of_the_round),
		cmocka_unit_test(test_the_end_of_the_study),
		cmocka_unit_test(test_missed_messages_end_it_when_nothing_is_open),
		cmocka_unit_test(test_a_newer_attempt),
		cmocka_unit_test(test_a_full_disk_before_the_keys_refuses),
		cmocka_unit_test(test_a_full_disk_later_is_silence),
		cmocka_unit_test(test_a_masked_vector_that_cannot_be_made),
		cmocka_unit_test(test_after_a_restart_y_must_be_the_same),
	};

	return cmocka_run_group_tests_name("session_table", tests, NULL, NULL);
}
