#include "client/workspace.h"

#include "base/vec.h"

#include <stdlib.h>

void workspace_init(struct workspace *w, const struct study *s)
{
	uint32_t block = s->local.batch < NETWORK_ROWS_MAX ? s->local.batch : NETWORK_ROWS_MAX;

	*w = (struct workspace){0};
	trainer_init(&w->trainer, &s->model, &s->local);
	network_init(&w->evaluator, &s->model, block);
	w->local = vec_f32(s->model.parameters);
	w->statistics = mem_array(schema_statistics_length(&s->schema), sizeof *w->statistics);
	w->counts = mem_array(2 * metrics_counts_length(study_shape(s)), sizeof *w->counts);
}

void workspace_free(struct workspace *w)
{
	trainer_free(&w->trainer);
	network_free(&w->evaluator);
	batches_free(&w->batches);
	free(w->local);
	free(w->statistics);
	free(w->counts);
	*w = (struct workspace){0};
}

enum err workspace_layout(const struct layout **out, struct workspace *w, const struct study *s,
                          const struct round_plan *plan, struct diag *why)
{
	*out = &w->layout;
	if (w->asks == plan->asks && w->layout.sites == plan->site_count && w->clip == plan->clip)
		return OK;
	enum err e = round_plan_layout_clipped(&w->layout, s, plan->asks, plan->site_count, plan->clip, why);
	w->asks = e == OK ? plan->asks : 0;
	w->clip = plan->clip;
	return e;
}
