/*
 * The coordinator's program: a turn of its loop handles what has come, drains the campaign, commits, tells the campaign what is
 * durable, and only then lets answers go (runner.c, course.c, daemon.c). Its pool syncs uploads, adds them, and makes models;
 * each job ends at a time of its own.
 */
#include "simulator/truth.h"

#include <string.h>

#define EARLY 8 /* one action in so many is the last before a commit */
#define LATER 6 /* one commit in so many is left to the next turn */
#define LATER_MS 5
#define BOOT_MS 100000 /* a machine's monotonic clock shows less when the program starts */

int64_t office_now_ms(const struct world *w)
{
	return w->now_ms + w->office.clock_ms;
}

struct bytes office_model(const struct world *w, const struct hash *sha256)
{
	const struct office *c = &w->office;

	for (uint32_t i = 0; i < c->model_count; i++)
		if (hash_equal(&c->models[i].sha256, sha256))
			return buf_bytes(&c->models[i].bytes);
	return bytes_of(NULL, 0);
}

/* What the first group that has not ended awaits. */
static enum during during_masks(const struct round *round)
{
	static const enum during awaits[SECAGG_SERVER_STATE_COUNT] = {
		[SECAGG_SERVER_EXPECT_KEYS] = DURING_KEYS,
		[SECAGG_SERVER_EXPECT_U1_PERSISTED] = DURING_KEYS,
		[SECAGG_SERVER_EXPECT_SHARES] = DURING_SHARES,
		[SECAGG_SERVER_EXPECT_U2_PERSISTED] = DURING_SHARES,
		[SECAGG_SERVER_EXPECT_INPUTS] = DURING_INPUT,
		[SECAGG_SERVER_EXPECT_U3_PERSISTED] = DURING_INPUT,
		[SECAGG_SERVER_EXPECT_SIGNATURES] = DURING_SURVIVORS,
		[SECAGG_SERVER_EXPECT_ANSWERS] = DURING_ANSWERS,
		[SECAGG_SERVER_EXPECT_UNMASKED] = DURING_UNMASKING,
		[SECAGG_SERVER_DONE] = DURING_UNMASKING,
		[SECAGG_SERVER_FAILED] = DURING_UNMASKING,
	};
	enum secagg_server_state state = SECAGG_SERVER_DONE;

	for (uint32_t g = 0; g < round_groups(round) && state >= SECAGG_SERVER_DONE; g++)
		state = secagg_server_state(round_server(round, g));
	return awaits[state];
}

enum during office_during(const struct world *w)
{
	const struct office *c = &w->office;

	if (!c->up)
		return c->was;
	switch (campaign_state(c->campaign)) {
	case CAMPAIGN_READY:
	case CAMPAIGN_EXPECT_SITES:
		return DURING_JOINING;
	case CAMPAIGN_EXPECT_OPENED:
		return DURING_OPENING;
	case CAMPAIGN_EXPECT_ROUND:
		if (world_masked(w))
			return during_masks(campaign_round(c->campaign));
		return round_state(campaign_round(c->campaign)) == ROUND_EXPECT_CONTRIBUTIONS ? DURING_COLLECTING
		                                                                              : DURING_SUMMING;
	case CAMPAIGN_EXPECT_OUTCOME:
		return DURING_OUTCOME;
	case CAMPAIGN_EXPECT_CLOSED:
		return DURING_CLOSING;
	case CAMPAIGN_EXPECT_RETRY:
		return DURING_BETWEEN;
	default:
		return DURING_OVER;
	}
}

/* ---- birth, death, rebirth */

/* An attempt is open: sites join it from here on. */
static void opened(struct world *w)
{
	struct office *c = &w->office;

	memset(c->joined, 0, sizeof c->joined);
	memset(c->awaited, 0, sizeof c->awaited);
	c->past_joining = world_masked(w) && truth_has_masked(w, &c->cache, SECAGG_SHARES, 0);
	c->opened_ms = w->now_ms;
}

