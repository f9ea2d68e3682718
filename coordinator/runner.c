#include "coordinator/runner_inside.h"

#include "base/log.h"

#include <stdlib.h>

struct runner *runner_new(struct course *course, struct office *office, struct pool *pool)
{
	struct runner *r = mem_alloc(sizeof *r);

	r->course = course;
	r->office = office;
	r->pool = pool;
	r->study_id = course->id;
	queue_init(&r->to_sync, sizeof(uint32_t));
	queue_init(&r->to_add, sizeof(uint32_t));
	queue_init(&r->rows, sizeof(struct row_waiting));
	course->runner = r;
	return r;
}

void runner_free(struct runner *r)
{
	if (r == NULL)
		return;
	CHECK(!r->syncing && !r->adding && !r->computing && r->waiting == NULL);
	r->course->runner = NULL;
	staging_release(r->staging);
	runner_end_masked(r);
	queue_free(&r->to_sync);
	queue_free(&r->to_add);
	queue_free(&r->rows);
	aggregate_free(&r->sum);
	free(r);
}

/* ---- what the campaign asks */

/* The attempt is over: nothing of it is wanted any more, and what jobs still do with it is in vain. */
static void end_attempt(struct runner *r)
{
	struct row_waiting row;
	uint32_t site;

	if (r->staging != NULL)
		staging_end(r->staging, campaign_state(r->course->campaign) < CAMPAIGN_FINISHED);
	staging_release(r->staging);
	r->staging = NULL;
	while (queue_pop(&r->to_sync, &site) || queue_pop(&r->to_add, &site) || queue_pop(&r->rows, &row))
		;
	runner_end_masked(r);
}

static void begin_attempt(struct runner *r)
{
	end_attempt(r);
	r->staging = course_staging(r->course);
	if (course_masked(r->course))
		runner_begin_masked(r);
	else if (r->adding)
		r->begin_again = true;
	else
		aggregate_begin(&r->sum, campaign_layout(r->course->campaign));
}

/* An upload is synced first; anything else that became of a site is a row and no more. */
static void persist_site(struct runner *r, uint32_t site)
{
	const struct round *round = campaign_round(r->course->campaign);
	const struct round_site *row = round != NULL ? round_site(round, site) : NULL;

	if (row != NULL && row->state == SITE_EXPECT_PERSISTED)
		queue_push(&r->to_sync, &site);
	else
		course_persist_site(r->course, site);
}

static void persist_row(struct runner *r, uint32_t group, uint64_t number)
{
	const struct round *round = campaign_round(r->course->campaign);
	const struct secagg_row *row = round != NULL ? round_row(round, group, number) : NULL;

	if (row == NULL)
		return; /* its attempt has just ended */
	queue_push(&r->rows, &(struct row_waiting){.row = {group, number},
	                                           .vector = row->phase == SECAGG_INPUT && row->site != 0});
}

static void execute(struct runner *r, const struct campaign_action *a)
{
	switch (a->kind) {
	case CAMPAIGN_PERSIST_ANSWER:
	case CAMPAIGN_PERSIST:
		course_persist(r->course, a);
		break;
	case CAMPAIGN_PERSIST_SITE:
		persist_site(r, a->site);
		break;
	case CAMPAIGN_BEGIN:
		begin_attempt(r);
		break;
	case CAMPAIGN_ADD:
		queue_push(&r->to_add, &a->site);
		break;
	case CAMPAIGN_COMPUTE:
		r->compute = true;
		break;
	case CAMPAIGN_PERSIST_ROW:
		persist_row(r, a->group, a->row);
		break;
	case CAMPAIGN_TELL:
		runner_tell(r);
		break;
	case CAMPAIGN_UNMASK:
		runner_unmask(r, a->group);
		break;
	case CAMPAIGN_WAKE:
		if (!campaign_round_open(r->course->campaign))
			end_attempt(r);
		runner_wake(r);
		runner_tell(r);
		break;
	}
}

/* Another revision has taken the place of the study: who waited, waits in vain. */
static void follow_replacement(struct runner *r)
{
	if (r->study_id == r->course->id)
		return;
	r->study_id = r->course->id;
	r->compute = false;
	end_attempt(r);
	runner_told(r);
	runner_wake(r);
	runner_tell(r);
}

void runner_turn(struct runner *r)
{
	struct campaign *campaign = r->course->campaign;
	struct campaign_action a;

	follow_replacement(r);
	if (r->office->world.now_ms >= campaign_deadline_ms(campaign))
		campaign_tick(campaign, r->office->world.now_ms);
	while (campaign_next(campaign, &a))
		execute(r, &a);
	runner_start_jobs(r);
}

void runner_second(struct runner *r)
{
	struct diag why = {{0}};

	if (r->staging != NULL)
		staging_expire(r->staging, r->office->world.now_ms);
	runner_tell_on(r);
	if (!course_expired(r->course) || campaign_state(r->course->campaign) >= CAMPAIGN_FINISHED ||
	    campaign_state(r->course->campaign) == CAMPAIGN_READY)
		return;
	log_notice("study %s: its last day, %s, has passed; no hospital answers any more", r->course->study->name,
	           r->course->study->expires);
	if (campaign_stop(r->course->campaign, r->office->world.now_ms, &why) != OK)
		log_warning("%s", why.text); /* it is just ending */
}

int64_t runner_deadline_ms(const struct runner *r)
{
	return campaign_deadline_ms(r->course->campaign);
}

bool runner_computing(const struct runner *r)
{
	return r->computing;
}
