#include "client/contribution.h"

#include "base/vec.h"
#include "model/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One call of contribution_fill: what it works with and what it tells. */
struct filling {
	struct site_rows *rows;
	struct workspace *w;
	const struct study *study;
	const struct layout *layout;
	uint8_t *octets;
	struct contribution_report *report;
	const atomic_bool *cancel;
	struct diag *why;
};

/* ---- rows for the trainer: the batches of one training round */

struct round_rows {
	const struct examples *examples;
	struct batches *batches;
	uint64_t next, end; /* batch numbers over all rounds */
	const uint32_t *rows;
};

static uint32_t round_rows_begin(void *context)
{
	struct round_rows *r = context;
	uint32_t count;

	if (r->next == r->end)
		return 0;
	r->rows = batches_rows(r->batches, r->next++, &count);
	return count;
}

static void round_rows_fill(void *context, float *x, union label_value *labels, uint32_t first, uint32_t rows)
{
	const struct round_rows *r = context;

	batches_gather(x, r->examples->inputs, r->examples->width, r->rows + first, rows);
	batches_gather_labels(labels, r->examples->labels, r->rows + first, rows);
}

/* ---- the three asks */

static enum err add_statistics(const struct filling *f)
{
	statistics_collect(f->w->statistics, f->rows->table);
	return segment_encode(f->octets, layout_find(f->layout, SEGMENT_STATISTICS), f->layout, f->w->statistics,
	                      &f->report->saturated, f->why);
}

enum err contribution_train(float *parameters, double *loss, const struct site_rows *r, struct workspace *w,
                            const float *global, uint32_t step, const atomic_bool *cancel, struct diag *why)
{
	const struct local_training *local = &r->study->local;
	struct round_rows rows = {.examples = &r->parts[PART_TRAIN], .batches = &w->batches};
	struct row_source source = {round_rows_begin, round_rows_fill, &rows};
	struct train_run run = {.round = step,
	                        .rounds = r->study->rounds,
	                        .anchor = global,
	                        .draws = &r->study->draws,
	                        .site = r->site};
	struct train_report trained;
	struct batch_range range;
	enum err e;

	batches_begin(rows.batches, &r->order_key, rows.examples->rows, local->batch);
	range = batches_of_round(rows.batches, step, local->epochs, local->steps);
	rows.next = range.first;
	rows.end = range.first + range.count;
	e = trainer_run(&w->trainer, parameters, &trained, source, run, cancel, why);
	if (e == OK)
		*loss = trained.loss;
	return e;
}

static enum err add_update(const struct filling *f, const float *global, uint32_t step)
{
	const struct layout *l = f->layout;
	float *local = f->w->local;
	double weight = site_rows_weight(f->rows);
	enum err e;

	vec_copy(local, global, f->study->model.parameters);
	e = contribution_train(local, &f->report->training_loss, f->rows, f->w, global, step, f->cancel, f->why);
	if (e != OK)
		return e;
	e = segment_encode_update(f->octets, layout_find(l, SEGMENT_UPDATE), l, local, global,
	                          weight / f->study->weight_cap, &f->report->saturated, f->why);
	if (e == OK)
		e = segment_encode(f->octets, layout_find(l, SEGMENT_WEIGHT), l, &weight, &f->report->saturated,
		                   f->why);
	f->report->weight = weight;
	return e;
}

static enum err add_figures(const struct filling *f, const float *global)
{
	static const enum split_part parts[2] = {PART_VALIDATION, PART_TEST};
	struct metrics_shape shape = study_shape(f->study);
	size_t length = metrics_counts_length(shape);
	double loss[2] = {0, 0}, *counts = f->w->counts;
	struct metrics *figures[2] = {&f->report->validation, &f->report->test};
	enum err e = OK;

