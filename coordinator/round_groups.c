/*
 * The course of the groups of a masked round: what their servers ask for is passed on, deadlines end phases, and groups that are
 * done or failed make the end of the round.
 *
 * A server counts everybody as awaited who is not gone. Those who have not joined stay awaited there, since they may still come while
 * KEYS lasts; so this file ends KEYS early itself, and a server that has U1 waits for no one else.
 */
#include "coordinator/round_inside.h"

#include <stdlib.h>

/* ---- life */

static void open_group(struct round *r, uint32_t g, const struct round_config *config, int64_t now_ms)
{
	const struct secagg_plan *plan = &config->masks[g];
	struct round_group *group = &r->groups[g];
	struct diag why = {{0}};

	CHECK(secagg_server_open(&group->server, &config->attempt, plan, &why) == OK);
	group->state = secagg_server_state(group->server);
	group->deadline_ms = now_ms + config->deadline_ms;
	group->quorum = plan->quorum;
	group->threshold = secagg_threshold(plan);
	group->share_threshold = secagg_share_threshold(plan);
	for (uint32_t i = 0; i < plan->n; i++) {
		struct round_site *s = round_find(r, plan->sites[i].number);

		CHECK(s != NULL && round_place(r, s)->group == UINT32_MAX);
		round_place(r, s)->group = g;
	}
}

void round_groups_open(struct round *r, const struct round_config *config, int64_t now_ms)
{
	CHECK(config->groups > 0);
	r->group_count = config->groups;
	r->deadline_ms = config->deadline_ms;
	r->phase_ms = config->phase_ms;
	r->groups = mem_array(config->groups, sizeof *r->groups);
	r->places = mem_array(r->site_count, sizeof *r->places);
	for (uint32_t i = 0; i < r->site_count; i++)
		r->places[i].group = UINT32_MAX;
	for (uint32_t g = 0; g < config->groups; g++)
		open_group(r, g, config, now_ms);
	for (uint32_t i = 0; i < r->site_count; i++)
		CHECK(r->places[i].group != UINT32_MAX);
}

void round_groups_free(struct round *r)
{
	for (uint32_t g = 0; g < r->group_count; g++)
		secagg_server_free(r->groups[g].server);
	free(r->groups);
	free(r->places);
}

/* ---- phases */

enum secagg_phase round_group_phase(const struct round_group *g)
{
	switch (g->state) {
	case SECAGG_SERVER_EXPECT_KEYS:
	case SECAGG_SERVER_EXPECT_U1_PERSISTED:
		return SECAGG_KEYS;
	case SECAGG_SERVER_EXPECT_SHARES:
	case SECAGG_SERVER_EXPECT_U2_PERSISTED:
		return SECAGG_SHARES;
	case SECAGG_SERVER_EXPECT_INPUTS:
	case SECAGG_SERVER_EXPECT_U3_PERSISTED:
		return SECAGG_INPUT;
	case SECAGG_SERVER_EXPECT_SIGNATURES:
		return SECAGG_SURVIVORS;
	case SECAGG_SERVER_EXPECT_ANSWERS:
		return SECAGG_OPENING;
	default:
		return SECAGG_PHASE_COUNT;
	}
}

uint32_t round_group_needs(const struct round_group *g, enum secagg_phase phase)
{
	if (phase <= SECAGG_INPUT)
		return g->quorum;
	return phase == SECAGG_SURVIVORS ? g->threshold : g->share_threshold;
}

/* ---- ends */

static bool has_ended(const struct round_group *g)
{
	return g->state >= SECAGG_SERVER_DONE;
}

bool round_groups_succeeded(const struct round *r)
{
	return !r->failed && 2 * r->groups_done > r->group_count;
}

/* Whether the group has gone on, or failed, without a site whose message of this phase is missing. */
static bool went_without(const struct round_group *g, enum secagg_phase phase)
{
	if (g->state == SECAGG_SERVER_FAILED)
		return phase <= g->failed_in;
	return phase < round_group_phase(g);
}

