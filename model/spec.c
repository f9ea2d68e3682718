/*
 * Layers are read one text at a time and laid out at once: each dense layer takes the next outputs x inputs floats
 * for its weights and the next `outputs` floats for its bias.
 */
#include "model/spec.h"

#include "base/json.h"
#include "base/nearest.h"
#include "base/parse.h"

#include <stdio.h>
#include <string.h>

#define LAYERS_BUILT "dense|relu|sigmoid|tanh|dropout"
#define LAYERS_PLANNED "conv"
#define LAYERS_MIXING "batch_norm|batchnorm|batch_normalisation|batch_normalization"
#define LAYERS_SAID "dense WIDTH, relu, sigmoid, tanh or dropout SHARE"

void spec_begin(struct model_spec *s, uint32_t inputs)
{
	CHECK(inputs > 0 && inputs <= MODEL_WIDTH_MAX);
	*s = (struct model_spec){.inputs = inputs, .width_max = inputs};
}

static uint32_t width_now(const struct model_spec *s)
{
	return s->layer_count > 0 ? s->layers[s->layer_count - 1].outputs : s->inputs;
}

/* Is `word` one of "a|b|c"? */
static bool listed(struct bytes word, const char *words)
{
	while (*words) {
		size_t len = strcspn(words, "|");
		if (bytes_equal(word, bytes_of(words, len)))
			return true;
		words += len + (words[len] == '|');
	}
	return false;
}

static enum err refuse_kind(const char *text, struct bytes kind, struct diag *why)
{
	char word[NAME_SIZE], near[NAME_SIZE];
	if (bytes_equal(kind, bytes_text("softmax")))
		return diag_set(why, ERR_DATA,
		                "layer \"%s\": softmax follows from a label with levels; end with the logits, such as "
		                "\"dense 3\"",
		                text);
	if (listed(kind, LAYERS_MIXING))
		return diag_set(
			why, ERR_DATA,
			"layer \"%s\" is not offered: batch normalisation mixes the patients of a batch, so that one "
			"patient's values would move what another contributes; leave it out",
			text);
	if (listed(kind, LAYERS_PLANNED))
		return diag_set(why, ERR_DATA, "layer \"%s\" is not built yet; use " LAYERS_SAID, text);
	snprintf(word, sizeof word, "%.*s", (int)kind.len, (const char *)kind.ptr);
	if (nearest_word(near, sizeof near, word, LAYERS_BUILT "|" LAYERS_PLANNED))
		return diag_set(why, ERR_DATA, "unknown layer \"%s\"; did you mean \"%s\"?", text, near);
	return diag_set(why, ERR_DATA, "unknown layer \"%s\"; use " LAYERS_SAID, text);
}

static enum err add_dense(struct model_spec *s, const char *text, struct bytes argument, struct diag *why)
{
	uint64_t width = 0;
	if (argument.len == 0)
		return diag_set(why, ERR_DATA, "layer \"%s\" needs a width, such as \"dense 64\"", text);
	if (!parse_u64(&width, argument) || width == 0)
		return diag_set(why, ERR_DATA, "layer \"%s\": the width must be a whole number from 1 to %d", text,
		                MODEL_WIDTH_MAX);
	if (width > MODEL_WIDTH_MAX)
		return diag_set(why, ERR_LIMIT, "layer \"%s\" is wider than %d", text, MODEL_WIDTH_MAX);

	uint32_t inputs = width_now(s), outputs = (uint32_t)width;
	size_t weights = (size_t)outputs * inputs;
	if (s->parameters + weights + outputs > MODEL_PARAMETERS_MAX)
		return diag_set(why, ERR_LIMIT, "layer \"%s\" on %u inputs makes the model larger than %u parameters",
		                text, inputs, MODEL_PARAMETERS_MAX);
	s->layers[s->layer_count++] = (struct layer){.kind = LAYER_DENSE,
	                                             .inputs = inputs,
	                                             .outputs = outputs,
	                                             .weight = s->parameters,
	                                             .bias = s->parameters + weights};
	s->parameters += weights + outputs;
	if (outputs > s->width_max)
		s->width_max = outputs;
	return OK;
}

static enum err add_activation(struct model_spec *s, enum layer_kind kind, const char *text, struct bytes argument,
                               struct diag *why)
{
	if (argument.len > 0)
		return diag_set(why, ERR_DATA, "layer \"%s\" takes no number", text);
	uint32_t width = width_now(s);
	s->layers[s->layer_count++] = (struct layer){.kind = kind, .inputs = width, .outputs = width};
	return OK;
}

static enum err add_dropout(struct model_spec *s, const char *text, struct bytes argument, struct diag *why)
{
	struct layer l = {.kind = LAYER_DROPOUT, .inputs = width_now(s), .outputs = width_now(s)};
	char canonical[SPEC_LAYER_SIZE];
	if (!parse_f64(&l.share, argument, '.') || !(l.share >= DROPOUT_MIN && l.share <= DROPOUT_MAX))
		return diag_set(why, ERR_DATA,
		                "layer \"%s\": the share must be a number from %g to %g, such as \"dropout 0.2\"", text,
		                DROPOUT_MIN, DROPOUT_MAX);
	spec_layer_text(canonical, &l);
	if (strcmp(text, canonical) != 0)
		return diag_set(why, ERR_DATA, "layer \"%s\": write \"%s\"", text, canonical);
	s->layers[s->layer_count++] = l;
	return OK;
}

