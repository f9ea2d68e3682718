#include "tests/support/lies_search.h"

#include <string.h>

#define TOLD_MAX 8192

/* What one site can be brought to. */
struct told {
	uint32_t u2, u3[2];
};

struct walk {
	struct lies_search *q;
	uint32_t honest[LIES_SITES_MAX], count; /* those that dealt */
	struct told told[LIES_SITES_MAX][TOLD_MAX];
	uint32_t told_count[LIES_SITES_MAX];
	struct lies_site sites[LIES_SITES_MAX];
};

static uint32_t size(uint32_t set)
{
	return (uint32_t)__builtin_popcount(set);
}

/* ---- one strategy, to its end */

static uint32_t evil_of(const struct lies_rule *r, const struct lies_known *k)
{
	uint32_t evil = (k->betas & k->sigmas) != 0 ? LIES_BOTH_SECRETS : 0;

	for (uint32_t i = 0; i < k->sum_count; i++)
		if (size(k->sums[i]) + size(r->colluders) < r->quorum)
			evil |= LIES_FEW_INPUTS;
	return evil | (k->sum_count > 1 ? LIES_TWO_SUMS : 0);
}

/* Returns whether anything was opened. */
static bool judge(struct walk *w, uint32_t dealt, uint32_t answered)
{
	struct lies_search *q = w->q;
	struct lies_known k;

	q->strategies++;
	lies_find(&k, &q->rule, w->sites);
	uint32_t evil = evil_of(&q->rule, &k);
	if (evil != 0 && q->evil == 0)
		memcpy(q->example, w->sites, sizeof q->example);
	q->evil |= evil;
	for (uint32_t i = 0; i < k.sum_count; i++) {
		q->outcome[dealt][answered][k.sums[i]] = true;
		q->largest = size(k.sums[i]) > q->largest ? size(k.sums[i]) : q->largest;
	}
	return evil != 0 || k.sum_count > 0;
}

/* All who can answer do; and when that opens something, each choice among them. */
static void judge_answers(struct walk *w)
{
	const struct lies_rule *r = &w->q->rule;
	struct lies_site *can[2 * LIES_SITES_MAX];
	uint32_t site[2 * LIES_SITES_MAX], which[2 * LIES_SITES_MAX], count = 0, dealt = 0;

	for (uint32_t i = 0; i < w->count; i++) {
		uint32_t u = w->honest[i];
		dealt |= 1u << u;
		for (uint32_t k = 0; k < 2; k++)
			if (lies_answers(r, w->sites, u, (int)k, lies_signers(r, w->sites, u, (int)k))) {
				can[count] = &w->sites[u];
				site[count] = u;
				which[count++] = k;
			}
	}
	bool more = true;
	for (uint32_t left_out = 0; left_out < 1u << count && more; left_out++) {
		uint32_t answered = 0;
		for (uint32_t i = 0; i < count; i++) {
			can[i]->answered[which[i]] = !(left_out >> i & 1);
			answered |= can[i]->answered[which[i]] ? 1u << site[i] : 0;
		}
		bool any = judge(w, dealt, answered);
		more = left_out > 0 || any; /* with fewer answers less is known */
	}
	for (uint32_t i = 0; i < count; i++)
		can[i]->answered[which[i]] = false;
}

/* Nobody will have signatures enough, whatever the sites from `next` on are told: then only the colluders' shares are known, and they are
 * too few. */
static bool hopeless(const struct walk *w, uint32_t next)
{
	const struct lies_rule *r = &w->q->rule;
	uint32_t to_come = w->count - next;

	if (w->q->all || !(r->guards & LIES_SIGNATURES) || size(r->colluders) >= r->threshold ||
	    size(r->colluders) + to_come >= r->threshold)
		return false;
	for (uint32_t i = 0; i < next; i++)
		for (int k = 0; k < 2; k++)
			if (w->sites[w->honest[i]].u3[k] != 0 &&
			    size(lies_signers(r, w->sites, w->honest[i], k)) + to_come >= r->threshold)
				return false;
	return true;
}

