#include "tests/support/world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_MS 30000
#define DEADLINE_MS 600000
#define PAUSE_MS 10000
#define STEPS_MAX 2000000 /* a world that needs more is stuck */
#define MODELS_MAX 128
#define STEP_MS_MAX 4 /* virtual time of one step: 0 to 3 ms */

struct stored_model {
	struct hash sha256;
	struct buf bytes;
};

struct host { /* a hospital: session in memory; ledger and vector on its disk */
	uint32_t number;
	char name[16];
	struct session *session;
	struct contributor contributor;
	/* volatile */
	bool polling, over;
	struct session_action work; /* FETCH, COMPUTE or SEND in hand; kind POLL: none */
	struct buf staged;
	/* durable */
	bool has_record;
	struct release_record record;
	struct buf vector;
	bool has_truth[WORLD_ROUNDS_MAX];
	struct hash truth[WORLD_ROUNDS_MAX];
	struct buf truth_vector; /* of record.round */
};

struct world {
	const struct world_setting *setting;
	const struct world_plan *plan;
	struct world_result *out;
	struct rng rng;
	int64_t now_ms;
	struct campaign *campaign;
	struct aggregate aggregate;
	struct host hosts[WORLD_SITES_MAX];
	/* durable at the coordinator */
	struct json *record;
	bool answered[WORLD_SITES_MAX];
	struct round_site rows[WORLD_SITES_MAX];
	bool has_row[WORLD_SITES_MAX];
	struct buf uploads[WORLD_SITES_MAX];
	struct stored_model models[MODELS_MAX];
	uint32_t model_count;
};

static void violate(struct world *w, const char *what, uint64_t round)
{
	if (w->out->violation[0] == '\0')
		snprintf(w->out->violation, sizeof w->out->violation, "seed %llu, round %llu: %.200s",
		         (unsigned long long)w->plan->seed, (unsigned long long)round, what);
}

static bool lost(struct world *w)
{
	return rng_unit(&w->rng) < w->plan->loss;
}

static void put(struct buf *to, struct bytes from)
{
	buf_free(to);
	buf_init(to, MODEL_FILE_MAX);
	buf_put(to, from);
}

static struct campaign_config campaign_settings(const struct world *w)
{
	return (struct campaign_config){w->setting->study, JOIN_MS, DEADLINE_MS, PAUSE_MS};
}

/* ---- the coordinator's shell */

static void coordinator_restart(struct world *w)
{
	struct campaign_config config = campaign_settings(w);
	struct diag why = {{0}};

	campaign_free(w->campaign);
	aggregate_free(&w->aggregate);
	if (w->record == NULL) {
		w->campaign = campaign_new(&config);
	} else if (campaign_restore(&w->campaign, &config, w->record, w->now_ms, &why) != OK) {
		violate(w, why.text, 0);
		abort();
	}
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (w->answered[i])
			campaign_restore_answer(w->campaign, w->hosts[i].number, ANSWER_APPROVED);
	for (uint32_t i = 0; i < w->setting->site_count && campaign_round_open(w->campaign); i++)
		if (w->has_row[i])
			campaign_restore_site(w->campaign, &w->rows[i]);
	campaign_resume(w->campaign, w->now_ms);
}

static struct host *host_of(struct world *w, uint32_t number)
{
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (w->hosts[i].number == number)
			return &w->hosts[i];
	abort();
}

static struct bytes model_of(const struct world *w, const struct hash *sha256)
{
	for (uint32_t i = 0; i < w->model_count; i++)
		if (hash_equal(&w->models[i].sha256, sha256))
			return buf_bytes(&w->models[i].bytes);
	return bytes_of(NULL, 0);
}

static void keep_model(struct world *w, const struct outcome *o)
{
	if (!o->has_model || model_of(w, &o->model_sha256).len > 0)
		return;
	CHECK(w->model_count < MODELS_MAX);
	w->models[w->model_count].sha256 = o->model_sha256;
	put(&w->models[w->model_count++].bytes, buf_bytes(&o->model));
}

/* The published sum must be the exact integer sum over the published participants, each once. */
static void check_sum(struct world *w, const struct round_report *r)
{
	const struct layout *l = &w->aggregate.layout;
	uint32_t counted = 0;

	for (uint32_t k = 0; k < l->words; k++) {
		int64_t sum = 0;

		for (uint32_t i = 0; i < round_site_count(r->round); i++) {
			const struct round_site *s = round_site_at(r->round, i);
			const struct host *h = host_of(w, s->number);

			if (s->state != SITE_CONTRIBUTED)
				continue;
			counted += k == 0;
			if (h->record.round != r->plan->round || h->truth_vector.len != layout_octets(l)) {
				violate(w, "a participant has not released this round", r->plan->round);
				return;
			}
			sum += (int32_t)load_u32(h->truth_vector.ptr + 4 * (size_t)k);
		}
		if (sum != w->aggregate.sums[k]) {
			violate(w, "the sum is not the sum of the participants", r->plan->round);
			return;
		}
	}
	if (counted != w->aggregate.added)
		violate(w, "somebody was counted twice", r->plan->round);
}