enum err spec_add_layer(struct model_spec *s, const char *text, struct diag *why)
{
	size_t len = strcspn(text, " ");
	struct bytes kind = bytes_of(text, len), argument = bytes_text(text + len + strspn(text + len, " "));
	if (s->layer_count == MODEL_LAYERS_MAX)
		return diag_set(why, ERR_LIMIT, "layer \"%s\" is one more than the %d a model may have", text,
		                MODEL_LAYERS_MAX);
	if (bytes_equal(kind, bytes_text("dense")))
		return add_dense(s, text, argument, why);
	if (bytes_equal(kind, bytes_text("relu")))
		return add_activation(s, LAYER_RELU, text, argument, why);
	if (bytes_equal(kind, bytes_text("sigmoid")))
		return add_activation(s, LAYER_SIGMOID, text, argument, why);
	if (bytes_equal(kind, bytes_text("tanh")))
		return add_activation(s, LAYER_TANH, text, argument, why);
	if (bytes_equal(kind, bytes_text("dropout")))
		return add_dropout(s, text, argument, why);
	return refuse_kind(text, kind, why);
}

void spec_layer_text(char out[SPEC_LAYER_SIZE], const struct layer *l)
{
	static const char *const names[] = {[LAYER_RELU] = "relu", [LAYER_SIGMOID] = "sigmoid", [LAYER_TANH] = "tanh"};
	if (l->kind == LAYER_DENSE)
		snprintf(out, SPEC_LAYER_SIZE, "dense %u", l->outputs);
	else if (l->kind == LAYER_DROPOUT)
		snprintf(out, SPEC_LAYER_SIZE, "dropout %g", l->share);
	else
		snprintf(out, SPEC_LAYER_SIZE, "%s", names[l->kind]);
}

enum err spec_end(struct model_spec *s, enum loss_kind loss, uint32_t outputs, struct diag *why)
{
	char text[SPEC_LAYER_SIZE];
	if (s->layer_count == 0)
		return diag_set(why, ERR_DATA, "the model has no layers; the smallest is \"dense %u\"", outputs);
	const struct layer *last = &s->layers[s->layer_count - 1];
	spec_layer_text(text, last);
	if (last->kind != LAYER_DENSE)
		return diag_set(
			why, ERR_DATA,
			"the last layer is \"%s\"; layers end with the logits (\"dense %u\"), what follows them is the "
			"label's",
			text, outputs);
	if (last->outputs != outputs)
		return diag_set(why, ERR_DATA, "the last layer is \"%s\"; this label needs \"dense %u\"", text,
		                outputs);
	s->outputs = outputs;
	s->loss = loss;
	return OK;
}

uint32_t spec_dropouts(const struct model_spec *s)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < s->layer_count; i++)
		count += s->layers[i].kind == LAYER_DROPOUT;
	return count;
}

size_t spec_counts_length(struct metrics_shape shape)
{
	if (shape.classes == 0)
		return SPEC_NUMERIC_SUMS;
	if (shape.classes == 2)
		return 2 * (size_t)shape.bins;
	return (size_t)shape.classes * (shape.classes + 2 * (size_t)shape.class_bins);
}

const char *spec_link(const struct model_spec *s)
{
	static const char *const links[] = {[LOSS_BINARY_CROSS_ENTROPY] = "sigmoid",
	                                    [LOSS_SOFTMAX_CROSS_ENTROPY] = "softmax",
	                                    [LOSS_SQUARED_ERROR] = "identity"};
	return links[s->loss];
}

void spec_put_layers(struct buf *out, const struct model_spec *s)
{
	struct json *list = json_new_array();
	for (uint32_t i = 0; i < s->layer_count; i++) {
		char text[SPEC_LAYER_SIZE];
		spec_layer_text(text, &s->layers[i]);
		json_add(list, json_new_string(text));
	}
	json_write(out, list, false);
	json_free(list);
}

uint32_t spec_tensors(struct spec_tensor list[SPEC_TENSORS_MAX], const struct model_spec *s)
{
	uint32_t count = 0, number = 0;
	for (uint32_t i = 0; i < s->layer_count; i++) {
		const struct layer *l = &s->layers[i];
		if (l->kind != LAYER_DENSE)
			continue;
		struct spec_tensor *weight = &list[count++], *bias = &list[count++];
		*weight = (struct spec_tensor){.dimensions = 2, .shape = {l->outputs, l->inputs}};
		weight->first = l->weight;
		weight->length = (size_t)l->outputs * l->inputs;
		snprintf(weight->name, sizeof weight->name, "layer.%u.weight", number);
		*bias = (struct spec_tensor){.dimensions = 1, .shape = {l->outputs}};
		bias->first = l->bias;
		bias->length = l->outputs;
		snprintf(bias->name, sizeof bias->name, "layer.%u.bias", number);
		number++;
	}
	return count;
}
