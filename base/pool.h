/*
 * A pool of worker threads for long or durable work (hashing, fsync, sums, training), so that the loop never
 * waits. Jobs start in the order of submission, each once. A finished job's `done` runs in the thread that calls
 * pool_collect, which is the loop's: so only the loop touches shared state and no lock is needed there.
 */
#ifndef COHORT_BASE_POOL_H
#define COHORT_BASE_POOL_H

#include "base/err.h"

struct pool;

struct job {
	void (*run)(void *context); /* in a worker */
	void (*done)(void *context); /* in pool_collect; may be NULL; may submit again */
	void *context; /* owned by the caller, valid until done has run */
};

/* `wake` (may be NULL) is called from a worker after each finished job, until pool_free returns: write to an eventfd
 * there. Workers block all signals that come from outside. ERR_AGAIN when the system gives no more threads. */
enum err pool_new(struct pool **out, unsigned workers, void (*wake)(void *context), void *wake_context) MUST_USE;
void pool_submit(struct pool *p, struct job job); /* from any thread; queue grows as needed; copies `job` */
/* The next three only from one thread, the collecting one, and not inside a `done`. */
unsigned pool_collect(struct pool *p); /* runs the `done` of the jobs finished by now; how many */
void pool_wait(struct pool *p); /* blocks until all submitted jobs ran and were collected */
void pool_free(struct pool *p); /* waits first; accepts NULL */

#endif
