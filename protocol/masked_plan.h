/*
 * The plan of secure aggregation in one round: what crypto/secagg.h calls the plan, made by every side for itself from the contract,
 * the round's message and the authority's roster, and never taken from the other. Two sides that computed different ones have
 * different contexts, so they obtain noise (crypto/keys.h).
 *
 * A masked vector is the contribution with four check words behind it, so garbage in the sum is seen:
 *
 *     | layout.words of the contribution | 1 | 0 | 0 | 0 |        d = layout.words + 4 words of k = 32 bits
 *
 * The sum's first check word must be the number of survivors, the others 0; what is not passes with probability 2^-128. Each
 * sum of the layout fits 31 bits (protocol/vector.h), so the sum modulo 2^32, read as two's complement, is exact.
 *
 * The octets enter every attempt's context as H("COHRTpln", octets). All attempts of a round have the same. Fields F, in this
 * order, integers and f64 little-endian:
 *     1  C(roster)                                             SHA-256 of the roster's body
 *     2  all invited sites, u32 each, ascending
 *     3  group u32, number of groups u32                       0, 1 without groups
 *     4  the group's sites, u32 each, ascending                as field 2 without groups
 *     5  d u32, k u32, number of check words u32
 *     6  update_range f64, weight cap f64, weights u32         0 by patients, 1 equal
 *     7  quorum m, max_colluders n_C, threshold t, neighbours, threshold of shares: u32 each; the last two 0 in the complete graph
 *     8  step u32, asks u32, octets of the model u64, stream u32 (0: a key has one)
 *     9  for each segment of the layout: kind, coding, items u32, bound, grid f64
 *    10  privacy: empty for mechanism none; otherwise mechanism, unit, hospitals per patient u32 each, epsilon, delta, q f64,
 *        N, batch cap B_max u32, z, z_e, z_v, clip of the round, divisor L f64, and for each segment of the layout its
 *        sensitivity f64, variance of a share u64, clamp u32, which are 0 where it is not noised
 *
 * Groups: the invited sites are divided by plan_groups (crypto/plan.h); each group is an attempt of its own.
 */
#ifndef COHORT_PROTOCOL_MASKED_PLAN_H
#define COHORT_PROTOCOL_MASKED_PLAN_H

#include "crypto/secagg.h"
#include "protocol/roster.h"
#include "protocol/round_plan.h"

#define MASKED_CHECK_WORDS 4
#define MASKED_WORD_BITS 32 /* k: the layout's grids use all that a word has */
#define MASKED_SECURITY_BITS 40 /* of the graph above GRAPH_COMPLETE_MAX sites: Bell et al. use 40 */

struct masked_plan {
	uint32_t group, groups;
	struct secagg_site *sites; /* of the group, ascending; owned */
	struct buf octets;
	struct secagg_plan plan; /* borrows the two above */
};

/* How many groups the invited sites make: 1 without groups; 0 when they are too few for one. */
uint32_t masked_plan_groups(const struct study *s, uint32_t invited);

/* The group of an invited site; UINT32_MAX when it is not invited. Cost: a permutation of the invited sites under groups. */
uint32_t masked_plan_group_of(const struct round_plan *p, const struct study *s, uint32_t site);

/* The plan of one group, group < masked_plan_groups. `layout` is round_plan_layout of the plan. ERR_REFUSED says what stands in the
 * way: the roster is not the plan's, an invited site is not on it, the numbers make no masked round (plan_check_masks,
 * graph_rule_find, secagg_plan_check). `out` is zeroed then. */
enum err masked_plan_make(struct masked_plan *out, const struct round_plan *p, const struct study *s,
                          const struct layout *layout, const struct roster *roster, uint32_t group,
                          struct diag *why) MUST_USE;
void masked_plan_free(struct masked_plan *m); /* accepts a zeroed one */

/* H("COHRTpln", octets): the same in all attempts of a round. */
void masked_plan_hash(struct hash *out, const struct masked_plan *m);

/* Which vector of which model is asked for; borrows from all three. The model is the one that the plan names: a site has
 * compared the octets that it received with that hash. In a round without a model it is zero. */
struct secagg_attempt masked_plan_attempt(const struct round_plan *p, const struct study *s,
                                          const struct roster *roster);

/* The check words of one site. */
void masked_plan_check_words(uint32_t words[MASKED_CHECK_WORDS]);

/* ERR_DATA when the sum's check words are not those of `survivors` sites: some vector, or some mask, was wrong. */
enum err masked_plan_judge_sum(const uint32_t words[MASKED_CHECK_WORDS], uint32_t survivors, struct diag *why) MUST_USE;

#endif
