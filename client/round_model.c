#include "client/round_model.h"

#include "base/vec.h"
#include "model/checkpoint.h"

#include <stdlib.h>

/* A numeric label's mean and deviation, which the coordinator wrote beside its name. */
static bool is_number(const struct json *node)
{
	return node != NULL && (json_kind(node) == JSON_IS_REAL || json_kind(node) == JSON_IS_INTEGER);
}

static enum err read_label(struct round_model *out, const struct study *s, const struct checkpoint *model,
                           struct diag *why)
{
	struct json *label = NULL;
	const struct json *mean, *deviation;
	enum err e;

	if (!model->ours)
		return diag_set(why, ERR_DATA, "the round's model says nothing of the label");
	e = json_parse(&label, bytes_text(model->about.label), MODEL_METADATA_MAX, "the round's model: label", why);
	if (e != OK)
		return e;
	mean = json_get(label, "mean");
	deviation = json_get(label, "deviation");
	if (!is_number(mean) || !is_number(deviation))
		e = diag_set(why, ERR_DATA, "the round's model: label: no mean or no deviation");
	else
		e = scaling_set_label(&out->scaling, &s->schema, json_as_real(mean), json_as_real(deviation), why);
	json_free(label);
	return e;
}

static enum err read_scaling(struct round_model *out, const struct study *s, const struct checkpoint *model,
                             struct diag *why)
{
	uint32_t n = model->about.input_count;
	bool labelled = s->schema.label.type == COLUMN_NUMERIC;
	double *numbers = mem_array(3 * (size_t)n + 2, sizeof *numbers);
	struct bytes field = bytes_of(numbers, (3 * (size_t)n + (labelled ? 2 : 0)) * sizeof *numbers);
	enum err e;

	for (uint32_t i = 0; i < n; i++) {
		numbers[i] = model->about.inputs[i].mean;
		numbers[n + i] = model->about.inputs[i].deviation;
		numbers[2 * (size_t)n + i] = model->about.inputs[i].fill;
	}
	e = scaling_from_arrays(&out->scaling, &s->schema, numbers, numbers + n, numbers + 2 * (size_t)n, n, why);
	if (e == OK && labelled)
		e = read_label(out, s, model, why);
	numbers[3 * (size_t)n] = out->scaling.label_mean;
	numbers[3 * (size_t)n + 1] = out->scaling.label_deviation;
	hash_fields(&out->scaling_name, NULL, "COHRTscl", &field, 1);
	free(numbers);
	return e;
}

enum err round_model_read(struct round_model *out, const struct study *s, struct bytes file, struct diag *why)
{
	struct checkpoint checkpoint = {0};
	enum err e;

	*out = (struct round_model){.parameters = vec_f32(s->model.parameters)};
	e = checkpoint_read(out->parameters, &checkpoint, &s->model, file, "the round's model", why);
	if (e == ERR_LIMIT) /* to callers that word is for the study's caps */
		e = ERR_DATA;
	if (e == OK)
		e = read_scaling(out, s, &checkpoint, why);
	checkpoint_free(&checkpoint);
	if (e != OK)
		round_model_free(out);
	return e;
}

void round_model_free(struct round_model *m)
{
	free(m->parameters);
	scaling_free(&m->scaling);
	*m = (struct round_model){0};
}
