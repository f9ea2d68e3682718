/* The sections of the contract, each with the defaults that depend on other keys. */
#include "protocol/study_complete.h"

#include "protocol/study_strategy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEST_FRACTION 0.3
#define SPLIT_SEED 42
#define MOMENTUM 0.9 /* Sutskever et al., ICML 2013 */
#define BETA1 0.9 /* Kingma and Ba, Adam, ICLR 2015, section 2, as the next two */
#define BETA2 0.999
#define ADAM_EPSILON 1e-8
#define STEP_FACTOR 0.1 /* He et al., CVPR 2016, section 3.4: "divided by 10" */
#define WEIGHT_CAP 5000 /* patients: a large hospital's share of one study */
#define BINS 2048 /* AUC exact to about 1e-4 (model/metrics.h) */

void study_draft_refuse(struct study_draft *d, const char *path, const char *fmt, ...)
{
	char words[DIAG_MAX];
	va_list args;
	if (d->failed)
		return;
	va_start(args, fmt);
	vsnprintf(words, sizeof words, fmt, args);
	va_end(args);
	d->failed = yaml_complain(d->document, d->why, ERR_DATA, path, "%s", words);
}

bool study_draft_wrote(const struct study_draft *d, const char *path)
{
	return yaml_wrote(d->document, path);
}

void study_draft_warn(struct study_draft *d, const char *path, const char *fmt, ...)
{
	char words[DIAG_MAX];
	struct diag line;
	va_list args;
	if (!study_draft_wrote(d, path))
		return;
	va_start(args, fmt);
	vsnprintf(words, sizeof words, fmt, args);
	va_end(args);
	(void)yaml_complain(d->document, &line, OK, path, "%s", words);
	buf_printf(d->warnings, "%s\n", line.text);
}

void study_carry(struct json *out, const struct json *in, const char *key)
{
	const struct json *value = json_get(in, key);
	if (value)
		json_set(out, key, json_clone(value));
}

void study_carry_text(struct json *out, const struct json *in, const char *key, const char *fallback)
{
	study_carry(out, in, key);
	if (fallback && !json_get(in, key))
		json_set_string(out, key, fallback);
}

void study_carry_number(struct json *out, const struct json *in, const char *key, double fallback)
{
	study_carry(out, in, key);
	if (!json_get(in, key))
		json_set_real(out, key, fallback);
}

static bool text_is(const struct json *object, const char *key, const char *text)
{
	const struct json *value = json_get(object, key);
	return value && strcmp(json_as_string(value), text) == 0;
}

static void complete_head(struct study_draft *d, struct json *out, const struct json *in, bool simulation)
{
	static const char *const keys[] = {"cohort",  "study",  "revision", "purpose",
	                                   "contact", "ethics", "results",  "expires"};
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		study_carry(out, in, keys[i]);
	if (!simulation && !json_get(in, "expires"))
		study_draft_refuse(d, "",
		                   "\"expires\" is missing; write the last day on which sites answer, such as expires: "
		                   "2027-06-30");
}

/* By a column of the data, or by keyed hash; a mixture keeps all that was written and is refused later. */
static struct json *complete_split(const struct json *in)
{
	struct json *out = json_new_object();
	if (json_get(in, "column")) {
		study_carry(out, in, "test_fraction");
		study_carry(out, in, "validation_fraction");
		study_carry(out, in, "seed");
	} else {
		study_carry_number(out, in, "test_fraction", TEST_FRACTION);
		study_carry_number(out, in, "validation_fraction", 0);
		study_carry(out, in, "seed");
		if (!json_get(in, "seed"))
			json_set_integer(out, "seed", SPLIT_SEED);
	}
	study_carry(out, in, "column");
	study_carry(out, in, "train");
	study_carry(out, in, "validation");
	study_carry(out, in, "test");
	return out;
}

static struct json *complete_data(struct study_draft *d, const struct json *tree)
{
	const struct json *in = json_get(tree, "data");
	struct json *out = json_new_object();
	study_carry_text(out, in, "source", json_as_string(json_get(tree, "study")));
	json_set(out, "features", study_features(d, json_get(in, "features")));
	json_set(out, "label", study_label(json_get(in, "label")));
	study_carry(out, in, "patient_id");
	study_carry(out, in, "missing");
	study_carry(out, in, "outside");
	study_carry(out, in, "fill");
	json_set(out, "split", complete_split(json_get(in, "split")));
	study_carry(out, in, "scale");
	return out;
}

static struct json *complete_schedule(const struct json *in)
{
	struct json *out = json_new_object();
	study_carry(out, in, "kind");
	study_carry(out, in, "warmup");
	study_carry(out, in, "every");
	if (text_is(in, "kind", "step"))
		study_carry_number(out, in, "factor", STEP_FACTOR);
	else
		study_carry(out, in, "factor");
	if (text_is(in, "kind", "cosine"))
		study_carry_number(out, in, "floor", 0);
	else
		study_carry(out, in, "floor");
	return out;
}