static void walk(struct walk *w, uint32_t next)
{
	if ((w->q->first && w->q->evil != 0) || hopeless(w, next))
		return;
	if (next == w->count) {
		judge_answers(w);
		return;
	}
	uint32_t u = w->honest[next];
	for (uint32_t i = 0; i < w->told_count[u]; i++) {
		const struct told *t = &w->told[u][i];
		w->sites[u].u2 = t->u2;
		w->sites[u].u3[0] = t->u3[0];
		w->sites[u].u3[1] = t->u3[1];
		walk(w, next + 1);
	}
	w->sites[u].u2 = w->sites[u].u3[0] = w->sites[u].u3[1] = 0;
}

/* ---- what a site can be brought to, by every message that there is */

static void add(struct walk *w, uint32_t u, uint32_t u2, uint32_t first, uint32_t second)
{
	if (w->told_count[u] < TOLD_MAX)
		w->told[u][w->told_count[u]++] = (struct told){u2, {first, second}};
}

static void list_survivors(struct walk *w, uint32_t u, uint32_t u2)
{
	const struct lies_rule *r = &w->q->rule;
	uint32_t signs[1 << LIES_SEARCH_MAX], count = 0;

	w->sites[u].u2 = u2;
	for (uint32_t u3 = 1; u3 < 1u << r->n; u3++)
		if (lies_signs(r, w->sites, u, u3, true) || lies_signs(r, w->sites, u, u3, false))
			signs[count++] = u3;
	w->sites[u].u2 = 0;
	for (uint32_t i = 0; i < count; i++)
		add(w, u, u2, signs[i], 0);
	for (uint32_t i = 0; i < count && !(r->guards & LIES_ONE_SET); i++)
		for (uint32_t j = 0; j < i; j++)
			add(w, u, u2, signs[i], signs[j]);
}

static void list_told(struct walk *w, uint32_t u)
{
	w->told_count[u] = 0;
	add(w, u, 0, 0, 0);
	for (uint32_t u2 = 1; u2 < 1u << w->q->rule.n; u2++)
		if (lies_masks(&w->q->rule, w->sites, u, u2)) {
			add(w, u, u2, 0, 0);
			list_survivors(w, u, u2);
		}
}

static void search_session(struct walk *w, uint32_t dealt)
{
	uint32_t all = (1u << w->q->rule.n) - 1;

	memset(w->sites, 0, sizeof w->sites);
	w->count = 0;
	for (uint32_t u = 0; u < w->q->rule.n; u++) {
		if (dealt >> u & 1)
			w->honest[w->count++] = u;
		if ((dealt | w->q->rule.colluders) >> u & 1)
			w->sites[u].u1 = all;
	}
	for (uint32_t i = 0; i < w->count; i++)
		list_told(w, w->honest[i]);
	walk(w, 0);
}

/* ---- two attempts of one round: who answered in the first takes no part in the second */

static uint32_t sums_of(const bool *sums, uint32_t *sum)
{
	uint32_t kinds = 0;

	for (uint32_t s = 1; s < 1 << LIES_SEARCH_MAX; s++)
		if (sums[s]) {
			kinds += kinds == 0 || *sum != s;
			*sum = s;
		}
	return kinds;
}

static void search_pairs(struct lies_search *q)
{
	uint32_t all = 1u << q->rule.n;

	for (uint32_t answered = 0; answered < all; answered++) {
		bool first[1 << LIES_SEARCH_MAX] = {false}, second[1 << LIES_SEARCH_MAX] = {false};
		uint32_t one = 0, other = 0;
		for (uint32_t dealt = 0; dealt < all; dealt++)
			for (uint32_t sum = 0; sum < all; sum++)
				first[sum] |= q->outcome[dealt][answered][sum];
		uint32_t barred = q->rule.guards & LIES_ONE_ANSWER ? answered : 0;
		for (uint32_t dealt = 0; dealt < all; dealt++)
			for (uint32_t again = 0; again < all && !(dealt & barred); again++)
				for (uint32_t sum = 0; sum < all; sum++)
					second[sum] |= q->outcome[dealt][again][sum];
		uint32_t kinds = sums_of(first, &one), others = sums_of(second, &other);
		if (kinds > 0 && others > 0 && (kinds > 1 || others > 1 || one != other))
			q->evil |= LIES_TWO_SUMS;
	}
}

void lies_search(struct lies_search *q)
{
	static struct walk w;
	uint32_t honest = ((1u << q->rule.n) - 1) & ~q->rule.colluders;

	w.q = q;
	for (uint32_t dealt = 0; dealt <= honest; dealt++)
		if ((dealt & ~honest) == 0)
			search_session(&w, dealt);
	search_pairs(q);
}
