#include "simulator/site_figures.h"

#include "model/evaluate.h"
#include "simulator/engine_inside.h"
#include "simulator/ranks.h"

#include <stdlib.h>
#include <string.h>

/* What the sites have computed, each in its own place. */
struct collection {
	struct engine *engine;
	const float *parameters;
	enum split_part part;
	struct site_figures *out;
	size_t length;
	double *loss; /* [sites] */
	double *sums; /* [slots, length] */
	/* The crew's: counts are whole, so who adds them does not matter. The sites', of a numeric label, whose sums are not
	 * whole: they are added in the sites' order. */
	uint32_t slots;
	double *scratch; /* [crew, length] */
};

static void collect_site(void *context, uint32_t worker, uint32_t item)
{
	struct collection *c = context;
	struct engine *e = c->engine;
	const struct examples *rows = &e->sites[item].rows.parts[c->part];
	struct metrics_shape shape = c->out->shape;
	double *counts = c->scratch + worker * c->length;
	double *sums = c->sums + (shape.classes == 0 ? item : worker) * c->length;

	shape.mean = rows->label_mean;
	shape.deviation = rows->label_deviation;
	memset(counts, 0, c->length * sizeof *counts);
	if (!ranks_has(item))
		return;
	enum err err = evaluate_rows(&c->loss[item], counts, shape, &e->workers[worker].workspace.evaluator,
	                             c->parameters, rows->inputs, rows->labels, rows->rows, NULL, NULL);
	CHECK(err == OK); /* it can only be cancelled */
	metrics_from_sums(&c->out->sites[item], shape, c->loss[item], counts);
	for (size_t i = 0; i < c->length; i++)
		sums[i] += counts[i];
}

static void add_up(struct collection *c)
{
	struct site_figures *out = c->out;
	bool by_site = out->shape.classes == 0;
	double loss = 0;

	ranks_sum_reals(c->loss, out->count);
	if (by_site)
		ranks_sum_reals(c->sums, c->slots * c->length);
	ranks_sum_reals((double *)out->sites, out->count * (sizeof *out->sites / sizeof(double)));
	for (uint32_t i = 0; i < out->count; i++)
		loss += c->loss[i];
	for (uint32_t w = 0; w < c->slots; w++)
		for (size_t i = 0; i < c->length; i++)
			out->sums[i] += c->sums[w * c->length + i];
	if (!by_site)
		ranks_sum_reals(out->sums, c->length);
	metrics_from_sums(&out->all, out->shape, loss, out->sums);
}

void site_figures_compute(struct site_figures *out, struct engine *e, const float *parameters, enum split_part part)
{
	uint32_t workers = crew_size(e->crew);
	struct collection c = {.engine = e, .parameters = parameters, .part = part, .out = out};

	*out = (struct site_figures){.shape = study_shape(e->study), .count = e->federation->count};
	c.length = metrics_counts_length(out->shape);
	out->sites = mem_array(out->count, sizeof *out->sites);
	out->sums = mem_array(c.length, sizeof *out->sums);
	c.loss = mem_array(out->count, sizeof *c.loss);
	c.slots = out->shape.classes == 0 ? out->count : workers;
	c.sums = mem_array(c.slots * c.length, sizeof *c.sums);
	c.scratch = mem_array(workers * c.length, sizeof *c.scratch);
	crew_run(e->crew, out->count, collect_site, &c);
	add_up(&c);
	free(c.loss);
	free(c.sums);
	free(c.scratch);
}

void site_figures_free(struct site_figures *f)
{
	free(f->sites);
	free(f->sums);
	*f = (struct site_figures){0};
}
