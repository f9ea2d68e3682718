/*
 * The coordinator's first two messages: everyone's keys, answered with shares of this site's secrets; and the shares of the others,
 * answered with the masked vector.
 */
#include "crypto/secagg_client_inside.h"

#include "crypto/bitmap.h"

#include <stdlib.h>
#include <string.h>

/* ---- U1: everyone's keys. The answer: shares of this site's two secrets. */

static enum err judge_u1(struct secagg_client *c, struct bytes octets, struct diag *why)
{
	enum err e = secagg_shared_take(c->shared, &c->members, &c->plan, &c->ctx, octets, why);

	if (!e)
		e = secagg_client_check_size(c, "are left", c->members.count, why);
	if (!e)
		e = secagg_client_check_known(c, NULL, why);
	if (e)
		return e;
	c->rank = secagg_members_rank(&c->members, c->self);
	if (c->rank == UINT32_MAX || memcmp(&c->members.advs[c->rank], &c->own, sizeof c->own) != 0)
		return diag_set(why, ERR_PROTOCOL,
		                "this site's own keys are missing from the list, or not as it sent them");
	return OK;
}

static uint32_t share_threshold(const struct secagg_client *c)
{
	return secagg_share_threshold(&c->plan);
}

/* sigma, then beta: f(0) = secret, coefficients f_sigma[1 ..], f_beta[1 ..] in the order drawn. */
static struct scalar *draw_polynomials(struct secagg_client *c, struct secret *locked)
{
	uint32_t t = share_threshold(c);

	secret_new(locked, 2 * (size_t)t * sizeof(struct scalar));
	struct scalar *a = (struct scalar *)(void *)locked->ptr;
	for (uint32_t i = 0; i < 2 * (t - 1); i++)
		shamir_random(&a[i], &c->entropy);
	return a;
}

static void share_for(struct seal_shares *out, const struct secagg_client *c, const struct scalar *a, uint32_t rank)
{
	uint32_t t = share_threshold(c);

	shamir_share(&out->sigma, &c->keys->sigma, a, t, rank + 1);
	shamir_share(&out->beta, &c->keys->beta, a + t - 1, t, rank + 1);
}

static struct seal_label label(const struct secagg_client *c, uint32_t from, uint32_t to)
{
	return (struct seal_label){.sid = &c->members.sid,
	                           .from = c->members.numbers[from],
	                           .to = c->members.numbers[to],
	                           .x = to + 1,
	                           .t = share_threshold(c)};
}

static uint8_t *receiving_key(const struct secagg_client *c, uint32_t rank)
{
	return c->receiving.ptr + rank * (size_t)KEYS_SIZE;
}

/* The agreement gives the keys of both directions: the other one is kept for what the peer will seal. */
static enum err seal_for(struct secagg_client *c, const struct scalar *a, uint32_t peer, struct buf *out,
                         struct diag *why)
{
	uint8_t sending[KEYS_SIZE], *receiving = receiving_key(c, peer), nonce[SEAL_NONCE_SIZE], ct[SEAL_SIZE];
	const struct adv *theirs = &c->members.advs[peer].adv;
	struct seal_label to_peer = label(c, c->rank, peer);
	struct seal_shares shares;
	enum err e = keys_share_keys(sending, receiving, c->keys, &c->own.adv, theirs, &c->members.sid);

	if (e) {
		e = diag_set(why, ERR_PROTOCOL, "site %u's key is of low order", c->members.numbers[peer]);
		goto out;
	}
	share_for(&shares, c, a, peer);
	entropy_fill(&c->entropy, nonce, sizeof nonce);
	seal_close(ct, sending, nonce, &to_peer, &shares);
	buf_put_u32(out, c->members.numbers[peer]);
	buf_put(out, bytes_of(ct, sizeof ct));
out:
	secret_wipe(sending, sizeof sending);
	secret_wipe(&shares, sizeof shares);
	return e;
}

static enum err deal(struct secagg_client *c, struct buf *list, struct diag *why)
{
	struct secret locked = {0};
	struct scalar *a = draw_polynomials(c, &locked);
	uint32_t *peers = mem_array(c->members.count, sizeof *peers);
	uint32_t count = secagg_members_peers_in(peers, &c->members, c->rank, NULL);
	enum err e = OK;

	secret_new(&c->receiving, c->members.count * (size_t)KEYS_SIZE);
	for (uint32_t i = 0; i < count && !e; i++)
		e = seal_for(c, a, peers[i], list, why);
	secret_new(&c->shares, c->members.count * sizeof(struct seal_shares));
	if (secagg_members_holds(&c->members, c->rank, c->rank))
		share_for((struct seal_shares *)(void *)c->shares.ptr + c->rank, c, a, c->rank);
	free(peers);
	secret_free(&locked);
	return e;
}

enum err secagg_client_on_u1(struct secagg_client *c, struct bytes octets, struct diag *why)
{
	struct buf list, message, *answer = &c->sent[SECAGG_SHARES];
	struct hash cmt, content;
	enum err e = judge_u1(c, octets, why);

