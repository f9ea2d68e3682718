/* Messages of sites in a masked round, what sites are told, and looking at it. */
#include "coordinator/round_inside.h"

#include <stdio.h>
#include <string.h>

/* A set is being made durable: what a crash could still undo is told to nobody. */
static bool is_persisting(const struct round_group *g)
{
	return g->state == SECAGG_SERVER_EXPECT_U1_PERSISTED || g->state == SECAGG_SERVER_EXPECT_U2_PERSISTED ||
	       g->state == SECAGG_SERVER_EXPECT_U3_PERSISTED;
}

static bool is_closed(const struct round *r, const struct round_group *g)
{
	return r->state == ROUND_CLOSED || g->state == SECAGG_SERVER_FAILED;
}

/* ---- messages */

/* A message out of turn. Signatures and shares that come when enough are there are as good as taken. */
static enum upload_verdict out_of_turn(const struct round_group *g, enum secagg_phase phase)
{
	static const enum secagg_server_state taken_in[SECAGG_PHASE_COUNT] = {
		[SECAGG_KEYS] = SECAGG_SERVER_EXPECT_KEYS,       [SECAGG_SHARES] = SECAGG_SERVER_EXPECT_SHARES,
		[SECAGG_INPUT] = SECAGG_SERVER_EXPECT_INPUTS,    [SECAGG_SURVIVORS] = SECAGG_SERVER_EXPECT_SIGNATURES,
		[SECAGG_OPENING] = SECAGG_SERVER_EXPECT_ANSWERS,
	};

	if (g->state < taken_in[phase])
		return UPLOAD_AGAIN;
	if (g->state == taken_in[phase])
		return UPLOAD_UNINVITED;
	if (g->state == taken_in[phase] + 1 && is_persisting(g))
		return UPLOAD_PENDING;
	return phase < SECAGG_SURVIVORS ? UPLOAD_LATE : UPLOAD_ACCEPTED;
}

static enum upload_verdict not_taken(const struct round_group *g, enum secagg_phase phase, enum err e)
{
	switch (e) {
	case ERR_CONFLICT:
		return UPLOAD_CONFLICT;
	case ERR_PEER_STATE:
		return out_of_turn(g, phase);
	default:
		return UPLOAD_MALFORMED;
	}
}

enum upload_verdict round_message(struct round *r, uint32_t site, enum secagg_phase phase, struct bytes octets,
                                  int64_t now_ms, struct diag *why)
{
	struct round_site *s = round_find(r, site);

	CHECK(round_masked(r) && phase != SECAGG_INPUT && phase < SECAGG_PHASE_COUNT);
	round_groups_settle(r, now_ms);
	if (round_lost_group(s))
		return UPLOAD_LATE;
	if (!round_takes_part(s))
		return UPLOAD_UNINVITED;
	struct round_group *g = round_site_group(r, s);
	if (is_closed(r, g))
		return UPLOAD_LATE;
	enum err e = secagg_server_message(g->server, site, phase, octets, why);
	if (e != OK)
		return not_taken(g, phase, e);
	if (round_groups_note(r, s, phase) && phase > SECAGG_INPUT)
		s->reached = phase + 1;
	round_group_settle(r, g, now_ms);
	return s->reached > phase ? UPLOAD_ACCEPTED : UPLOAD_PENDING;
}

enum upload_verdict round_heard(const struct round *r, uint32_t site, enum secagg_phase phase)
{
	const struct round_site *s = round_find(r, site);

	if (round_lost_group(s))
		return UPLOAD_LATE;
	if (!round_takes_part(s))
		return UPLOAD_UNINVITED;
	if (s->reached > phase)
		return UPLOAD_ACCEPTED;
	if (is_closed(r, round_site_group(r, s)))
		return UPLOAD_LATE;
	if (round_place(r, s)->sent > phase || is_persisting(round_site_group(r, s)))
		return UPLOAD_PENDING;
	return UPLOAD_LATE;
}

/* ---- vectors */

enum upload_verdict round_masks_want(const struct round *r, const struct round_site *s)
{
	const struct round_group *g = round_site_group(r, s);

	if (is_closed(r, g))
		return UPLOAD_LATE;
	if (g->state != SECAGG_SERVER_EXPECT_INPUTS)
		return out_of_turn(g, SECAGG_INPUT);
	return secagg_server_part(g->server, SECAGG_INPUT, s->number) == SECAGG_PART_IN ? UPLOAD_WANTED
	                                                                                : UPLOAD_UNINVITED;
}

