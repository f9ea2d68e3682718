/*
 * Reading U1 and judging the keys in it. Two sites with one key, or a site with one key for both uses, would let whoever knows
 * it pose as the other; a key of low order would make a mask that everyone knows.
 */
#include "crypto/secagg_members.h"

#include "crypto/bitmap.h"

#include <stdlib.h>
#include <string.h>

enum err secagg_members_judge(const struct secagg_plan *plan, const struct hash *ctx, const struct signed_adv *a,
                              struct diag *why)
{
	uint32_t site = adv_site(&a->adv), invited = secagg_invited(plan, site);
	struct buf message;
	enum err e = OK;

	CHECK(invited != UINT32_MAX);
	buf_init(&message, KEYS_MESSAGE_MAX);
	keys_message_adv(&message, ctx, &a->adv);
	if (!keys_verify(plan->sites[invited].identity, buf_bytes(&message), a->signature))
		e = diag_set(why, ERR_PROTOCOL,
		             "site %u's keys are not signed by its identity for this study, model, plan and attempt",
		             site);
	else if (!keys_point_valid(adv_c_pk(&a->adv)) || !keys_point_valid(adv_s_pk(&a->adv)))
		e = diag_set(why, ERR_PROTOCOL, "site %u's key is no key: of low order, or not spelled canonically",
		             site);
	else if (memcmp(adv_c_pk(&a->adv), adv_s_pk(&a->adv), KEYS_SIZE) == 0)
		e = diag_set(why, ERR_PROTOCOL, "site %u has one key for two uses", site);
	buf_free(&message);
	return e;
}

bool secagg_members_share_key(const struct signed_adv *a, const struct signed_adv *b)
{
	const uint8_t *first[2] = {adv_c_pk(&a->adv), adv_s_pk(&a->adv)};
	const uint8_t *second[2] = {adv_c_pk(&b->adv), adv_s_pk(&b->adv)};

	for (int i = 0; i < 4; i++)
		if (memcmp(first[i / 2], second[i % 2], KEYS_SIZE) == 0)
			return true;
	return false;
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, KEYS_SIZE);
}

/* The site of an adv inside which `key` lies. */
static uint32_t owner(const struct secagg_members *m, const uint8_t *key)
{
	return m->numbers[(size_t)(key - (const uint8_t *)m->advs) / sizeof *m->advs];
}

/* All 2 |U1| keys side by side: sorted, because U1 may have thousands. */
static enum err judge_distinct(const struct secagg_members *m, struct diag *why)
{
	const uint8_t **keys = mem_array(2 * (size_t)m->count, sizeof *keys);
	enum err e = OK;

	for (uint32_t i = 0; i < m->count; i++) {
		keys[2 * i] = adv_c_pk(&m->advs[i].adv);
		keys[2 * i + 1] = adv_s_pk(&m->advs[i].adv);
	}
	qsort(keys, 2 * (size_t)m->count, sizeof *keys, compare_keys);
	for (size_t i = 1; i < 2 * (size_t)m->count && !e; i++) {
		uint32_t one = owner(m, keys[i - 1]), other = owner(m, keys[i]);
		if (memcmp(keys[i - 1], keys[i], KEYS_SIZE) == 0) /* qsort may swap equals */
			e = diag_set(why, ERR_PROTOCOL, "sites %u and %u have the same key", one < other ? one : other,
			             one < other ? other : one);
	}
	free(keys);
	return e;
}

static void allocate(struct secagg_members *m, const struct secagg_plan *plan, uint32_t count)
{
	secagg_members_free(m);
	m->count = count;
	m->degree = plan->degree;
	m->numbers = mem_array(count, sizeof *m->numbers);
	m->invited = mem_array(count, sizeof *m->invited);
}

static void copy_advs(struct secagg_members *m, const void *octets)
{
	m->advs = mem_array(m->count, sizeof *m->advs);
	memcpy(m->advs, octets, m->count * sizeof *m->advs);
	for (uint32_t i = 0; i < m->count; i++)
		m->numbers[i] = adv_site(&m->advs[i].adv);
}

