/*
 * What a schema means for the model: its inputs, their names, its outputs.
 */
#include "data/schema.h"

#include "data/codes.h"

#include <math.h>
#include <stdio.h>

bool schema_has_part(const struct schema *s, enum split_part part)
{
	if (part == PART_TRAIN)
		return true;
	if (s->split.column != NULL)
		return part == PART_TEST || s->split.validation != NULL;
	return (part == PART_TEST ? s->split.test_fraction : s->split.validation_fraction) > 0;
}

uint32_t schema_feature_width(const struct feature *f)
{
	return f->type == COLUMN_CATEGORICAL ? f->levels.count - 1 : 1;
}

static bool has_indicators(const struct schema *s)
{
	return s->fill == FILL_MEAN_AND_FLAG;
}

uint32_t schema_inputs(const struct schema *s)
{
	uint32_t inputs = has_indicators(s) ? s->feature_count : 0;

	for (uint32_t i = 0; i < s->feature_count; i++)
		inputs += schema_feature_width(&s->features[i]);
	return inputs;
}

uint32_t schema_classes(const struct schema *s)
{
	if (s->label.type == COLUMN_NUMERIC)
		return 0;
	return s->label.type == COLUMN_CATEGORICAL ? s->label.levels.count : 2;
}

uint32_t schema_outputs(const struct schema *s)
{
	return s->label.type == COLUMN_CATEGORICAL ? s->label.levels.count : 1;
}

struct feature schema_label_feature(const struct schema *s)
{
	const struct label *l = &s->label;

	CHECK(l->type == COLUMN_NUMERIC);
	return (struct feature){.name = l->name,
	                        .column = l->column,
	                        .unit = l->unit,
	                        .type = COLUMN_NUMERIC,
	                        .min = l->min,
	                        .max = l->max};
}

uint32_t schema_statistics_length(const struct schema *s)
{
	uint32_t length = s->label.type == COLUMN_NUMERIC ? 3 : schema_classes(s);

	for (uint32_t i = 0; i < s->feature_count; i++)
		length += s->features[i].type == COLUMN_CATEGORICAL ? s->features[i].levels.count + 1 : 3;
	return length;
}

double schema_statistics_norm(const struct schema *s)
{
	uint32_t squared = s->label.type == COLUMN_NUMERIC ? 3 : 1;

	for (uint32_t i = 0; i < s->feature_count; i++)
		squared += s->features[i].type == COLUMN_NUMERIC ? 3 : 1;
	return sqrt(squared);
}

void schema_input_name(char *out, size_t size, const struct schema *s, uint32_t input)
{
	for (uint32_t i = 0; i < s->feature_count; i++) {
		const struct feature *f = &s->features[i];
		uint32_t width = schema_feature_width(f);
		if (input < width && f->type == COLUMN_CATEGORICAL)
			snprintf(out, size, "%s=%s", f->name, f->levels.items[input + 1]);
		else if (input < width)
			snprintf(out, size, "%s", f->name);
		if (input < width)
			return;
		input -= width;
	}
	CHECK(has_indicators(s) && input < s->feature_count);
	snprintf(out, size, "%s missing", s->features[input].name);
}

bool schema_cell_matches(const char *cell, size_t len, const char *code)
{
	struct token a = token_of(bytes_of(cell, len), '.');
	struct token b = token_of(bytes_text(code), '.');

	return token_matches(&a, &b);
}
