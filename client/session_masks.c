/*
 * An attempt of secure aggregation inside a session: secagg_client's actions become the session's, one at a time, and what
 * the coordinator answers goes back. Whatever is wrong ends in session_masks_leave: wiped, written, silent.
 */
#include "client/session_inside.h"

#include <stdlib.h>
#include <string.h>

/* ---- the record */

static void persist(struct session *s, struct bytes record)
{
	secret_free(&s->record);
	secret_new(&s->record, record.len);
	memcpy(s->record.ptr, record.ptr, record.len);
	if (s->persisting) /* the older one was not written yet: the newer takes its place */
		return;
	s->persisting = true;
	session_act(s, SESSION_PERSIST_MASKS);
}

void session_masks_forget(struct session *s, uint64_t round, uint32_t attempt)
{
	struct bytes record = session_masks_record(s);
	struct secagg_record_summary summary;
	struct secret closed = {0};

	if (s->client != NULL || record.len == 0 || secagg_record_read(&summary, record, NULL) != OK)
		return;
	if (!summary.resumable || summary.round > round || (summary.round == round && summary.attempt > attempt))
		return;
	if (secagg_record_close(&closed, record, NULL) == OK)
		persist(s, bytes_of(closed.ptr, closed.len));
	secret_free(&closed);
}

/* ---- the attempt's actions */

static void say(struct session *s, enum secagg_phase phase)
{
	s->phase = phase;
	session_begin_work(s, SESSION_EXPECT_SAID, SESSION_SAY);
}

static void listen(struct session *s, enum secagg_phase phase)
{
	s->phase = phase;
	session_begin_work(s, SESSION_EXPECT_HEARD, SESSION_LISTEN);
}

static void send_input(struct session *s)
{
	release_masked(&s->release, secagg_client_input(s->client), secagg_input_octets(&s->masked.plan));
	session_begin_work(s, SESSION_EXPECT_ACKNOWLEDGED, SESSION_SEND);
}

/* What the attempt wants next; it never wants two things at once. */
static void pump(struct session *s)
{
	struct secagg_client_action a;

	while (secagg_client_next(s->client, &a)) {
		if (a.kind == SECAGG_CLIENT_PERSIST) {
			s->state = SESSION_EXPECT_MASKS_PERSISTED;
			persist(s, secagg_client_record(s->client));
		} else if (a.kind == SECAGG_CLIENT_MASK) {
			session_begin_work(s, SESSION_EXPECT_MASKED, SESSION_MASK);
		} else if (a.phase == SECAGG_INPUT) {
			send_input(s);
		} else {
			say(s, a.phase);
		}
	}
}

static bool has_answered(const struct session *s)
{
	return s->client != NULL && secagg_client_state(s->client) == SECAGG_CLIENT_ANSWERED;
}

/* The answer goes again by way of the signature: a coordinator that has forgotten both wants that first. */
void session_masks_begin(struct session *s)
{
	if (has_answered(s))
		say(s, SECAGG_SURVIVORS);
	else
		pump(s);
}

void session_masks_drop(struct session *s)
{
	if (s->begun) {
		secagg_client_closed(s->client);
		pump(s); /* at most the record without secrets */
	}
	secagg_client_free(s->client);
	s->client = NULL;
	s->begun = s->acknowledged = false;
	masked_plan_free(&s->masked);
}

void session_masks_leave(struct session *s, bool alarm)
{
	session_masks_drop(s);
	release_cancel(&s->release);
	s->state = SESSION_EXPECT_CLOSED;
	s->work++; /* whatever was in hand is no longer awaited */
	queue_push(&s->actions, &(struct session_action){.kind = SESSION_LEAVE, .alarm = alarm});
}

/* ---- opening */

static struct secagg_client_config config_of(struct session *s, const bool *known)
{
	return (struct secagg_client_config){
		.attempt = masked_plan_attempt(&s->plan, s->config.study, &s->roster),
		.plan = s->masked.plan,
		.offered = s->masked.plan.octets, /* made here; another one shows in every key */
		.self = s->config.self,
		.known = known,
		.min_known = s->config.policy->min_known,
		.statistics = (s->plan.asks & ASK_STATISTICS) != 0,
		.signer = s->config.signer,
		.entropy = s->config.entropy,
	};
}

/* Whether the record is of the attempt that is told. */
static bool is_on_record(const struct session *s)
{
	struct secagg_record_summary summary;
	struct bytes record = session_masks_record(s);

	return record.len > 0 && secagg_record_read(&summary, record, NULL) == OK && summary.round == s->plan.round &&
	       summary.attempt == s->plan.attempt;
}

bool session_masks_open(struct session *s)
{
	struct bytes record = session_masks_record(s);
	struct release_terms terms = session_terms(s);
	uint32_t count;
	bool *known = release_known(&terms, &s->masked.plan, &count), resumes = is_on_record(s);
	struct secagg_client_config config = config_of(s, known);
	enum err e = resumes ? secagg_client_resume(&s->client, &config, record, &s->why)
	                     : secagg_client_open(&s->client, &config, record, &s->why);

	free(known);
	s->begun = e == OK && resumes;
	if (e == OK)
		return true;
	if (resumes)
		session_masks_leave(s, false);
	else
		session_refuse(s, e == ERR_REFUSED ? REFUSAL_PLAN : REFUSAL_INTERNAL);
	return false;
}

