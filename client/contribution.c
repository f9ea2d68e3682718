#include "client/contribution.h"

#include "base/vec.h"
#include "data/batches.h"
#include "model/checkpoint.h"
#include "model/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void contributor_init(struct contributor *c, const struct study *study, const struct table *table, const char *site)
{
	memset(c, 0, sizeof *c);
	c->study = study;
	c->table = table;
	c->site = site;
}

static void forget_rows(struct contributor *c)
{
	for (int part = 0; part < PART_COUNT; part++)
		examples_free(&c->parts[part]);
	scaling_free(&c->scaling);
}

void contributor_free(struct contributor *c)
{
	forget_rows(c);
	if (c->ready) {
		trainer_free(&c->trainer);
		network_free(&c->evaluator);
	}
	memset(c, 0, sizeof *c);
}

/* ---- the model's scaling, and the rows it gives */

static enum err scaling_of_model(struct scaling *out, const struct study *s, const struct checkpoint *model,
                                 struct diag *why)
{
	uint32_t n = model->about.input_count;
	double *numbers = mem_array(3 * (size_t)n + 1, sizeof *numbers);
	enum err e;

	for (uint32_t i = 0; i < n; i++) {
		numbers[i] = model->about.inputs[i].mean;
		numbers[n + i] = model->about.inputs[i].deviation;
		numbers[2 * (size_t)n + i] = model->about.inputs[i].fill;
	}
	e = scaling_from_arrays(out, &s->schema, numbers, numbers + n, numbers + 2 * (size_t)n, n, why);
	free(numbers);
	return e;
}

/* `scale: site`: this hospital's own mean and deviation; what is missing is filled with them, too. */
static void scaling_of_site(struct scaling *out, const struct contributor *c)
{
	double *sums = mem_array(schema_statistics_length(&c->study->schema), sizeof *sums);

	statistics_collect(sums, c->table);
	scaling_from_statistics(out, &c->study->schema, sums);
	free(sums);
}

static bool same_scaling(const struct scaling *a, const struct scaling *b)
{
	size_t size = a->inputs * sizeof *a->mean;

	return a->inputs == b->inputs && memcmp(a->mean, b->mean, size) == 0 &&
	       memcmp(a->deviation, b->deviation, size) == 0 && memcmp(a->fill, b->fill, size) == 0;
}

static enum err encode_rows(struct contributor *c, const struct checkpoint *model, struct diag *why)
{
	struct scaling scaling = {0};

	if (c->study->schema.scale == SCALE_SITE) {
		scaling_of_site(&scaling, c);
	} else {
		enum err e = scaling_of_model(&scaling, c->study, model, why);

		if (e != OK)
			return e;
	}
	if (c->scaling.inputs != 0 && same_scaling(&c->scaling, &scaling)) {
		scaling_free(&scaling);
		return OK;
	}
	forget_rows(c);
	c->scaling = scaling;
	for (int part = 0; part < PART_COUNT; part++)
		examples_encode(&c->parts[part], c->table, (enum split_part)part, &c->scaling);
	return OK;
}

static void make_ready(struct contributor *c)
{
	uint32_t block = c->study->local.batch < NETWORK_ROWS_MAX ? c->study->local.batch : NETWORK_ROWS_MAX;

	if (c->ready)
		return;
	trainer_init(&c->trainer, &c->study->model, &c->study->local);
	network_init(&c->evaluator, &c->study->model, block);
	c->ready = true;
}

/* ---- rows for the trainer: the batches of one training round */

struct round_rows {
	const struct examples *examples;
	struct batches batches;
	uint64_t next, end; /* batch numbers over all rounds */
	const uint32_t *rows;
};

static uint32_t round_rows_begin(void *context)
{
	struct round_rows *r = context;
	uint32_t count;

	if (r->next == r->end)
		return 0;
	r->rows = batches_rows(&r->batches, r->next++, &count);
	return count;
}

