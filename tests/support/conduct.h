/*
 * Conducts one campaign in a test: the shell around the core, with a disk that outlives conduct_restart. Nothing is
 * computed: contributions and models are hashes made up from their site, round and step, and the figures are what the
 * test wrote down.
 *
 *   struct conductor c;
 *   conduct_begin(&c, NULL);
 *   conduct_approve(&c, 3);          sites 1, 2, 3
 *   conduct_start(&c);
 *   conduct_round(&c, 3);            sites 1, 2, 3 contribute; the round ends
 *   conduct_end(&c);
 *
 * conduct() executes and answers every action. conduct_until() stops before one, and the test then does with it what
 * it likes: conduct_do (its effect is durable) and conduct_answer (the core hears of it) are the two halves of one
 * action.
 */
#ifndef COHORT_TESTS_SUPPORT_CONDUCT_H
#define COHORT_TESTS_SUPPORT_CONDUCT_H

#include "coordinator/campaign.h"

#define CONDUCT_SITES_MAX 300 /* with the largest cap, more than a sum of 31 bits can hold */
#define CONDUCT_SITES 3 /* of conduct_reach: sites.min 2 and max_dropouts 1 make a quorum of 2 */
#define CONDUCT_STEPS_MAX 32
#define CONDUCT_JOIN_MS 1000
#define CONDUCT_DEADLINE_MS 10000
#define CONDUCT_PAUSE_MS 500

struct conductor {
	struct study study;
	struct campaign_config config;
	struct campaign *campaign;
	int64_t now_ms;
	/* the disk */
	struct buf record; /* JSON; empty before the first */
	enum site_answer answers[CONDUCT_SITES_MAX + 1]; /* by site number; ANSWER_COUNT: none */
	struct round_site rows[CONDUCT_SITES_MAX + 1]; /* of the attempt below; number 0: none */
	uint64_t rows_round;
	uint32_t rows_attempt;
	/* what the test wants */
	double validation[CONDUCT_STEPS_MAX]; /* figure of the model that step s made; NAN at first: not judged */
	const char *impossible; /* not NULL: outcomes fail with these words */
	/* what was seen */
	unsigned seen[CAMPAIGN_WAKE + 1];
	unsigned reports; /* rounds that have ended, on disk */
	enum round_outcome outcome; /* of the last of them, and more of its report */
	struct hash model;
	bool evaluated;
	int64_t took_ms;
};

void conduct_begin(struct conductor *c, const char *study_line); /* as small_study's */
void conduct_end(struct conductor *c);
void conduct_again(struct conductor *c, const char *study_line); /* ends it, and begins anew */
void conduct_restart(struct conductor *c); /* kill and start again: what is not on the disk is gone */

void conduct(struct conductor *c);
void conduct_until(struct conductor *c, enum campaign_action_kind kind, struct campaign_action *out);
void conduct_do(struct conductor *c, const struct campaign_action *a);
void conduct_answer(struct conductor *c, const struct campaign_action *a);
void conduct_to(struct conductor *c, int64_t now_ms); /* time passes, ticking at each deadline on the way */

/* Each of these is followed by conduct(). */
void conduct_approve(struct conductor *c, uint32_t count); /* sites 1 ... count */
void conduct_start(struct conductor *c);
void conduct_contribute(struct conductor *c, uint32_t site); /* joins and uploads; must be wanted */
void conduct_round(struct conductor *c, uint32_t count); /* sites 1 ... count contribute */

/* Begins anew and brings a campaign of CONDUCT_SITES sites (EXPECT_SITES: of one) into the state `to`, actions
 * undrained where the state awaits their answer. */
void conduct_reach(struct conductor *c, enum campaign_state to);

/* A join and upload without draining. */
enum upload_verdict conduct_upload(struct conductor *c, uint32_t site);

struct hash conduct_content(uint32_t site, uint64_t round);
struct hash conduct_made(uint32_t step); /* the model that a step made */

/* The inbox of a site as JSON text, "410 [...]" when messages are gone; valid until the next call. */
const char *conduct_inbox(const struct conductor *c, uint32_t site, uint64_t after);

#endif
