/*
 * The signal under the noise: how long the sum of a private training is before noise, beside the noise that is in it. Nobody in a
 * federation knows that; here all rows are in one process.
 *
 *     distributed    sum over sites of their clipped gradients       |sum| / (sqrt(variance d n) grid)
 *     site           sum over sites of their clipped updates         the same
 *     local          sum over sites of what their last step adds up  the same, of a step's noise
 *
 * n is how many sites added noise: more than the quorum pays for when all are there. Each value is rounded to the noise's own
 * grid first, and integers are added, so that the ratio depends on no order and no number of threads.
 */
#include "simulator/engine_inside.h"
#include "simulator/ranks.h"

#include <math.h>
#include <string.h>

static bool is_private_training(const struct engine *e, const struct round_plan *plan)
{
	return e->study->privacy.mechanism != PRIVACY_NONE && (plan->asks & ASK_TRAIN);
}

/* What one site adds. The study's layout was made with it, so it can be made. */
static struct noised training_noise(const struct engine *e)
{
	enum privacy_mechanism mechanism = e->study->privacy.mechanism;
	struct noised step;

	if (mechanism == PRIVACY_LOCAL) {
		CHECK(round_plan_step_noise(&step, e->study, NULL) == OK);
		return step;
	}
	return layout_find(campaign_layout(e->campaign),
	                   mechanism == PRIVACY_DISTRIBUTED ? SEGMENT_GRADIENT : SEGMENT_UPDATE)
	        ->noised;
}

void engine_signal_begin(struct engine *e, const struct round_plan *plan)
{
	size_t n = e->study->model.parameters;

	e->signal_to_noise = NAN;
	e->signal_noise = (struct noised){0};
	if (!is_private_training(e, plan))
		return;
	e->signal_noise = training_noise(e);
	for (uint32_t i = 0; i < crew_size(e->crew); i++) {
		struct engine_worker *w = &e->workers[i];

		if (w->signal == NULL)
			w->signal = mem_array(n, sizeof *w->signal);
		memset(w->signal, 0, n * sizeof *w->signal);
	}
}

void engine_signal_take(struct engine *e, struct engine_worker *w)
{
	double grid = e->signal_noise.grid;

	for (size_t i = 0; grid > 0 && i < e->study->model.parameters; i++)
		w->signal[i] += llrint(w->workspace.sum[i] / grid);
}

/* Sites that computed and were asked for noise. */
static uint32_t sites_in(const struct engine *e)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < campaign_plan(e->campaign)->site_count; i++)
		count += e->parts[i].fate == FATE_CONTRIBUTES && e->parts[i].refusal == REFUSAL_NONE;
	return count;
}

void engine_signal_end(struct engine *e)
{
	size_t n = e->study->model.parameters;
	int64_t *sum = e->workers[0].signal;
	double squares = 0;

	if (!(e->signal_noise.grid > 0))
		return;
	for (uint32_t w = 1; w < crew_size(e->crew); w++)
		for (size_t i = 0; i < n; i++)
			sum[i] += e->workers[w].signal[i];
	ranks_sum_integers(sum, n);
	for (size_t i = 0; i < n; i++)
		squares += (double)sum[i] * (double)sum[i];
	e->signal_to_noise = sqrt(squares / ((double)e->signal_noise.variance * (double)n * sites_in(e)));
}
