/* The arithmetic of crypto/plan.h, in 64 bits throughout: the numbers come from a contract that may hold anything. */
#include "crypto/plan.h"

#include "base/random.h"

#include <stdlib.h>

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint32_t plan_max_dropouts(const struct sites_rule *rule, uint32_t n)
{
	uint64_t dropouts = rule->dropouts_percent ? (uint64_t)n * rule->max_dropouts / 100 : rule->max_dropouts;
	return dropouts < n ? (uint32_t)dropouts : n;
}

static uint64_t threshold(const struct sites_rule *rule, uint32_t n)
{
	return ((uint64_t)n + rule->max_colluders) / 2 + 1;
}

uint32_t plan_threshold(const struct sites_rule *rule, uint32_t n)
{
	uint64_t t = threshold(rule, n);
	return t < UINT32_MAX ? (uint32_t)t : UINT32_MAX;
}

uint32_t plan_quorum(const struct sites_rule *rule, uint32_t n)
{
	uint64_t m = larger(rule->min, n - plan_max_dropouts(rule, n));
	if (rule->masking != MASKING_OFF)
		m = larger(m, larger(threshold(rule, n), (uint64_t)rule->max_colluders + 2));
	m = larger(m, 1);
	return m < UINT32_MAX ? (uint32_t)m : UINT32_MAX;
}

/* ---- groups */

uint32_t plan_group_count(const struct sites_rule *rule, uint32_t members)
{
	return rule->group > 0 ? members / rule->group : 0;
}

uint32_t plan_group_begin(uint32_t members, uint32_t groups, uint32_t g)
{
	CHECK(groups > 0 && g <= groups);
	return (uint32_t)((uint64_t)members * g / groups);
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

void plan_groups(uint32_t *sites, uint32_t members, uint32_t groups, const struct hash *study_hash)
{
	const struct bytes field = bytes_of(study_hash->b, sizeof study_hash->b);
	struct hash key;
	struct rng r;

	hash_fields(&key, NULL, "COHRTgrp", &field, 1);
	rng_numbered(&r, key.b, 0);
	rng_shuffle(&r, sites, members);
	for (uint32_t g = 0; g < groups; g++) {
		uint32_t begin = plan_group_begin(members, groups, g), end = plan_group_begin(members, groups, g + 1);
		qsort(sites + begin, end - begin, sizeof *sites, ascending);
	}
}

/* ---- what stands in the way; `of` says whose n it is: "" or " in a group" */

static enum err check_enough(const struct sites_rule *rule, uint32_t n, const char *of, struct diag *why)
{
	if (n == 0)
		return diag_set(why, ERR_REFUSED, "no site is invited: nobody has approved the study yet");
	if (n < rule->min)
		return diag_set(why, ERR_REFUSED,
		                "%u sites%s are invited and sites.min is %u: more hospitals must approve", n, of,
		                rule->min);
	return OK;
}

static enum err check_masked(const struct sites_rule *rule, uint32_t n, const char *of, struct diag *why)
{
	uint32_t drop = plan_max_dropouts(rule, n);
	enum err e = check_enough(rule, n, of, why);
	if (e)
		return e;
	if (n - drop < threshold(rule, n))
		return diag_set(
			why, ERR_REFUSED,
			"%u sites%s with max_dropouts %u leave %u, and masks against %u colluders need %llu: lower "
			"sites.max_dropouts or sites.max_colluders",
			n, of, drop, n - drop, rule->max_colluders, (unsigned long long)threshold(rule, n));
	if (n < (uint64_t)rule->max_colluders + 2)
		return diag_set(why, ERR_REFUSED, "%u sites%s with max_colluders %u leave fewer than 2 honest ones", n,
		                of, rule->max_colluders);
	return OK;
}

/* Groups have two sizes at most. */
static enum err check_groups(const struct sites_rule *rule, uint32_t members, struct diag *why)
{
	uint32_t groups = plan_group_count(rule, members);
	if (groups == 0)
		return diag_set(why, ERR_REFUSED,
		                "%u sites are invited and a group has at least %u: more hospitals must approve",
		                members, rule->group);
	enum err e = check_masked(rule, members / groups, " in a group", why);
	if (!e && members % groups > 0)
		e = check_masked(rule, members / groups + 1, " in a group", why);
	return e;
}

enum err plan_check_masks(const struct sites_rule *rule, uint32_t n, struct diag *why)
{
	return rule->masking == MASKING_GROUPS ? check_groups(rule, n, why) : check_masked(rule, n, "", why);
}

enum err plan_check(const struct sites_rule *rule, uint32_t n, struct diag *why)
{
	return rule->masking == MASKING_OFF ? check_enough(rule, n, "", why) : plan_check_masks(rule, n, why);
}
