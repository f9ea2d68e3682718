#include "coordinator/outcome.h"

#include "base/json.h"
#include "base/vec.h"
#include "coordinator/outcome_noised.h"
#include "coordinator/robust.h"
#include "coordinator/strategy.h"
#include "data/standardize.h"
#include "model/checkpoint.h"
#include "model/init.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_NAME_SIZE 160 /* a feature, "=", a level: longer ones are cut, in the export only */

void outcome_free(struct outcome *o)
{
	buf_free(&o->model);
	free(o->moments);
	memset(o, 0, sizeof *o);
}

/* The label's coding for the model file: {"name", "positive", "negative"}, {"name", "levels"}, or {"name", "min", "max",
 * "unit", "mean", "deviation"}. */
static char *label_text(const struct label *label, const struct scaling *scaling)
{
	struct json *node = json_new_object();
	struct buf text;
	char *copy;

	json_set_string(node, "name", label->name);
	if (label->type == COLUMN_BINARY) {
		json_set_string(node, "positive", label->positive);
		json_set_string(node, "negative", label->negative);
	} else if (label->type == COLUMN_NUMERIC) {
		json_set_real(node, "min", label->min);
		json_set_real(node, "max", label->max);
		json_set_string(node, "unit", label->unit);
		json_set_real(node, "mean", scaling->label_mean);
		json_set_real(node, "deviation", scaling->label_deviation);
	} else {
		struct json *levels = json_new_array();

		for (uint32_t i = 0; i < label->levels.count; i++)
			json_add(levels, json_new_string(label->levels.items[i]));
		json_set(node, "levels", levels);
	}
	buf_init(&text, MODEL_METADATA_MAX);
	json_write(&text, node, false);
	copy = mem_copy_text(buf_text(&text));
	buf_free(&text);
	json_free(node);
	return copy;
}

static enum err write_model(struct outcome *out, const struct study *s, const float *parameters, uint32_t rounds,
                            const char *label, const struct checkpoint_input *inputs, uint32_t input_count,
                            struct diag *why)
{
	char hex[HASH_HEX_SIZE], *privacy = outcome_promise(s);
	struct checkpoint_about about = {
		.privacy = privacy,
		.study = s->name,
		.study_hash = hex,
		.round = rounds,
		.label = label,
		.inputs = inputs,
		.input_count = input_count,
	};
	enum err e;

	hash_hex(hex, &s->hash);
	buf_init(&out->model, MODEL_FILE_MAX);
	e = checkpoint_write(&out->model, &s->model, parameters, &about, why);
	if (e == OK) {
		out->has_model = true;
		sha256_of(&out->model_sha256, buf_bytes(&out->model));
	}
	free(privacy);
	return e;
}

static enum err first_parameters(float *parameters, const struct study *s, struct diag *why)
{
	struct rng r;

	rng_init(&r, s->draws.b, "init"); /* the study's hash is the seed: anyone can make the first model again */
	switch (s->init) {
	case INIT_FILE:
		return init_file(parameters, &s->model, s->init_file, &s->init_sha256, why);
	case INIT_ZERO:
		init_zero(parameters, &s->model);
		break;
	case INIT_HE:
		init_he(parameters, &s->model, &r);
		break;
	case INIT_XAVIER:
		init_xavier(parameters, &s->model, &r);
		break;
	case INIT_GAUSSIAN:
		init_gaussian(parameters, &s->model, s->init_deviation, &r);
		break;
	}
	return OK;
}

static enum err from_statistics(struct outcome *out, const struct study *s, const struct aggregate *sum,
                                struct diag *why)
{
	double *values = mem_array(schema_statistics_length(&s->schema), sizeof *values);
	struct checkpoint_input *inputs = NULL;
	char *names = NULL, *label = NULL;
	float *parameters = NULL;
	struct scaling scaling = {0};
	enum err e = OK;

