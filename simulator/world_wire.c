/*
 * A hospital's requests (wire.c, member_poll.c, member_work.c): two lanes, one for the poll, one for work, each with one request at a
 * time. What is not answered is asked again after a while; what is given up is forgotten, but its answer may still come.
 */
#include "simulator/truth.h"

#include "protocol/inbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void give_up_later(struct world *w, const struct letter *l)
{
	bool held = l->kind == LETTER_POLL || l->kind == LETTER_LISTEN;
	struct event e = world_event(w, EVENT_SILENCE, l->site, GIVE_UP_MS + (held ? HOLD_MS : 0));

	e.number = l->request;
	agenda_add(&w->agenda, &e);
}

static struct letter *request(struct world *w, struct host *h, enum letter_kind kind)
{
	struct letter *l = post_letter(w, h->index, kind);

	l->request = ++w->requests;
	h->lanes[kind == LETTER_POLL ? LANE_POLL : LANE_WORK].request = l->request;
	return l;
}

static void send_off(struct world *w, struct letter *l)
{
	give_up_later(w, l);
	post_send(w, l);
}

/* ---- asking */

void wire_poll(struct world *w, struct host *h)
{
	struct letter *l;

	if (h->lanes[LANE_POLL].request != 0)
		return; /* one is under way */
	l = request(w, h, LETTER_POLL);
	l->after = session_seq(h->session);
	send_off(w, l);
}

static struct message message_of(const struct world *w, enum message_type type)
{
	struct message m = {.type = type};

	snprintf(m.study, sizeof m.study, "%s", w->setting->study->name);
	m.plan.study_hash = w->setting->study->hash;
	return m;
}

static void send_refusal(struct world *w, struct host *h)
{
	struct letter *l = request(w, h, LETTER_REFUSAL);
	struct message m = message_of(w, MESSAGE_REFUSAL);

	l->round = m.plan.round = h->chore.plan.round;
	l->attempt = m.plan.attempt = h->chore.plan.attempt;
	m.refusal = h->chore.action.refusal;
	message_write(&l->body, &m);
	send_off(w, l);
}

static void send_withdrawal(struct world *w, struct host *h)
{
	struct letter *l = request(w, h, LETTER_ANSWER);
	struct message m = message_of(w, MESSAGE_ANSWER);

	m.answer = ANSWER_WITHDRAWN;
	message_write(&l->body, &m);
	send_off(w, l);
}

static void send_contribution(struct world *w, struct host *h)
{
	const struct release_record *r = &h->chore.content;
	struct letter *l;

	if (h->vector.len == 0 || (world_masked(w) && h->masked.len == 0)) { /* discarded: its round was closed */
		session_sent(h->session, h->chore.action.work, SENT_REJECTED);
		host_drain(w, h);
		return;
	}
	l = request(w, h, LETTER_UPLOAD);
	l->round = h->chore.plan.round;
	l->attempt = h->chore.plan.attempt;
	l->octets = r->octets;
	l->content = r->content;
	buf_put(&l->body, buf_bytes(world_masked(w) ? &h->masked : &h->vector));
	memcpy(l->signature, h->chore.signature, sizeof l->signature);
	books_sign(w, h, &l->mark);
	truth_of_upload(w, h, l);
	send_off(w, l);
}

/* ---- under masks */

static void send_phase(struct world *w, struct host *h, enum letter_kind kind)
{
	struct letter *l = request(w, h, kind);

	l->round = h->chore.plan.round;
	l->attempt = h->chore.plan.attempt;
	l->phase = h->chore.action.phase;
	if (kind == LETTER_SAY) {
		buf_put(&l->body, buf_bytes(&h->chore.say));
		truth_of_say(w, h, l);
	}
	send_off(w, l);
}

static enum masks_reply masks_reply_of(enum reply r)
{
	switch (r) {
	case REPLY_DONE:
	case REPLY_SAID:
		return MASKS_YES;
	case REPLY_NOTHING:
	case REPLY_AGAIN:
		return MASKS_NOTHING;
	case REPLY_DROPPED:
		return MASKS_DROPPED;
	case REPLY_LATE:
		return MASKS_OVER;
	default:
		return MASKS_REJECTED;
	}
}

static void fetched(struct world *w, struct host *h, enum refusal refusal)
{
	session_model(h->session, h->chore.action.work, refusal);
	host_drain(w, h);
}

