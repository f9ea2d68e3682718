/*
 * Encoding: from the table's rows to the model's inputs (order: schema.h, arithmetic: standardize.h).
 *
 *   table, one part  --scaling-->  inputs [rows, width] float, ready for the first layer; labels [rows]
 *
 * The arithmetic is in double and rounded to float once.
 */
#ifndef COHORT_DATA_ENCODE_H
#define COHORT_DATA_ENCODE_H

#include "base/label.h"
#include "data/standardize.h"
#include "data/table.h"

struct examples {
	uint32_t rows, width; /* width = schema_inputs */
	float *inputs; /* [rows, width], aligned as base/vec.h; NULL without rows, and so are the labels */
	union label_value *labels; /* [rows]; a number: (y - label_mean) / label_deviation */
	double label_mean, label_deviation; /* the scaling's */
};

/* One row: out[schema_inputs] from cells[feature_count] as a table holds them. */
void encode_row(float *out, const struct schema *s, const struct scaling *scaling, const float *cells);

/* All rows of one part, in the table's order. `out` owns its arrays, which are NULL when there are no rows; the table may be
 * dropped afterwards. */
void examples_encode(struct examples *out, const struct table *t, enum split_part part, const struct scaling *scaling);
void examples_free(struct examples *e); /* accepts a zeroed one */

#endif
