/*
 * The pool.
 *
 *   submit -> [ waiting ] -> worker: run -> [ finished ] -> collect: done
 *                                       \-> wake()
 *
 * One lock guards both queues and the count of jobs on their way. No callback runs under it, so `run`, `done` and `wake`
 * may submit.
 */
#include "base/pool.h"

#include "base/queue.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work; /* a job waits, or the pool closes */
	pthread_cond_t result; /* a job finished */
	struct queue waiting, finished; /* of struct job */
	size_t open; /* submitted and not yet collected */
	bool closing;
	void (*wake)(void *context);
	void *wake_context;
	unsigned workers;
	pthread_t threads[];
};

static void *worker(void *argument)
{
	struct pool *p = argument;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->waiting.count == 0 && !p->closing)
			pthread_cond_wait(&p->work, &p->lock);
		if (p->waiting.count == 0)
			break;
		struct job job;
		queue_pop(&p->waiting, &job);
		pthread_mutex_unlock(&p->lock);
		job.run(job.context);
		pthread_mutex_lock(&p->lock);
		queue_push(&p->finished, &job);
		pthread_cond_signal(&p->result);
		pthread_mutex_unlock(&p->lock);
		if (p->wake)
			p->wake(p->wake_context);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Starts the workers with signals blocked: SIGTERM and its like belong to the loop's thread. Faults stay deliverable. */
static enum err start(struct pool *p, unsigned workers)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
	sigset_t blocked, before;
	enum err e = OK;

	sigfillset(&blocked);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		sigdelset(&blocked, faults[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	while (p->workers < workers && !e) {
		if (pthread_create(&p->threads[p->workers], NULL, worker, p) == 0)
			p->workers++;
		else
			e = ERR_AGAIN;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return e;
}

enum err pool_new(struct pool **out, unsigned workers, void (*wake)(void *context), void *wake_context)
{
	CHECK(workers > 0);
	struct pool *p = mem_alloc(sizeof *p + workers * sizeof p->threads[0]);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->result, NULL);
	queue_init(&p->waiting, sizeof(struct job));
	queue_init(&p->finished, sizeof(struct job));
	p->wake = wake;
	p->wake_context = wake_context;
	enum err e = start(p, workers);
	if (e) {
		pool_free(p);
		p = NULL;
	}
	*out = p;
	return e;
}

void pool_submit(struct pool *p, struct job job)
{
	pthread_mutex_lock(&p->lock);
	queue_push(&p->waiting, &job);
	p->open++;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

unsigned pool_collect(struct pool *p)
{
	unsigned collected = 0;

	pthread_mutex_lock(&p->lock);
	/* Counted first: a `done` that submits again must not keep this loop turning for ever. */
	for (size_t left = p->finished.count; left > 0; left--) {
		struct job job;
		queue_pop(&p->finished, &job);
		pthread_mutex_unlock(&p->lock);
		if (job.done)
			job.done(job.context);
		collected++;
		pthread_mutex_lock(&p->lock);
		p->open--;
	}
	pthread_mutex_unlock(&p->lock);
	return collected;
}

void pool_wait(struct pool *p)
{
	for (;;) {
		pool_collect(p);
		pthread_mutex_lock(&p->lock);
		while (p->open > 0 && p->finished.count == 0)
			pthread_cond_wait(&p->result, &p->lock);
		bool empty = p->open == 0;
		pthread_mutex_unlock(&p->lock);
		if (empty)
			return;
	}
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pool_wait(p);
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->workers; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->result);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	queue_free(&p->waiting);
	queue_free(&p->finished);
	free(p);
}
