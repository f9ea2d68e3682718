/*
 * Secrets from shares, and the masks that they stand for. The sum of the survivors' vectors still holds, of each survivor, the
 * mask of its own, and of each site that dealt shares and is gone, the masks that the survivors made with it:
 *
 *   slices 0 .. ceil(|U3| / 64) - 1    survivors, 64 a slice: PRG(m_v) from beta_v, taken off
 *   then one for each of U2 \ U3       PRG(m_uv) for each peer u in U3, from sigma_v; u added it when v < u
 *
 * Each secret is checked against what its owner signed before anything is made of it. In the complete graph the same t sites
 * open every secret, so the weights are made once.
 */
#include "crypto/secagg_server_inside.h"

#include "crypto/bitmap.h"

#include <stdlib.h>
#include <string.h>

#define SURVIVORS_PER_SLICE 64 /* masks: a slice reads the sum once, so there should be many to a slice */

/* Those that answered and have shares of `dealer`, ascending; `ranks` has room for |U1|. Only U3 is asked for answers. */
static uint32_t find_answers(uint32_t *ranks, const struct secagg_server *s, uint32_t dealer)
{
	uint32_t candidates = s->members.count, count = 0;

	if (s->plan.degree > 0)
		candidates = secagg_members_peers_in(ranks, &s->members, dealer, s->u3);
	for (uint32_t i = 0; i < candidates; i++) {
		uint32_t u = s->plan.degree > 0 ? ranks[i] : i;
		if (secagg_server_ranked(s, u)->counts[SECAGG_OPENING])
			ranks[count++] = u;
	}
	return count;
}

/* The same, doubted ones last. */
static uint32_t find_holders(uint32_t *ranks, const struct secagg_server *s, uint32_t dealer)
{
	uint32_t count = find_answers(ranks, s, dealer), trusted = 0, late = 0;
	uint32_t *doubted = mem_array(count + (size_t)1, sizeof *doubted);

	for (uint32_t i = 0; i < count; i++)
		if (atomic_load(&s->doubted[ranks[i]]))
			doubted[late++] = ranks[i];
		else
			ranks[trusted++] = ranks[i];
	memcpy(ranks + trusted, doubted, late * sizeof *ranks);
	free(doubted);
	return count;
}

/* In `holder`'s answer, the share of `dealer`. */
static void find_share(struct scalar *out, const struct secagg_server *s, uint32_t holder, uint32_t dealer)
{
	const struct secret *answer = &secagg_server_ranked(s, holder)->answer;
	uint32_t number = s->members.numbers[dealer];
	size_t low = 0, high = answer->len / SECAGG_ANSWER_ITEM;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (load_u32(answer->ptr + middle * SECAGG_ANSWER_ITEM) < number)
			low = middle + 1;
		else
			high = middle;
	}
	CHECK(load_u32(answer->ptr + low * SECAGG_ANSWER_ITEM) == number);
	memcpy(out->b, answer->ptr + low * SECAGG_ANSWER_ITEM + 4, sizeof out->b);
}

enum err secagg_server_can_open(const struct secagg_server *s, struct diag *why)
{
	uint32_t t = secagg_share_threshold(&s->plan), *ranks = mem_array(s->members.count, sizeof *ranks);
	enum err e = OK;

	for (uint32_t v = 0; v < s->members.count && !e; v++) {
		uint32_t count = bitmap_has(s->u2, v) ? find_answers(ranks, s, v) : t;
		if (count < t)
			e = diag_set(why, ERR_PROTOCOL, "%u sites answered that hold shares of site %u, %u are needed",
			             count, s->members.numbers[v], t);
	}
	free(ranks);
	return e;
}

/* ---- one secret */

/* What the secret must fit: the mask's key comes out when it does. */
struct opening {
	const struct secagg_server *s;
	uint32_t dealer;
	uint8_t s_sk[KEYS_SIZE]; /* of a dealer that is gone */
	struct scalar secret; /* beta of a survivor */
};

static bool fits(struct opening *o)
{
	const struct secagg_server *s = o->s;
	struct hash cmt;

	if (!bitmap_has(s->u3, o->dealer))
		return keys_recover(o->s_sk, &o->secret, &s->ctx, &s->members.advs[o->dealer].adv) == OK;
	memcpy(cmt.b, secagg_server_ranked(s, o->dealer)->message[SECAGG_SHARES], HASH_SIZE);
	return keys_beta_matches(&o->secret, &s->members.sid, &cmt);
}

/* From t holders; with the weights of all slices when these are their sites. */
static bool try_holders(struct opening *o, const uint32_t *holders)
{
	const struct secagg_server *s = o->s;
	uint32_t t = secagg_share_threshold(&s->plan), *x = mem_array(t, sizeof *x);
	bool usual = s->weights != NULL && memcmp(holders, s->holders, t * sizeof *holders) == 0;
	struct scalar *own = usual ? NULL : mem_array(t, sizeof *own);
	struct secret locked;

	secret_new(&locked, t * sizeof(struct scalar));
	struct scalar *shares = (struct scalar *)(void *)locked.ptr;
	for (uint32_t i = 0; i < t; i++) {
		x[i] = holders[i] + 1;
		find_share(&shares[i], s, holders[i], o->dealer);
	}
	if (!usual)
		CHECK(shamir_weights(own, x, t) == OK);
	shamir_combine(&o->secret, usual ? s->weights : own, shares, t);
	secret_free(&locked);
	free(own);
	free(x);
	return fits(o);
}