static void publish(struct world *w, const struct round_report *r)
{
	struct world_round now = {.round = r->plan->round, .attempt = r->plan->attempt, .outcome = r->outcome};
	struct world_round *last = w->out->round_count > 0 ? &w->out->rounds[w->out->round_count - 1] : NULL;

	for (uint32_t i = 0; i < round_site_count(r->round); i++) {
		const struct round_site *s = round_site_at(r->round, i);

		if (s->state == SITE_CONTRIBUTED && r->outcome == OUTCOME_DONE)
			now.participants[now.participant_count++] = s->number;
	}
	if (last != NULL && last->round == now.round && last->attempt == now.attempt) {
		violate(w, "a closed round was closed again", now.round);
		return;
	}
	if (last != NULL && now.round < last->round)
		violate(w, "a round number went backwards", now.round);
	CHECK(w->out->round_count < WORLD_ROUNDS_MAX);
	w->out->rounds[w->out->round_count++] = now;
}

/* Executes what `a` asks so that it is durable, and tells whether an answer is due. */
static void coordinator_do(struct world *w, const struct campaign_action *a, struct outcome *outcome)
{
	struct host *h = a->site != 0 ? host_of(w, a->site) : NULL;
	size_t i = h != NULL ? (size_t)(h - w->hosts) : 0;
	const struct round_report *report;
	struct diag why = {{0}};

	switch (a->kind) {
	case CAMPAIGN_PERSIST_ANSWER:
		w->answered[i] = true;
		break;
	case CAMPAIGN_PERSIST_SITE:
		w->rows[i] = *round_site(campaign_round(w->campaign), a->site);
		if (w->rows[i].state == SITE_EXPECT_PERSISTED)
			w->rows[i].state = SITE_CONTRIBUTED;
		w->has_row[i] = true;
		break;
	case CAMPAIGN_PERSIST:
		json_free(w->record);
		w->record = campaign_save(w->campaign);
		report = campaign_report(w->campaign);
		if (report != NULL)
			publish(w, report);
		memset(w->has_row, 0, sizeof w->has_row);
		break;
	case CAMPAIGN_BEGIN:
		aggregate_begin(&w->aggregate, campaign_layout(w->campaign));
		break;
	case CAMPAIGN_ADD:
		aggregate_add(&w->aggregate, buf_bytes(&w->uploads[i]));
		break;
	case CAMPAIGN_COMPUTE: {
		struct round_report now = {.plan = campaign_plan(w->campaign), .round = campaign_round(w->campaign)};

		check_sum(w, &now);
		if (outcome_compute(outcome, w->setting->study, now.plan, &w->aggregate, model_of(w, &now.plan->model),
		                    &why) != OK)
			violate(w, why.text, now.plan->round);
		keep_model(w, outcome);
		break;
	}
	case CAMPAIGN_WAKE:
		break;
	}
}

static void coordinator_answer(struct world *w, const struct campaign_action *a, const struct outcome *outcome)
{
	if (a->kind == CAMPAIGN_PERSIST_SITE)
		campaign_site_persisted(w->campaign, a->site, true, w->now_ms);
	else if (a->kind == CAMPAIGN_PERSIST)
		campaign_persisted(w->campaign, a->token, w->now_ms);
	else if (a->kind == CAMPAIGN_ADD)
		campaign_added(w->campaign, a->site, w->now_ms);
	else if (a->kind == CAMPAIGN_COMPUTE)
		campaign_computed(w->campaign, outcome, w->now_ms);
}

static bool crash_now(struct world *w, enum crash_side side, uint32_t site, uint32_t count, enum crash_when when)
{
	const struct world_plan *p = w->plan;
	bool now = !w->out->crashed && p->crash == side && p->crash_when == when && p->crash_at == count &&
	           (side != CRASH_SITE || p->crash_site == site);

	w->out->crashed |= now;
	return now;
}

