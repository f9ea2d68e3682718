/* The rounds of a study: each attempt with its figures, and what became of every site that was invited. */
#include "coordinator/report_inside.h"

#include "model/metrics_json.h"
#include "protocol/promise.h"

#include <string.h>

const char *report_phase_at(const struct round_site *site)
{
	return site->reached < SECAGG_PHASE_COUNT ? secagg_phase_name((enum secagg_phase)site->reached) : "";
}

/* ---- figures */

static bool shows_test(const struct stored_round *r)
{
	return outcome_shows_test(&r->test, &r->test_margin, &r->validation);
}

static void set_figures(struct json *node, const struct metrics *m, const struct metrics *margin)
{
	metrics_json_set(node, m);
	metrics_json_set_intervals(node, m, margin);
}

void report_set_shown(struct json *node, const struct stored_round *r)
{
	if (shows_test(r))
		set_figures(node, &r->test, &r->test_margin);
	else
		set_figures(node, &r->validation, &r->validation_margin);
}

static struct json *figures_of(const struct metrics *m, const struct metrics *margin, bool evaluated)
{
	struct json *node = evaluated ? json_new_object() : json_new_null();

	if (evaluated)
		set_figures(node, m, margin);
	return node;
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
	json_set_string(node, "phase", invited ? "join" : masked ? report_phase_at(site) : "contribution");
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
	bool of_test = shows_test(row);

	if (row->evaluated)
		report_set_shown(node, row);
	else
		metrics_json_set(node, &none);
	json_set(node, "calibration",
	         metrics_json_of_calibration(of_test ? &row->test_calibration : &row->validation_calibration));
	json_set(node, "validation", figures_of(&row->validation, &row->validation_margin, row->evaluated));
	json_set(node, "test", figures_of(&row->test, &row->test_margin, row->evaluated));
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
