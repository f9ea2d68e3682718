/* How a site trains in a round: training.local. */
#include "protocol/study_read.h"

#include <string.h>

static void read_optimizer(const struct study_section *local)
{
	static const char *const built[] = {
		[OPTIMIZER_SGD] = "sgd",           [OPTIMIZER_MOMENTUM] = "momentum", [OPTIMIZER_ADAM] = "adam",
		[OPTIMIZER_NESTEROV] = "nesterov", [OPTIMIZER_ADAMW] = "adamw",       NULL};
	struct local_training *out = &local->reading->out->local;
	out->optimizer =
		(enum optimizer_kind)study_choice(local, "optimizer", built, "sgd, momentum, nesterov, adam or adamw");
	bool moment = out->optimizer == OPTIMIZER_MOMENTUM || out->optimizer == OPTIMIZER_NESTEROV;
	bool adam = out->optimizer == OPTIMIZER_ADAM || out->optimizer == OPTIMIZER_ADAMW;
	study_only_for(local, "momentum", moment, "optimizer: momentum or nesterov");
	study_only_for(local, "beta1", adam, "optimizer: adam or adamw");
	study_only_for(local, "beta2", adam, "optimizer: adam or adamw");
	study_only_for(local, "epsilon", adam, "optimizer: adam or adamw");
	if (moment)
		out->momentum = study_real(local, "momentum");
	if (!adam)
		return;
	out->beta1 = study_real(local, "beta1");
	out->beta2 = study_real(local, "beta2");
	out->epsilon = study_real(local, "epsilon");
}

static void read_schedule(struct study_reading *r, const struct json *node)
{
	static const char *const built[] = {
		[SCHEDULE_CONSTANT] = "constant", [SCHEDULE_STEP] = "step", [SCHEDULE_COSINE] = "cosine", NULL};
	struct study_section s = {r, node, "training.local.schedule"};
	struct rate_schedule *out = &r->out->local.schedule;
	out->kind = (enum schedule_kind)study_choice(&s, "kind", built, "constant, step or cosine");
	out->warmup = (uint32_t)study_integer(&s, "warmup");
	if (out->warmup >= r->out->rounds)
		study_reject(&s, "warmup", "%u rounds are all of training.rounds; leave some for the full rate",
		             out->warmup);
	bool step = out->kind == SCHEDULE_STEP, cosine = out->kind == SCHEDULE_COSINE;
	study_only_for(&s, "every", step, "kind: step");
	study_only_for(&s, "factor", step, "kind: step");
	study_only_for(&s, "floor", cosine, "kind: cosine");
	if (step) {
		out->every = (uint32_t)study_integer(&s, "every");
		out->factor = study_real(&s, "factor");
	}
	if (cosine)
		out->floor = study_real(&s, "floor");
}

static bool has_classes(const struct model_spec *m)
{
	return m->loss == LOSS_BINARY_CROSS_ENTROPY || m->loss == LOSS_SOFTMAX_CROSS_ENTROPY;
}

void study_read_local(struct study_reading *r, const struct json *node)
{
	struct study_section local = {r, node, "training.local"};
	struct local_training *out = &r->out->local;
	bool epochs = json_get(node, "epochs"), steps = json_get(node, "steps");
	if (epochs && steps)
		study_reject(&local, "steps", "stands beside epochs; write one of them");
	if (steps)
		out->steps = (uint32_t)study_integer(&local, "steps");
	else
		out->epochs = (uint32_t)study_integer(&local, "epochs");
	out->batch = (uint32_t)study_integer(&local, "batch");
	out->learning_rate = study_real(&local, "learning_rate");
	out->weight_decay = study_real(&local, "weight_decay");
	out->l1 = study_real_or(&local, "l1", 0);
	out->proximal = study_real_or(&local, "proximal", 0);
	out->label_smoothing = study_real_or(&local, "label_smoothing", 0);
	study_only_for(&local, "label_smoothing", has_classes(&r->out->model), "a label of classes");
	read_optimizer(&local);
	if (json_get(node, "schedule"))
		read_schedule(r, json_get(node, "schedule"));
}
