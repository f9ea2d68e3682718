/*
 * The sums of a masked attempt. Its masks come off in slices (crypto/secagg_server.h), each a job of its own, as many at once as
 * the pool has threads. A slice makes its masks once, in locked memory, and takes them off piece by piece, each slice from another
 * piece on, so that they seldom wait for one another. After some 15 ms it goes to the end of the pool's queue: syncs and sums of
 * other studies get their turn.
 *
 * When the attempt ends the jobs in flight are told so and end at the next piece. Until then each holds the server that it takes
 * shares from, and the sums, so nothing waits for them: neither the campaign nor the next attempt.
 */
#include "coordinator/runner_inside.h"

#include "protocol/masked_plan.h"

#include <stdlib.h>

#define STREAM_OCTETS_MAX (64u << 20) /* of mask streams in one go: 15 ms at the cipher's speed */

struct slice_job {
	struct runner *runner;
	struct masked_work *work; /* an owner */
	struct secagg_server *server; /* retained */
	uint32_t group, slice;
	struct secret masks; /* once they are made */
	uint32_t mask_count;
	uint32_t pieces_done;
	enum err e;
	struct diag why;
};

/* ---- the work of an attempt */

void runner_begin_masked(struct runner *r)
{
	const struct campaign *campaign = r->course->campaign;
	struct masked_work *w = mem_alloc(sizeof *w);

	CHECK(r->masked == NULL);
	w->owners = 1;
	w->layout = *campaign_layout(campaign);
	w->group_count = round_groups(campaign_round(campaign));
	w->groups = mem_array(w->group_count, sizeof *w->groups);
	for (uint32_t g = 0; g < w->group_count; g++)
		w->groups[g].sum = masked_sum_new(&w->layout, MASKED_WORD_BITS);
	r->masked = w;
}

struct masked_work *masked_work_retain(struct masked_work *w)
{
	w->owners++;
	return w;
}

void masked_work_release(struct masked_work *w)
{
	if (w == NULL || --w->owners > 0)
		return;
	for (uint32_t g = 0; g < w->group_count; g++)
		masked_sum_free(w->groups[g].sum);
	free(w->groups);
	free(w->done);
	free(w);
}

void runner_end_masked(struct runner *r)
{
	if (r->masked != NULL)
		atomic_store(&r->masked->over, true);
	masked_work_release(r->masked);
	r->masked = NULL;
}

/* ---- slices */

static void run_slice(void *context)
{
	struct slice_job *job = context;
	struct masked_work *w = job->work;
	struct masked_sum *sum = w->groups[job->group].sum;
	uint32_t pieces = masked_sum_pieces(sum);
	uint64_t octets = 0;

	if (job->masks.ptr == NULL && !atomic_load(&w->over))
		job->e = secagg_server_masks(job->server, job->slice, &job->masks, &job->mask_count, &job->why);
	while (job->e == OK && job->pieces_done < pieces && octets < STREAM_OCTETS_MAX && !atomic_load(&w->over)) {
		uint32_t piece = (job->slice + job->pieces_done++) % pieces;

		masked_sum_unmask(sum, piece, (const struct mask *)(const void *)job->masks.ptr, job->mask_count);
		octets += 4ull * MASKED_SUM_PIECE * job->mask_count;
	}
}

static void free_slice(struct slice_job *job)
{
	job->runner->course->busy--;
	secret_free(&job->masks);
	secagg_server_free(job->server);
	masked_work_release(job->work);
	free(job);
}

/* The masks are off: a sum that is garbage is one group's failure, and not that of the others. */
static void judge_group(const struct runner *r, uint32_t group)
{
	const struct campaign *campaign = r->course->campaign;
	struct masked_group *g = &r->masked->groups[group];

	if (g->failed == OK && g->next == g->slices && g->in_flight == 0 &&
	    campaign_state(campaign) == CAMPAIGN_EXPECT_ROUND) /* or its round is over already */
		g->failed = masked_sum_judge(g->sum, round_survivors(campaign_round(campaign), group), &g->why);
}

