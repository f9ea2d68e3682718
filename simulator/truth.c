/* The checks by name, and those that are made after every step and at the end. */
#include "simulator/truth.h"

#include <stdarg.h>
#include <stdio.h>

#define ROUND_TIMES 20 /* within which a study that nothing disturbs makes progress */

static const struct {
	const char *name, *sentence;
} checks[CHECK_COUNT] = {
	[CHECK_SUM] = {"sum", "the published sum is the exact integer sum over the published participants"},
	[CHECK_ONCE] = {"once", "nobody is counted twice, or gets two rows in one attempt"},
	[CHECK_QUORUM] = {"quorum", "a sum is published only with the quorum that the contract gives"},
	[CHECK_KEPT] = {"kept", "no closed round is lost: records follow from the ends that were published"},
	[CHECK_NUMBERS] = {"numbers",
                           "round numbers, attempts and sequence numbers only grow, and one round has one plan"},
	[CHECK_NAMED] = {"named", "every site that did not take part has a named reason, and it is the true one"},
	[CHECK_INVITED] = {"invited", "who has withdrawn, or never approved, is not waited for"},
	[CHECK_ACKNOWLEDGED] = {"acknowledged", "what was acknowledged is durable, and counted"},
	[CHECK_TOLD] = {"told", "nothing is told before it is durable, and it says the same ever after"},
	[CHECK_LATE] = {"late", "a site is late only when the end of the attempt is durable and without it"},
	[CHECK_FINAL] = {"final", "a site makes one vector final for a round, and sends those octets and no others"},
	[CHECK_CLEAN] = {"clean", "damaged octets are refused"},
	[CHECK_MODEL] = {"model", "the model that a record names is there, and is the one that was made of the sum"},
	[CHECK_FRESH] = {"fresh", "keys are drawn anew for each attempt, say the same ever after, and mask one vector"},
	[CHECK_OPENED] = {"opened",
                          "a site opens a round in one attempt only, and there in one way; statistics once in a study"},
	[CHECK_SEALED] = {"sealed", "in an attempt that failed nobody has given a share away"},
	[CHECK_NOISE] = {"noise",
                         "what leaves a private study has noise of its own, and is never made anew once it is final"},
	[CHECK_LEDGER] = {"ledger",
                          "what leaves is in the hospital's books before, once for each round, at what it costs"},
	[CHECK_BUDGET] = {"budget",
                          "nobody releases more than was paid for, or than its budget permits, or refuses earlier"},
	[CHECK_SPARES] = {"spares", "after more lost rounds than were paid for a study ends, and says so"},
	[CHECK_STANDING] = {"standing",
                            "a hospital with an older copy of its books is silent, and no other one is refused"},
	[CHECK_BLIND] = {"blind", "no message, refusal or size depends on the values of a patient"},
	[CHECK_PROGRESS] = {"progress", "undisturbed, a study makes progress within 20 round times"},
	[CHECK_END] = {"end", "every study finishes, and every hospital hears of it"},
};

const char *check_name(enum check c)
{
	return checks[c].name;
}

const char *check_sentence(enum check c)
{
	return checks[c].sentence;
}

void truth_violated(struct world *w, enum check c, const char *fmt, ...)
{
	struct diag line;
	va_list args;

	if (w->out->violation[0] != '\0')
		return;
	va_start(args, fmt);
	diag_format(&line, fmt, args);
	va_end(args);
	snprintf(w->out->violation, sizeof w->out->violation, "%s: %.280s", checks[c].name, line.text);
	if (w->plan->trace != NULL)
		fprintf(w->plan->trace, "%9lld ms  VIOLATION    %s\n", (long long)w->now_ms, w->out->violation);
}

/* ---- after every step */

