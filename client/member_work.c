/*
 * The worker: one job at a time, without the mutex, on copies of what the session says of it. A job that was given up ends early,
 * and its answer is ignored by its number.
 */
#include "base/file.h"
#include "base/log.h"
#include "client/member_inside.h"
#include "client/models.h"

#include <string.h>
#include <unistd.h>

/* ---- the model */

static enum err bring_model(struct member *m, const struct hash *model, uint64_t octets, struct diag *why)
{
	const char *state = m->config.client->state;
	char path[PATH_SIZE];
	enum err e = models_path(path, state, &m->study.hash, model, why);

	if (e == OK && access(path, R_OK) != 0)
		e = wire_model(m->works, model, octets, path, WIRE_FOREVER_MS, why);
	if (e == OK)
		models_keep_only(state, &m->study.hash, model);
	return e;
}

static enum refusal fetch(struct member *m, const struct round_plan *plan, struct member_answer *out)
{
	switch (bring_model(m, &plan->model, plan->model_octets, &out->why)) {
	case OK:
		return REFUSAL_NONE;
	case ERR_CANCELLED:
		out->cancelled = true;
		return REFUSAL_NONE;
	case ERR_NOT_FOUND:
	case ERR_PROTOCOL:
	case ERR_DATA:
	case ERR_LIMIT:
		return REFUSAL_MODEL;
	default:
		return REFUSAL_INTERNAL;
	}
}

/* The file again, as the plan names it: a disk may have changed it since it was fetched. */
static enum err read_model(struct member *m, const struct round_plan *plan, struct buf *model, struct diag *why)
{
	char path[PATH_SIZE];
	struct hash content;
	enum err e = models_path(path, m->config.client->state, &m->study.hash, &plan->model, why);

	if (e == OK)
		e = file_read(model, path, MODEL_FILE_MAX, why);
	if (e != OK)
		return e;
	sha256_of(&content, buf_bytes(model));
	if (hash_equal(&content, &plan->model) && model->len == plan->model_octets)
		return OK;
	unlink(path);
	return diag_set(why, ERR_PROTOCOL, "%s: is not the model that the round names; it was removed", path);
}

/* ---- the contribution */

static enum refusal ready_rows(struct member *m, struct diag *why)
{
	bool changed;
	enum refusal no = extract_refresh(&m->extract, &changed, why);

	if (changed)
		contributor_renew(&m->contributor);
	return no;
}

/* The round that comes next, if all goes well: its noise can be drawn while nobody waits for it, and then its time is no part of
 * any answer's. What is borrowed of the plan is not looked at. */
static void look_ahead(struct member *m, const struct round_plan *plan)
{
	m->ahead = *plan;
	m->ahead.sites = NULL;
	m->ahead.step++;
	m->ahead.asks = round_plan_asks(&m->study, m->ahead.step);
	if (m->ahead.asks == 0)
		m->ahead.site_count = 0;
}

/* Entered and left with the mutex. */
static void draw_ahead(struct member *m)
{
	struct diag why;

	pthread_mutex_unlock(&m->mutex);
	if (contribution_draw(&m->contributor, &m->ahead, &why) != OK)
		log_warning("study %s: %s", m->study.name, why.text);
	m->ahead.site_count = 0;
	pthread_mutex_lock(&m->mutex);
}

static enum refusal compute(struct member *m, const struct round_plan *plan, struct member_answer *out)
{
	struct buf model = {0};
	enum err e = contribution_draw(&m->contributor, plan, &out->why); /* before the rows are read */
	enum refusal no = e == OK ? ready_rows(m, &out->why) : REFUSAL_INTERNAL;

	if (no != REFUSAL_NONE)
		return no;
	if (!hash_is_zero(&plan->model))
		e = read_model(m, plan, &model, &out->why);
	if (e == OK)
		e = contribution_compute(&m->contributor, &m->staged, &m->own, plan, buf_bytes(&model), &m->cancel,
		                         &out->why);
	if (e == OK)
		sha256_of(&out->content, buf_bytes(&m->staged));
	buf_free(&model);
	switch (e) {
	case OK:
		look_ahead(m, plan);
		return REFUSAL_NONE;
	case ERR_CANCELLED:
		out->cancelled = true;
		return REFUSAL_NONE;
	case ERR_LIMIT:
		return REFUSAL_WEIGHT_CAP;
	case ERR_DATA:
	case ERR_PROTOCOL:
		return REFUSAL_MODEL;
	default:
		return REFUSAL_INTERNAL;
	}
}

