/* The section `data`: features, label, split. Strings stay in the tree; the arrays of pointers are ours. */
#include "base/name.h"
#include "protocol/study_read.h"

#include <stdio.h>
#include <string.h>

static struct text_list read_texts(const struct json *list)
{
	struct text_list out = {.count = (uint32_t)json_count(list)};
	if (out.count == 0)
		return out;
	out.items = mem_array(out.count, sizeof *out.items);
	for (uint32_t i = 0; i < out.count; i++)
		out.items[i] = json_as_string(json_at(list, i));
	return out;
}

/* Keys that a feature or a label has by its type alone. */
static void check_keys(const struct study_section *s, enum column_type type)
{
	study_only_for(s, "min", type == COLUMN_NUMERIC, "type: numeric");
	study_only_for(s, "max", type == COLUMN_NUMERIC, "type: numeric");
	study_only_for(s, "levels", type == COLUMN_CATEGORICAL, "type: categorical");
	study_only_for(s, "positive", type == COLUMN_BINARY, "type: binary");
	study_only_for(s, "negative", type == COLUMN_BINARY, "type: binary");
}

static void check_needed(const struct study_section *s, const char *key, const char *words)
{
	if (!json_get(s->node, key))
		study_reject(s, key, "is missing; %s", words);
}

static void read_feature(struct study_reading *r, struct feature *out, const struct json *node, size_t index)
{
	static const char *const types[] = {
		[COLUMN_NUMERIC] = "numeric", [COLUMN_BINARY] = "binary", [COLUMN_CATEGORICAL] = "categorical", NULL};
	char path[STUDY_FIELD_SIZE];
	snprintf(path, sizeof path, "data.features[%zu]", index);
	struct study_section s = {r, node, path};
	out->name = study_text(&s, "name");
	out->column = study_text(&s, "column");
	out->unit = study_text_or(&s, "unit", "");
	out->type = (enum column_type)study_choice(&s, "type", types, "numeric, binary or categorical");
	out->missing = read_texts(json_get(node, "missing"));
	out->unscaled = json_get(node, "scale");
	check_keys(&s, out->type);
	if (out->type == COLUMN_NUMERIC) {
		check_needed(&s, "min", "a numeric feature needs min and max");
		check_needed(&s, "max", "a numeric feature needs min and max");
		out->min = study_real(&s, "min");
		out->max = study_real(&s, "max");
	} else if (out->type == COLUMN_BINARY) {
		out->positive = study_text(&s, "positive");
		out->negative = study_text(&s, "negative");
	} else {
		check_needed(&s, "levels", "a categorical feature needs its levels");
		out->levels = read_texts(json_get(node, "levels"));
	}
}

static void read_label(struct study_reading *r, const struct json *node)
{
	static const char *const types[] = {
		[COLUMN_NUMERIC] = "numeric", [COLUMN_BINARY] = "binary", [COLUMN_CATEGORICAL] = "categorical", NULL};
	struct study_section s = {r, node, "data.label"};
	struct label *out = &r->out->schema.label;
	bool survival = strcmp(study_text(&s, "type"), "survival") == 0;
	study_only_for(&s, "time", survival, "type: survival");
	study_only_for(&s, "event", survival, "type: survival");
	out->name = study_text(&s, "name");
	out->column = study_text(&s, "column");
	out->type = (enum column_type)study_choice(&s, "type", types, "type: binary, categorical or numeric");
	check_keys(&s, out->type);
	study_only_for(&s, "unit", out->type == COLUMN_NUMERIC, "type: numeric");
	out->unit = study_text_or(&s, "unit", "");
	if (out->type == COLUMN_NUMERIC) {
		check_needed(&s, "min", "a numeric label needs min and max");
		check_needed(&s, "max", "a numeric label needs min and max");
		out->min = study_real(&s, "min");
		out->max = study_real(&s, "max");
	} else if (out->type == COLUMN_BINARY) {
		out->positive = study_text(&s, "positive");
		out->negative = study_text(&s, "negative");
	} else {
		check_needed(&s, "levels", "a categorical label needs its levels");
		out->levels = read_texts(json_get(node, "levels"));
	}
}

