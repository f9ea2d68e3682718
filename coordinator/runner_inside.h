/* What the files of the runner share: runner.c (actions), runner_jobs.c (work in the pool), runner_masked.c (sums under masks),
 * runner_requests.c (polls and parts), runner_phases.c (messages of masked attempts). Nobody else includes this. */
#ifndef COHORT_COORDINATOR_RUNNER_INSIDE_H
#define COHORT_COORDINATOR_RUNNER_INSIDE_H

#include "coordinator/aggregate.h"
#include "coordinator/masked_sum.h"
#include "coordinator/runner.h"

#include <stdatomic.h>

/* One group's sum, and what is under way with it. */
struct masked_group {
	struct masked_sum *sum;
	uint32_t slices, next; /* to be taken off it; 0 until CAMPAIGN_UNMASK */
	uint32_t in_flight;
	enum err failed; /* a slice's masks cannot be had: those in flight are waited for */
	struct diag why;
	uint32_t survivors; /* masked_work_close: how many vectors the sum is of */
};

/* The sums of one masked attempt. Each job that works on them is an owner beside the runner, counted in the loop's thread, so an
 * attempt may end and another begin while jobs are still on their way out. */
struct masked_work {
	uint32_t owners;
	atomic_bool over; /* the attempt is: jobs look at it between pieces */
	struct layout layout;
	uint32_t in_flight; /* slices in the pool */
	uint32_t group_count;
	struct masked_group *groups;
	struct summands summands; /* masked_work_close: the sums of the groups that came through */
	uint32_t *done; /* [summands.count]: which ones */
};

struct runner {
	struct course *course;
	struct office *office;
	struct pool *pool;
	int64_t study_id; /* of the revision at work: another one in the course means that it was replaced */
	struct waiting *waiting;
	struct staging *staging; /* of the open attempt; NULL: none is open */
	struct queue to_sync, to_add; /* site numbers */
	struct queue rows; /* struct row_waiting of the masked attempt, in the order in which they are to be written */
	bool syncing, adding, computing; /* a job of that kind is in the pool */
	bool begin_again; /* the sum is to be emptied when the job that adds is done: it belongs to an attempt that is over */
	bool compute; /* as soon as nothing is added any more */
	struct aggregate sum;
	struct masked_work *masked; /* NULL: no masked attempt is open */
	uint64_t told; /* octets that sites were told of masked attempts in this second */
};

/* A row that waits for those before it, and when it is a site's input (`vector`) for a sync of the staged vectors. */
struct row_waiting {
	struct course_row row;
	bool vector;
};

/* Starts what waits, one job of each kind at a time. */
void runner_start_jobs(struct runner *r);

/* Whether statistics, of one site or a sum, can be those of rows. OK without any. ERR_PEER_MESSAGE. */
enum err runner_judge_statistics(const struct aggregate *sum, const struct study *study, struct diag *why) MUST_USE;

/* Answers the polls that have a message. */
void runner_wake(struct runner *r);

/* ---- runner_masked.c */

void runner_begin_masked(struct runner *r); /* sums for the groups of the open attempt */
void runner_end_masked(struct runner *r); /* jobs in flight end by themselves; accepts that there is none */
void runner_unmask(struct runner *r, uint32_t group); /* its slices are to be taken off */
void runner_start_slices(struct runner *r);
struct masked_work *masked_work_retain(struct masked_work *w);

/* The round has closed: its sums are ready for the job that computes, which becomes an owner. masked_work_finish, in any thread, adds
 * them up; they are the sum's summands as long as that owner is there. ERR_DATA when they are garbage, by their check words or because no rows have such statistics. */
struct masked_work *masked_work_close(struct masked_work *w, const struct round *round);
enum err masked_work_finish(const struct masked_work *w, struct aggregate *out, const struct study *study,
                            struct diag *why) MUST_USE;
void masked_work_release(struct masked_work *w); /* the last owner wipes and frees; accepts NULL */

/* ---- runner_phases.c */

void runner_tell(struct runner *r); /* sites that listen are answered, as far as there is something to say */
void runner_tell_on(struct runner *r); /* a second is over: those for whom it was too much at once */
void runner_messages_told(struct runner *r); /* messages whose rows are durable now, or never will be, are answered */

#endif
