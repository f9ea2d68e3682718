/*
 * The event loop: one thread that waits for sockets, timers, signals and finished jobs, in turns.
 *
 *     one turn:   wait -> what happened is handled (requests, timers, signals, wake) -> turn hook -> wait ...
 *
 * All that happened at once is handled before the hook runs once. So a program commits its transaction in the hook and
 * sends the answers after it: one fsync per turn, and nothing is told to a peer before it is on disk.
 *
 * The clock is CLOCK_MONOTONIC in milliseconds, read at most once per turn.
 */
#ifndef COHORT_NET_LOOP_H
#define COHORT_NET_LOOP_H

#include "base/err.h"

#include <stdint.h>

struct loop;
struct loop_timer;

typedef void loop_fn(void *context);

/* SIGPIPE is ignored in the whole process from here on. ERR_INTERNAL when the system gives no epoll or eventfd. */
enum err loop_new(struct loop **out, struct diag *why) MUST_USE;
void loop_free(struct loop *l); /* frees no timers; after server_free; accepts NULL */

/* Turns until loop_stop. The turn that stops is finished, its hook included. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* from the loop's own thread */

/* Now, the same in the whole turn. */
int64_t loop_now_ms(struct loop *l);

/* `fn` runs at the end of each turn. */
void loop_on_turn(struct loop *l, loop_fn *fn, void *context);

/* loop_wake may be called from any thread and from a signal handler; its type fits pool_new's `wake`. Some time after,
 * once for any number of calls, `fn` of loop_on_wake runs in the loop's thread: pool_collect there. */
void loop_wake(void *loop);
void loop_on_wake(struct loop *l, loop_fn *fn, void *context);

/* `fn` runs in the loop, not in the signal handler: SIGTERM, SIGINT, SIGHUP, SIGUSR1. One callback per signal, at most
 * LOOP_SIGNALS_MAX signals, one loop with signals per process. */
#define LOOP_SIGNALS_MAX 8
void loop_on_signal(struct loop *l, int signal_number, loop_fn *fn, void *context);

/* A timer that calls `fn` once for each loop_timer_set. A new one is not set. */
struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *context);
void loop_timer_set(struct loop_timer *t, int64_t at_ms); /* on loop_now_ms's clock; never early; past: next turn */
void loop_timer_clear(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* before loop_free; accepts NULL; fine inside its own `fn` */

struct event_base; /* for net/server.c alone */
struct event_base *loop_base(struct loop *l);

#endif
