/*
 * The order in which sections are read, and of these the head, the model and training. Contradictions within a section are
 * refused before what the mechanism of privacy does not permit in it, so that an author corrects what is wrong in every study
 * first.
 */
#include "protocol/study_read.h"
#include "protocol/study_strategy.h"

#include "base/name.h"
#include "base/nearest.h"
#include "base/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEVIATION_MIN 1e-6 /* of first weights: smaller ones are 0 to a float sum with a bias */
#define DEVIATION_MAX 10.0 /* larger ones saturate every activation */

void study_reject_path(struct study_reading *r, enum err e, const char *path)
{
	snprintf(r->field->path, sizeof r->field->path, "%s", path);
	r->failed = e;
}

void study_reject(const struct study_section *s, const char *key, const char *fmt, ...)
{
	char words[DIAG_MAX], path[STUDY_FIELD_SIZE];
	va_list args;
	if (s->reading->failed)
		return;
	va_start(args, fmt);
	vsnprintf(words, sizeof words, fmt, args);
	va_end(args);
	snprintf(path, sizeof path, "%s%s%s", s->path, key && s->path[0] ? "." : "", key ? key : "");
	study_reject_path(s->reading, diag_set(s->reading->why, ERR_DATA, "%s", words), path);
}

/* The value of a key that study_complete always writes; NULL after a refusal. */
static const struct json *needed(const struct study_section *s, const char *key)
{
	const struct json *value = s->reading->failed ? NULL : json_get(s->node, key);
	if (!value)
		study_reject(s, key, "is missing");
	return value;
}

const char *study_text(const struct study_section *s, const char *key)
{
	const struct json *value = needed(s, key);
	return value ? json_as_string(value) : "";
}

double study_real(const struct study_section *s, const char *key)
{
	const struct json *value = needed(s, key);
	return value ? json_as_real(value) : 0;
}

int64_t study_integer(const struct study_section *s, const char *key)
{
	const struct json *value = needed(s, key);
	return value ? json_as_integer(value) : 0;
}

double study_real_or(const struct study_section *s, const char *key, double otherwise)
{
	const struct json *value = s->reading->failed ? NULL : json_get(s->node, key);
	return value ? json_as_real(value) : otherwise;
}

const char *study_text_or(const struct study_section *s, const char *key, const char *otherwise)
{
	const struct json *value = s->reading->failed ? NULL : json_get(s->node, key);
	return value ? json_as_string(value) : otherwise;
}

int study_choice(const struct study_section *s, const char *key, const char *const *built, const char *instead)
{
	const char *text = study_text(s, key);
	for (int i = 0; built[i]; i++)
		if (strcmp(text, built[i]) == 0)
			return i;
	study_reject(s, key, "\"%s\" is not built yet in this version; write %s", text, instead);
	return 0;
}

void study_only_for(const struct study_section *s, const char *key, bool fits, const char *owner)
{
	if (!fits && json_get(s->node, key))
		study_reject(s, key, "belongs to %s; leave it out", owner);
}

static void read_head(const struct study_section *top)
{
	struct study *out = top->reading->out;
	out->name = study_text(top, "study");
	out->revision = (uint32_t)study_integer(top, "revision");
	out->purpose = study_text(top, "purpose");
	out->contact = study_text_or(top, "contact", "");
	out->ethics = study_text_or(top, "ethics", "");
	out->results = study_text_or(top, "results", "");
	out->expires = study_text_or(top, "expires", "");
	if (!name_is_study(out->name))
		study_reject(top, "study", "\"%s\" is no study name; use a-z, 0-9 and '-', at most %d of them",
		             out->name, NAME_SIZE - 1);
}

static void read_init_file(const struct study_section *file)
{
	struct study *out = file->reading->out;
	out->init = INIT_FILE;
	out->init_file = study_text(file, "file");
	if (!hash_from_hex(&out->init_sha256, study_text(file, "sha256")) || hash_is_zero(&out->init_sha256))
		study_reject(file, "sha256", "must be the 64 characters 0-9 and a-f that sha256sum prints");
}

/* "gaussian 0.01", from the blank on; without a number there is none. */
static void read_deviation(const struct study_section *model, const char *rest)
{
	struct study *out = model->reading->out;
	double deviation = 0;
	out->init = INIT_GAUSSIAN;
	struct bytes number = bytes_text(rest + (rest[0] == ' '));
	if (!parse_f64(&deviation, number, '.') || !(deviation >= DEVIATION_MIN && deviation <= DEVIATION_MAX))
		study_reject(model, "init", "a gaussian needs a deviation from %g to %g, such as gaussian 0.01",
		             DEVIATION_MIN, DEVIATION_MAX);
	out->init_deviation = deviation;
}

