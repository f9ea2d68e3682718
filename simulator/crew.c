/*
 * Work is announced by a generation number under a mutex. A worker that has just finished looks for the next work for a moment before
 * it sleeps: rounds follow each other within microseconds, and waking a thread takes as long as several sites.
 */
#include "simulator/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#define LOOKS 20000 /* at the generation number before sleeping: some 20 microseconds */

struct work {
	void (*one)(void *context, uint32_t worker, uint32_t item);
	void *context;
	uint32_t items;
};

struct crew {
	uint32_t size;
	pthread_t threads[CREW_MAX];
	pthread_mutex_t mutex;
	pthread_cond_t begun, ended;
	struct work work; /* of this generation */
	atomic_uint generation;
	atomic_uint next; /* item */
	atomic_uint busy; /* workers that have not finished this generation */
	atomic_uint numbers; /* handed out to threads */
	bool over;
};

static void work_through(struct crew *c, uint32_t worker)
{
	uint32_t item;

	while ((item = atomic_fetch_add_explicit(&c->next, 1, memory_order_relaxed)) < c->work.items)
		c->work.one(c->work.context, worker, item);
}

static void await_work(struct crew *c, unsigned seen)
{
	for (int i = 0; i < LOOKS; i++)
		if (atomic_load_explicit(&c->generation, memory_order_acquire) != seen)
			return;
	pthread_mutex_lock(&c->mutex);
	while (atomic_load(&c->generation) == seen)
		pthread_cond_wait(&c->begun, &c->mutex);
	pthread_mutex_unlock(&c->mutex);
}

static void *worker_main(void *context)
{
	struct crew *c = context;
	uint32_t worker = atomic_fetch_add(&c->numbers, 1);

	for (unsigned seen = 0;; seen++) {
		await_work(c, seen);
		if (c->over)
			return NULL;
		work_through(c, worker);
		pthread_mutex_lock(&c->mutex);
		if (atomic_fetch_sub(&c->busy, 1) == 1)
			pthread_cond_signal(&c->ended);
		pthread_mutex_unlock(&c->mutex);
	}
}

enum err crew_new(struct crew **out, uint32_t workers, struct diag *why)
{
	struct crew *c = mem_alloc(sizeof *c);
	sigset_t all, before;
	int failed = 0;

	CHECK(workers >= 1 && workers <= CREW_MAX);
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->begun, NULL);
	pthread_cond_init(&c->ended, NULL);
	atomic_init(&c->numbers, 1); /* the caller is 0 */
	sigfillset(&all); /* signals are for the caller */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (c->size = 1; c->size < workers && !failed; c->size += !failed)
		failed = pthread_create(&c->threads[c->size], NULL, worker_main, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	*out = c;
	if (!failed)
		return OK;
	diag_set(why, ERR_AGAIN, "the system gives no thread beside %u others; use fewer (--threads)", c->size);
	crew_free(c);
	*out = NULL;
	return ERR_AGAIN;
}

static void begin(struct crew *c)
{
	pthread_mutex_lock(&c->mutex);
	atomic_store(&c->next, 0);
	atomic_store(&c->busy, c->size - 1);
	atomic_fetch_add_explicit(&c->generation, 1, memory_order_release);
	pthread_cond_broadcast(&c->begun);
	pthread_mutex_unlock(&c->mutex);
}

void crew_free(struct crew *c)
{
	if (c == NULL)
		return;
	c->over = true;
	begin(c);
	for (uint32_t i = 1; i < c->size; i++)
		pthread_join(c->threads[i], NULL);
	pthread_cond_destroy(&c->begun);
	pthread_cond_destroy(&c->ended);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}

uint32_t crew_size(const struct crew *c)
{
	return c->size;
}

void crew_run(struct crew *c, uint32_t items, void (*one)(void *context, uint32_t worker, uint32_t item), void *context)
{
	c->work = (struct work){one, context, items};
	if (c->size == 1 || items <= 1) {
		for (uint32_t i = 0; i < items; i++)
			one(context, 0, i);
		return;
	}
	begin(c);
	work_through(c, 0);
	for (int i = 0; i < LOOKS && atomic_load(&c->busy) > 0; i++)
		;
	pthread_mutex_lock(&c->mutex);
	while (atomic_load(&c->busy) > 0)
		pthread_cond_wait(&c->ended, &c->mutex);
	pthread_mutex_unlock(&c->mutex);
}
