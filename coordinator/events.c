#include "coordinator/events.h"

#include "base/log.h"
#include "base/version.h"
#include "model/metrics_json.h"

#include <inttypes.h>
#include <stdio.h>

#define PURPOSE_SIZE 64
#define LIST_MAX 512 /* of names in one log line: the rest is in the store */

/* The row; takes over `body`. */
static void record(const struct course_world *w, const char *study, const char *kind, struct json *body)
{
	store_event(w->store, study, kind, body, w->wall_ms);
	json_free(body);
}

static const char *name_of(const struct course_world *w, uint32_t site)
{
	return enrolled_name_of(w->enrolled, site);
}

static struct json *site_body(const struct course_world *w, uint32_t site)
{
	struct json *body = json_new_object();

	json_set_string(body, "site", name_of(w, site));
	json_set_integer(body, "number", site);
	return body;
}

static struct json *round_body(const struct round_plan *plan)
{
	struct json *body = json_new_object();

	json_set_integer(body, "round", (int64_t)plan->round);
	json_set_integer(body, "attempt", plan->attempt);
	return body;
}

void events_started(const struct course_world *w)
{
	struct json *body = json_new_object();

	json_set_string(body, "version", COHORT_VERSION);
	json_set_integer(body, "roster", w->enrolled->version);
	record(w, "", "started", body);
}

void events_stopped(const struct course_world *w)
{
	record(w, "", "stopped", json_new_object());
}

void events_roster(const struct course_world *w)
{
	struct json *body = json_new_object();
	uint32_t listed = 0;

	for (uint32_t i = 0; i < w->enrolled->count; i++)
		listed += !w->enrolled->items[i].gone;
	log_info("roster version %" PRIu32 ": %" PRIu32 " hospitals", w->enrolled->version, listed);
	json_set_integer(body, "version", w->enrolled->version);
	json_set_integer(body, "sites", listed);
	record(w, "", "roster", body);
}

void events_study_added(const struct course_world *w, const struct study *study)
{
	struct json *body = json_new_object();
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, &study->hash);
	log_notice("study %s revision %" PRIu32 " added; its hash is %s", study->name, study->revision, hex);
	json_set_integer(body, "revision", study->revision);
	json_set_hash(body, "study_hash", &study->hash);
	record(w, study->name, "study added", body);
}

void events_state(const struct course_world *w, const struct study *study, const struct campaign *campaign,
                  const char **announced)
{
	const char *state = campaign_state_name(campaign);
	bool failed = campaign_failure(campaign)[0] != '\0';
	char reason[DIAG_MAX];
	struct json *body;

	if (state == *announced)
		return; /* the names are literals: one address each */
	campaign_reason(campaign, reason, sizeof reason);
	if (failed)
		log_error("study %s %s: %s", study->name, state, reason);
	else
		log_notice("study %s is %s%s%s", study->name, state, reason[0] != '\0' ? ": " : "", reason);
	body = json_new_object();
	json_set_string(body, "state", state);
	json_set_string(body, "reason", reason);
	record(w, study->name, "state", body);
	*announced = state;
}

void events_answer(const struct course_world *w, const struct study *study, uint32_t site, enum site_answer answer)
{
	struct json *body = site_body(w, site);

	log_notice("study %s: %s has %s", study->name, name_of(w, site), answer_name(answer));
	json_set_string(body, "answer", answer_name(answer));
	json_set_hash(body, "study_hash", &study->hash);
	record(w, study->name, "answer", body);
}

void events_revoked(const struct course_world *w, const struct enrolled_site *site)
{
	struct json *body = site_body(w, site->number);
	const char *why = site->gone ? "left the roster" : "certificate revoked";

	log_notice("%s: %s", site->name, why);
	json_set_string(body, "reason", why);
	record(w, "", "revoked", body);
}

/* ---- rounds */

