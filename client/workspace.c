#include "client/workspace.h"

#include "base/secret.h"
#include "base/vec.h"

#include <stdlib.h>

static bool is_private(const struct study *s)
{
	return s->privacy.mechanism != PRIVACY_NONE;
}

static void init_private(struct workspace *w, const struct study *s)
{
	size_t parameters = s->model.parameters;

	row_products_init(&w->products, &s->model);
	w->sum = mem_array(parameters, sizeof *w->sum);
	if (s->privacy.mechanism != PRIVACY_SITE)
		clipped_sum_init(&w->clipped, &s->model, s->local.label_smoothing);
	if (s->privacy.mechanism == PRIVACY_LOCAL) {
		w->step_noise = mem_array(parameters, sizeof *w->step_noise);
		w->step_words = mem_array(parameters, 4);
	}
}

void workspace_init(struct workspace *w, const struct study *s)
{
	uint32_t block = s->local.batch < NETWORK_ROWS_MAX ? s->local.batch : NETWORK_ROWS_MAX;

	*w = (struct workspace){0};
	trainer_init(&w->trainer, &s->model, &s->local);
	network_init(&w->evaluator, &s->model, block);
	w->local = vec_f32(s->model.parameters);
	w->statistics = mem_array(schema_statistics_length(&s->schema), sizeof *w->statistics);
	w->counts = mem_array(2 * metrics_counts_length(study_shape(s)), sizeof *w->counts);
	if (is_private(s))
		init_private(w, s);
}

void workspace_free(struct workspace *w)
{
	network_free(&w->evaluator);
	batches_free(&w->batches);
	free(w->local);
	free(w->statistics);
	free(w->counts);
	release_noise_free(&w->noise);
	clipped_sum_free(&w->clipped);
	row_products_free(&w->products);
	free(w->sum);
	free(w->sampled);
	if (w->step_noise != NULL)
		secret_wipe(w->step_noise, w->trainer.network.spec.parameters * sizeof *w->step_noise);
	free(w->step_noise);
	free(w->step_words);
	trainer_free(&w->trainer);
	*w = (struct workspace){0};
}

uint32_t *workspace_sampled(struct workspace *w, uint32_t units)
{
	if (units > w->sampled_room) {
		free(w->sampled);
		w->sampled = mem_array(units, sizeof *w->sampled);
		w->sampled_room = units;
	}
	return w->sampled;
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
