/* The people in the world: the operator and his orders, the authority that revokes, hospitals that come, withdraw and are revoked,
 * and the calendar. */
#include "simulator/truth.h"

#define IDLE_MS (4 * HOLD_MS) /* nothing moves but polls: the operator's next order is due */
#define LEAVE_AGAIN_MS 20

/* ---- at the coordinator */

static void obey(struct world *w)
{
	struct office *c = &w->office;
	uint32_t k = w->out->orders;
	const struct world_order *order = &w->plan->orders[k < WORLD_ORDERS_MAX ? k : 0];
	bool idle = w->now_ms - c->acted_ms > IDLE_MS;
	struct diag why = {{0}};
	enum err e = OK;

	if (k == WORLD_ORDERS_MAX || order->what == WORLD_NOTHING || c->ordered)
		return;
	if (w->out->coordinator_steps < order->at && !(idle && k > 0))
		return;
	if (order->what == WORLD_PAUSE)
		e = campaign_pause(c->campaign, &why);
	else if (order->what == WORLD_RESUME)
		e = campaign_unpause(c->campaign, office_now_ms(w), &why);
	else
		e = campaign_stop(c->campaign, office_now_ms(w), &why);
	world_note(w, COORDINATOR, "is ordered", order->what, e == OK, 0);
	c->ordered = e == OK;
	if (e != OK)
		w->out->orders++; /* the study is over: there is nothing left to order */
}

void people_act(struct world *w)
{
	struct office *c = &w->office;
	int64_t now_ms = office_now_ms(w);
	struct diag why = {{0}};

	if (campaign_state(c->campaign) == CAMPAIGN_READY && campaign_start(c->campaign, now_ms, &why) != OK)
		truth_violated(w, CHECK_KEPT, "a study that is ready cannot be started: %s", why.text);
	obey(w);
	if (c->roster_told != w->roster.version)
		campaign_roster_changed(c->campaign, now_ms);
	c->roster_told = w->roster.version;
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (c->revoked[i])
			campaign_revoked(c->campaign, world_number(i), now_ms);
	if (world_wall_s(w, c->wall_s) >= study_expires_s(w->setting->study) &&
	    campaign_state(c->campaign) < CAMPAIGN_FINISHED) {
		c->expired = true;
		if (campaign_stop(c->campaign, now_ms, &why) != OK)
			world_note(w, COORDINATOR, "is just ending", 0, 0, 0);
	}
	if (now_ms >= campaign_deadline_ms(c->campaign))
		campaign_tick(c->campaign, now_ms);
}

/* ---- coming and going */

static void come(struct world *w, struct host *h)
{
	struct event e = world_event(w, EVENT_START, h->index, 1 + (int64_t)world_below(w, DOWN_MS));

	h->joined = true;
	agenda_add(&w->agenda, &e);
}

static void go(struct world *w, struct host *h)
{
	struct event e;

	world_note(w, h->index, "withdraws", 0, 0, 0);
	host_stop(h);
	h->leaving = true;
	h->boot++;
	e = world_event(w, EVENT_LEAVE, h->index, 1);
	agenda_add(&w->agenda, &e);
}

static void revoke(struct world *w, struct host *h)
{
	world_note(w, h->index, "is revoked", 0, 0, 0);
	h->revoked = w->office.revoked[h->index] = true;
	if (w->plan->renews)
		secrets_renew_roster(w);
	if (w->office.up)
		office_wants_turn(w, 1);
}

void people_come_or_go(struct world *w)
{
	const struct world_plan *p = w->plan;
	uint32_t ends = w->out->end_count;
	bool over = w->told_texts[MESSAGE_FINISHED].len > 0;

	for (uint32_t i = 0; i < w->setting->site_count; i++) {
		struct host *h = &w->hosts[i];

		if (!h->joined && ends >= p->joins_after[i])
			come(w, h);
		if (h->joined && !h->leaving &&
		    ((p->leaves_after[i] > 0 && ends >= p->leaves_after[i]) || (p->leaves_last[i] && over)))
			go(w, h);
		if (!h->revoked && p->revoked_after[i] > 0 && ends >= p->revoked_after[i])
			revoke(w, h);
	}
}

/* Withdrawing is told again until it is known. A person's word comes later than what the network still holds of the program
 * that has ended: a poll that arrived after it would approve again. */
void people_leave(struct world *w, struct host *h)
{
	struct event e = world_event(w, EVENT_LEAVE, h->index, LEAVE_AGAIN_MS);

	if (h->left || h->revoked)
		return;
	agenda_add(&w->agenda, &e);
	if (h->flying_count[1] == 0 && h->lanes[LANE_WORK].request == 0) {
		h->up = true;
		h->chore.action.kind = SESSION_END;
		wire_work(w, h);
	}
}
