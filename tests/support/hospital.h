/*
 * A hospital that speaks the protocol, step by step as a test wants it, with the contribution that the real client would compute;
 * and the number of requests that it has made.
 */
#ifndef COHORT_TESTS_SUPPORT_HOSPITAL_H
#define COHORT_TESTS_SUPPORT_HOSPITAL_H

#include "client/contribution.h"
#include "protocol/inbox.h"
#include "tests/support/coordinating.h"

struct hospital {
	struct caller caller;
	struct study study; /* the contract, as fetched */
	char hash[HASH_HEX_SIZE];
	char name[16];
	struct table table;
	struct contributor contributor;
	uint64_t seq; /* seen */
	bool has_round, over;
	struct message round; /* the open one */
	struct message closed, finished; /* the newest; seq 0: none */
	struct buf contribution;
	struct hash content;
	unsigned requests;
};

/* Site `site` (0, 1, ...) of the coordinator; fetches the contract of the study "small". */
void hospital_open(struct hospital *h, struct coordinating *c, uint32_t site);
void hospital_close(struct hospital *h); /* accepts a zeroed one */
void hospital_reconnect(struct hospital *h, struct coordinating *c, uint32_t site); /* after a restart */

/* An approving poll; takes the messages in (200 and 410). The status. */
unsigned hospital_poll(struct hospital *h, unsigned wait_s);

/* Fetches the round's model and computes the contribution. */
void hospital_compute(struct hospital *h);

/* Octets offset .. offset + n of the contribution; the status. */
unsigned hospital_part(struct hospital *h, size_t offset, size_t n);
unsigned hospital_upload(struct hospital *h); /* in one part */
bool hospital_accepted(const struct hospital *h); /* the last answer was {"accepted": true} */
int64_t hospital_offset(const struct hospital *h); /* of {"offset": N}; -1 for anything else */

/* Plays all of a study, everybody in turn, until it is over. */
void hospital_play(struct hospital *h, uint32_t count);

#endif