/* The optimizer's own numbers; one that belongs to another optimizer is kept and refused later. */
static void complete_optimizer(struct json *out, const struct json *in)
{
	bool moment = text_is(in, "optimizer", "momentum") || text_is(in, "optimizer", "nesterov");
	bool adam = text_is(in, "optimizer", "adam") || text_is(in, "optimizer", "adamw");
	if (moment)
		study_carry_number(out, in, "momentum", MOMENTUM);
	else
		study_carry(out, in, "momentum");
	if (adam) {
		study_carry_number(out, in, "beta1", BETA1);
		study_carry_number(out, in, "beta2", BETA2);
		study_carry_number(out, in, "epsilon", ADAM_EPSILON);
	} else {
		study_carry(out, in, "beta1");
		study_carry(out, in, "beta2");
		study_carry(out, in, "epsilon");
	}
}

static struct json *complete_local(const struct json *in, bool one_step, double proximal)
{
	struct json *out = json_new_object();
	const struct json *schedule = json_get(in, "schedule");
	bool open = !json_get(in, "epochs") && !json_get(in, "steps");
	study_carry(out, in, "epochs");
	if (open && !one_step)
		json_set_integer(out, "epochs", 1);
	study_carry(out, in, "steps");
	if (open && one_step)
		json_set_integer(out, "steps", 1);
	study_carry(out, in, "batch");
	study_carry(out, in, "optimizer");
	study_carry(out, in, "learning_rate");
	complete_optimizer(out, in);
	study_carry(out, in, "weight_decay");
	study_carry(out, in, "l1");
	if (proximal > 0)
		study_carry_number(out, in, "proximal", proximal);
	else
		study_carry(out, in, "proximal");
	study_carry(out, in, "label_smoothing");
	if (schedule)
		json_set(out, "schedule", complete_schedule(schedule));
	return out;
}

static struct json *complete_weights(const struct json *in)
{
	struct json *out = json_new_object();
	study_carry(out, in, "by");
	if (text_is(in, "by", "patients") && !json_get(in, "cap"))
		json_set_integer(out, "cap", WEIGHT_CAP);
	else
		study_carry(out, in, "cap");
	return out;
}

static struct json *complete_training(struct study_draft *d, const struct json *in, bool noised)
{
	const char *strategy = json_as_string(json_get(in, "strategy"));
	const struct json *local = json_get(in, "local"), *weights = json_get(in, "weights");
	bool one_step = d->mechanism == PRIVACY_DISTRIBUTED, private = d->mechanism != PRIVACY_NONE;
	struct json *out = json_new_object();
	study_carry(out, in, "strategy");
	study_carry(out, in, "rounds");
	json_set(out, "local", complete_local(local, one_step, study_default_proximal(strategy)));
	json_set(out, "server", study_complete_server(json_get(in, "server"), strategy));
	json_set(out, "weights", private ? study_complete_equal_weights(d, weights) : complete_weights(weights));
	study_carry(out, in, "update_range");
	study_carry(out, in, "evaluate_every");
	if (noised && !study_draft_wrote(d, "training.evaluate_every"))
		json_set_integer(out, "evaluate_every", 0);
	return out;
}

/* What the best model is best in, unless the author says. */
static const char *select_by(const struct json *label)
{
	if (text_is(label, "type", "binary"))
		return "auc";
	return text_is(label, "type", "numeric") ? "loss" : "accuracy";
}

static struct json *complete_evaluation(const struct json *in, bool noised, const struct json *label)
{
	struct json *out = json_new_object();
	study_carry_text(out, in, "release", noised ? "noised" : "masked");
	study_carry(out, in, "bins");
	if (!json_get(in, "bins"))
		json_set_integer(out, "bins", noised ? 0 : BINS); /* 0: follows from the noise, see study_solve.h */
	study_carry(out, in, "class_bins");
	study_carry_text(out, in, "select", select_by(label));
	study_carry(out, in, "patience");
	study_carry(out, in, "subgroups");
	return out;
}

/* Figures of a study whose training is noised are so, too, unless it says otherwise. */
static bool is_noised(const struct json *evaluation)
{
	return !json_get(evaluation, "release") || text_is(evaluation, "release", "noised");
}

enum err study_complete(struct json **out, struct study_origin *origin, struct buf *warnings,
                        const struct yaml_document *document, bool simulation, struct diag *why)
{
	struct study_draft d = {.document = document, .origin = origin, .warnings = warnings, .why = why};
	const struct json *in = yaml_tree(document), *evaluation = json_get(in, "evaluation");
	const struct json *label = json_get(json_get(in, "data"), "label");
	struct json *tree = json_new_object();
	CHECK(privacy_mechanism_from(&d.mechanism, json_as_string(json_get(json_get(in, "privacy"), "mechanism"))));
	bool noised = d.mechanism != PRIVACY_NONE && is_noised(evaluation);
	complete_head(&d, tree, in, simulation);
	json_set(tree, "data", complete_data(&d, in));
	study_carry(tree, in, "model");
	json_set(tree, "training", complete_training(&d, json_get(in, "training"), noised));
	json_set(tree, "evaluation", complete_evaluation(evaluation, noised, label));
	study_carry(tree, in, "sites");
	study_carry(tree, in, "masking");
	json_set(tree, "privacy", study_complete_privacy(&d, in, noised));
	study_warn_ignored(&d);
	*out = d.failed ? NULL : tree;
	if (d.failed)
		json_free(tree);
	return d.failed;
}
