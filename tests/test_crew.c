/*
 * The crew does each item exactly once and returns when all are done, whatever the number of workers and items, over and over.
 */
#include "simulator/crew.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ITEMS_MAX 1000

struct tally {
	uint32_t workers;
	uint32_t times[ITEMS_MAX]; /* plain: an item is one worker's, and the end of crew_run makes it visible */
	atomic_bool wrong_worker;
	atomic_bool busy[CREW_MAX]; /* a worker has one item at a time: its number is its own */
};

static void count(void *context, uint32_t worker, uint32_t item)
{
	struct tally *t = context;

	if (worker >= t->workers || atomic_exchange(&t->busy[worker], true))
		atomic_store(&t->wrong_worker, true);
	t->times[item]++;
	atomic_store(&t->busy[worker], false);
}

static struct crew *crew_of(uint32_t workers)
{
	struct crew *c;
	struct diag why = {{0}};

	if (crew_new(&c, workers, &why) != OK)
		fail_msg("%s", why.text);
	assert_int_equal(crew_size(c), workers);
	return c;
}

static void assert_each_once(struct crew *c, uint32_t items, struct tally *t)
{
	memset(t->times, 0, sizeof t->times);
	crew_run(c, items, count, t);
	for (uint32_t i = 0; i < ITEMS_MAX; i++)
		if (t->times[i] != (i < items))
			fail_msg("item %u of %u was done %u times", i, items, t->times[i]);
	assert_false(atomic_load(&t->wrong_worker));
}

static void test_every_item_once(void **state)
{
	static const uint32_t workers[] = {1, 2, 3, 8, 40}, items[] = {0, 1, 2, 3, 7, 39, 40, 41, ITEMS_MAX};

	(void)state;
	for (size_t w = 0; w < sizeof workers / sizeof workers[0]; w++) {
		struct tally t = {.workers = workers[w]};
		struct crew *c = crew_of(workers[w]);

		for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
			assert_each_once(c, items[i], &t);
		crew_free(c);
	}
}

/* As a run has them: thousands of short rounds, of few sites or many, by turns. */
static void test_thousands_of_rounds(void **state)
{
	struct tally t = {.workers = 4};
	struct crew *c = crew_of(4);

	(void)state;
	for (uint32_t round = 0; round < 5000; round++)
		assert_each_once(c, round % 9, &t);
	crew_free(c);
}

/* A worker sleeps after a while without work; the next work wakes it, and the end comes even when nobody looks for it any more. */
static void sleep_a_little(void *context, uint32_t worker, uint32_t item)
{
	count(context, worker, item);
	usleep(2000);
}

static void test_sleepers_wake(void **state)
{
	struct tally t = {.workers = 3};
	struct crew *c = crew_of(3);

	(void)state;
	for (int round = 0; round < 10; round++) {
		usleep(3000);
		memset(t.times, 0, sizeof t.times);
		crew_run(c, 5, sleep_a_little, &t);
		for (uint32_t i = 0; i < 5; i++)
			assert_int_equal(t.times[i], 1);
	}
	assert_false(atomic_load(&t.wrong_worker));
	crew_free(c);
}

static void test_never_used(void **state)
{
	(void)state;
	crew_free(crew_of(5));
	crew_free(NULL);
}

/* Every item waits until all workers hold one: they do work at the same time. */
static void meet(void *context, uint32_t worker, uint32_t item)
{
	(void)worker, (void)item;
	pthread_barrier_wait(context);
}

static void test_together(void **state)
{
	struct crew *c = crew_of(4);
	pthread_barrier_t all;

	(void)state;
	pthread_barrier_init(&all, NULL, 4);
	crew_run(c, 4, meet, &all);
	pthread_barrier_destroy(&all);
	crew_free(c);
}

/* Signals are the caller's: a handler never runs in a worker, whose stack and locks know nothing of it. */
struct watch {
	pthread_barrier_t all; /* so that each worker has one item */
	atomic_bool open[4]; /* to SIGINT or SIGTERM, by worker */
};

static void look_at_signals(void *context, uint32_t worker, uint32_t item)
{
	struct watch *w = context;
	sigset_t mask;

	(void)item;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	atomic_store(&w->open[worker], !sigismember(&mask, SIGINT) || !sigismember(&mask, SIGTERM));
	pthread_barrier_wait(&w->all);
}

static void test_signals_are_the_caller_s(void **state)
{
	struct watch w = {.open = {false}};
	struct crew *c = crew_of(4);

	(void)state;
	pthread_barrier_init(&w.all, NULL, 4);
	crew_run(c, 4, look_at_signals, &w);
	pthread_barrier_destroy(&w.all);
	for (int worker = 0; worker < 4; worker++)
		assert_true(atomic_load(&w.open[worker]) == (worker == 0));
	crew_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_item_once), cmocka_unit_test(test_thousands_of_rounds),
		cmocka_unit_test(test_sleepers_wake),   cmocka_unit_test(test_never_used),
		cmocka_unit_test(test_together),        cmocka_unit_test(test_signals_are_the_caller_s),
	};

	alarm(120); /* a crew that waits for ever would have make wait, too */
	return cmocka_run_group_tests_name("crew", tests, NULL, NULL);
}
