/*
 * Requests that wait for something to happen in their study: polls for a message, uploads for their commit. Each study has one
 * list; an exchange finds its entry by exchange.owner.
 */
#ifndef COHORT_COORDINATOR_WAITING_H
#define COHORT_COORDINATOR_WAITING_H

#include "coordinator/enrolled.h"
#include "net/server.h"

enum waiting_kind { WAITING_POLL, WAITING_UPLOAD };

struct waiting {
	enum waiting_kind kind;
	struct exchange *x;
	uint32_t site;
	struct session_id session;
	/* poll */
	uint64_t after;
	bool approving;
	/* upload */
	uint64_t round, octets;
	uint32_t attempt;
	struct hash content;
	struct waiting **list, *previous, *next; /* the list's own */
};

/* Copies `w` into the list; w->x->owner is the copy from now on. */
void waiting_add(struct waiting **list, const struct waiting *w);

/* Takes it off its list and frees it: before its exchange is answered, or when that is gone. */
void waiting_end(struct waiting *w);

/* Of all polls in the list: those of `site` with another session than `session` are answered with 409. */
void waiting_supersede(struct waiting **list, uint32_t site, const struct session_id *session);

#endif
