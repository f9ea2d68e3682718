/* The loop: turns, timers, wake from threads, signals. */
#include "net/loop.h"

#include "base/pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
	struct loop *loop;
	struct loop_timer *timers[4];
	int order[16], count; /* what happened, as it happened */
	int turns, stop_after;
	int64_t seen_ms[16], due_ms;
	struct pool *pool;
	int jobs;
};

static int64_t clock_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void note(struct world *w, int what)
{
	assert_in_range(w->count, 0, 15);
	w->seen_ms[w->count] = loop_now_ms(w->loop);
	w->order[w->count++] = what;
	if (w->count >= w->stop_after)
		loop_stop(w->loop);
}

static void note_0(void *w)
{
	note(w, 0);
}

static void note_1(void *w)
{
	note(w, 1);
}

static void note_2(void *w)
{
	note(w, 2);
}

static void note_turn(void *context)
{
	((struct world *)context)->turns++;
}

static int setup(void **state)
{
	static struct world w;
	w = (struct world){0};
	assert_int_equal(loop_new(&w.loop, NULL), OK);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < 4; i++)
		loop_timer_free(w->timers[i]);
	loop_free(w->loop);
	return 0;
}

static void timers_fire_in_order_and_never_early(void **state)
{
	struct world *w = *state;
	int64_t now = loop_now_ms(w->loop);

	w->timers[0] = loop_timer_new(w->loop, note_0, w);
	w->timers[1] = loop_timer_new(w->loop, note_1, w);
	w->timers[2] = loop_timer_new(w->loop, note_2, w);
	loop_timer_set(w->timers[0], now + 60);
	loop_timer_set(w->timers[1], now + 7);
	loop_timer_set(w->timers[2], now - 1000); /* past: the next turn */
	w->stop_after = 3;
	loop_run(w->loop);
	assert_int_equal(w->order[0], 2);
	assert_int_equal(w->order[1], 1);
	assert_int_equal(w->order[2], 0);
	assert_true(w->seen_ms[1] >= now + 7);
	assert_true(w->seen_ms[2] >= now + 60);
	assert_true(w->seen_ms[2] < now + 1060);
}

static void a_timer_set_again_moves_and_a_cleared_one_is_silent(void **state)
{
	struct world *w = *state;
	int64_t now = loop_now_ms(w->loop);

	w->timers[0] = loop_timer_new(w->loop, note_0, w);
	w->timers[1] = loop_timer_new(w->loop, note_1, w);
	w->timers[2] = loop_timer_new(w->loop, note_2, w);
	loop_timer_set(w->timers[0], now + 5);
	loop_timer_set(w->timers[0], now + 40); /* moved behind timer 2 */
	loop_timer_set(w->timers[1], now + 5);
	loop_timer_clear(w->timers[1]);
	loop_timer_set(w->timers[2], now + 20);
	w->stop_after = 2;
	loop_run(w->loop);
	assert_int_equal(w->order[0], 2);
	assert_int_equal(w->order[1], 0);
}

static void free_own_timer(void *context)
{
	struct world *w = context;
	loop_timer_free(w->timers[0]);
	w->timers[0] = NULL;
	note(w, 0);
}

static void a_timer_may_free_itself(void **state)
{
	struct world *w = *state;
	w->timers[0] = loop_timer_new(w->loop, free_own_timer, w);
	loop_timer_set(w->timers[0], 0);
	w->stop_after = 1;
	loop_run(w->loop);
	assert_int_equal(w->count, 1);
}

