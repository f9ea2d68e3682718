/* The coordinator's shell in the world: executes the campaign's actions, with a disk that outlives it. */
#include "simulator/world_inside.h"

#include <string.h>

#define JOIN_MS 30000
#define DEADLINE_MS 600000
#define PAUSE_MS 10000

void coordinator_restart(struct world *w)
{
	struct campaign_config config = {
		.study = w->setting->study, .join_ms = JOIN_MS, .deadline_ms = DEADLINE_MS, .pause_ms = PAUSE_MS};
	struct diag why = {{0}};

	campaign_free(w->campaign);
	aggregate_free(&w->aggregate);
	w->ordered = w->end_stored = false;
	if (w->record == NULL) {
		w->campaign = campaign_new(&config);
	} else if (campaign_restore(&w->campaign, &config, w->record, w->now_ms, &why) != OK) {
		world_violate(w, why.text, 0);
		w->campaign = campaign_new(&config);
		return;
	}
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (w->answers[i] != ANSWER_COUNT)
			campaign_restore_answer(w->campaign, w->hosts[i].number, w->answers[i]);
	for (uint32_t i = 0; i < w->setting->site_count && campaign_round_open(w->campaign); i++)
		if (w->has_row[i])
			campaign_restore_site(w->campaign, &w->rows[i]);
	campaign_resume(w->campaign, w->now_ms);
}

/* ---- the operator */

void coordinator_obey(struct world *w, bool idle)
{
	uint32_t k = w->out->orders;
	const struct world_order *order = &w->plan->orders[k < WORLD_ORDERS_MAX ? k : 0];
	struct diag why = {{0}};
	enum err e = OK;

	if (k == WORLD_ORDERS_MAX || order->what == WORLD_NOTHING || w->ordered || w->record == NULL)
		return;
	if (w->out->coordinator_actions < order->at && !(idle && k > 0))
		return;
	if (order->what == WORLD_PAUSE)
		e = campaign_pause(w->campaign, &why);
	else if (order->what == WORLD_RESUME)
		e = campaign_unpause(w->campaign, w->now_ms, &why);
	else
		e = campaign_stop(w->campaign, w->now_ms, &why);
	w->ordered = e == OK;
	if (e != OK)
		w->out->orders++; /* the study is over: there is nothing left to order */
}

/* ---- actions */

static void keep_model(struct world *w, const struct outcome *o)
{
	if (!o->has_model || world_model(w, &o->model_sha256).len > 0)
		return;
	CHECK(w->model_count < WORLD_MODELS_MAX);
	w->models[w->model_count].sha256 = o->model_sha256;
	world_put(&w->models[w->model_count++].bytes, buf_bytes(&o->model));
}

static void store_record(struct world *w)
{
	const struct round_report *report = campaign_report(w->campaign);
	const struct round_plan *p = campaign_plan(w->campaign);

	json_free(w->record);
	w->record = campaign_save(w->campaign);
	if (report != NULL)
		truth_of_end(w, report);
	w->end_stored = report != NULL;
	if (p->round != w->rows_round || p->attempt != w->rows_attempt)
		memset(w->has_row, 0, sizeof w->has_row);
	w->rows_round = p->round;
	w->rows_attempt = p->attempt;
	if (w->ordered)
		w->out->orders++;
	w->ordered = false;
}

/* False: the disk is full. */
static bool store_row(struct world *w, const struct host *h)
{
	const struct round_site *row = round_site(campaign_round(w->campaign), h->number);

	if (row->state == SITE_EXPECT_PERSISTED && ++w->out->uploads == w->plan->disk_full_at)
		return false;
	if (w->has_row[h->index])
		world_violate(w, "a site got two rows in one attempt", w->rows_round);
	w->rows[h->index] = *row;
	if (row->state == SITE_EXPECT_PERSISTED)
		w->rows[h->index].state = SITE_CONTRIBUTED;
	w->has_row[h->index] = true;
	return true;
}

static void compute(struct world *w, struct outcome *outcome)
{
	struct round_report now = {
		.plan = campaign_plan(w->campaign), .outcome = OUTCOME_DONE, .round = campaign_round(w->campaign)};
	struct diag why = {{0}};

	truth_of_sum(w, &now);
	if (outcome_compute(outcome, w->setting->study, now.plan, &w->aggregate, world_model(w, &now.plan->model),
	                    &why) != OK)
		world_violate(w, why.text, now.plan->round);
	keep_model(w, outcome);
}

/* Executes what `a` asks so that it is durable. False: it could not be stored. */
static bool execute(struct world *w, const struct campaign_action *a, struct outcome *outcome)
{
	struct host *h = a->site != 0 ? world_host(w, a->site) : NULL;

	switch (a->kind) {
	case CAMPAIGN_PERSIST_ANSWER:
		w->answers[h->index] = a->answer;
		break;
	case CAMPAIGN_PERSIST_SITE:
		return store_row(w, h);
	case CAMPAIGN_PERSIST:
		store_record(w);
		break;
	case CAMPAIGN_BEGIN:
		aggregate_begin(&w->aggregate, campaign_layout(w->campaign));
		break;
	case CAMPAIGN_ADD:
		aggregate_add(&w->aggregate, buf_bytes(&w->uploads[h->index]));
		break;
	case CAMPAIGN_COMPUTE:
		compute(w, outcome);
		break;
	case CAMPAIGN_WAKE:
		break;
	}
	return true;
}

static void answer(struct world *w, const struct campaign_action *a, bool stored, const struct outcome *outcome)
{
	if (a->kind == CAMPAIGN_PERSIST_SITE)
		campaign_site_persisted(w->campaign, a->site, stored, w->now_ms);
	else if (a->kind == CAMPAIGN_PERSIST)
		campaign_persisted(w->campaign, a->token, w->now_ms);
	else if (a->kind == CAMPAIGN_ADD)
		campaign_added(w->campaign, a->site, w->now_ms);
	else if (a->kind == CAMPAIGN_COMPUTE)
		campaign_computed(w->campaign, outcome, w->now_ms);
	w->end_stored = w->end_stored && campaign_report(w->campaign) != NULL;
}

bool coordinator_step(struct world *w)
{
	struct campaign_action a;
	struct outcome outcome = {0};
	uint32_t count = w->out->coordinator_actions;
	bool stored;

	coordinator_obey(w, false);
	if (w->now_ms >= campaign_deadline_ms(w->campaign))
		campaign_tick(w->campaign, w->now_ms);
	if (!campaign_next(w->campaign, &a))
		return false;
	w->out->coordinator_actions++;
	if (world_crashes(w, CRASH_COORDINATOR, 0, count, CRASH_BEFORE)) {
		coordinator_restart(w);
		return true;
	}
	stored = execute(w, &a, &outcome);
	if (world_crashes(w, CRASH_COORDINATOR, 0, count, CRASH_AFTER))
		coordinator_restart(w);
	else
		answer(w, &a, stored, &outcome);
	outcome_free(&outcome);
	return true;
}
