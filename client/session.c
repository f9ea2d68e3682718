/* Birth, a round from its plan to what is final, and looking. */
#include "client/session_inside.h"

#include <stdlib.h>
#include <string.h>

void session_act(struct session *s, enum session_action_kind kind)
{
	queue_push(&s->actions, &(struct session_action){.kind = kind, .work = s->work, .phase = s->phase});
}

void session_begin_work(struct session *s, enum session_state state, enum session_action_kind kind)
{
	s->state = state;
	s->work++;
	session_act(s, kind);
}

static void take_roster(struct session *s, const struct roster *roster)
{
	roster_free(&s->roster);
	roster_copy(&s->roster, roster);
}

struct session *session_new(const struct session_config *config)
{
	struct session *s = mem_alloc(sizeof *s);

	s->config = *config;
	if (config->roster != NULL)
		take_roster(s, config->roster);
	s->config.roster = NULL; /* ours from here on */
	queue_init(&s->actions, sizeof(struct session_action));
	session_act(s, SESSION_POLL);
	return s;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	secagg_client_free(s->client);
	secret_free(&s->record);
	masked_plan_free(&s->masked);
	roster_free(&s->roster);
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

void session_restore_masks(struct session *s, struct bytes record)
{
	secret_free(&s->record);
	if (record.len == 0)
		return;
	secret_new(&s->record, record.len);
	memcpy(s->record.ptr, record.ptr, record.len);
}

/* ---- the ledger's standing */

void session_ledger(struct session *s, const struct standing *standing)
{
	s->standing = *standing;
	s->has_standing = true;
}

void session_sign_mark(const struct session *s, struct ledger_mark *m)
{
	struct buf message;

	CHECK(s->config.signer.sign != NULL);
	buf_init(&message, LEDGER_MARK_MESSAGE_MAX);
	ledger_mark_message(&message, s->roster.federation, s->config.self, m);
	s->config.signer.sign(s->config.signer.context, m->signature, buf_bytes(&message));
	buf_free(&message);
}

enum standing_verdict session_standing(const struct session *s, struct diag *why)
{
	return s->has_standing ? standing_look(&s->standing, &s->roster, s->config.self, why) : STANDING_GOOD;
}

/* ---- one round */

void session_refuse(struct session *s, enum refusal refusal)
{
	if (s->begun) { /* its keys may have left */
		if (s->why.text[0] == '\0')
			diag_set(&s->why, ERR_REFUSED, "%s", refusal_text(refusal));
		session_masks_leave(s, false);
		return;
	}
	session_masks_drop(s);
	release_cancel(&s->release);
	s->state = SESSION_EXPECT_CLOSED;
	s->work++; /* whatever was in hand is no longer awaited */
	queue_push(&s->actions, &(struct session_action){.kind = SESSION_REFUSE, .refusal = refusal});
}

/* The worker of the shell is at something. */
static bool works(const struct session *s)
{
	switch (s->state) {
	case SESSION_EXPECT_ROSTER:
	case SESSION_EXPECT_MODEL:
	case SESSION_EXPECT_VECTOR:
	case SESSION_EXPECT_SAID:
	case SESSION_EXPECT_HEARD:
	case SESSION_EXPECT_MASKED:
	case SESSION_EXPECT_ACKNOWLEDGED:
		return true;
	default:
		return false;
	}
}

void session_give_up(struct session *s)
{
	if (works(s)) {
		s->work++;
		session_act(s, SESSION_CANCEL);
	}
	session_masks_drop(s);
	release_cancel(&s->release);
	s->state = SESSION_EXPECT_ROUND;
}

/* v is on the disk. */
static void release(struct session *s)
{
	if (session_is_masked(s))
		session_masks_begin(s);
	else
		session_begin_work(s, SESSION_EXPECT_ACKNOWLEDGED, SESSION_SEND);
}

struct release_terms session_terms(const struct session *s)
{
	return (struct release_terms){
		.policy = s->config.policy,
		.approved = s->config.study,
		.plan = &s->plan,
		.roster = &s->roster,
		.self = s->config.self,
		.now_s = s->now_s,
		.standing = s->has_standing ? &s->standing : NULL,
		.budget = s->config.budget,
	};
}

static void judge_round(struct session *s)
{
	const struct release_terms terms = session_terms(s);
	enum refusal no = release_begin(&s->release, &terms, &s->masked, &s->why);

	if (no != REFUSAL_NONE)
		session_refuse(s, no);
	else if (session_is_masked(s) && !session_masks_open(s))
		return;
	else if (release_is_final(&s->release))
		release(s);
	else if (hash_is_zero(&s->plan.model))
		session_begin_work(s, SESSION_EXPECT_VECTOR, SESSION_COMPUTE);
	else
		session_begin_work(s, SESSION_EXPECT_MODEL, SESSION_FETCH);
}

void session_begin_round(struct session *s, const struct round_plan *plan, int64_t now_s)
{
	round_plan_copy(&s->plan, plan);
	s->now_s = now_s;
	s->why.text[0] = '\0';
	if (session_is_masked(s) && !hash_is_zero(&plan->roster) && !hash_equal(&plan->roster, &s->roster.content))
		session_begin_work(s, SESSION_EXPECT_ROSTER, SESSION_ROSTER);
	else
		judge_round(s);
}

void session_roster(struct session *s, uint64_t work, const struct roster *roster, enum refusal refusal)
{
	if (work != s->work || s->state != SESSION_EXPECT_ROSTER)
		return;
	if (refusal != REFUSAL_NONE) {
		session_refuse(s, refusal);
		return;
	}
	take_roster(s, roster);
	judge_round(s);
}

void session_model(struct session *s, uint64_t work, enum refusal refusal)
{
	if (work != s->work || s->state != SESSION_EXPECT_MODEL)
		return;
	if (refusal != REFUSAL_NONE)
		session_refuse(s, refusal);
	else
		session_begin_work(s, SESSION_EXPECT_VECTOR, SESSION_COMPUTE);
}

void session_computed(struct session *s, uint64_t work, const struct hash *content, uint64_t octets,
                      enum refusal refusal)
{
	if (work != s->work || s->state != SESSION_EXPECT_VECTOR)
		return;
	if (refusal != REFUSAL_NONE) {
		session_refuse(s, refusal);
		return;
	}
	release_vector(&s->release, content, octets);
	session_begin_work(s, SESSION_EXPECT_PERSISTED, SESSION_PERSIST);
}

void session_persisted(struct session *s, uint64_t work, enum refusal refusal)
{
	if (work != s->work || s->state != SESSION_EXPECT_PERSISTED)
		return;
	if (refusal != REFUSAL_NONE) {
		session_refuse(s, refusal);
		return;
	}
	release_persisted(&s->release);
	release(s);
}

void session_sent(struct session *s, uint64_t work, enum sent how)
{
	if (work != s->work || s->state != SESSION_EXPECT_ACKNOWLEDGED)
		return;
	if (session_is_masked(s))
		session_masks_sent(s, how);
	else /* accepted, late or rejected: nothing more is sent for this attempt; the shell has told a person */
		s->state = SESSION_EXPECT_CLOSED;
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
		[SESSION_EXPECT_ROSTER] = "fetching the roster",
		[SESSION_EXPECT_MODEL] = "fetching the model",
		[SESSION_EXPECT_VECTOR] = "computing",
		[SESSION_EXPECT_PERSISTED] = "writing the ledger",
		[SESSION_EXPECT_MASKS_PERSISTED] = "writing the masks' record",
		[SESSION_EXPECT_SAID] = "telling the coordinator its part",
		[SESSION_EXPECT_HEARD] = "waiting for the others' part",
		[SESSION_EXPECT_MASKED] = "masking",
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
