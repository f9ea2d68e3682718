#include "client/member.h"

#include "base/file.h"
#include "base/log.h"
#include "client/contribution.h"
#include "client/extract.h"
#include "client/wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_BACKOFF_TRIES_MAX 6 /* full back-off is reached then */

struct member {
	struct member_config config;
	struct study study;
	struct extract extract;
	struct contributor contributor;
	bool contributing; /* contributor is set up for the extract's table */
	struct requester *polls, *works;
	pthread_t poller, worker;
	bool poller_runs, worker_runs;

	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t job_is_there;
	struct session *session; /* NULL until our number in the roster is known */
	struct session_action job; /* FETCH, COMPUTE, SEND or REFUSE for the worker */
	bool has_job, polls_now, stopping, over;
	atomic_bool cancel; /* read while training, without the mutex */
	struct buf staged; /* the computed contribution until it is final; the worker's */
	struct contribution_report own;
};

/* ---- feeding and draining, under the mutex */

static void fatal(struct member *m, const char *why)
{
	m->stopping = true;
	m->config.fatal(m->config.context, why);
}

static void persist(struct member *m, uint64_t work)
{
	const struct release_record *r = session_to_persist(m->session);
	struct diag why = {{0}};
	enum err e = ledger_commit(m->config.ledger, m->study.name, r, buf_bytes(&m->staged), &why);

	if (e == ERR_IO) {
		fatal(m, why.text);
		return;
	}
	if (e != OK)
		log_error("study %s round %llu: %s", m->study.name, (unsigned long long)r->round, why.text);
	else
		ledger_note_figures(m->config.ledger, r, &m->own);
	session_persisted(m->session, work, e == OK ? REFUSAL_NONE : REFUSAL_INTERNAL);
}

static void give_job(struct member *m, const struct session_action *a)
{
	m->job = *a;
	m->has_job = true;
	pthread_cond_signal(&m->job_is_there);
}

static void cancel_job(struct member *m)
{
	m->has_job = false;
	atomic_store(&m->cancel, true);
	request_cancel(m->works);
}

static void end(struct member *m)
{
	const struct message *f = session_finished(m->session);

	ledger_note_ending(m->config.ledger, f);
	ledger_discard(m->config.ledger, &m->study.hash, UINT64_MAX);
	log_notice("study %s %s", m->study.name, f->complete ? "is finished" : "was ended by the coordinator");
}

static void drain(struct member *m)
{
	struct session_action a;

	while (!m->stopping && session_next(m->session, &a)) {
		switch (a.kind) {
		case SESSION_POLL:
			m->polls_now = true;
			break;
		case SESSION_REFUSE:
			log_warning("study %s round %llu: refused: %s", m->study.name,
			            (unsigned long long)session_plan(m->session)->round, session_why(m->session));
			give_job(m, &a);
			break;
		case SESSION_FETCH:
		case SESSION_COMPUTE:
		case SESSION_SEND:
			give_job(m, &a);
			break;
		case SESSION_PERSIST:
			persist(m, a.work);
			break;
		case SESSION_CANCEL:
			cancel_job(m);
			break;
		case SESSION_DISCARD:
			ledger_note_closed(m->config.ledger, session_closed(m->session));
			ledger_discard(m->config.ledger, &m->study.hash, a.round);
			break;
		case SESSION_END: /* the worker brings the model, then the member is over */
			end(m);
			give_job(m, &a);
			break;
		}
	}
}

/* ---- the worker */

static enum err model_path(const struct member *m, char path[PATH_SIZE], const struct hash *model, struct diag *why)
{
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, model);
	if (snprintf(path, PATH_SIZE, "%s/models", m->config.client->state) >= PATH_SIZE ||
	    (mkdir(path, 0700) != 0 && errno != EEXIST) ||
	    snprintf(path, PATH_SIZE, "%s/models/%s.safetensors", m->config.client->state, hex) >= PATH_SIZE)
		return diag_set(why, ERR_CREATE, "cannot create %s/models: %s", m->config.client->state,
		                strerror(errno));
	return OK;
}

static enum err bring_model(struct member *m, const struct hash *model, uint64_t octets, struct diag *why)
{
	char path[PATH_SIZE];
	enum err e = model_path(m, path, model, why);

	if (e == OK && access(path, R_OK) != 0)
		e = wire_model(m->works, model, octets, path, why);
	return e;
}

