/*
 * A loopback world: the product's own cores (campaign at the coordinator, session and contribution at the sites) in
 * one process, on virtual time, with the interleaving, the loss, the crashes and the people that a seed and a plan
 * ask for. What survives a crash is what a shell would have on disk; everything else is thrown away and made anew
 * from it. No socket, no SQLite.
 *
 * The world knows the truth: every vector that a site made final, every row and record on the coordinator's disk,
 * every message that was told. It checks all the time that
 *   - a site makes one vector final for a round, and sends those octets and no others;
 *   - the sum of a round is the exact integer sum over its participants, each counted once;
 *   - a message is told only when the record that it follows from is on disk, and says the same ever after;
 *   - an upload is acknowledged only when its row is on disk, and is then in the sum if the attempt has one;
 *   - a site hears that it is late only when the end of the attempt is on disk;
 *   - a round ends once, and round numbers only grow.
 */
#ifndef COHORT_SIMULATOR_WORLD_H
#define COHORT_SIMULATOR_WORLD_H

#include "base/random.h"
#include "client/contribution.h"
#include "client/session.h"
#include "coordinator/campaign.h"

#define WORLD_SITES_MAX 8
#define WORLD_ROUNDS_MAX 64
#define WORLD_CRASHES_MAX 2
#define WORLD_ORDERS_MAX 2

enum crash_side { CRASH_NOBODY, CRASH_COORDINATOR, CRASH_SITE };
enum crash_when { CRASH_BEFORE, CRASH_AFTER /* the action's effect is durable, its answer was not fed */ };

struct world_crash { /* once, at the at-th action (from 0) of that side */
	enum crash_side side;
	enum crash_when when;
	uint32_t site; /* index */
	uint32_t at;
};

enum world_command { WORLD_NOTHING, WORLD_PAUSE, WORLD_RESUME, WORLD_STOP };

struct world_order { /* of the operator, who repeats it until it is on disk; one after the other */
	enum world_command what;
	uint32_t at; /* once the coordinator has done so many actions; but the first, also when nothing else moves */
};

struct world_plan {
	uint64_t seed;
	double loss; /* probability that a request, and again that its answer, is lost */
	struct world_crash crashes[WORLD_CRASHES_MAX];
	struct world_order orders[WORLD_ORDERS_MAX];
	uint32_t disk_full_at; /* this upload's row (from 1) cannot be stored; 0: all can */
	bool absent[WORLD_SITES_MAX]; /* never polls after its approval */
	bool refuses[WORLD_SITES_MAX]; /* its policy permits no round */
	uint32_t joins_after[WORLD_SITES_MAX]; /* approves when so many rounds have ended */
	uint32_t leaves_after[WORLD_SITES_MAX]; /* withdraws then; 0: stays */
};

struct world_round { /* what was published */
	uint64_t round;
	uint32_t attempt;
	enum round_outcome outcome;
	uint32_t participants[WORLD_SITES_MAX], participant_count;
};

struct world_result {
	enum campaign_state state;
	struct hash model;
	struct world_round rounds[WORLD_ROUNDS_MAX]; /* in the order of closing */
	uint32_t round_count;
	uint32_t coordinator_actions, site_actions[WORLD_SITES_MAX]; /* drained in all */
	uint32_t uploads; /* rows of contributions that were to be stored */
	uint32_t crashes, orders; /* of the plan, how many came to pass */
	int64_t ended_ms; /* virtual */
	char violation[256]; /* "" when every check held */
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
