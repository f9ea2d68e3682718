/*
 * What the threads of a member share: client/member.c (birth, end, draining), client/member_poll.c, client/member_work.c, and
 * client/member_masks.c (what only masked rounds need of each). No other file includes this.
 *
 *   session --drain--> next --take--> the worker's own copy --do--> answer --feed--> session
 *
 * `next` is the one job that the session awaits. It is a copy of all that the job needs, for the session goes on while the worker is
 * still busy with the job before.
 */
#ifndef COHORT_CLIENT_MEMBER_INSIDE_H
#define COHORT_CLIENT_MEMBER_INSIDE_H

#include "client/extract.h"
#include "client/masks_file.h"
#include "client/member.h"
#include "client/signer.h"
#include "client/wire.h"

#include <pthread.h>

struct member_job {
	struct session_action action; /* what the worker does: all but POLL, both PERSIST, CANCEL, DISCARD and LEAVE */
	struct round_plan plan;
	struct release_record content; /* SEND: what is sent; MASK: v */
	char mark[LEDGER_MARK_TEXT_SIZE]; /* SEND: of the ledger, with that entry; "": not said */

	/* under masks */
	bool masked; /* SEND: y with `signature`, and not v */
	uint8_t signature[KEYS_SIGNATURE_SIZE];
	struct secret masks; /* MASK: `mask_count` of struct mask */
	uint32_t mask_count, words, bits; /* MASK */
	uint32_t sites; /* LISTEN: of the attempt */
	struct buf said; /* SAY */
};

/* What a job gave. */
struct member_answer {
	enum refusal refusal;
	struct hash content; /* COMPUTE: of v; MASK: of y */
	enum sent sent;
	enum masks_reply reply;
	struct buf heard; /* LISTEN */
	struct roster roster; /* ROSTER */
	bool cancelled;
	bool trouble; /* a person should read `why` */
	struct diag why; /* of tries that failed, too, before one that did not */
};

struct member {
	struct member_config config;
	struct study study;
	struct requester *polls, *works; /* the poller's, the worker's */
	pthread_t poller, worker;
	bool poller_runs, worker_runs;

	/* the worker's alone */
	struct extract extract;
	struct contributor contributor; /* of the extract's rows */
	struct round_plan ahead; /* idle: draw the noise of a round like this; no sites: none */

	struct signer signer; /* when member_signs; called by the session, so with the mutex */
	struct masks_file *masks; /* NULL: the contract does not mask. With the mutex */

	pthread_mutex_t mutex; /* of all below, but for `cancel` */
	pthread_cond_t job_is_there;
	struct session *session; /* NULL until our number in the roster is known */
	struct budget budget; /* the ledger's, as of the last event fed to the session */
	struct member_job next;
	bool has_next;
	bool next_is_bare; /* while draining: plan and content are not copied yet */
	bool refusing; /* the worker is busy telling a refusal */
	bool stopping, over;
	struct diag trouble; /* of the last poll */
	enum standing_verdict standing; /* of the ledger, as it was last said */
	struct diag alarm; /* its words; empty while it is good */
	struct buf staged; /* the computed contribution until it is final; filled by the worker, without the mutex, only
	                      while the session awaits it */
	struct contribution_report own;
	atomic_bool cancel; /* read while training, without the mutex */
};

/* Before an event is fed: what all studies of this hospital have spent by now. Under the mutex. */
void member_look_at_budget(struct member *m);

/* Carries out what the session wants. Under the mutex. */
void member_drain(struct member *m);

/* The study is over for this hospital: the attempt in hand is given up, its record closed. Under the mutex. */
void member_abandon(struct member *m);

/* The process must end; both threads go home. Under the mutex. */
void member_give_up(struct member *m, enum err e, const char *why);

/* Whether the roster may be believed: its version, and our own entry, whose number is given. Says an alarm. */
enum err member_judge_roster(struct member *m, const struct roster *roster, uint32_t *number,
                             struct diag *why) MUST_USE;

void *member_poll_main(void *member); /* the threads */
void *member_work_main(void *member);

/* ---- member_masks.c */
static inline bool member_is_masked(const struct member *m)
{
	return m->study.sites.masking != MASKING_OFF;
}

/* Studies that spend of a budget say where the ledger stands, and masked ones have the key at hand. */
static inline bool member_signs(const struct member *m)
{
	return member_is_masked(m) || m->study.privacy.mechanism != PRIVACY_NONE;
}

/* The file of the masks' record: before the threads begin. */
enum err member_open_masks(struct member *m, struct diag *why) MUST_USE;
void member_close_masks(struct member *m);

void member_persist_masks(struct member *m); /* under the mutex, as the next three */
void member_say_leaving(const struct member *m, bool alarm);
void member_complete_masks(struct member *m, struct member_job *job); /* copies what the job needs */
void member_feed_masks(struct member *m, const struct session_action *job, const struct member_answer *a);

/* The worker's, without it; false: no job of a masked round's own. */
bool member_do_masks(struct member *m, const struct member_job *job, struct member_answer *out);
void member_job_free(struct member_job *job); /* wipes; accepts a zeroed one */
void member_answer_free(struct member_answer *a);

#endif
