#include "client/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session {
	struct session_config config;
	enum session_state state;
	struct release release;
	struct round_plan plan; /* of the round in hand; round 0: none yet */
	struct message closed, finished;
	uint64_t seq; /* newest message seen */
	uint64_t work; /* number of the work in hand */
	struct diag why;
	struct queue actions;
};

static void act(struct session *s, enum session_action_kind kind)
{
	queue_push(&s->actions, &(struct session_action){.kind = kind, .work = s->work});
}

static void begin_work(struct session *s, enum session_state state, enum session_action_kind kind)
{
	s->state = state;
	s->work++;
	act(s, kind);
}

struct session *session_new(const struct session_config *config)
{
	struct session *s = mem_alloc(sizeof *s);

	s->config = *config;
	queue_init(&s->actions, sizeof(struct session_action));
	act(s, SESSION_POLL);
	return s;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	round_plan_free(&s->plan);
	message_free(&s->closed);
	message_free(&s->finished);
	queue_free(&s->actions);
	free(s);
}

void session_restore(struct session *s, const struct release_record *newest)
{
	release_restore(&s->release, newest);
}

/* ---- one round */

static void refuse(struct session *s, enum refusal refusal)
{
	release_cancel(&s->release);
	s->state = SESSION_EXPECT_CLOSED;
	s->work++; /* whatever was in hand is no longer awaited */
	queue_push(&s->actions, &(struct session_action){.kind = SESSION_REFUSE, .refusal = refusal});
}

/* The work in hand is for nothing any more. */
static void give_up(struct session *s)
{
	if (s->state == SESSION_EXPECT_MODEL || s->state == SESSION_EXPECT_VECTOR ||
	    s->state == SESSION_EXPECT_ACKNOWLEDGED) {
		s->work++;
		act(s, SESSION_CANCEL);
	}
	release_cancel(&s->release);
	s->state = SESSION_EXPECT_ROUND;
}

static void begin_round(struct session *s, const struct round_plan *plan, int64_t now_s)
{
	enum refusal no;

	round_plan_copy(&s->plan, plan);
	s->why.text[0] = '\0';
	no = release_begin(&s->release, s->config.policy, s->config.study, plan, s->config.self, now_s, &s->why);
	if (no != REFUSAL_NONE)
		refuse(s, no);
	else if (release_content(&s->release) != NULL)
		begin_work(s, SESSION_EXPECT_ACKNOWLEDGED, SESSION_SEND);
	else if (hash_is_zero(&plan->model))
		begin_work(s, SESSION_EXPECT_VECTOR, SESSION_COMPUTE);
	else
		begin_work(s, SESSION_EXPECT_MODEL, SESSION_FETCH);
}

void session_model(struct session *s, uint64_t work, enum refusal refusal)
{
	if (work != s->work || s->state != SESSION_EXPECT_MODEL)
		return;
	if (refusal != REFUSAL_NONE)
		refuse(s, refusal);
	else
		begin_work(s, SESSION_EXPECT_VECTOR, SESSION_COMPUTE);
}

void session_computed(struct session *s, uint64_t work, const struct hash *content, uint64_t octets,
                      enum refusal refusal)
{
	if (work != s->work || s->state != SESSION_EXPECT_VECTOR)
		return;
	if (refusal != REFUSAL_NONE) {
		refuse(s, refusal);
		return;
	}
	release_vector(&s->release, content, octets);
	begin_work(s, SESSION_EXPECT_PERSISTED, SESSION_PERSIST);
}

void session_persisted(struct session *s, uint64_t work, enum refusal refusal)
{
	if (work != s->work || s->state != SESSION_EXPECT_PERSISTED)
		return;
	if (refusal != REFUSAL_NONE) {
		refuse(s, refusal);
		return;
	}
	release_persisted(&s->release);
	begin_work(s, SESSION_EXPECT_ACKNOWLEDGED, SESSION_SEND);
}

void session_sent(struct session *s, uint64_t work, enum sent how)
{
	(void)how; /* accepted, late or rejected: nothing more is sent for this attempt; the shell has told a person */
	if (work == s->work && s->state == SESSION_EXPECT_ACKNOWLEDGED)
		s->state = SESSION_EXPECT_CLOSED;
}

/* ---- the inbox */

/* A round whose sum was made, or that was given up, does not come back. */
static bool is_over(const struct session *s, const struct round_plan *p)
{
	const struct message *closed = &s->closed;

	return closed->seq != 0 && closed->outcome != OUTCOME_FAILED && p->round <= closed->plan.round;
}

static void on_round(struct session *s, const struct message *m, int64_t now_s)
{
	const struct round_plan *p = &m->plan;

	if (s->state != SESSION_EXPECT_ROUND && p->round == s->plan.round && p->attempt == s->plan.attempt)
		return; /* a repeat of the attempt in hand */
	give_up(s);
	if (is_over(s, p)) {
		round_plan_copy(&s->plan, p);
		diag_set(&s->why, ERR_REFUSED, "round %llu was closed before and is open again",
		         (unsigned long long)p->round);
		refuse(s, REFUSAL_PLAN);
	} else {
		begin_round(s, p, now_s);
	}
}

