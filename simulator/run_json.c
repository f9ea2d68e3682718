#include "simulator/run_json.h"

#include "base/version.h"
#include "model/metrics_json.h"
#include "protocol/promise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROC_POINTS 200 /* what a picture can show */

/* ---- what was asked */

static struct json *options_json(const struct run_request *q)
{
	struct json *node = json_new_object(), *set = json_new_array();

	json_set_string(node, "data", q->data.data);
	json_set_string(node, "site_column", q->data.site_column);
	json_set_string(node, "partition", q->data.partition);
	json_set_integer(node, "sites", q->data.sites);
	json_set_string(node, "synthetic", q->data.synthetic);
	json_set_integer(node, "sites_per_round", q->sites_per_round);
	json_set_real(node, "dropout", q->dropout);
	json_set_real(node, "slow", q->slow);
	json_set_integer(node, "threads", q->threads);
	json_set_string(node, "policy", q->policy);
	json_set_bool(node, "masks", q->masks);
	for (size_t i = 0; i < q->setting_count; i++)
		json_add(set, json_new_string(q->settings[i]));
	json_set(node, "set", set);
	return node;
}

/* Where the time of masked rounds went; null when none was run under masks. */
static struct json *masked_json(const struct run *r)
{
	static const char *const names[ENGINE_PARTS] = {
		[ENGINE_KEYS] = "keys",           [ENGINE_SHARES] = "shares",   [ENGINE_INPUT] = "input",
		[ENGINE_SURVIVORS] = "survivors", [ENGINE_OPENING] = "opening", [ENGINE_JUDGING] = "coordinator",
		[ENGINE_UNMASKING] = "unmasking",
	};
	struct json *node;

	if (!engine_masked(r->engine))
		return json_new_null();
	node = json_new_object();
	for (int i = 0; i < ENGINE_PARTS; i++)
		json_set_real(node, names[i], engine_seconds(r->engine, (enum engine_part_of_time)i));
	return node;
}

/* ---- figures */

static struct json *figures_or_null(const struct run *r, const struct metrics *m)
{
	return r->test.count == 0 ? json_new_null() : metrics_json_of(m);
}

static struct json *per_site_json(const struct run *r)
{
	struct json *list = json_new_array();

	for (uint32_t i = 0; i < r->site_count; i++) {
		const struct table *t = &r->federation.sites[i].table;
		struct json *node = json_new_object();

		json_set_string(node, "site", r->federation.sites[i].name);
		json_set_integer(node, "train", t->part_rows[PART_TRAIN]);
		json_set_integer(node, "test", t->part_rows[PART_TEST]);
		json_set(node, "metrics", r->test.count == 0 ? json_new_null() : metrics_json_of(&r->test.sites[i]));
		json_add(list, node);
	}
	return list;
}

static struct json *baselines_json(const struct run *r)
{
	struct json *node, *list;

	if (!r->has_baselines)
		return json_new_null();
	node = json_new_object();
	list = json_new_array();
	json_set_bool(node, "noise", false); /* whatever the study's mechanism */
	json_set(node, "pooled", metrics_json_of(&r->baselines.pooled));
	for (uint32_t i = 0; i < r->baselines.count; i++) {
		struct json *site = json_new_object();

		json_set_string(site, "site", r->federation.sites[i].name);
		json_set(site, "home", metrics_json_of(&r->baselines.sites[i].home));
		json_set(site, "all", metrics_json_of(&r->baselines.sites[i].all));
		json_add(list, site);
	}
	json_set(node, "local", list);
	return node;
}

static struct json *roc_json(const struct site_figures *f)
{
	struct roc_point *points;
	struct json *list;

	if (f->count == 0 || f->shape.classes != 2)
		return json_new_null();
	points = mem_array(f->shape.bins + 1, sizeof *points);
	if (!metrics_roc(points, f->shape, f->sums)) {
		free(points);
		return json_new_null();
	}
	list = json_new_array();
	uint32_t stride = f->shape.bins / ROC_POINTS + 1;
	for (uint32_t i = 0;; i = i + stride < f->shape.bins ? i + stride : f->shape.bins) {
		struct json *point = json_new_array();

		json_add(point, json_new_real(points[i].false_positive_rate));
		json_add(point, json_new_real(points[i].true_positive_rate));
		json_add(list, point);
		if (i == f->shape.bins)
			break;
	}
	free(points);
	return list;
}

/* Rows by truth and prediction, for several classes. */
static struct json *confusion_json(const struct site_figures *f)
{
	uint32_t classes = f->shape.classes;
	struct json *list;

