#include "coordinator/report.h"

#include "model/metrics_json.h"
#include "protocol/promise.h"

#include <string.h>

#define WAITING_SIZE 256

/* ---- figures */

/* The part that is shown first: the test rows, or those of validation when there is no test row. */
static const struct metrics *shown(const struct stored_round *r)
{
	return r->test.rows > 0 ? &r->test : &r->validation;
}

/* ---- status */

/* In an open masked attempt: the phase whose message this site has not sent yet; "" when it has sent them all. */
static const char *phase_at(const struct round_site *site)
{
	return site->reached < SECAGG_PHASE_COUNT ? secagg_phase_name((enum secagg_phase)site->reached) : "";
}

static void set_site_state(struct json *node, const struct course *c, const struct enrolled_site *site)
{
	const struct round *round = campaign_round(c->campaign);
	const struct round_site *row = round != NULL ? round_site(round, site->number) : NULL;
	const char *state = "invited", *reason = "", *phase = "";
	enum site_answer answer;

	if (campaign_site_answer(c->campaign, site->number, &answer))
		state = answer_name(answer);
	if (row != NULL && campaign_round_open(c->campaign)) {
		state = site_state_name(row->state);
		if (row->state == SITE_REFUSED)
			reason = refusal_name(row->refusal);
		else if (row->state == SITE_DROPPED)
			reason = drop_reason_name(row->dropped);
		else if (round_masked(round) && row->state > SITE_EXPECT_JOIN)
			phase = phase_at(row);
	}
	if (site->revoked) {
		state = "revoked";
		reason = "its certificate is on the revocation list";
	}
	json_set_string(node, "state", state);
	json_set_string(node, "reason", reason);
	json_set_string(node, "phase", phase);
}

static struct json *last_seen(const struct enrolled_site *site)
{
	return site->last_seen_ms > 0 ? json_new_integer(site->last_seen_ms) : json_new_null();
}

static struct json *sites_of(const struct office *o, const struct course *c)
{
	struct json *list = json_new_array();

	for (uint32_t i = 0; i < o->enrolled.count; i++) {
		const struct enrolled_site *site = &o->enrolled.items[i];
		struct json *node;

		if (site->gone || !study_invites(c->study, site->name))
			continue;
		node = json_new_object();
		json_set_string(node, "site", site->name);
		json_set_integer(node, "number", site->number);
		set_site_state(node, c, site);
		json_set(node, "last_seen_ms", last_seen(site));
		json_add(list, node);
	}
	return list;
}

static void set_models(struct json *node, const struct course *c)
{
	uint64_t octets;
	uint32_t step;
	const struct hash newest = campaign_model(c->campaign, &octets);
	const struct hash best = campaign_best(c->campaign, &octets, &step);

	json_set_hash(node, "model_sha256", &newest);
	json_set_hash(node, "best_sha256", &best);
	json_set_integer(node, "best_step", step);
}

static enum err study_status(struct json *list, struct office *o, const struct course *c, struct diag *why)
{
	struct json *node = json_new_object();
	char waiting_for[WAITING_SIZE], reason[DIAG_MAX];
	struct stored_round newest;
	bool found;
	enum err e = store_newest_metrics(o->store, c->id, &newest, &found, why);

	campaign_waiting_for(c->campaign, waiting_for, sizeof waiting_for);
	json_set_string(node, "study", c->study->name);
	json_set_integer(node, "revision", c->study->revision);
	json_set_hash(node, "study_hash", &c->study->hash);
	json_set_string(node, "state", campaign_state_name(c->campaign));
	json_set_string(node, "waiting_for", waiting_for);
	json_set_string(node, "failure", campaign_failure(c->campaign));
	campaign_reason(c->campaign, reason, sizeof reason);
	json_set_string(node, "reason", reason);
	json_set_integer(node, "round", (int64_t)campaign_plan(c->campaign)->round);
	json_set_integer(node, "attempt", campaign_plan(c->campaign)->attempt);
	json_set_integer(node, "step", campaign_step(c->campaign));
	json_set_integer(node, "rounds", c->study->rounds);
	json_set_string(node, "expires", c->study->expires);
	json_set(node, "sites", sites_of(o, c));
	json_set(node, "metrics", e == OK && found ? metrics_json_of(shown(&newest)) : json_new_null());
	json_set(node, "privacy", promise_json(c->study));
	set_models(node, c);
	json_add(list, node);
	return e;
}

