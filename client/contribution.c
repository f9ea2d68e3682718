#include "client/contribution_inside.h"

#include "base/vec.h"
#include "model/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static enum err add_update(const struct filling *f)
{
	const struct layout *l = f->layout;
	const float *global = f->terms->model->parameters;
	float *local = f->w->local;
	double weight = site_rows_weight(f->rows);
	enum err e;

	vec_copy(local, global, f->study->model.parameters);
	e = contribution_train(local, &f->report->training_loss, f->rows, f->w, global, f->terms->plan->step,
	                       f->terms->cancel, f->why);
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

static enum err add_figures(const struct filling *f)
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
		e = evaluate_rows(&loss[i], counts + i * length, shape, &f->w->evaluator, f->terms->model->parameters,
		                  rows->inputs, rows->labels, rows->rows, f->terms->cancel, f->why);
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

/* The asks in the order of the layout's segments do not matter: each finds its own. */
static enum err add_asked(const struct filling *f)
{
	unsigned asks = f->terms->plan->asks;
	bool is_private = f->study->privacy.mechanism != PRIVACY_NONE;
	enum err e = OK;

	if (asks & ASK_STATISTICS) {
		if (!is_private)
			return add_statistics(f);
		contribution_add_noised_statistics(f);
		return OK;
	}
	site_rows_encode(f->rows, f->terms->model);
	if (asks & ASK_EVALUATE)
		e = f->study->evaluation == EVALUATION_NOISED ? contribution_add_noised_figures(f) : add_figures(f);
	if (e == OK && (asks & ASK_TRAIN))
		e = is_private ? contribution_add_private_training(f) : add_update(f);
	return e;
}

enum err contribution_fill(uint8_t *octets, struct contribution_report *report, struct site_rows *rows,
                           struct workspace *w, const struct contribution_terms *terms, struct diag *why)
{
	struct filling f = {rows, w, rows->study, terms, NULL, octets, report, why};
	enum err e = workspace_layout(&f.layout, w, rows->study, terms->plan, why);

	if (e != OK)
		return e;
	release_noise_draw(&w->noise, f.layout, terms->entropy); /* before a row is looked at */
	memset(report, 0, sizeof *report);
	report->training_rows = rows->table->part_rows[PART_TRAIN];
	report->training_loss = NAN;
	if (rows->study->privacy.mechanism == PRIVACY_NONE)
		e = check_caps(rows, terms->plan->site_count, why);
	return e == OK ? add_asked(&f) : e;
}

/* ---- one hospital's */

void contributor_init(struct contributor *c, const struct study *study, const struct table *table, const char *site)
{
	memset(c, 0, sizeof *c);
	site_rows_init(&c->rows, study, table, site);
	c->entropy = entropy_system();
}

void contributor_free(struct contributor *c)
{
	site_rows_free(&c->rows);
	if (c->ready)
		workspace_free(&c->workspace);
	memset(c, 0, sizeof *c);
}

void contributor_renew(struct contributor *c)
{
	const struct site_rows old = c->rows;

	site_rows_free(&c->rows);
	site_rows_init(&c->rows, old.study, old.table, old.site);
}

static struct workspace *ready_workspace(struct contributor *c)
{
	if (!c->ready)
		workspace_init(&c->workspace, c->rows.study);
	c->ready = true;
	return &c->workspace;
}

enum err contribution_draw(struct contributor *c, const struct round_plan *plan, struct diag *why)
{
	struct workspace *w = ready_workspace(c);
	const struct layout *layout;
	enum err e = workspace_layout(&layout, w, c->rows.study, plan, why);

	if (e == OK)
		release_noise_draw(&w->noise, layout, &c->entropy);
	return e;
}

static enum err make_room(uint8_t **octets, struct buf *out, const struct layout *layout, struct diag *why)
{
	buf_clear(out);
	*octets = buf_extend(out, layout_octets(layout));
	if (*octets == NULL)
		return diag_set(why, ERR_LIMIT, "a contribution of %zu octets passes the buffer's bound",
		                layout_octets(layout));
	return OK;
}

enum err contribution_compute(struct contributor *c, struct buf *out, struct contribution_report *report,
                              const struct round_plan *plan, struct bytes model, const atomic_bool *cancel,
                              struct diag *why)
{
	const struct study *study = c->rows.study;
	struct round_model read = {0};
	struct contribution_terms terms = {plan, &read, &c->entropy, cancel};
	uint8_t *octets;
	enum err e = contribution_draw(c, plan, why);

	if (e == OK && !(plan->asks & ASK_STATISTICS))
		e = round_model_read(&read, study, model, why);
	if (e == OK)
		e = make_room(&octets, out, &c->workspace.layout, why);
	if (e == OK)
		e = contribution_fill(octets, report, &c->rows, &c->workspace, &terms, why);
	round_model_free(&read);
	return e;
}
