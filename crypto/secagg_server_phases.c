/*
 * The phases of the coordinator's core: which messages each takes, from whom, and what its end makes. A phase ends when nobody is
 * awaited any more, or at its deadline; what a site sent before counts, also while the disk still writes it: rows are made
 * durable in their order, so the row of a set comes after those of the messages that it is made of.
 */
#include "crypto/secagg_server_inside.h"

#include "crypto/bitmap.h"

#include <stdlib.h>
#include <string.h>

/* Per state: the phase whose messages it takes; the set that its end makes is told in the next phase. */
static const enum secagg_phase takes[SECAGG_SERVER_STATE_COUNT] = {
	[SECAGG_SERVER_EXPECT_KEYS] = SECAGG_KEYS,
	[SECAGG_SERVER_EXPECT_U1_PERSISTED] = SECAGG_PHASE_COUNT,
	[SECAGG_SERVER_EXPECT_SHARES] = SECAGG_SHARES,
	[SECAGG_SERVER_EXPECT_U2_PERSISTED] = SECAGG_PHASE_COUNT,
	[SECAGG_SERVER_EXPECT_INPUTS] = SECAGG_INPUT,
	[SECAGG_SERVER_EXPECT_U3_PERSISTED] = SECAGG_PHASE_COUNT,
	[SECAGG_SERVER_EXPECT_SIGNATURES] = SECAGG_SURVIVORS,
	[SECAGG_SERVER_EXPECT_ANSWERS] = SECAGG_OPENING,
	[SECAGG_SERVER_EXPECT_UNMASKED] = SECAGG_PHASE_COUNT,
	[SECAGG_SERVER_DONE] = SECAGG_PHASE_COUNT,
	[SECAGG_SERVER_FAILED] = SECAGG_PHASE_COUNT,
};

enum secagg_phase secagg_server_takes(const struct secagg_server *s)
{
	return takes[s->state];
}

void secagg_server_act(struct secagg_server *s, enum secagg_server_action_kind kind, enum secagg_phase phase,
                       uint32_t site, uint64_t row)
{
	queue_push(&s->actions, &(struct secagg_server_action){.kind = kind, .phase = phase, .site = site, .row = row});
}

void secagg_server_forget_answers(struct secagg_server *s)
{
	for (uint32_t i = 0; i < s->plan.n; i++)
		s->sites[i].answer = (struct secret){0};
	secret_free(&s->answers);
	s->answers_used = 0;
}

void secagg_server_end(struct secagg_server *s, enum secagg_server_state state)
{
	s->state = state;
	secagg_server_forget_answers(s); /* shares of what was opened are for nothing any more */
	secagg_server_act(s, SECAGG_SERVER_END, SECAGG_OPENING, 0, 0);
}

/* ---- who is spoken to, and who is awaited */

/* Whether a site is in the set that the phase speaks to. */
bool secagg_server_takes_part(const struct secagg_server *s, uint32_t index, enum secagg_phase phase)
{
	uint32_t rank = s->sites[index].rank;

	switch (phase) {
	case SECAGG_KEYS:
		return true;
	case SECAGG_SHARES:
		return rank != UINT32_MAX;
	case SECAGG_INPUT:
		return rank != UINT32_MAX && bitmap_has(s->u2, rank);
	default:
		return rank != UINT32_MAX && bitmap_has(s->u3, rank);
	}
}

bool secagg_server_has_sent(const struct server_site *site, enum secagg_phase phase)
{
	return site->message[phase] != NULL || site->counts[phase];
}

static uint32_t count_sent(const struct secagg_server *s, enum secagg_phase phase)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->plan.n; i++)
		count += secagg_server_has_sent(&s->sites[i], phase);
	return count;
}

uint32_t secagg_server_awaited(const struct secagg_server *s)
{
	enum secagg_phase phase = secagg_server_takes(s);
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->plan.n && phase != SECAGG_PHASE_COUNT; i++)
		count += secagg_server_takes_part(s, i, phase) && !s->sites[i].gone &&
		         !secagg_server_has_sent(&s->sites[i], phase);
	return count;
}

/* ---- ends of phases */

static uint8_t *senders_of_u1(const struct secagg_server *s, enum secagg_phase phase)
{
	uint8_t *set = mem_alloc(bitmap_size(s->members.count));

	for (uint32_t i = 0; i < s->members.count; i++)
		if (secagg_server_has_sent(secagg_server_ranked(s, i), phase))
			bitmap_add(set, i);
	return set;
}

/* Under a graph: a site with fewer neighbours left than open its secret would refuse to go on, and so may its neighbours then. */
static void drop_lonely(const struct secagg_server *s, uint8_t *set)
{
	uint32_t *peers = mem_array(s->members.count, sizeof *peers);
	bool again = s->plan.degree > 0;

	while (again) {
		again = false;
		for (uint32_t i = 0; i < s->members.count; i++)
			if (bitmap_has(set, i) &&
			    secagg_members_peers_in(peers, &s->members, i, set) < s->plan.share_threshold) {
				set[i / 8] &= (uint8_t) ~(1u << i % 8);
				again = true;
			}
	}
	free(peers);
}

