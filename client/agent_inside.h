/*
 * What the parts of the agent share: client/agent.c (begin, turns, end), client/agent_seats.c (members), client/agent_tell.c (rejections)
 * and client/agent_answer.c (commands). No other file includes this.
 */
#ifndef COHORT_CLIENT_AGENT_INSIDE_H
#define COHORT_CLIENT_AGENT_INSIDE_H

#include "base/pool.h"
#include "client/agent.h"
#include "client/member.h"
#include "net/server.h"

#include <pthread.h>

#define AGENT_STATUS_SIZE 400 /* systemd shows about as much */

/* GONE: swept by the look that sees it. */
enum seat_state { SEAT_RUNNING, SEAT_LEAVING, SEAT_OVER, SEAT_GONE };

struct seat {
	struct approval approval;
	enum seat_state state;
	struct member *member; /* NULL when it is over or gone; the pool's while it leaves */
	struct diag trouble; /* why it could not begin */
	struct seat *next;
};

struct agent {
	const struct client_config *config;
	int lock;
	struct ledger *ledger;
	struct loop *loop;
	struct server *server;
	struct loop_timer *tick;
	int64_t tick_ms;
	char boot_id[MEMBER_BOOT_ID_SIZE];
	struct pool *leaving; /* joins the threads of members that end */
	struct pool *telling; /* one rejection at a time, with `teller` */
	struct requester *teller;
	bool is_telling;
	int64_t tell_again_ms; /* after a failure: not before */
	struct seat *seats; /* the loop's thread alone */
	struct diag trouble; /* of the approvals' files, as it was last said */
	char status[AGENT_STATUS_SIZE]; /* as systemd was last told */
	pthread_mutex_t mutex; /* of the two below */
	enum err outcome; /* why it must end; OK: it need not */
	struct diag why;
};

void agent_must_stop(void *agent, enum err e, const char *why); /* member_config.stop */

void agent_look(struct agent *a); /* approvals to seats */
void agent_stop_members(struct agent *a);
void agent_tell_rejections(struct agent *a);
void agent_answer(void *agent, struct exchange *x); /* server_handler.request */

#endif
