/*
 * What the rest of a study may hold under a mechanism with noise. Each refusal stands for a way in which a promise would not
 * hold: whatever lets one patient's values move what is computed of another's is not bounded by clipping each, and noise that
 * sites share works only for sums that are linear in what was clipped.
 */
#include "protocol/study_read.h"

#include "protocol/study_strategy.h"

#include <stdio.h>

/* Under units within a site: patients and records. */
static void permit_inputs(struct study_reading *r)
{
	struct study_section data = {r, NULL, "data"};
	const struct model_spec *m = &r->out->model;
	char path[STUDY_FIELD_SIZE];
	if (r->out->schema.scale == SCALE_SITE)
		study_reject(&data, "scale",
		             "with site, one patient's values move the inputs of all others there, so clipping bounds "
		             "nothing; "
		             "write global or none");
	for (uint32_t i = 0; i < m->layer_count; i++) {
		struct study_section layer = {r, NULL, path};
		snprintf(path, sizeof path, "model.layers[%u]", i);
		if (m->layers[i].kind == LAYER_DROPOUT)
			study_reject(&layer, NULL,
			             "dropout draws by a row's place among the others, so one patient's rows would "
			             "move theirs; "
			             "leave it out (the noise holds the model back already)");
	}
}

/* A hospital that refused because of a patient's values would tell of them. */
static void permit_rules(struct study_reading *r)
{
	struct study_section data = {r, NULL, "data"};
	if (r->out->schema.outside == OUTSIDE_REFUSE)
		study_reject(&data, "outside",
		             "with refuse, a refusal would tell of a patient's values; write missing or clamp");
	if (r->out->schema.fill == FILL_REFUSE)
		study_reject(&data, "fill",
		             "with refuse, a refusal would tell of a patient's values; write mean or drop");
}

static void permit_one_step(const struct study_section *local)
{
	const struct local_training *l = &local->reading->out->local;
	bool moment = l->optimizer == OPTIMIZER_MOMENTUM || l->optimizer == OPTIMIZER_NESTEROV;
	static const char *const keys[] = {"l1", "proximal", "label_smoothing"};
	if (l->epochs != 0 || l->steps != 1)
		study_reject(local, l->epochs != 0 ? "epochs" : "steps",
		             "under distributed a round is one step; leave it out, and raise training.rounds for more");
	if (l->optimizer != OPTIMIZER_SGD)
		study_reject(
			local, "optimizer",
			"under distributed a site takes no step of its own; move it to server: training.strategy: %s",
			moment ? "fedavgm" : "fedadam");
	if (l->weight_decay != 0)
		study_reject(local, "weight_decay", "under distributed a site takes no step of its own; leave it out");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		study_only_for(local, keys[i], false, "mechanism: local, site or none");
}

static void permit_local(const struct study_section *local)
{
	if (local->reading->out->local.epochs != 0)
		study_reject(
			local, "epochs",
			"under mechanism local each step draws its patients anew and is paid for; write steps, such as "
			"steps: 10");
}

static void permit_training(struct study_reading *r, const struct json *node)
{
	struct study_section training = {r, node, "training"}, weights = {r, NULL, "training.weights"};
	struct study_section local = {r, json_get(node, "local"), "training.local"};
	const struct study *s = r->out;
	if (s->weights != WEIGHTS_EQUAL)
		study_reject(&weights, "by",
		             "a weight would tell how many patients there are; it is equal under privacy");
	if (s->privacy.mechanism == PRIVACY_DISTRIBUTED && s->strategy == STRATEGY_FEDPROX)
		study_reject(&training, "strategy",
		             "fedprox holds several local steps together, and under distributed a round is one; write "
		             "fedavg");
	if (s->privacy.mechanism == PRIVACY_DISTRIBUTED)
		permit_one_step(&local);
	else if (s->privacy.mechanism == PRIVACY_LOCAL)
		permit_local(&local);
}

void study_read_permitted(struct study_reading *r, const struct json *tree)
{
	struct study_section top = {r, tree, ""};
	const struct study *s = r->out;
	enum privacy_mechanism mechanism = s->privacy.mechanism;
	if (mechanism == PRIVACY_NONE)
		return;
	permit_rules(r);
	if (mechanism != PRIVACY_SITE)
		permit_inputs(r);
	permit_training(r, json_get(tree, "training"));
	if (mechanism != PRIVACY_LOCAL && s->sites.masking != MASKING_REQUIRED)
		study_reject(&top, "masking",
		             "under mechanism %s each site adds a share of the noise, which hides nothing alone; write "
		             "masking: "
		             "required",
		             privacy_mechanism_name(mechanism));
}
