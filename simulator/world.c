/* The world itself: its clock, its dice, its agenda, and when it is over. */
#include "simulator/truth.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 4000000 /* a world that needs more is stuck */
#define BEGIN_S 1767225600 /* 2026-01-01 */
#define LAST_STORM_MS 3000 /* once the study has ended: most studies end when all is calm */
#define ROUND_MS 1000 /* what a round takes beside waiting for sites that do not come */

/* ---- small things that all use */

static const struct roster *roster_in_force(void *world)
{
	return &((const struct world *)world)->roster;
}

bool world_masked(const struct world *w)
{
	return w->setting->study->sites.masking != MASKING_OFF;
}

struct campaign_config world_config(const struct world *w)
{
	const struct world_plan *p = w->plan;
	struct campaign_config config = {
		.study = w->setting->study,
		.join_ms = p->join_ms > 0 ? p->join_ms : WORLD_JOIN_MS,
		.deadline_ms = p->deadline_ms > 0 ? p->deadline_ms : WORLD_DEADLINE_MS,
		.pause_ms = p->pause_ms > 0 ? p->pause_ms : WORLD_PAUSE_MS,
		.sites_per_round = p->sites_per_round,
		.phase_ms = p->phase_ms > 0 ? p->phase_ms : WORLD_PHASE_MS,
		.roster = roster_in_force,
		.world = (void *)(uintptr_t)w, /* which only looks */
	};

	store_u64(config.sample_seed.b, p->seed);
	return config;
}

int64_t world_wait_ms(const struct world *w)
{
	const struct campaign_config c = world_config(w);

	/* under masks who falls silent is waited for in a phase: at most one of each kind */
	return c.join_ms + ROUND_MS + (world_masked(w) ? c.deadline_ms + 3 * c.phase_ms : 0);
}

void world_put(struct buf *to, struct bytes from)
{
	if (to->max == 0)
		buf_init(to, MODEL_FILE_MAX);
	buf_clear(to);
	buf_put(to, from);
}

struct host *world_host(struct world *w, uint32_t number)
{
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (w->hosts[i].number == number)
			return &w->hosts[i];
	abort();
}

int64_t world_wall_s(const struct world *w, int64_t wrong_s)
{
	return BEGIN_S + w->now_ms / 1000 + wrong_s;
}

struct event world_event(const struct world *w, enum event_kind kind, uint32_t who, int64_t after_ms)
{
	return (struct event){
		.at_ms = w->now_ms + after_ms,
		.kind = kind,
		.who = who,
		.boot = who == COORDINATOR ? w->office.boot : w->hosts[who].boot,
	};
}

/* ---- birth, end */

/* When it comes next: uniform, with the mean that the odds give. */
static void expect(struct world *w, enum event_kind kind, enum fault f, enum side s)
{
	double per_second = w->plan->odds.of[f][s];
	struct event e;

	if (per_second <= 0 || w->calm)
		return;
	e = world_event(w, kind, COORDINATOR, 1 + (int64_t)(rng_unit(&w->rng) * 2000 / per_second));
	e.number = (uint64_t)f * SIDE_COUNT + (uint64_t)s;
	agenda_add(&w->agenda, &e);
}

static bool is_undisturbed(const struct world_plan *p)
{
	for (int f = 0; f < FAULT_COUNT; f++)
		for (int s = 0; s < SIDE_COUNT; s++)
			if (p->odds.of[f][s] > 0)
				return false;
	return true;
}

static void begin_host(struct world *w, uint32_t i)
{
	struct host *h = &w->hosts[i];

	h->index = i;
	h->number = world_number(i);
	h->joined = w->plan->joins_after[i] == 0;
	h->policy = w->plan->refuses[i] ? policy_strict() : *w->setting->policy;
	snprintf(h->name, sizeof h->name, "site-%u", i);
	buf_init(&h->staged, MODEL_FILE_MAX);
	secrets_begin(w, h);
	books_begin(w, h);
	w->office.disk.answers[i] = h->joined && !w->plan->unapproved ? ANSWER_APPROVED : ANSWER_COUNT;
}

static void begin(struct world *w)
{
	struct event e;

	rng_seeded(&w->rng, w->plan->seed, "world");
	w->now_ms = 1;
	w->calm = w->plan->calm_from_ms == 0 && is_undisturbed(w->plan);
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		begin_host(w, i);
	secrets_renew_roster(w);
	office_start(w);
	for (uint32_t i = 0; i < w->setting->site_count; i++) {
		e = world_event(w, EVENT_START, i, (int64_t)world_below(w, 4));
		if (host_takes_part(w, &w->hosts[i]))
			agenda_add(&w->agenda, &e);
	}
	if (w->plan->calm_from_ms > 0) {
		e = world_event(w, EVENT_CALM, COORDINATOR, w->plan->calm_from_ms);
		agenda_add(&w->agenda, &e);
	}
	for (int s = 0; s < SIDE_COUNT; s++) {
		expect(w, EVENT_CUT, FAULT_CUT, (enum side)s);
		expect(w, EVENT_CUT, FAULT_DEAF, (enum side)s);
		expect(w, EVENT_CLOCK, FAULT_FORWARD, (enum side)s);
		expect(w, EVENT_CLOCK, FAULT_BACKWARD, (enum side)s);
	}
}

