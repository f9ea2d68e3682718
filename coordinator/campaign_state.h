/*
 * The inside of a campaign, shared by campaign.c (events), campaign_round.c (opening and
 * closing rounds), campaign_sample.c (whom to invite), campaign_judge.c (the best model) and campaign_view.c (looking, and the inbox), and by nobody else.
 */
#ifndef COHORT_COORDINATOR_CAMPAIGN_STATE_H
#define COHORT_COORDINATOR_CAMPAIGN_STATE_H

#include "base/queue.h"
#include "coordinator/campaign.h"
#include "coordinator/campaign_record.h"
#include "coordinator/members.h"

struct campaign {
	struct campaign_config config;
	const struct study *study;
	struct campaign_record record;
	enum campaign_state state;
	struct members members;
	struct round *round; /* the open attempt, or the one whose report is being made durable */
	struct layout layout;
	struct round_plan closed_plan; /* report.plan */
	struct round_report report;
	bool reporting;
	int64_t started_ms, retry_at_ms;
	uint64_t token, awaited_token; /* newest handed out; the one that the state waits for */
	struct queue actions;
};

static inline bool campaign_is_over(const struct campaign *c)
{
	return c->record.phase >= PHASE_FINISHED;
}

/* Is this very attempt taking contributions, or being closed? */
static inline bool campaign_is_open(const struct campaign *c, uint64_t round, uint32_t attempt)
{
	const struct round_plan *p = &c->record.round.plan;

	return c->record.open && c->round != NULL && !c->reporting && p->round == round && p->attempt == attempt;
}

void campaign_act(struct campaign *c, enum campaign_action_kind kind, uint32_t site);

/* Leaves a PERSIST of the record as it is when the shell drains it; campaign_await also waits for it in `state`. */
void campaign_persist(struct campaign *c);
void campaign_await(struct campaign *c, enum campaign_state state);

/* The study is over: the record says so, and so does the message to the sites. Nothing is persisted yet. */
void campaign_finish(struct campaign *c, enum campaign_phase phase);
void campaign_fail(struct campaign *c, const char *why);

/* How many sites the next round would invite when so many approve. */
static inline uint32_t campaign_invited(const struct campaign *c, uint32_t approved)
{
	uint32_t most = c->config.sites_per_round;
	bool trains = round_plan_asks(c->study, c->record.step) & ASK_TRAIN;

	return trains && most != 0 && most < approved ? most : approved;
}

/* A uniform sample of `size` of sites[count], in the order in which they stand; 1 <= size <= count; the caller owns it. The
 * same for the same seed, round and sites: rng_init(H("COHRTsmp", seed, round u64), "sample"). Its cost does not grow with
 * `count`. */
uint32_t *campaign_sample(const uint32_t *sites, uint32_t count, uint32_t size, const struct hash *seed,
                          uint64_t round);

/* Plans the next attempt in the record if enough sites approve; a layout that n sites could overflow ends the study. */
bool campaign_plan_next(struct campaign *c);

/* Opens the next attempt if it can, or waits for sites. */
void campaign_open_or_wait(struct campaign *c);

/* The planned attempt is durable: it begins. */
void campaign_enter_round(struct campaign *c, int64_t now_ms);

/* Sites that have left since the attempt was planned are dropped from it, so that nobody waits for them. */
void campaign_drop_leavers(struct campaign *c, int64_t now_ms);

/* Notes whether the model that the round evaluated is the best so far. True when the study is to stop early. */
bool campaign_judge(struct campaign *c, const struct outcome *o);

/* Writes the closed message and the report of the open attempt; the round itself is kept until both are durable. */
void campaign_close(struct campaign *c, enum round_outcome outcome, const struct outcome *result, int64_t now_ms);

/* Passes the round's actions on; when it has closed, asks for the outcome or closes it as failed. */
void campaign_drain_round(struct campaign *c, int64_t now_ms);

#endif