enum err report_status(struct json **out, struct office *o, struct diag *why)
{
	struct json *list = json_new_array();
	enum err e = OK;

	for (uint32_t i = 0; i < o->count && e == OK; i++)
		e = study_status(list, o, o->courses[i], why);
	*out = json_new_object();
	json_set(*out, "studies", list);
	if (e != OK) {
		json_free(*out);
		*out = NULL;
	}
	return e;
}

struct json *report_studies(const struct office *o)
{
	struct json *body = json_new_object(), *list = json_new_array();

	for (uint32_t i = 0; i < o->count; i++) {
		const struct course *c = o->courses[i];
		struct json *node = json_new_object();

		json_set_string(node, "study", c->study->name);
		json_set_integer(node, "revision", c->study->revision);
		json_set_string(node, "state", campaign_state_name(c->campaign));
		json_set_hash(node, "study_hash", &c->study->hash);
		json_set_string(node, "purpose", c->study->purpose);
		json_set_string(node, "expires", c->study->expires);
		json_set_integer(node, "approved", campaign_approved(c->campaign));
		json_set(node, "privacy", promise_json(c->study));
		json_add(list, node);
	}
	json_set(body, "studies", list);
	return body;
}

struct json *report_sites(const struct office *o)
{
	struct json *body = json_new_object(), *list = json_new_array();

	for (uint32_t i = 0; i < o->enrolled.count; i++) {
		const struct enrolled_site *site = &o->enrolled.items[i];
		struct json *node = json_new_object();

		json_set_string(node, "site", site->name);
		json_set_integer(node, "number", site->number);
		json_set_string(node, "state", site->gone ? "left" : site->revoked ? "revoked" : "enrolled");
		json_set(node, "last_seen_ms", last_seen(site));
		json_add(list, node);
	}
	json_set(body, "sites", list);
	json_set_integer(body, "roster", o->enrolled.version);
	return body;
}

/* ---- rounds */

struct rounds_report {
	struct office *office;
	const struct course *course;
	struct json *list, *sites; /* sites: of the round at hand */
	int64_t opened_ms;
	uint64_t octets;
	enum err e;
	struct diag *why;
};

/* What scripts are told: a site that sent nothing in time was dropped, and in which phase. */
static void add_site(void *context, const struct stored_participant *p)
{
	struct rounds_report *r = context;
	struct json *node = json_new_object();
	bool absent = strcmp(p->state, "absent") == 0, joined = strcmp(p->state, "joined") == 0;
	int64_t at_ms = p->late_ms > 0 ? p->late_ms : p->at_ms;

	json_set_string(node, "site", enrolled_name_of(&r->office->enrolled, p->site));
	json_set_integer(node, "number", p->site);
	json_set_string(node, "state", absent || joined ? "dropped" : p->state);
	json_set_string(node, "phase", p->phase[0] != '\0' ? p->phase : absent ? "join" : joined ? "contribution" : "");
	json_set_string(node, "reason",
	                absent   ? "not seen in this round"
	                : joined ? "sent no contribution in time"
	                         : p->reason);
	json_set_integer(node, "bytes", (int64_t)p->octets);
	json_set_integer(node, "ms", at_ms > r->opened_ms ? at_ms - r->opened_ms : 0);
	json_set_hash(node, "sha256", &p->content);
	json_add(r->sites, node);
	r->octets += p->octets;
}

/* A site of the open attempt that has no row yet. */
static void add_open_site(struct rounds_report *r, const struct round_site *site, bool masked)
{
	struct json *node = json_new_object();
	bool invited = site->state == SITE_EXPECT_JOIN, counts = site->state >= SITE_EXPECT_ADDED;

	json_set_string(node, "site", enrolled_name_of(&r->office->enrolled, site->number));
	json_set_integer(node, "number", site->number);
	json_set_string(node, "state", invited ? "invited" : counts ? "contributed" : "joined");
	json_set_string(node, "phase", invited ? "join" : masked ? phase_at(site) : "contribution");
	json_set_string(node, "reason", "");
	json_set_integer(node, "bytes", 0);
	json_set_integer(node, "ms", 0);
	json_add(r->sites, node);
}

static void add_open_sites(struct rounds_report *r, const struct stored_round *row)
{
	const struct round *round = campaign_round(r->course->campaign);
	const struct round_plan *plan = campaign_plan(r->course->campaign);

	if (round == NULL || plan->round != row->round || plan->attempt != row->attempt)
		return;
	for (uint32_t i = 0; i < round_site_count(round); i++) {
		const struct round_site *site = round_site_at(round, i);
		bool masked = round_masked(round), gone = site->state >= SITE_REFUSED;

		if (masked ? !gone : site->state <= SITE_EXPECT_PERSISTED)
			add_open_site(r, site, masked);
	}
}

