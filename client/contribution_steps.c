/*
 * Training under privacy.
 *
 *   distributed   the sites make one step together: each adds up the clipped gradients of the units that it sampled
 *   local         each site makes its own steps. The noise of a step is drawn before that step's rows are touched, and not that of
 *                 all steps at the beginning, which would take steps * d words of memory. What a rejection sampler's time tells is
 *                 of its own draws in either order; that no draw comes after a look at the rows it hides is what counts, and
 *                 between two steps nothing is sent and nobody outside sees the clock. After the noise, all is post-processing:
 *                 any optimizer, any schedule, and an update that is not finite
 *   site          any local training at all; the whole update is one vector, clipped once
 */
#include "base/secret.h"
#include "base/vec.h"
#include "client/contribution_inside.h"
#include "client/poisson.h"
#include "model/schedule.h"
#include "privacy/clip.h"
#include "privacy/noise.h"
#include "privacy/quantize.h"

#include <math.h>
#include <string.h>

/* ---- distributed and local: the sum of one step */

static enum err sum_sampled(const struct filling *f, const float *parameters)
{
	const struct privacy_plan *p = &f->study->privacy;
	const struct site_rows *r = f->rows;
	struct workspace *w = f->w;
	uint32_t *which = workspace_sampled(w, r->units.count);
	uint32_t count = poisson_sample(which, r->units.count, p->sampling_rate, f->terms->entropy);

	memset(w->sum, 0, f->study->model.parameters * sizeof *w->sum);
	return clipped_sum_add(&w->clipped, w->sum, &f->report->clipped, parameters, &r->parts[PART_TRAIN], &r->units,
	                       which, count, p->clip, f->terms->cancel, f->why);
}

/* Over the units that took part; NAN when none did. */
static void note_loss(const struct filling *f)
{
	const struct clipped_report *c = &f->report->clipped;

	f->report->training_loss = c->units > c->unusable ? c->loss / (double)(c->units - c->unusable) : (double)NAN;
}

static enum err add_gradient(const struct filling *f)
{
	enum err e = sum_sampled(f, f->terms->model->parameters);

	if (e != OK)
		return e;
	filling_encode(f, SEGMENT_GRADIENT, f->w->sum);
	note_loss(f);
	return OK;
}

/* ---- local */

static void gradient_from_words(float *restrict gradient, const uint8_t *words, size_t count, double grid)
{
	for (size_t i = 0; i < count; i++)
		gradient[i] = (float)((double)(int32_t)load_u32(words + 4 * i) * grid);
}

static enum err take_step(const struct filling *f, struct optimizer *o, const struct noised *noised)
{
	struct workspace *w = f->w;
	size_t parameters = f->study->model.parameters;
	double divisor = round_plan_divisor(f->study, f->terms->plan->site_count);

	noise_draw(w->step_noise, parameters, noised->variance, f->terms->entropy);
	enum err e = sum_sampled(f, w->local);
	if (e != OK)
		return e;
	f->report->saturated += quantize_noised(w->step_words, w->sum, w->step_noise, parameters, noised);
	gradient_from_words(w->trainer.gradient, w->step_words, parameters, noised->grid);
	optimizer_step(o, w->local, w->trainer.gradient, (float)(1 / divisor));
	return OK;
}

/* Where steps ran away from the finite numbers, which the noise may have done as well as the rows, nothing is said. */
static void stay_finite(float *local, const float *global, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!isfinite(local[i]))
			local[i] = global[i];
}

static enum err add_stepped_update(const struct filling *f)
{
	const struct study *s = f->study;
	const float *global = f->terms->model->parameters;
	const struct layout *l = f->layout;
	struct optimizer *o = &f->w->trainer.optimizer;
	struct noised noised;
	double weight = 1;
	enum err e = round_plan_step_noise(&noised, s, f->why);

	vec_copy(f->w->local, global, s->model.parameters);
	optimizer_begin(o, schedule_factor(&s->local.schedule, f->terms->plan->step, s->rounds), global);
	for (uint32_t step = 0; step < s->local.steps && e == OK; step++)
		e = take_step(f, o, &noised);
	secret_wipe(f->w->step_noise, s->model.parameters * sizeof *f->w->step_noise);
	if (e != OK)
		return e;
	stay_finite(f->w->local, global, s->model.parameters);
	e = segment_encode_update(f->octets, layout_find(l, SEGMENT_UPDATE), l, f->w->local, global, 1,
	                          &f->report->saturated, f->why);
	if (e == OK)
		e = segment_encode(f->octets, layout_find(l, SEGMENT_WEIGHT), l, &weight, &f->report->saturated,
		                   f->why);
	f->report->weight = weight;
	note_loss(f);
	return e;
}

/* ---- site */

/* ERR_DATA is a training that left the finite numbers: then the update is none, and nobody is told. */
static enum err add_clipped_update(const struct filling *f)
{
	const struct round_plan *plan = f->terms->plan;
	const float *global = f->terms->model->parameters;
	double *update = f->w->sum, clip = plan->clip > 0 ? plan->clip : f->study->privacy.clip;
	size_t parameters = f->study->model.parameters;
	enum err e;

	vec_copy(f->w->local, global, parameters);
	e = contribution_train(f->w->local, &f->report->training_loss, f->rows, f->w, global, plan->step,
	                       f->terms->cancel, f->why);
	if (e != OK && e != ERR_DATA)
		return e;
	for (size_t i = 0; i < parameters; i++)
		update[i] = (double)f->w->local[i] - global[i];
	bool within = clip_update(update, parameters, clip);
	const double said = within ? 0.5 : -0.5;
	f->report->clipped.units = 1;
	f->report->clipped.clipped = !within;
	filling_encode(f, SEGMENT_UPDATE, update);
	if (layout_find(f->layout, SEGMENT_WITHIN) != NULL)
		filling_encode(f, SEGMENT_WITHIN, &said);
	f->report->weight = 1;
	return OK;
}

enum err contribution_add_private_training(const struct filling *f)
{
	switch (f->study->privacy.mechanism) {
	case PRIVACY_DISTRIBUTED:
		return add_gradient(f);
	case PRIVACY_LOCAL:
		return add_stepped_update(f);
	default:
		CHECK(f->study->privacy.mechanism == PRIVACY_SITE);
		return add_clipped_update(f);
	}
}
