/* base/pool: order, which thread runs what, waking, waiting, and that nothing is lost or run twice. Also for MODE=tsan. */
#include "base/pool.h"
#include "tests/support/child.h"
#include "tests/support/sanitized.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define JOBS_MAX 1000
#define PATIENCE_S 60 /* a test that hangs is ended by SIGALRM */

/* What the jobs of one test write down. Only `log` is shared between workers, so only it has a lock. */
struct record {
	pthread_mutex_t lock;
	int started[JOBS_MAX], started_count; /* in the order of starting */
	int done[JOBS_MAX], done_count; /* written by the collecting thread alone */
	int runs[JOBS_MAX];
	pthread_t collector;
	struct pool *pool;
};

struct task {
	struct record *record;
	int number;
	int again; /* how many times `done` submits it once more */
	pthread_t worker;
};

static void task_run(void *context)
{
	struct task *task = context;
	struct record *record = task->record;

	pthread_mutex_lock(&record->lock);
	record->started[record->started_count++ % JOBS_MAX] = task->number;
	record->runs[task->number]++;
	pthread_mutex_unlock(&record->lock);
	task->worker = pthread_self();
}

static void task_done(void *context)
{
	struct task *task = context;
	struct record *record = task->record;

	assert_true(pthread_equal(pthread_self(), record->collector));
	assert_false(pthread_equal(task->worker, record->collector));
	record->done[record->done_count++ % JOBS_MAX] = task->number;
	if (task->again-- > 0)
		pool_submit(record->pool, (struct job){task_run, task_done, task});
}

static struct record *record_new(void)
{
	struct record *record = mem_alloc(sizeof *record);

	pthread_mutex_init(&record->lock, NULL);
	record->collector = pthread_self();
	return record;
}

static void record_free(struct record *record)
{
	pthread_mutex_destroy(&record->lock);
	free(record);
}

static void submit_tasks(struct pool *pool, struct task *tasks, struct record *record, int count)
{
	record->pool = pool;
	for (int i = 0; i < count; i++) {
		tasks[i] = (struct task){.record = record, .number = i};
		pool_submit(pool, (struct job){task_run, task_done, &tasks[i]});
	}
}

static struct pool *pool_of(unsigned workers)
{
	struct pool *pool;

	assert_int_equal(pool_new(&pool, workers, NULL, NULL), OK);
	assert_non_null(pool);
	return pool;
}

/* One worker: jobs start, and are collected, in the order of submission, though the ring grows and wraps meanwhile. */
static void test_order(void **state)
{
	static struct task tasks[JOBS_MAX];
	struct record *record = record_new();
	struct pool *pool = pool_of(1);

	(void)state;
	submit_tasks(pool, tasks, record, JOBS_MAX);
	pool_wait(pool);
	assert_int_equal(record->started_count, JOBS_MAX);
	assert_int_equal(record->done_count, JOBS_MAX);
	for (int i = 0; i < JOBS_MAX; i++) {
		assert_int_equal(record->started[i], i);
		assert_int_equal(record->done[i], i);
		assert_int_equal(record->runs[i], 1);
	}
	pool_free(pool);
	record_free(record);
}

/* Many workers: each job once, each `done` once, all in the collecting thread (task_done looks). */
static void test_each_once(void **state)
{
	static struct task tasks[JOBS_MAX];
	struct record *record = record_new();
	struct pool *pool = pool_of(4);
	bool seen[JOBS_MAX] = {false};

	(void)state;
	submit_tasks(pool, tasks, record, JOBS_MAX);
	pool_wait(pool);
	assert_int_equal(pool_collect(pool), 0);
	assert_int_equal(record->done_count, JOBS_MAX);
	for (int i = 0; i < JOBS_MAX; i++) {
		assert_int_equal(record->runs[i], 1);
		assert_false(seen[record->done[i]]);
		seen[record->done[i]] = true;
	}
	pool_free(pool);
	record_free(record);
}

static void test_submit_again(void **state)
{
	struct record *record = record_new();
	struct pool *pool = pool_of(2);
	struct task tasks[2] = {{record, 0, 100, 0}, {record, 1, 50, 0}};

	(void)state;
	record->pool = pool;
	pool_submit(pool, (struct job){task_run, task_done, &tasks[0]});
	pool_submit(pool, (struct job){task_run, task_done, &tasks[1]});
	pool_wait(pool);
	assert_int_equal(record->runs[0], 101);
	assert_int_equal(record->runs[1], 51);
	assert_int_equal(record->done_count, 152);
	pool_free(pool);
	record_free(record);
}

/* pool_free alone runs and collects everything; NULL is accepted, as are a pool without jobs and a job without `done`. */
static void test_free_waits(void **state)
{
	struct task tasks[20];
	struct record *record = record_new();
	struct pool *pool = pool_of(3);

	(void)state;
	submit_tasks(pool, tasks, record, 19);
	tasks[19] = (struct task){.record = record, .number = 19};
	pool_submit(pool, (struct job){.run = task_run, .context = &tasks[19]});
	pool_free(pool);
	assert_int_equal(record->started_count, 20);
	assert_int_equal(record->done_count, 19);
	pool_free(pool_of(2));
	pool_free(NULL);
	record_free(record);
}

struct waker {
	int fd;
	pthread_t main_thread;
	atomic_int calls, wrong_thread;
};

static void wake(void *context)
{
	struct waker *waker = context;
	const uint64_t one = 1;

	atomic_fetch_add(&waker->calls, 1);
	if (pthread_equal(pthread_self(), waker->main_thread))
		atomic_fetch_add(&waker->wrong_thread, 1);
	if (write(waker->fd, &one, sizeof one) != sizeof one)
		abort();
}