	if (f->count == 0 || classes < 3)
		return json_new_null();
	list = json_new_array();
	for (uint32_t truth = 0; truth < classes; truth++) {
		struct json *row = json_new_array();

		for (uint32_t k = 0; k < classes; k++)
			json_add(row, json_new_integer((int64_t)f->sums[(size_t)truth * classes + k]));
		json_add(list, row);
	}
	return list;
}

static struct json *calibration_json(const struct site_figures *f)
{
	struct calibration c = {0};

	if (f->count == 0)
		return json_new_null();
	metrics_calibration(&c, f->shape, f->sums);
	return metrics_json_of_calibration(&c);
}

/* ---- what a person should know */

static struct json *excluded_json(const struct run *r)
{
	struct json *list = json_new_array();

	for (uint32_t i = 0; r->engine != NULL && i < r->site_count; i++) {
		const struct engine_site *s = engine_site(r->engine, i);
		struct json *node;

		if (!s->excluded)
			continue;
		node = json_new_object();
		json_set_string(node, "site", r->federation.sites[i].name);
		json_set_string(node, "reason", engine_refusal(s));
		json_add(list, node);
	}
	return list;
}

static struct json *warnings_json(const struct run *r)
{
	struct json *list = study_warnings(&r->study);
	char line[TEXT_LINE_MAX];

	for (uint32_t i = 0; i < r->federation.warning_count; i++)
		json_add(list, json_new_string(r->federation.warnings[i]));
	if (r->federation.warnings_left_out > 0) {
		snprintf(line, sizeof line, "%u more warnings about the data", r->federation.warnings_left_out);
		json_add(list, json_new_string(line));
	}
	for (uint32_t i = 0; r->engine != NULL && i < r->site_count; i++) {
		const struct engine_site *s = engine_site(r->engine, i);

		if (s->refused == 0)
			continue;
		snprintf(line, sizeof line, "%s refused %u attempts: %s", r->federation.sites[i].name, s->refused,
		         engine_refusal(s));
		json_add(list, json_new_string(line));
	}
	return list;
}

static struct json *privacy_json(const struct run *r)
{
	struct json *node = promise_json(&r->study);

	json_set_integer(node, "releases", r->releases);
	run_privacy_json(node, &r->privacy);
	return node;
}

/* Why there were no more rounds, unless all were done or it was interrupted. */
static struct json *stopped_json(const struct run *r)
{
	char reason[TEXT_LINE_MAX] = "";

	if (r->engine != NULL)
		campaign_reason(engine_campaign(r->engine), reason, sizeof reason);
	return reason[0] != '\0' ? json_new_string(reason) : json_new_null();
}

/* ---- the whole */

static void set_study(struct json *node, const struct run *r)
{
	json_set_string(node, "schema", "cohort/run/1");
	json_set_string(node, "version", COHORT_VERSION);
	json_set_bool(node, "complete", r->complete);
	json_set_string(node, "study", r->study.name);
	json_set_hash(node, "study_sha256", &r->study.sha256);
	json_set_hash(node, "study_hash", &r->study.hash);
	json_set_integer(node, "seed", (int64_t)r->request->seed);
	json_set(node, "options", options_json(r->request));
	json_set_integer(node, "sites", r->site_count);
	json_set_integer(node, "rounds", r->rounds);
	json_set_integer(node, "updates", (int64_t)run_updates(r));
	json_set_real(node, "seconds", r->seconds);
	json_set_real(node, "updates_per_second", r->seconds > 0 ? (double)run_updates(r) / r->seconds : NAN);
}

struct json *run_json(const struct run *r, const char *model)
{
	struct json *node = json_new_object();

	set_study(node, r);
	json_set(node, "masked_seconds", masked_json(r));
	json_set(node, "metrics", figures_or_null(r, &r->test.all));
	json_set(node, "validation", figures_or_null(r, &r->validation));
	json_set(node, "per_site", per_site_json(r));
	json_set(node, "baselines", baselines_json(r));
	json_set(node, "roc", roc_json(&r->test));
	json_set(node, "calibration", calibration_json(&r->test));
	json_set(node, "confusion", confusion_json(&r->test));
	json_set(node, "privacy", privacy_json(r));
	json_set_bool(node, "released", run_released(r));
	json_set(node, "stopped", stopped_json(r));
	json_set(node, "excluded", excluded_json(r));
	json_set(node, "warnings", warnings_json(r));
	json_set_integer(node, "model_step", r->model_step);
	json_set_string(node, "model", model);
	json_set_hash(node, "model_sha256", &r->model_sha256);
	json_set(node, "contract", json_clone(r->study.tree));
	return node;
}