	aggregate_values(values, sum, SEGMENT_STATISTICS);
	if (outcome_is_noised(sum, SEGMENT_STATISTICS))
		outcome_denoise(values, s, sum);
	else
		e = statistics_check(&s->schema, values, why);
	if (e != OK)
		goto out;
	scaling_from_statistics(&scaling, &s->schema, values);
	inputs = mem_array(scaling.inputs, sizeof *inputs);
	names = mem_array(scaling.inputs, INPUT_NAME_SIZE);
	for (uint32_t i = 0; i < scaling.inputs; i++) {
		char *name = names + (size_t)i * INPUT_NAME_SIZE;

		schema_input_name(name, INPUT_NAME_SIZE, &s->schema, i);
		inputs[i] = (struct checkpoint_input){name, scaling.mean[i], scaling.deviation[i], scaling.fill[i]};
	}
	label = label_text(&s->schema.label, &scaling);
	parameters = vec_f32(s->model.parameters);
	e = first_parameters(parameters, s, why);
	if (e == OK)
		e = write_model(out, s, parameters, 0, label, inputs, scaling.inputs, why);
out:
	free(label);
	free(parameters);
	free(names);
	free(inputs);
	scaling_free(&scaling);
	free(values);
	return e;
}

/* update[n] becomes the weighted mean of the sites' updates. Each of these lies within +- update_range and was sent
 * times weight / cap, so the mean lies within it, too, if every site's weight is the one that it multiplied by;
 * otherwise it is held there. */
VEC_WIDE static void take_mean(double *update, size_t n, double factor, double range)
{
	for (size_t i = 0; i < n; i++) {
		double x = update[i] * factor;
		x = x < -range ? -range : x;
		update[i] = x > range ? range : x;
	}
}

static void mean_update(double *update, const struct study *s, const struct aggregate *sum, double weight)
{
	aggregate_values(update, sum, SEGMENT_UPDATE);
	take_mean(update, s->model.parameters, s->weight_cap / weight, s->update_range);
}

/* u of strategy.h, and what it weighs. */
static enum err take_update(double *update, double *weight, const struct study *s, uint32_t step,
                            const struct aggregate *sum, struct diag *why)
{
	enum err e = OK;

	if (layout_find(&sum->layout, SEGMENT_WEIGHT) == NULL) {
		*weight = sum->added;
		outcome_noised_update(update, s, step, sum);
		return OK;
	}
	aggregate_values(weight, sum, SEGMENT_WEIGHT);
	if (study_is_robust(s)) /* who lies about the weight under masks is left out, and the total is no matter */
		e = robust_update(update, s, sum, why);
	else if (*weight <= 0)
		e = diag_set(why, ERR_DATA, "study %s: no hospital of this round has a training row", s->name);
	else
		mean_update(update, s, sum, *weight);
	return e;
}

enum err outcome_train(struct outcome *out, float *parameters, float *moments, double *update, const struct study *s,
                       const struct round_plan *plan, const struct aggregate *sum, struct diag *why)
{
	size_t n = s->model.parameters;
	enum err e = take_update(update, &out->weight, s, plan->step, sum, why);

	if (e != OK)
		return e;
	if (round_plan_adapts(s))
		out->clip = outcome_next_clip(s, plan->clip, sum);
	if (plan->step == 1 && moments != NULL)
		strategy_begin(moments, s, n);
	return strategy_apply(s, parameters, moments, update, n, why);
}

/* Those before the round, in memory that becomes those after it; NULL when the strategy keeps none. */
static float *take_moments(const struct study *s, uint32_t step, const float *before)
{
	size_t count = strategy_moments(s) * s->model.parameters;
	float *moments;

	if (count == 0)
		return NULL;
	CHECK(step == 1 || before != NULL);
	moments = vec_f32(count);
	if (step > 1)
		vec_copy(moments, before, count);
	return moments;
}

/* What the label and the inputs are scaled by goes on from model to model. */
static enum err check_ours(const struct checkpoint *c, struct diag *why)
{
	return c->ours ? OK : diag_set(why, ERR_DATA, "the round's model is not one of this study's");
}