/* A loop that sleeps in poll() and collects when the eventfd says so sees every job, without ever looking on its own. */
static void test_wake(void **state)
{
	struct task tasks[200];
	struct record *record = record_new();
	struct waker waker = {.fd = eventfd(0, EFD_CLOEXEC), .main_thread = pthread_self()};
	struct pool *pool;

	(void)state;
	assert_int_equal(pool_new(&pool, 2, wake, &waker), OK);
	submit_tasks(pool, tasks, record, 200);
	for (unsigned collected = 0; collected < 200;) {
		struct pollfd pollfd = {.fd = waker.fd, .events = POLLIN};
		uint64_t count;
		assert_int_equal(poll(&pollfd, 1, PATIENCE_S * 1000), 1);
		assert_int_equal(read(waker.fd, &count, sizeof count), sizeof count);
		collected += pool_collect(pool);
	}
	pool_free(pool); /* joins: after it the counts are final */
	assert_int_equal(record->done_count, 200);
	assert_int_equal(atomic_load(&waker.calls), 200);
	assert_int_equal(atomic_load(&waker.wrong_thread), 0);
	close(waker.fd);
	record_free(record);
}

static void meet(void *context)
{
	pthread_barrier_wait(context);
}

/* Three jobs that wait for one another end only if three workers run them at the same time. */
static void test_parallel(void **state)
{
	pthread_barrier_t barrier;
	struct pool *pool = pool_of(3);

	(void)state;
	pthread_barrier_init(&barrier, NULL, 3);
	for (int i = 0; i < 3; i++)
		pool_submit(pool, (struct job){.run = meet, .context = &barrier});
	pool_wait(pool);
	pool_free(pool);
	pthread_barrier_destroy(&barrier);
}

/* Nothing is collected before it ran; the collecting thread is never held by pool_collect. */
static void test_collect_early(void **state)
{
	pthread_barrier_t barrier;
	struct record *record = record_new();
	struct task task = {.record = record};
	struct pool *pool = pool_of(1);

	(void)state;
	pthread_barrier_init(&barrier, NULL, 2);
	pool_submit(pool, (struct job){.run = meet, .context = &barrier});
	pool_submit(pool, (struct job){task_run, task_done, &task});
	assert_int_equal(pool_collect(pool), 0); /* the first job still waits for us */
	pthread_barrier_wait(&barrier);
	pool_wait(pool);
	assert_int_equal(record->done_count, 1);
	pool_free(pool);
	pthread_barrier_destroy(&barrier);
	record_free(record);
}

static void *submit_from_thread(void *context)
{
	struct task *tasks = context;

	for (int i = 0; i < 100; i++)
		pool_submit(tasks[i].record->pool, (struct job){task_run, task_done, &tasks[i]});
	return NULL;
}

static void test_submit_from_threads(void **state)
{
	static struct task tasks[400];
	struct record *record = record_new();
	pthread_t threads[4];

	(void)state;
	record->pool = pool_of(2);
	for (int i = 0; i < 400; i++)
		tasks[i] = (struct task){.record = record, .number = i};
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, submit_from_thread, tasks + 100 * i), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	pool_wait(record->pool);
	for (int i = 0; i < 400; i++)
		assert_int_equal(record->runs[i], 1);
	assert_int_equal(record->done_count, 400);
	pool_free(record->pool);
	record_free(record);
}

static void read_mask(void *context)
{
	pthread_sigmask(SIG_SETMASK, NULL, context);
}

/* SIGTERM and its like are the loop's; a fault in a worker must still end the process. Our own mask is as before. */
static void test_signals(void **state)
{
	sigset_t inside, before, after;
	struct pool *pool;

	(void)state;
	sigemptyset(&before); /* whatever an earlier pool may have left */
	sigaddset(&before, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pool = pool_of(1);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	pool_submit(pool, (struct job){.run = read_mask, .context = &inside});
	pool_wait(pool);
	pool_free(pool);
	for (int sig = 1; sig < 32; sig++)
		assert_int_equal(sigismember(&before, sig), sigismember(&after, sig));
	static const int outside[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE, SIGALRM};
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
		assert_int_equal(sigismember(&inside, outside[i]), 1);
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		assert_int_equal(sigismember(&inside, faults[i]), 0);
}

static void make_pool_without_workers(void *context)
{
	(void)!pool_new(context, 0, NULL, NULL);
}

/* A pool so large that its threads do not fit is refused, and those that had started are gone. */
static void make_pool_beyond_limits(void *context)
{
	const struct rlimit none = {256u << 20, 256u << 20};
	struct pool *pool = context;

	if (setrlimit(RLIMIT_AS, &none) != 0)
		_exit(1);
	_exit(pool_new(&pool, 100000, NULL, NULL) == ERR_AGAIN && !pool ? 0 : 2);
}

static void test_new_refused(void **state)
{
	struct pool *pool = NULL;
	struct child c;

	(void)state;
	child_expect_check("workers > 0", make_pool_without_workers, &pool);
#if !SANITIZED /* they need terabytes of address space */
	child_run(&c, false, make_pool_beyond_limits, NULL);
	assert_int_equal(c.exit_code, 0);
#else
	(void)c;
	(void)make_pool_beyond_limits;
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),         cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_submit_again),  cmocka_unit_test(test_free_waits),
		cmocka_unit_test(test_wake),          cmocka_unit_test(test_parallel),
		cmocka_unit_test(test_collect_early), cmocka_unit_test(test_submit_from_threads),
		cmocka_unit_test(test_signals),       cmocka_unit_test(test_new_refused),
	};
	alarm(PATIENCE_S);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
