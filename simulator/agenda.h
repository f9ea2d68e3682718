/*
 * The agenda of a simulated world: what happens when, on virtual time. A binary heap; of two things at the same moment the
 * one that was noted down first happens first, so a run depends on its seed alone.
 */
#ifndef COHORT_SIMULATOR_AGENDA_H
#define COHORT_SIMULATOR_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct letter;

enum event_kind {
	EVENT_LETTER, /* `letter` arrives */
	EVENT_TURN, /* the coordinator's loop turns */
	EVENT_JOB, /* job `number` of `who` ends */
	EVENT_SILENCE, /* request `number` of `who` gets no answer: its connection broke, or it took too long */
	EVENT_RETRY, /* lane `number` of `who` asks once more */
	EVENT_HOLD, /* the coordinator has held request `number` long enough */
	EVENT_START, /* the program of `who` starts again */
	EVENT_LEAVE, /* `who` tells that it withdraws */
	EVENT_PUT_BACK, /* `who` gets its newest state back, whichever it was set back to */
	EVENT_CUT, /* sites lose their line */
	EVENT_CLOCK, /* a wall clock jumps */
	EVENT_CALM, /* from here on nothing is disturbed any more */
	EVENT_KIND_COUNT
};

struct event {
	int64_t at_ms;
	uint64_t order; /* set by agenda_add */
	enum event_kind kind;
	uint32_t who;
	uint32_t boot; /* of the program that it is for: one that has died meanwhile does not hear of it */
	uint64_t number;
	struct letter *letter; /* owned, until it is taken */
};

struct agenda {
	struct event *items; /* a heap; owned */
	size_t count, room;
	uint64_t order;
};

void agenda_free(struct agenda *a); /* not the letters; accepts a zeroed one */
void agenda_add(struct agenda *a, const struct event *e);
bool agenda_take(struct agenda *a, struct event *out); /* the earliest; false when empty */

#endif