/* The first t; else the first t + 1 without one of them, which is then doubted. */
static enum err open_secret(struct opening *o, struct diag *why)
{
	const struct secagg_server *s = o->s;
	uint32_t t = secagg_share_threshold(&s->plan), *holders = mem_array(s->members.count, sizeof *holders);
	uint32_t count = find_holders(holders, s, o->dealer);
	bool good = count >= t && try_holders(o, holders);

	for (uint32_t i = t; i-- > 0 && count > t && !good;) {
		uint32_t left_out =
			holders[i]; /* the last place holds the spare one, and then each that was left out before */
		holders[i] = holders[t];
		holders[t] = left_out;
		good = try_holders(o, holders);
		if (good)
			atomic_store(&s->doubted[left_out], true);
	}
	free(holders);
	if (!good)
		return diag_set(why, ERR_PROTOCOL,
		                "the shares of site %u do not give the secret it committed to: it dealt wrong ones, or "
		                "more than "
		                "one site answered with a wrong one",
		                s->members.numbers[o->dealer]);
	return OK;
}

/* ---- slices */

static uint32_t survivor_slices(const struct secagg_server *s)
{
	return (s->survivor_count + SURVIVORS_PER_SLICE - 1) / SURVIVORS_PER_SLICE;
}

uint32_t secagg_server_slices(const struct secagg_server *s)
{
	return survivor_slices(s) + s->lost_count;
}

static enum err survivor_masks(const struct secagg_server *s, uint32_t first, struct mask *masks, uint32_t *count,
                               struct opening *o, struct diag *why)
{
	enum err e = OK;

	for (uint32_t i = first; i < s->survivor_count && i < first + SURVIVORS_PER_SLICE && !e; i++) {
		o->dealer = s->survivors[i];
		e = open_secret(o, why);
		if (e)
			return e;
		struct mask *m = &masks[(*count)++];
		keys_self_mask(m->key, &o->secret, s->members.numbers[o->dealer], &s->members.sid, &s->u2h);
		m->subtract = true;
	}
	return e;
}

static enum err lost_masks(const struct secagg_server *s, uint32_t dealer, struct mask *masks, uint32_t *count,
                           struct opening *o, struct diag *why)
{
	uint32_t *peers = mem_array(s->members.count, sizeof *peers);
	uint32_t peer_count = secagg_members_peers_in(peers, &s->members, dealer, s->u3);
	enum err e;

	o->dealer = dealer;
	e = open_secret(o, why);
	for (uint32_t i = 0; i < peer_count && !e; i++) {
		struct mask *m = &masks[(*count)++];
		m->subtract = dealer < peers[i];
		e = keys_pair_mask(m->key, o->s_sk, &s->members.advs[dealer].adv, &s->members.advs[peers[i]].adv,
		                   &s->members.sid, &s->u2h);
		if (e)
			e = diag_set(why, ERR_PROTOCOL, "site %u's key is of low order", s->members.numbers[dealer]);
	}
	free(peers);
	return e;
}

enum err secagg_server_masks(const struct secagg_server *s, uint32_t slice, struct secret *out, uint32_t *count,
                             struct diag *why)
{
	uint32_t room = s->members.count > SURVIVORS_PER_SLICE ? s->members.count : SURVIVORS_PER_SLICE;
	struct secret locked;
	enum err e;

	CHECK(s->state == SECAGG_SERVER_EXPECT_UNMASKED && slice < secagg_server_slices(s));
	secret_new(&locked, sizeof(struct opening));
	struct opening *o = (struct opening *)(void *)locked.ptr;
	o->s = s;
	*count = 0;
	secret_new(out, room * sizeof(struct mask));
	struct mask *masks = (struct mask *)(void *)out->ptr;
	if (slice < survivor_slices(s))
		e = survivor_masks(s, slice * SURVIVORS_PER_SLICE, masks, count, o, why);
	else
		e = lost_masks(s, s->lost[slice - survivor_slices(s)], masks, count, o, why);
	secret_free(&locked);
	if (e)
		secret_free(out);
	return e;
}

static void make_weights(struct secagg_server *s)
{
	uint32_t t = secagg_share_threshold(&s->plan), *x = mem_array(t, sizeof *x);

	s->holders = mem_array(s->members.count, sizeof *s->holders);
	(void)find_holders(s->holders, s, s->survivors[0]);
	for (uint32_t i = 0; i < t; i++)
		x[i] = s->holders[i] + 1;
	s->weights = mem_array(t, sizeof *s->weights);
	CHECK(shamir_weights(s->weights, x, t) == OK);
	free(x);
}

void secagg_server_prepare(struct secagg_server *s)
{
	uint32_t n = s->members.count;

	s->survivors = mem_array(n, sizeof *s->survivors);
	s->lost = mem_array(n, sizeof *s->lost);
	for (uint32_t v = 0; v < n; v++)
		if (bitmap_has(s->u3, v))
			s->survivors[s->survivor_count++] = v;
		else if (bitmap_has(s->u2, v))
			s->lost[s->lost_count++] = v;
	s->doubted = mem_array(n, sizeof *s->doubted);
	if (s->plan.degree == 0)
		make_weights(s);
	s->slices_open = secagg_server_slices(s);
	s->slice_done = mem_array(s->slices_open, sizeof *s->slice_done);
}

void secagg_server_unprepare(struct secagg_server *s)
{
	free(s->survivors);
	free(s->lost);
	free(s->holders);
	free(s->weights);
	free(s->doubted);
	free(s->slice_done);
}