static void copy_closed(struct message *to, const struct message *from)
{
	message_free(to);
	*to = *from;
	memset(&to->plan, 0, sizeof to->plan);
	round_plan_copy(&to->plan, &from->plan);
	if (from->participants != NULL) {
		to->participants = mem_array(from->participant_count, sizeof *to->participants);
		memcpy(to->participants, from->participants, from->participant_count * sizeof *to->participants);
	}
}

static void on_closed(struct session *s, const struct message *m)
{
	bool ours = m->plan.round == s->plan.round && m->plan.attempt >= s->plan.attempt;

	copy_closed(&s->closed, m);
	if (ours || m->plan.round > s->plan.round) /* a later one: ours has ended too */
		give_up(s);
	if (m->outcome != OUTCOME_FAILED)
		queue_push(&s->actions, &(struct session_action){.kind = SESSION_DISCARD, .round = m->plan.round});
}

static void on_finished(struct session *s, const struct message *m)
{
	give_up(s);
	copy_closed(&s->finished, m);
	s->state = SESSION_OVER;
	act(s, SESSION_END);
}

static enum err judge(const struct session *s, const struct message *messages, uint32_t count, bool missed,
                      struct diag *why)
{
	uint64_t seq = missed ? 0 : s->seq;

	for (uint32_t i = 0; i < count; i++) {
		const struct message *m = &messages[i];

		if (strcmp(m->study, s->config.study->name) != 0)
			return diag_set(why, ERR_PROTOCOL,
			                "the coordinator sent a message of study %s into the inbox of %s", m->study,
			                s->config.study->name);
		if (!message_from_coordinator(m->type))
			return diag_set(why, ERR_PROTOCOL, "the coordinator sent a message that only sites send");
		if (m->type != MESSAGE_ROUND && !hash_equal(&m->plan.study_hash, &s->config.study->hash))
			return diag_set(why, ERR_PROTOCOL,
			                "the coordinator ended a round or study of another contract");
		if (m->seq <= seq)
			return diag_set(why, ERR_PROTOCOL, "the coordinator sent message %llu after message %llu",
			                (unsigned long long)m->seq, (unsigned long long)seq);
		seq = m->seq;
	}
	return OK;
}

enum err session_polled(struct session *s, const struct message *messages, uint32_t count, bool missed, int64_t now_s,
                        struct diag *why)
{
	enum err e = judge(s, messages, count, missed, why);

	CHECK(s->state != SESSION_EXPECT_PERSISTED && s->state != SESSION_OVER);
	if (e == OK && missed) {
		give_up(s); /* what is still open is in this answer */
		s->seq = 0;
	}
	for (uint32_t i = 0; e == OK && i < count && s->state != SESSION_OVER; i++) {
		s->seq = messages[i].seq;
		if (messages[i].type == MESSAGE_ROUND)
			on_round(s, &messages[i], now_s);
		else if (messages[i].type == MESSAGE_CLOSED)
			on_closed(s, &messages[i]);
		else
			on_finished(s, &messages[i]);
	}
	if (s->state != SESSION_OVER)
		act(s, SESSION_POLL);
	return e;
}

bool session_next(struct session *s, struct session_action *out)
{
	return queue_pop(&s->actions, out);
}

/* ---- looking */

enum session_state session_state(const struct session *s)
{
	return s->state;
}

const char *session_state_name(enum session_state state)
{
	static const char *const names[] = {
		[SESSION_EXPECT_ROUND] = "waiting for a round",
		[SESSION_EXPECT_MODEL] = "fetching the model",
		[SESSION_EXPECT_VECTOR] = "computing",
		[SESSION_EXPECT_PERSISTED] = "writing the ledger",
		[SESSION_EXPECT_ACKNOWLEDGED] = "sending",
		[SESSION_EXPECT_CLOSED] = "waiting for the others",
		[SESSION_OVER] = "finished",
	};

	CHECK((size_t)state < sizeof names / sizeof *names);
	return names[state];
}

const struct round_plan *session_plan(const struct session *s)
{
	return &s->plan;
}

const struct release_record *session_to_persist(const struct session *s)
{
	return release_to_persist(&s->release);
}

const struct release_record *session_content(const struct session *s)
{
	return release_content(&s->release);
}

const char *session_why(const struct session *s)
{
	return s->why.text;
}

uint64_t session_seq(const struct session *s)
{
	return s->seq;
}

const struct message *session_closed(const struct session *s)
{
	return &s->closed;
}

const struct message *session_finished(const struct session *s)
{
	return s->state == SESSION_OVER ? &s->finished : NULL;
}
