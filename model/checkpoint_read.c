/*
 * Reading a checkpoint. The file is untrusted: a person's init file, or a model from the network. Nothing is looked
 * up by what it offers; its entries are held against the tensors of the spec, one by one in the order of the header:
 *
 *   header entry   name in the list?  F32?  shape as listed?  begins where the last one ended?  length by its shape?
 *   at the end     every tensor of the list seen, and the last one ends with the file
 *
 * So there are no holes, no overlaps and no bytes that nobody reads. Metadata is strict when the file is ours, and
 * otherwise only held to the format's rule that it maps text to text.
 */
#include "model/checkpoint.h"

#include "base/name.h"
#include "base/parse.h"
#include "base/vec.h"

#include <endian.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_SIZE 8 /* u64 before the header */

struct reading {
	const struct model_spec *spec;
	const char *what;
	struct diag *why;
	struct json *header;
	struct bytes data; /* after the header */
	struct spec_tensor list[SPEC_TENSORS_MAX];
	bool seen[SPEC_TENSORS_MAX];
	uint32_t count;
	size_t at; /* in data: where the next tensor begins */
};

/* ---- the header */

static enum err split_file(struct reading *r, struct bytes file)
{
	struct reader bytes = reader_of(file);
	uint64_t length = read_u64(&bytes);
	if (bytes.failed)
		return diag_set(r->why, ERR_DATA, "%s: %zu bytes are no model file", r->what, file.len);
	if (length > MODEL_METADATA_MAX)
		return diag_set(r->why, ERR_LIMIT, "%s: a header of %llu bytes is longer than %u", r->what,
		                (unsigned long long)length, MODEL_METADATA_MAX);
	struct bytes text = read_bytes(&bytes, (size_t)length);
	if (bytes.failed)
		return diag_set(r->why, ERR_DATA, "%s: cut off: the header has %llu bytes, only %zu follow", r->what,
		                (unsigned long long)length, file.len - LENGTH_SIZE);
	if (length == 0 || text.ptr[0] != '{')
		return diag_set(r->why, ERR_DATA, "%s: the header does not begin with '{': no safetensors file",
		                r->what);
	r->data = bytes.rest;
	enum err e = json_parse(&r->header, text, MODEL_METADATA_MAX, r->what, r->why);
	if (!e && json_kind(r->header) != JSON_IS_OBJECT)
		e = diag_set(r->why, ERR_DATA, "%s: the header is no object", r->what);
	return e;
}

/* ---- one tensor */

static bool is_integer(const struct json *node, uint64_t wanted)
{
	return node && json_kind(node) == JSON_IS_INTEGER && json_as_integer(node) == (int64_t)wanted;
}

static bool shape_fits(const struct json *shape, const struct spec_tensor *t)
{
	if (!shape || json_count(shape) != t->dimensions)
		return false;
	for (uint32_t d = 0; d < t->dimensions; d++)
		if (!is_integer(json_at(shape, d), t->shape[d]))
			return false;
	return true;
}

static enum err refuse_shape(const struct reading *r, const struct spec_tensor *t)
{
	char wanted[32];
	snprintf(wanted, sizeof wanted, t->dimensions == 2 ? "[%u, %u]" : "[%u]", t->shape[0], t->shape[1]);
	return diag_set(r->why, ERR_DATA, "%s: %s must have the shape %s: it is another model", r->what, t->name,
	                wanted);
}

static enum err copy_floats(const struct reading *r, float *parameters, const struct spec_tensor *t)
{
	const uint8_t *from = r->data.ptr + r->at;
	float *to = parameters + t->first;
	size_t k = 0;
	for (size_t i = 0; i < t->length; i++) {
		uint32_t bits;
		memcpy(&bits, from + 4 * i, sizeof bits);
		bits = le32toh(bits); /* seen by the compiler, so that this is one copy */
		memcpy(&to[i], &bits, sizeof bits);
	}
	if (vec_finite(to, t->length))
		return OK;
	while (isfinite(to[k]))
		k++;
	return diag_set(r->why, ERR_DATA, "%s: element %zu of %s is not a number", r->what, k, t->name);
}

static enum err read_tensor(struct reading *r, float *parameters, uint32_t index, const struct json *entry)
{
	const struct spec_tensor *t = &r->list[index];
	struct json_reader fields;
	char place[TEXT_LINE_MAX];
	size_t size = t->length * sizeof(float);
	snprintf(place, sizeof place, "%s: %s", r->what, t->name);

