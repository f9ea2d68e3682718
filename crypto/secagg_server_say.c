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

/* The phase has begun: the set that it speaks to is known, and the disk has it. */
static bool has_begun(const struct secagg_server *s, enum secagg_phase phase)
{
	static const enum secagg_server_state begins[SECAGG_PHASE_COUNT] = {
		[SECAGG_SHARES] = SECAGG_SERVER_EXPECT_SHARES,
		[SECAGG_INPUT] = SECAGG_SERVER_EXPECT_INPUTS,
		[SECAGG_SURVIVORS] = SECAGG_SERVER_EXPECT_SIGNATURES,
		[SECAGG_OPENING] = SECAGG_SERVER_EXPECT_ANSWERS,
	};

	return s->state >= begins[phase] && s->state != SECAGG_SERVER_FAILED;
}

enum secagg_part secagg_server_part(const struct secagg_server *s, enum secagg_phase phase, uint32_t site)
{
	uint32_t index = secagg_invited(&s->plan, site);

	CHECK(phase >= SECAGG_SHARES && phase < SECAGG_PHASE_COUNT);
	if (index == UINT32_MAX)
		return SECAGG_PART_OUT;
	for (enum secagg_phase p = SECAGG_SHARES; p <= phase; p++) {
		if (!has_begun(s, p))
			return SECAGG_PART_LATER;
		if (!secagg_server_takes_part(s, index, p))
			return SECAGG_PART_OUT;
	}
	return SECAGG_PART_IN;
}

void secagg_server_say(const struct secagg_server *s, enum secagg_phase phase, uint32_t site, struct buf *out)
{
	buf_free(out);
	buf_init(out, secagg_message_max(s->plan.n, phase));
	if (phase == SECAGG_KEYS || secagg_server_part(s, phase, site) != SECAGG_PART_IN)
		return;
	uint32_t rank = secagg_members_rank(&s->members, site);
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