/* The first parameters: a word, a word and a number, or a file. */
static void read_init(const struct study_section *model)
{
	static const struct {
		const char *word;
		enum init_kind kind;
	} words[] = {{"he", INIT_HE}, {"xavier", INIT_XAVIER}, {"zero", INIT_ZERO}};
	const struct json *init = json_get(model->node, "init");
	if (json_kind(init) == JSON_IS_OBJECT) {
		read_init_file(&(struct study_section){model->reading, init, "model.init"});
		return;
	}
	const char *text = json_as_string(init);
	char word[NAME_SIZE], near[NAME_SIZE];
	size_t length = strcspn(text, " ");
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(text, words[i].word) == 0) {
			model->reading->out->init = words[i].kind;
			return;
		}
	snprintf(word, sizeof word, "%.*s", (int)length, text);
	if (strcmp(word, "gaussian") == 0)
		read_deviation(model, text + length);
	else if (nearest_word(near, sizeof near, word, "he|xavier|gaussian|zero"))
		study_reject(model, "init", "\"%s\" is unknown; did you mean \"%s\"?", text, near);
	else
		study_reject(model, "init",
		             "\"%s\" is unknown; write he, xavier, gaussian 0.01, zero or {file: ..., sha256: ...}",
		             text);
}

static enum loss_kind loss_of(const struct label *label)
{
	static const enum loss_kind kinds[] = {[COLUMN_NUMERIC] = LOSS_SQUARED_ERROR,
	                                       [COLUMN_BINARY] = LOSS_BINARY_CROSS_ENTROPY,
	                                       [COLUMN_CATEGORICAL] = LOSS_SOFTMAX_CROSS_ENTROPY};
	return kinds[label->type];
}

static void read_model(struct study_reading *r, const struct json *node)
{
	struct study_section model = {r, node, "model"};
	const struct json *layers = json_get(node, "layers");
	uint32_t inputs = schema_inputs(&r->out->schema);
	char path[STUDY_FIELD_SIZE];
	if (inputs > MODEL_WIDTH_MAX) {
		study_reject(&(struct study_section){r, NULL, "data"}, "features",
		             "make %u inputs, levels counted; at most %d are possible", inputs, MODEL_WIDTH_MAX);
		return;
	}
	spec_begin(&r->out->model, inputs);
	for (size_t i = 0; i < json_count(layers) && !r->failed; i++) {
		enum err e = spec_add_layer(&r->out->model, json_as_string(json_at(layers, i)), r->why);
		snprintf(path, sizeof path, "model.layers[%zu]", i);
		if (e != OK)
			study_reject_path(r, e, path);
	}
	if (r->failed)
		return;
	enum err e = spec_end(&r->out->model, loss_of(&r->out->schema.label), schema_outputs(&r->out->schema), r->why);
	if (e != OK)
		study_reject_path(r, e, "model.layers");
	else
		read_init(&model);
}

static void read_weights(struct study_reading *r, const struct json *node)
{
	static const char *const built[] = {[WEIGHTS_BY_PATIENTS] = "patients", [WEIGHTS_EQUAL] = "equal", NULL};
	struct study_section weights = {r, node, "training.weights"};
	r->out->weights = (enum weights_rule)study_choice(&weights, "by", built, "patients or equal");
	bool by_patients = r->out->weights == WEIGHTS_BY_PATIENTS;
	study_only_for(&weights, "cap", by_patients, "by: patients");
	r->out->weight_cap = by_patients ? study_real(&weights, "cap") : 1;
}

static void read_training(struct study_reading *r, const struct json *node)
{
	struct study_section training = {r, node, "training"};
	study_read_strategy(&training);
	r->out->rounds = (uint32_t)study_integer(&training, "rounds");
	study_read_local(r, json_get(node, "local"));
	read_weights(r, json_get(node, "weights"));
	r->out->update_range = study_real(&training, "update_range");
	r->out->evaluate_every = (uint32_t)study_integer(&training, "evaluate_every");
}

static enum err read_all(struct study_reading *r, const struct json *tree)
{
	struct study_section top = {r, tree, ""};
	r->field->path[0] = 0;
	study_read_mechanism(r, json_get(tree, "privacy"));
	if (!r->failed)
		read_head(&top);
	if (!r->failed)
		study_read_data(r, json_get(tree, "data"));
	if (!r->failed)
		read_model(r, json_get(tree, "model"));
	if (!r->failed)
		read_training(r, json_get(tree, "training"));
	if (!r->failed)
		study_read_federation(&top);
	if (!r->failed)
		study_read_evaluation(r, json_get(tree, "evaluation"));
	if (!r->failed)
		study_read_permitted(r, tree);
	if (!r->failed)
		study_read_privacy(r, json_get(tree, "privacy"));
	if (!r->failed && !r->draft)
		study_read_sums(r);
	return r->failed;
}

enum err study_read(struct study *out, const struct json *tree, struct study_field *field, struct diag *why)
{
	struct study_reading r = {.out = out, .field = field, .why = why};
	return read_all(&r, tree);
}

enum err study_read_draft(struct study *out, const struct json *tree, struct study_field *field, struct diag *why)
{
	struct study_reading r = {.out = out, .field = field, .why = why, .draft = true};
	return read_all(&r, tree);
}
