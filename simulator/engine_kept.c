/*
 * Single contributions, for strategies that look at them one by one: of each site of the attempt in hand, the words up to
 * its weight. Over several ranks each keeps those of its own sites, and all read together, in the same order.
 */
#include "base/vec.h"
#include "protocol/study_robust.h"
#include "simulator/engine_inside.h"
#include "simulator/ranks.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_MAX (4ull << 30) /* octets in one process: 1,000 sites with a million parameters each */

static enum err read_kept(void *context, uint32_t summand, uint32_t first, uint32_t words, int64_t *out,
                          struct diag *why)
{
	const struct engine *e = context;
	uint32_t item = e->kept.items[summand];

	(void)why;
	memset(out, 0, words * sizeof *out);
	if (ranks_has(e->parts[item].site - 1))
		vec_sum_octets(out, e->kept.octets + 4 * ((size_t)item * e->kept.words + first), words);
	ranks_sum_integers(out, words);
	return OK;
}

enum err engine_kept_begin(struct engine *e, const struct round_plan *plan, struct diag *why)
{
	struct engine_kept *k = &e->kept;
	const struct segment *weight = layout_find(campaign_layout(e->campaign), SEGMENT_WEIGHT);
	uint64_t octets, sites = plan->site_count / ranks_count() + 1;

	k->words = 0;
	if (weight == NULL || !study_is_robust(e->study) || e->masked != NULL) /* under masks: engine_masked_sum */
		return OK;
	k->words = weight->first + 1;
	octets = 4 * sites * k->words;
	if (octets > KEPT_MAX)
		return diag_set(
			why, ERR_LIMIT,
			"strategy %s looks at each update alone, and those of %u sites take %llu MiB, more than "
			"the %llu MiB that are kept; ask fewer with --sites-per-round",
			study_strategy_name(e->study->strategy), plan->site_count, (unsigned long long)(octets >> 20),
			KEPT_MAX >> 20);
	free(k->octets);
	free(k->items);
	k->octets = mem_array(plan->site_count, 4 * (size_t)k->words); /* what other ranks have is never touched */
	k->items = mem_array(plan->site_count, sizeof *k->items);
	return OK;
}

void engine_kept_take(struct engine *e, uint32_t item, const uint8_t *octets)
{
	size_t n = 4 * (size_t)e->kept.words;

	if (n > 0)
		memcpy(e->kept.octets + item * n, octets, n);
}

void engine_kept_end(struct engine *e, const struct round_plan *plan)
{
	struct engine_kept *k = &e->kept;

	if (k->words == 0)
		return;
	k->summands = (struct summands){.read = read_kept, .context = e};
	for (uint32_t i = 0; i < plan->site_count; i++)
		if (e->parts[i].fate == FATE_CONTRIBUTES && e->parts[i].refusal == REFUSAL_NONE)
			k->items[k->summands.count++] = i;
	e->sum.summands = &k->summands;
}

void engine_kept_free(struct engine_kept *k)
{
	free(k->octets);
	free(k->items);
}
