/*
 * A coordinator's daemon with a masked study, and hospitals with the product's own cores, step by step:
 *
 *   struct masked_daemon d;
 *   masked_daemon_make(&d, &(struct masked_daemon_config){.sites = 5});
 *   masked_daemon_begin(&d);                                          everybody is told of the attempt, and has trained
 *   masked_daemon_play(&d, SECAGG_KEYS, SECAGG_OPENING);
 *   masked_daemon_finish(&d, MASKED_DAEMON_ALL(&d));                  the model is that of the plain sum
 *   masked_daemon_remove(&d);
 */
#ifndef COHORT_TESTS_SUPPORT_MASKED_DAEMON_H
#define COHORT_TESTS_SUPPORT_MASKED_DAEMON_H

#include "tests/support/masker.h"

#define MASKED_DAEMON_SITES_MAX 12
#define MASKED_DAEMON_WAIT_S 20
#define MASKED_DAEMON_QUICK "rounds: {join: 5, deadline: 60, phase: 60, pause: 0.05}\n"
#define MASKED_DAEMON_IMPATIENT                                                                                        \
	"rounds: {join: 3, deadline: 4, phase: 1.2, pause: 0.05}\n" /* for who tests that somebody stays away */
#define MASKED_DAEMON_ALL(d) ((1u << (d)->sites) - 1)

/* Of a file in which each stands once: old[i] becomes new[i]; NULL ends them. */
struct masked_daemon_config {
	uint32_t sites;
	const char *masking; /* "masking: required" when NULL */
	const char *settings; /* MASKED_DAEMON_QUICK when NULL */
	const char *edits[8][2]; /* of the small study, in order; NULL ends them */
	bool in_process; /* coordinating.h */
};

struct masked_daemon {
	struct coordinating c;
	uint32_t sites;
	struct hospital h[MASKED_DAEMON_SITES_MAX];
	struct masker m[MASKED_DAEMON_SITES_MAX];
	struct masker *all[MASKED_DAEMON_SITES_MAX]; /* those that take part: NULL is left out */
	struct program p;
	struct buf model; /* the round's */
};

/* All have approved, and the study has started. With one colluder, sites.min is one less than all in one group. */
void masked_daemon_make(struct masked_daemon *d, const struct masked_daemon_config *config);
void masked_daemon_remove(struct masked_daemon *d);
void masked_daemon_reconnect(struct masked_daemon *d); /* after a restart */
void masked_daemon_kill(struct masked_daemon *d); /* kill -9, commands without a daemon, start, reconnect */

/* All have been told of the open attempt, and have computed what they contribute; `all` is set. */
void masked_daemon_begin(struct masked_daemon *d);
void masked_daemon_play(struct masked_daemon *d, enum secagg_phase from, enum secagg_phase to);

/* Everybody's poll tells how the attempt in hand ended. */
void masked_daemon_hear_the_end(struct masked_daemon *d, enum round_outcome outcome);
/* It is done, with these sites (bit i: site i) in the sum, and the model is what their plain sum gives. */
void masked_daemon_finish(struct masked_daemon *d, uint64_t in_sum);
void masked_daemon_expect(struct masked_daemon *d, const struct round_plan *plan,
                          uint64_t in_sum); /* all have heard its end */

/* The object of `rounds --json`; the caller's. */
struct json *masked_daemon_round(struct masked_daemon *d, int64_t round, int64_t attempt);

#endif