	if (e)
		return e;
	buf_init(&list, answer->max);
	buf_init(&message, KEYS_MESSAGE_MAX);
	e = deal(c, &list, why);
	if (!e) {
		keys_commitment(&cmt, &c->members.sid, &c->keys->beta);
		sha256_of(&content, buf_bytes(&list));
		keys_message_shares(&message, &c->members.sid, c->self, &cmt, &content);
		buf_put(answer, bytes_of(cmt.b, HASH_SIZE));
		secagg_client_sign(c, answer, &message);
		buf_put(answer, buf_bytes(&list));
		CHECK(!answer->failed);
		secret_wipe(&c->keys->sigma, sizeof c->keys->sigma); /* it is in the others' hands now */
		secret_wipe(c->keys->c_sk, sizeof c->keys->c_sk); /* every agreement was made */
		secagg_client_await(c, SECAGG_CLIENT_EXPECT_SHARES_PERSISTED);
	}
	buf_free(&message);
	buf_free(&list);
	return e;
}

/* ---- U2: who dealt, and the shares for this site. The answer: the masked vector. */

static enum err judge_u2(struct secagg_client *c, struct bytes set, struct diag *why)
{
	enum err e = secagg_members_set(&c->members, set, why);

	if (!e && !bitmap_has(set.ptr, c->rank))
		e = diag_set(why, ERR_REFUSED, "this site is not among those that shared their secrets");
	if (!e)
		e = secagg_client_check_size(c, "shared their secrets", bitmap_count(set.ptr, c->members.count), why);
	if (!e)
		e = secagg_client_check_neighbours(c, set.ptr, why);
	return e;
}

/* Opens a peer's shares and makes the mask that both have. */
static enum err take_peer(struct secagg_client *c, uint32_t peer, struct bytes ct, struct mask *mask, struct diag *why)
{
	const struct adv *theirs = &c->members.advs[peer].adv;
	struct seal_label to_us = label(c, peer, c->rank);
	struct seal_shares *shares = (struct seal_shares *)(void *)c->shares.ptr + peer;
	enum err e = seal_open(shares, receiving_key(c, peer), &to_us, ct);

	if (e)
		e = diag_set(why, ERR_PROTOCOL,
		             "the shares from site %u do not open: sealed for another site, attempt or "
		             "threshold, or changed on the way",
		             c->members.numbers[peer]);
	else if (keys_pair_mask(mask->key, c->keys->s_sk, &c->own.adv, theirs, &c->members.sid, &c->u2h) != OK)
		e = diag_set(why, ERR_PROTOCOL, "site %u's key is of low order", c->members.numbers[peer]);
	mask->subtract = peer > c->rank;
	return e;
}

/* One ciphertext of each of the `count` peers, in their order and no other. */
static enum err take_peers(struct secagg_client *c, const uint32_t *peers, uint32_t count, struct reader *r,
                           struct diag *why)
{
	struct mask *masks = (struct mask *)(void *)c->masks.ptr;
	enum err e = OK;

	for (uint32_t i = 0; i < count && !e; i++) {
		uint32_t from = read_u32(r);
		struct bytes ct = read_bytes(r, SEAL_SIZE);
		if (r->failed || from != c->members.numbers[peers[i]])
			return diag_set(why, ERR_PROTOCOL, "the shares from site %u are missing, or not in their place",
			                c->members.numbers[peers[i]]);
		e = take_peer(c, peers[i], ct, &masks[i], why);
	}
	if (!e && !reader_done(r))
		e = diag_set(why, ERR_PROTOCOL, "%zu octets are left over behind the shares", r->rest.len);
	return e;
}

enum err secagg_client_on_u2(struct secagg_client *c, struct bytes octets, struct diag *why)
{
	struct reader r = reader_of(octets);
	struct bytes set = read_bytes(&r, bitmap_size(c->members.count));
	uint32_t *peers, count;
	enum err e = judge_u2(c, set, why);

	if (e)
		return e;
	secagg_client_keep_set(&c->u2, set);
	keys_u2h(&c->u2h, &c->members.sid, set);
	peers = mem_array(c->members.count, sizeof *peers);
	count = secagg_members_peers_in(peers, &c->members, c->rank, c->u2);
	secret_new(&c->masks, (count + 1) * sizeof(struct mask));
	c->mask_count = count + 1;
	e = take_peers(c, peers, count, &r, why);
	free(peers);
	if (e)
		return e;
	keys_self_mask(((struct mask *)(void *)c->masks.ptr)[count].key, &c->keys->beta, c->self, &c->members.sid,
	               &c->u2h);
	secret_free(&c->receiving);
	secret_free(&c->locked); /* the masks and the shares are all that is needed from here on */
	c->keys = NULL;
	c->state = SECAGG_CLIENT_EXPECT_INPUT;
	secagg_client_act(c, SECAGG_CLIENT_MASK, SECAGG_INPUT);
	return OK;
}
