/*
 * Statistics and figures under privacy: sums over units of the mean of their rows' vectors, by shares of rows (base/share.h), in
 * which each unit's part is exact and no longer than the round's plan says.
 *
 * Where the unit is the whole site, its vector is the mean over its own units: again no longer than theirs. One mean for both parts
 * of an evaluation, since a site has both.
 */
#include "base/share.h"
#include "client/contribution_inside.h"
#include "model/evaluate.h"

#include <string.h>

/* Of a sum over `units` units, none of whose coordinates is above 1: cut toward 0, as each of its parts. */
static void make_mean(double *sums, size_t count, double units)
{
	for (size_t i = 0; i < count; i++)
		sums[i] = units > 0 ? share_part(1, sums[i] / units) : 0;
}

void contribution_add_noised_statistics(const struct filling *f)
{
	double *sums = f->w->statistics;

	site_rows_divide(f->rows);
	statistics_collect_shares(sums, f->rows->table, f->rows->shares[PART_TRAIN]);
	if (f->study->privacy.unit == UNIT_SITE)
		make_mean(sums, schema_statistics_length(&f->study->schema), f->rows->units.count);
	filling_encode(f, SEGMENT_STATISTICS, sums);
}

/* For this hospital's own eyes. */
static void note_figures(struct metrics *own, struct metrics_shape shape, double loss, const double *counts)
{
	double sums[SPEC_NUMERIC_SUMS];

	if (shape.classes == 0)
		counts = memcpy(sums, counts, sizeof sums);
	metrics_unscale(&loss, sums, shape);
	metrics_from_sums(own, shape, loss, counts);
}

static enum err add_part(double *loss, double *counts, struct metrics *own, const struct filling *f,
                         enum split_part part)
{
	const struct examples *examples = &f->rows->parts[part];
	struct shared_rows rows = {examples->inputs, examples->labels, f->rows->shares[part], examples->rows};
	struct metrics_shape shape = study_shape(f->study);

	shape.mean = examples->label_mean;
	shape.deviation = examples->label_deviation;
	enum err e = evaluate_shares(loss, counts, shape, &f->w->evaluator, &f->w->products,
	                             f->terms->model->parameters, rows, f->terms->cancel, f->why);
	if (e == OK)
		note_figures(own, shape, *loss, counts);
	return e;
}

enum err contribution_add_noised_figures(const struct filling *f)
{
	size_t length = metrics_counts_length(study_shape(f->study));
	double loss[2] = {0, 0}, *counts = f->w->counts;
	const uint32_t *units = f->rows->unit_counts;
	enum err e;

	memset(counts, 0, 2 * length * sizeof *counts);
	e = add_part(&loss[0], counts, &f->report->validation, f, PART_VALIDATION);
	if (e == OK)
		e = add_part(&loss[1], counts + length, &f->report->test, f, PART_TEST);
	if (e != OK)
		return e;
	if (f->study->privacy.unit == UNIT_SITE) {
		double all = (double)units[PART_VALIDATION] + units[PART_TEST];

		make_mean(loss, 2, all);
		make_mean(counts, 2 * length, all);
	}
	filling_encode(f, SEGMENT_LOSS, loss);
	filling_encode(f, round_plan_figures(f->study), counts);
	f->report->evaluated = true;
	return OK;
}
