#include "model/train.h"

#include "base/vec.h"
#include "model/loss.h"
#include "model/schedule.h"

#include <math.h>
#include <stdlib.h>

void trainer_init(struct trainer *t, const struct model_spec *spec, const struct local_training *settings)
{
	*t = (struct trainer){0};
	network_init(&t->network, spec, settings->batch);
	optimizer_init(&t->optimizer, settings, spec->parameters);
	dropout_init(&t->dropout, spec);
	t->gradient = vec_f32(spec->parameters);
	t->x = vec_f32((size_t)t->network.rows_max * spec->inputs);
	t->labels = mem_array(t->network.rows_max, sizeof *t->labels);
}

void trainer_free(struct trainer *t)
{
	network_free(&t->network);
	optimizer_free(&t->optimizer);
	dropout_free(&t->dropout);
	free(t->gradient);
	free(t->x);
	free(t->labels);
	*t = (struct trainer){0};
}

/* What becomes of a batch's gradient: into `to` it goes as beta * to + alpha * gradient. */
struct destination {
	float *to, alpha, beta;
};

/* Plain SGD needs no gradient in memory: the products that make it add it to the parameters, unless later blocks of the batch
 * must still see these as they were. */
static struct destination destination(struct trainer *t, float *parameters, uint32_t batch)
{
	float factor;
	if (batch <= t->network.rows_max && optimizer_adds(&factor, &t->optimizer, 1.0f / (float)batch))
		return (struct destination){parameters, factor, 1};
	return (struct destination){t->gradient, 1, 0};
}

/* The gradient of the batch's summed loss, block by block, and that loss. */
static double batch_gradient(struct trainer *t, struct destination d, const float *parameters, struct row_source source,
                             uint32_t batch)
{
	struct network *n = &t->network;
	double loss = 0, smoothing = t->optimizer.settings.label_smoothing;
	for (uint32_t first = 0, rows; first < batch; first += rows) {
		rows = batch - first < n->rows_max ? batch - first : n->rows_max;
		source.fill(source.context, t->x, t->labels, first, rows);
		const float *logits = network_forward_training(n, parameters, t->x, rows, t->dropout.streams);
		loss += loss_backward(network_logit_gradient(n), n->spec.loss, logits, n->spec.outputs, t->labels,
		                      rows);
		if (smoothing > 0)
			loss += loss_smooth(network_logit_gradient(n), n->spec.loss, logits, n->spec.outputs, t->labels,
			                    rows, smoothing);
		network_backward(n, parameters);
		network_gradient(n, d.to, d.alpha, first == 0 ? d.beta : 1);
	}
	return loss;
}

static double rate_factor(const struct rate_schedule *s, struct train_run run)
{
	bool constant = s->kind == SCHEDULE_CONSTANT && s->warmup == 0;
	return constant ? 1 : schedule_factor(s, run.round, run.rounds);
}

enum err trainer_run(struct trainer *t, float *parameters, struct train_report *report, struct row_source source,
                     struct train_run run, const atomic_bool *cancel, struct diag *why)
{
	struct train_report sums = {0};
	optimizer_begin(&t->optimizer, rate_factor(&t->optimizer.settings.schedule, run), run.anchor);
	dropout_begin(&t->dropout, run.draws, run.site, run.round);
	for (uint32_t batch; (batch = source.begin(source.context)) > 0; sums.steps++) {
		if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
			return diag_set(why, ERR_CANCELLED, "training was cancelled after %llu steps",
			                (unsigned long long)sums.steps);
		struct destination d = destination(t, parameters, batch);
		sums.loss += batch_gradient(t, d, parameters, source, batch);
		sums.rows += batch;
		if (d.to != parameters)
			optimizer_step(&t->optimizer, parameters, t->gradient, 1.0f / (float)batch);
	}
	if (!vec_finite(parameters, t->network.spec.parameters))
		return diag_set(
			why, ERR_DATA,
			"training diverged: a parameter is no longer a number; a learning rate below %g may help",
			t->optimizer.settings.learning_rate);
	sums.loss = sums.rows > 0 ? sums.loss / (double)sums.rows : NAN;
	if (report)
		*report = sums;
	return OK;
}
