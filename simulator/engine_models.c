/*
 * From sums to models without files. A round costs no JSON, no hash over the parameters and no copy of them but one, when the
 * model of the step before may turn out to be the best. What a plan names is then not a file's hash but
 *
 *   H("COHRTsim", name of the model before, step u32)       the first model's name is its file's SHA-256
 *
 * which campaign and session compare and never look into.
 */
#include "base/vec.h"
#include "coordinator/strategy.h"
#include "simulator/engine_inside.h"

#include <stdlib.h>
#include <string.h>

static struct hash name_after(const struct hash *before, uint32_t step)
{
	uint8_t number[4];
	struct bytes fields[] = {bytes_of(before->b, HASH_SIZE), bytes_of(number, sizeof number)};
	struct hash name;

	store_u32(number, step);
	hash_fields(&name, NULL, "COHRTsim", fields, sizeof fields / sizeof fields[0]);
	return name;
}

/* ---- a round's outcome */

static enum err compute(struct outcome *o, struct engine *e, const struct round_plan *plan)
{
	struct engine_models *m = &e->models;
	size_t n = e->study->model.parameters;
	enum err err;

	memset(o, 0, sizeof *o);
	if (plan->asks & ASK_STATISTICS)
		return outcome_compute(o, e->study, plan, &e->sum, bytes_of(NULL, 0), NULL, &e->why);
	if (plan->asks & ASK_EVALUATE)
		outcome_figures(o, e->study, plan->round, &e->sum);
	if (!(plan->asks & ASK_TRAIN))
		return OK;
	if (plan->asks & ASK_EVALUATE)
		vec_copy(m->before, m->newest.parameters, n);
	err = outcome_train(o, m->newest.parameters, m->moments, m->update, e->study, plan, &e->sum, &e->why);
	o->has_model = err == OK;
	o->model_sha256 = name_after(&m->newest_name, plan->step);
	o->model.len = m->first_file.len; /* what travels is as long as the first */
	return err;
}

static void remember(struct engine *e, struct outcome *o, uint32_t step, unsigned asks)
{
	struct engine_models *m = &e->models;
	uint64_t octets;
	uint32_t best;

	if (asks & ASK_STATISTICS) {
		m->first_file = o->model;
		m->newest_name = o->model_sha256;
		memset(&o->model, 0, sizeof o->model);
		return;
	}
	o->model.len = 0;
	campaign_best(e->campaign, &octets, &best);
	if ((asks & ASK_TRAIN) && (asks & ASK_EVALUATE) && best == step - 1) {
		float *kept = m->best;

		m->best = m->before;
		m->before = kept;
	}
	if (o->has_model)
		m->newest_name = o->model_sha256;
}

void engine_models_compute(struct engine *e)
{
	const struct round_plan *plan = campaign_plan(e->campaign);
	uint32_t step = plan->step;
	unsigned asks = plan->asks; /* the campaign plans the next round when it hears of this one */
	struct outcome o;
	enum err err = compute(&o, e, plan);

	if (err == OK) {
		campaign_computed(e->campaign, &o, e->now_ms);
		remember(e, &o, step, asks);
	} else {
		e->failed = err;
		campaign_not_computed(e->campaign, e->why.text, e->now_ms);
		o.model.len = 0;
	}
	outcome_free(&o);
}

/* ---- before a round, and at the end */

enum err engine_models_begin(struct engine *e, const struct round_plan *plan, struct diag *why)
{
	struct engine_models *m = &e->models;
	size_t n = e->study->model.parameters, moments = strategy_moments(e->study);
	enum err err;

	if (hash_is_zero(&plan->model) || m->newest.parameters != NULL)
		return OK;
	err = round_model_read(&m->newest, e->study, buf_bytes(&m->first_file), why);
	if (err != OK)
		return err;
	m->first = vec_f32(n);
	m->before = vec_f32(n);
	m->best = vec_f32(n);
	m->moments = moments > 0 ? vec_f32(moments * n) : NULL;
	m->update = mem_array(n, sizeof *m->update);
	vec_copy(m->first, m->newest.parameters, n);
	engine_encode(e, &m->newest);
	return OK;
}

enum err engine_models_finish(struct engine *e, struct diag *why)
{
	struct engine_models *m = &e->models;
	struct outcome o = {0};
	struct hash name;
	uint64_t octets;
	enum err err;

	name = campaign_best(e->campaign, &octets, &m->file_step);
	if (hash_is_zero(&name) || m->newest.parameters == NULL)
		return OK;
	err = outcome_model(&o, e->study, hash_equal(&name, &m->newest_name) ? m->newest.parameters : m->best,
	                    m->file_step, buf_bytes(&m->first_file), why);
	m->file = o.model;
	m->file_sha256 = o.model_sha256;
	return err;
}

void engine_models_free(struct engine_models *m)
{
	buf_free(&m->first_file);
	buf_free(&m->file);
	round_model_free(&m->newest);
	free(m->first);
	free(m->before);
	free(m->best);
	free(m->moments);
	free(m->update);
}
