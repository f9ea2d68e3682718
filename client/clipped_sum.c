/*
 * Units are packed into blocks in the order given. A unit of more rows than a block goes through several, which hold nothing else,
 * and its gradient is made in memory, the one that ever is: its norm is then exact, in a time that grows with its rows and not
 * with their square.
 */
#include "client/clipped_sum.h"

#include "base/vec.h"
#include "data/batches.h"
#include "model/loss.h"
#include "privacy/clip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void clipped_sum_init(struct clipped_sum *c, const struct model_spec *spec, double label_smoothing)
{
	CHECK(spec_dropouts(spec) == 0);
	*c = (struct clipped_sum){.smoothing = label_smoothing};
	network_init(&c->network, spec, CLIPPED_BLOCK);
	row_products_init(&c->products, spec);
	uint32_t block = c->network.rows_max;
	row_gradients_init(&c->gradients, &c->network);
	c->x = vec_f32((size_t)block * spec->inputs);
	c->labels = mem_array(block, sizeof *c->labels);
	c->losses = mem_array(block, sizeof *c->losses);
	c->weights = mem_array(block, sizeof *c->weights);
	c->ends = mem_array(block, sizeof *c->ends);
}

void clipped_sum_free(struct clipped_sum *c)
{
	network_free(&c->network);
	row_products_free(&c->products);
	row_gradients_free(&c->gradients);
	free(c->x);
	free(c->labels);
	free(c->losses);
	free(c->weights);
	free(c->ends);
	free(c->large);
	*c = (struct clipped_sum){0};
}

/* One call of clipped_sum_add. */
struct adding {
	struct clipped_sum *c;
	double *sum;
	struct clipped_report *report;
	const float *parameters;
	const struct examples *examples;
	double clip;
};

/* ---- a block */

static void take_rows(const struct adding *a, const uint32_t *rows, uint32_t count)
{
	struct clipped_sum *c = a->c;
	size_t width = a->examples->width;
	batches_gather(c->x + c->rows * width, a->examples->inputs, a->examples->width, rows, count);
	batches_gather_labels(c->labels + c->rows, a->examples->labels, rows, count);
	c->rows += count;
}

/* The block forward and backward; the rows' losses. */
static void pass(const struct adding *a)
{
	struct clipped_sum *c = a->c;
	struct network *n = &c->network;
	const struct model_spec *s = &n->spec;

	const float *logits = network_forward(n, a->parameters, c->x, c->rows);
	float *derivatives = network_logit_gradient(n);
	loss_backward(derivatives, s->loss, logits, s->outputs, c->labels, c->rows);
	loss_rows(c->losses, s->loss, logits, s->outputs, c->labels, c->rows);
	for (size_t r = 0, at = 0; r < c->rows && c->smoothing > 0; r++, at += s->outputs)
		c->losses[r] +=
			loss_smooth(derivatives + at, s->loss, logits + at, s->outputs, c->labels + r, 1, c->smoothing);
	network_backward(n, a->parameters);
}

static double losses(const struct clipped_sum *c, uint32_t first, uint32_t end)
{
	double sum = 0;
	for (uint32_t row = first; row < end; row++)
		sum += c->losses[row];
	return sum;
}

/* What each of a unit's rows weighs in the sum: the unit's gradient is the mean of theirs. */
static double weigh(const struct adding *a, double norm, double loss, uint32_t rows)
{
	struct clipped_report *report = a->report;
	double mean = norm / rows, weight = clip_weight(mean, a->clip);

	report->units++;
	report->rows += rows;
	if (weight == 0) {
		report->unusable++;
		return 0;
	}
	report->clipped += mean > a->clip;
	report->norms += mean;
	report->loss += loss / rows;
	return weight / rows;
}

/* The units in hand go into the sum, and the block is empty. */
static void finish_block(const struct adding *a)
{
	struct clipped_sum *c = a->c;
	uint32_t first = 0;

	if (c->rows == 0)
		return;
	pass(a);
	for (uint32_t unit = 0; unit < c->units; first = c->ends[unit++]) {
		uint32_t end = c->ends[unit];
		double norm = row_norm_length(row_gradients_norm(&c->network, first, end - first));
		double weight = weigh(a, norm, losses(c, first, end), end - first);
		for (uint32_t row = first; row < end; row++)
			c->weights[row] = weight;
	}
	row_gradients_add(&c->gradients, a->sum, &c->network, c->weights, c->rows);
	c->units = c->rows = 0;
}

/* ---- a unit of more rows than a block */

/* The sum of its rows' gradients into c->large, and its norm: not a number where one of them is not. */
static struct row_norm large_gradient(const struct adding *a, double *loss, const uint32_t *rows, uint32_t count)
{
	struct clipped_sum *c = a->c;
	struct row_norm norm = {0};
	size_t parameters = c->network.spec.parameters;

	memset(c->large, 0, parameters * sizeof *c->large);
	for (uint32_t first = 0; first < count; first += c->rows) {
		c->rows = 0;
		take_rows(a, rows + first, count - first < c->network.rows_max ? count - first : c->network.rows_max);
		pass(a);
		*loss += losses(c, 0, c->rows);
		for (uint32_t row = 0; row < c->rows; row++) {
			norm.reach += row_gradients_norm(&c->network, row, 1).reach;
			c->weights[row] = 1;
		}
		row_gradients_add(&c->gradients, c->large, &c->network, c->weights, c->rows);
	}
	c->rows = 0;
	for (size_t i = 0; i < parameters; i++)
		norm.square += c->large[i] * c->large[i];
	return norm;
}

static void add_large(const struct adding *a, const uint32_t *rows, uint32_t count)
{
	struct clipped_sum *c = a->c;
	size_t parameters = c->network.spec.parameters;
	double loss = 0;

	if (!c->large)
		c->large = mem_array(parameters, sizeof *c->large);
	struct row_norm norm = large_gradient(a, &loss, rows, count);
	double weight = weigh(a, row_norm_length(norm), loss, count);
	if (weight > 0)
		for (size_t i = 0; i < parameters; i++)
			a->sum[i] += weight * c->large[i];
}

/* ---- all of them */

static void add_unit(const struct adding *a, const uint32_t *rows, uint32_t count)
{
	struct clipped_sum *c = a->c;

	if (count > c->network.rows_max - c->rows)
		finish_block(a);
	if (count > c->network.rows_max) {
		add_large(a, rows, count);
		return;
	}
	take_rows(a, rows, count);
	c->ends[c->units++] = c->rows;
}

enum err clipped_sum_add(struct clipped_sum *c, double *sum, struct clipped_report *report, const float *parameters,
                         const struct examples *e, const struct units *units, const uint32_t *which, uint32_t count,
                         double clip, const atomic_bool *cancel, struct diag *why)
{
	struct adding a = {c, sum, report, parameters, e, clip};

	CHECK(count == 0 || e->width == c->network.spec.inputs);
	c->network.products = &c->products;
	row_products_load(&c->products, parameters);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t unit = which ? which[i] : i;
		CHECK(unit < units->count);
		if (c->units == 0 && cancel && atomic_load_explicit(cancel, memory_order_relaxed))
			return diag_set(why, ERR_CANCELLED, "the clipped sum was cancelled after %u units", i);
		add_unit(&a, units->rows + units->first[unit], units_length(units, unit));
	}
	finish_block(&a);
	return OK;
}
