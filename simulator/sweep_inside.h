/* What the parts of a sweep share. Private to the sweep*.c files. */
#ifndef COHORT_SIMULATOR_SWEEP_INSIDE_H
#define COHORT_SIMULATOR_SWEEP_INSIDE_H

#include "simulator/sweep.h"

/* sweep_child.c: `cohort-sim run` for one job, in a process group of its own, its stderr in a file. ERR_AGAIN: the system gives no
 * more processes. */
enum err sweep_start(const struct sweep *s, struct sweep_job *job, struct diag *why) MUST_USE;

/* Has it ended? Then its state and, after a failure, its reason are set. Never waits. */
bool sweep_has_ended(struct sweep_job *job);

/* sweep_past.c: is this job's run there already, complete and the same? */
bool sweep_is_there(const struct sweep *s, const struct sweep_job *job);

/* Removes what a run left in the job's folder, and the folder. ERR_CONFLICT when anything else is in it. */
enum err sweep_remove(const struct sweep *s, const struct sweep_job *job, struct diag *why) MUST_USE;

#endif