static void drop_model(struct member *m, const struct hash *model)
{
	char path[PATH_SIZE];

	if (!hash_is_zero(model) && model_path(m, path, model, NULL) == OK)
		unlink(path);
}

static enum refusal refusal_of(enum err e)
{
	switch (e) {
	case OK:
		return REFUSAL_NONE;
	case ERR_LIMIT:
		return REFUSAL_WEIGHT_CAP;
	case ERR_DATA:
	case ERR_NOT_FOUND:
	case ERR_PROTOCOL:
		return REFUSAL_MODEL;
	default:
		return REFUSAL_INTERNAL;
	}
}

static enum refusal ready_rows(struct member *m, struct diag *why)
{
	bool changed;
	enum refusal no = extract_refresh(&m->extract, &changed, why);

	if (changed && m->contributing) {
		contributor_free(&m->contributor);
		m->contributing = false;
	}
	if (no == REFUSAL_NONE && !m->contributing) {
		contributor_init(&m->contributor, &m->study, &m->extract.table, m->config.client->site);
		m->contributing = true;
	}
	return no;
}

static enum refusal compute(struct member *m, const struct round_plan *plan, struct hash *content, struct diag *why)
{
	struct buf model = {0};
	char path[PATH_SIZE];
	enum refusal no = ready_rows(m, why);
	enum err e = OK;

	if (no != REFUSAL_NONE)
		return no;
	if (!hash_is_zero(&plan->model)) {
		e = model_path(m, path, &plan->model, why);
		if (e == OK)
			e = file_read(&model, path, MODEL_FILE_MAX, why);
	}
	if (e == OK)
		e = contribution_compute(&m->contributor, &m->staged, &m->own, plan, buf_bytes(&model), &m->cancel,
		                         why);
	if (e == OK)
		sha256_of(content, buf_bytes(&m->staged));
	buf_free(&model);
	return refusal_of(e);
}

/* One job, without the mutex; its answer is fed by the caller. */
struct answer {
	enum refusal refusal;
	struct hash content;
	enum sent sent;
	bool cancelled;
	struct diag why;
};

static void send_contribution(struct member *m, const struct round_plan *plan, const struct release_record *r,
                              struct answer *out)
{
	char path[PATH_SIZE];
	enum err e;

	out->sent = SENT_REJECTED;
	if (!ledger_vector(m->config.ledger, path, &r->study_hash, r->round)) {
		diag_set(&out->why, ERR_REFUSED, "round %llu was closed and its contribution deleted",
		         (unsigned long long)r->round);
		return;
	}
	e = wire_send(m->works, m->study.name, plan->round, plan->attempt, r, path, &out->sent, &out->why);
	out->cancelled = e == ERR_CANCELLED;
	if (e == OK)
		ledger_note_sent(m->config.ledger, &r->study_hash, r->round, plan->attempt, out->sent);
}

static void do_job(struct member *m, const struct session_action *job, const struct round_plan *plan,
                   const struct release_record *content, struct answer *out)
{
	enum err e;

	switch (job->kind) {
	case SESSION_FETCH:
		e = bring_model(m, &plan->model, plan->model_octets, &out->why);
		out->cancelled = e == ERR_CANCELLED;
		out->refusal = refusal_of(e);
		break;
	case SESSION_COMPUTE:
		out->refusal = compute(m, plan, &out->content, &out->why);
		out->cancelled = atomic_load(&m->cancel);
		break;
	case SESSION_SEND:
		send_contribution(m, plan, content, out);
		break;
	default:
		e = wire_refuse(m->works, &m->study, plan->round, plan->attempt, job->refusal, &out->why);
		out->cancelled = e == ERR_CANCELLED;
		break;
	}
}

static void feed_answer(struct member *m, const struct session_action *job, const struct answer *a)
{
	if (a->cancelled)
		return;
	if (a->why.text[0] != '\0')
		log_warning("study %s: %s", m->study.name, a->why.text);
	if (job->kind == SESSION_FETCH)
		session_model(m->session, job->work, a->refusal);
	else if (job->kind == SESSION_COMPUTE)
		session_computed(m->session, job->work, &a->content, m->staged.len, a->refusal);
	else if (job->kind == SESSION_SEND)
		session_sent(m->session, job->work, a->sent);
}