static void drop_silent(struct round *r, struct round_site *s)
{
	static const enum drop_reason reasons[] = {DROP_IN_KEYS, DROP_IN_SHARES, DROP_IN_INPUT};
	uint32_t missing = round_place(r, s)->sent;

	if (s->state != SITE_EXPECT_CONTRIBUTION || !went_without(round_site_group(r, s), missing))
		return;
	s->dropped = reasons[missing];
	round_enter(r, s, SITE_DROPPED);
}

static void close_round(struct round *r)
{
	for (uint32_t i = 0; i < r->site_count; i++)
		drop_silent(r, &r->sites[i]);
	r->state = ROUND_CLOSED;
	round_act(r, ROUND_CLOSE, 0);
}

static void close_when_ended(struct round *r)
{
	bool hopeless = 2 * r->groups_failed >= r->group_count;

	if (r->state != ROUND_CLOSED && (hopeless || r->groups_done + r->groups_failed == r->group_count))
		close_round(r);
}

/* The sum of a group that failed is not made: under groups none of its sites is in what the others make. */
static void fail_group(struct round *r, struct round_group *g)
{
	uint32_t number = (uint32_t)(g - r->groups);

	r->groups_failed++;
	if (r->why.text[0] == '\0') /* the first to fail */
		diag_set(&r->why, ERR_PROTOCOL, "%s", secagg_server_why(g->server));
	if (r->group_count == 1)
		return;
	if (r->groups_failed == 1)
		diag_prefix(&r->why, ERR_PROTOCOL, "group %u of %u", number + 1, r->group_count);
	for (uint32_t i = 0; i < r->site_count; i++) {
		struct round_site *s = &r->sites[i];

		if (r->places[i].group != number || !round_takes_part(s) || s->state == SITE_EXPECT_JOIN)
			continue;
		s->dropped = DROP_GROUP;
		round_enter(r, s, SITE_DROPPED);
	}
	queue_push(&r->actions, &(struct round_action){.kind = ROUND_TELL, .group = number, .phase = SECAGG_OPENING});
}

void round_fail(struct round *r, const char *why)
{
	if (r->state == ROUND_CLOSED)
		return;
	r->failed = true;
	diag_set(&r->why, ERR_DATA, "%s", why);
	close_round(r);
}

/* ---- following a server */

static void take_in(struct round *r, uint32_t site)
{
	struct round_site *s = round_find(r, site);

	if (s->state != SITE_EXPECT_PERSISTED) /* restored: it has been asked for */
		return;
	round_enter(r, s, SITE_EXPECT_ADDED);
	round_site_group(r, s)->to_add++;
	round_act(r, ROUND_ADD, site);
}

static void pass_on(struct round *r, struct round_group *g, const struct secagg_server_action *a)
{
	struct round_action out = {.group = (uint32_t)(g - r->groups), .row = a->row, .phase = a->phase};

	switch (a->kind) {
	case SECAGG_SERVER_PERSIST:
		out.kind = ROUND_PERSIST_ROW;
		queue_push(&r->actions, &out);
		break;
	case SECAGG_SERVER_SEND:
		out.kind = ROUND_TELL;
		queue_push(&r->actions, &out);
		break;
	case SECAGG_SERVER_ACKNOWLEDGE:
		take_in(r, a->site);
		break;
	case SECAGG_SERVER_UNMASK:
		g->unmask_due = true;
		break;
	case SECAGG_SERVER_END:
		break; /* its state tells */
	}
}

void round_group_enter(struct round *r, struct round_group *g, int64_t now_ms)
{
	enum secagg_phase phase = secagg_server_takes(g->server);

	g->failed_in = round_group_phase(g);
	g->state = secagg_server_state(g->server);
	g->deadline_ms = phase == SECAGG_PHASE_COUNT ? INT64_MAX
	                 : phase == SECAGG_INPUT     ? now_ms + r->deadline_ms
	                                             : now_ms + r->phase_ms;
	if (g->state >= SECAGG_SERVER_EXPECT_ANSWERS && g->state <= SECAGG_SERVER_DONE)
		g->opened = true;
	if (g->state == SECAGG_SERVER_DONE)
		r->groups_done++;
	else if (g->state == SECAGG_SERVER_FAILED)
		fail_group(r, g);
}