/* Whoever counts has a row on the disk, and its octets are there. */
static void counted_are_durable(struct world *w)
{
	const struct office *c = &w->office;
	const struct round_plan *plan = campaign_plan(c->campaign);
	const struct round *round = campaign_round(c->campaign);

	if (campaign_state(c->campaign) != CAMPAIGN_EXPECT_ROUND &&
	    campaign_state(c->campaign) != CAMPAIGN_EXPECT_OUTCOME)
		return;
	for (uint32_t i = 0; i < w->setting->site_count; i++) {
		const struct round_site *s = round_site(round, world_number(i));
		const struct round_site *row = &c->disk.rows[i];

		if (s == NULL || s->state < SITE_EXPECT_ADDED || s->state > SITE_CONTRIBUTED)
			continue;
		if (world_masked(w)) {
			if (!truth_has_masked(w, &c->disk, SECAGG_INPUT, s->number) || !c->synced[i].complete ||
			    !hash_equal(&c->synced[i].content, &s->content))
				truth_violated(w, CHECK_ACKNOWLEDGED,
				               "site %u counts in round %llu.%u, but its row or vector is not on disk",
				               s->number, (unsigned long long)plan->round, plan->attempt);
			continue;
		}
		if (!c->disk.has_row[i] || row->state != SITE_CONTRIBUTED || c->disk.rows_round != plan->round ||
		    c->disk.rows_attempt != plan->attempt || !c->synced[i].complete ||
		    !hash_equal(&c->synced[i].content, &s->content) || !hash_equal(&row->content, &s->content))
			truth_violated(w, CHECK_ACKNOWLEDGED, "site %u counts in round %llu.%u, but it is not on disk",
			               s->number, (unsigned long long)plan->round, plan->attempt);
	}
}

static void leavers_are_not_awaited(struct world *w)
{
	const struct round *round = campaign_round(w->office.campaign);

	if (campaign_state(w->office.campaign) != CAMPAIGN_EXPECT_ROUND)
		return;
	for (uint32_t i = 0; i < w->setting->site_count; i++) {
		const struct round_site *s = round_site(round, world_number(i));
		enum site_answer answer = ANSWER_COUNT;

		if (s == NULL || s->state > SITE_EXPECT_CONTRIBUTION)
			continue;
		if (!campaign_site_answer(w->office.campaign, s->number, &answer) || answer != ANSWER_APPROVED)
			truth_violated(w, CHECK_INVITED, "round %llu waits for site %u, which does not approve",
			               (unsigned long long)campaign_plan(w->office.campaign)->round, s->number);
	}
}

/* What may be sent is on the hospital's disk. */
static void final_is_durable(struct world *w, const struct host *h)
{
	const struct release_record *r = h->session != NULL ? session_content(h->session) : NULL;

	bool is_v = r != NULL && hash_equal(&h->record.content, &r->content);

	if (r != NULL && world_masked(w) && is_v)
		truth_violated(w, CHECK_FINAL, "site %u may send its vector without a mask", h->number);
	if (r != NULL && (!h->has_record || h->record.round != r->round || is_v == world_masked(w)))
		truth_violated(w, CHECK_FINAL, "site %u may send round %llu, which its ledger does not know", h->number,
		               (unsigned long long)r->round);
}

/* In a private study pauses double with each attempt. */
static int64_t pause_ms(const struct world *w)
{
	if (!world_private(w) || !w->office.up)
		return 0;
	return world_config(w).pause_ms << campaign_plan(w->office.campaign)->attempt;
}

void truth_of_step(struct world *w)
{
	int64_t limit_ms = ROUND_TIMES * world_wait_ms(w) + pause_ms(w);

	if (w->now_ms < w->before_ms)
		truth_violated(w, CHECK_NUMBERS, "time went back");
	if (w->office.up) {
		counted_are_durable(w);
		leavers_are_not_awaited(w);
	}
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		final_is_durable(w, &w->hosts[i]);
	if (w->calm && w->now_ms - w->progress_ms > limit_ms)
		truth_violated(w, CHECK_PROGRESS, "no round has ended well for %lld ms, though nothing disturbs",
		               (long long)(w->now_ms - w->progress_ms));
}

/* ---- at the end */

static bool may_be_stopped(const struct world *w)
{
	for (uint32_t i = 0; i < WORLD_ORDERS_MAX; i++)
		if (w->plan->orders[i].what == WORLD_STOP)
			return true;
	return w->office.expired;
}

/* Sites answer statistics once: a round of them that is lost after it may have been opened ends the study. */
static bool statistics_are_lost(const struct world *w)
{
	const struct world_end *last = w->out->end_count > 0 ? &w->out->ends[w->out->end_count - 1] : NULL;

	return world_masked(w) && last != NULL && last->outcome == OUTCOME_ABANDONED && last->statistics;
}

void truth_of_run(struct world *w)
{
	enum campaign_state state = campaign_state(w->office.campaign);

	if (state != CAMPAIGN_FINISHED && !(state == CAMPAIGN_STOPPED && may_be_stopped(w)) &&
	    !(state == CAMPAIGN_FAILED && (statistics_are_lost(w) || truth_is_spent(w))))
		truth_violated(w, CHECK_END, "the study is %s", campaign_state_name(w->office.campaign));
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (host_takes_part(w, &w->hosts[i]) && !w->hosts[i].over)
			truth_violated(w, CHECK_END, "site %u has not heard the end", w->hosts[i].number);
}