static void restore(struct world *w)
{
	struct office *c = &w->office;
	struct campaign_config config = world_config(w);
	struct diag why = {{0}};

	if (c->cache.record == NULL) {
		c->campaign = campaign_new(&config);
		c->disk.record = c->cache.record = campaign_save(c->campaign); /* the study was added */
	} else if (campaign_restore(&c->campaign, &config, c->cache.record, office_now_ms(w), &why) != OK) {
		truth_violated(w, CHECK_KEPT, "the record cannot be read again: %s", why.text);
		c->campaign = campaign_new(&config);
		return;
	}
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (c->cache.answers[i] != ANSWER_COUNT)
			campaign_restore_answer(c->campaign, world_number(i), c->cache.answers[i]);
	if (campaign_round_open(c->campaign))
		sums_restore(w);
	for (uint32_t i = 0; i < w->setting->site_count && campaign_round_open(c->campaign); i++)
		if (c->cache.has_row[i])
			campaign_restore_site(c->campaign, &c->cache.rows[i]);
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (c->revoked[i])
			campaign_revoked(c->campaign, world_number(i), office_now_ms(w));
	campaign_resume(c->campaign, office_now_ms(w));
}

void office_start(struct world *w)
{
	struct office *c = &w->office;

	world_note(w, COORDINATOR, "starts", c->boot, 0, 0);
	c->up = true;
	c->clock_ms = (int64_t)world_below(w, BOOT_MS) - w->now_ms;
	c->acted_ms = w->now_ms;
	c->deadline_ms = INT64_MAX;
	queue_init(&c->to_sync, sizeof(uint32_t));
	queue_init(&c->to_add, sizeof(uint32_t));
	queue_init(&c->told, sizeof(uint32_t));
	queue_init(&c->rows_told, sizeof(uint32_t));
	queue_init(&c->to_unmask, sizeof(uint32_t));
	disk_restore(w);
	restore(w);
	office_turn(w); /* what the campaign begins with comes before any request */
}

static void forget(struct world *w)
{
	struct office *c = &w->office;

	sums_end(w);
	campaign_free(c->campaign);
	c->campaign = NULL;
	aggregate_free(&c->sum);
	for (uint32_t i = 0; i < WORLD_SITES_MAX; i++) {
		buf_free(&c->slots[i].octets);
		c->slots[i].complete = false;
	}
	for (int k = 0; k < JOB_KIND_COUNT; k++) {
		round_plan_free(&c->jobs[k].plan);
		memset(&c->jobs[k], 0, sizeof c->jobs[k]);
	}
	queue_free(&c->to_sync);
	queue_free(&c->to_add);
	queue_free(&c->told);
	queue_free(&c->rows_told);
	queue_free(&c->to_unmask);
	c->roster_told = 0;
	c->staging++;
	c->token = 0;
	c->to_compute = c->ordered = c->obeyed = c->end_stored = c->dirty = c->has_end = c->turn_is_due = false;
}

void office_crash(struct world *w, bool survives)
{
	struct office *c = &w->office;
	int64_t down_ms = 1 + (int64_t)world_below(w, w->plan->silent ? GIVE_UP_MS + HOLD_MS : DOWN_MS);
	struct event e;

	world_note(w, COORDINATOR, "dies", c->boot, 0, 0);
	c->was = office_during(w);
	c->up = false;
	c->boot++;
	disk_lose(w, survives);
	desk_close(w, true);
	forget(w);
	e = world_event(w, EVENT_START, COORDINATOR, down_ms);
	agenda_add(&w->agenda, &e);
}

bool office_dies(struct world *w, uint32_t step, enum crash_when when)
{
	if (!world_crashes(w, SIDE_COORDINATOR, 0, step, when))
		return false;
	office_crash(w, false);
	return true;
}

void office_free(struct world *w)
{
	desk_close(w, false);
	disk_free(w);
	forget(w);
}

/* ---- the campaign's actions */

static void end_attempt(struct world *w)
{
	struct office *c = &w->office;
	uint32_t site;

	c->staging++;
	for (uint32_t i = 0; i < WORLD_SITES_MAX; i++)
		c->slots[i].complete = false;
	while (queue_pop(&c->to_sync, &site) || queue_pop(&c->to_add, &site))
		;
	sums_end(w);
}

static void persist_site(struct world *w, uint32_t index)
{
	const struct round *round = campaign_round(w->office.campaign);
	const struct round_site *row = round != NULL ? round_site(round, world_number(index)) : NULL;

	if (row != NULL && row->state == SITE_EXPECT_PERSISTED)
		queue_push(&w->office.to_sync, &index);
	else
		disk_store_row(w, index);
}

