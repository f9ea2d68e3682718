#include "client/member.h"

#include "base/log.h"
#include "client/contract.h"
#include "client/member_inside.h"

#include <stdlib.h>
#include <string.h>

#define RULES_MAX 512 /* the policy's rules for one release, in words */

/* ---- draining the session, under the mutex */

void member_give_up(struct member *m, enum err e, const char *why)
{
	if (m->stopping)
		return;
	m->stopping = true;
	request_cancel(m->polls);
	request_cancel(m->works);
	pthread_cond_signal(&m->job_is_there);
	m->config.stop(m->config.context, e, why);
}

static void stop_worker(struct member *m)
{
	atomic_store(&m->cancel, true);
	request_cancel(m->works);
}

void member_look_at_budget(struct member *m)
{
	ledger_budget(m->config.ledger, &m->budget);
}

static enum refusal refusal_of(enum err e)
{
	return e == OK ? REFUSAL_NONE : e == ERR_REFUSED ? REFUSAL_BUDGET : REFUSAL_INTERNAL;
}

static void persist(struct member *m, uint64_t work)
{
	const struct policy *policy = &m->config.client->policy;
	const struct budget_limit limit = {policy->budget_epsilon, policy->budget_delta};
	const struct release_record *r = session_to_persist(m->session);
	struct ledger *ledger = m->config.ledger;
	struct diag why = {{0}};
	struct buf rules;
	enum err e;

	buf_init(&rules, RULES_MAX);
	policy_rules(&rules, policy, &m->study, r->sites);
	e = ledger_commit(ledger, m->study.name, r, buf_text(&rules), buf_bytes(&m->staged), &limit, &why);
	buf_free(&rules);
	if (e == ERR_IO) {
		member_give_up(m, e, why.text);
		return;
	}
	if (e != OK)
		log_error("study %s round %llu: %s", m->study.name, (unsigned long long)r->round, why.text);
	else
		ledger_note_figures(ledger, r, &m->own);
	session_persisted(m->session, work, refusal_of(e));
}

/* The worker's next job; one that was not taken yet is for nothing any more. What it needs is copied when all is drained. */
static void give_job(struct member *m, const struct session_action *a)
{
	member_job_free(&m->next);
	m->next.action = *a;
	m->has_next = m->next_is_bare = true;
	if (m->refusing) /* what it says of an older attempt is not worth waiting for */
		stop_worker(m);
}

/* What the ledger is now, with what is about to be sent in it. */
static void say_mark(struct member *m, struct member_job *job)
{
	struct ledger_mark mark = {0};

	if (!member_signs(m))
		return;
	mark.counter = ledger_head(m->config.ledger, &mark.head);
	session_sign_mark(m->session, &mark);
	ledger_mark_write(job->mark, &mark);
}

/* One poll may bring a round, its end and the next round: only after the last action does the session speak of the job that is
 * left. */
static void complete_job(struct member *m)
{
	enum session_action_kind kind = m->next.action.kind;

	m->next_is_bare = false;
	if (kind != SESSION_END)
		round_plan_copy(&m->next.plan, session_plan(m->session));
	if (kind == SESSION_SEND) {
		CHECK(session_content(m->session) != NULL);
		m->next.content = *session_content(m->session);
		say_mark(m, &m->next);
	}
	member_complete_masks(m, &m->next);
	pthread_cond_signal(&m->job_is_there);
}

static void end(struct member *m)
{
	const struct message *f = session_finished(m->session);

	ledger_note_ending(m->config.ledger, f);
	ledger_discard(m->config.ledger, &m->study.hash, UINT64_MAX);
	log_notice("study %s %s", m->study.name, f->complete ? "is finished" : "was ended by the coordinator");
}

static void carry_out(struct member *m, const struct session_action *a)
{
	switch (a->kind) {
	case SESSION_POLL: /* the poller's thread does nothing else */
		break;
	case SESSION_REFUSE:
		log_warning("study %s round %llu: refused (%s)%s%s", m->study.name,
		            (unsigned long long)session_plan(m->session)->round, refusal_name(a->refusal),
		            session_why(m->session)[0] != '\0' ? ": " : "", session_why(m->session));
		give_job(m, a);
		break;
	case SESSION_FETCH:
	case SESSION_COMPUTE:
	case SESSION_SEND:
	case SESSION_ROSTER:
	case SESSION_MASK:
	case SESSION_SAY:
	case SESSION_LISTEN:
		give_job(m, a);
		break;
	case SESSION_PERSIST:
		persist(m, a->work);
		break;
	case SESSION_CANCEL:
		m->has_next = m->next_is_bare = false;
		member_job_free(&m->next); /* it may hold masks */
		stop_worker(m);
		break;
	case SESSION_DISCARD:
		ledger_discard(m->config.ledger, &m->study.hash, a->round);
		break;
	case SESSION_END: /* the worker brings the model, then the member is over */
		end(m);
		give_job(m, a);
		break;
	case SESSION_PERSIST_MASKS:
		member_persist_masks(m);
		break;
	case SESSION_LEAVE:
		member_say_leaving(m, a->alarm);
		break;
	}
}

