/*
 * What a world is disturbed with, and when: the table fault x phase x side. One row of FAULTS in disturbance.c adds a fault; a
 * cell that cannot occur has its reason there.
 */
#ifndef COHORT_SIMULATOR_DISTURBANCE_H
#define COHORT_SIMULATOR_DISTURBANCE_H

#include <stdbool.h>
#include <stdint.h>

enum side { SIDE_COORDINATOR, SIDE_SITE, SIDE_COUNT };

/* Each at the coordinator and at a site. Of what travels the side is who sent it: a site its requests, the coordinator answers. */
enum fault {
	FAULT_LOSS, /* what was sent does not arrive */
	FAULT_COPY, /* it arrives twice, the second time perhaps much later */
	FAULT_OVERTAKEN, /* what was sent after it arrives first */
	FAULT_DELAY, /* it arrives after its sender has given it up */
	FAULT_CUT, /* no line at all for a while, for some sites */
	FAULT_DEAF, /* one-way: this side sends in vain for a while, and hears */
	FAULT_DAMAGE, /* octets are changed or cut off on the way */
	FAULT_SLOW, /* work takes longer than the round's deadline */
	FAULT_CRASH, /* the program dies, before or after an action, and starts again from its disk */
	FAULT_FULL, /* the disk is full: nothing is written */
	FAULT_SYNC, /* fsync fails: the program dies, and what it wrote last is on disk or not */
	FAULT_FORWARD, /* the wall clock jumps forward, perhaps beyond the study's last day */
	FAULT_BACKWARD, /* or backward, perhaps before 1970 */
	FAULT_RESTORE, /* of a private study: the state of a program is set back to an older copy, for a while */
	FAULT_COUNT
};

/* What that side is doing just then. */
enum during {
	DURING_JOINING, /* coordinator: not enough sites approve; site: it has not seen a round yet */
	DURING_OPENING, /* coordinator: the next attempt's record is on its way to the disk */
	DURING_COLLECTING, /* coordinator: contributions may come */
	DURING_SUMMING, /* coordinator: none may come any more, the last ones are stored and added */
	DURING_OUTCOME, /* coordinator: the model is made of the sum */
	DURING_CLOSING, /* coordinator: the end's record is on its way to the disk */
	DURING_KEYS, /* coordinator, under masks, as the next five: keys may come */
	DURING_SHARES,
	DURING_INPUT,
	DURING_SURVIVORS,
	DURING_ANSWERS, /* shares that open the sum */
	DURING_UNMASKING, /* masks are taken off the sum */
	DURING_FETCHING, /* site: the round's model, or the roster */
	DURING_COMPUTING, /* site */
	DURING_PERSISTING, /* site: the contribution is made final */
	DURING_RECORDING, /* site, under masks, as the next five: the record of its secrets is written */
	DURING_AT_KEYS, /* it sends its keys */
	DURING_AT_SHARES, /* it waits for keys, then sends shares */
	DURING_AT_INPUT, /* it waits for shares, then masks */
	DURING_AT_SURVIVORS, /* it waits for the survivors, then signs */
	DURING_AT_OPENING, /* it waits for signatures, then opens */
	DURING_SENDING, /* site */
	DURING_ACKNOWLEDGED, /* site: it has sent or refused, and waits for the round's end */
	DURING_BETWEEN, /* coordinator: it waits before another attempt; site: it waits for a round */
	DURING_OVER, /* the study has ended, and not everybody has heard of it */
	DURING_COUNT
};

const char *side_name(enum side s); /* "coordinator" */
const char *fault_name(enum fault f); /* "loss" */
const char *during_name(enum during d); /* "joining" */

bool during_is_of(enum during d, enum side s); /* is that side ever at it? */

/* Why this cell cannot occur; NULL: it can. */
const char *disturbance_impossible(enum fault f, enum side s, enum during d);

struct disturbances { /* how often each came to pass */
	uint64_t count[FAULT_COUNT][SIDE_COUNT][DURING_COUNT];
};

void disturbances_add(struct disturbances *to, const struct disturbances *from);

#endif