/* Two timers due at once are one turn: the hook runs once after both, and they see one time. */
static void slow_note_0(void *context)
{
	note(context, 0);
	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void what_happens_at_once_is_one_turn(void **state)
{
	struct world *w = *state;

	w->timers[0] = loop_timer_new(w->loop, slow_note_0, w);
	w->timers[1] = loop_timer_new(w->loop, slow_note_0, w);
	loop_timer_set(w->timers[0], 0);
	loop_timer_set(w->timers[1], 0);
	loop_on_turn(w->loop, note_turn, w);
	w->stop_after = 2;
	loop_run(w->loop);
	assert_int_equal(w->count, 2);
	assert_int_equal(w->turns, 1);
	assert_int_equal(w->seen_ms[0], w->seen_ms[1]);
}

static void *wake_often(void *loop)
{
	for (int i = 0; i < 1000; i++)
		loop_wake(loop);
	return NULL;
}

static void wake_comes_from_any_thread(void **state)
{
	struct world *w = *state;
	pthread_t thread;

	loop_on_wake(w->loop, note_0, w);
	w->stop_after = 1;
	assert_int_equal(pthread_create(&thread, NULL, wake_often, w->loop), 0);
	loop_run(w->loop);
	pthread_join(thread, NULL);
	assert_int_equal(w->count, 1);
}

/* Wakes before the loop looks are one wake. */
static void many_wakes_are_one(void **state)
{
	struct world *w = *state;

	wake_often(w->loop);
	loop_on_wake(w->loop, note_0, w);
	w->timers[1] = loop_timer_new(w->loop, note_1, w);
	loop_timer_set(w->timers[1], loop_now_ms(w->loop) + 20);
	w->stop_after = 2;
	loop_run(w->loop);
	assert_int_equal(w->order[0], 0);
	assert_int_equal(w->order[1], 1);
}

static void collect(void *context)
{
	pool_collect(((struct world *)context)->pool);
}

static void job_run(void *context)
{
	(void)context;
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void job_done(void *context)
{
	struct world *w = context;
	if (++w->jobs == 5)
		loop_stop(w->loop);
}

static void finished_jobs_are_collected_in_the_loop(void **state)
{
	struct world *w = *state;

	loop_on_wake(w->loop, collect, w);
	assert_int_equal(pool_new(&w->pool, 2, loop_wake, w->loop), OK);
	for (int i = 0; i < 5; i++)
		pool_submit(w->pool, (struct job){job_run, job_done, w});
	loop_run(w->loop);
	assert_int_equal(w->jobs, 5);
	pool_free(w->pool);
}

static void signals_become_callbacks(void **state)
{
	struct world *w = *state;

	loop_on_signal(w->loop, SIGTERM, note_0, w);
	loop_on_signal(w->loop, SIGHUP, note_1, w);
	kill(getpid(), SIGHUP);
	w->stop_after = 1;
	loop_run(w->loop);
	assert_int_equal(w->order[0], 1);
	kill(getpid(), SIGTERM);
	w->stop_after = 2;
	loop_run(w->loop);
	assert_int_equal(w->order[1], 0);
}

static void a_broken_pipe_does_not_end_us(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(write(fds[1], "x", 1), -1);
	close(fds[1]);
}

static void the_clock_is_read_anew_each_turn(void **state)
{
	struct world *w = *state;
	int64_t before = clock_ms();

	w->timers[0] = loop_timer_new(w->loop, note_0, w);
	loop_timer_set(w->timers[0], loop_now_ms(w->loop) + 30);
	w->stop_after = 1;
	loop_run(w->loop);
	assert_true(w->seen_ms[0] >= before + 30);
	assert_true(w->seen_ms[0] <= clock_ms());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(timers_fire_in_order_and_never_early, setup, teardown),
		cmocka_unit_test_setup_teardown(a_timer_set_again_moves_and_a_cleared_one_is_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(a_timer_may_free_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(what_happens_at_once_is_one_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(wake_comes_from_any_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(many_wakes_are_one, setup, teardown),
		cmocka_unit_test_setup_teardown(finished_jobs_are_collected_in_the_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(signals_become_callbacks, setup, teardown),
		cmocka_unit_test_setup_teardown(a_broken_pipe_does_not_end_us, setup, teardown),
		cmocka_unit_test_setup_teardown(the_clock_is_read_anew_each_turn, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
