#include "tests/support/pooling.h"

#include "crypto/graph.h"
#include "crypto/mask.h"
#include "crypto/pack.h"

#include <stdlib.h>
#include <string.h>

static uint32_t rank_of(uint64_t set, uint32_t i)
{
	return (uint32_t)__builtin_popcountll(set & ((1ull << i) - 1));
}

static void draws_again(struct rng *r, const struct masked *w, uint32_t i)
{
	uint64_t attempt = w->keep_entropy ? 0 : w->attempt.attempt + 1000 * w->attempt.round;

	rng_seeded(r, (w->seed * 4096 + i) * 65536 + attempt, "draws");
}

static void fill_from_rng(void *context, uint8_t *out, size_t len)
{
	rng_octets(context, out, len);
}

void pooling_begin(struct pool_of_shares *p, const struct masked *w, uint64_t u1)
{
	struct signed_adv list[MASKED_SITES_MAX];
	struct keys_context context = {.federation = w->attempt.federation,
	                               .study_hash = w->attempt.study,
	                               .round = w->attempt.round,
	                               .attempt = w->attempt.attempt,
	                               .model = w->attempt.model};
	uint32_t count = 0;

	memset(p, 0, sizeof *p);
	p->w = w;
	p->u1 = u1;
	keys_plan_hash(&context.plan, w->plan.octets);
	keys_ctx(&p->ctx, &context);
	for (uint32_t i = 0; i < w->n; i++)
		if (u1 >> i & 1) {
			CHECK(w->sites[i].outbox[SECAGG_KEYS].len == sizeof p->adv[i]);
			memcpy(&p->adv[i], w->sites[i].outbox[SECAGG_KEYS].ptr, sizeof p->adv[i]);
			list[count++] = p->adv[i];
		}
	keys_sid(&p->sid, &p->ctx, list, count);
}

void pooling_add(struct pooled_secret *s, uint32_t holder, const struct scalar *share)
{
	s->share[holder] = *share;
	s->have |= 1ull << holder;
}

static void own_keys(struct keys_secrets *keys, const struct pool_of_shares *p, uint32_t i)
{
	struct rng r;
	struct entropy entropy = {fill_from_rng, &r};
	struct adv adv;

	draws_again(&r, p->w, i);
	keys_draw(keys, &adv, &p->ctx, p->w->sites[i].number, &entropy);
}

static void open_own(struct pool_of_shares *p, uint32_t i, const struct keys_secrets *keys, uint32_t from)
{
	struct reader r = reader_of(buf_bytes(&p->w->sites[from].outbox[SECAGG_SHARES]));
	uint8_t sending[KEYS_SIZE], receiving[KEYS_SIZE];
	struct seal_label label = {.sid = &p->sid,
	                           .from = p->w->sites[from].number,
	                           .to = p->w->sites[i].number,
	                           .x = rank_of(p->u1, i) + 1,
	                           .t = secagg_share_threshold(&p->w->plan)};

	(void)read_bytes(&r, SECAGG_SHARES_HEAD);
	while (r.rest.len > 0) {
		uint32_t to = read_u32(&r);
		struct bytes ct = read_bytes(&r, SEAL_SIZE);
		struct seal_shares shares;
		if (to != label.to ||
		    keys_share_keys(sending, receiving, keys, &p->adv[i].adv, &p->adv[from].adv, &p->sid) ||
		    seal_open(&shares, receiving, &label, ct))
			continue;
		pooling_add(&p->sigma[from], i, &shares.sigma);
		pooling_add(&p->beta[from], i, &shares.beta);
	}
}

void pooling_owns(struct pool_of_shares *p, uint32_t i)
{
	struct keys_secrets keys;

	own_keys(&keys, p, i);
	p->sigma[i].secret = keys.sigma;
	p->beta[i].secret = keys.beta;
	p->sigma[i].known = p->beta[i].known = true;
	for (uint32_t from = 0; from < p->w->n; from++)
		if (from != i && (p->u1 >> from & 1))
			open_own(p, i, &keys, from);
}

static uint32_t index_of(const struct masked *w, uint32_t number)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->sites[i].number == number)
			return i;
	return UINT32_MAX;
}

void pooling_answer(struct pool_of_shares *p, uint32_t i, uint64_t u2, uint64_t u3)
{
	struct reader r = reader_of(buf_bytes(&p->w->sites[i].outbox[SECAGG_OPENING]));

	while (r.rest.len > 0) {
		uint32_t v = index_of(p->w, read_u32(&r));
		struct bytes b = read_bytes(&r, SHAMIR_SCALAR_SIZE);
		struct scalar share;
		CHECK(v != UINT32_MAX && (u2 >> v & 1) && b.len == sizeof share.b);
		memcpy(share.b, b.ptr, sizeof share.b);
		pooling_add(u3 >> v & 1 ? &p->beta[v] : &p->sigma[v], i, &share);
	}
}

