/*
 * One formula for every input, (x - mean) / deviation, with x in raw units: so the numbers that a checkpoint carries
 * are all that anyone needs to do the same.
 */
#include "data/encode.h"

#include "base/vec.h"

#include <math.h>
#include <stdlib.h>

static float scaled(const struct scaling *s, uint32_t input, double x)
{
	return s->deviation[input] > 0 ? (float)((x - s->mean[input]) / s->deviation[input]) : 0;
}

void encode_row(float *out, const struct schema *s, const struct scaling *scaling, const float *cells)
{
	uint32_t input = 0;
	uint32_t indicator = scaling->inputs - s->feature_count; /* of the first feature, with mean_and_flag */

	for (uint32_t i = 0; i < s->feature_count; i++) {
		const struct feature *f = &s->features[i];
		bool missing = isnan(cells[i]);
		uint32_t width = schema_feature_width(f);
		for (uint32_t j = 0; j < width; j++, input++) {
			double x;
			if (missing)
				x = scaling->fill[input];
			else if (f->type == COLUMN_CATEGORICAL)
				x = (uint32_t)cells[i] == j + 1;
			else
				x = f->type == COLUMN_NUMERIC ? cells[i] + table_middle(f) : (double)cells[i];
			out[input] = scaled(scaling, input, x);
		}
		if (s->fill == FILL_MEAN_AND_FLAG)
			out[indicator + i] = scaled(scaling, indicator + i, missing);
	}
}

void examples_encode(struct examples *out, const struct table *t, enum split_part part, const struct scaling *scaling)
{
	uint32_t rows = t->part_rows[part];
	uint32_t next = 0;

	CHECK(scaling->inputs == schema_inputs(t->schema) && scaling->label_deviation > 0);
	*out = (struct examples){.rows = rows,
	                         .width = scaling->inputs,
	                         .label_mean = scaling->label_mean,
	                         .label_deviation = scaling->label_deviation};
	if (rows == 0)
		return;
	out->inputs = vec_f32((size_t)rows * out->width);
	out->labels = mem_array(rows, sizeof out->labels[0]);
	for (uint32_t row = 0; row < t->rows; row++) {
		if (t->parts[row] != part)
			continue;
		encode_row(out->inputs + (size_t)next * out->width, t->schema, scaling, table_row(t, row));
		if (t->values)
			out->labels[next].value =
				(float)((table_label(t, row) - scaling->label_mean) / scaling->label_deviation);
		else
			out->labels[next].class = t->classes[row];
		next++;
	}
	CHECK(next == rows);
}

void examples_free(struct examples *e)
{
	free(e->inputs);
	free(e->labels);
	*e = (struct examples){0};
}
