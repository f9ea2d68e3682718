/*
 * A member: this hospital's part in one approved study while the agent runs. Two threads around one session:
 *
 *   poller    holds the inbox open; feeds what comes to the session
 *   worker    fetches the model, computes the contribution, sends it; feeds the answers
 *
 * Both hold the member's mutex while they feed and drain the session, and never while they wait for the network or compute. A
 * PERSIST is carried out where it is drained, under the mutex, so nothing overtakes it. CANCEL stops the worker's request or
 * training; its answer carries an old number and is ignored.
 */
#ifndef COHORT_CLIENT_MEMBER_H
#define COHORT_CLIENT_MEMBER_H

#include "client/approval.h"
#include "client/config.h"
#include "client/ledger.h"

struct member; /* opaque */

struct member_config {
	const struct client_config *client; /* borrowed, as the ledger */
	struct ledger *ledger;
	struct approval approval;
	void (*fatal)(void *context,
	              const char *why); /* the ledger's disk failed: the process must end; called at most once */
	void *context;
};

/* Loads the approved contract and starts the threads. ERR_NOT_FOUND when the contract is not in the state folder. */
enum err member_start(struct member **out, const struct member_config *config, struct diag *why) MUST_USE;

/* True when the study has ended, the contract was replaced, or another process of this hospital took over: nothing more will come. */
bool member_is_over(struct member *m);

const struct hash *member_study_hash(const struct member *m);

/* Cancels what is under way and joins the threads. Accepts NULL. */
void member_stop(struct member *m);

#endif
