/* Numbers come from public rules alone; what differs on the two sides shows in the octets, hence in every key. */
#include "protocol/masked_plan.h"

#include "crypto/graph.h"

#include <stdlib.h>
#include <string.h>

#define FIXED_OCTETS_MAX                                                                                               \
	1024 /* all but the sites: ten lengths, six fields of numbers, a layout of at most eight segments */

uint32_t masked_plan_groups(const struct study *s, uint32_t invited)
{
	return s->sites.masking == MASKING_GROUPS ? plan_group_count(&s->sites, invited) : 1;
}

/* The invited sites in the order of the groups; the caller's. */
static uint32_t *ordered(const struct round_plan *p, const struct study *s, uint32_t groups)
{
	uint32_t *sites = mem_array(p->site_count, sizeof *sites);

	memcpy(sites, p->sites, p->site_count * sizeof *sites);
	if (s->sites.masking == MASKING_GROUPS)
		plan_groups(sites, p->site_count, groups, &s->hash);
	return sites;
}

uint32_t masked_plan_group_of(const struct round_plan *p, const struct study *s, uint32_t site)
{
	uint32_t groups = masked_plan_groups(s, p->site_count), found = UINT32_MAX;

	if (groups == 0 || !round_plan_invites(p, site))
		return UINT32_MAX;
	uint32_t *sites = ordered(p, s, groups);
	for (uint32_t g = 0; g < groups && found == UINT32_MAX; g++)
		for (uint32_t i = plan_group_begin(p->site_count, groups, g);
		     i < plan_group_begin(p->site_count, groups, g + 1); i++)
			if (sites[i] == site)
				found = g;
	free(sites);
	return found;
}

/* ---- the plan's parts */

static enum err take_sites(struct masked_plan *out, const uint32_t *numbers, uint32_t n, const struct roster *roster,
                           struct diag *why)
{
	out->sites = mem_array(n, sizeof *out->sites);
	for (uint32_t i = 0; i < n; i++) {
		const struct roster_site *site = roster_number(roster, numbers[i]);

		if (site == NULL)
			return diag_set(why, ERR_REFUSED, "invited site %u is not on roster %u", numbers[i],
			                roster->version);
		out->sites[i].number = numbers[i];
		memcpy(out->sites[i].identity, site->key, sizeof out->sites[i].identity);
	}
	out->plan.sites = out->sites;
	out->plan.n = n;
	return OK;
}

static enum err take_numbers(struct secagg_plan *plan, const struct study *s, const struct layout *layout,
                             struct diag *why)
{
	const struct sites_rule *rule = &s->sites;
	struct graph_rule graph;

	plan->max_colluders = rule->max_colluders;
	plan->quorum = plan_quorum(rule, plan->n);
	plan->words = layout->words + MASKED_CHECK_WORDS;
	plan->bits = MASKED_WORD_BITS;
	if (plan->n <= GRAPH_COMPLETE_MAX)
		return OK;
	enum err e = graph_rule_find(&graph, plan->n, rule->max_colluders, plan_max_dropouts(rule, plan->n),
	                             MASKED_SECURITY_BITS, GRAPH_ACTIVE, why);
	if (e == OK) {
		plan->degree = graph.k;
		plan->share_threshold = graph.t;
	}
	return e;
}

/* ---- octets */

/* F of u32 numbers. */
static void put_numbers(struct buf *out, const uint32_t *numbers, uint32_t count)
{
	buf_put_u32(out, 4 * count);
	for (uint32_t i = 0; i < count; i++)
		buf_put_u32(out, numbers[i]);
}

static void put_terms(struct buf *out, const struct study *s)
{
	bool equal = s->weights == WEIGHTS_EQUAL;

	buf_put_u32(out, 20);
	buf_put_f64(out, s->update_range);
	buf_put_f64(out, equal ? 1 : s->weight_cap);
	buf_put_u32(out, equal);
}

static void put_kind(struct buf *out, const struct round_plan *p)
{
	buf_put_u32(out, 20);
	buf_put_u32(out, p->step);
	buf_put_u32(out, p->asks);
	buf_put_u64(out, p->model_octets);
	buf_put_u32(out, 0); /* the one stream of a key */
}

static void put_layout(struct buf *out, const struct layout *l)
{
	buf_put_u32(out, 28 * l->count);
	for (uint32_t i = 0; i < l->count; i++) {
		const struct segment *segment = &l->segments[i];

		buf_put_u32(out, segment->kind);
		buf_put_u32(out, segment->coding);
		buf_put_u32(out, segment->items);
		buf_put_f64(out, segment->bound);
		buf_put_f64(out, segment->grid);
	}
}

