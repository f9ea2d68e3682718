/* A member's part in masked rounds: the record on disk, the masked contribution, and the talk of an attempt's phases. */
#include "base/log.h"
#include "client/masking.h"
#include "client/member_inside.h"

#include <string.h>
#include <unistd.h>

/* ---- birth and end */

/* What guards the rounds that were opened is gone, or a copy of some time ago, when the ledger has sent to a later attempt than it
 * knows: it must not begin anew. The record is on the disk before a masked vector leaves, so it is never behind by itself. */
static enum err judge_record(const struct member *m, struct diag *why)
{
	static const char advice[] =
		"so nobody knows which rounds this hospital has opened: reject the study and ask for a "
		"new revision";
	struct bytes record = masks_file_record(m->masks);
	struct secagg_record_summary s;
	uint64_t round;
	uint32_t attempt;
	enum err e;

	if (!ledger_newest_masked(m->config.ledger, &m->study.hash, &round, &attempt))
		return OK;
	if (record.len == 0)
		return diag_set(why, ERR_DATA, "%s/masks: the record of this study is gone, %s",
		                m->config.client->state, advice);
	e = secagg_record_read(&s, record, why);
	if (e != OK || s.round > round || (s.round == round && s.attempt >= attempt))
		return e;
	return diag_set(
		why, ERR_DATA,
		"%s/masks: the record of this study is of round %llu attempt %u, and round %llu attempt %u was sent, "
		"%s",
		m->config.client->state, (unsigned long long)s.round, s.attempt, (unsigned long long)round, attempt,
		advice);
}

/* A crashed process may have left a masked contribution of an attempt that is over; one that goes on makes its own again. */
enum err member_open_masks(struct member *m, struct diag *why)
{
	const struct client_config *client = m->config.client;
	enum err e = masks_file_open(&m->masks, client->state, &m->study.hash, why);

	if (e == OK)
		e = judge_record(m, why);
	if (e == OK)
		ledger_discard_masked(m->config.ledger, &m->study.hash);
	return e;
}

void member_close_masks(struct member *m)
{
	masks_file_close(m->masks);
}

void member_job_free(struct member_job *job)
{
	round_plan_free(&job->plan);
	secret_free(&job->masks);
	buf_free(&job->said);
	memset(job, 0, sizeof *job);
}

void member_answer_free(struct member_answer *a)
{
	roster_free(&a->roster);
	buf_free(&a->heard);
}

/* ---- under the mutex */

void member_persist_masks(struct member *m)
{
	struct bytes record = session_masks_record(m->session);
	struct secagg_record_summary summary;
	struct diag why = {{0}};
	bool lives = secagg_record_read(&summary, record, NULL) == OK && summary.resumable;
	enum err e = masks_file_write(m->masks, record, lives, &why);

	if (e == ERR_IO) {
		member_give_up(m, e, why.text);
		return;
	}
	if (e != OK)
		log_error("study %s: %s", m->study.name, why.text);
	if (!lives) /* no attempt is under way that its y could belong to */
		ledger_discard_masked(m->config.ledger, &m->study.hash);
	session_masks_persisted(m->session, e == OK ? REFUSAL_NONE : REFUSAL_INTERNAL);
}

void member_say_leaving(const struct member *m, bool alarm)
{
	const struct round_plan *plan = session_plan(m->session);

	if (alarm)
		log_error("ALARM: study %s round %llu attempt %u: %s; this hospital says nothing more in the attempt",
		          m->study.name, (unsigned long long)plan->round, plan->attempt, session_why(m->session));
	else
		log_warning("study %s round %llu attempt %u: %s; no part in the rest of the attempt", m->study.name,
		            (unsigned long long)plan->round, plan->attempt, session_why(m->session));
}

static void copy_masks(struct member_job *job, const struct session *s)
{
	const struct mask *masks = session_masks(s, &job->mask_count);
	const struct secagg_plan *plan = session_masked_plan(s);

	CHECK(masks != NULL && plan != NULL && session_to_mask(s) != NULL);
	secret_free(&job->masks);
	secret_new(&job->masks, job->mask_count * sizeof *masks);
	memcpy(job->masks.ptr, masks, job->masks.len);
	job->content = *session_to_mask(s);
	job->words = plan->words;
	job->bits = plan->bits;
}

