#include "simulator/baseline.h"

#include "base/vec.h"
#include "model/evaluate.h"
#include "simulator/engine_inside.h"
#include "simulator/site_figures.h"

#include <stdlib.h>
#include <string.h>

/* All rounds on one set of rows. `global` is scratch, as long as the parameters. */
static enum err train(float *parameters, float *global, struct engine *e, const struct site_rows *rows,
                      struct workspace *w)
{
	size_t n = e->study->model.parameters;
	enum err err = OK;
	double loss;

	vec_copy(parameters, e->models.first, n);
	for (uint32_t step = 1; step <= e->study->rounds && err == OK; step++) {
		vec_copy(global, parameters, n);
		err = contribution_train(parameters, &loss, rows, w, global, step, e->options.cancel, NULL);
	}
	return err;
}

/* ---- pooled */

/* Everybody's training rows as one site's. */
static void pool_rows(struct site_rows *out, const struct engine *e)
{
	struct examples *all = &out->parts[PART_TRAIN];
	uint32_t width = schema_inputs(&e->study->schema), next = 0;

	*out = (struct site_rows){.study = e->study, .site = "pooled"};
	batches_key(&out->order_key, &e->study->draws, out->site);
	for (uint32_t i = 0; i < e->federation->count; i++)
		all->rows += e->sites[i].rows.parts[PART_TRAIN].rows;
	all->width = width;
	all->inputs = vec_f32((size_t)all->rows * width);
	all->labels = mem_array(all->rows, sizeof *all->labels);
	for (uint32_t i = 0; i < e->federation->count; i++) {
		const struct examples *site = &e->sites[i].rows.parts[PART_TRAIN];

		if (site->rows == 0)
			continue;
		memcpy(all->inputs + (size_t)next * width, site->inputs, (size_t)site->rows * width * sizeof(float));
		memcpy(all->labels + next, site->labels, site->rows * sizeof *all->labels);
		next += site->rows;
	}
}

static enum err compute_pooled(struct baselines *out, struct engine *e)
{
	float *parameters = vec_f32(e->study->model.parameters), *global = vec_f32(e->study->model.parameters);
	struct site_figures figures = {0};
	struct site_rows rows;
	enum err err;

	pool_rows(&rows, e);
	err = train(parameters, global, e, &rows, &e->workers[0].workspace);
	out->pooled_trained = err == OK;
	if (err == OK) {
		site_figures_compute(&figures, e, parameters, PART_TEST);
		out->pooled = figures.all;
	}
	site_figures_free(&figures);
	site_rows_free(&rows);
	free(parameters);
	free(global);
	return err == ERR_DATA ? OK : err; /* diverged: there is no such baseline */
}

/* ---- alone */

struct alone {
	struct engine *engine;
	struct baselines *out;
	struct metrics_shape shape;
	size_t length; /* of counts */
	float *global; /* [crew, parameters] */
	double *counts; /* [crew, length] */
};

/* The figures of `parameters` on the test rows of sites first .. last - 1. */
static enum err evaluate(struct metrics *out, const struct alone *a, uint32_t worker, const float *parameters,
                         uint32_t first, uint32_t last)
{
	struct engine *e = a->engine;
	double loss = 0, *counts = a->counts + worker * a->length;
	struct metrics_shape shape = a->shape;
	enum err err = OK;

	memset(counts, 0, a->length * sizeof *counts);
	for (uint32_t i = first; i < last && err == OK; i++) {
		const struct examples *rows = &e->sites[i].rows.parts[PART_TEST];

		shape.mean = rows->label_mean;
		shape.deviation = rows->label_deviation;
		err = evaluate_rows(&loss, counts, shape, &e->workers[worker].workspace.evaluator, parameters,
		                    rows->inputs, rows->labels, rows->rows, e->options.cancel, NULL);
	}
	metrics_from_sums(out, shape, loss, counts);
	return err;
}

static void compute_alone(void *context, uint32_t worker, uint32_t item)
{
	struct alone *a = context;
	struct engine *e = a->engine;
	struct workspace *w = &e->workers[worker].workspace;
	struct baseline_site *site = &a->out->sites[item];
	const struct site_rows *rows = &e->sites[item].rows;
	float *global = a->global + worker * e->study->model.parameters;

	site->home = site->all = METRICS_NONE;
	site->trained = rows->parts[PART_TRAIN].rows > 0 && train(w->local, global, e, rows, w) == OK &&
	                evaluate(&site->home, a, worker, w->local, item, item + 1) == OK &&
	                evaluate(&site->all, a, worker, w->local, 0, e->federation->count) == OK;
}

static void compute_all_alone(struct baselines *out, struct engine *e)
{
	struct alone a = {.engine = e, .out = out, .shape = study_shape(e->study)};
	uint32_t workers = crew_size(e->crew);

	a.length = metrics_counts_length(a.shape);
	a.global = vec_f32((size_t)workers * e->study->model.parameters);
	a.counts = mem_array(workers * a.length, sizeof *a.counts);
	crew_run(e->crew, out->count, compute_alone, &a);
	free(a.global);
	free(a.counts);
}

enum err baselines_compute(struct baselines *out, struct engine *e, struct diag *why)
{
	enum err err;

	*out = (struct baselines){.pooled = METRICS_NONE, .count = e->federation->count};
	out->sites = mem_array(out->count, sizeof *out->sites);
	CHECK(e->models.first != NULL);
	err = compute_pooled(out, e);
	if (err == OK)
		compute_all_alone(out, e);
	if (err == ERR_CANCELLED || (e->options.cancel != NULL && atomic_load(e->options.cancel)))
		return diag_set(why, ERR_CANCELLED, "interrupted while the baselines were trained");
	return err;
}

void baselines_free(struct baselines *b)
{
	free(b->sites);
	*b = (struct baselines){0};
}
