/* What each site is told: made when asked for, so that the lists of all sites are never in memory at once. */
#include "crypto/secagg_server_inside.h"

#include "crypto/bitmap.h"

#include <stdlib.h>

static void say_keys(const struct secagg_server *s, struct buf *out)
{
	buf_put(out, bytes_of(s->members.advs, s->members.count * sizeof *s->members.advs));
}

/* The ciphertext that `dealer` sealed for `number`, found by halving: its list is ascending. */
static struct bytes sealed_for(const struct secagg_server *s, uint32_t dealer, uint32_t number)
{
	const struct server_site *site = secagg_server_ranked(s, dealer);
	const uint8_t *list = site->message[SECAGG_SHARES] + SECAGG_SHARES_HEAD;
	size_t low = 0, high = (site->length[SECAGG_SHARES] - SECAGG_SHARES_HEAD) / SECAGG_CT_ITEM;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (load_u32(list + middle * SECAGG_CT_ITEM) < number)
			low = middle + 1;
		else
			high = middle;
	}
	CHECK(load_u32(list + low * SECAGG_CT_ITEM) == number);
	return bytes_of(list + low * SECAGG_CT_ITEM + 4, SEAL_SIZE);
}

static void say_shares(const struct secagg_server *s, uint32_t rank, struct buf *out)
{
	uint32_t *peers = mem_array(s->members.count, sizeof *peers);
	uint32_t count = secagg_members_peers_in(peers, &s->members, rank, s->u2);

	buf_put(out, bytes_of(s->u2, bitmap_size(s->members.count)));
	for (uint32_t i = 0; i < count; i++) {
		buf_put_u32(out, s->members.numbers[peers[i]]);
		buf_put(out, sealed_for(s, peers[i], s->members.numbers[rank]));
	}
	free(peers);
}

/* The first t: no site wants more, and each costs every site a signature's check. */
static void say_signatures(const struct secagg_server *s, struct buf *out)
{
	uint32_t wanted = secagg_threshold(&s->plan);

	for (uint32_t i = 0; i < s->members.count && wanted > 0; i++) {
		const struct server_site *site = secagg_server_ranked(s, i);
		if (!site->counts[SECAGG_SURVIVORS])
			continue;
		buf_put_u32(out, s->members.numbers[i]);
		buf_put(out, bytes_of(site->message[SECAGG_SURVIVORS], KEYS_SIGNATURE_SIZE));
		wanted--;
	}
}

/* The set that a phase speaks to, once it may be told: after the disk has it. */
static bool may_hear(const struct secagg_server *s, enum secagg_phase phase, uint32_t rank)
{
	switch (phase) {
	case SECAGG_SHARES:
		return s->state >= SECAGG_SERVER_EXPECT_SHARES;
	case SECAGG_INPUT:
		return s->state >= SECAGG_SERVER_EXPECT_INPUTS && s->u2 != NULL && bitmap_has(s->u2, rank);
	case SECAGG_SURVIVORS:
		return s->state >= SECAGG_SERVER_EXPECT_SIGNATURES && s->u3 != NULL && bitmap_has(s->u3, rank);
	case SECAGG_OPENING:
		return s->state >= SECAGG_SERVER_EXPECT_ANSWERS && s->u3 != NULL && bitmap_has(s->u3, rank);
	default:
		return false;
	}
}

void secagg_server_say(const struct secagg_server *s, enum secagg_phase phase, uint32_t site, struct buf *out)
{
	uint32_t rank = s->members.count == 0 ? UINT32_MAX : secagg_members_rank(&s->members, site);

	buf_free(out);
	buf_init(out, secagg_message_max(s->plan.n, phase));
	if (rank == UINT32_MAX || s->state == SECAGG_SERVER_FAILED || !may_hear(s, phase, rank))
		return;
	if (phase == SECAGG_SHARES)
		say_keys(s, out);
	else if (phase == SECAGG_INPUT)
		say_shares(s, rank, out);
	else if (phase == SECAGG_SURVIVORS)
		buf_put(out, bytes_of(s->u3, bitmap_size(s->members.count)));
	else
		say_signatures(s, out);
	CHECK(!out->failed);
}