/* ---- answers to work */

void session_masks_persisted(struct session *s, enum refusal refusal)
{
	CHECK(s->persisting);
	s->persisting = false;
	if (s->state != SESSION_EXPECT_MASKS_PERSISTED)
		return;
	if (refusal != REFUSAL_NONE) {
		diag_set(&s->why, ERR_IO, "the record of the masks cannot be written");
		session_refuse(s, refusal);
		return;
	}
	s->begun = true;
	secagg_client_persisted(s->client);
	pump(s);
}

void session_masked(struct session *s, uint64_t work, const struct hash *y, enum refusal refusal)
{
	if (work != s->work || s->state != SESSION_EXPECT_MASKED)
		return;
	if (refusal != REFUSAL_NONE) {
		diag_set(&s->why, ERR_IO, "the masked contribution cannot be made");
		session_masks_leave(s, false);
	} else if (secagg_client_masked(s->client, y, &s->why) != OK) {
		session_masks_leave(s, true);
	} else {
		pump(s);
	}
}

/* The coordinator says that this site is no longer part of it. */
static void shown_out(struct session *s, enum masks_reply reply)
{
	bool lie = reply == MASKS_DROPPED && s->state == SESSION_EXPECT_HEARD && s->phase == SECAGG_SURVIVORS &&
	           s->acknowledged;

	if (lie)
		diag_set(&s->why, ERR_PROTOCOL,
		         "the coordinator acknowledged this site's vector and now leaves it out: ask why");
	else
		diag_set(&s->why, ERR_REFUSED, "the coordinator %s, phase %s",
		         reply == MASKS_DROPPED ? "goes on without this site"
		         : reply == MASKS_OVER  ? "has ended the attempt"
		                                : "will not take this site's message",
		         secagg_phase_name(s->phase));
	session_masks_leave(s, lie || reply == MASKS_REJECTED);
}

void session_said(struct session *s, uint64_t work, enum masks_reply reply)
{
	if (work != s->work || s->state != SESSION_EXPECT_SAID)
		return;
	if (reply == MASKS_NOTHING && s->phase == SECAGG_OPENING)
		say(s, SECAGG_SURVIVORS); /* then we listen and say this again */
	else if (reply != MASKS_YES)
		shown_out(s, reply);
	else if (s->phase == SECAGG_OPENING)
		s->state = SESSION_EXPECT_CLOSED;
	else
		listen(s, s->phase + 1);
}

void session_heard(struct session *s, uint64_t work, enum masks_reply reply, struct bytes octets)
{
	enum err e;

	if (work != s->work || s->state != SESSION_EXPECT_HEARD)
		return;
	if (reply == MASKS_NOTHING && s->phase == SECAGG_OPENING) {
		say(s, SECAGG_SURVIVORS);
	} else if (reply == MASKS_NOTHING) {
		listen(s, s->phase);
	} else if (reply != MASKS_YES) {
		shown_out(s, reply);
	} else if (has_answered(s)) {
		say(s, SECAGG_OPENING); /* with whatever signatures: there is one answer */
	} else {
		e = secagg_client_message(s->client, s->phase, octets, &s->why);
		if (e == OK)
			pump(s);
		else
			session_masks_leave(s, e == ERR_PROTOCOL);
	}
}

void session_masks_sent(struct session *s, enum sent how)
{
	if (how == SENT_REJECTED) {
		s->phase = SECAGG_INPUT;
		shown_out(s, MASKS_REJECTED);
		return;
	}
	if (how == SENT_ACCEPTED) {
		secagg_client_acknowledged(s->client);
		s->acknowledged = true;
	}
	listen(s, SECAGG_SURVIVORS); /* late: an acknowledgement may have been lost, and then we are in the sum */
}

void session_masks_again(struct session *s)
{
	if (s->state == SESSION_EXPECT_CLOSED && has_answered(s))
		say(s, SECAGG_SURVIVORS);
}

/* ---- looking */

enum secagg_phase session_phase(const struct session *s)
{
	return s->phase;
}

struct bytes session_masks_record(const struct session *s)
{
	return bytes_of(s->record.ptr, s->record.len);
}

const struct release_record *session_to_mask(const struct session *s)
{
	return s->state == SESSION_EXPECT_MASKED ? release_to_mask(&s->release) : NULL;
}

const struct mask *session_masks(const struct session *s, uint32_t *count)
{
	*count = 0;
	return s->client != NULL ? secagg_client_masks(s->client, count) : NULL;
}

const struct secagg_plan *session_masked_plan(const struct session *s)
{
	return s->masked.plan.n > 0 ? &s->masked.plan : NULL;
}

struct bytes session_to_say(const struct session *s, enum secagg_phase phase)
{
	return s->client != NULL ? secagg_client_sent(s->client, phase) : bytes_of(NULL, 0);
}

const uint8_t *session_input_signature(const struct session *s)
{
	struct bytes said = session_to_say(s, SECAGG_INPUT);

	return said.len == SECAGG_INPUT_SIZE ? said.ptr + HASH_SIZE : NULL;
}