static void put_privacy(struct buf *out, const struct round_plan *p, const struct study *s, const struct layout *l)
{
	const struct privacy_plan *privacy = &s->privacy;

	if (privacy->mechanism == PRIVACY_NONE) {
		buf_put_u32(out, 0);
		return;
	}
	buf_put_u32(out, 84 + 20 * l->count);
	buf_put_u32(out, privacy->mechanism);
	buf_put_u32(out, privacy->unit);
	buf_put_u32(out, privacy->hospitals_per_patient);
	buf_put_f64(out, privacy->epsilon);
	buf_put_f64(out, privacy->delta);
	buf_put_f64(out, privacy->sampling_rate);
	buf_put_u32(out, privacy->patients);
	buf_put_u32(out, privacy->batch_cap);
	buf_put_f64(out, privacy->noise_multiplier);
	buf_put_f64(out, privacy->statistics_multiplier);
	buf_put_f64(out, privacy->evaluation_multiplier);
	buf_put_f64(out, p->clip > 0 ? p->clip : privacy->clip);
	buf_put_f64(out, round_plan_divisor(s, p->site_count));
	for (uint32_t i = 0; i < l->count; i++) {
		const struct noised *noised = &l->segments[i].noised;

		buf_put_f64(out, noised->sensitivity);
		buf_put_u64(out, noised->variance);
		buf_put_u32(out, noised->clamp);
	}
}

static void put_group(struct buf *out, const struct masked_plan *m)
{
	buf_put_u32(out, 4 * m->plan.n);
	for (uint32_t i = 0; i < m->plan.n; i++)
		buf_put_u32(out, m->sites[i].number);
}

static void write_octets(struct masked_plan *m, const struct round_plan *p, const struct study *s,
                         const struct layout *layout, const struct roster *roster)
{
	const struct secagg_plan *plan = &m->plan;
	const uint32_t groups[] = {m->group, m->groups};
	const uint32_t vector[] = {plan->words, plan->bits, MASKED_CHECK_WORDS};
	const uint32_t rule[] = {plan->quorum, plan->max_colluders, secagg_threshold(plan), plan->degree,
	                         plan->share_threshold};

	buf_init(&m->octets, FIXED_OCTETS_MAX + 4 * ((size_t)p->site_count + plan->n));
	buf_put_field(&m->octets, bytes_of(roster->content.b, HASH_SIZE));
	put_numbers(&m->octets, p->sites, p->site_count);
	put_numbers(&m->octets, groups, 2);
	put_group(&m->octets, m);
	put_numbers(&m->octets, vector, 3);
	put_terms(&m->octets, s);
	put_numbers(&m->octets, rule, 5);
	put_kind(&m->octets, p);
	put_layout(&m->octets, layout);
	put_privacy(&m->octets, p, s, layout);
	m->plan.octets = buf_bytes(&m->octets);
}

/* ---- the whole */

static enum err make(struct masked_plan *out, const struct round_plan *p, const struct study *s,
                     const struct layout *layout, const struct roster *roster, struct diag *why)
{
	enum err e = plan_check_masks(&s->sites, p->site_count, why);

	if (e == OK && !hash_equal(&p->roster, &roster->content))
		e = diag_set(why, ERR_REFUSED, "round %llu is for another roster than roster %u, which is at hand",
		             (unsigned long long)p->round, roster->version);
	if (e != OK)
		return e;
	CHECK(out->group < out->groups && layout->sites == p->site_count);
	uint32_t *sites = ordered(p, s, out->groups);
	uint32_t begin = plan_group_begin(p->site_count, out->groups, out->group);
	uint32_t end = plan_group_begin(p->site_count, out->groups, out->group + 1);
	e = take_sites(out, sites + begin, end - begin, roster, why);
	free(sites);
	if (e == OK)
		e = take_numbers(&out->plan, s, layout, why);
	if (e != OK)
		return e;
	write_octets(out, p, s, layout, roster);
	return secagg_plan_check(&out->plan, why);
}

enum err masked_plan_make(struct masked_plan *out, const struct round_plan *p, const struct study *s,
                          const struct layout *layout, const struct roster *roster, uint32_t group, struct diag *why)
{
	*out = (struct masked_plan){.group = group, .groups = masked_plan_groups(s, p->site_count)};
	enum err e = make(out, p, s, layout, roster, why);

	if (e != OK)
		masked_plan_free(out);
	return e;
}

void masked_plan_free(struct masked_plan *m)
{
	free(m->sites);
	buf_free(&m->octets);
	*m = (struct masked_plan){0};
}

void masked_plan_hash(struct hash *out, const struct masked_plan *m)
{
	keys_plan_hash(out, m->plan.octets);
}

struct secagg_attempt masked_plan_attempt(const struct round_plan *p, const struct study *s,
                                          const struct roster *roster)
{
	return (struct secagg_attempt){
		.federation = bytes_text(roster->federation),
		.study = bytes_of(s->hash.b, HASH_SIZE),
		.round = p->round,
		.attempt = p->attempt,
		.model = p->model,
	};
}

/* ---- check words */

void masked_plan_check_words(uint32_t words[MASKED_CHECK_WORDS])
{
	memset(words, 0, MASKED_CHECK_WORDS * sizeof *words);
	words[0] = 1;
}

enum err masked_plan_judge_sum(const uint32_t words[MASKED_CHECK_WORDS], uint32_t survivors, struct diag *why)
{
	bool holds = words[0] == survivors;

	for (int i = 1; i < MASKED_CHECK_WORDS; i++)
		holds = holds && words[i] == 0;
	if (holds)
		return OK;
	return diag_set(why, ERR_DATA,
	                "the sum's check words do not hold: a hospital's masked vector, or a mask, was wrong; the "
	                "round is discarded");
}
