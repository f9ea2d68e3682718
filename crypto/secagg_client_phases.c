/*
 * The coordinator's last two messages, and the checks that several rows share. Each handler judges everything about its message in the
 * order of the protocol, and only then makes this site's answer; what is not needed after it is wiped at once.
 */
#include "crypto/secagg_client_inside.h"

#include "crypto/bitmap.h"

#include <stdlib.h>
#include <string.h>

enum err secagg_client_check_size(const struct secagg_client *c, const char *what, uint32_t count, struct diag *why)
{
	if (count < c->plan.quorum)
		return diag_set(why, ERR_PROTOCOL, "%u sites %s, the quorum is %u", count, what, c->plan.quorum);
	return OK;
}

/* `set` NULL: U1. Sites that this hospital was told of by people are harder to invent than the others. */
enum err secagg_client_check_known(const struct secagg_client *c, const uint8_t *set, struct diag *why)
{
	uint32_t known = 0;

	for (uint32_t i = 0; i < c->members.count; i++)
		known += (set == NULL || bitmap_has(set, i)) && secagg_client_knows(c, i);
	if (known < c->min_known)
		return diag_set(why, ERR_REFUSED, "%u of the sites are known to this hospital, min_known is %u", known,
		                c->min_known);
	return OK;
}

/* Under a graph: fewer neighbours than open a secret could leave this site with nobody honest beside it. */
enum err secagg_client_check_neighbours(const struct secagg_client *c, const uint8_t *set, struct diag *why)
{
	uint32_t *peers, count;

	if (c->plan.degree == 0)
		return OK;
	peers = mem_array(c->members.count, sizeof *peers);
	count = secagg_members_peers_in(peers, &c->members, c->rank, set);
	free(peers);
	if (count < c->plan.share_threshold)
		return diag_set(why, ERR_PROTOCOL, "%u of this site's neighbours are left, %u must be", count,
		                c->plan.share_threshold);
	return OK;
}

void secagg_client_keep_set(uint8_t **out, struct bytes set)
{
	*out = mem_alloc(set.len);
	memcpy(*out, set.ptr, set.len);
}

/* ---- U3: whose vectors are in the sum. The answer: a signature, so that all know that all were told the same. */

static enum err judge_u3(const struct secagg_client *c, struct bytes set, struct diag *why)
{
	enum err e = secagg_members_set(&c->members, set, why);

	if (e)
		return e;
	if (!bitmap_within(set.ptr, c->u2, c->members.count))
		return diag_set(why, ERR_PROTOCOL, "a survivor is not among those that shared their secrets");
	if (!bitmap_has(set.ptr, c->rank) && c->acknowledged)
		return diag_set(why, ERR_PROTOCOL,
		                "the coordinator acknowledged this site's vector and now leaves it out: ask why");
	if (!bitmap_has(set.ptr, c->rank))
		return diag_set(why, ERR_REFUSED, "this site's vector did not arrive in time and is not in the sum");
	e = secagg_client_check_size(c, "survive", bitmap_count(set.ptr, c->members.count), why);
	if (!e)
		e = secagg_client_check_known(c, set.ptr, why);
	if (!e)
		e = secagg_client_check_neighbours(c, set.ptr, why);
	return e;
}

static void survivors_message(struct buf *out, const struct secagg_client *c)
{
	buf_init(out, KEYS_MESSAGE_MAX);
	keys_message_survivors(out, &c->members.sid, &c->u2h, bytes_of(c->u3, bitmap_size(c->members.count)));
}

enum err secagg_client_on_u3(struct secagg_client *c, struct bytes octets, struct diag *why)
{
	struct buf message;
	enum err e = judge_u3(c, octets, why);

	if (e)
		return e;
	secagg_client_keep_set(&c->u3, octets);
	survivors_message(&message, c);
	secagg_client_sign(c, &c->sent[SECAGG_SURVIVORS], &message);
	buf_free(&message);
	secret_free(&c->masks);
	c->mask_count = 0;
	secagg_client_await(c, SECAGG_CLIENT_EXPECT_U3_PERSISTED);
	return OK;
}

/* ---- The signatures. The answer: for each site one of its two shares. */

static enum err judge_signature(const struct secagg_client *c, uint32_t number, struct bytes signature,
                                const struct buf *message, struct diag *why)
{
	uint32_t rank = secagg_members_rank(&c->members, number);

	if (rank == UINT32_MAX || !bitmap_has(c->u3, rank))
		return diag_set(why, ERR_PROTOCOL, "site %u signed and is not among the survivors", number);
	if (!keys_verify(c->plan.sites[c->members.invited[rank]].identity, buf_bytes(message), signature.ptr))
		return diag_set(why, ERR_PROTOCOL,
		                "site %u's signature is not over the survivors that this site was told", number);
	return OK;
}

static enum err judge_signatures(const struct secagg_client *c, struct bytes octets, struct diag *why)
{
	size_t count = octets.len / SECAGG_SIGNER_ITEM;
	struct reader r = reader_of(octets);
	uint32_t last = 0;
	struct buf message;
	enum err e = OK;

	if (octets.len % SECAGG_SIGNER_ITEM != 0 || count < secagg_threshold(&c->plan))
		return diag_set(why, ERR_PROTOCOL, "%zu signatures on the survivors, %u are needed", count,
		                secagg_threshold(&c->plan));
	survivors_message(&message, c);
	bool verified = secagg_shared_verified(c->shared, buf_bytes(&message), octets);
	for (size_t i = 0; i < count && !e && !verified; i++) {
		uint32_t number = read_u32(&r);
		struct bytes signature = read_bytes(&r, KEYS_SIGNATURE_SIZE);
		if (number <= last)
			e = diag_set(why, ERR_PROTOCOL, "site %u's signature stands twice or out of order", number);
		else
			e = judge_signature(c, number, signature, &message, why);
		last = number;
	}
	if (!e && !verified)
		secagg_shared_note(c->shared, buf_bytes(&message), octets);
	buf_free(&message);
	return e;
}

/* Of a survivor the share of beta, of one that is gone the share of sigma: never both, since U3 was signed once. */
static void answer(struct secagg_client *c)
{
	struct buf *out = &c->sent[SECAGG_OPENING];

	(void)buf_extend(out, c->members.count *
	                              (size_t)SECAGG_ANSWER_ITEM); /* at once: growing would leave copies behind */
	buf_clear(out);
	for (uint32_t v = 0; v < c->members.count; v++) {
		if (!bitmap_has(c->u2, v) || !secagg_members_holds(&c->members, c->rank, v))
			continue;
		const struct seal_shares *s = secagg_client_share(c, v);
		const struct scalar *share = bitmap_has(c->u3, v) ? &s->beta : &s->sigma;
		buf_put_u32(out, c->members.numbers[v]);
		buf_put(out, bytes_of(share->b, SHAMIR_SCALAR_SIZE));
	}
	CHECK(!out->failed);
}

enum err secagg_client_on_signatures(struct secagg_client *c, struct bytes octets, struct diag *why)
{
	enum err e = judge_signatures(c, octets, why);

	if (e)
		return e;
	answer(c);
	secret_free(&c->shares);
	c->past.opened = true;
	c->past.statistics_opened |= c->statistics;
	secagg_client_await(c, SECAGG_CLIENT_EXPECT_ANSWER_PERSISTED);
	return OK;
}
