/*
 * The loop over libevent: event_base_loop(EVLOOP_ONCE) is one turn, so the hook has its place between two waits.
 *
 * Threads reach the loop by one eventfd alone; libevent itself is only ever called from the loop's thread and needs no
 * locks. A counter in an eventfd cannot overflow into blocking here: the descriptor is non-blocking, and a full counter
 * is readable, which is all that matters.
 */
#include "net/loop.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct hook {
	loop_fn *fn;
	void *context;
};

struct loop_signal {
	struct event *event;
	struct hook hook;
};

struct loop {
	struct event_base *base;
	struct event *wake_event;
	int wake_fd;
	bool stopped;
	int64_t now_ms; /* of this turn; 0: not read yet */
	struct hook turn, wake;
	struct loop_signal signals[LOOP_SIGNALS_MAX];
	size_t signal_count;
};

struct loop_timer {
	struct loop *loop;
	struct event *event;
	struct hook hook;
	int64_t at_ms;
};

static void run_hook(const struct hook *h)
{
	if (h->fn)
		h->fn(h->context);
}

/* libevent's own words go to our log; what it calls an error is a system call that failed. */
static void on_libevent_log(int severity, const char *line)
{
	if (severity >= EVENT_LOG_WARN)
		log_warning("libevent: %s", line);
	else
		log_debug("libevent: %s", line);
}

static void on_libevent_fatal(int code)
{
	log_error("libevent gave up (code %d): out of memory, or a bug", code);
	abort();
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
	struct loop *l = context;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof count) == (ssize_t)sizeof count)
		run_hook(&l->wake);
}

static enum err open_wake(struct loop *l, struct diag *why)
{
	l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (l->wake_fd < 0)
		return diag_set(why, ERR_INTERNAL, "the system gives no eventfd: %s", strerror(errno));
	l->wake_event = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
	CHECK(l->wake_event && event_add(l->wake_event, NULL) == 0);
	return OK;
}

enum err loop_new(struct loop **out, struct diag *why)
{
	struct loop *l = mem_alloc(sizeof *l);
	enum err e = OK;

	l->wake_fd = -1;
	*out = NULL;
	signal(SIGPIPE, SIG_IGN); /* a peer that leaves while we write must not end the process */
	event_set_log_callback(on_libevent_log);
	event_set_fatal_callback(on_libevent_fatal);
	l->base = event_base_new();
	if (!l->base)
		e = diag_set(why, ERR_INTERNAL, "the system gives no event queue: %s", strerror(errno));
	else
		e = open_wake(l, why);
	if (e) {
		loop_free(l);
		return e;
	}
	*out = l;
	return OK;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->signal_count; i++)
		event_free(l->signals[i].event);
	if (l->wake_event)
		event_free(l->wake_event);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	if (l->base)
		event_base_free(l->base);
	free(l);
}

void loop_run(struct loop *l)
{
	l->stopped = false;
	while (!l->stopped) {
		l->now_ms = 0;
		CHECK(event_base_loop(l->base, EVLOOP_ONCE) >= 0);
		run_hook(&l->turn);
	}
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
}

int64_t loop_now_ms(struct loop *l)
{
	if (!l->now_ms)
		l->now_ms = clock_monotonic_ms();
	return l->now_ms;
}

void loop_on_turn(struct loop *l, loop_fn *fn, void *context)
{
	l->turn = (struct hook){fn, context};
}

void loop_wake(void *loop)
{
	const struct loop *l = loop;
	const uint64_t one = 1;
	int saved = errno; /* we may be in a signal handler */

	/* It can only fail because the counter is full, and then the loop will wake anyway. */
	ssize_t n = write(l->wake_fd, &one, sizeof one);
	(void)n;
	errno = saved;
}

void loop_on_wake(struct loop *l, loop_fn *fn, void *context)
{
	l->wake = (struct hook){fn, context};
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
	(void)number;
	(void)what;
	run_hook(&((struct loop_signal *)context)->hook);
}

void loop_on_signal(struct loop *l, int signal_number, loop_fn *fn, void *context)
{
	CHECK(l->signal_count < LOOP_SIGNALS_MAX);
	struct loop_signal *s = &l->signals[l->signal_count++];
	s->hook = (struct hook){fn, context};
	s->event = evsignal_new(l->base, signal_number, on_signal, s);
	CHECK(s->event && event_add(s->event, NULL) == 0);
}

static void start_timer(struct loop_timer *t)
{
	int64_t wait_ms = t->at_ms - loop_now_ms(t->loop);
	if (wait_ms < 0)
		wait_ms = 0;
	const struct timeval tv = {.tv_sec = (time_t)(wait_ms / 1000), .tv_usec = (suseconds_t)(wait_ms % 1000 * 1000)};
	CHECK(event_add(t->event, &tv) == 0);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct loop_timer *t = context;

	(void)fd;
	(void)what;
	/* libevent counts from its own, coarser clock: it may be some milliseconds early by ours. */
	if (loop_now_ms(t->loop) < t->at_ms)
		start_timer(t);
	else
		run_hook(&t->hook); /* may free `t` */
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *context)
{
	struct loop_timer *t = mem_alloc(sizeof *t);

	t->loop = l;
	t->hook = (struct hook){fn, context};
	t->event = evtimer_new(l->base, on_timer, t);
	CHECK(t->event);
	return t;
}

void loop_timer_set(struct loop_timer *t, int64_t at_ms)
{
	t->at_ms = at_ms;
	start_timer(t);
}

void loop_timer_clear(struct loop_timer *t)
{
	event_del(t->event);
}

void loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return;
	event_free(t->event);
	free(t);
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}
