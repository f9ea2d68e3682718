#include "simulator/run.h"

#include "base/file.h"
#include "simulator/run_rounds.h"
#include "simulator/setting.h"
#include "simulator/stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading */

/* A file of first parameters lies beside the study's own file. */
static void place_init_file(struct run *r)
{
	const char *slash = strrchr(r->request->study, '/'), *name = r->study.init_file;
	char path[PATH_SIZE];

	if (r->study.init != INIT_FILE || name[0] == '/' || slash == NULL)
		return;
	snprintf(path, sizeof path, "%.*s/%s", (int)(slash - r->request->study), r->request->study, name);
	r->init_file = mem_copy_text(path);
	r->study.init_file = r->init_file;
}

static enum err read_policy(struct run *r, struct diag *why)
{
	const char *path = r->request->policy;
	struct buf text = {0};
	enum err e;

	if (path == NULL)
		return OK;
	e = file_read(&text, path, YAML_TEXT_MAX, why);
	if (e == OK)
		e = policy_parse(&r->policy, buf_bytes(&text), path, why);
	buf_free(&text);
	return e;
}

static enum err read_all(struct run *r, struct diag *why)
{
	const struct run_request *q = r->request;
	struct federation_options data = q->data;
	enum err e = OK;

	for (size_t i = 0; i < q->setting_count && e == OK; i++)
		e = setting_check("--set", q->settings[i], why);
	if (e != OK)
		return e;
	e = study_load_set(&r->study, q->study, q->settings, q->setting_count, why);
	if (e != OK)
		return setting_blame(why, e, "--set", q->settings, q->setting_count);
	if (q->on_study != NULL)
		q->on_study(q->context, &r->study);
	study_seed(&r->study, q->seed);
	place_init_file(r);
	e = read_policy(r, why);
	data.seed = q->seed;
	if (e == OK)
		e = federation_load(&r->federation, &r->study, &data, why);
	r->site_count = r->federation.count;
	if (e == OK && q->sites_per_round > r->site_count)
		return diag_set(why, ERR_USAGE, "--sites-per-round %u: there are %u sites", q->sites_per_round,
		                r->site_count);
	return e;
}

/* ---- playing */

static void note_round(void *context, const struct engine_round *round)
{
	struct run *r = context;
	const struct run_request *q = r->request;
	bool done = round->report->outcome == OUTCOME_DONE;

	r->releases += done;
	if (done && (round->report->plan->asks & ASK_TRAIN))
		r->rounds = round->report->plan->step;
	run_privacy_note(&r->privacy, &r->study, round);
	run_rounds_add(&r->rounds_csv, round, run_privacy_epsilon(&r->privacy, &r->study));
	if (q->on_round != NULL)
		q->on_round(q->context, &r->study, round, engine_updates(r->engine));
}

static enum err play(struct run *r, struct diag *why)
{
	const struct run_request *q = r->request;
	struct engine_options options = {
		.sites_per_round = q->sites_per_round,
		.dropout = q->dropout,
		.slow = q->slow,
		.masks = q->masks,
		.threads = q->threads,
		.policy = q->policy != NULL ? &r->policy : NULL,
		.cancel = q->cancel,
	};
	enum err e = engine_new(&r->engine, &r->study, &r->federation, &options, why);
	double began = stopwatch_seconds();

	if (e != OK)
		return e;
	buf_init(&r->rounds_csv, RUN_TABLE_MAX);
	run_rounds_begin(&r->rounds_csv);
	e = engine_run(r->engine, note_round, r, why);
	r->seconds = stopwatch_seconds() - began;
	return e;
}

/* ---- measuring */

static enum err measure(struct run *r, struct diag *why)
{
	struct bytes file = engine_model(r->engine, &r->model_sha256, &r->model_step);
	struct site_figures validation;
	struct round_model model = {0};
	enum err e;

	if (file.len == 0)
		return OK;
	e = round_model_read(&model, &r->study, file, why);
	if (e != OK)
		return e;
	site_figures_compute(&validation, r->engine, model.parameters, PART_VALIDATION);
	r->validation = validation.all;
	site_figures_free(&validation); /* nobody asks for each site's */
	site_figures_compute(&r->test, r->engine, model.parameters, PART_TEST);
	round_model_free(&model);
	return OK;
}

/* Whatever is interrupted leaves what was there before it. */
enum err run_perform(struct run *run, const struct run_request *request, struct diag *why)
{
	enum err e, measured;

	*run = (struct run){.request = request};
	e = read_all(run, why);
	if (e == OK)
		e = play(run, why);
	if (e != OK && e != ERR_CANCELLED)
		return e;
	measured = measure(run, why);
	if (measured != OK)
		return measured;
	if (e == OK && request->baselines) {
		e = baselines_compute(&run->baselines, run->engine, why);
		run->has_baselines = e == OK;
	}
	run->complete = e == OK;
	return e == ERR_CANCELLED ? OK : e;
}

void run_free(struct run *r)
{
	engine_free(r->engine);
	federation_free(&r->federation);
	buf_free(&r->rounds_csv);
	run_privacy_free(&r->privacy);
	site_figures_free(&r->test);
	baselines_free(&r->baselines);
	study_free(&r->study);
	free(r->init_file);
	*r = (struct run){0};
}

/* ---- looking */

bool run_released(const struct run *r)
{
	return r->study.evaluation == EVALUATION_MASKED && r->test.all.rows >= r->study.sites.cell_min;
}

uint64_t run_updates(const struct run *r)
{
	return r->engine != NULL ? engine_updates(r->engine) : 0;
}
