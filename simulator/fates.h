/*
 * Fates: which of a round's sites stay away, and which come too late. Drawn for each attempt anew, from the study's draws and
 * the attempt's number, so that they depend on neither threads nor what happened before.
 */
#ifndef COHORT_SIMULATOR_FATES_H
#define COHORT_SIMULATOR_FATES_H

#include "protocol/round_plan.h"

enum fate {
	FATE_CONTRIBUTES,
	FATE_DROPS, /* is not heard of in this attempt */
	FATE_SLOW /* joins, and its contribution comes after the attempt's end */
};

/* fates[plan->site_count]: each site drops with probability `dropout`, and otherwise is slow with probability `slow`. */
void fates_draw(enum fate *fates, const struct round_plan *plan, const struct hash *draws, double dropout, double slow);

#endif