void events_purpose(char *out, size_t size, const struct study *study, unsigned asks, uint32_t step)
{
	if (asks & ASK_STATISTICS)
		snprintf(out, size, "statistics");
	else if (asks & ASK_TRAIN)
		snprintf(out, size, "training %" PRIu32 " of %" PRIu32, step, study->rounds);
	else
		snprintf(out, size, "last evaluation");
}

void events_round_opened(const struct course_world *w, const struct study *study, const struct round_plan *plan)
{
	struct json *body = round_body(plan), *sites = json_new_array();

	json_set_integer(body, "step", plan->step);
	json_set_hash(body, "model", &plan->model);
	for (uint32_t i = 0; i < plan->site_count; i++)
		json_add(sites, json_new_integer(plan->sites[i]));
	json_set(body, "sites", sites);
	log_debug("study %s round %" PRIu64 " attempt %" PRIu32 ": %" PRIu32 " hospitals invited", study->name,
	          plan->round, plan->attempt, plan->site_count);
	record(w, study->name, "round opened", body);
}

void events_site(const struct course_world *w, const struct study *study, const struct round_plan *plan,
                 const struct round_site *row)
{
	struct json *body = round_body(plan);
	const char *state = "contributed", *reason = "";

	json_set_string(body, "site", name_of(w, row->number));
	if (row->state == SITE_REFUSED) {
		state = "refused";
		reason = refusal_name(row->refusal);
		log_notice("study %s round %" PRIu64 ": %s refused: %s", study->name, plan->round,
		           name_of(w, row->number), refusal_text(row->refusal));
	} else if (row->state == SITE_DROPPED) {
		state = "dropped";
		reason = drop_reason_name(row->dropped);
		log_notice("study %s round %" PRIu64 ": %s dropped: %s", study->name, plan->round,
		           name_of(w, row->number), reason);
	}
	json_set_string(body, "reason", reason);
	json_set_hash(body, "sha256", &row->content);
	record(w, study->name, state, body);
}

void events_late(const struct course_world *w, const struct study *study, uint64_t round, uint32_t attempt,
                 uint32_t site)
{
	const struct round_plan plan = {.round = round, .attempt = attempt};
	struct json *body = round_body(&plan);

	log_notice("study %s round %" PRIu64 " attempt %" PRIu32 ": the contribution of %s came late", study->name,
	           round, attempt, name_of(w, site));
	json_set_string(body, "site", name_of(w, site));
	record(w, study->name, "late", body);
}

static void describe_figure(struct buf *out, const struct json *figures, const char *name, const char *interval,
                            int decimals)
{
	const struct json *x = json_get(figures, name), *held = json_get(figures, interval);

	if (json_kind(x) == JSON_IS_NULL)
		return;
	buf_printf(out, ", %s %.*f", name, decimals, json_as_real(x));
	if (held != NULL)
		buf_printf(out, " [%.*f, %.*f]", decimals, json_as_real(json_at(held, 0)), decimals,
		           json_as_real(json_at(held, 1)));
}

/* ", loss 0.1234, accuracy 0.961, auc 0.987 [0.971, 1.000]": the figures of the test part, or else of the validation part, that
 * exist; of noised ones what 95 of 100 hold the exact figure in. */
static void describe_figures(struct buf *out, const struct study *study, const struct round_report *report)
{
	static const char *const names[][2] = {{"loss", "loss_interval"},
	                                       {"accuracy", "accuracy_interval"},
	                                       {"auc", "auc_interval"},
	                                       {"r2", "r2_interval"},
	                                       {"rmse", "rmse_interval"}};
	bool of_test = outcome_shows_test(&report->test, &report->test_margin, &report->validation);
	const struct metrics *m = of_test ? &report->test : &report->validation;
	struct json *figures;

	if (!report->evaluated)
		return;
	figures = metrics_json_of(m);
	metrics_json_set_intervals(figures, m, of_test ? &report->test_margin : &report->validation_margin);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		describe_figure(out, figures, names[i][0], names[i][1], i == 0 ? 4 : 3);
	json_free(figures);
	if (study->privacy.mechanism != PRIVACY_NONE && study->evaluation == EVALUATION_MASKED)
		buf_put_text(out, " (exact, NOT covered by epsilon)");
}