	json_read_begin(&fields, entry, place, r->why);
	const char *dtype = json_read_string(&fields, "dtype", NAME_SIZE);
	const struct json *shape = json_read_array(&fields, "shape", 2);
	const struct json *offsets = json_read_array(&fields, "data_offsets", 2);
	enum err e = json_read_end(&fields);
	if (e)
		return e;
	if (strcmp(dtype, "F32") != 0)
		return diag_set(r->why, ERR_DATA, "%s: %s has the type %s; only F32 is read", r->what, t->name, dtype);
	if (!shape_fits(shape, t))
		return refuse_shape(r, t);
	if (json_count(offsets) != 2 || !is_integer(json_at(offsets, 0), r->at) ||
	    !is_integer(json_at(offsets, 1), r->at + size))
		return diag_set(r->why, ERR_DATA, "%s: %s must have the data_offsets [%zu, %zu]", r->what, t->name,
		                r->at, r->at + size);
	if (size > r->data.len - r->at)
		return diag_set(r->why, ERR_DATA, "%s: cut off within %s", r->what, t->name);
	e = copy_floats(r, parameters, t);
	r->at += size;
	r->seen[index] = true;
	return e;
}

static enum err read_tensors(struct reading *r, float *parameters)
{
	const struct json *entry;
	for (const char *key = NULL; (key = json_key_after(r->header, key, &entry));) {
		uint32_t index = 0;
		if (strcmp(key, CHECKPOINT_METADATA) == 0)
			continue;
		while (index < r->count && strcmp(key, r->list[index].name) != 0)
			index++;
		if (index == r->count)
			return diag_set(r->why, ERR_DATA, "%s: tensor \"%s\" is none of this model", r->what, key);
		enum err e = read_tensor(r, parameters, index, entry);
		if (e)
			return e;
	}
	for (uint32_t i = 0; i < r->count; i++)
		if (!r->seen[i])
			return diag_set(r->why, ERR_DATA, "%s: %s is missing", r->what, r->list[i].name);
	if (r->at != r->data.len)
		return diag_set(r->why, ERR_DATA, "%s: %zu bytes too many after the last tensor", r->what,
		                r->data.len - r->at);
	return OK;
}

/* ---- metadata */

static enum err check_texts(const struct reading *r, const struct json *metadata)
{
	const struct json *value;
	if (json_kind(metadata) != JSON_IS_OBJECT)
		return diag_set(r->why, ERR_DATA, "%s: " CHECKPOINT_METADATA " is no object", r->what);
	for (const char *key = NULL; (key = json_key_after(metadata, key, &value));)
		if (json_kind(value) != JSON_IS_STRING)
			return diag_set(r->why, ERR_DATA, "%s: " CHECKPOINT_METADATA ": \"%s\" is no text", r->what,
			                key);
	return OK;
}

static enum err read_input(struct checkpoint_input *in, const struct json *item, const char *place, struct diag *why)
{
	struct json_reader fields;
	json_read_begin(&fields, item, place, why);
	in->name = json_read_string(&fields, "name", TEXT_LINE_MAX);
	in->mean = json_read_real(&fields, "mean", -DBL_MAX, DBL_MAX);
	in->deviation = json_read_real(&fields, "deviation", 0, DBL_MAX);
	in->fill = json_read_real(&fields, "fill", -DBL_MAX, DBL_MAX);
	return json_read_end(&fields);
}

static enum err read_inputs(struct checkpoint *c, const struct reading *r, const char *text)
{
	char place[TEXT_LINE_MAX];
	snprintf(place, sizeof place, "%s: inputs", r->what);
	enum err e = json_parse(&c->inputs_tree, bytes_text(text), MODEL_METADATA_MAX, place, r->why);
	if (e)
		return e;
	size_t count = json_count(c->inputs_tree);
	if (json_kind(c->inputs_tree) != JSON_IS_ARRAY || (count != 0 && count != r->spec->inputs))
		return diag_set(r->why, ERR_DATA, "%s must be a list of %u", place, r->spec->inputs);
	c->inputs = mem_array(count, sizeof *c->inputs);
	for (size_t i = 0; !e && i < count; i++) {
		snprintf(place, sizeof place, "%s: inputs[%zu]", r->what, i);
		e = read_input(&c->inputs[i], json_at(c->inputs_tree, i), place, r->why);
	}
	c->about.inputs = c->inputs;
	c->about.input_count = (uint32_t)count;
	return e;
}