static bool coordinator_step(struct world *w)
{
	struct campaign_action a;
	struct outcome outcome = {0};
	uint32_t count = w->out->coordinator_actions;

	if (w->now_ms >= campaign_deadline_ms(w->campaign))
		campaign_tick(w->campaign, w->now_ms);
	if (!campaign_next(w->campaign, &a))
		return false;
	w->out->coordinator_actions++;
	if (crash_now(w, CRASH_COORDINATOR, 0, count, CRASH_BEFORE)) {
		coordinator_restart(w);
		return true;
	}
	coordinator_do(w, &a, &outcome);
	if (crash_now(w, CRASH_COORDINATOR, 0, count, CRASH_AFTER))
		coordinator_restart(w);
	else
		coordinator_answer(w, &a, &outcome);
	outcome_free(&outcome);
	return true;
}

/* ---- a hospital's shell */

static void host_restart(struct world *w, struct host *h)
{
	struct session_config config = {w->setting->study, w->setting->policy, h->number};

	session_free(h->session);
	contributor_free(&h->contributor);
	buf_clear(&h->staged);
	h->polling = false;
	h->work.kind = SESSION_POLL;
	contributor_init(&h->contributor, w->setting->study, &w->setting->tables[h - w->hosts], h->name);
	h->session = session_new(&config);
	if (h->has_record)
		session_restore(h->session, &h->record);
}

static void host_persist(struct world *w, struct host *h)
{
	const struct release_record *r = session_to_persist(h->session);

	CHECK(r != NULL && r->round < WORLD_ROUNDS_MAX);
	if (h->has_truth[r->round] && !hash_equal(&h->truth[r->round], &r->content))
		violate(w, "two vectors were made final for one round", r->round);
	if (h->has_truth[r->round])
		violate(w, "a final vector was computed again", r->round);
	h->has_truth[r->round] = true;
	h->truth[r->round] = r->content;
	h->record = *r;
	h->has_record = true;
	put(&h->vector, buf_bytes(&h->staged));
	put(&h->truth_vector, buf_bytes(&h->staged));
}

/* What is durable or immediate is done here; slow work is put in hand. */
static void host_do(struct world *w, struct host *h, const struct session_action *a)
{
	const struct round_plan *p = session_plan(h->session);

	switch (a->kind) {
	case SESSION_POLL:
		h->polling = true;
		break;
	case SESSION_FETCH:
	case SESSION_COMPUTE:
	case SESSION_SEND:
		h->work = *a;
		break;
	case SESSION_PERSIST:
		host_persist(w, h);
		break;
	case SESSION_REFUSE:
		(void)!campaign_refused(w->campaign, h->number, p->round, p->attempt, a->refusal, w->now_ms);
		break;
	case SESSION_CANCEL:
		h->work.kind = SESSION_POLL;
		break;
	case SESSION_DISCARD:
		if (h->has_record && h->record.round <= a->round)
			buf_clear(&h->vector);
		break;
	case SESSION_END:
		h->over = true;
		break;
	}
}

static bool host_drain(struct world *w, struct host *h)
{
	struct session_action a;
	uint32_t index = (uint32_t)(h - w->hosts), count = w->out->site_actions[index];

	if (!session_next(h->session, &a))
		return false;
	w->out->site_actions[index]++;
	if (crash_now(w, CRASH_SITE, index, count, CRASH_BEFORE)) {
		host_restart(w, h);
		return true;
	}
	host_do(w, h, &a);
	if (crash_now(w, CRASH_SITE, index, count, CRASH_AFTER))
		host_restart(w, h);
	else if (a.kind == SESSION_PERSIST)
		session_persisted(h->session, a.work, REFUSAL_NONE);
	return true;
}

static bool host_poll(struct world *w, struct host *h)
{
	const struct message *inbox[3];
	struct message copy[3];
	uint32_t count;
	bool kept;
	struct diag why = {{0}};

	if (lost(w))
		return true;
	campaign_answer(w->campaign, h->number, ANSWER_APPROVED, w->now_ms);
	campaign_polled(w->campaign, h->number, w->now_ms);
	kept = campaign_inbox(w->campaign, h->number, session_seq(h->session), inbox, &count);
	if (kept && count == 0)
		return false; /* held */
	if (lost(w))
		return true;
	for (uint32_t i = 0; i < count; i++)
		copy[i] = *inbox[i];
	h->polling = false;
	if (session_polled(h->session, copy, count, !kept, 0, &why) != OK)
		violate(w, why.text, 0);
	return true;
}

