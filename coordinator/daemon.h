/*
 * The daemon: `cohort-coordinator serve`. One thread waits for sockets, timers and signals (net/loop.h); a pool does what takes long.
 *
 *     one turn:  requests, finished jobs, signals
 *                -> campaigns are drained, what they ask is written
 *                -> commit (at most one sync for all that)          } again while a commit
 *                -> campaigns are told, uploads acknowledged        } makes something new
 *                -> answers leave
 *
 * SIGTERM and SIGINT end it in good order; SIGHUP reads certificate, key, revocation list and roster again; the latter two are
 * also read when their files change. What is broken then is logged, and what was in force stays.
 */
#ifndef COHORT_COORDINATOR_DAEMON_H
#define COHORT_COORDINATOR_DAEMON_H

#include "coordinator/settings.h"

/* Serves until it is told to stop. ERR_AGAIN: another daemon has the state, or the port is taken. */
enum err daemon_run(const struct settings *settings, struct diag *why) MUST_USE;

/* Whether `serve` would come up with these settings: credentials, roster, names. Nothing is made or changed. */
enum err daemon_check(const struct settings *settings, struct diag *why) MUST_USE;

#endif
