/* The world's dice, and its trace: every step goes into a hash, so that two runs of one seed can be told apart. */
#include "simulator/world_inside.h"

#define ODDS_MAX 0.6 /* even what is favoured often goes well */

/* ---- dice */

uint64_t world_below(struct world *w, uint64_t bound)
{
	return rng_below(&w->rng, bound);
}

static enum during during(const struct world *w, enum side s, uint32_t site)
{
	return s == SIDE_COORDINATOR ? office_during(w) : host_during(&w->hosts[site]);
}

/* What is short or rare is disturbed more, or it would hardly ever be. */
bool world_draws(struct world *w, enum fault f, enum side s, uint32_t site)
{
	static const double favours[DURING_COUNT] = {
		[DURING_JOINING] = 3,  [DURING_SUMMING] = 4,    [DURING_OUTCOME] = 12,     [DURING_SURVIVORS] = 4,
		[DURING_ANSWERS] = 10, [DURING_UNMASKING] = 10, [DURING_AT_SURVIVORS] = 4, [DURING_AT_OPENING] = 6,
		[DURING_BETWEEN] = 4,  [DURING_OVER] = 8};
	double p = w->calm ? 0 : w->plan->odds.of[f][s];
	double favour;

	if (p <= 0)
		return false;
	favour = w->plan->favours ? favours[during(w, s, site)] : 0;
	p = favour * p > ODDS_MAX ? ODDS_MAX : favour > 0 ? favour * p : p;
	return rng_unit(&w->rng) < p;
}

void world_count(struct world *w, enum fault f, enum side s, uint32_t site)
{
	world_count_during(w, f, s, site, during(w, s, site));
}

void world_count_during(struct world *w, enum fault f, enum side s, uint32_t site, enum during d)
{
	w->out->disturbances.count[f][s][d]++;
	world_note(w, s == SIDE_COORDINATOR ? COORDINATOR : site, fault_name(f), (uint64_t)d, 0, 0);
}

bool world_befalls(struct world *w, enum fault f, enum side s, uint32_t site)
{
	if (!world_draws(w, f, s, site))
		return false;
	world_count(w, f, s, site);
	return true;
}

bool world_crashes(struct world *w, enum side s, uint32_t site, uint32_t step, enum crash_when when)
{
	for (uint32_t i = 0; i < WORLD_CRASHES_MAX; i++) {
		const struct world_crash *c = &w->plan->crashes[i];

		if (!c->planned || w->crashed[i] || c->side != s || c->when != when || c->at != step ||
		    (s == SIDE_SITE && c->site != site))
			continue;
		w->crashed[i] = true;
		w->out->crashes++;
		return true;
	}
	return world_befalls(w, FAULT_CRASH, s, site);
}

/* ---- the trace */

static uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / the golden ratio, as in splitmix64 */
	return h ^ (h >> 29);
}

uint64_t world_digest(struct bytes content)
{
	uint64_t h = mix(1, content.len);
	size_t at = 0;

	for (; at + 8 <= content.len; at += 8)
		h = mix(h, load_u64(content.ptr + at));
	for (; at < content.len; at++)
		h = mix(h, content.ptr[at]);
	return h;
}

static void print_note(const struct world *w, uint32_t who, const char *what, uint64_t a, uint64_t b, uint64_t content)
{
	FILE *to = w->plan->trace;

	if (who == COORDINATOR)
		fprintf(to, "%9lld ms  coordinator  ", (long long)w->now_ms);
	else
		fprintf(to, "%9lld ms  site %-6u  ", (long long)w->now_ms, w->hosts[who].number);
	fprintf(to, "%-24s", what);
	if (a != 0 || b != 0)
		fprintf(to, " %llu.%llu", (unsigned long long)a, (unsigned long long)b);
	if (content != 0)
		fprintf(to, "  %016llx", (unsigned long long)content);
	fputc('\n', to);
}

void world_note(struct world *w, uint32_t who, const char *what, uint64_t a, uint64_t b, uint64_t content)
{
	uint64_t step = mix(who, (uint64_t)w->now_ms);

	step = mix(step, world_digest(bytes_text(what)));
	step = mix(step, a);
	step = mix(step, b);
	w->out->conduct = mix(w->out->conduct, step);
	w->out->trace = mix(mix(w->out->trace, step), content);
	if (w->plan->trace != NULL)
		print_note(w, who, what, a, b, content);
}

/* Of a refusal all of it: there is nothing but the reason in it. */
void world_note_size(struct world *w, const struct letter *l)
{
	uint64_t h = mix(w->out->conduct, l->body.len);

	h = mix(h, l->octets);
	w->out->conduct = mix(h, l->kind == LETTER_REFUSAL ? world_digest(buf_bytes(&l->body)) : 0);
}