static enum err find_invited(struct secagg_members *m, const struct secagg_plan *plan, struct diag *why)
{
	for (uint32_t i = 0; i < m->count; i++) {
		if (i > 0 && m->numbers[i] <= m->numbers[i - 1])
			return diag_set(why, ERR_PROTOCOL, "site %u stands twice or out of order", m->numbers[i]);
		m->invited[i] = secagg_invited(plan, m->numbers[i]);
		if (m->invited[i] == UINT32_MAX)
			return diag_set(why, ERR_PROTOCOL, "site %u is not invited to this round", m->numbers[i]);
	}
	return OK;
}

static void connect(struct secagg_members *m)
{
	graph_init(&m->graph, m->count, m->degree > 0 ? m->degree : m->count, &m->sid);
}

enum err secagg_members_take(struct secagg_members *m, const struct secagg_plan *plan, const struct hash *ctx,
                             struct bytes octets, struct diag *why)
{
	_Static_assert(sizeof(struct signed_adv) == SECAGG_KEYS_SIZE, "a list of them is what goes over the wire");
	size_t count = octets.len / SECAGG_KEYS_SIZE;
	enum err e;

	if (octets.len % SECAGG_KEYS_SIZE != 0 || count == 0 || count > plan->n)
		return diag_set(why, ERR_PROTOCOL, "a list of keys has %zu octets", octets.len);
	allocate(m, plan, (uint32_t)count);
	copy_advs(m, octets.ptr);
	e = find_invited(m, plan, why);
	for (uint32_t i = 0; i < m->count && !e; i++)
		e = secagg_members_judge(plan, ctx, &m->advs[i], why);
	if (!e)
		e = judge_distinct(m, why);
	if (e)
		return e;
	keys_sid(&m->sid, ctx, m->advs, m->count);
	connect(m);
	return OK;
}

enum err secagg_members_restore(struct secagg_members *m, const struct secagg_plan *plan, const struct hash *sid,
                                const uint32_t *numbers, uint32_t count, struct diag *why)
{
	if (count == 0 || count > plan->n)
		return diag_set(why, ERR_DATA, "the record of the attempt speaks of %u sites", count);
	allocate(m, plan, count);
	memcpy(m->numbers, numbers, count * sizeof *numbers);
	if (find_invited(m, plan, why))
		return ERR_DATA;
	m->sid = *sid;
	connect(m);
	return OK;
}

void secagg_members_make(struct secagg_members *m, const struct secagg_plan *plan, const struct hash *ctx,
                         const struct signed_adv *advs, uint32_t count)
{
	CHECK(count >= 1);
	allocate(m, plan, count);
	copy_advs(m, advs);
	CHECK(find_invited(m, plan, NULL) == OK);
	keys_sid(&m->sid, ctx, m->advs, m->count);
	connect(m);
}

void secagg_members_free(struct secagg_members *m)
{
	if (!m->borrowed) {
		free(m->numbers);
		free(m->invited);
		free(m->advs);
		graph_free(&m->graph);
	}
	*m = (struct secagg_members){0};
}

uint32_t secagg_members_rank(const struct secagg_members *m, uint32_t number)
{
	uint32_t low = 0, high = m->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (m->numbers[middle] < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < m->count && m->numbers[low] == number ? low : UINT32_MAX;
}

bool secagg_members_peers(const struct secagg_members *m, uint32_t a, uint32_t b)
{
	return graph_adjacent(&m->graph, a, b);
}

/* In the complete graph a site's own point is one of the n; under a graph the secret is shared among the neighbours alone. */
bool secagg_members_holds(const struct secagg_members *m, uint32_t holder, uint32_t dealer)
{
	return (holder == dealer && m->degree == 0) || secagg_members_peers(m, holder, dealer);
}

uint32_t secagg_members_peers_in(uint32_t *ranks, const struct secagg_members *m, uint32_t rank, const uint8_t *set)
{
	uint32_t count = 0;

	graph_neighbours(&m->graph, rank, ranks);
	for (uint32_t i = 0; i < graph_degree(&m->graph); i++)
		if (set == NULL || bitmap_has(set, ranks[i]))
			ranks[count++] = ranks[i];
	return count;
}

enum err secagg_members_set(const struct secagg_members *m, struct bytes octets, struct diag *why)
{
	if (!bitmap_valid(octets, m->count))
		return diag_set(why, ERR_PROTOCOL, "a set of sites is no bitmap over the %u of this attempt", m->count);
	return OK;
}
