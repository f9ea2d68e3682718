#include "client/round_model.h"

#include "base/vec.h"
#include "model/checkpoint.h"

#include <stdlib.h>

static enum err read_scaling(struct round_model *out, const struct study *s, const struct checkpoint *model,
                             struct diag *why)
{
	uint32_t n = model->about.input_count;
	double *numbers = mem_array(3 * (size_t)n + 1, sizeof *numbers);
	struct bytes field = bytes_of(numbers, 3 * (size_t)n * sizeof *numbers);
	enum err e;

	for (uint32_t i = 0; i < n; i++) {
		numbers[i] = model->about.inputs[i].mean;
		numbers[n + i] = model->about.inputs[i].deviation;
		numbers[2 * (size_t)n + i] = model->about.inputs[i].fill;
	}
	e = scaling_from_arrays(&out->scaling, &s->schema, numbers, numbers + n, numbers + 2 * (size_t)n, n, why);
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
