/*
 * The inside of a session, shared by session.c (birth, a round up to its release, looking), session_inbox.c (messages) and
 * session_masks.c (an attempt of secure aggregation), and by nobody else.
 */
#ifndef COHORT_CLIENT_SESSION_INSIDE_H
#define COHORT_CLIENT_SESSION_INSIDE_H

#include "base/secret.h"
#include "client/session.h"

struct session {
	struct session_config config;
	enum session_state state;
	struct release release;
	struct round_plan plan; /* of the round in hand; round 0: none yet */
	int64_t now_s; /* when it was told */
	struct standing standing; /* of the ledger */
	bool has_standing;
	struct message closed, finished;
	uint64_t seq; /* newest message seen */
	uint64_t work; /* number of the work in hand */
	struct diag why;
	struct queue actions;

	/* under masks */
	struct roster roster; /* a copy; version 0: none yet */
	struct masked_plan masked; /* of the attempt in hand */
	struct secagg_client *client; /* NULL: no part in an attempt */
	bool begun; /* its keys are on the disk, so they may have left: it can be left in silence, and not be refused */
	bool acknowledged; /* its y is durable at the coordinator */
	enum secagg_phase phase; /* of EXPECT_SAID and EXPECT_HEARD */
	struct secret record; /* the study's newest: as on the disk, or as it is about to be */
	bool persisting; /* PERSIST_MASKS waits for its answer */
};

static inline bool session_is_masked(const struct session *s)
{
	return s->config.study->sites.masking != MASKING_OFF;
}

void session_act(struct session *s, enum session_action_kind kind);
void session_begin_work(struct session *s, enum session_state state, enum session_action_kind kind);
struct release_terms session_terms(const struct session *s); /* the round in hand */
void session_refuse(struct session *s, enum refusal refusal);

/* The round told, which is not the one in hand; and the end of what is in hand, that it may make room. */
void session_begin_round(struct session *s, const struct round_plan *plan, int64_t now_s);
void session_give_up(struct session *s);

/* ---- session_masks.c */

/* The plan of the round in hand is judged: opens the attempt, or goes on with it after a restart. False: this site has no part in
 * it, which has been said. Nothing leaves yet. */
bool session_masks_open(struct session *s);
void session_masks_begin(struct session *s); /* v is final: the attempt begins */
void session_masks_drop(struct session *s); /* the attempt is over, or never began */
void session_masks_leave(struct session *s, bool alarm); /* silent from here on, for `s->why` */
void session_masks_sent(struct session *s, enum sent how);
void session_masks_again(struct session *s); /* a poll has told nothing new */

/* What is on record and not in hand is over: round and attempt, or a later one, have begun or ended. */
void session_masks_forget(struct session *s, uint64_t round, uint32_t attempt);

#endif
