/*
 * The table: a hospital's rows in memory, as the study defines them. One compact copy: 4 bytes per feature and 11
 * per row.
 *
 *   cells   [rows, features] float   numeric      x - (min + max) / 2, so that a float keeps 24 bits of the range and
 *                                                 not of an offset (a year, a time stamp); NaN = missing
 *                                    binary       0 negative, 1 positive; NaN = missing
 *                                    categorical  index of the level; NaN = missing
 *   classes [rows]                      label: 0 negative, 1 positive, or the index of the level; 0 when it is numeric
 *   values  [rows] float                numeric label: y - (min + max) / 2; otherwise there are none
 *   parts   [rows]                      train, validation, test
 *   patients[rows]                      patient number within this table, from 0 in order of appearance
 *   records [rows]                      number of the row in the file, from 1 for the first after the header
 *
 * Rows keep the file's order. Rows without a patient id, without a label, left out by the split column, or with a
 * missing value under `fill: drop` are not in it; the dictionary counts them.
 */
#ifndef COHORT_DATA_TABLE_H
#define COHORT_DATA_TABLE_H

#include "data/dictionary.h"
#include "data/source.h"

#include <math.h>

struct table {
	const struct schema *schema; /* borrowed: must outlive the table */
	uint32_t rows, capacity;
	float *cells;
	uint16_t *classes;
	float *values; /* NULL unless the label is numeric */
	uint32_t *patients;
	uint8_t *parts; /* enum split_part */
	uint32_t *records; /* CSV_ROWS_MAX fits; 0 for a row that was in no file */
	uint32_t part_rows[PART_COUNT];
	uint32_t part_patients[PART_COUNT]; /* patients with at least one row there; weights count these */
	struct dictionary dictionary; /* zeroed in a table that was made in memory */
};

/* Reads the source's file. ERR_NO_INPUT, ERR_DATA, ERR_LIMIT with the place; ERR_CONFIG from source_check. A column
 * that is missing is named with the nearest header and the line of client.yaml that maps it. No row at all that can be
 * used is no error here: part_rows tell it, the hospital's policy decides. On failure `out` is zeroed. */
enum err table_load(struct table *out, const struct schema *schema, const struct source *source,
                    struct diag *why) MUST_USE;
void table_free(struct table *t); /* accepts a zeroed one */

/* A table of `rows` rows that come from no file: every array is zeroed and for the caller to fill, with patients numbered in
 * order of appearance and each in one part; then table_count fills in the counts. */
void table_make(struct table *out, const struct schema *schema, uint32_t rows);
void table_count(struct table *t);

/* A table of the given rows of `whole`, in the order given; patients are numbered anew, all else stays as it was, so a row is
 * in the part that it had. `rows` are distinct. O(count log count). */
void table_take(struct table *out, const struct table *whole, const uint32_t *rows, uint32_t count);

/* Gives back the rows' memory when they have been encoded; counts by part and the dictionary stay. */
void table_drop_rows(struct table *t);

/* Gives back the dictionary's memory, about half a KiB per feature; it is zeroed then, as in a table that was made in
 * memory. */
void table_drop_dictionary(struct table *t);

static inline const float *table_row(const struct table *t, uint32_t row)
{
	return t->cells + (size_t)row * t->schema->feature_count;
}

/* What is taken from a numeric value before it becomes a cell. */
static inline double table_middle(const struct feature *f)
{
	return (f->min + f->max) / 2;
}

/* A row's numeric label in the study's unit. */
static inline double table_label(const struct table *t, uint32_t row)
{
	return (double)t->values[row] + (t->schema->label.min + t->schema->label.max) / 2;
}

/* A numeric cell in the study's unit (NaN = missing); a level's index otherwise. */
static inline double table_value(const struct table *t, uint32_t row, uint32_t feature)
{
	const struct feature *f = &t->schema->features[feature];
	double cell = (double)table_row(t, row)[feature];
	return f->type == COLUMN_NUMERIC ? cell + table_middle(f) : cell;
}

#endif
