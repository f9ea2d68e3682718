/*
 * The model's specification: from the study's text of layers to slices of one flat vector of parameters.
 *
 *   layers: [dense 128, relu, dense 64, relu, dense 1]   on 30 inputs
 *
 *   parameters  | W0 128x30 | b0 128 | W1 64x128 | b1 64 | W2 1x64 | b2 1 |      row-major [out, in], float
 *
 * Only dense layers have parameters; they are numbered 0, 1, ... in the exported file's tensor names (`layer.N.weight`,
 * `layer.N.bias`). Dropout works in training alone and is the identity otherwise. Layers end with the logits: loss and
 * link follow from the label, so a last sigmoid is an error. Layers are a closed set: nothing received is ever executed.
 */
#ifndef COHORT_MODEL_SPEC_H
#define COHORT_MODEL_SPEC_H

#include "base/err.h"
#include "base/limits.h"

#include <stddef.h>
#include <stdint.h>

enum layer_kind { LAYER_DENSE, LAYER_RELU, LAYER_SIGMOID, LAYER_TANH, LAYER_DROPOUT };

struct layer {
	enum layer_kind kind;
	uint32_t inputs, outputs; /* equal for all but dense */
	size_t weight, bias; /* offsets in the flat vector (dense) */
	double share; /* dropout: of the values that training sets to 0 */
};

enum loss_kind { LOSS_BINARY_CROSS_ENTROPY, LOSS_SOFTMAX_CROSS_ENTROPY, LOSS_SQUARED_ERROR };
enum init_kind { INIT_HE, INIT_ZERO, INIT_FILE, INIT_XAVIER, INIT_GAUSSIAN };

struct model_spec {
	struct layer layers[MODEL_LAYERS_MAX];
	uint32_t layer_count;
	uint32_t inputs, outputs;
	uint32_t width_max; /* the widest layer, inputs included: sizes the activations */
	size_t parameters; /* length of the flat vector */
	enum loss_kind loss;
};

enum optimizer_kind { OPTIMIZER_SGD, OPTIMIZER_MOMENTUM, OPTIMIZER_ADAM, OPTIMIZER_NESTEROV, OPTIMIZER_ADAMW };

/* How the learning rate goes over the training rounds: the formulas are model/schedule.h's. Zeroed: always the same. */
enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_STEP, SCHEDULE_COSINE };
struct rate_schedule {
	enum schedule_kind kind;
	uint32_t warmup; /* rounds before the full rate */
	uint32_t every; /* step: rounds at one rate */
	double factor; /* step: from one rate to the next */
	double floor; /* cosine: what it falls to, as a part of the full rate */
};

/* How a site trains within one round (the study's training.local). Exactly one of epochs and steps is not 0. */
struct local_training {
	uint32_t epochs, steps;
	uint32_t batch; /* rows; the last batch of an epoch may be smaller */
	enum optimizer_kind optimizer;
	double learning_rate;
	double momentum; /* momentum and Nesterov only */
	double beta1, beta2, epsilon; /* Adam and AdamW only */
	double weight_decay; /* L2; 0 = none, as the next two (model/optimizer.h) */
	double l1; /* L1 */
	double proximal; /* FedProx's mu */
	double label_smoothing; /* of the training loss (model/loss.h); 0 = none */
	struct rate_schedule schedule;
};

void spec_begin(struct model_spec *s, uint32_t inputs);

/* One layer's text: "dense 128", "relu", "sigmoid", "tanh", "dropout 0.2" (DROPOUT_MIN to DROPOUT_MAX, at most six
 * digits, written in the one way that spec_layer_text writes it). ERR_DATA names the nearest known layer, says "not
 * built yet" for conv, why batch normalisation is not offered, or what is wrong with the number; ERR_LIMIT beyond MODEL_LAYERS_MAX or MODEL_PARAMETERS_MAX. */
enum err spec_add_layer(struct model_spec *s, const char *text, struct diag *why) MUST_USE;

/* Closes it for a label with that loss and `outputs` logits: the last layer must be dense with exactly that width. */
enum err spec_end(struct model_spec *s, enum loss_kind loss, uint32_t outputs, struct diag *why) MUST_USE;

uint32_t spec_dropouts(const struct model_spec *s); /* how many layers are dropout */

/* What the figures of a part are made of; it follows from the label. */
struct metrics_shape {
	uint32_t classes; /* 2: binary, one logit; more: one logit per class; 0: numeric, one output */
	uint32_t bins; /* binary: even, 2 .. BINS_MAX; else unused */
	uint32_t class_bins; /* several classes: even, 2 .. CLASS_BINS_MAX, or 0: no histograms; else unused */
	double middle, half; /* numeric: middle of the label's range, and half of its width, in raw units */
	double mean, deviation; /* numeric: the model's, y = mean + deviation * output; needed where rows are added */
	double noise; /* deviation of the noise that each sum carries, its row's share scaled to [-1, 1]; 0: none */
};

/* Length of the sums of one part, beside the loss (model/metrics.h gives their order): two score histograms of `bins` for
 * a binary label, the confusion matrix of several classes and two histograms of `class_bins` for each, SPEC_NUMERIC_SUMS
 * for a number. */
#define SPEC_NUMERIC_SUMS 5
size_t spec_counts_length(struct metrics_shape shape);

/* What follows the logits, from the label's kind: "sigmoid", "softmax" or "identity". */
const char *spec_link(const struct model_spec *s);

/* One layer as spec_add_layer reads it. */
#define SPEC_LAYER_SIZE 32 /* "dense 65536", "dropout 0.123456" */
void spec_layer_text(char out[SPEC_LAYER_SIZE], const struct layer *l);

/* Appends the layers as spec_add_layer reads them, as a JSON list: ["dense 128","relu","dense 1"]. */
struct buf;
void spec_put_layers(struct buf *out, const struct model_spec *s);

/* The tensors that a model's file consists of, in the order of the flat vector, which they cover without a hole. */
#define SPEC_TENSORS_MAX (2 * MODEL_LAYERS_MAX)
struct spec_tensor {
	char name[32]; /* "layer.63.weight" */
	uint32_t dimensions; /* weight: 2, [outputs, inputs]; bias: 1, [outputs] */
	uint32_t shape[2];
	size_t first, length; /* floats in the flat vector */
};
uint32_t spec_tensors(struct spec_tensor list[SPEC_TENSORS_MAX], const struct model_spec *s); /* how many */

#endif
