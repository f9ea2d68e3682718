/*
 * A member: this hospital's part in one approved study while the agent runs. Two threads around one session:
 *
 *   poller    holds the inbox open; feeds what comes to the session
 *   worker    fetches the model, computes the contribution, masks it, sends it, talks the phases of a masked attempt; feeds the answers
 *
 * Both hold the member's mutex while they feed and drain the session, and never while they wait for the network or compute. A
 * PERSIST, of the contribution or of the masks' record, is carried out where it is drained, under the mutex, so nothing overtakes it. CANCEL stops the worker's request or
 * training; its answer carries an old number and is ignored.
 */
#ifndef COHORT_CLIENT_MEMBER_H
#define COHORT_CLIENT_MEMBER_H

#include "client/approval.h"
#include "client/config.h"
#include "client/ledger.h"

#define MEMBER_BOOT_ID_SIZE 33 /* 16 random bytes in hexadecimal, and a NUL */

struct member; /* opaque */

struct member_config {
	const struct client_config *client; /* borrowed, as the ledger */
	struct ledger *ledger;
	struct approval approval;
	char boot_id
		[MEMBER_BOOT_ID_SIZE]; /* one for all members of a process: the coordinator serves a site's newest */
	/* The whole process must end: the ledger's disk failed (ERR_IO), or another process of this hospital took over
	 * (ERR_REFUSED). Called from a thread of the member, which has stopped by itself; it must not call the member. */
	void (*stop)(void *context, enum err e, const char *why);
	void *context;
};

/* Loads the approved contract and the credentials and starts the threads. ERR_NOT_FOUND when the contract is not in the state
 * folder; those of request_open; of a contract that masks those of signer_open and masks_file_open. */
enum err member_start(struct member **out, const struct member_config *config, struct diag *why) MUST_USE;

struct member_view {
	bool over; /* the study has ended, or the contract was replaced: nothing more will come, the threads have ended */
	const char *doing; /* "connecting", or the session's state in words */
	uint64_t round; /* of the round in hand; 0: none yet */
	uint32_t attempt, step;
	struct diag trouble; /* why the coordinator cannot be asked just now; empty while it can */
};

void member_look(struct member *m, struct member_view *out);

/* Cancels what is under way and joins the threads: milliseconds, but for a file of rows that is being read. Accepts NULL. */
void member_stop(struct member *m);

/* The same for good, the study was rejected here: first the masks' record is closed, so no key or share stays on the disk. */
void member_leave(struct member *m);

#endif