static void round_rows_fill(void *context, float *x, union label_value *labels, uint32_t first, uint32_t rows)
{
	const struct round_rows *r = context;

	batches_gather(x, r->examples->inputs, r->examples->width, r->rows + first, rows);
	batches_gather_labels(labels, r->examples->labels, r->rows + first, rows);
}

/* ---- rows for the evaluator: one part as a single batch, in order */

struct part_rows {
	const struct examples *examples;
	bool given;
};

static uint32_t part_rows_begin(void *context)
{
	struct part_rows *p = context;
	uint32_t rows = p->given ? 0 : p->examples->rows;

	p->given = true;
	return rows;
}

static void part_rows_fill(void *context, float *x, union label_value *labels, uint32_t first, uint32_t rows)
{
	const struct examples *e = ((struct part_rows *)context)->examples;

	memcpy(x, e->inputs + (size_t)first * e->width, (size_t)rows * e->width * sizeof *x);
	memcpy(labels, e->labels + first, rows * sizeof *labels);
}

/* ---- the three asks */

static enum err add_statistics(struct contributor *c, uint8_t *octets, const struct layout *l,
                               struct contribution_report *report, struct diag *why)
{
	double *sums = mem_array(schema_statistics_length(&c->study->schema), sizeof *sums);
	enum err e;

	statistics_collect(sums, c->table);
	e = segment_encode(octets, layout_find(l, SEGMENT_STATISTICS), l, sums, &report->saturated, why);
	free(sums);
	return e;
}

static enum err train(struct contributor *c, float *parameters, uint32_t step, struct contribution_report *report,
                      const atomic_bool *cancel, struct diag *why)
{
	const struct local_training *local = &c->study->local;
	struct round_rows rows = {.examples = &c->parts[PART_TRAIN]};
	struct row_source source = {round_rows_begin, round_rows_fill, &rows};
	struct train_report trained;
	struct batch_range range;
	enum err e;

	batches_init(&rows.batches, &c->study->draws, c->site, rows.examples->rows, local->batch);
	range = batches_of_round(&rows.batches, step, local->epochs, local->steps);
	rows.next = range.first;
	rows.end = range.first + range.count;
	e = trainer_run(&c->trainer, parameters, &trained, source, cancel, why);
	if (e == OK)
		report->training_loss = trained.loss;
	batches_free(&rows.batches);
	return e;
}

/* A site without training rows takes part with weight 0, so that its absence tells nothing. */
static double own_weight(const struct contributor *c)
{
	uint32_t patients = c->table->part_patients[PART_TRAIN];

	if (c->study->weights == WEIGHTS_EQUAL)
		return patients > 0 ? 1 : 0;
	return patients;
}

static enum err add_update(struct contributor *c, uint8_t *octets, const struct layout *l, const float *global,
                           uint32_t step, struct contribution_report *report, const atomic_bool *cancel,
                           struct diag *why)
{
	size_t n = c->study->model.parameters;
	float *update = vec_f32(n);
	double weight = own_weight(c);
	enum err e;

	vec_copy(update, global, n);
	e = train(c, update, step, report, cancel, why);
	if (e != OK)
		goto out;
	for (size_t i = 0; i < n; i++)
		update[i] -= global[i];
	e = segment_encode_scaled(octets, layout_find(l, SEGMENT_UPDATE), l, update, weight / c->study->weight_cap,
	                          &report->saturated, why);
	if (e == OK)
		e = segment_encode(octets, layout_find(l, SEGMENT_WEIGHT), l, &weight, &report->saturated, why);
	report->weight = weight;
out:
	free(update);
	return e;
}

static enum err add_figures(struct contributor *c, uint8_t *octets, const struct layout *l, const float *global,
                            struct contribution_report *report, const atomic_bool *cancel, struct diag *why)
{
	static const enum split_part parts[2] = {PART_VALIDATION, PART_TEST};
	struct metrics_shape shape = {schema_classes(&c->study->schema), c->study->bins};
	size_t length = metrics_counts_length(shape);
	double loss[2] = {0, 0};
	double *counts = mem_array(2 * length, sizeof *counts);
	struct metrics *figures[2] = {&report->validation, &report->test};
	enum err e = OK;