static bool host_send(struct world *w, struct host *h)
{
	const struct round_plan *p = session_plan(h->session);
	const struct release_record *r = session_content(h->session);
	struct buf *upload = &w->uploads[h - w->hosts];
	enum upload_verdict verdict;

	if (h->vector.len == 0) { /* discarded: its round was closed */
		session_sent(h->session, h->work.work, SENT_REJECTED);
		h->work.kind = SESSION_POLL;
		return true;
	}
	if (lost(w))
		return true;
	verdict = campaign_wants(w->campaign, h->number, p->round, p->attempt, r->octets, &r->content);
	if (verdict == UPLOAD_WANTED) {
		put(upload, buf_bytes(&h->vector));
		verdict = campaign_upload(w->campaign, h->number, p->round, p->attempt, r->octets, &r->content,
		                          w->now_ms);
	}
	if (verdict == UPLOAD_WANTED || verdict == UPLOAD_PENDING || lost(w))
		return false;
	session_sent(h->session, h->work.work,
	             verdict == UPLOAD_ACCEPTED ? SENT_ACCEPTED
	             : verdict == UPLOAD_LATE   ? SENT_LATE
	                                        : SENT_REJECTED);
	h->work.kind = SESSION_POLL;
	return true;
}

static bool host_compute(struct world *w, struct host *h)
{
	const struct round_plan *p = session_plan(h->session);
	struct contribution_report report;
	struct diag why = {{0}};
	struct hash content;
	uint64_t work = h->work.work;

	h->work.kind = SESSION_POLL;
	if (contribution_compute(&h->contributor, &h->staged, &report, p, model_of(w, &p->model), NULL, &why) != OK) {
		violate(w, why.text, p->round);
		session_computed(h->session, work, NULL, 0, REFUSAL_INTERNAL);
		return true;
	}
	sha256_of(&content, buf_bytes(&h->staged));
	session_computed(h->session, work, &content, h->staged.len, REFUSAL_NONE);
	return true;
}

static bool host_step(struct world *w, struct host *h)
{
	uint64_t work = h->work.work;

	if (host_drain(w, h))
		return true;
	if (h->over)
		return false;
	if (h->polling && rng_below(&w->rng, 2) == 0)
		return host_poll(w, h);
	switch (h->work.kind) {
	case SESSION_FETCH:
		if (lost(w))
			return true;
		h->work.kind = SESSION_POLL;
		session_model(h->session, work,
		              model_of(w, &session_plan(h->session)->model).len > 0 ? REFUSAL_NONE : REFUSAL_MODEL);
		return true;
	case SESSION_COMPUTE:
		return host_compute(w, h);
	case SESSION_SEND:
		return host_send(w, h);
	default:
		return false;
	}
}

/* ---- the world */

static bool world_over(const struct world *w)
{
	if (campaign_state(w->campaign) < CAMPAIGN_FINISHED)
		return false;
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (!w->hosts[i].over && !w->plan->absent[i])
			return false;
	return true;
}

static void world_begin(struct world *w)
{
	struct diag why = {{0}};

	rng_seeded(&w->rng, w->plan->seed, "world");
	w->now_ms = 1;
	for (uint32_t i = 0; i < w->setting->site_count; i++) {
		struct host *h = &w->hosts[i];

		h->number = 11 + 7 * i; /* number, rank and index all differ */
		snprintf(h->name, sizeof h->name, "site-%u", i);
		buf_init(&h->staged, MODEL_FILE_MAX);
		host_restart(w, h);
	}
	coordinator_restart(w);
	/* The operator repeats the command until it has succeeded, so approvals and start are on disk before the first round. */
	while (w->record == NULL) {
		for (uint32_t i = 0; i < w->setting->site_count; i++)
			campaign_answer(w->campaign, w->hosts[i].number, ANSWER_APPROVED, w->now_ms);
		if (campaign_state(w->campaign) == CAMPAIGN_READY && campaign_start(w->campaign, w->now_ms, &why) != OK)
			violate(w, why.text, 0);
		coordinator_step(w);
	}
}

static void world_end(struct world *w)
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

void world_run(struct world_result *out, const struct world_setting *setting, const struct world_plan *plan)
{
	struct world *w = mem_alloc(sizeof *w);
	uint32_t idle = 0, steps = 0;

	memset(out, 0, sizeof *out);
	w->setting = setting;
	w->plan = plan;
	w->out = out;
	world_begin(w);
	while (!world_over(w) && out->violation[0] == '\0') {
		uint32_t who = (uint32_t)rng_below(&w->rng, setting->site_count + 1);
		bool moved = who == setting->site_count ? coordinator_step(w)
		                                        : !plan->absent[who] && host_step(w, &w->hosts[who]);

		w->now_ms += (int64_t)rng_below(&w->rng, STEP_MS_MAX);
		idle = moved ? 0 : idle + 1;
		if (idle > 50 * (setting->site_count + 1)) { /* nothing moves: let time pass */
			int64_t next = campaign_deadline_ms(w->campaign);

			idle = 0;
			if (next != INT64_MAX && next > w->now_ms)
				w->now_ms = next;
		}
		if (++steps > STEPS_MAX)
			violate(w, "no progress", campaign_plan(w->campaign)->round);
	}
	world_end(w);
	free(w);
}
