/*
 * The runner's work in the pool. Each job owns copies of what it needs or holds something that nobody changes meanwhile: the sum
 * belongs to the one job that adds or computes, the staging file is retained, the study outlives its course's `busy`.
 */
#include "coordinator/runner_inside.h"

#include "base/file.h"
#include "coordinator/fatal.h"
#include "coordinator/staged.h"
#include "protocol/masked_plan.h"
#include "protocol/study_robust.h"

#include <stdlib.h>
#include <string.h>

#define ADD_OCTETS_MAX (16u << 20) /* in one job: some 10 ms, after which others get their turn in the pool */

struct runner_job {
	struct runner *runner;
	struct staging *staging; /* retained */
	uint32_t *sites, *slots, count;
	uint32_t rows; /* syncing: of the masked attempt, those that wait for it and those before them */
	enum err e;
	struct diag why;
	/* adding: where it stands */
	uint32_t at;
	uint64_t offset, octets; /* octets: of one contribution */
	struct masked_work *masked; /* retained; NULL in a clear round */
	uint32_t *groups; /* of each site */
	/* computing */
	struct round_plan plan;
	struct staged staged; /* for a strategy that looks at single updates */
	bool discarded; /* the masked sums are garbage */
	const float *moments; /* of the plan's model; the course's, which change in compute_done only */
	struct outcome outcome;
	char model_path[PATH_SIZE];
};

/* ---- what all jobs share */

static void start(struct runner *r, struct runner_job *job, void (*run)(void *), void (*done)(void *))
{
	job->runner = r;
	r->course->busy++;
	pool_submit(r->pool, (struct job){run, done, job});
}

static void finish(struct runner_job *job)
{
	job->runner->course->busy--;
	staging_release(job->staging);
	staged_close(&job->staged);
	masked_work_release(job->masked);
	round_plan_free(&job->plan);
	outcome_free(&job->outcome);
	free(job->sites);
	free(job->slots);
	free(job->groups);
	free(job);
}

/* A job for all sites in the queue. */
static struct runner_job *job_for(struct runner *r, struct queue *sites)
{
	struct runner_job *job = mem_alloc(sizeof *job);

	job->staging = staging_retain(r->staging);
	job->octets = course_octets(r->course);
	job->sites = mem_array(sites->count, sizeof *job->sites);
	job->slots = mem_array(sites->count, sizeof *job->slots);
	while (queue_pop(sites, &job->sites[job->count])) {
		CHECK(course_slot(r->course, job->sites[job->count], &job->slots[job->count]));
		job->count++;
	}
	return job;
}

/* ---- syncing */

static void run_sync(void *context)
{
	struct runner_job *job = context;

	job->e = staging_sync(job->staging, &job->why);
}

/* Rows of the masked attempt that are written: `synced` from the first on, and those behind them up to one whose vector is not
 * synced yet. */
static void write_rows(struct runner *r, uint32_t synced)
{
	const struct row_waiting *next;
	struct row_waiting row;

	while ((next = queue_first(&r->rows)) != NULL && (synced > 0 || !next->vector)) {
		CHECK(queue_pop(&r->rows, &row));
		course_persist_row(r->course, row.row.group, row.row.row);
		synced -= synced > 0;
	}
}

static void sync_done(void *context)
{
	struct runner_job *job = context;
	struct runner *r = job->runner;
	bool current = job->staging == r->staging;

	if (job->e != OK)
		fatal(&job->why);
	r->syncing = false;
	for (uint32_t i = 0; i < job->count && current; i++)
		course_persist_site(r->course, job->sites[i]); /* dropped meanwhile: it has its row already */
	if (current)
		write_rows(r, job->rows);
	finish(job);
}

static void start_sync(struct runner *r)
{
	struct runner_job *job = job_for(r, &r->to_sync);

	job->rows = (uint32_t)r->rows.count;
	r->syncing = true;
	start(r, job, run_sync, sync_done);
}

/* ---- adding */

_Static_assert(MASKED_WORD_BITS == 32 && STAGING_SLICE % (4 * MASKED_SUM_PIECE) == 0,
               "a slice of a masked vector is whole pieces of the sum");

static void add_slice(struct runner_job *job, const uint8_t *slice, size_t n)
{
	uint32_t first = (uint32_t)(job->offset / 4), words = (uint32_t)(n / 4);

	if (job->masked != NULL)
		masked_sum_add(job->masked->groups[job->groups[job->at]].sum, slice, first, words);
	else
		aggregate_add_words(&job->runner->sum, slice, first, words);
}

static void count_site(struct runner_job *job)
{
	if (job->masked == NULL)
		aggregate_count(&job->runner->sum);
	job->at++;
	job->offset = 0;
}

static enum err add_some(struct runner_job *job, uint8_t *slice)
{
	uint64_t budget = ADD_OCTETS_MAX;

	while (job->at < job->count && budget > 0) {
		uint64_t left = job->octets - job->offset;
		size_t n = left < STAGING_SLICE ? (size_t)left : STAGING_SLICE;
		enum err e = staging_read(job->staging, job->slots[job->at], job->offset, slice, n, &job->why);

		if (e != OK)
			return e;
		add_slice(job, slice, n);
		job->offset += n;
		budget -= n < budget ? n : budget;
		if (job->offset == job->octets)
			count_site(job);
	}
	return OK;
}

static void run_add(void *context)
{
	struct runner_job *job = context;
	uint8_t *slice = mem_alloc(STAGING_SLICE);

	job->e = add_some(job, slice);
	free(slice);
}