/* Why a site is not in the sum, beside its state; "" when the state says it all. */
static const char *reason_of(const struct round_site *site)
{
	if (site->state == SITE_REFUSED)
		return refusal_name(site->refusal);
	return site->state == SITE_DROPPED ? drop_reason_name(site->dropped) : "";
}

/* "; without st-mary (absent), charite (dropped in phase shares)": those that are not in the sum. */
static void describe_missing(struct buf *out, const struct course_world *w, const struct round *round)
{
	const char *comma = "; without ";

	for (uint32_t i = 0; i < round_site_count(round) && out->len < LIST_MAX; i++) {
		const struct round_site *site = round_site_at(round, i);

		if (site->state == SITE_CONTRIBUTED)
			continue;
		buf_printf(out, "%s%s (%s%s%s)", comma, name_of(w, site->number), site_state_name(site->state),
		           reason_of(site)[0] != '\0' ? " " : "", reason_of(site));
		comma = ", ";
	}
}

/* Of a masked attempt: why it, or a group of it, gave no sum. */
static const char *why_of(const struct round_report *report)
{
	return report->why != NULL ? report->why : "";
}

static void log_round(const struct course_world *w, const struct study *study, const struct round_report *report)
{
	const struct round_plan *plan = report->plan;
	char purpose[PURPOSE_SIZE], attempt[32] = "", quorum[64] = "";
	struct buf words;

	events_purpose(purpose, sizeof purpose, study, plan->asks, plan->step);
	if (plan->attempt > 1)
		snprintf(attempt, sizeof attempt, " attempt %" PRIu32, plan->attempt);
	if (report->outcome != OUTCOME_DONE)
		snprintf(quorum, sizeof quorum, " %s,", outcome_name(report->outcome));
	if (report->outcome == OUTCOME_FAILED && !round_masked(report->round))
		snprintf(quorum, sizeof quorum, " failed (%" PRIu32 " are needed),", round_quorum(report->round));
	buf_init(&words, DIAG_MAX);
	describe_figures(&words, study, report);
	buf_printf(&words, ", %.1f s", (double)(report->ended_ms - report->started_ms) / 1000.0);
	describe_missing(&words, w, report->round);
	if (why_of(report)[0] != '\0')
		buf_printf(&words, "; %s", why_of(report));
	log_info("study %s round %" PRIu64 "%s (%s):%s %" PRIu32 " of %" PRIu32 " hospitals%s", study->name,
	         plan->round, attempt, purpose, quorum, round_contributions(report->round),
	         round_site_count(report->round), buf_text(&words));
	buf_free(&words);
}

/* [{"site", "state", "reason"}] of those that are not in the sum. */
static struct json *missing_of(const struct course_world *w, const struct round *round)
{
	struct json *list = json_new_array();

	for (uint32_t i = 0; i < round_site_count(round); i++) {
		const struct round_site *site = round_site_at(round, i);
		struct json *node;

		if (site->state == SITE_CONTRIBUTED)
			continue;
		node = json_new_object();
		json_set_string(node, "site", name_of(w, site->number));
		json_set_string(node, "state", site_state_name(site->state));
		json_set_string(node, "reason", reason_of(site));
		json_add(list, node);
	}
	return list;
}

void events_round_closed(const struct course_world *w, const struct study *study, const struct round_report *report)
{
	struct json *body = round_body(report->plan), *participants = json_new_array();

	log_round(w, study, report);
	json_set_string(body, "outcome", outcome_name(report->outcome));
	json_set_hash(body, "model", &report->model);
	for (uint32_t i = 0; i < round_site_count(report->round); i++)
		if (round_site_at(report->round, i)->state == SITE_CONTRIBUTED)
			json_add(participants, json_new_integer(round_site_at(report->round, i)->number));
	json_set(body, "participants", participants);
	json_set(body, "missing", missing_of(w, report->round));
	json_set_string(body, "why", why_of(report));
	record(w, study->name, "round closed", body);
}
