/* The world itself: whose turn it is, what is lost, who is killed, when it is over. */
#include "simulator/world_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 2000000 /* a world that needs more is stuck */
#define STEP_MS_MAX 4 /* virtual time of one step: 0 to 3 ms */
#define IDLE_STEPS 50 /* per actor, without a move: nothing moves but time */

bool world_loses(struct world *w)
{
	return rng_unit(&w->rng) < w->plan->loss;
}

bool world_crashes(struct world *w, enum crash_side side, uint32_t site, uint32_t count, enum crash_when when)
{
	for (uint32_t i = 0; i < WORLD_CRASHES_MAX; i++) {
		const struct world_crash *c = &w->plan->crashes[i];

		if (w->crashed[i] || c->side != side || c->when != when || c->at != count ||
		    (side == CRASH_SITE && c->site != site))
			continue;
		w->crashed[i] = true;
		w->out->crashes++;
		return true;
	}
	return false;
}

void world_put(struct buf *to, struct bytes from)
{
	buf_free(to);
	buf_init(to, MODEL_FILE_MAX);
	buf_put(to, from);
}

struct host *world_host(struct world *w, uint32_t number)
{
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (w->hosts[i].number == number)
			return &w->hosts[i];
	abort();
}

struct bytes world_model(const struct world *w, const struct hash *sha256)
{
	for (uint32_t i = 0; i < w->model_count; i++)
		if (hash_equal(&w->models[i].sha256, sha256))
			return buf_bytes(&w->models[i].bytes);
	return bytes_of(NULL, 0);
}

static bool is_over(const struct world *w)
{
	if (campaign_state(w->campaign) < CAMPAIGN_FINISHED)
		return false;
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (!w->hosts[i].over && host_takes_part(w, &w->hosts[i]))
			return false;
	return true;
}

static void begin(struct world *w)
{
	struct diag why = {{0}};

	rng_seeded(&w->rng, w->plan->seed, "world");
	w->now_ms = 1;
	for (uint32_t i = 0; i < w->setting->site_count; i++) {
		struct host *h = &w->hosts[i];

		h->index = i;
		h->number = world_number(i);
		h->joined = w->plan->joins_after[i] == 0;
		h->policy = w->plan->refuses[i] ? policy_strict() : *w->setting->policy;
		w->answers[i] = ANSWER_COUNT;
		snprintf(h->name, sizeof h->name, "site-%u", i);
		buf_init(&h->staged, MODEL_FILE_MAX);
		host_restart(w, h);
	}
	coordinator_restart(w);
	/* The operator repeats the command until it has succeeded, so approvals and start are on disk before the
	 * first round. */
	while (w->record == NULL) {
		for (uint32_t i = 0; i < w->setting->site_count; i++)
			if (w->hosts[i].joined)
				campaign_answer(w->campaign, w->hosts[i].number, ANSWER_APPROVED, w->now_ms);
		if (campaign_state(w->campaign) == CAMPAIGN_READY && campaign_start(w->campaign, w->now_ms, &why) != OK)
			world_violate(w, why.text, 0);
		coordinator_step(w);
	}
}

static void end(struct world *w)
{
	uint64_t octets;

	w->out->state = campaign_state(w->campaign);
	w->out->model = campaign_model(w->campaign, &octets);
	w->out->ended_ms = w->now_ms;
	for (uint32_t i = 0; i < w->setting->site_count; i++) {
		struct host *h = &w->hosts[i];

		session_free(h->session);
		contributor_free(&h->contributor);
		buf_free(&h->staged);
		buf_free(&h->vector);
		buf_free(&h->truth_vector);
		buf_free(&w->uploads[i]);
	}
	for (uint32_t i = 0; i < w->model_count; i++)
		buf_free(&w->models[i].bytes);
	campaign_free(w->campaign);
	aggregate_free(&w->aggregate);
	json_free(w->record);
}

/* Nothing moves: the operator's next order, or else the next deadline. */
static void pass_time(struct world *w)
{
	int64_t next = campaign_deadline_ms(w->campaign);

	coordinator_obey(w, true);
	if (next != INT64_MAX && next > w->now_ms)
		w->now_ms = next;
}

void world_run(struct world_result *out, const struct world_setting *setting, const struct world_plan *plan)
{
	struct world *w = mem_alloc(sizeof *w);
	uint32_t idle = 0, steps = 0;

	memset(out, 0, sizeof *out);
	w->setting = setting;
	w->plan = plan;
	w->out = out;
	begin(w);
	while (!is_over(w) && out->violation[0] == '\0') {
		uint32_t who = (uint32_t)rng_below(&w->rng, setting->site_count + 1);
		bool moved = who == setting->site_count ? coordinator_step(w) : host_step(w, &w->hosts[who]);

		w->now_ms += (int64_t)rng_below(&w->rng, STEP_MS_MAX);
		idle = moved ? 0 : idle + 1;
		if (idle > IDLE_STEPS * (setting->site_count + 1)) {
			idle = 0;
			pass_time(w);
		}
		if (++steps > STEPS_MAX)
			world_violate(w, "no progress", campaign_plan(w->campaign)->round);
	}
	end(w);
	free(w);
}
