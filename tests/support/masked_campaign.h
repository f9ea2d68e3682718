/*
 * A campaign of a study that masks, in one process: the sites of masked_round.h with the real core, each of which keeps its
 * record from attempt to attempt, a roster, and the coordinator's shell with a disk. Nothing is computed but the sums: a model is a
 * hash made up from its step.
 *
 *   struct masked_campaign k;
 *   masked_campaign_init(&k, "masking: required", 5);
 *   masked_campaign_start(&k);              every site approves
 *   masked_campaign_run(&k, 0);             until the study is over
 *   masked_campaign_free(&k);
 */
#ifndef COHORT_TESTS_SUPPORT_MASKED_CAMPAIGN_H
#define COHORT_TESTS_SUPPORT_MASKED_CAMPAIGN_H

#include "protocol/masked_plan.h"
#include "tests/support/masked_round.h"

#define MASKED_CAMPAIGN_PAUSE_MS 300
#define MASKED_CAMPAIGN_REPORTS_MAX 32

struct masked_campaign {
	struct masked_round m;
	struct study study;
	struct campaign_config config;
	struct campaign *campaign;
	struct roster roster;
	bool no_roster;
	struct masked_plan made[MASKED_GROUPS_MAX]; /* of the attempt in hand, as a site makes them */
	uint32_t made_count;
	uint64_t round; /* that the sites are in */
	uint32_t attempt;

	/* the disk */
	struct buf record;
	enum site_answer answers[MASKED_SITES_MAX];

	/* what the test wants */
	uint64_t
		fail_round; /* in its first attempt `fail_sites` sites fall silent before their message of `fail_phase` */
	uint32_t fail_sites;
	enum secagg_phase fail_phase;
	bool garbage; /* the next sum does not hold */
	bool hold; /* the outcome is not computed */
	double clip; /* of the next round, as outcomes of training find it */

	/* what was seen */
	struct seen_report {
		uint64_t round;
		uint32_t attempt, contributions;
		unsigned asks;
		enum round_outcome outcome;
		char why[DIAG_MAX];
	} reports[MASKED_CAMPAIGN_REPORTS_MAX]; /* rounds that ended, on disk */
	uint32_t report_count;
	uint32_t computed, inexact; /* sums that outcomes were made of; and those that were not what they should be */
	uint32_t not_opened; /* sites that would not take part in an attempt */
};

void masked_campaign_init(struct masked_campaign *k, const char *study_line, uint32_t n);
void masked_campaign_free(struct masked_campaign *k);
void masked_campaign_start(struct masked_campaign *k);
void masked_campaign_roster(struct masked_campaign *k); /* another version is in force */
void masked_campaign_restart(struct masked_campaign *k); /* the coordinator */
bool masked_campaign_shell(struct masked_campaign *k); /* what the coordinator's core asks for; false: nothing */
void masked_campaign_compute(struct masked_campaign *k); /* what was held */
bool masked_campaign_turn(struct masked_campaign *k); /* of everybody; false: nothing to do */
void masked_campaign_step(struct masked_campaign *k); /* until nothing happens any more */

/* Time passes and things happen until so many rounds have ended (0: any number), or the study is over. */
void masked_campaign_run(struct masked_campaign *k, uint32_t reports);

/* "1.1 done, 2.1 failed, 2.2 done": the rounds that ended. Valid until the next call. */
const char *masked_campaign_story(const struct masked_campaign *k);

#endif