static void send_contribution(struct member *m, const struct member_job *job, struct member_answer *out)
{
	const struct release_record *r = &job->content;
	struct ledger *ledger = m->config.ledger;
	char path[PATH_SIZE];
	enum err e;

	out->sent = SENT_REJECTED;
	if (!(job->masked ? ledger_masked : ledger_vector)(ledger, path, &r->study_hash, r->round)) {
		diag_set(&out->why, ERR_REFUSED, "round %llu was closed and its contribution deleted",
		         (unsigned long long)r->round);
		out->trouble = true;
		return;
	}
	e = wire_send(m->works, m->study.name, job->plan.round, job->plan.attempt, r,
	              job->masked ? job->signature : NULL, job->mark[0] != '\0' ? job->mark : NULL, path, &out->sent,
	              &out->why);
	out->cancelled = e == ERR_CANCELLED;
	out->trouble = e != OK || out->sent == SENT_REJECTED;
	if (e == OK)
		ledger_note_sent(ledger, &r->study_hash, r->round, job->plan.attempt, out->sent,
		                 job->masked ? &r->content : NULL);
}

/* The study's model, for this hospital's own use. */
static void bring_last_model(struct member *m, struct member_answer *out)
{
	struct hash model;
	uint64_t octets;
	enum err e = OK;

	pthread_mutex_lock(&m->mutex);
	model = session_finished(m->session)->model;
	octets = session_finished(m->session)->model_octets;
	pthread_mutex_unlock(&m->mutex);
	if (!hash_is_zero(&model))
		e = bring_model(m, &model, octets, &out->why);
	out->cancelled = e == ERR_CANCELLED;
	out->trouble = e != OK;
}

static void refuse(struct member *m, const struct member_job *job, struct member_answer *out)
{
	const struct round_plan *plan = &job->plan;
	enum err e = wire_refuse(m->works, &m->study, plan->round, plan->attempt, job->action.refusal, &out->why);

	out->cancelled = e == ERR_CANCELLED;
	out->trouble = e != OK;
}

/* ---- one job */

static void do_job(struct member *m, const struct member_job *job, struct member_answer *out)
{
	const struct round_plan *plan = &job->plan;

	if (member_do_masks(m, job, out))
		return;
	switch (job->action.kind) {
	case SESSION_FETCH:
		out->refusal = fetch(m, plan, out);
		break;
	case SESSION_COMPUTE:
		out->refusal = compute(m, plan, out);
		break;
	case SESSION_SEND:
		send_contribution(m, job, out);
		break;
	case SESSION_END:
		bring_last_model(m, out);
		break;
	default:
		refuse(m, job, out);
		break;
	}
}

/* Under the mutex. */
static void feed_answer(struct member *m, const struct session_action *job, const struct member_answer *a)
{
	if (a->cancelled)
		return;
	if (a->trouble || a->refusal != REFUSAL_NONE)
		log_warning("study %s: %s", m->study.name, a->why.text);
	member_look_at_budget(m);
	if (job->kind == SESSION_FETCH)
		session_model(m->session, job->work, a->refusal);
	else if (job->kind == SESSION_COMPUTE)
		session_computed(m->session, job->work, &a->content, m->staged.len, a->refusal);
	else if (job->kind == SESSION_SEND)
		session_sent(m->session, job->work, a->sent);
	else if (job->kind == SESSION_END)
		m->over = true;
	else
		member_feed_masks(m, job, a);
	member_drain(m);
}

/* Entered and left with the mutex. */
static void take_job(struct member *m)
{
	struct member_job job = m->next; /* its plan is ours from here on */
	struct member_answer answer = {0};

	memset(&m->next, 0, sizeof m->next);
	m->has_next = false;
	m->refusing = job.action.kind == SESSION_REFUSE;
	/* What was cancelled was the job before. Whoever cancels this one needs the mutex first, so nothing is lost. */
	atomic_store(&m->cancel, false);
	request_resume(m->works);
	pthread_mutex_unlock(&m->mutex);
	do_job(m, &job, &answer);
	pthread_mutex_lock(&m->mutex);
	m->refusing = false;
	if (job.action.kind == SESSION_MASK && atomic_load(&m->cancel)) /* too late to notice: nobody wants it */
		ledger_discard_masked(m->config.ledger, &m->study.hash);
	if (!m->stopping)
		feed_answer(m, &job.action, &answer);
	member_job_free(&job);
	member_answer_free(&answer);
}

void *member_work_main(void *member)
{
	struct member *m = member;

	pthread_mutex_lock(&m->mutex);
	while (!m->stopping && !m->over) {
		if (m->has_next)
			take_job(m);
		else if (m->ahead.site_count > 0)
			draw_ahead(m);
		else
			pthread_cond_wait(&m->job_is_there, &m->mutex);
	}
	pthread_mutex_unlock(&m->mutex);
	return NULL;
}