	memset(counts, 0, 2 * length * sizeof *counts);
	for (int i = 0; i < 2 && e == OK; i++) {
		const struct examples *rows = &f->rows->parts[parts[i]];

		shape.mean = rows->label_mean;
		shape.deviation = rows->label_deviation;
		e = evaluate_rows(&loss[i], counts + i * length, shape, &f->w->evaluator, global, rows->inputs,
		                  rows->labels, rows->rows, f->cancel, f->why);
		if (e == OK)
			metrics_from_sums(figures[i], shape, loss[i], counts + i * length);
	}
	if (e == OK)
		e = segment_encode(f->octets, layout_find(f->layout, SEGMENT_LOSS), f->layout, loss,
		                   &f->report->saturated, f->why);
	if (e == OK)
		e = segment_encode(f->octets, layout_find(f->layout, round_plan_figures(f->study)), f->layout, counts,
		                   &f->report->saturated, f->why);
	f->report->evaluated = e == OK;
	return e;
}

/* ---- the whole */

/* More rows or patients than the study's cap could overflow the sum, so they are refused, never cut. */
static enum err check_caps(const struct site_rows *r, uint32_t sites, struct diag *why)
{
	uint32_t cap = round_plan_row_cap(r->study, sites);

	if (site_rows_weight(r) > r->study->weight_cap)
		return diag_set(why, ERR_LIMIT,
		                "%s has %u training patients; the study's training.weights.cap is %.0f: it needs a new "
		                "revision with a larger cap",
		                r->site, r->table->part_patients[PART_TRAIN], r->study->weight_cap);
	for (int part = 0; part < PART_COUNT; part++)
		if (r->table->part_rows[part] > cap)
			return diag_set(why, ERR_LIMIT,
			                "%s has %u rows in one part; this study takes at most %u from a site "
			                "(training.weights.cap)",
			                r->site, r->table->part_rows[part], cap);
	return OK;
}

enum err contribution_fill(uint8_t *octets, struct contribution_report *report, struct site_rows *rows,
                           struct workspace *w, const struct round_plan *plan, const struct round_model *model,
                           const atomic_bool *cancel, struct diag *why)
{
	struct filling f = {rows, w, rows->study, NULL, octets, report, cancel, why};
	enum err e = check_caps(rows, plan->site_count, why);

	memset(report, 0, sizeof *report);
	report->training_rows = rows->table->part_rows[PART_TRAIN];
	report->training_loss = NAN;
	if (e == OK)
		e = workspace_layout(&f.layout, w, rows->study, plan, why);
	if (e != OK)
		return e;
	if (plan->asks & ASK_STATISTICS)
		return add_statistics(&f);
	site_rows_encode(rows, model);
	if (plan->asks & ASK_EVALUATE)
		e = add_figures(&f, model->parameters);
	if (e == OK && (plan->asks & ASK_TRAIN))
		e = add_update(&f, model->parameters, plan->step);
	return e;
}

/* ---- one hospital's */

void contributor_init(struct contributor *c, const struct study *study, const struct table *table, const char *site)
{
	memset(c, 0, sizeof *c);
	site_rows_init(&c->rows, study, table, site);
}

void contributor_free(struct contributor *c)
{
	site_rows_free(&c->rows);
	if (c->ready)
		workspace_free(&c->workspace);
	memset(c, 0, sizeof *c);
}

enum err contribution_compute(struct contributor *c, struct buf *out, struct contribution_report *report,
                              const struct round_plan *plan, struct bytes model, const atomic_bool *cancel,
                              struct diag *why)
{
	const struct study *study = c->rows.study;
	struct round_model read = {0};
	const struct layout *layout;
	uint8_t *octets;
	enum err e;

	if (!c->ready)
		workspace_init(&c->workspace, study);
	c->ready = true;
	e = workspace_layout(&layout, &c->workspace, study, plan, why);
	if (e == OK && !(plan->asks & ASK_STATISTICS))
		e = round_model_read(&read, study, model, why);
	if (e != OK)
		goto out;
	buf_clear(out);
	octets = buf_extend(out, layout_octets(layout));
	e = octets == NULL ? diag_set(why, ERR_LIMIT, "a contribution of %zu octets passes the buffer's bound",
	                              layout_octets(layout))
	                   : contribution_fill(octets, report, &c->rows, &c->workspace, plan, &read, cancel, why);
out:
	round_model_free(&read);
	return e;
}