static void fetch(struct world *w, struct host *h)
{
	struct letter *l;

	if (hash_equal(&h->model_sha256, &h->chore.plan.model)) {
		fetched(w, h, REFUSAL_NONE);
		return;
	}
	l = request(w, h, LETTER_MODEL);
	l->content = h->chore.plan.model;
	send_off(w, l);
}

static void fetch_last(struct world *w, struct host *h)
{
	const struct message *end = session_finished(h->session);
	struct letter *l;

	if (hash_is_zero(&end->model) || hash_equal(&end->model, &h->model_sha256)) {
		h->done = true;
		return;
	}
	l = request(w, h, LETTER_MODEL);
	l->content = end->model;
	send_off(w, l);
}

void wire_work(struct world *w, struct host *h)
{
	if (h->leaving)
		send_withdrawal(w, h);
	else if (h->chore.action.kind == SESSION_FETCH)
		fetch(w, h);
	else if (h->chore.action.kind == SESSION_SEND)
		send_contribution(w, h);
	else if (h->chore.action.kind == SESSION_SAY)
		send_phase(w, h, LETTER_SAY);
	else if (h->chore.action.kind == SESSION_LISTEN)
		send_phase(w, h, LETTER_LISTEN);
	else if (h->chore.action.kind == SESSION_ROSTER)
		send_off(w, request(w, h, LETTER_ROSTER));
	else if (h->chore.action.kind == SESSION_REFUSE)
		send_refusal(w, h);
	else if (h->chore.action.kind == SESSION_END)
		fetch_last(w, h);
}

/* ---- giving up, asking again */

void wire_cancel(struct host *h)
{
	struct lane *lane = &h->lanes[LANE_WORK];

	if (lane->request == 0)
		return;
	lane->given_up = lane->request;
	lane->given_up_work = h->chore.action.work;
	lane->request = 0;
	lane->tries = 0;
}

static void again(struct world *w, struct host *h, enum lane_name name)
{
	struct lane *lane = &h->lanes[name];
	uint64_t most = (uint64_t)BACKOFF_MS << (lane->tries < 6 ? lane->tries : 6);
	struct event e;

	lane->tries++;
	lane->request = 0;
	e = world_event(w, EVENT_RETRY, h->index,
	                1 + (int64_t)world_below(w, most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS));
	e.number = name;
	agenda_add(&w->agenda, &e);
}

void wire_silence(struct world *w, struct host *h, uint64_t number)
{
	for (int k = 0; k < LANE_COUNT; k++)
		if (h->lanes[k].request == number) {
			world_note(w, h->index, "hears nothing", number, 0, 0);
			again(w, h, (enum lane_name)k);
		}
}

void wire_retry(struct world *w, struct host *h, enum lane_name name)
{
	if (h->lanes[name].request != 0)
		return;
	if (name == LANE_POLL && h->session != NULL && session_state(h->session) != SESSION_OVER)
		wire_poll(w, h);
	else if (name == LANE_WORK && !h->leaving)
		wire_work(w, h);
}

/* ---- answers */

static void polled(struct world *w, struct host *h, const struct letter *l)
{
	struct message *messages = NULL;
	uint32_t count = 0;
	struct diag why = {{0}};
	enum err e = inbox_parse(&messages, &count, buf_bytes(&l->body), "the coordinator", &why);

	if (e == OK && l->damaged) /* it still reads: here TLS is what keeps it from us */
		e = ERR_PEER_MESSAGE;
	if (e == OK) {
		h->lanes[LANE_POLL].request = 0;
		h->lanes[LANE_POLL].tries = 0;
		books_hear(w, h, &l->mark);
		e = session_polled(h->session, messages, count, l->reply == REPLY_MISSED, world_wall_s(w, h->clock_s),
		                   &why);
		if (e != OK)
			truth_violated(w, CHECK_TOLD, "site %u does not take its inbox: %s", h->number, why.text);
		host_drain(w, h);
	} else if (!l->damaged) {
		truth_violated(w, CHECK_TOLD, "site %u cannot read its inbox: %s", h->number, why.text);
	} else {
		again(w, h, LANE_POLL);
	}
	for (uint32_t i = 0; i < count; i++)
		message_free(&messages[i]);
	free(messages);
}

static enum refusal keep_model(struct world *w, struct host *h, const struct letter *l)
{
	struct hash found;

