/*
 * Checkpoints: a model as a safetensors file, with what it takes to reproduce a prediction from a raw row.
 *
 *   | u64 length of header | header: JSON, blanks up to a multiple of 8 | tensors: float32 little-endian |
 *
 *   {"__metadata__": {"format": "cohort/1", "study": ..., "study_hash": ..., "round": "30",
 *                     "layers": "[\"dense 128\", ...]", "link": "sigmoid", "label": "<JSON>",
 *                     "inputs": "[{\"name\", \"mean\", \"deviation\", \"fill\"}, ...]",
 *                     "privacy": "<JSON>"},                       of a private study only
 *    "layer.0.weight": {"dtype": "F32", "shape": [128, 30], "data_offsets": [0, 15360]},
 *    "layer.0.bias": ...}
 *
 * The format's own rules (github.com/huggingface/safetensors, "Format"): metadata maps text to text, no duplicate
 * keys, no holes, the header begins with '{'. Beyond them this reader wants exactly the tensors of a spec, F32, in
 * any order, offsets in the order of the header, and no NaN or infinity. Nothing in a checkpoint is executed. Written
 * bytes are canonical: same model, same bytes, and their SHA-256 is the model's name. A file of another program (no
 * "format": "cohort/1") is read for its tensors alone.
 */
#ifndef COHORT_MODEL_CHECKPOINT_H
#define COHORT_MODEL_CHECKPOINT_H

#include "base/bytes.h"
#include "base/json.h"
#include "model/spec.h"

#define CHECKPOINT_FORMAT "cohort/1"
#define CHECKPOINT_METADATA "__metadata__" /* the key that safetensors reserves */

/* One model input: x = (raw - mean) / deviation, 0 when the deviation is 0; a missing raw value is `fill` first. */
struct checkpoint_input {
	const char *name; /* plain text, at most TEXT_LINE_MAX bytes */
	double mean, deviation, fill; /* finite, deviation >= 0 */
};

struct checkpoint_about {
	const char *study;
	const char *study_hash; /* 64 hexadecimal digits */
	uint32_t round; /* training rounds behind it; 0: as initialised */
	const char *label; /* JSON text: name and coding */
	/* In the order of the model's inputs: spec->inputs of them, or none before they are known. */
	const struct checkpoint_input *inputs;
	uint32_t input_count;
	const char *privacy; /* JSON text: the promise under which the model was made; NULL: none */
};

struct checkpoint {
	bool ours; /* "format" is "cohort/1"; otherwise `about` is zeroed */
	struct checkpoint_about about; /* borrowed from the two trees and the array below */
	struct json *header, *inputs_tree; /* owned */
	struct checkpoint_input *inputs; /* owned */
};

/* Appends the whole file to `out` (buf_init with MODEL_FILE_MAX). parameters[spec->parameters] finite and inputs as
 * said, else ERR_DATA; ERR_LIMIT when the header passes MODEL_METADATA_MAX or `out` its bound. */
enum err checkpoint_write(struct buf *out, const struct model_spec *spec, const float *parameters,
                          const struct checkpoint_about *about, struct diag *why) MUST_USE;

/* Reads it into parameters[spec->parameters]; `what` names the file in messages. `out` may be NULL; it is freed by
 * the caller even on failure, after which the parameters are worthless. ERR_DATA with the tensor or key; ERR_LIMIT. */
enum err checkpoint_read(float *parameters, struct checkpoint *out, const struct model_spec *spec, struct bytes file,
                         const char *what, struct diag *why) MUST_USE;

void checkpoint_free(struct checkpoint *c); /* accepts a zeroed one */

#endif