static void set_asks(struct json *node, unsigned asks)
{
	struct json *list = json_new_array();

	if (asks & ASK_STATISTICS)
		json_add(list, json_new_string("statistics"));
	if (asks & ASK_TRAIN)
		json_add(list, json_new_string("train"));
	if (asks & ASK_EVALUATE)
		json_add(list, json_new_string("evaluate"));
	json_set(node, "asks", list);
}

static void set_round_figures(struct json *node, const struct stored_round *row)
{
	const struct metrics none = METRICS_NONE;
	bool of_test = row->test.rows > 0;

	metrics_json_set(node, row->evaluated ? shown(row) : &none);
	json_set(node, "calibration",
	         metrics_json_of_calibration(of_test ? &row->test_calibration : &row->validation_calibration));
	json_set(node, "validation", row->evaluated ? metrics_json_of(&row->validation) : json_new_null());
	json_set(node, "test", row->evaluated ? metrics_json_of(&row->test) : json_new_null());
}

/* What protects a round, short; the whole promise stands in the status. */
static struct json *round_privacy(const struct study *s)
{
	struct json *whole = promise_json(s), *node = json_new_object();
	static const char *const keys[] = {"mechanism", "unit", "epsilon", "delta", "evaluation"};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		json_set(node, keys[i], json_clone(json_get(whole, keys[i])));
	json_free(whole);
	return node;
}

static void add_round(void *context, const struct stored_round *row)
{
	struct rounds_report *r = context;
	struct json *node = json_new_object();

	r->sites = json_new_array();
	r->opened_ms = row->opened_ms;
	r->octets = 0;
	if (r->e == OK)
		r->e = store_participants(r->office->store, r->course->id, row->round, row->attempt, add_site, r,
		                          r->why);
	add_open_sites(r, row);
	json_set_string(node, "study", r->course->study->name);
	json_set_integer(node, "revision", r->course->study->revision);
	json_set_integer(node, "round", (int64_t)row->round);
	json_set_integer(node, "attempt", row->attempt);
	json_set_string(node, "kind",
	                row->asks & ASK_STATISTICS ? "statistics"
	                : row->asks & ASK_TRAIN    ? "train"
	                                           : "evaluate");
	set_asks(node, row->asks);
	json_set_integer(node, "step", row->step);
	json_set_string(node, "outcome", row->outcome);
	json_set_integer(node, "quorum", row->quorum);
	json_set_integer(node, "opened_ms", row->opened_ms);
	json_set_integer(node, "ms", row->took_ms);
	json_set_integer(node, "bytes", (int64_t)r->octets);
	json_set_hash(node, "model_sha256", &row->model);
	set_round_figures(node, row);
	json_set(node, "privacy", round_privacy(r->course->study));
	json_set(node, "sites", r->sites);
	json_add(r->list, node);
}

enum err report_rounds(struct json **out, struct office *o, const struct course *c, uint64_t round, uint32_t attempt,
                       struct diag *why)
{
	struct rounds_report r = {.office = o, .course = c, .list = json_new_array(), .why = why};
	enum err e = store_rounds(o->store, c->id, round, attempt, REPORT_PAGE, add_round, &r, why);

	if (e == OK)
		e = r.e;
	*out = json_new_object();
	json_set(*out, "rounds", r.list);
	if (e != OK) {
		json_free(*out);
		*out = NULL;
	}
	return e;
}

/* ---- events */

static void add_event(void *context, const struct stored_event *row)
{
	struct json *node = json_new_object();

	json_set_integer(node, "seq", (int64_t)row->seq);
	json_set_integer(node, "at_ms", row->at_ms);
	json_set_string(node, "study", row->study);
	json_set_string(node, "kind", row->kind);
	json_set_string(node, "body", row->body);
	json_set_hash(node, "hash", &row->hash);
	json_add(context, node);
}

enum err report_events(struct json **out, struct office *o, uint64_t seq, struct diag *why)
{
	struct json *list = json_new_array();
	enum err e = store_events(o->store, seq, REPORT_PAGE, add_event, list, why);

	if (e != OK) {
		json_free(list);
		return e;
	}
	*out = json_new_object();
	json_set(*out, "events", list);
	return OK;
}
