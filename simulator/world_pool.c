/* The pool of the coordinator's program (runner_jobs.c): uploads are synced, then added, and models are made; one job of each kind at a
 * time, and each ends at a time of its own. */
#include "base/vec.h"
#include "simulator/truth.h"

#include <string.h>

#define JOB_MS 6 /* a job takes less, unless it is slow */
#define UNMASK_MS 90 /* so does taking off masks */
#define OUTCOME_MS 30 /* making a model takes more, so that something may happen meanwhile */

static void start(struct world *w, struct office_job *job, uint64_t most_ms)
{
	struct event e = world_event(w, EVENT_JOB, COORDINATOR, 1 + (int64_t)world_below(w, most_ms));

	if (disturbance_impossible(FAULT_SLOW, SIDE_COORDINATOR, office_during(w)) == NULL &&
	    world_befalls(w, FAULT_SLOW, SIDE_COORDINATOR, 0))
		e.at_ms += world_config(w).deadline_ms + (int64_t)world_below(w, HOLD_MS);
	job->number = e.number = ++w->jobs;
	job->staging = w->office.staging;
	agenda_add(&w->agenda, &e);
}

static bool take_sites(struct office_job *job, struct queue *from)
{
	if (job->number != 0 || from->count == 0)
		return false;
	job->count = 0;
	while (queue_pop(from, &job->sites[job->count]))
		job->count++;
	return true;
}

void pool_start_jobs(struct world *w)
{
	struct office *c = &w->office;
	struct office_job *compute = &c->jobs[JOB_COMPUTE], *add = &c->jobs[JOB_ADD];

	if (take_sites(&c->jobs[JOB_SYNC], &c->to_sync) || sums_take_vectors(w, &c->jobs[JOB_SYNC]))
		start(w, &c->jobs[JOB_SYNC], JOB_MS);
	if (compute->number == 0 && take_sites(add, &c->to_add))
		start(w, add, JOB_MS);
	if (add->number == 0 && take_sites(&c->jobs[JOB_UNMASK], &c->to_unmask))
		start(w, &c->jobs[JOB_UNMASK], UNMASK_MS);
	if (c->to_compute && add->number == 0 && compute->number == 0) {
		c->to_compute = false;
		round_plan_copy(&compute->plan, campaign_plan(c->campaign));
		start(w, compute, OUTCOME_MS);
	}
}

/* False: the program has died of it. */
static bool end_sync(struct world *w, const struct office_job *job)
{
	struct office *c = &w->office;

	if (!disk_sync(w, job->sites, job->count))
		return false;
	if (world_masked(w)) {
		if (job->staging == c->staging)
			sums_write_rows(w, job->count);
		return true;
	}
	for (uint32_t i = 0; i < job->count && job->staging == c->staging; i++) {
		if (++w->out->uploads == w->plan->disk_full_at) {
			campaign_site_persisted(c->campaign, world_number(job->sites[i]), false, office_now_ms(w));
			desk_told(w);
		} else {
			disk_store_row(w, job->sites[i]);
		}
	}
	return true;
}

static void end_add(struct world *w, const struct office_job *job)
{
	struct office *c = &w->office;

	for (uint32_t i = 0; i < job->count && job->staging == c->staging; i++) {
		if (world_masked(w))
			sums_add(w, job->sites[i]);
		else
			aggregate_add(&c->sum, buf_bytes(&c->synced[job->sites[i]].octets));
		campaign_added(c->campaign, world_number(job->sites[i]), office_now_ms(w));
	}
}

/* What the coordinator reads back from its staging file. */
static enum err read_summand(void *context, uint32_t summand, uint32_t first, uint32_t words, int64_t *out,
                             struct diag *why)
{
	struct world *w = context;
	uint32_t number = w->made.participants[summand];

	(void)why;
	memset(out, 0, words * sizeof *out);
	vec_sum_octets(out, w->office.synced[world_host(w, number)->index].octets.ptr + 4 * (size_t)first, words);
	return OK;
}

static enum err read_group(void *context, uint32_t summand, uint32_t first, uint32_t words, int64_t *out,
                           struct diag *why)
{
	const struct world *w = context;

	(void)why;
	memcpy(out, w->office.group_sums[summand].sums + first, words * sizeof *out);
	return OK;
}

static void end_unmask(struct world *w, const struct office_job *job)
{
	for (uint32_t i = 0; i < job->count && job->staging == w->office.staging; i++)
		sums_unmask(w, job->sites[i]);
}

/* False: they are garbage, which in a world of honest sites they never are. */
static bool masks_are_off(struct world *w)
{
	struct diag why = {{0}};

	if (!world_masked(w) || sums_finish(w, &why) == OK)
		return true;
	truth_violated(w, CHECK_SUM, "%s", why.text);
	campaign_discarded(w->office.campaign, why.text, office_now_ms(w));
	return false;
}

static bool end_compute(struct world *w, const struct office_job *job)
{
	struct office *c = &w->office;
	const struct round_plan *plan = &job->plan;
	struct outcome outcome = {0};
	struct diag why = {{0}};
	bool alive;

	if (campaign_state(c->campaign) != CAMPAIGN_EXPECT_OUTCOME)
		return true; /* stopped meanwhile: its model is nobody's */
	if (!masks_are_off(w))
		return true;
	truth_of_sum(w, plan, campaign_round(c->campaign)); /* and lists who takes part */
	if (world_masked(w))
		c->summands = (struct summands){c->group_sum_count, read_group, w};
	else
		c->summands = (struct summands){w->made.participant_count, read_summand, w};
	c->sum.summands = &c->summands;
	if (outcome_compute(&outcome, w->setting->study, plan, &c->sum, office_model(w, &plan->model),
	                    disk_moments(w, &plan->model), &why) != OK)
		truth_violated(w, CHECK_MODEL, "round %llu has no outcome: %s", (unsigned long long)plan->round,
		               why.text);
	truth_of_outcome(w, plan, &outcome);
	alive = disk_keep_model(w, &outcome);
	if (alive)
		disk_take_moments(w, &outcome);
	if (alive)
		campaign_computed(c->campaign, &outcome, office_now_ms(w));
	outcome_free(&outcome);
	return alive;
}

void pool_job_ends(struct world *w, uint64_t number)
{
	static const char *const names[JOB_KIND_COUNT] = {"synced", "added", "computed", "unmasked"};
	struct office *c = &w->office;
	uint32_t step = w->out->coordinator_steps;
	struct office_job job;
	bool alive = true;
	int k = 0;

	while (c->jobs[k].number != number)
		k++;
	CHECK(k < JOB_KIND_COUNT);
	world_note(w, COORDINATOR, names[k], c->jobs[k].count, 0, 0);
	w->out->coordinator_steps++;
	if (office_dies(w, step, CRASH_BEFORE))
		return;
	job = c->jobs[k];
	memset(&c->jobs[k], 0, sizeof c->jobs[k]);
	if (k == JOB_SYNC)
		alive = end_sync(w, &job);
	else if (k == JOB_ADD)
		end_add(w, &job);
	else if (k == JOB_UNMASK)
		end_unmask(w, &job);
	else
		alive = end_compute(w, &job);
	round_plan_free(&job.plan);
	if (alive && !office_dies(w, step, CRASH_AFTER))
		office_turn(w);
}
