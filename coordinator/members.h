/*
 * The members of a study: what each site has answered to its contract.
 */
#ifndef COHORT_COORDINATOR_MEMBERS_H
#define COHORT_COORDINATOR_MEMBERS_H

#include "protocol/message.h"

struct member {
	uint32_t site;
	enum site_answer answer;
	bool revoked; /* its certificate, or it left the roster: not stored, since both say it again after a restart */
};

struct members {
	struct member *items; /* ascending by site; owned */
	uint32_t count, room;
	uint32_t *approved; /* those who approve and are not revoked, ascending; room for `room`; owned */
	uint32_t approved_count;
};

void members_free(struct members *m); /* accepts a zeroed one */

struct member *members_find(const struct members *m, uint32_t site); /* NULL: has not answered */

/* Notes the answer, which also ends a revocation. True when it differs from the one before, or ended one. */
bool members_answer(struct members *m, uint32_t site, enum site_answer answer);

/* Marks a revocation. True when that is new. */
bool members_revoke(struct members *m, uint32_t site);

uint32_t members_approved_count(const struct members *m);
const uint32_t *members_approved(const struct members *m, uint32_t *count); /* ascending; borrowed until a change */

#endif
