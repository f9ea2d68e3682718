/* The numbers of an attempt: thresholds, sizes, and whether they can be. */
#include "crypto/secagg.h"

#include "base/limits.h"

static const char *const names[SECAGG_PHASE_COUNT] = {
	[SECAGG_KEYS] = "keys",           [SECAGG_SHARES] = "shares",   [SECAGG_INPUT] = "input",
	[SECAGG_SURVIVORS] = "survivors", [SECAGG_OPENING] = "opening",
};

const char *secagg_phase_name(enum secagg_phase phase)
{
	return (unsigned)phase < SECAGG_PHASE_COUNT ? names[phase] : "unknown";
}

uint32_t secagg_threshold(const struct secagg_plan *plan)
{
	return (uint32_t)(((uint64_t)plan->n + plan->max_colluders) / 2 + 1);
}

uint32_t secagg_share_threshold(const struct secagg_plan *plan)
{
	return plan->degree == 0 ? secagg_threshold(plan) : plan->share_threshold;
}

static enum err check_sites(const struct secagg_plan *plan, struct diag *why)
{
	if (plan->n < 2 || plan->n > SIMULATED_SITES_MAX)
		return diag_set(why, ERR_REFUSED, "%u sites are invited: masks need 2 to %u", plan->n,
		                SIMULATED_SITES_MAX);
	for (uint32_t i = 0; i < plan->n; i++)
		if (plan->sites[i].number <= (i == 0 ? 0 : plan->sites[i - 1].number))
			return diag_set(why, ERR_REFUSED, "the plan's sites are not ascending at site %u",
			                plan->sites[i].number);
	return OK;
}

static enum err check_quorum(const struct secagg_plan *plan, struct diag *why)
{
	if (plan->quorum < secagg_threshold(plan))
		return diag_set(why, ERR_REFUSED, "quorum %u is below the threshold %u of %u sites with %u colluders",
		                plan->quorum, secagg_threshold(plan), plan->n, plan->max_colluders);
	if (plan->quorum < (uint64_t)plan->max_colluders + 2)
		return diag_set(why, ERR_REFUSED,
		                "quorum %u with %u colluders leaves fewer than 2 honest sites in the sum", plan->quorum,
		                plan->max_colluders);
	if (plan->quorum > plan->n)
		return diag_set(why, ERR_REFUSED, "quorum %u is more than the %u invited sites", plan->quorum, plan->n);
	return OK;
}

static enum err check_graph(const struct secagg_plan *plan, struct diag *why)
{
	if (plan->degree == 0 && plan->share_threshold == 0)
		return OK;
	if (plan->degree % 2 != 0 || plan->degree >= plan->quorum)
		return diag_set(why, ERR_REFUSED, "no graph in which each of %u sites or more has %u neighbours",
		                plan->quorum, plan->degree);
	if (plan->share_threshold < 1 || plan->share_threshold > plan->degree)
		return diag_set(why, ERR_REFUSED, "%u shares are to open a secret that %u neighbours share",
		                plan->share_threshold, plan->degree);
	return OK;
}

enum err secagg_plan_check(const struct secagg_plan *plan, struct diag *why)
{
	enum err e = check_sites(plan, why);

	if (!e)
		e = check_quorum(plan, why);
	if (!e)
		e = check_graph(plan, why);
	if (!e && (plan->bits < 1 || plan->bits > SECAGG_BITS_MAX || plan->words == 0))
		e = diag_set(why, ERR_REFUSED, "%u words of %u bits cannot be masked", plan->words, plan->bits);
	return e;
}

uint64_t secagg_input_octets(const struct secagg_plan *plan)
{
	return ((uint64_t)plan->words * plan->bits + 7) / 8;
}

size_t secagg_message_max(uint32_t n, enum secagg_phase phase)
{
	return phase == SECAGG_SURVIVORS ? KEYS_SIGNATURE_SIZE + (n + (size_t)7) / 8
	                                 : n * (size_t)SECAGG_OCTETS_PER_SITE;
}

uint32_t secagg_invited(const struct secagg_plan *plan, uint32_t number)
{
	uint32_t low = 0, high = plan->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (plan->sites[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < plan->n && plan->sites[low].number == number ? low : UINT32_MAX;
}
