/*
 * What is solved for when a study with noise is loaded: the finished tree gets the noise multipliers, the batch cap and, where the
 * study does not say how many, the bins of noised figures.
 *
 *   terms --study_read_draft--> struct privacy_plan --privacy_plan_solve--> z, z_e, z_v, B_max --> keys of the tree
 *
 * A score histogram's bin gets noise of deviation z_v sqrt(2) patients whatever their number is. The default is the largest of 64,
 * 32 and 16 whose bins, two histograms of them, hold at least four deviations of test patients on average; 16 otherwise, and
 * where the split by a column does not tell how many test patients there are.
 */
#ifndef COHORT_PROTOCOL_STUDY_SOLVE_H
#define COHORT_PROTOCOL_STUDY_SOLVE_H

#include "protocol/study_read.h"

/* Nothing under mechanism none. As study_read: ERR_DATA, ERR_LIMIT, ERR_REFUSED with `field` and `why`. */
enum err study_solve(struct json *tree, struct study_field *field, struct diag *why) MUST_USE;

#endif
