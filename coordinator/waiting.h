/*
 * Requests that wait for something to happen in their study: polls for a message, uploads and messages of masked attempts for their
 * commit, sites that listen for the next phase. Each study has one list; an exchange finds its entry by exchange.owner.
 */
#ifndef COHORT_COORDINATOR_WAITING_H
#define COHORT_COORDINATOR_WAITING_H

#include "coordinator/enrolled.h"
#include "crypto/secagg.h"
#include "net/server.h"

enum waiting_kind { WAITING_POLL, WAITING_UPLOAD, WAITING_MESSAGE, WAITING_PHASE };

struct waiting {
	enum waiting_kind kind;
	struct exchange *x;
	uint32_t site;
	struct session_id session;
	/* poll */
	uint64_t after;
	bool approving;
	/* all others */
	uint64_t round;
	uint32_t attempt;
	/* upload */
	uint64_t octets;
	struct hash content;
	/* message, phase: which one was sent, or is listened for */
	enum secagg_phase phase;
	struct waiting **list, *previous, *next; /* the list's own */
};

/* Copies `w` into the list; w->x->owner is the copy from now on. */
void waiting_add(struct waiting **list, const struct waiting *w);

/* Takes it off its list and frees it: before its exchange is answered, or when that is gone. */
void waiting_end(struct waiting *w);

/* Of all in the list: those of `site` with another session than `session` are answered with 409. */
void waiting_supersede(struct waiting **list, uint32_t site, const struct session_id *session);

#endif