static bool know(struct pool_of_shares *p, struct pooled_secret *s)
{
	uint32_t t = secagg_share_threshold(&p->w->plan), x[MASKED_SITES_MAX], count = 0;
	struct scalar shares[MASKED_SITES_MAX], weights[MASKED_SITES_MAX];

	for (uint32_t i = 0; i < p->w->n && count < t && !s->known; i++)
		if (s->have >> i & 1) {
			x[count] = rank_of(p->u1, i) + 1;
			shares[count++] = s->share[i];
		}
	if (s->known || count < t)
		return s->known;
	CHECK(shamir_weights(weights, x, t) == OK);
	shamir_combine(&s->secret, weights, shares, t);
	s->known = true;
	return true;
}

bool pooling_knows(struct pool_of_shares *p, bool sigma, uint32_t site)
{
	return know(p, sigma ? &p->sigma[site] : &p->beta[site]);
}

/* m_uv from either side's sigma, as it opens the key that its owner signed. */
static bool pair_mask(struct mask *m, struct pool_of_shares *p, uint32_t u, uint32_t v, const struct hash *u2h)
{
	uint8_t s_sk[KEYS_SIZE];

	for (int side = 0; side < 2; side++) {
		uint32_t mine = side == 0 ? u : v, other = side == 0 ? v : u;
		if (know(p, &p->sigma[mine]) &&
		    keys_recover(s_sk, &p->sigma[mine].secret, &p->ctx, &p->adv[mine].adv) == OK)
			return keys_pair_mask(m->key, s_sk, &p->adv[mine].adv, &p->adv[other].adv, &p->sid, u2h) == OK;
	}
	return false;
}

static bool are_peers(const struct pool_of_shares *p, uint32_t u, uint32_t v)
{
	struct graph g;
	uint32_t count = (uint32_t)__builtin_popcountll(p->u1), k = p->w->plan.degree;

	graph_init(&g, count, k > 0 ? k : count, &p->sid);
	bool peers = graph_adjacent(&g, rank_of(p->u1, u), rank_of(p->u1, v));
	graph_free(&g);
	return peers;
}

/* The masks of v towards sites outside the set, and its own; false when one is not known. */
static bool find_masks(struct mask *masks, uint32_t *count, struct pool_of_shares *p, uint32_t v, uint64_t set,
                       uint64_t u2, const struct hash *u2h)
{
	const struct masked *w = p->w;

	if (w->sites[v].y == NULL || !know(p, &p->beta[v]))
		return false;
	keys_self_mask(masks[*count].key, &p->beta[v].secret, w->sites[v].number, &p->sid, u2h);
	masks[(*count)++].subtract = true;
	for (uint32_t u = 0; u < w->n; u++) {
		if ((set >> u & 1) || !(u2 >> u & 1) || !are_peers(p, u, v))
			continue;
		if (!pair_mask(&masks[*count], p, u, v, u2h))
			return false;
		masks[(*count)++].subtract = u < v;
	}
	return true;
}

/* The true vectors of the set add up to `sum`, in the low k bits. */
static bool is_sum(const struct masked *w, uint64_t set, const uint32_t *sum)
{
	uint32_t low = w->plan.bits == 32 ? UINT32_MAX : (1u << w->plan.bits) - 1;

	for (uint32_t j = 0; j < w->words; j++) {
		uint32_t plain = 0;
		for (uint32_t i = 0; i < w->n; i++)
			plain += set >> i & 1 ? w->sites[i].x[j] : 0;
		if ((plain & low) != (sum[j] & low))
			return false;
	}
	return true;
}

bool pooling_sums(struct pool_of_shares *p, uint64_t set, uint64_t u2)
{
	const struct masked *w = p->w;
	struct buf bitmap;
	struct hash u2h;
	bool known = true;

	buf_init(&bitmap, 64);
	masked_set(&bitmap, p->u1, u2);
	keys_u2h(&u2h, &p->sid, buf_bytes(&bitmap));
	buf_free(&bitmap);
	uint32_t *sum = mem_array(w->words, sizeof *sum);
	for (uint32_t v = 0; v < w->n && known; v++) {
		struct mask masks[MASKED_SITES_MAX];
		uint32_t count = 0;
		if (!(set >> v & 1))
			continue;
		known = find_masks(masks, &count, p, v, set, u2, &u2h);
		if (!known)
			break;
		pack_add(sum, w->sites[v].y, w->words, w->plan.bits);
		mask_add(sum, 0, w->words, masks, count);
	}
	known = known && is_sum(w, set, sum);
	free(sum);
	return known;
}

bool pooling_opens(struct pool_of_shares *p, uint32_t victim, uint64_t u2)
{
	return pooling_sums(p, 1ull << victim, u2);
}