static void add_done(void *context)
{
	struct runner_job *job = context;
	struct runner *r = job->runner;

	if (job->e != OK)
		fatal(&job->why);
	if (!r->begin_again && job->staging == r->staging && job->at < job->count) {
		pool_submit(r->pool, (struct job){run_add, add_done, job});
		return;
	}
	r->adding = false;
	if (job->staging == r->staging)
		for (uint32_t i = 0; i < job->count; i++)
			campaign_added(r->course->campaign, job->sites[i], r->office->world.now_ms);
	finish(job);
	if (r->begin_again && r->staging != NULL)
		aggregate_begin(&r->sum, campaign_layout(r->course->campaign));
	r->begin_again = false;
}

static void start_add(struct runner *r)
{
	struct runner_job *job = job_for(r, &r->to_add);

	if (r->masked != NULL) {
		job->masked = masked_work_retain(r->masked);
		job->groups = mem_array(job->count, sizeof *job->groups);
		for (uint32_t i = 0; i < job->count; i++)
			job->groups[i] = round_group_of(campaign_round(r->course->campaign), job->sites[i]);
	}
	r->adding = true;
	start(r, job, run_add, add_done);
}

/* ---- computing */

static enum err read_model(struct buf *out, const struct runner_job *job, struct diag *why)
{
	struct hash found;

	if (hash_is_zero(&job->plan.model)) {
		buf_init(out, 0);
		return OK;
	}
	enum err e = file_read(out, job->model_path, MODEL_FILE_MAX, why);
	if (e != OK)
		return e;
	sha256_of(&found, buf_bytes(out));
	if (!hash_equal(&found, &job->plan.model))
		return diag_set(why, ERR_IO, "%s: damaged: its SHA-256 is not its name; restore it from a backup",
		                job->model_path);
	return OK;
}

static void run_compute(void *context)
{
	struct runner_job *job = context;
	const struct runner *r = job->runner;
	struct buf model = {0};
	enum err e = read_model(&model, job, &job->why);

	if (e != OK)
		fatal(&job->why);
	if (job->masked != NULL &&
	    masked_work_finish(job->masked, &job->runner->sum, r->course->study, &job->why) != OK)
		job->discarded = true;
	else
		job->e = outcome_compute(&job->outcome, r->course->study, &job->plan, &r->sum, buf_bytes(&model),
		                         job->moments, &job->why);
	buf_free(&model);
	if (job->discarded || job->e != OK || !job->outcome.has_model)
		return;
	office_model_path(job->model_path, sizeof job->model_path, r->office, &job->outcome.model_sha256);
	if (file_replace(job->model_path, buf_bytes(&job->outcome.model), 0600, &job->why) != OK)
		fatal(&job->why);
}

static void compute_done(void *context)
{
	struct runner_job *job = context;
	struct runner *r = job->runner;
	struct campaign *campaign = r->course->campaign;

	r->computing = false;
	r->sum.summands = NULL;
	if (job->e == ERR_IO && job->staged.staging != NULL && job->staged.staging == r->staging)
		fatal(&job->why); /* otherwise the attempt is over, and its file may be gone */
	r->course->models_changed = true; /* its own is an orphan when the study was stopped meanwhile */
	if (campaign_state(campaign) == CAMPAIGN_EXPECT_OUTCOME && job->e == OK && !job->discarded)
		moments_take(&r->course->moments, &job->outcome, r->course->study);
	if (job->discarded)
		campaign_discarded(campaign, job->why.text, r->office->world.now_ms);
	else if (job->e == OK)
		campaign_computed(campaign, &job->outcome, r->office->world.now_ms);
	else
		campaign_not_computed(campaign, job->why.text, r->office->world.now_ms);
	finish(job);
	if (campaign_over(campaign)) /* stopped meanwhile: the job was the last to look at them */
		moments_free(&r->course->moments);
}

static void start_compute(struct runner *r)
{
	struct runner_job *job = mem_alloc(sizeof *job);

	r->compute = false;
	if (campaign_state(r->course->campaign) != CAMPAIGN_EXPECT_OUTCOME) { /* stopped meanwhile */
		free(job);
		return;
	}
	if (r->masked != NULL)
		job->masked = masked_work_close(r->masked, campaign_round(r->course->campaign));
	round_plan_copy(&job->plan, campaign_plan(r->course->campaign));
	job->moments = moments_of(&r->course->moments, &job->plan.model);
	office_model_path(job->model_path, sizeof job->model_path, r->office, &job->plan.model);
	if (job->masked == NULL && (job->plan.asks & ASK_TRAIN) && study_is_robust(r->course->study)) {
		staged_open(&job->staged, r->staging, campaign_round(r->course->campaign));
		r->sum.summands = &job->staged.summands;
	}
	r->computing = true;
	start(r, job, run_compute, compute_done);
}

void runner_start_jobs(struct runner *r)
{
	if (!r->syncing)
		write_rows(r, 0);
	if (!r->syncing && (r->to_sync.count > 0 || r->rows.count > 0))
		start_sync(r);
	if (!r->adding && !r->computing && r->to_add.count > 0 &&
	    campaign_state(r->course->campaign) == CAMPAIGN_EXPECT_ROUND) /* what is over adds nothing */
		start_add(r);
	runner_start_slices(r);
	if (r->compute && !r->adding && !r->computing)
		start_compute(r);
}