void member_complete_masks(struct member *m, struct member_job *job)
{
	const uint8_t *signature = session_input_signature(m->session);
	struct bytes said;

	switch (job->action.kind) {
	case SESSION_MASK:
		copy_masks(job, m->session);
		break;
	case SESSION_SEND:
		job->masked = signature != NULL;
		if (job->masked)
			memcpy(job->signature, signature, sizeof job->signature);
		break;
	case SESSION_SAY:
		said = session_to_say(m->session, job->action.phase);
		buf_free(&job->said);
		buf_init(&job->said, said.len);
		buf_put(&job->said, said);
		break;
	case SESSION_LISTEN:
		job->sites = session_masked_plan(m->session)->n;
		break;
	default:
		break;
	}
}

void member_feed_masks(struct member *m, const struct session_action *job, const struct member_answer *a)
{
	if (job->kind == SESSION_ROSTER)
		session_roster(m->session, job->work, &a->roster, a->refusal);
	else if (job->kind == SESSION_MASK)
		session_masked(m->session, job->work, &a->content, a->refusal);
	else if (job->kind == SESSION_SAY)
		session_said(m->session, job->work, a->reply);
	else if (job->kind == SESSION_LISTEN)
		session_heard(m->session, job->work, a->reply, buf_bytes(&a->heard));
}

/* ---- the worker's jobs */

/* The line and the coordinator come back; until then the round waits or ends. */
static enum err fetch_roster(struct member *m, struct roster *out, struct diag *why)
{
	struct entropy entropy = entropy_system();
	enum err e;

	for (unsigned failures = 0;; failures++) {
		e = wire_roster(m->works, m->config.client->tls.authority, out, NULL, why);
		if (e != ERR_UNREACHABLE && e != ERR_AGAIN)
			return e;
		e = request_sleep(m->works, request_backoff_ms(failures, -1, &entropy));
		if (e != OK)
			return e;
	}
}

static void bring_roster(struct member *m, struct member_answer *out)
{
	uint32_t number;
	enum err e = fetch_roster(m, &out->roster, &out->why);

	if (e == OK)
		e = member_judge_roster(m, &out->roster, &number, &out->why);
	out->cancelled = e == ERR_CANCELLED;
	out->refusal = e == OK ? REFUSAL_NONE : e == ERR_IO ? REFUSAL_INTERNAL : REFUSAL_PLAN;
}

static void mask(struct member *m, const struct member_job *job, struct member_answer *out)
{
	const struct release_record *v = &job->content;
	struct ledger *ledger = m->config.ledger;
	char v_path[PATH_SIZE], y_path[PATH_SIZE];
	struct masking_order order = {.v_path = v_path,
	                              .y_path = y_path,
	                              .v = v,
	                              .words = job->words,
	                              .bits = job->bits,
	                              .masks = (const struct mask *)(const void *)job->masks.ptr,
	                              .mask_count = job->mask_count,
	                              .cancel = &m->cancel};
	enum err e;

	(void)ledger_vector(ledger, v_path, &v->study_hash, v->round); /* one that is gone shows when it is opened */
	(void)ledger_masked(ledger, y_path, &v->study_hash, v->round);
	e = masking_make(&out->content, &order, &out->why);
	out->cancelled = e == ERR_CANCELLED;
	out->refusal = e == OK ? REFUSAL_NONE : REFUSAL_INTERNAL;
}

static void say(struct member *m, const struct member_job *job, struct member_answer *out)
{
	const struct round_plan *plan = &job->plan;
	enum err e = wire_say(m->works, m->study.name, plan->round, plan->attempt, job->action.phase,
	                      buf_bytes(&job->said), &out->reply, &out->why);

	out->cancelled = e == ERR_CANCELLED;
	if (e != OK)
		out->reply = MASKS_REJECTED;
	out->trouble = out->reply == MASKS_REJECTED || out->reply == MASKS_DROPPED;
}

static void listen(struct member *m, const struct member_job *job, struct member_answer *out)
{
	const struct round_plan *plan = &job->plan;
	enum err e = wire_listen(m->works, m->study.name, plan->round, plan->attempt, job->action.phase, job->sites,
	                         INBOX_WAIT_MAX_S, &out->heard, &out->reply, &out->why);

	out->cancelled = e == ERR_CANCELLED;
	if (e != OK)
		out->reply = MASKS_REJECTED;
	out->trouble = out->reply == MASKS_REJECTED || out->reply == MASKS_DROPPED;
}

bool member_do_masks(struct member *m, const struct member_job *job, struct member_answer *out)
{
	switch (job->action.kind) {
	case SESSION_ROSTER:
		bring_roster(m, out);
		return true;
	case SESSION_MASK:
		mask(m, job, out);
		return true;
	case SESSION_SAY:
		say(m, job, out);
		return true;
	case SESSION_LISTEN:
		listen(m, job, out);
		return true;
	default:
		return false;
	}
}
