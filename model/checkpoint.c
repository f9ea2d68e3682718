#include "model/checkpoint.h"

#include "base/limits.h"
#include "base/name.h"
#include "base/vec.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_SIZE 8 /* u64 before the header; the header is padded to its multiple, which aligns the tensors */

static void put_inputs(struct buf *out, const struct checkpoint_about *about)
{
	struct json *list = json_new_array();
	for (uint32_t i = 0; i < about->input_count; i++) {
		const struct checkpoint_input *in = &about->inputs[i];
		struct json *item = json_new_object();
		json_set_string(item, "name", in->name);
		json_set_real(item, "mean", in->mean);
		json_set_real(item, "deviation", in->deviation);
		json_set_real(item, "fill", in->fill);
		json_add(list, item);
	}
	json_write(out, list, false);
	json_free(list);
}

/* NULL when the inputs alone pass the header's bound. */
static struct json *metadata_of(const struct model_spec *spec, const struct checkpoint_about *about)
{
	struct buf layers, inputs;
	struct json *metadata = NULL;
	char round[16];
	buf_init(&layers, MODEL_METADATA_MAX);
	buf_init(&inputs, MODEL_METADATA_MAX);
	spec_put_layers(&layers, spec);
	put_inputs(&inputs, about);
	if (layers.failed || inputs.failed)
		goto out;
	snprintf(round, sizeof round, "%u", about->round);
	metadata = json_new_object();
	json_set_string(metadata, "format", CHECKPOINT_FORMAT);
	json_set_string(metadata, "study", about->study);
	json_set_string(metadata, "study_hash", about->study_hash);
	json_set_string(metadata, "round", round);
	json_set_string(metadata, "layers", buf_text(&layers));
	json_set_string(metadata, "link", spec_link(spec));
	json_set_string(metadata, "label", about->label);
	json_set_string(metadata, "inputs", buf_text(&inputs));
	if (about->privacy != NULL)
		json_set_string(metadata, "privacy", about->privacy);
out:
	buf_free(&layers);
	buf_free(&inputs);
	return metadata;
}

static struct json *header_of(const struct spec_tensor *list, uint32_t count, struct json *metadata)
{
	struct json *header = json_new_object();
	size_t at = 0;
	json_set(header, CHECKPOINT_METADATA, metadata);
	for (uint32_t i = 0; i < count; i++) {
		const struct spec_tensor *t = &list[i];
		struct json *entry = json_new_object(), *shape = json_new_array(), *offsets = json_new_array();
		for (uint32_t d = 0; d < t->dimensions; d++)
			json_add(shape, json_new_integer(t->shape[d]));
		json_add(offsets, json_new_integer((int64_t)at));
		at += t->length * sizeof(float);
		json_add(offsets, json_new_integer((int64_t)at));
		json_set_string(entry, "dtype", "F32");
		json_set(entry, "shape", shape);
		json_set(entry, "data_offsets", offsets);
		json_set(header, t->name, entry);
	}
	return header;
}

static void put_floats(struct buf *out, const float *x, size_t n)
{
	uint8_t *to = buf_extend(out, n * sizeof *x);
	for (size_t i = 0; to && i < n; i++) {
		uint32_t bits;
		memcpy(&bits, &x[i], sizeof bits);
		bits = htole32(bits); /* seen by the compiler, so that this is one copy */
		memcpy(to + 4 * i, &bits, sizeof bits);
	}
}

/* What the reader would refuse is never written. */
static void check_about(const struct model_spec *spec, const struct checkpoint_about *about)
{
	struct hash hash;
	struct json *label = NULL, *privacy = NULL;
	const char *promise = about->privacy != NULL ? about->privacy : "{}";
	CHECK(name_is_study(about->study));
	CHECK(hash_from_hex(&hash, about->study_hash));
	CHECK(json_parse(&label, bytes_text(about->label), MODEL_METADATA_MAX, "label", NULL) == OK);
	CHECK(json_parse(&privacy, bytes_text(promise), MODEL_METADATA_MAX, "privacy", NULL) == OK);
	CHECK(about->input_count == 0 || about->input_count == spec->inputs);
	json_free(label);
	json_free(privacy);
}

static enum err writable(const struct spec_tensor *list, uint32_t count, const float *parameters,
                         const struct checkpoint_about *about, struct diag *why)
{
	for (uint32_t i = 0; i < count; i++) {
		const float *x = parameters + list[i].first;
		size_t k = 0;
		if (vec_finite(x, list[i].length))
			continue;
		while (isfinite(x[k]))
			k++;
		return diag_set(why, ERR_DATA, "%s: element %zu of the model is not a number", list[i].name, k);
	}
	for (uint32_t i = 0; i < about->input_count; i++) {
		const struct checkpoint_input *in = &about->inputs[i];
		if (!json_is_plain(in->name) || strlen(in->name) > TEXT_LINE_MAX)
			return diag_set(why, ERR_DATA, "input %u: its name cannot be exported", i);
		if (!isfinite(in->mean) || !isfinite(in->fill) || !isfinite(in->deviation) || in->deviation < 0)
			return diag_set(why, ERR_DATA,
			                "input \"%s\": mean %g, deviation %g, fill %g cannot be exported", in->name,
			                in->mean, in->deviation, in->fill);
	}
	return OK;
}

enum err checkpoint_write(struct buf *out, const struct model_spec *spec, const float *parameters,
                          const struct checkpoint_about *about, struct diag *why)
{
	static const char blanks[LENGTH_SIZE] = "        ";
	struct spec_tensor list[SPEC_TENSORS_MAX];
	uint32_t count = spec_tensors(list, spec);
	check_about(spec, about);
	enum err e = writable(list, count, parameters, about, why);
	if (e)
		return e;

	struct buf text;
	buf_init(&text, MODEL_METADATA_MAX);
	struct json *metadata = metadata_of(spec, about), *header = NULL;
	if (metadata) {
		header = header_of(list, count, metadata);
		json_write(&text, header, false);
		buf_put(&text, bytes_of(blanks, (LENGTH_SIZE - text.len % LENGTH_SIZE) % LENGTH_SIZE));
		buf_put_u64(out, text.len);
		buf_put(out, buf_bytes(&text));
		for (uint32_t i = 0; i < count; i++)
			put_floats(out, parameters + list[i].first, list[i].length);
	}
	if (!metadata || text.failed || out->failed)
		e = diag_set(why, ERR_LIMIT, "the model's file would pass %llu bytes, or its header %u",
		             (unsigned long long)out->max, MODEL_METADATA_MAX);
	json_free(header);
	buf_free(&text);
	return e;
}
