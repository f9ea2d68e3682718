/* What the coordinator tells in the inbox: rounds that begin and end, and the end of all. */
#include "client/session_inside.h"

#include <string.h>

/* A round whose sum was made, or that was given up, does not come back. */
static bool is_over(const struct session *s, const struct round_plan *p)
{
	const struct message *closed = &s->closed;

	return closed->seq != 0 && closed->outcome != OUTCOME_FAILED && p->round <= closed->plan.round;
}

static bool is_in_hand(const struct session *s, const struct round_plan *p)
{
	return s->state != SESSION_EXPECT_ROUND && p->round == s->plan.round && p->attempt == s->plan.attempt;
}

static bool is_among(const struct session *s, const struct message *messages, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (messages[i].type == MESSAGE_ROUND && is_in_hand(s, &messages[i].plan))
			return true;
	return false;
}

static void on_round(struct session *s, const struct message *m, int64_t now_s)
{
	const struct round_plan *p = &m->plan;

	if (is_in_hand(s, p))
		return; /* a repeat */
	session_give_up(s);
	if (p->attempt > 0 && hash_equal(&p->study_hash, &s->config.study->hash))
		session_masks_forget(s, p->round, p->attempt - 1);
	if (is_over(s, p)) {
		round_plan_copy(&s->plan, p);
		diag_set(&s->why, ERR_REFUSED, "round %llu was closed before and is open again",
		         (unsigned long long)p->round);
		session_refuse(s, REFUSAL_PLAN);
	} else {
		session_begin_round(s, p, now_s);
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
		session_give_up(s);
	session_masks_forget(s, m->plan.round, m->plan.attempt);
	if (m->outcome != OUTCOME_FAILED)
		queue_push(&s->actions, &(struct session_action){.kind = SESSION_DISCARD, .round = m->plan.round});
}

static void on_finished(struct session *s, const struct message *m)
{
	session_give_up(s);
	session_masks_forget(s, UINT64_MAX, UINT32_MAX);
	copy_closed(&s->finished, m);
	s->state = SESSION_OVER;
	session_act(s, SESSION_END);
}

void session_abandon(struct session *s)
{
	CHECK(s->state != SESSION_EXPECT_PERSISTED && !s->persisting);
	if (s->state == SESSION_OVER) /* closed already */
		return;
	session_give_up(s);
	session_masks_forget(s, UINT64_MAX, UINT32_MAX);
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

	CHECK(s->state != SESSION_EXPECT_PERSISTED && s->state != SESSION_OVER && !s->persisting);
	if (e == OK && missed) {
		if (!is_among(s, messages, count)) /* what is still open is in this answer */
			session_give_up(s);
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
	if (e == OK)
		session_masks_again(s);
	if (s->state != SESSION_OVER)
		session_act(s, SESSION_POLL);
	return e;
}
