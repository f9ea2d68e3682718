/*
 * The contributions of a clear attempt as the summands of its sum, read back from the staging file: for strategies that look
 * at single updates (coordinator/robust.h).
 */
#ifndef COHORT_COORDINATOR_STAGED_H
#define COHORT_COORDINATOR_STAGED_H

#include "coordinator/aggregate.h"
#include "coordinator/round.h"
#include "coordinator/staging.h"

struct staged {
	struct summands summands; /* in the order of the sites; read in one thread at a time, any thread */
	struct staging *staging; /* retained */
	uint32_t *slots; /* summands.count */
	uint8_t *slice; /* STAGING_SLICE */
};

/* Those sites of the round that have contributed. *s stays where it is until staged_close; both in the loop's thread. */
void staged_open(struct staged *s, struct staging *staging, const struct round *round);
void staged_close(struct staged *s); /* accepts a zeroed one */

#endif
