#include "coordinator/report_inside.h"

#include "protocol/promise.h"

#include <string.h>

#define WAITING_SIZE 256

/* ---- status */

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
			phase = report_phase_at(row);
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

/* The promise, and what of it is spent. */
static struct json *privacy_of(const struct course *c)
{
	struct json *node = promise_json(c->study);
	uint32_t lost, left;

	campaign_spares(c->campaign, &lost, &left);
	json_set_integer(node, "releases", campaign_releases(c->campaign));
	json_set_integer(node, "spent_rounds", campaign_step(c->campaign) + lost);
	json_set_integer(node, "lost_rounds", lost);
	json_set_integer(node, "spare_left", left);
	return node;
}

static struct json *newest_figures(const struct stored_round *newest)
{
	struct json *node = json_new_object();

	report_set_shown(node, newest);
	return node;
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
	json_set(node, "metrics", e == OK && found ? newest_figures(&newest) : json_new_null());
	json_set(node, "privacy", privacy_of(c));
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
