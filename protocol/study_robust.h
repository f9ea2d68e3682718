/*
 * What a robust strategy asks of a round. Median, trimmed mean and Krum look at the updates one by one, or under
 * `masking: groups of G` at the means of groups, and so can do without a few that are wrong, however wrong; the formulas
 * are the coordinator's (coordinator/robust.h). They cannot work behind `masking: required`, and they need enough
 * updates:
 *
 *   median         1                              trims nothing; with 2f + 1 updates it withstands f
 *   trimmed_mean   one that is cut at each end    floor(trim * updates) >= 1
 *   krum           2 * byzantine + 3, and byzantine + 2 + keep
 */
#ifndef COHORT_PROTOCOL_STUDY_ROBUST_H
#define COHORT_PROTOCOL_STUDY_ROBUST_H

#include "protocol/study.h"

bool study_is_robust(const struct study *s);

/* How many of `updates` the trimmed mean leaves out at each end. */
uint32_t study_trimmed(const struct study *s, uint32_t updates);

/* The fewest updates with which the study's strategy works; 1 for a strategy that is not robust. */
uint32_t study_fewest_updates(const struct study *s);

/* Whether the fewest contributions that a round of `invited` sites may end with are enough: plan_quorum() of them, or in
 * groups a mean of each of more than half of the groups. ERR_REFUSED with the numbers and what to change. A round in
 * which a site has no training row may still have too few. */
enum err study_check_robust(const struct study *s, uint32_t invited, struct diag *why) MUST_USE;

#endif