static void close_keys(struct secagg_server *s)
{
	size_t octets = bitmap_size(s->plan.n);

	s->u1 = mem_alloc(octets);
	for (uint32_t i = 0; i < s->plan.n; i++)
		if (secagg_server_has_sent(&s->sites[i], SECAGG_KEYS))
			bitmap_add(s->u1, i);
	s->state = SECAGG_SERVER_EXPECT_U1_PERSISTED;
	secagg_server_add_row(s, SECAGG_SHARES, 0, bytes_of(s->u1, octets));
}

static enum err close_shares(struct secagg_server *s)
{
	s->u2 = senders_of_u1(s, SECAGG_SHARES);
	drop_lonely(s, s->u2);
	uint32_t count = bitmap_count(s->u2, s->members.count);
	if (count < s->plan.quorum)
		return diag_set(&s->why, ERR_PROTOCOL, "%u sites have neighbours enough left, the quorum is %u", count,
		                s->plan.quorum);
	s->state = SECAGG_SERVER_EXPECT_U2_PERSISTED;
	secagg_server_add_row(s, SECAGG_INPUT, 0, bytes_of(s->u2, bitmap_size(s->members.count)));
	return OK;
}

static void close_inputs(struct secagg_server *s)
{
	s->u3 = senders_of_u1(s, SECAGG_INPUT);
	s->state = SECAGG_SERVER_EXPECT_U3_PERSISTED;
	secagg_server_add_row(s, SECAGG_SURVIVORS, 0, bytes_of(s->u3, bitmap_size(s->members.count)));
}

static void close_signatures(struct secagg_server *s)
{
	uint32_t n = s->members.count, dealers = s->plan.degree == 0 ? n : graph_degree(&s->members.graph);

	secret_new(&s->answers, bitmap_count(s->u3, n) * (size_t)dealers * SECAGG_ANSWER_ITEM);
	s->state = SECAGG_SERVER_EXPECT_ANSWERS;
	secagg_server_act(s, SECAGG_SERVER_SEND, SECAGG_OPENING, 0, 0);
}

static enum err close_answers(struct secagg_server *s)
{
	enum err e = secagg_server_can_open(s, &s->why);

	if (e)
		return e;
	secagg_server_prepare(s);
	s->state = SECAGG_SERVER_EXPECT_UNMASKED;
	secagg_server_act(s, SECAGG_SERVER_UNMASK, SECAGG_OPENING, 0, 0);
	return OK;
}

static enum err check_enough(struct secagg_server *s, enum secagg_phase phase)
{
	uint32_t needed = phase == SECAGG_SURVIVORS ? secagg_threshold(&s->plan) : s->plan.quorum;
	uint32_t count = count_sent(s, phase);

	if (phase == SECAGG_OPENING || count >= needed)
		return OK;
	return diag_set(&s->why, ERR_PROTOCOL, "%u of %u sites sent their message of phase %s, %u are needed", count,
	                s->plan.n, secagg_phase_name(phase), needed);
}

void secagg_server_close(struct secagg_server *s)
{
	enum secagg_phase phase = secagg_server_takes(s);
	enum err e = phase == SECAGG_PHASE_COUNT ? OK : check_enough(s, phase);

	if (e || phase == SECAGG_PHASE_COUNT) {
		if (e)
			secagg_server_end(s, SECAGG_SERVER_FAILED);
		return;
	}
	if (phase == SECAGG_KEYS)
		close_keys(s);
	else if (phase == SECAGG_SHARES)
		e = close_shares(s);
	else if (phase == SECAGG_INPUT)
		close_inputs(s);
	else if (phase == SECAGG_SURVIVORS)
		close_signatures(s);
	else
		e = close_answers(s);
	if (e)
		secagg_server_end(s, SECAGG_SERVER_FAILED);
}

void secagg_server_settle(struct secagg_server *s)
{
	while (secagg_server_takes(s) != SECAGG_PHASE_COUNT && secagg_server_awaited(s) == 0)
		secagg_server_close(s);
}

void secagg_server_begin_shares(struct secagg_server *s)
{
	struct signed_adv *advs = mem_array(s->plan.n, sizeof *advs);
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->plan.n; i++)
		if (bitmap_has(s->u1, i))
			memcpy(&advs[count++], s->sites[i].message[SECAGG_KEYS], sizeof *advs);
	secagg_members_make(&s->members, &s->plan, &s->ctx, advs, count);
	for (uint32_t rank = 0; rank < count; rank++)
		secagg_server_ranked(s, rank)->rank = rank;
	free(advs);
	s->state = SECAGG_SERVER_EXPECT_SHARES;
}

void secagg_server_begin_inputs(struct secagg_server *s)
{
	keys_u2h(&s->u2h, &s->members.sid, bytes_of(s->u2, bitmap_size(s->members.count)));
	s->state = SECAGG_SERVER_EXPECT_INPUTS;
}