enum upload_verdict round_input(struct round *r, uint32_t site, uint64_t octets, const struct hash *content,
                                const uint8_t *signature, int64_t now_ms, struct diag *why)
{
	uint8_t message[SECAGG_INPUT_SIZE];
	struct round_site *s = round_find(r, site);

	CHECK(round_masked(r));
	round_groups_settle(r, now_ms);
	enum upload_verdict verdict = round_wants(r, site, octets, content);
	if (verdict != UPLOAD_WANTED)
		return verdict;
	memcpy(message, content->b, HASH_SIZE);
	memcpy(message + HASH_SIZE, signature, KEYS_SIGNATURE_SIZE);
	struct round_group *g = round_site_group(r, s);
	enum err e = secagg_server_input(g->server, site, bytes_of(message, sizeof message), octets, content, why);
	if (e != OK)
		return not_taken(g, SECAGG_INPUT, e);
	round_groups_note(r, s, SECAGG_INPUT);
	round_enter(r, s, SITE_EXPECT_PERSISTED);
	s->content = *content;
	round_group_settle(r, g, now_ms);
	return UPLOAD_WANTED;
}

/* ---- telling */

/* The phase has not begun. What the phase in hand wants of this site was here once, if the site has come further. */
static enum say_verdict say_later(const struct round *r, const struct round_site *s, enum secagg_phase asked)
{
	enum secagg_phase taken = secagg_server_takes(round_site_group(r, s)->server);

	return taken < asked && round_place(r, s)->sent <= taken ? SAY_AGAIN : SAY_WAIT;
}

/* Who has answered goes on listening, and is told once more what to answer only when its answer was lost. */
static bool is_wanted(const struct round *r, const struct round_site *s, enum secagg_phase phase)
{
	if (phase != SECAGG_OPENING)
		return true;
	return round_site_group(r, s)->state == SECAGG_SERVER_EXPECT_ANSWERS && round_place(r, s)->sent <= phase;
}

enum say_verdict round_say(const struct round *r, uint32_t site, enum secagg_phase phase, struct buf *out)
{
	const struct round_site *s = round_find(r, site);

	CHECK(round_masked(r) && phase > SECAGG_KEYS && phase < SECAGG_PHASE_COUNT);
	buf_free(out);
	buf_init(out, 0);
	if (round_lost_group(s))
		return SAY_WAIT;
	if (!round_takes_part(s))
		return SAY_DROPPED;
	const struct round_group *g = round_site_group(r, s);
	if (is_closed(r, g))
		return SAY_WAIT;
	switch (secagg_server_part(g->server, phase, site)) {
	case SECAGG_PART_OUT:
		return SAY_DROPPED;
	case SECAGG_PART_LATER:
		return say_later(r, s, phase);
	case SECAGG_PART_IN:
		break;
	}
	if (!is_wanted(r, s, phase))
		return SAY_WAIT;
	secagg_server_say(g->server, phase, site, out);
	return SAY_READY;
}

/* ---- looking */

bool round_opened(const struct round *r)
{
	for (uint32_t g = 0; g < r->group_count; g++)
		if (r->groups[g].opened)
			return true;
	return false;
}

uint32_t round_groups(const struct round *r)
{
	return round_masked(r) ? r->group_count : 1;
}

uint32_t round_group_of(const struct round *r, uint32_t site)
{
	const struct round_site *s = round_find(r, site);

	if (s == NULL)
		return UINT32_MAX;
	return round_masked(r) ? round_place(r, s)->group : 0;
}

bool round_group_done(const struct round *r, uint32_t group)
{
	CHECK(group < r->group_count);
	return r->groups[group].state == SECAGG_SERVER_DONE;
}

uint32_t round_survivors(const struct round *r, uint32_t group)
{
	CHECK(group < r->group_count);
	return r->groups[group].sent[SECAGG_INPUT];
}

void round_waits_for(const struct round *r, char *out, size_t size)
{
	enum secagg_phase phase = SECAGG_PHASE_COUNT;
	uint32_t sent = 0, all = 0, least = 0;

	for (uint32_t g = 0; g < r->group_count; g++)
		if (round_group_phase(&r->groups[g]) < phase)
			phase = round_group_phase(&r->groups[g]);
	for (uint32_t g = 0; g < r->group_count && phase < SECAGG_PHASE_COUNT; g++) {
		if (round_group_phase(&r->groups[g]) != phase)
			continue;
		sent += r->groups[g].sent[phase];
		all += r->groups[g].sent[phase] + secagg_server_awaited(r->groups[g].server);
		least += round_group_needs(&r->groups[g], phase);
	}
	if (phase == SECAGG_PHASE_COUNT)
		snprintf(out, size, "the masks to be taken off the sum");
	else
		snprintf(out, size, "%s: %u of %u hospitals, at least %u", secagg_phase_name(phase), sent, all, least);
}
