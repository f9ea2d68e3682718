/*
 * The inside of a campaign, shared by campaign.c (events), campaign_round.c (opening and
 * closing rounds), campaign_sample.c (whom to invite), campaign_masks.c (masked rounds), campaign_spares.c (what lost rounds cost), campaign_judge.c (the best model) and campaign_view.c (looking, and the inbox), and by nobody else.
 */
#ifndef COHORT_COORDINATOR_CAMPAIGN_STATE_H
#define COHORT_COORDINATOR_CAMPAIGN_STATE_H

#include "base/queue.h"
#include "coordinator/campaign.h"
#include "coordinator/campaign_record.h"
#include "coordinator/members.h"
#include "protocol/masked_plan.h"

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
	struct diag refused; /* why the last round could not be planned, beyond what plan_check says; "" */
	struct diag no_sum; /* why the last masked round, or a group of it, gave no sum; "" */
	bool pause; /* before the next round number: the last one was abandoned */

	/* masked studies */
	struct masked_plan *plans; /* of the planned attempt, until it is entered; owned */
	uint32_t plan_count;
	char federation[NAME_SIZE]; /* on the roster that they were made with */
	bool lost,
		lost_opened; /* a restored attempt whose roster is not in force any more; U3 of a group stands in its rows */
};

static inline bool campaign_masks(const struct campaign *c)
{
	return c->study->sites.masking != MASKING_OFF;
}

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

/* How many sites the next round would invite when so many approve. Groups are made once. */
static inline uint32_t campaign_invited(const struct campaign *c, uint32_t approved)
{
	uint32_t most = c->config.sites_per_round;
	bool trains = round_plan_asks(c->study, c->record.step) & ASK_TRAIN;

	if (c->study->sites.masking == MASKING_GROUPS)
		return c->record.round.seq != 0 ? c->record.round.plan.site_count : approved;

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

/* The round has closed without a sum: FAILED and to be tried again, or, when shares may have been given for it, ABANDONED. */
void campaign_end_without_sum(struct campaign *c, const char *why, bool opened, int64_t now_ms);

/* ---- campaign_spares.c */

bool campaign_is_private(const struct campaign *c); /* under a mechanism with noise */

/* The open attempt ends without a sum: has a site perhaps made its contribution? Then the record says so. */
void campaign_note_released(struct campaign *c);

/* The newest round's number is given up: what that costs is spent. False when the study is over by it. */
bool campaign_give_up(struct campaign *c);

int64_t campaign_pause_ms(const struct campaign *c); /* before another attempt, or another number */

/* It has finished, but its noised evaluation is lost. */
bool campaign_lacks_figures(const struct campaign *c);

/* ---- campaign_masks.c */

/* Makes the masked plans of `p` with the roster in force, whose hash enters it; false, and `refused` says why, when it cannot be.
 * With `again` the roster must be the one that `p` names. */
bool campaign_make_masks(struct campaign *c, struct round_plan *p, bool again);
void campaign_free_masks(struct campaign *c);
void campaign_put_masks(struct campaign *c, struct round_config *config, struct secagg_plan *masks); /* [plan_count] */

/* Is the roster in force the one of the last plan? True for clear studies. */
bool campaign_same_roster(const struct campaign *c);

/* Under groups: enough sites approve in more than half of those that there are. */
bool campaign_groups_approve(const struct campaign *c, struct diag *why);

/* Ends a restored attempt whose roster is gone. */
void campaign_end_lost(struct campaign *c, int64_t now_ms);

/* ---- campaign_view.c */

/* The verdict on what comes for an attempt that is not open, and for one that is closed but not durably. */
enum upload_verdict campaign_past(const struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt);
bool campaign_is_closing(const struct campaign *c, uint64_t round, uint32_t attempt);

/* Late is told once the end of a round is on disk; of a phase, it is. */
static inline enum upload_verdict campaign_told(const struct campaign *c, enum upload_verdict verdict)
{
	bool ends = !round_masked(c->round) || round_state(c->round) == ROUND_CLOSED;

	return verdict == UPLOAD_LATE && ends ? UPLOAD_PENDING : verdict;
}

/* Passes the round's actions on; when it has closed, asks for the outcome or closes it as failed. */
void campaign_drain_round(struct campaign *c, int64_t now_ms);

#endif
