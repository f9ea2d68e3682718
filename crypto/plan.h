/*
 * The aggregation plan of a round: how many sites take part, how many may drop, how many contributions a published sum needs.
 * Types and pure checks only; every site computes these from the study's public rule and never takes them from the
 * coordinator. This version builds masking `off`; the arithmetic of the masked rules is here already, because `approve`
 * and the tests of the contract speak of it.
 *
 *   n                                   invited sites
 *   threshold  t = floor((n + max_colluders) / 2) + 1                                  (masked only)
 *   quorum     m = max(1, sites.min, n - max_dropouts)                                 clear
 *              m = max(t, sites.min, max_colluders + 2, n - max_dropouts)              masked
 *   n - m      dropouts that a round survives
 *
 * Source: Bonawitz et al., Practical Secure Aggregation (CCS 2017), section 6 for the threshold against a coordinator that
 * lies.
 */
#ifndef COHORT_CRYPTO_PLAN_H
#define COHORT_CRYPTO_PLAN_H

#include "base/err.h"

#include <stdint.h>

enum masking { MASKING_REQUIRED, MASKING_OFF, MASKING_GROUPS };

/* The study's `sites` and `masking`. */
struct sites_rule {
	uint32_t min; /* fewest sites in any published sum */
	uint32_t max_dropouts; /* absolute, or percent (0 .. 100) of n rounded down when `dropouts_percent` */
	bool dropouts_percent;
	uint32_t max_colluders;
	uint32_t cell_min; /* smaller cells are not shown; no privacy mechanism against the coordinator */
	enum masking masking;
	uint32_t group; /* MASKING_GROUPS: sites per group */
};

/* How many of n sites may stay away, at most n. */
uint32_t plan_max_dropouts(const struct sites_rule *rule, uint32_t n);

/* m as above; it may be greater than n, and then n sites make no round. Under masking in groups, n is one group's. */
uint32_t plan_quorum(const struct sites_rule *rule, uint32_t n);

/* OK when `n` invited sites can make a round: n >= quorum, under masking n - max_dropouts >= t, and masking is built.
 * ERR_REFUSED says which number stands in the way ("2 sites are invited and sites.min is 3 ..."). */
enum err plan_check(const struct sites_rule *rule, uint32_t n, struct diag *why) MUST_USE;

#endif