	if (l->reply != REPLY_MODEL)
		return REFUSAL_MODEL;
	sha256_of(&found, buf_bytes(&l->body));
	if (!hash_equal(&found, &l->content))
		return REFUSAL_MODEL;
	if (l->damaged)
		truth_violated(w, CHECK_CLEAN, "site %u took a damaged model", h->number);
	if (world_befalls(w, FAULT_FULL, SIDE_SITE, h->index) || world_befalls(w, FAULT_SYNC, SIDE_SITE, h->index))
		return REFUSAL_INTERNAL;
	world_put(&h->model, buf_bytes(&l->body));
	h->model_sha256 = l->content;
	return REFUSAL_NONE;
}

static enum sent sent_how(enum reply r)
{
	return r == REPLY_ACCEPTED ? SENT_ACCEPTED : r == REPLY_LATE ? SENT_LATE : SENT_REJECTED;
}

static void left(struct world *w, struct host *h)
{
	h->left = true;
	h->up = false;
	if (w->office.disk.answers[h->index] != ANSWER_WITHDRAWN)
		truth_violated(w, CHECK_ACKNOWLEDGED,
		               "site %u was told that its withdrawal is known, and it is not on disk", h->number);
}

/* An answer to the working lane's request. */
static void worked(struct world *w, struct host *h, const struct letter *l)
{
	enum session_action_kind kind = h->chore.action.kind;
	uint64_t work = h->chore.action.work;

	if (l->reply == REPLY_BUSY || l->reply == REPLY_OFFSET || (h->leaving && l->reply != REPLY_DONE) ||
	    ((kind == SESSION_END || kind == SESSION_LISTEN) && !h->leaving && l->damaged)) {
		again(w, h, LANE_WORK);
		return;
	}
	h->lanes[LANE_WORK].request = 0;
	h->lanes[LANE_WORK].tries = 0;
	if (h->leaving) {
		left(w, h);
	} else if (kind == SESSION_END) {
		h->done = true;
		if (keep_model(w, h, l) == REFUSAL_MODEL)
			truth_violated(w, CHECK_MODEL, "site %u cannot get the study's model", h->number);
	} else if (kind == SESSION_FETCH) {
		fetched(w, h, keep_model(w, h, l));
	} else if (kind == SESSION_SEND) {
		session_sent(h->session, work, sent_how(l->reply));
		host_drain(w, h);
	} else if (kind == SESSION_SAY) {
		session_said(h->session, work, masks_reply_of(l->reply));
		host_drain(w, h);
	} else if (kind == SESSION_LISTEN) {
		session_heard(h->session, work, masks_reply_of(l->reply), buf_bytes(&l->body));
		host_drain(w, h);
	} else if (kind == SESSION_ROSTER) {
		h->knows_roster = true;
		session_roster(h->session, work, &w->roster, REFUSAL_NONE);
		host_drain(w, h);
	}
}

/* An answer that nobody waits for any more: its work has another number by now. */
static void answered_in_vain(struct world *w, struct host *h, const struct letter *l)
{
	struct lane *lane = &h->lanes[LANE_WORK];

	if (h->session == NULL || session_state(h->session) == SESSION_OVER)
		return;
	if (l->kind == LETTER_UPLOAD)
		session_sent(h->session, lane->given_up_work, sent_how(l->reply));
	else if (l->kind == LETTER_SAY)
		session_said(h->session, lane->given_up_work, MASKS_YES);
	else if (l->kind == LETTER_LISTEN)
		session_heard(h->session, lane->given_up_work, MASKS_YES, buf_bytes(&l->body));
	else if (l->kind == LETTER_ROSTER)
		session_roster(h->session, lane->given_up_work, &w->roster, REFUSAL_NONE);
	else if (l->kind == LETTER_MODEL)
		session_model(h->session, lane->given_up_work, REFUSAL_MODEL);
	lane->given_up = 0;
	host_drain(w, h);
}

void wire_answered(struct world *w, struct host *h, struct letter *l)
{
	bool poll = l->kind == LETTER_POLL;
	struct lane *lane = &h->lanes[poll ? LANE_POLL : LANE_WORK];

	world_note(w, h->index, "is answered", l->request, l->reply, world_digest(buf_bytes(&l->body)));
	if (l->request == lane->given_up && lane->given_up != 0)
		answered_in_vain(w, h, l);
	else if (l->request == lane->request && !host_dies(w, h)) {
		if (poll)
			polled(w, h, l);
		else
			worked(w, h, l);
	}
}
