/* A site of a masked round as its requests show it to the coordinator: it posts, waits for what becomes of it, and listens. */
#include "tests/support/masked_round.h"

static enum upload_verdict post(struct masked_round *m, uint32_t i, enum secagg_phase phase)
{
	struct masked_site *s = &m->w.sites[i];
	struct bytes octets = buf_bytes(&s->outbox[phase]);
	uint64_t round = m->w.attempt.round, size = secagg_input_octets(&m->w.plan);
	uint32_t attempt = m->w.attempt.attempt;

	if (m->campaign != NULL && phase != SECAGG_INPUT)
		return campaign_message(m->campaign, s->number, round, attempt, phase, octets, m->now_ms, &s->why);
	if (phase != SECAGG_INPUT)
		return round_message(m->round, s->number, phase, octets, m->now_ms, &s->why);
	if (m->campaign != NULL)
		return campaign_input(m->campaign, s->number, round, attempt, size, &s->y_hash, octets.ptr + HASH_SIZE,
		                      m->now_ms, &s->why);
	return round_input(m->round, s->number, size, &s->y_hash, octets.ptr + HASH_SIZE, m->now_ms, &s->why);
}

static enum upload_verdict heard(const struct masked_round *m, uint32_t i, enum secagg_phase phase)
{
	if (m->campaign == NULL)
		return round_heard(m->round, masked_round_number(m, i), phase);
	return campaign_heard(m->campaign, masked_round_number(m, i), m->w.attempt.round, m->w.attempt.attempt, phase);
}

static enum say_verdict say(const struct masked_round *m, uint32_t i, enum secagg_phase phase, struct buf *out)
{
	if (m->campaign == NULL)
		return round_say(m->round, masked_round_number(m, i), phase, out);
	return campaign_say(m->campaign, masked_round_number(m, i), m->w.attempt.round, m->w.attempt.attempt, phase,
	                    out);
}

static void send_again(struct masked_round *m, uint32_t i, enum secagg_phase phase)
{
	CHECK(m->w.sites[i].outbox[phase].len > 0);
	m->w.sites[i].sends[phase] = 1;
	m->lines[i].repeats++;
}

static void take_verdict(struct masked_round *m, uint32_t i, enum secagg_phase phase, enum upload_verdict v)
{
	struct masked_line *line = &m->lines[i];

	line->last = v;
	line->waits[phase] = v == UPLOAD_WANTED || v == UPLOAD_PENDING;
	if (line->waits[phase])
		return;
	if (v == UPLOAD_AGAIN) {
		send_again(m, i, phase - 1);
	} else if (v != UPLOAD_ACCEPTED) {
		line->out = true;
	} else {
		line->asks = phase < SECAGG_OPENING ? phase + 1 : SECAGG_OPENING;
		if (phase == SECAGG_INPUT && m->w.sites[i].client != NULL)
			secagg_client_acknowledged(m->w.sites[i].client);
	}
}

static bool send_all(struct masked_round *m, uint32_t i)
{
	struct masked_site *s = &m->w.sites[i];
	bool any = false;

	for (enum secagg_phase p = SECAGG_KEYS; p < SECAGG_PHASE_COUNT && !m->lines[i].out; p++) {
		if (s->sends[p] == 0)
			continue;
		any = true;
		s->sends[p] = 0;
		if (p >= s->lasts) {
			s->silent = true;
			return true;
		}
		take_verdict(m, i, p, post(m, i, p));
	}
	return any;
}

static bool await_all(struct masked_round *m, uint32_t i)
{
	bool any = false;

	for (enum secagg_phase p = SECAGG_KEYS; p < SECAGG_PHASE_COUNT; p++) {
		enum upload_verdict v = m->lines[i].waits[p] ? heard(m, i, p) : UPLOAD_PENDING;

		if (v == UPLOAD_PENDING)
			continue;
		any = true;
		take_verdict(m, i, p, v);
	}
	return any;
}

static bool is_sending(const struct masked_round *m, uint32_t i)
{
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
		if (m->lines[i].waits[p] || m->w.sites[i].sends[p] > 0)
			return true;
	return false;
}

static bool listen(struct masked_round *m, uint32_t i)
{
	struct masked_line *line = &m->lines[i];
	struct buf octets = {0};

	if (line->asks == SECAGG_KEYS || is_sending(m, i))
		return false;
	enum say_verdict v = say(m, i, line->asks, &octets);
	if (v != SAY_WAIT)
		line->said = v;
	if (v == SAY_READY) {
		line->heard[line->asks] = true;
		line->out = masked_tell(&m->w, i, line->asks, buf_bytes(&octets)) != OK;
	} else if (v == SAY_AGAIN) {
		send_again(m, i, line->asks - 1);
	} else if (v == SAY_DROPPED || v == SAY_OVER) {
		line->out = true;
	}
	buf_free(&octets);
	return v != SAY_WAIT;
}

bool masked_round_site(struct masked_round *m, uint32_t i)
{
	if (m->w.sites[i].silent || m->lines[i].out || m->w.sites[i].client == NULL)
		return false;
	m->w.plan = masked_round_plan(m, i);
	m->w.words = m->words;
	bool any = send_all(m, i);
	any |= !m->w.sites[i].silent && await_all(m, i);
	return (!m->w.sites[i].silent && !m->lines[i].out && listen(m, i)) || any;
}
