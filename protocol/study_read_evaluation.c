/* The section `evaluation`: what is counted and released, and by which figure the best model is chosen. */
#include "protocol/study_read.h"

static const char *const selects[] = {[SELECT_AUC] = "auc",
                                      [SELECT_ACCURACY] = "accuracy",
                                      [SELECT_LOSS] = "loss",
                                      [SELECT_F1] = "f1",
                                      [SELECT_R2] = "r2",
                                      [SELECT_RMSE] = "rmse",
                                      NULL};

const char *study_select_name(enum select_metric m)
{
	CHECK((size_t)m < sizeof selects / sizeof selects[0] - 1);
	return selects[m];
}

static void read_class_bins(const struct study_section *evaluation)
{
	struct study *out = evaluation->reading->out;
	study_only_for(evaluation, "class_bins", out->schema.label.type == COLUMN_CATEGORICAL, "a categorical label");
	if (!json_get(evaluation->node, "class_bins"))
		return;
	out->class_bins = (uint32_t)study_integer(evaluation, "class_bins");
	if (out->class_bins % 2 != 0)
		study_reject(evaluation, "class_bins", "%u is odd; an even number puts probability one half on an edge",
		             out->class_bins);
}

static void read_select(const struct study_section *evaluation)
{
	struct study *out = evaluation->reading->out;
	enum column_type label = out->schema.label.type;
	out->select = (enum select_metric)study_choice(evaluation, "select", selects, "one of the others");
	const char *text = study_text(evaluation, "select");
	bool of_numbers = out->select == SELECT_R2 || out->select == SELECT_RMSE;
	if (label == COLUMN_NUMERIC && !of_numbers && out->select != SELECT_LOSS)
		study_reject(evaluation, "select",
		             "%s needs classes, and the label is a number; write loss, r2 or rmse", text);
	else if (label != COLUMN_NUMERIC && of_numbers)
		study_reject(evaluation, "select", "%s needs a numeric label; write %saccuracy, loss or f1", text,
		             label == COLUMN_BINARY ? "auc, " : "");
	else if (label == COLUMN_CATEGORICAL && out->select == SELECT_AUC && out->class_bins == 0)
		study_reject(evaluation, "select",
		             "auc needs a binary label, or class_bins: 64; write accuracy, loss or f1");
}

/* Early stopping waits for a better figure on validation rows: there must be such rows, and figures on the way. */
static void read_patience(const struct study_section *evaluation)
{
	struct study *out = evaluation->reading->out;
	const struct split *split = &out->schema.split;
	bool by_column = split->column != NULL;
	out->patience = (uint32_t)study_integer(evaluation, "patience");
	if (out->patience == 0)
		return;
	if (out->evaluation == EVALUATION_NONE)
		study_reject(evaluation, "patience",
		             "early stopping needs figures; write release: masked, or patience: 0");
	if (out->evaluation == EVALUATION_NOISED)
		study_reject(evaluation, "patience",
		             "early stopping needs figures on the way, and noised ones are released once; write "
		             "patience: 0");
	if (out->evaluate_every == 0)
		study_reject(
			evaluation, "patience",
			"early stopping needs figures on the way; write training.evaluate_every: 1, or patience: 0");
	if (by_column ? split->validation == NULL : split->validation_fraction == 0)
		study_reject(
			evaluation, "patience",
			"early stopping is judged on validation rows, and there are none; write %s, or patience: 0",
			by_column ? "data.split.validation" : "data.split.validation_fraction: 0.1");
}

/* Noised figures are paid for once: nothing can be chosen by them on the way, and the noise in each bin is the same, so that few
 * bins are better than many. */
static void read_noised(const struct study_section *evaluation)
{
	struct study_reading *r = evaluation->reading;
	struct study_section training = {r, NULL, "training"}, split = {r, NULL, "data.split"};
	const struct study *s = r->out;
	bool by_column = s->schema.split.column != NULL;
	if (s->privacy.mechanism == PRIVACY_NONE)
		study_reject(
			evaluation, "release",
			"noised figures need a mechanism with noise, and privacy.mechanism is none; write release: "
			"masked or none");
	if (s->evaluate_every != 0)
		study_reject(&training, "evaluate_every",
		             "noised figures are released once, at the end; write 0 or leave it out");
	if (schema_has_part(&s->schema, PART_VALIDATION))
		study_reject(&split, by_column ? "validation" : "validation_fraction",
		             "validation rows choose among models, and noised figures are released once; %s",
		             by_column ? "leave it out" : "write 0 or leave it out");
	if (s->bins != 0 && (s->bins < NOISED_BINS_MIN || s->bins > NOISED_BINS_MAX))
		study_reject(evaluation, "bins",
		             "%u: each bin gets the same noise, so noised figures have %d to %d; or leave it out",
		             s->bins, NOISED_BINS_MIN, NOISED_BINS_MAX);
	if (s->class_bins != 0)
		study_reject(evaluation, "class_bins", "are too many for noised figures; leave it out");
}

void study_read_evaluation(struct study_reading *r, const struct json *node)
{
	static const char *const releases[] = {
		[EVALUATION_MASKED] = "masked", [EVALUATION_NOISED] = "noised", [EVALUATION_NONE] = "none", NULL};
	struct study_section evaluation = {r, node, "evaluation"};
	r->out->evaluation =
		(enum evaluation_release)study_choice(&evaluation, "release", releases, "one of the others");
	r->out->bins = (uint32_t)study_integer(&evaluation, "bins");
	if (r->out->bins % 2 != 0)
		study_reject(&evaluation, "bins", "%u is odd; an even number puts probability one half on an edge",
		             r->out->bins);
	read_class_bins(&evaluation);
	read_select(&evaluation);
	read_patience(&evaluation);
	if (r->out->evaluation == EVALUATION_NOISED)
		read_noised(&evaluation);
	if (json_count(json_get(node, "subgroups")) != 0)
		study_reject(&evaluation, "subgroups", "are not built yet in this version; write subgroups: []");
}