static enum err from_updates(struct outcome *out, const struct study *s, const struct round_plan *plan,
                             const struct aggregate *sum, struct bytes model, const float *moments, struct diag *why)
{
	uint32_t step = plan->step;
	size_t n = s->model.parameters;
	float *parameters = vec_f32(n);
	double *update = mem_array(n, sizeof *update);
	struct checkpoint before = {0};
	enum err e = checkpoint_read(parameters, &before, &s->model, model, "the round's model", why);

	if (e == OK)
		e = check_ours(&before, why);
	if (e == OK) {
		out->moments = take_moments(s, step, moments);
		e = outcome_train(out, parameters, out->moments, update, s, plan, sum, why);
	}
	if (e == OK)
		e = write_model(out, s, parameters, step, before.about.label, before.about.inputs,
		                before.about.input_count, why);
	checkpoint_free(&before);
	free(update);
	free(parameters);
	return e;
}

enum err outcome_model(struct outcome *out, const struct study *s, const float *parameters, uint32_t step,
                       struct bytes like, struct diag *why)
{
	float *ignored = vec_f32(s->model.parameters);
	struct checkpoint of = {0};
	enum err e = checkpoint_read(ignored, &of, &s->model, like, "the study's first model", why);

	if (e == OK)
		e = check_ours(&of, why);
	if (e == OK)
		e = write_model(out, s, parameters, step, of.about.label, of.about.inputs, of.about.input_count, why);
	checkpoint_free(&of);
	free(ignored);
	return e;
}

/* Figures of fewer rows than the study's cell_min would speak of single patients: only the number of rows is kept, of the
 * part and of a point of its calibration curve alike. */
static void withhold_small(struct metrics *m, struct metrics *margin, struct calibration *c, const struct study *s)
{
	double rows = m->rows, rows_margin = margin->rows;

	for (int i = 0; i < CALIBRATION_POINTS; i++)
		if (c->points[i].rows < s->sites.cell_min)
			c->points[i].predicted = c->points[i].observed = NAN;
	if (rows >= s->sites.cell_min)
		return;
	*m = *margin = METRICS_NONE;
	m->rows = rows;
	margin->rows = rows_margin;
	*c = (struct calibration){0};
}

bool outcome_shows_test(const struct metrics *test, const struct metrics *test_margin, const struct metrics *validation)
{
	bool noised = !isnan(test_margin->rows);

	return test->rows > 0 && !(noised && isnan(test->loss) && !isnan(validation->loss));
}

static void exact_figures(struct outcome *out, const struct study *s, const struct aggregate *sum)
{
	struct metrics_shape shape = study_shape(s);
	size_t length = metrics_counts_length(shape);
	double loss[2];
	double *counts = mem_array(2 * length, sizeof *counts);

	aggregate_values(loss, sum, SEGMENT_LOSS);
	aggregate_values(counts, sum, round_plan_figures(s));
	metrics_from_sums(&out->validation, shape, loss[0], counts);
	metrics_from_sums(&out->test, shape, loss[1], counts + length);
	metrics_calibration(&out->validation_calibration, shape, counts);
	metrics_calibration(&out->test_calibration, shape, counts + length);
	out->validation_margin = out->test_margin = METRICS_NONE;
	free(counts);
}

void outcome_figures(struct outcome *out, const struct study *s, uint64_t round, const struct aggregate *sum)
{
	if (outcome_is_noised(sum, SEGMENT_LOSS))
		outcome_noised_figures(out, s, round, sum);
	else
		exact_figures(out, s, sum);
	withhold_small(&out->validation, &out->validation_margin, &out->validation_calibration, s);
	withhold_small(&out->test, &out->test_margin, &out->test_calibration, s);
	out->evaluated = true;
}

enum err outcome_compute(struct outcome *out, const struct study *s, const struct round_plan *plan,
                         const struct aggregate *sum, struct bytes model, const float *moments, struct diag *why)
{
	enum err e = OK;

	memset(out, 0, sizeof *out);
	if (plan->asks & ASK_STATISTICS)
		e = from_statistics(out, s, sum, why);
	if (e == OK && (plan->asks & ASK_TRAIN))
		e = from_updates(out, s, plan, sum, model, moments, why);
	if (e == OK && (plan->asks & ASK_EVALUATE))
		outcome_figures(out, s, plan->round, sum);
	return e;
}