	for (int i = 0; i < 2 && e == OK; i++) {
		struct part_rows rows = {.examples = &c->parts[parts[i]]};
		struct row_source source = {part_rows_begin, part_rows_fill, &rows};

		e = evaluate_run(&loss[i], counts + i * length, shape, &c->evaluator, global, source, cancel, why);
		if (e == OK)
			metrics_from_sums(figures[i], shape, loss[i], counts + i * length);
	}
	if (e == OK)
		e = segment_encode(octets, layout_find(l, SEGMENT_LOSS), l, loss, &report->saturated, why);
	if (e == OK)
		e = segment_encode(octets, layout_find(l, SEGMENT_COUNTS), l, counts, &report->saturated, why);
	report->evaluated = e == OK;
	free(counts);
	return e;
}

/* ---- the whole */

/* More rows or patients than the study's cap could overflow the sum, so they are refused, never cut. */
static enum err check_caps(const struct contributor *c, uint32_t sites, struct diag *why)
{
	uint32_t cap = round_plan_row_cap(c->study, sites);

	if (own_weight(c) > c->study->weight_cap)
		return diag_set(why, ERR_LIMIT,
		                "%s has %u training patients; the study's training.weights.cap is %.0f: it needs a new "
		                "revision with a larger cap",
		                c->site, c->table->part_patients[PART_TRAIN], c->study->weight_cap);
	for (int part = 0; part < PART_COUNT; part++)
		if (c->table->part_rows[part] > cap)
			return diag_set(why, ERR_LIMIT,
			                "%s has %u rows in one part; this study takes at most %u from a site "
			                "(training.weights.cap)",
			                c->site, c->table->part_rows[part], cap);
	return OK;
}

static enum err on_model(struct contributor *c, uint8_t *octets, const struct layout *l,
                         struct contribution_report *report, const struct round_plan *plan, struct bytes model,
                         const atomic_bool *cancel, struct diag *why)
{
	float *global = vec_f32(c->study->model.parameters);
	struct checkpoint checkpoint = {0};
	enum err e = checkpoint_read(global, &checkpoint, &c->study->model, model, "the round's model", why);

	if (e == ERR_LIMIT) /* here that word is for the study's caps */
		e = ERR_DATA;
	if (e == OK)
		e = encode_rows(c, &checkpoint, why);
	if (e == OK)
		make_ready(c);
	if (e == OK && (plan->asks & ASK_EVALUATE))
		e = add_figures(c, octets, l, global, report, cancel, why);
	if (e == OK && (plan->asks & ASK_TRAIN))
		e = add_update(c, octets, l, global, plan->step, report, cancel, why);
	checkpoint_free(&checkpoint);
	free(global);
	return e;
}

enum err contribution_compute(struct contributor *c, struct buf *out, struct contribution_report *report,
                              const struct round_plan *plan, struct bytes model, const atomic_bool *cancel,
                              struct diag *why)
{
	struct layout layout;
	uint8_t *octets;
	enum err e = check_caps(c, plan->site_count, why);

	memset(report, 0, sizeof *report);
	report->training_rows = c->table->part_rows[PART_TRAIN];
	report->training_loss = NAN;
	if (e == OK)
		e = round_plan_layout(&layout, c->study, plan->asks, plan->site_count, why);
	if (e != OK)
		return e;
	buf_clear(out);
	octets = buf_extend(out, layout_octets(&layout));
	if (octets == NULL)
		return diag_set(why, ERR_LIMIT, "a contribution of %zu octets passes the buffer's bound",
		                layout_octets(&layout));
	if (plan->asks & ASK_STATISTICS)
		return add_statistics(c, octets, &layout, report, why);
	return on_model(c, octets, &layout, report, plan, model, cancel, why);
}
