/*
 * The aggregation plan of a round: how many sites take part, how many may drop, how many contributions a published sum
 * needs. Types and pure checks only; every site computes these from the study's public rule and never takes them from
 * the coordinator. Rounds are masked `off` in this version; the arithmetic of the masked rules is here already, because
 * `approve` and the tests of the contract speak of it.
 *
 *   n                                   invited sites
 *   threshold  t = floor((n + max_colluders) / 2) + 1                                  (masked only)
 *   quorum     m = max(1, sites.min, n - max_dropouts)                                 clear
 *              m = max(t, sites.min, max_colluders + 2, n - max_dropouts)              masked
 *   n - m      dropouts that a round survives
 *
 * Groups: the members, ascending, are permuted by Fisher-Yates with rejection (rng_shuffle) on the ChaCha20 stream,
 * nonce 0, of the key H("COHRTgrp", study hash), and cut into floor(members / G) groups as equal as can be: group g of
 * c holds the places floor(g members / c) up to floor((g + 1) members / c) - 1. n, t and m are then one group's. The
 * groups stay as they are for the study: members that change places between rounds could be found by difference.
 *
 * Source: Bonawitz et al., Practical Secure Aggregation (CCS 2017), section 6 for the threshold against a coordinator
 * that lies.
 */
#ifndef COHORT_CRYPTO_PLAN_H
#define COHORT_CRYPTO_PLAN_H

#include "base/err.h"
#include "base/hash.h"

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

/* t as above: shares that open a secret in the complete graph, and the signatures on U3 that count in every graph. It
 * may be greater than n. */
uint32_t plan_threshold(const struct sites_rule *rule, uint32_t n);

/* m as above; it may be greater than n, and then n sites make no round. Under masking in groups, n is one group's. */
uint32_t plan_quorum(const struct sites_rule *rule, uint32_t n);

/* OK when `n` invited sites can make a round: n >= quorum, under masking n - max_dropouts >= t.
 * ERR_REFUSED says which number stands in the way ("2 sites are invited and sites.min is 3 ..."). */
enum err plan_check(const struct sites_rule *rule, uint32_t n, struct diag *why) MUST_USE;

/* The same for a contract that masks (MASKING_REQUIRED or _GROUPS); `n` members under groups, of which every group must satisfy
 * the rule. */
enum err plan_check_masks(const struct sites_rule *rule, uint32_t n, struct diag *why) MUST_USE;

/* ---- groups */
uint32_t plan_group_count(const struct sites_rule *rule, uint32_t members); /* 0 when there are too few for one */

/* Permutes `sites`, given ascending: afterwards group g is sites[plan_group_begin(g)] up to before the beginning of the
 * next, ascending in itself. */
void plan_groups(uint32_t *sites, uint32_t members, uint32_t groups, const struct hash *study_hash);
uint32_t plan_group_begin(uint32_t members, uint32_t groups, uint32_t g); /* g <= groups */

#endif