/* An error is the last word on its group: it is told when no slice is in flight that reads the shares which it wipes. */
static void report_slice(struct runner *r, const struct slice_job *job)
{
	struct masked_group *g = &job->work->groups[job->group];
	int64_t now_ms = r->office->world.now_ms;

	if (job->e != OK && g->failed == OK) {
		g->failed = job->e;
		g->why = job->why;
		g->next = g->slices;
	}
	judge_group(r, job->group);
	if (g->failed == OK)
		campaign_unmasked(r->course->campaign, job->group, job->slice, OK, NULL, now_ms);
	else if (g->in_flight == 0)
		campaign_unmasked(r->course->campaign, job->group, job->slice, g->failed, &g->why, now_ms);
}

static void slice_done(void *context)
{
	struct slice_job *job = context;
	struct runner *r = job->runner;
	struct masked_work *w = job->work;
	bool current = w == r->masked;

	if (current && job->e == OK && job->pieces_done < masked_sum_pieces(w->groups[job->group].sum)) {
		pool_submit(r->pool, (struct job){run_slice, slice_done, job});
		return;
	}
	w->in_flight--;
	w->groups[job->group].in_flight--;
	if (current)
		report_slice(r, job);
	free_slice(job);
}

static void start_slice(struct runner *r, uint32_t group)
{
	struct slice_job *job = mem_alloc(sizeof *job);
	struct masked_group *g = &r->masked->groups[group];

	job->runner = r;
	job->work = masked_work_retain(r->masked);
	job->server = secagg_server_retain(round_server(campaign_round(r->course->campaign), group));
	job->group = group;
	job->slice = g->next++;
	g->in_flight++;
	r->masked->in_flight++;
	r->course->busy++;
	pool_submit(r->pool, (struct job){run_slice, slice_done, job});
}

void runner_unmask(struct runner *r, uint32_t group)
{
	const struct round *round = campaign_round(r->course->campaign);

	if (r->masked == NULL || campaign_state(r->course->campaign) != CAMPAIGN_EXPECT_ROUND)
		return; /* its attempt has just ended */
	r->masked->groups[group].slices = secagg_server_slices(round_server(round, group));
}

void runner_start_slices(struct runner *r)
{
	struct masked_work *w = r->masked;

	if (w == NULL || campaign_state(r->course->campaign) != CAMPAIGN_EXPECT_ROUND)
		return;
	for (uint32_t g = 0; g < w->group_count; g++)
		while (w->in_flight < r->office->settings->threads && w->groups[g].next < w->groups[g].slices)
			start_slice(r, g);
}

/* ---- the end */

static enum err read_group(void *context, uint32_t summand, uint32_t first, uint32_t words, int64_t *out,
                           struct diag *why)
{
	const struct masked_work *w = context;

	(void)why;
	masked_sum_read(out, w->groups[w->done[summand]].sum, first, words);
	return OK;
}

struct masked_work *masked_work_close(struct masked_work *w, const struct round *round)
{
	w->summands = (struct summands){.read = read_group, .context = w};
	w->done = mem_array(w->group_count, sizeof *w->done);
	for (uint32_t g = 0; g < w->group_count; g++) {
		if (!round_group_done(round, g))
			continue;
		w->groups[g].survivors = round_survivors(round, g);
		w->done[w->summands.count++] = g;
	}
	return masked_work_retain(w);
}

enum err masked_work_finish(const struct masked_work *w, struct aggregate *out, const struct study *study,
                            struct diag *why)
{
	enum err e = OK;

	aggregate_begin(out, &w->layout);
	out->summands = &w->summands;
	for (uint32_t i = 0; i < w->summands.count && e == OK; i++) {
		const struct masked_group *g = &w->groups[w->done[i]];

		e = masked_sum_finish(out, g->sum, g->survivors, why);
	}
	if (e == OK && runner_judge_statistics(out, study, why) != OK)
		e = diag_prefix(why, ERR_DATA, "the sum of all hospitals' statistics");
	return e;
}