static void follow(struct round *r, struct round_group *g, int64_t now_ms)
{
	struct secagg_server_action a;

	while (secagg_server_next(g->server, &a))
		pass_on(r, g, &a);
	if (secagg_server_state(g->server) != g->state)
		round_group_enter(r, g, now_ms);
	if (g->unmask_due && g->to_add == 0) {
		g->unmask_due = false;
		queue_push(&r->actions,
		           &(struct round_action){.kind = ROUND_UNMASK, .group = (uint32_t)(g - r->groups)});
	}
}

/* ---- time, and who is not waited for */

/* All who have joined have sent their keys, nobody else is waited for any longer, and there are enough. */
static bool has_all_keys(const struct round *r, const struct round_group *g)
{
	return g->state == SECAGG_SERVER_EXPECT_KEYS && r->join_over && g->silent == 0 &&
	       g->sent[SECAGG_KEYS] >= g->quorum;
}

void round_group_settle(struct round *r, struct round_group *g, int64_t now_ms)
{
	if (r->state == ROUND_CLOSED)
		return;
	if (!has_ended(g))
		follow(r, g, now_ms);
	while (!has_ended(g) && (now_ms >= g->deadline_ms || has_all_keys(r, g))) {
		secagg_server_close(g->server);
		follow(r, g, now_ms);
	}
	close_when_ended(r);
}

void round_groups_settle(struct round *r, int64_t now_ms)
{
	if (!r->join_over && now_ms >= r->join_at_ms)
		round_end_joining(r);
	for (uint32_t g = 0; g < r->group_count; g++)
		round_group_settle(r, &r->groups[g], now_ms);
}

int64_t round_groups_deadline_ms(const struct round *r)
{
	int64_t first = r->join_over ? INT64_MAX : r->join_at_ms;

	for (uint32_t g = 0; g < r->group_count; g++)
		if (!has_ended(&r->groups[g]) && r->groups[g].deadline_ms < first)
			first = r->groups[g].deadline_ms;
	return first;
}

void round_groups_joined(struct round *r, const struct round_site *s)
{
	round_site_group(r, s)->silent++;
}

/* What the phase needs, of those who have sent and those who still may. */
static void close_if_hopeless(struct round_group *g)
{
	enum secagg_phase phase = secagg_server_takes(g->server);

	if (phase != SECAGG_PHASE_COUNT &&
	    g->sent[phase] + secagg_server_awaited(g->server) < round_group_needs(g, phase))
		secagg_server_close(g->server);
}

void round_groups_left(struct round *r, const struct round_site *s)
{
	struct round_group *g = round_site_group(r, s);

	if (s->state == SITE_EXPECT_CONTRIBUTION && round_place(r, s)->sent == 0)
		g->silent--;
	secagg_server_gone(g->server, s->number);
	close_if_hopeless(g);
}

bool round_groups_note(struct round *r, struct round_site *s, enum secagg_phase phase)
{
	struct round_place *place = round_place(r, s);
	struct round_group *g = round_site_group(r, s);

	if (place->sent > phase)
		return false;
	if (s->state == SITE_EXPECT_CONTRIBUTION && place->sent == 0)
		g->silent--;
	if (s->state == SITE_EXPECT_JOIN)
		round_enter(r, s, SITE_EXPECT_CONTRIBUTION);
	s->absent = false;
	place->sent = phase + 1;
	g->sent[phase]++;
	return true;
}

/* ---- unmasking */

struct secagg_server *round_server(const struct round *r, uint32_t group)
{
	CHECK(group < r->group_count);
	return r->groups[group].server;
}

void round_unmasked(struct round *r, uint32_t group, uint32_t slice, enum err e, const struct diag *why, int64_t now_ms)
{
	CHECK(group < r->group_count);
	if (r->state == ROUND_CLOSED)
		return;
	secagg_server_unmasked(r->groups[group].server, slice, e, why);
	round_group_settle(r, &r->groups[group], now_ms);
}