/* The last job: the study's model for this hospital's own use. */
static void bring_last_model(struct member *m)
{
	const struct message *f = session_finished(m->session);
	struct hash model = f->model;
	uint64_t octets = f->model_octets;
	struct diag why = {{0}};

	pthread_mutex_unlock(&m->mutex);
	if (!hash_is_zero(&model) && bring_model(m, &model, octets, &why) != OK)
		log_warning("study %s: the final model was not fetched: %s", m->study.name, why.text);
	pthread_mutex_lock(&m->mutex);
	m->over = true;
}

/* Takes the job and works on copies of what the session says of it, for the session may go on meanwhile. */
static void take_job(struct member *m)
{
	struct session_action job = m->job;
	struct round_plan plan = {0};
	struct release_record content;
	struct answer answer = {0};

	memset(&content, 0, sizeof content);
	m->has_job = false;
	atomic_store(&m->cancel, false);
	request_resume(m->works);
	if (job.kind == SESSION_END) {
		bring_last_model(m);
		return;
	}
	round_plan_copy(&plan, session_plan(m->session));
	if (job.kind == SESSION_SEND)
		content = *session_content(m->session);
	pthread_mutex_unlock(&m->mutex);
	do_job(m, &job, &plan, &content, &answer);
	if (job.kind == SESSION_SEND && !answer.cancelled)
		drop_model(m, &plan.model);
	pthread_mutex_lock(&m->mutex);
	if (!m->stopping) {
		feed_answer(m, &job, &answer);
		drain(m);
	}
	round_plan_free(&plan);
}

static void *worker_main(void *context)
{
	struct member *m = context;

	pthread_mutex_lock(&m->mutex);
	while (!m->stopping && !m->over) {
		if (m->has_job)
			take_job(m);
		else
			pthread_cond_wait(&m->job_is_there, &m->mutex);
	}
	pthread_mutex_unlock(&m->mutex);
	return NULL;
}

/* ---- the poller */

/* Our number in the roster, which a coordinator cannot choose: the authority signs it. */
static enum err find_ourselves(struct member *m, uint32_t *number, struct diag *why)
{
	const struct identity *self = request_self(m->polls);
	struct roster roster = {0};
	const struct roster_site *entry;
	enum err e = wire_roster(m->polls, m->config.client->tls.authority, &roster, why);

	if (e != OK)
		return e;
	entry = roster_find(&roster, self->name);
	if (roster.version < ledger_roster_version(m->config.ledger))
		e = diag_set(
			why, ERR_REFUSED,
			"the coordinator shows roster %u, but this hospital has seen roster %u: it must not go back",
			roster.version, ledger_roster_version(m->config.ledger));
	else if (entry == NULL || memcmp(entry->key, self->signing_key, ROSTER_KEY_SIZE) != 0)
		e = diag_set(why, ERR_REFUSED, "%s is not on roster %u with this signing key; ask the authority",
		             self->name, roster.version);
	else
		e = ledger_saw_roster(m->config.ledger, roster.version, why);
	if (e == OK)
		*number = entry->number;
	roster_free(&roster);
	return e;
}

static void begin_session(struct member *m, uint32_t number)
{
	struct session_config config = {&m->study, &m->config.client->policy, number};
	struct release_record newest;

	m->session = session_new(&config);
	if (ledger_newest(m->config.ledger, &m->study.hash, &newest))
		session_restore(m->session, &newest);
	drain(m);
}

static enum err poll_once(struct member *m, struct diag *why)
{
	struct message *messages = NULL;
	uint32_t count = 0;
	uint64_t after = session_seq(m->session); /* only this thread changes it */
	bool missed = false;
	enum err e;

	pthread_mutex_unlock(&m->mutex);
	e = wire_poll(m->polls, &m->study, after, INBOX_WAIT_MAX_S, &messages, &count, &missed, why);
	pthread_mutex_lock(&m->mutex);
	if (e == OK && !m->stopping) {
		e = session_polled(m->session, messages, count, missed, (int64_t)time(NULL), why);
		drain(m);
	}
	for (uint32_t i = 0; i < count; i++)
		message_free(&messages[i]);
	free(messages);
	return e;
}

/* After a failure: is there any point in going on? Says what happened, once per kind of trouble. */
static bool worth_trying(struct member *m, enum err e, const struct diag *why, enum err *last)
{
	bool again =
		e == ERR_UNREACHABLE || e == ERR_AGAIN || e == ERR_REFUSED || e == ERR_PROTOCOL || e == ERR_NOT_FOUND;

	if (e == ERR_CANCELLED)
		return false;
	if (e != *last || !again)
		log_warning("study %s: %s%s", m->study.name, why->text, again ? "; trying again" : "");
	*last = e;
	return again;
}

