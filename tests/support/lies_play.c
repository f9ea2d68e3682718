#include "tests/support/lies_play.h"

#include <string.h>

static bool has(uint64_t set, uint32_t i)
{
	return set >> i & 1;
}

static void tell_keys(struct masked *w, uint32_t i, uint32_t u1, struct buf *list)
{
	masked_u1(list, w, u1);
	(void)masked_tell(w, i, SECAGG_SHARES, buf_bytes(list));
}

static void tell_survivors(struct masked *w, uint32_t i, const struct lies_told *t, struct buf *list)
{
	if (t->acknowledged && w->sites[i].client != NULL)
		secagg_client_acknowledged(w->sites[i].client);
	buf_clear(list);
	masked_set(list, t->u1, t->u3);
	(void)masked_tell(w, i, SECAGG_SURVIVORS, buf_bytes(list));
}

/* The coordinator's own sites sign what site i wants to see: its U3, over its U2. */
static void collude(struct masked *w, const struct pool_of_shares *p, uint32_t colluders, const struct lies_told *t)
{
	struct buf set, survivors, message;
	struct hash u2h;

	buf_init(&set, 64);
	buf_init(&survivors, 64);
	buf_init(&message, KEYS_MESSAGE_MAX);
	masked_set(&set, t->u1, t->u2);
	masked_set(&survivors, t->u1, t->u3);
	keys_u2h(&u2h, &p->sid, buf_bytes(&set));
	keys_message_survivors(&message, &p->sid, &u2h, buf_bytes(&survivors));
	for (uint32_t i = 0; i < w->n; i++)
		if (has(colluders, i)) {
			uint8_t signature[KEYS_SIGNATURE_SIZE];
			keys_sign(signature, w->sites[i].identity_secret, buf_bytes(&message));
			buf_clear(&w->sites[i].outbox[SECAGG_SURVIVORS]);
			buf_put(&w->sites[i].outbox[SECAGG_SURVIVORS], bytes_of(signature, sizeof signature));
		}
	buf_free(&set);
	buf_free(&survivors);
	buf_free(&message);
}

static void tell_signatures(struct masked *w, const struct pool_of_shares *p, uint32_t colluders, uint32_t i,
                            const struct lies_told *t, struct buf *list)
{
	uint8_t again[SECAGG_SIGNER_ITEM];

	collude(w, p, colluders, t);
	masked_signatures(list, w, t->signers);
	if (t->repeated && list->len >= sizeof again) {
		memcpy(again, list->ptr + list->len - sizeof again, sizeof again);
		while (list->len < secagg_threshold(&w->plan) * sizeof again)
			buf_put(list, bytes_of(again, sizeof again));
	}
	(void)masked_tell(w, i, SECAGG_OPENING, buf_bytes(list));
}

static void tell_all(struct masked *w, const struct pool_of_shares *p, const struct lies_rule *r,
                     const struct lies_told *told, struct buf *list)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (has(r->colluders, i) || told[i].u1 != 0)
			tell_keys(w, i, has(r->colluders, i) ? (1u << r->n) - 1 : told[i].u1, list);
	for (uint32_t i = 0; i < r->n; i++)
		if (!has(r->colluders, i) && told[i].u2 != 0) {
			masked_u2(list, w, told[i].u1, told[i].u2, i);
			(void)masked_tell(w, i, SECAGG_INPUT, buf_bytes(list));
		}
	for (uint32_t i = 0; i < r->n; i++)
		if (!has(r->colluders, i) && told[i].u3 != 0)
			tell_survivors(w, i, &told[i], list);
	for (uint32_t i = 0; i < r->n; i++)
		if (!has(r->colluders, i) && told[i].signers != 0)
			tell_signatures(w, p, r->colluders, i, &told[i], list);
}

struct lies_site lies_came(const struct masked *w, uint32_t i, const struct lies_told *told)
{
	const struct masked_site *s = &w->sites[i];
	struct lies_site came = {0};

	if (s->outbox[SECAGG_SHARES].len > 0)
		came.u1 = told->u1;
	if (s->outbox[SECAGG_INPUT].len > 0)
		came.u2 = told->u2;
	if (s->outbox[SECAGG_SURVIVORS].len > 0)
		came.u3[0] = told->u3;
	came.answered[0] = s->outbox[SECAGG_OPENING].len > 0;
	return came;
}

void lies_play(struct masked *w, struct pool_of_shares *p, const struct lies_rule *r, const struct lies_told *told)
{
	struct buf list;
	uint64_t all = (1ull << r->n) - 1;

	buf_init(&list, 1u << 20);
	for (uint32_t i = 0; i < r->n; i++)
		CHECK(masked_open(w, i, &w->sites[i].why) == OK);
	pooling_begin(p, w, all);
	tell_all(w, p, r, told, &list);
	buf_free(&list);
	for (uint32_t i = 0; i < r->n; i++) {
		struct lies_site came = lies_came(w, i, &told[i]);
		if (has(r->colluders, i))
			pooling_owns(p, i);
		else if (came.answered[0] && came.u1 == all)
			pooling_answer(p, i, came.u2, came.u3[0]);
	}
}
