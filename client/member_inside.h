/*
 * What the threads of a member share: client/member.c (birth, end, draining), client/member_poll.c and client/member_work.c. No other
 * file includes this.
 *
 *   session --drain--> next --take--> the worker's own copy --do--> answer --feed--> session
 *
 * `next` is the one job that the session awaits. It is a copy of all that the job needs, for the session goes on while the worker is
 * still busy with the job before.
 */
#ifndef COHORT_CLIENT_MEMBER_INSIDE_H
#define COHORT_CLIENT_MEMBER_INSIDE_H

#include "client/extract.h"
#include "client/member.h"
#include "client/wire.h"

#include <pthread.h>

struct member_job {
	struct session_action action; /* FETCH, COMPUTE, SEND, REFUSE or END */
	struct round_plan plan;
	struct release_record content; /* SEND */
};

struct member {
	struct member_config config;
	struct study study;
	struct requester *polls, *works; /* the poller's, the worker's */
	pthread_t poller, worker;
	bool poller_runs, worker_runs;

	/* the worker's alone */
	struct extract extract;
	struct contributor contributor;
	bool contributing; /* contributor is set up for the extract's rows */

	pthread_mutex_t mutex; /* of all below, but for `cancel` */
	pthread_cond_t job_is_there;
	struct session *session; /* NULL until our number in the roster is known */
	struct member_job next;
	bool has_next;
	bool next_is_bare; /* while draining: plan and content are not copied yet */
	bool refusing; /* the worker is busy telling a refusal */
	bool stopping, over;
	struct diag trouble; /* of the last poll */
	struct buf staged; /* the computed contribution until it is final; filled by the worker, without the mutex, only
	                      while the session awaits it */
	struct contribution_report own;
	atomic_bool cancel; /* read while training, without the mutex */
};

/* Carries out what the session wants. Under the mutex. */
void member_drain(struct member *m);

/* The process must end; both threads go home. Under the mutex. */
void member_give_up(struct member *m, enum err e, const char *why);

void *member_poll_main(void *member); /* the threads */
void *member_work_main(void *member);

#endif