void member_drain(struct member *m)
{
	struct session_action a;

	while (!m->stopping && session_next(m->session, &a))
		carry_out(m, &a);
	if (m->next_is_bare && !m->stopping)
		complete_job(m);
}

/* ---- birth and end */

static enum err load(struct member *m, struct diag *why)
{
	const struct client_config *client = m->config.client;
	struct request_config request = client_config_request(client);
	enum err e = contract_load(&m->study, client->state, &m->config.approval.study_hash, why);

	if (e == OK)
		e = request_open(&m->polls, &request, why);
	if (e == OK)
		e = request_open(&m->works, &request, why);
	if (e == OK && member_signs(m))
		e = signer_open(&m->signer, client->signing_key, request_self(m->polls), why);
	if (e == OK && member_is_masked(m))
		e = member_open_masks(m, why);
	if (e != OK)
		return e;
	extract_init(&m->extract, client, &m->study, &m->config.approval.fingerprint);
	contributor_init(&m->contributor, &m->study, &m->extract.table, client->site);
	request_set_header(m->polls, "Cohort-Session", m->config.boot_id);
	request_set_header(m->works, "Cohort-Session", m->config.boot_id);
	return OK;
}

enum err member_start(struct member **out, const struct member_config *config, struct diag *why)
{
	struct member *m = mem_alloc(sizeof *m);
	enum err e;

	m->config = *config;
	pthread_mutex_init(&m->mutex, NULL);
	pthread_cond_init(&m->job_is_there, NULL);
	buf_init(&m->staged, MODEL_FILE_MAX);
	e = load(m, why);
	if (e == OK) {
		m->poller_runs = pthread_create(&m->poller, NULL, member_poll_main, m) == 0;
		m->worker_runs = pthread_create(&m->worker, NULL, member_work_main, m) == 0;
		if (!m->poller_runs || !m->worker_runs)
			e = diag_set(why, ERR_MEMORY, "the system gives no more threads");
	}
	*out = e == OK ? m : NULL;
	if (e != OK)
		member_stop(m);
	return e;
}

void member_look(struct member *m, struct member_view *out)
{
	memset(out, 0, sizeof *out);
	pthread_mutex_lock(&m->mutex);
	out->over = m->over;
	out->doing = m->session != NULL ? session_state_name(session_state(m->session)) : "connecting";
	out->trouble = m->alarm.text[0] != '\0' ? m->alarm : m->trouble;
	if (m->session != NULL) {
		out->round = session_plan(m->session)->round;
		out->attempt = session_plan(m->session)->attempt;
		out->step = session_plan(m->session)->step;
	}
	pthread_mutex_unlock(&m->mutex);
}

void member_abandon(struct member *m)
{
	if (m->stopping || m->session == NULL) /* the disk has failed, or no record was looked at */
		return;
	session_abandon(m->session);
	member_drain(m);
}

void member_leave(struct member *m)
{
	pthread_mutex_lock(&m->mutex);
	member_abandon(m);
	m->stopping = true; /* before a poll brings another round */
	pthread_mutex_unlock(&m->mutex);
	member_stop(m);
}

void member_stop(struct member *m)
{
	if (m == NULL)
		return;
	pthread_mutex_lock(&m->mutex);
	m->stopping = true;
	atomic_store(&m->cancel, true);
	if (m->polls != NULL)
		request_cancel(m->polls);
	if (m->works != NULL)
		request_cancel(m->works);
	pthread_cond_signal(&m->job_is_there);
	pthread_mutex_unlock(&m->mutex);
	if (m->poller_runs)
		pthread_join(m->poller, NULL);
	if (m->worker_runs)
		pthread_join(m->worker, NULL);
	request_close(m->polls);
	request_close(m->works);
	session_free(m->session);
	budget_free(&m->budget);
	member_job_free(&m->next);
	member_close_masks(m);
	signer_close(&m->signer);
	contributor_free(&m->contributor);
	extract_free(&m->extract);
	study_free(&m->study);
	buf_free(&m->staged);
	pthread_cond_destroy(&m->job_is_there);
	pthread_mutex_destroy(&m->mutex);
	free(m);
}
