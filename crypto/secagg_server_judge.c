/* A site's message as the coordinator judges it: a wrong one is refused by the name of its sender, so that no site is told of it. */
#include "crypto/secagg_server_inside.h"

#include "crypto/bitmap.h"

#include <stdlib.h>
#include <string.h>

static uint32_t number_of(const struct secagg_server *s, uint32_t index)
{
	return s->plan.sites[index].number;
}

static bool signed_by(const struct secagg_server *s, uint32_t index, const struct buf *message,
                      const uint8_t *signature)
{
	return keys_verify(s->plan.sites[index].identity, buf_bytes(message), signature);
}

static enum err judge_keys(const struct secagg_server *s, uint32_t index, struct bytes octets, struct diag *why)
{
	struct signed_adv a;

	if (octets.len != sizeof a)
		return diag_set(why, ERR_PEER_MESSAGE, "site %u: keys of %zu octets", number_of(s, index), octets.len);
	memcpy(&a, octets.ptr, sizeof a);
	if (adv_site(&a.adv) != number_of(s, index))
		return diag_set(why, ERR_PEER_IDENTITY, "site %u: keys in the name of site %u", number_of(s, index),
		                adv_site(&a.adv));
	if (secagg_members_judge(&s->plan, &s->ctx, &a, why) != OK)
		return ERR_PEER_MESSAGE;
	for (uint32_t i = 0; i < s->plan.n; i++) {
		const void *other = s->sites[i].message[SECAGG_KEYS];
		if (i == index || other == NULL)
			continue;
		if (secagg_members_share_key(&a, other))
			return diag_set(why, ERR_PEER_MESSAGE, "site %u: has a key that site %u has",
			                number_of(s, index), number_of(s, i));
	}
	return OK;
}

/* Exactly one item for each peer, in order: list = v || ct ... */
static bool lists_peers(const struct secagg_server *s, uint32_t rank, struct bytes list)
{
	uint32_t *peers = mem_array(s->members.count, sizeof *peers);
	uint32_t count = secagg_members_peers_in(peers, &s->members, rank, NULL);
	bool good = list.len == count * (size_t)SECAGG_CT_ITEM;

	for (uint32_t i = 0; i < count && good; i++)
		good = load_u32(list.ptr + i * (size_t)SECAGG_CT_ITEM) == s->members.numbers[peers[i]];
	free(peers);
	return good;
}

static enum err judge_shares(const struct secagg_server *s, uint32_t index, struct bytes octets, struct diag *why)
{
	struct reader r = reader_of(octets);
	struct bytes cmt = read_bytes(&r, HASH_SIZE), signature = read_bytes(&r, KEYS_SIGNATURE_SIZE);
	struct hash commitment, content;
	struct buf message;
	enum err e = OK;

	if (r.failed || !lists_peers(s, s->sites[index].rank, r.rest))
		return diag_set(why, ERR_PEER_MESSAGE,
		                "site %u: its shares are not one for each of its peers, in order", number_of(s, index));
	memcpy(commitment.b, cmt.ptr, HASH_SIZE);
	sha256_of(&content, r.rest);
	buf_init(&message, KEYS_MESSAGE_MAX);
	keys_message_shares(&message, &s->members.sid, number_of(s, index), &commitment, &content);
	if (!signed_by(s, index, &message, signature.ptr))
		e = diag_set(why, ERR_PEER_MESSAGE, "site %u: its shares are not signed for this attempt",
		             number_of(s, index));
	buf_free(&message);
	return e;
}

static enum err judge_input(const struct secagg_server *s, uint32_t index, struct bytes octets, struct diag *why)
{
	struct buf message;
	struct hash y;
	enum err e = OK;

	if (octets.len != SECAGG_INPUT_SIZE)
		return diag_set(why, ERR_PEER_MESSAGE, "site %u: a message of %zu octets about its vector",
		                number_of(s, index), octets.len);
	memcpy(y.b, octets.ptr, HASH_SIZE);
	buf_init(&message, KEYS_MESSAGE_MAX);
	keys_message_input(&message, &s->members.sid, &s->u2h, number_of(s, index), &y);
	if (!signed_by(s, index, &message, octets.ptr + HASH_SIZE))
		e = diag_set(why, ERR_PEER_MESSAGE,
		             "site %u: its vector is not signed for this attempt and these sites", number_of(s, index));
	buf_free(&message);
	return e;
}

static enum err judge_signature(const struct secagg_server *s, uint32_t index, struct bytes octets, struct diag *why)
{
	struct buf message;
	enum err e = OK;

	if (octets.len != KEYS_SIGNATURE_SIZE)
		return diag_set(why, ERR_PEER_MESSAGE, "site %u: a signature of %zu octets", number_of(s, index),
		                octets.len);
	buf_init(&message, KEYS_MESSAGE_MAX);
	keys_message_survivors(&message, &s->members.sid, &s->u2h, bytes_of(s->u3, bitmap_size(s->members.count)));
	if (!signed_by(s, index, &message, octets.ptr))
		e = diag_set(why, ERR_PEER_MESSAGE, "site %u: signed other survivors", number_of(s, index));
	buf_free(&message);
	return e;
}

/* One share for each of U2 that it holds shares of; scalars are secret, so their check steers nothing but the verdict. */
static enum err judge_answer(const struct secagg_server *s, uint32_t index, struct bytes octets, struct diag *why)
{
	struct reader r = reader_of(octets);
	bool canonical = true;

	for (uint32_t v = 0; v < s->members.count; v++) {
		struct scalar share = {{0}};
		if (!bitmap_has(s->u2, v) || !secagg_members_holds(&s->members, s->sites[index].rank, v))
			continue;
		uint32_t number = read_u32(&r);
		struct bytes b = read_bytes(&r, SHAMIR_SCALAR_SIZE);
		if (r.failed || number != s->members.numbers[v])
			return diag_set(why, ERR_PEER_MESSAGE,
			                "site %u: its share of site %u is missing, or not in its place",
			                number_of(s, index), s->members.numbers[v]);
		memcpy(share.b, b.ptr, sizeof share.b);
		canonical &= shamir_canonical(&share);
		secret_wipe(&share, sizeof share);
	}
	if (!reader_done(&r) || !canonical)
		return diag_set(why, ERR_PEER_MESSAGE, "site %u: its shares are too many, or one is no scalar",
		                number_of(s, index));
	return OK;
}

enum err secagg_server_judge(const struct secagg_server *s, uint32_t index, enum secagg_phase phase,
                             struct bytes octets, struct diag *why)
{
	switch (phase) {
	case SECAGG_KEYS:
		return judge_keys(s, index, octets, why);
	case SECAGG_SHARES:
		return judge_shares(s, index, octets, why);
	case SECAGG_INPUT:
		return judge_input(s, index, octets, why);
	case SECAGG_SURVIVORS:
		return judge_signature(s, index, octets, why);
	default:
		return judge_answer(s, index, octets, why);
	}
}
