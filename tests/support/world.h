/*
 * A loopback world: the product's own cores (campaign at the coordinator, session and contribution at the sites) in one process,
 * on virtual time, with the interleaving, the loss and the crashes that a seed and a plan ask for. What survives a crash is
 * what a shell would have on disk; everything else is thrown away and made anew from it. No socket, no SQLite.
 *
 * The world knows the truth: every vector that a site made final. world_run checks after each closed round that the sum is
 * the exact integer sum over the named participants and that no site ever made two vectors final for one round.
 */
#ifndef COHORT_TESTS_WORLD_H
#define COHORT_TESTS_WORLD_H

#include "base/random.h"
#include "client/contribution.h"
#include "client/session.h"
#include "coordinator/campaign.h"

#define WORLD_SITES_MAX 8
#define WORLD_ROUNDS_MAX 64

enum crash_side { CRASH_NOBODY, CRASH_COORDINATOR, CRASH_SITE };
enum crash_when { CRASH_BEFORE, CRASH_AFTER /* the action's effect is durable, its answer was not fed */ };

struct world_plan {
	uint64_t seed;
	double loss; /* probability that a request, and again that its answer, is lost */
	enum crash_side crash; /* once, at the crash_at-th action (from 0) of that side */
	enum crash_when crash_when;
	uint32_t crash_site; /* index of the site that crashes */
	uint32_t crash_at;
	bool absent[WORLD_SITES_MAX]; /* never polls after its approval */
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
	struct world_round rounds[WORLD_ROUNDS_MAX]; /* in the order of closing, repeats after a crash merged */
	uint32_t round_count;
	uint32_t coordinator_actions, site_actions[WORLD_SITES_MAX]; /* drained in all */
	bool crashed; /* the planned crash was reached */
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

#endif
