#include "tests/support/lies.h"

#include <string.h>

static bool guarded(const struct lies_rule *r, enum lies_guard guard)
{
	return r->guards & (uint32_t)guard;
}

static uint32_t size(uint32_t set)
{
	return (uint32_t)__builtin_popcount(set);
}

static bool has(uint32_t set, uint32_t i)
{
	return set >> i & 1;
}

static bool within(uint32_t set, uint32_t whole)
{
	return (set & ~whole) == 0;
}

/* ---- rules */

bool lies_deals(const struct lies_rule *r, uint32_t self, uint32_t u1)
{
	return has(u1, self) && within(u1, (1u << r->n) - 1) && size(u1) >= r->quorum;
}

/* A share of every member must open, and only what was dealt in the same session does. */
bool lies_masks(const struct lies_rule *r, const struct lies_site *s, uint32_t self, uint32_t u2)
{
	uint32_t u1 = s[self].u1;

	if (u1 == 0 || !has(u2, self) || !within(u2, u1))
		return false;
	if (guarded(r, LIES_U2_QUORUM) && size(u2) < r->quorum)
		return false;
	for (uint32_t v = 0; v < r->n; v++)
		if (has(u2, v) && !has(r->colluders, v) && s[v].u1 != u1)
			return false;
	return true;
}

bool lies_signs(const struct lies_rule *r, const struct lies_site *s, uint32_t self, uint32_t u3, bool acknowledged)
{
	uint32_t u2 = s[self].u2;

	if (u2 == 0 || u3 == 0 || !within(u3, u2))
		return false;
	if (!has(u3, self) && (acknowledged || guarded(r, LIES_MEMBERS)))
		return false;
	return !guarded(r, LIES_U3_QUORUM) || size(u3) >= r->quorum;
}

static bool same_message(const struct lies_rule *r, const struct lies_site *a, int of_a, const struct lies_site *b,
                         int of_b)
{
	return a->u1 == b->u1 && a->u3[of_a] != 0 && a->u3[of_a] == b->u3[of_b] &&
	       (a->u2 == b->u2 || !guarded(r, LIES_U2_SIGNED));
}

uint32_t lies_signers(const struct lies_rule *r, const struct lies_site *s, uint32_t self, int which)
{
	uint32_t signers = r->colluders & s[self].u1;

	for (uint32_t v = 0; v < r->n; v++)
		if (!has(r->colluders, v) &&
		    (same_message(r, &s[self], which, &s[v], 0) || same_message(r, &s[self], which, &s[v], 1)))
			signers |= 1u << v;
	return guarded(r, LIES_MEMBERS) ? signers & s[self].u3[which] : signers;
}

bool lies_answers(const struct lies_rule *r, const struct lies_site *s, uint32_t self, int which, uint32_t signers)
{
	if (s[self].u3[which] == 0 || !within(signers, lies_signers(r, s, self, which)))
		return false;
	return size(signers) >= (guarded(r, LIES_SIGNATURES) ? r->threshold : 1);
}

void lies_tell(struct lies_site *out, const struct lies_rule *r, const struct lies_told *told)
{
	bool honest[LIES_SITES_MAX];

	memset(out, 0, LIES_SITES_MAX * sizeof *out);
	for (uint32_t u = 0; u < r->n; u++) {
		honest[u] = !has(r->colluders, u);
		if (!honest[u] || (told[u].u1 != 0 && lies_deals(r, u, told[u].u1)))
			out[u].u1 = honest[u] ? told[u].u1 : (1u << r->n) - 1;
	}
	for (uint32_t u = 0; u < r->n; u++)
		if (honest[u] && told[u].u2 != 0 && lies_masks(r, out, u, told[u].u2))
			out[u].u2 = told[u].u2;
	for (uint32_t u = 0; u < r->n; u++)
		if (honest[u] && told[u].u3 != 0 && lies_signs(r, out, u, told[u].u3, told[u].acknowledged))
			out[u].u3[0] = told[u].u3;
	for (uint32_t u = 0; u < r->n; u++)
		out[u].answered[0] = honest[u] && told[u].signers != 0 && lies_answers(r, out, u, 0, told[u].signers);
}

/* ---- knowledge */

static void collect(struct lies_known *out, const struct lies_rule *r, const struct lies_site *s, uint32_t u, int which)
{
	for (uint32_t v = 0; v < r->n && s[u].answered[which]; v++) {
		if (!has(s[u].u2, v))
			continue;
		bool survives = has(s[u].u3[which], v);
		if (survives || !guarded(r, LIES_ONE_SHARE))
			out->beta[v] |= 1u << u;
		if (!survives || !guarded(r, LIES_ONE_SHARE))
			out->sigma[v] |= 1u << u;
	}
}

static void open_secrets(struct lies_known *out, const struct lies_rule *r, const struct lies_site *s)
{
	for (uint32_t v = 0; v < r->n; v++)
		out->beta[v] = out->sigma[v] = r->colluders & s[v].u1;
	for (uint32_t u = 0; u < r->n; u++)
		if (!has(r->colluders, u)) {
			collect(out, r, s, u, 0);
			collect(out, r, s, u, 1);
		}
	for (uint32_t v = 0; v < r->n; v++) {
		out->betas |= (uint32_t)(size(out->beta[v]) >= r->threshold) << v;
		out->sigmas |= (uint32_t)(size(out->sigma[v]) >= r->threshold) << v;
	}
	out->betas &= ~r->colluders;
	out->sigmas &= ~r->colluders;
}

/* Honest peers of v with which it has a mask that nobody else knows. */
static uint32_t hidden_peers(const struct lies_known *k, const struct lies_rule *r, const struct lies_site *s,
                             uint32_t v)
{
	return has(k->sigmas, v) ? 0 : s[v].u2 & ~r->colluders & ~k->sigmas & ~(1u << v);
}

static bool cancels(const struct lies_rule *r, const struct lies_site *s, uint32_t v, uint32_t w)
{
	return s[w].u2 != 0 && (guarded(r, LIES_U2_MASKED) ? s[w].u2 == s[v].u2 : has(s[w].u2, v));
}

/* Everyone whose vector must be added to v's, so that the masks between them cancel; 0 when some do not, or one has its own mask on. */
static uint32_t component(const struct lies_known *k, const struct lies_rule *r, const struct lies_site *s, uint32_t v)
{
	uint32_t reached = 1u << v, done = 0;

	while (reached != done) {
		uint32_t u = (uint32_t)__builtin_ctz(reached & ~done), peers = hidden_peers(k, r, s, u);
		done |= 1u << u;
		if (s[u].u2 == 0 || !has(k->betas, u))
			return 0;
		for (uint32_t w = 0; w < r->n; w++)
			if (has(peers, w) && !cancels(r, s, u, w))
				return 0;
		reached |= peers;
	}
	return done;
}

void lies_find(struct lies_known *out, const struct lies_rule *r, const struct lies_site *s)
{
	uint32_t summed = 0;

	memset(out, 0, sizeof *out);
	open_secrets(out, r, s);
	for (uint32_t v = 0; v < r->n; v++) {
		uint32_t sum = has(summed | r->colluders, v) ? 0 : component(out, r, s, v);
		if (sum != 0)
			out->sums[out->sum_count++] = sum;
		summed |= sum;
	}
}