static void end(struct world *w)
{
	struct event e;
	uint64_t octets;

	if (w->office.up) {
		w->out->state = campaign_state(w->office.campaign);
		w->out->model = campaign_model(w->office.campaign, &octets);
	}
	w->out->ended_ms = w->now_ms;
	while (agenda_take(&w->agenda, &e))
		post_free(e.letter);
	agenda_free(&w->agenda);
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		host_free(&w->hosts[i]);
	office_free(w);
	for (int t = 0; t < MESSAGE_TYPE_COUNT; t++)
		buf_free(&w->told_texts[t]);
	free(w->made_moments);
	free(w->published_moments);
	roster_free(&w->roster);
}

static bool is_over(const struct world *w)
{
	if (!w->office.up || campaign_state(w->office.campaign) < CAMPAIGN_FINISHED)
		return false;
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (!w->hosts[i].done && host_takes_part(w, &w->hosts[i]))
			return false;
	return true;
}

/* ---- what happens */

void world_disturb_again(struct world *w)
{
	struct event e = world_event(w, EVENT_CALM, COORDINATOR, 1 + (int64_t)world_below(w, LAST_STORM_MS));

	if (!w->plan->favours || !w->calm)
		return;
	world_note(w, COORDINATOR, "disturbed again", 0, 0, 0);
	w->calm = false;
	agenda_add(&w->agenda, &e);
}

static void calm_down(struct world *w)
{
	world_note(w, COORDINATOR, "calm", 0, 0, 0);
	w->calm = true;
	w->progress_ms = w->now_ms;
	w->office.wall_s = 0;
	for (uint32_t i = 0; i < w->setting->site_count; i++) {
		w->hosts[i].clock_s = 0;
		books_put_back(w, &w->hosts[i]);
		memset(w->hosts[i].deaf_until_ms, 0, sizeof w->hosts[i].deaf_until_ms);
	}
}

static void befall(struct world *w, const struct event *e)
{
	enum fault f = (enum fault)(e->number / SIDE_COUNT);
	enum side s = (enum side)(e->number % SIDE_COUNT);

	if (w->calm)
		return;
	if (e->kind == EVENT_CUT)
		post_cut(w, f, s);
	else
		post_clock(w, f, s);
	expect(w, e->kind, f, s);
}

static void at_coordinator(struct world *w, const struct event *e)
{
	if (e->kind == EVENT_START) {
		office_start(w);
		return;
	}
	if (!w->office.up || e->boot != w->office.boot)
		return;
	if (e->kind == EVENT_TURN)
		office_turn(w);
	else if (e->kind == EVENT_JOB)
		pool_job_ends(w, e->number);
	else if (e->kind == EVENT_HOLD)
		desk_expire(w, e->number);
}

static void at_host(struct world *w, const struct event *e)
{
	struct host *h = &w->hosts[e->who];

	if (e->kind == EVENT_LEAVE) {
		people_leave(w, h);
		return;
	}
	if (e->kind == EVENT_PUT_BACK)
		books_put_back(w, h);
	if (e->boot != h->boot || e->kind == EVENT_PUT_BACK)
		return;
	if (e->kind == EVENT_START)
		host_start(w, h);
	if (!h->up)
		return;
	if (e->kind == EVENT_JOB)
		host_computed(w, h, e->number);
	else if (e->kind == EVENT_SILENCE)
		wire_silence(w, h, e->number);
	else if (e->kind == EVENT_RETRY)
		wire_retry(w, h, (enum lane_name)e->number);
}

static void happen(struct world *w, const struct event *e)
{
	if (e->kind == EVENT_LETTER)
		post_arrives(w, e->letter);
	else if (e->kind == EVENT_CUT || e->kind == EVENT_CLOCK)
		befall(w, e);
	else if (e->kind == EVENT_CALM)
		calm_down(w);
	else if (e->who == COORDINATOR)
		at_coordinator(w, e);
	else
		at_host(w, e);
}

void world_run(struct world_result *out, const struct world_setting *setting, const struct world_plan *plan)
{
	struct world *w = mem_alloc(sizeof *w);
	struct event e;

	CHECK(setting->site_count > 0 && setting->site_count <= WORLD_SITES_MAX);
	memset(out, 0, sizeof *out);
	w->setting = setting;
	w->plan = plan;
	w->out = out;
	begin(w);
	while (!is_over(w) && out->violation[0] == '\0') {
		if (!agenda_take(&w->agenda, &e)) {
			truth_violated(w, CHECK_PROGRESS, "nothing is under way any more");
			break;
		}
		w->before_ms = w->now_ms;
		w->now_ms = e.at_ms;
		happen(w, &e);
		truth_of_step(w);
		if (++out->events > EVENTS_MAX)
			truth_violated(w, CHECK_PROGRESS, "%u events, and no end", out->events);
	}
	if (out->violation[0] == '\0')
		truth_of_run(w);
	end(w);
	free(w);
}
