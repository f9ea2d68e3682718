/* The arithmetic of crypto/plan.h, in 64 bits throughout: the numbers come from a contract that may hold anything. */
#include "crypto/plan.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t threshold(const struct sites_rule *rule, uint32_t n)
{
	return ((uint64_t)n + rule->max_colluders) / 2 + 1;
}

uint32_t plan_max_dropouts(const struct sites_rule *rule, uint32_t n)
{
	uint64_t dropouts = rule->dropouts_percent ? (uint64_t)n * rule->max_dropouts / 100 : rule->max_dropouts;
	return dropouts < n ? (uint32_t)dropouts : n;
}

uint32_t plan_quorum(const struct sites_rule *rule, uint32_t n)
{
	uint64_t m = larger(rule->min, n - plan_max_dropouts(rule, n));
	if (rule->masking != MASKING_OFF)
		m = larger(m, larger(threshold(rule, n), (uint64_t)rule->max_colluders + 2));
	m = larger(m, 1);
	return m < UINT32_MAX ? (uint32_t)m : UINT32_MAX;
}

static enum err check_masked(const struct sites_rule *rule, uint32_t n, struct diag *why)
{
	uint32_t drop = plan_max_dropouts(rule, n);
	if (n - drop < threshold(rule, n))
		return diag_set(
			why, ERR_REFUSED,
			"%u sites with max_dropouts %u leave %u, and masks against %u colluders need %llu: lower "
			"sites.max_dropouts or sites.max_colluders",
			n, drop, n - drop, rule->max_colluders, (unsigned long long)threshold(rule, n));
	if (n < (uint64_t)rule->max_colluders + 2)
		return diag_set(why, ERR_REFUSED, "%u sites with max_colluders %u leave fewer than 2 honest ones", n,
		                rule->max_colluders);
	return diag_set(why, ERR_REFUSED, "masking is not built in this version: write masking: off");
}

enum err plan_check(const struct sites_rule *rule, uint32_t n, struct diag *why)
{
	if (n == 0)
		return diag_set(why, ERR_REFUSED, "no site is invited: nobody has approved the study yet");
	if (n < rule->min)
		return diag_set(why, ERR_REFUSED,
		                "%u sites are invited and sites.min is %u: more hospitals must approve", n, rule->min);
	if (rule->masking != MASKING_OFF)
		return check_masked(rule, n, why);
	return OK;
}