/* What the spec says already must be said alike: the file is of this model. */
static enum err check_model(const struct reading *r, const char *layers, const char *link)
{
	struct buf wanted;
	enum err e = OK;
	buf_init(&wanted, MODEL_METADATA_MAX);
	spec_put_layers(&wanted, r->spec);
	if (strcmp(layers, buf_text(&wanted)) != 0)
		e = diag_set(r->why, ERR_DATA, "%s: its layers are %s, this model's are %s", r->what, layers,
		             buf_text(&wanted));
	else if (strcmp(link, spec_link(r->spec)) != 0)
		e = diag_set(r->why, ERR_DATA, "%s: its link is %s, this model's is %s", r->what, link,
		             spec_link(r->spec));
	buf_free(&wanted);
	return e;
}

static enum err check_about(const struct reading *r, const struct checkpoint_about *about)
{
	struct hash hash;
	struct json *label = NULL, *privacy = NULL;
	const char *promise = about->privacy != NULL ? about->privacy : "{}";
	if (!name_is_study(about->study))
		return diag_set(r->why, ERR_DATA, "%s: \"%s\" is no name of a study", r->what, about->study);
	if (!hash_from_hex(&hash, about->study_hash))
		return diag_set(r->why, ERR_DATA, "%s: study_hash is no hash", r->what);
	enum err e = json_parse(&label, bytes_text(about->label), MODEL_METADATA_MAX, "label", r->why);
	if (!e)
		e = json_parse(&privacy, bytes_text(promise), MODEL_METADATA_MAX, "privacy", r->why);
	json_free(label);
	json_free(privacy);
	return e ? diag_prefix(r->why, e, "%s", r->what) : OK;
}

static enum err read_metadata(struct checkpoint *c, const struct reading *r, const struct json *metadata)
{
	struct json_reader fields;
	uint64_t round = 0;
	char place[TEXT_LINE_MAX];
	snprintf(place, sizeof place, "%s: " CHECKPOINT_METADATA, r->what);
	json_read_begin(&fields, metadata, place, r->why);
	(void)json_read_string(&fields, "format", NAME_SIZE);
	c->about.study = json_read_string(&fields, "study", NAME_SIZE);
	c->about.study_hash = json_read_string(&fields, "study_hash", HASH_HEX_SIZE);
	const char *round_text = json_read_string(&fields, "round", NAME_SIZE);
	const char *layers = json_read_string(&fields, "layers", MODEL_METADATA_MAX);
	const char *link = json_read_string(&fields, "link", NAME_SIZE);
	c->about.label = json_read_string(&fields, "label", MODEL_METADATA_MAX);
	const char *inputs = json_read_string(&fields, "inputs", MODEL_METADATA_MAX);
	if (json_has(&fields, "privacy"))
		c->about.privacy = json_read_string(&fields, "privacy", MODEL_METADATA_MAX);
	enum err e = json_read_end(&fields);
	if (!e && (!parse_u64(&round, bytes_text(round_text)) || round > UINT32_MAX))
		e = diag_set(r->why, ERR_DATA, "%s: round \"%s\" is no count", place, round_text);
	c->about.round = (uint32_t)round;
	if (!e)
		e = check_model(r, layers, link);
	if (!e)
		e = check_about(r, &c->about);
	return e ? e : read_inputs(c, r, inputs);
}

static enum err read_about(struct checkpoint *c, const struct reading *r)
{
	const struct json *metadata = json_get(r->header, CHECKPOINT_METADATA);
	enum err e = metadata ? check_texts(r, metadata) : OK;
	if (e || !metadata)
		return e;
	const struct json *format = json_get(metadata, "format");
	c->ours = format && strcmp(json_as_string(format), CHECKPOINT_FORMAT) == 0;
	return c->ours ? read_metadata(c, r, metadata) : OK;
}

/* ---- the file */

enum err checkpoint_read(float *parameters, struct checkpoint *out, const struct model_spec *spec, struct bytes file,
                         const char *what, struct diag *why)
{
	struct reading r = {.spec = spec, .what = what, .why = why};
	struct checkpoint c = {0};
	r.count = spec_tensors(r.list, spec);
	enum err e = split_file(&r, file);
	c.header = r.header;
	if (!e)
		e = read_about(&c, &r);
	if (!e)
		e = read_tensors(&r, parameters);
	if (out)
		*out = c;
	else
		checkpoint_free(&c);
	return e;
}

void checkpoint_free(struct checkpoint *c)
{
	json_free(c->header);
	json_free(c->inputs_tree);
	free(c->inputs);
	*c = (struct checkpoint){0};
}
