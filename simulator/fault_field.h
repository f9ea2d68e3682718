/*
 * Where worlds are disturbed: a few small studies that differ in what a campaign does differently (quorum, evaluation, weights,
 * strategy, kind of label), made-up rows for their sites, and the plan that a seed draws. Small, so that many seeds run in a second.
 */
#ifndef COHORT_SIMULATOR_FAULT_FIELD_H
#define COHORT_SIMULATOR_FAULT_FIELD_H

#include "simulator/world.h"

#define FAULT_SITES_MAX 5
#define FAULT_STUDIES 14 /* four of them masked, and four more private */

struct fault_field {
	struct policy policy; /* permits all of them */
	struct study studies[FAULT_STUDIES];
	struct table tables[FAULT_STUDIES][FAULT_SITES_MAX];
	struct table twins[FAULT_STUDIES]
			  [FAULT_SITES_MAX]; /* the same, but for the values of one patient of each site */
};

void fault_field_make(struct fault_field *f);
void fault_field_free(struct fault_field *f);

/* What the seed stands for: one of the studies with three to five of its sites, people who come and go, an operator, and
 * disturbances: each is there in almost half of all seeds, seldom or often, so that some worlds know one of them only and
 * others many at once (swarm testing: Groce et al., ISSTA 2012). The plan can always be fulfilled: enough sites stay. */
void fault_field_draw(struct world_setting *setting, struct world_plan *plan, const struct fault_field *f,
                      uint64_t seed);

#endif
