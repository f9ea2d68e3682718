/* What the files of the runner share: runner.c (actions), runner_jobs.c (work in the pool), runner_requests.c (polls and
 * parts). Nobody else includes this. */
#ifndef COHORT_COORDINATOR_RUNNER_INSIDE_H
#define COHORT_COORDINATOR_RUNNER_INSIDE_H

#include "coordinator/aggregate.h"
#include "coordinator/runner.h"

struct runner {
	struct course *course;
	struct office *office;
	struct pool *pool;
	int64_t study_id; /* of the revision at work: another one in the course means that it was replaced */
	struct waiting *waiting;
	struct staging *staging; /* of the open attempt; NULL: none is open */
	struct queue to_sync, to_add; /* site numbers */
	bool syncing, adding, computing; /* a job of that kind is in the pool */
	bool begin_again; /* the sum is to be emptied when the job that adds is done: it belongs to an attempt that is over */
	bool compute; /* as soon as nothing is added any more */
	struct aggregate sum;
};

/* Starts what waits, one job of each kind at a time. */
void runner_start_jobs(struct runner *r);

/* Answers the polls that have a message. */
void runner_wake(struct runner *r);

#endif
