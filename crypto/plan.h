/*
 * The aggregation plan of a round: how many sites take part, how many may drop, and that the integer sum fits. Types and
 * pure checks only; every site computes these from the study's public rule and never takes them from the coordinator.
 * This version builds masking `off`.
 */
#ifndef COHORT_CRYPTO_PLAN_H
#define COHORT_CRYPTO_PLAN_H

#include "base/err.h"

#include <stdint.h>

enum masking { MASKING_REQUIRED, MASKING_OFF, MASKING_GROUPS };

/* The study's `sites` and `masking`. */
struct sites_rule {
	uint32_t min; /* fewest sites in any published sum */
	uint32_t max_dropouts; /* absolute, or percent of n rounded down when `dropouts_percent` */
	bool dropouts_percent;
	uint32_t max_colluders;
	uint32_t cell_min; /* smaller cells are not shown; no privacy mechanism against the coordinator */
	enum masking masking;
	uint32_t group; /* MASKING_GROUPS: sites per group */
};

uint32_t plan_max_dropouts(const struct sites_rule *rule, uint32_t n);

/* m = max(sites.min, n - max_dropouts); under masking also the threshold and max_colluders + 2 (secure aggregation). */
uint32_t plan_quorum(const struct sites_rule *rule, uint32_t n);

/* OK when `n` invited sites can make a round: n >= quorum, and the rule's own contradictions. ERR_REFUSED says which
 * number stands in the way: "3 sites with max_dropouts 1 and sites.min 3 ...". */
enum err plan_check(const struct sites_rule *rule, uint32_t n, struct diag *why) MUST_USE;

#endif
