/*
 * What a campaign asks to last, written into the store; and the campaign told once it is committed. Rows of an attempt that has ended
 * meanwhile are left out, or have no one to tell.
 */
#include "coordinator/course.h"

#include "coordinator/events.h"
#include "protocol/masked_plan.h"

static void persist_answer(struct course *c, const struct campaign_action *a)
{
	struct course_world *w = c->world;

	store_answer(w->store, c->id, a->site, a->answer, w->wall_ms);
	events_answer(w, c->study, a->site, a->answer);
}

/* The fewest contributions of a round that succeeds: under groups those of the smallest groups, more than half of them. */
static uint32_t quorum_of(const struct study *study, uint32_t invited)
{
	uint32_t groups = masked_plan_groups(study, invited);

	if (study->sites.masking != MASKING_GROUPS || groups == 0)
		return plan_quorum(&study->sites, invited);
	uint32_t size = invited / groups, small = groups - invited % groups, needed = groups / 2 + 1;
	if (small > needed)
		small = needed;
	return small * plan_quorum(&study->sites, size) + (needed - small) * plan_quorum(&study->sites, size + 1);
}

static void persist_record(struct course *c, uint64_t token)
{
	struct course_world *w = c->world;
	const struct round_report *report = campaign_report(c->campaign);
	const struct round_plan *plan = campaign_plan(c->campaign);
	struct json *record = campaign_save(c->campaign);

	store_record(w->store, c->id, record);
	json_free(record);
	moments_persist(&c->moments, w->store, c->id, c->study, c->campaign);
	if (campaign_over(c->campaign) && c->busy == 0)
		moments_free(&c->moments);
	if (report != NULL && store_close_round(w->store, c->id, report, w->wall_ms))
		events_round_closed(w, c->study, report);
	if (campaign_round_open(c->campaign) &&
	    store_open_round(w->store, c->id, plan, quorum_of(c->study, plan->site_count), course_octets(c),
	                     w->wall_ms))
		events_round_opened(w, c->study, plan);
	if (!campaign_round_open(c->campaign))
		store_abandon_planned(w->store, c->id, w->wall_ms);
	events_state(w, c->study, c->campaign, &c->announced);
	c->token = token;
}

void course_persist(struct course *c, const struct campaign_action *a)
{
	if (a->kind == CAMPAIGN_PERSIST_ANSWER)
		persist_answer(c, a);
	else if (a->kind == CAMPAIGN_PERSIST)
		persist_record(c, a->token);
}

void course_persist_site(struct course *c, uint32_t site)
{
	struct course_world *w = c->world;
	const struct round_report *ended = campaign_report(c->campaign);
	const struct round_plan *plan = ended != NULL ? ended->plan : campaign_plan(c->campaign);
	const struct round *round = campaign_round(c->campaign);
	const struct round_site *row = round != NULL ? round_site(round, site) : NULL;
	uint64_t octets = course_octets(c);

	/* An upload whose round has ended meanwhile does not count; a refusal that ended it does. */
	if (row == NULL || row->state < (ended != NULL ? SITE_REFUSED : SITE_EXPECT_PERSISTED))
		return;
	if (!store_participant(w->store, c->id, plan, row, octets, w->wall_ms))
		return; /* a site that was dropped while its upload was synced */
	events_site(w, c->study, plan, row);
	c->sites_round = plan->round;
	c->sites_attempt = plan->attempt;
	queue_push(&c->sites, &site);
}

void course_persist_row(struct course *c, uint32_t group, uint64_t row)
{
	const struct round_plan *plan = campaign_plan(c->campaign);
	const struct round *round = campaign_round(c->campaign);
	const struct secagg_row *r =
		campaign_state(c->campaign) == CAMPAIGN_EXPECT_ROUND ? round_row(round, group, row) : NULL;

	if (r == NULL)
		return;
	store_masked_row(c->world->store, c->id, plan->round, plan->attempt, group, r);
	c->sites_round = plan->round;
	c->sites_attempt = plan->attempt;
	queue_push(&c->rows, &(struct course_row){group, row});
}

/* Rows of an attempt that has ended meanwhile have no one to tell. */
static bool is_current(const struct course *c)
{
	const struct round_plan *plan = campaign_plan(c->campaign);

	return campaign_state(c->campaign) == CAMPAIGN_EXPECT_ROUND && plan->round == c->sites_round &&
	       plan->attempt == c->sites_attempt;
}

bool course_committed(struct course *c)
{
	bool told = c->sites.count > 0 || c->rows.count > 0 || c->token != 0;
	uint64_t token = c->token;
	struct course_row row;
	uint32_t site;

	while (queue_pop(&c->sites, &site))
		if (is_current(c))
			campaign_site_persisted(c->campaign, site, true, c->world->now_ms);
	while (queue_pop(&c->rows, &row))
		if (is_current(c))
			campaign_row_persisted(c->campaign, row.group, row.row, c->world->now_ms);
	c->token = 0;
	if (token != 0) {
		c->models_changed = true;
		campaign_persisted(c->campaign, token, c->world->now_ms);
	}
	return told;
}

void course_drain(struct course *c)
{
	struct campaign_action a;

	while (campaign_next(c->campaign, &a)) {
		if (a.kind == CAMPAIGN_PERSIST_SITE)
			course_persist_site(c, a.site);
		else
			course_persist(c, &a);
	}
}