static void execute(struct world *w, const struct campaign_action *a)
{
	struct office *c = &w->office;
	uint32_t index = a->site != 0 ? world_host(w, a->site)->index : 0;

	switch (a->kind) {
	case CAMPAIGN_PERSIST_ANSWER:
		c->cache.answers[index] = a->answer;
		c->dirty = true;
		break;
	case CAMPAIGN_PERSIST_SITE:
		persist_site(w, index);
		break;
	case CAMPAIGN_PERSIST:
		disk_store_record(w, a->token);
		break;
	case CAMPAIGN_BEGIN:
		end_attempt(w);
		opened(w);
		aggregate_begin(&c->sum, campaign_layout(c->campaign));
		sums_begin(w);
		break;
	case CAMPAIGN_ADD:
		queue_push(&c->to_add, &index);
		break;
	case CAMPAIGN_COMPUTE:
		c->to_compute = true;
		break;
	case CAMPAIGN_PERSIST_ROW:
		sums_persist_row(w, a->group, a->row);
		break;
	case CAMPAIGN_TELL:
		desk_tell(w);
		break;
	case CAMPAIGN_UNMASK:
		queue_push(&c->to_unmask, &a->group);
		break;
	case CAMPAIGN_WAKE:
		if (!campaign_round_open(c->campaign))
			end_attempt(w);
		desk_wake(w);
		desk_tell(w);
		break;
	}
}

/* False: the program has died. *left: not all was drained. */
static bool drain(struct world *w, bool *left)
{
	static const char *const names[] = {"persists an answer",
	                                    "persists a site",
	                                    "persists the record",
	                                    "begins",
	                                    "persists a row",
	                                    "tells",
	                                    "adds",
	                                    "unmasks",
	                                    "computes",
	                                    "wakes"};
	struct office *c = &w->office;
	struct campaign_action a;

	*left = false;
	while (!*left && campaign_next(c->campaign, &a)) {
		uint32_t step = w->out->coordinator_steps++;

		c->acted_ms = w->now_ms;
		world_note(w, COORDINATOR, names[a.kind], a.site, a.token, 0);
		if (office_dies(w, step, CRASH_BEFORE))
			return false;
		execute(w, &a);
		if (office_dies(w, step, CRASH_AFTER))
			return false;
		*left = world_below(w, EARLY) == 0;
	}
	return true;
}

/* ---- a turn of the loop */

void office_wants_turn(struct world *w, int64_t after_ms)
{
	struct event e = world_event(w, EVENT_TURN, COORDINATOR, after_ms);

	if (w->office.turn_is_due)
		return;
	w->office.turn_is_due = true;
	agenda_add(&w->agenda, &e);
}

/* The next deadline brings a turn of its own. */
static void note_deadline(struct world *w)
{
	struct office *c = &w->office;
	int64_t at_ms = campaign_deadline_ms(c->campaign);
	struct event e = world_event(w, EVENT_TURN, COORDINATOR, 0);

	if (at_ms == INT64_MAX || at_ms == c->deadline_ms)
		return;
	c->deadline_ms = at_ms;
	e.at_ms = at_ms - c->clock_ms;
	agenda_add(&w->agenda, &e);
}

/* All rows and records are durable: the campaign hears of it. */
static void tell(struct world *w)
{
	struct office *c = &w->office;
	const struct round_plan *plan = campaign_plan(c->campaign);
	uint64_t token = c->token;
	uint32_t index;

	while (queue_pop(&c->told, &index))
		if (campaign_state(c->campaign) == CAMPAIGN_EXPECT_ROUND && plan->round == c->told_round &&
		    plan->attempt == c->told_attempt)
			campaign_site_persisted(c->campaign, world_number(index), true, office_now_ms(w));
	sums_tell(w);
	c->token = 0;
	if (token != 0)
		campaign_persisted(c->campaign, token, office_now_ms(w));
	c->end_stored = c->end_stored && campaign_report(c->campaign) != NULL;
	desk_told(w);
}

/* False: the program has died of it. */
static bool commit(struct world *w)
{
	if (!disk_commit(w))
		return false;
	tell(w);
	return true;
}

void office_turn(struct world *w)
{
	struct office *c = &w->office;
	bool left = true;

	c->turn_is_due = false;
	for (uint32_t i = 0; i < c->arrived_count; i++)
		desk_handle(w, c->arrived[i]);
	c->arrived_count = 0;
	people_act(w);
	if (c->dirty && world_below(w, 2) == 0 && !commit(w))
		return;
	while (left || c->dirty) {
		if (!drain(w, &left))
			return;
		pool_start_jobs(w);
		if (!c->dirty)
			continue;
		if (!left && world_below(w, LATER) == 0) { /* more may be written before, and answers wait */
			office_wants_turn(w, 1 + (int64_t)world_below(w, LATER_MS));
			return;
		}
		if (!commit(w))
			return;
		left = true;
	}
	desk_answer(w);
	note_deadline(w);
}