/* A split by hash beside one by column: what to write if the first is meant. */
static void refuse_fraction(const struct study_section *s, const char *key)
{
	double test = study_real_or(s, "test_fraction", 0.3), validation = study_real_or(s, "validation_fraction", 0);
	char more[48] = "";
	if (!json_get(s->node, key))
		return;
	if (validation > 0)
		snprintf(more, sizeof more, ", validation_fraction: %.10g", validation);
	study_reject(s, key,
	             "belongs to a split without column; leave it out, or write data.split: {test_fraction: %.10g%s} "
	             "instead of the column",
	             test, more);
}

static void read_split(struct study_reading *r, const struct json *node)
{
	struct study_section s = {r, node, "data.split"};
	struct split *out = &r->out->schema.split;
	out->column = study_text_or(&s, "column", NULL);
	bool hashed = !out->column;
	if (!hashed) {
		refuse_fraction(&s, "test_fraction");
		refuse_fraction(&s, "validation_fraction");
	}
	study_only_for(&s, "seed", hashed, "a split without column");
	study_only_for(&s, "train", !hashed, "a split with column");
	study_only_for(&s, "validation", !hashed, "a split with column");
	study_only_for(&s, "test", !hashed, "a split with column");
	if (hashed) {
		out->test_fraction = study_real(&s, "test_fraction");
		out->validation_fraction = study_real(&s, "validation_fraction");
		out->seed = (uint64_t)study_integer(&s, "seed");
		return;
	}
	check_needed(&s, "train", "it is the column's value for training rows");
	check_needed(&s, "test", "it is the column's value for test rows");
	out->train = study_text_or(&s, "train", NULL);
	out->validation = study_text_or(&s, "validation", NULL);
	out->test = study_text_or(&s, "test", NULL);
}

static void read_rules(const struct study_section *s, struct schema *out)
{
	static const char *const outside[] = {
		[OUTSIDE_REFUSE] = "refuse", [OUTSIDE_MISSING] = "missing", [OUTSIDE_CLAMP] = "clamp", NULL};
	static const char *const fill[] = {[FILL_MEAN] = "mean",
	                                   [FILL_MEAN_AND_FLAG] = "mean_and_flag",
	                                   [FILL_DROP] = "drop",
	                                   [FILL_REFUSE] = "refuse",
	                                   NULL};
	static const char *const scale[] = {
		[SCALE_GLOBAL] = "global", [SCALE_SITE] = "site", [SCALE_NONE] = "none", NULL};
	out->outside = (enum outside_rule)study_choice(s, "outside", outside, "refuse, missing or clamp");
	out->fill = (enum fill_rule)study_choice(s, "fill", fill, "mean, mean_and_flag, drop or refuse");
	out->scale = (enum scale_rule)study_choice(s, "scale", scale, "global, site or none");
}

void study_read_data(struct study_reading *r, const struct json *data)
{
	struct study_section s = {r, data, "data"};
	struct schema *out = &r->out->schema;
	const struct json *features = json_get(data, "features");
	struct study_field field = {""};
	out->source = study_text(&s, "source");
	if (!name_is_site(out->source))
		study_reject(&s, "source", "\"%s\" is no label; use letters, digits, '.', '_' and '-'", out->source);
	out->feature_count = (uint32_t)json_count(features);
	out->features = mem_array(out->feature_count, sizeof *out->features);
	for (uint32_t i = 0; i < out->feature_count && !r->failed; i++)
		read_feature(r, &out->features[i], json_at(features, i), i);
	read_label(r, json_get(data, "label"));
	out->patient_id = study_text_or(&s, "patient_id", NULL);
	out->missing = read_texts(json_get(data, "missing"));
	read_rules(&s, out);
	read_split(r, json_get(data, "split"));
	if (r->failed)
		return;
	enum err e = schema_check(out, field.path, sizeof field.path, r->why);
	if (e != OK)
		study_reject_path(r, e, field.path);
}