/* One turn of the poller; 0 when it may go on at once, otherwise how long to wait, -1: it is over. */
static int64_t poller_turn(struct member *m, unsigned *failures, enum err *last)
{
	struct entropy entropy = entropy_system();
	struct diag why = {{0}};
	uint32_t number = 0;
	enum err e;

	if (m->session == NULL) {
		pthread_mutex_unlock(&m->mutex);
		e = find_ourselves(m, &number, &why);
		pthread_mutex_lock(&m->mutex);
		if (e == OK && !m->stopping)
			begin_session(m, number);
	} else {
		e = poll_once(m, &why);
	}
	if (m->stopping || m->over)
		return -1;
	if (e == OK) {
		if (*last != OK)
			log_notice("study %s: connected again", m->study.name);
		*last = OK;
		*failures = 0;
		return 0;
	}
	if (!worth_trying(m, e, &why, last)) {
		m->over = true;
		return -1;
	}
	*failures = *failures < POLL_BACKOFF_TRIES_MAX ? *failures + 1 : *failures;
	return request_backoff_ms(*failures, -1, &entropy);
}

static void *poller_main(void *context)
{
	struct member *m = context;
	unsigned failures = 0;
	enum err last = OK;

	pthread_mutex_lock(&m->mutex);
	while (!m->stopping && !m->over && (m->session == NULL || session_finished(m->session) == NULL)) {
		int64_t wait_ms = poller_turn(m, &failures, &last);

		if (wait_ms > 0) {
			pthread_mutex_unlock(&m->mutex);
			(void)!request_sleep(m->polls, wait_ms);
			pthread_mutex_lock(&m->mutex);
		}
	}
	pthread_cond_signal(&m->job_is_there);
	pthread_mutex_unlock(&m->mutex);
	return NULL;
}

/* ---- birth and end */

/* The boot id: the coordinator serves the newest process of a hospital and stops an older one. */
static void set_boot_id(struct member *m)
{
	struct entropy entropy = entropy_system();
	uint8_t id[16];
	char hex[2 * sizeof id + 1];

	entropy_fill(&entropy, id, sizeof id);
	hex_encode(hex, bytes_of(id, sizeof id));
	request_set_header(m->polls, "Cohort-Session", hex);
	request_set_header(m->works, "Cohort-Session", hex);
}

enum err member_start(struct member **out, const struct member_config *config, struct diag *why)
{
	struct member *m = mem_alloc(sizeof *m);
	struct request_config request = client_config_request(config->client);
	enum err e;

	*out = NULL;
	m->config = *config;
	pthread_mutex_init(&m->mutex, NULL);
	pthread_cond_init(&m->job_is_there, NULL);
	buf_init(&m->staged, MODEL_FILE_MAX);
	e = contract_load(&m->study, config->client->state, &config->approval.study_hash, why);
	if (e == OK)
		e = request_open(&m->polls, &request, why);
	if (e == OK)
		e = request_open(&m->works, &request, why);
	if (e != OK) {
		member_stop(m);
		return e;
	}
	extract_init(&m->extract, config->client, &m->study, &config->approval.fingerprint);
	set_boot_id(m);
	m->poller_runs = pthread_create(&m->poller, NULL, poller_main, m) == 0;
	m->worker_runs = pthread_create(&m->worker, NULL, worker_main, m) == 0;
	if (!m->poller_runs || !m->worker_runs) {
		member_stop(m);
		return diag_set(why, ERR_MEMORY, "the system gives no more threads");
	}
	*out = m;
	return OK;
}

bool member_is_over(struct member *m)
{
	bool over;

	pthread_mutex_lock(&m->mutex);
	over = m->over;
	pthread_mutex_unlock(&m->mutex);
	return over;
}

const struct hash *member_study_hash(const struct member *m)
{
	return &m->study.hash;
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
	if (m->contributing)
		contributor_free(&m->contributor);
	extract_free(&m->extract);
	study_free(&m->study);
	buf_free(&m->staged);
	pthread_cond_destroy(&m->job_is_there);
	pthread_mutex_destroy(&m->mutex);
	free(m);
}
