/*
 * A world: the product's own cores (campaign at the coordinator, session and contribution at the sites) in one process, on
 * virtual time, with the interleaving, the disturbances, the crashes and the people that a seed and a plan ask for. What
 * survives a crash is what a shell would have on disk; everything else is thrown away and made anew from it. No socket, no
 * SQLite, no thread.
 *
 *     world.c              the agenda is worked off, from the first moment to the last
 *     world_dice.c         chance, and the trace
 *     world_post.c         letters: requests and answers in flight, each with its own time, and what befalls them
 *     world_office.c       the coordinator's program: a turn of its loop, the campaign's actions
 *     world_pool.c         the jobs of its pool
 *     world_desk.c         the coordinator's counter: what becomes of a request
 *     world_phases.c       the same under masks: messages of the phases, and sites that listen
 *     world_disk.c         the coordinator's disk: what is written, what is committed, what a new start finds
 *     world_host.c         a hospital's program: the session's actions, its disk
 *     world_wire.c         a hospital's requests: asked, given up, asked again, answered
 *     world_secrets.c      a hospital under masks: its identity, its record, its masked vector
 *     world_books.c        a hospital's ledger in a private study, and older copies of it
 *     world_sums.c         the coordinator under masks: rows, sums, unmasking
 *     world_people.c       the operator, the authority, who comes and goes
 *     truth*.c             what must hold
 *
 * The shells here are small copies of runner.c, course.c and member.c: what they keep from the cores, no world can find in the
 * cores.
 */
#ifndef COHORT_SIMULATOR_WORLD_H
#define COHORT_SIMULATOR_WORLD_H

#include "base/random.h"
#include "client/contribution.h"
#include "client/session.h"
#include "coordinator/campaign.h"
#include "simulator/disturbance.h"

#include <stdio.h>

#define WORLD_SITES_MAX 8
#define WORLD_ENDS_MAX 512 /* closed attempts of one run; a world that needs more makes no progress */
#define WORLD_ROUNDS_MAX 256 /* round numbers */
#define WORLD_CRASHES_MAX 2
#define WORLD_ORDERS_MAX 4

/* The operator's settings, unless the plan says otherwise. */
#define WORLD_JOIN_MS 30000
#define WORLD_DEADLINE_MS 600000
#define WORLD_PAUSE_MS 10000
#define WORLD_PHASE_MS 60000

enum crash_when { CRASH_BEFORE, CRASH_AFTER /* what was done is done, its answer was not fed */ };

/* Once, at the at-th step (from 0) of that program: an action that it drains, the end of a job, a commit. */
struct world_crash {
	bool planned;
	enum side side;
	enum crash_when when;
	uint32_t site; /* index */
	uint32_t at;
};

enum world_command { WORLD_NOTHING, WORLD_PAUSE, WORLD_RESUME, WORLD_STOP };

struct world_order { /* of the operator, who repeats it until it is on disk; one after the other */
	enum world_command what;
	uint32_t at; /* once the coordinator has done so many steps; but the first, also when nothing moves */
};

/* How often each fault comes: a probability per letter (LOSS, COPY, OVERTAKEN, DELAY, DAMAGE), per job (SLOW), per step
 * (CRASH, RESTORE), per write (FULL, SYNC); and how many times per second of virtual time (CUT, DEAF, FORWARD, BACKWARD). */
struct world_odds {
	double of[FAULT_COUNT][SIDE_COUNT];
};

struct world_plan {
	uint64_t seed;
	int64_t join_ms, deadline_ms, pause_ms, phase_ms; /* 0: the above */
	uint32_t sites_per_round; /* 0: all that approve */
	struct world_odds odds;
	int64_t calm_from_ms; /* from then on nothing is disturbed, and the study must go on; 0: from the beginning */
	bool favours; /* phases that are short or rare are disturbed more than the odds say */
	bool silent; /* a lost letter is noticed by nobody: its sender waits until it gives up */
	bool expires; /* the coordinator's clock, too, may jump beyond the last day, which ends the study */
	bool renews; /* whoever is revoked leaves the roster, too */
	bool unapproved; /* the study is started before anybody approves */
	struct world_crash crashes[WORLD_CRASHES_MAX];
	struct world_order orders[WORLD_ORDERS_MAX];
	uint32_t disk_full_at; /* this upload's row (from 1) cannot be stored; 0: all can */
	bool absent[WORLD_SITES_MAX]; /* never polls after its approval */
	bool refuses[WORLD_SITES_MAX]; /* its policy permits no round */
	uint32_t joins_after[WORLD_SITES_MAX]; /* approves when so many attempts have ended */
	uint32_t leaves_after[WORLD_SITES_MAX]; /* withdraws then; 0: stays */
	uint32_t affords[WORLD_SITES_MAX]; /* of a private study: its budget is for so many releases; 0: for all */
	bool leaves_last[WORLD_SITES_MAX]; /* withdraws when the study has ended */
	uint32_t revoked_after[WORLD_SITES_MAX]; /* its certificate is revoked then; 0: never */
	FILE *trace; /* NULL, or where each step is written down */
};

struct world_end { /* of an attempt, as published */
	uint64_t round;
	uint32_t attempt;
	enum round_outcome outcome;
	bool statistics; /* they were asked */
	uint32_t participants[WORLD_SITES_MAX], participant_count;
};

struct world_result {
	enum campaign_state state;
	struct hash model;
	struct world_end ends[WORLD_ENDS_MAX]; /* in the order of closing */
	uint32_t end_count;
	uint32_t coordinator_steps, site_steps[WORLD_SITES_MAX];
	uint32_t uploads; /* rows of contributions that were to be stored */
	uint32_t crashes, orders; /* of the plan, how many came to pass */
	uint32_t events; /* of the agenda */
	int64_t ended_ms; /* virtual */
	uint64_t conduct; /* hash over who did what and when, and how large what sites sent was, without its content */
	uint64_t trace; /* hash over every step: who, what, when, and its content */
	struct disturbances disturbances;
	char violation[320]; /* "" when every check held; else the check's name, a colon, and words */
};

struct world_setting { /* shared by many runs; borrowed */
	const struct study *study;
	const struct policy *policy;
	const struct table *tables; /* one per site */
	uint32_t site_count;
};

void world_run(struct world_result *out, const struct world_setting *setting, const struct world_plan *plan);

/* The number of the site with this index in the setting: number, rank and index all differ. */
static inline uint32_t world_number(uint32_t index)
{
	return 11 + 7 * index;
}

#endif
