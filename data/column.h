/*
 * One column of the file, as the hospital and the study describe it together: where it is, and how a cell becomes a
 * value. The order of the steps is drawn in data/source.h.
 */
#ifndef COHORT_DATA_COLUMN_H
#define COHORT_DATA_COLUMN_H

#include "data/codes.h"
#include "data/csv.h"
#include "data/dictionary.h"
#include "data/source.h"

struct column {
	const char *name; /* the study's */
	uint32_t index; /* in the file, from 0 */
	const struct source *source;
	struct codes hospital_missing, study_missing;
	struct codes from; /* recode: from[i] is read as to[i] */
	struct token *to;
	struct codes levels; /* binary: negative, positive; categorical: the levels; split: train, test, validation */
	double times, plus;

	/* of a feature or a numeric label only */
	const struct schema *schema;
	const struct feature *feature;
	bool must_fill; /* a missing value is refused */
	struct feature_report *report;
};

/* Finds the column in the open file's header: the hospital's mapping of `name`, or `header`. ERR_DATA names the nearest
 * header and the line of client.yaml that would map it; a header that occurs twice is refused. `out` is freed by the
 * caller even on failure. What the arguments point to must outlive it. */
enum err column_bind(struct column *out, const struct csv_reader *csv, const struct source *source, const char *name,
                     const char *header, struct text_list missing, struct diag *why) MUST_USE;

/* The same for a feature, with its levels; its cells are counted in `report`. */
enum err column_bind_feature(struct column *out, const struct csv_reader *csv, const struct source *source,
                             const struct schema *s, uint32_t feature, struct feature_report *report,
                             struct diag *why) MUST_USE;

/* The same for a numeric label, which `fill` does not speak of. `label` is what schema_label_feature gave. */
enum err column_bind_label(struct column *out, const struct csv_reader *csv, const struct source *source,
                           const struct schema *s, const struct feature *label, struct feature_report *report,
                           struct diag *why) MUST_USE;

void column_free(struct column *c); /* accepts a zeroed one */

/* The cell of the current row, recoded; false when it is missing. Borrowed until the next row. */
bool column_token(struct token *out, const struct column *c, const struct csv_reader *csv);

/* A feature's or numeric label's value in the current row: the number in the study's unit, the level's index, or NaN when it is missing.
 * Counts it in the report. ERR_DATA when it is not what the schema permits. */
enum err column_value(double *out, const struct column *c, const struct csv_reader *csv, struct diag *why) MUST_USE;

/* "age "x" is none of "0", "1"; translate it ...": for a cell that matches none of the column's levels. ERR_DATA. */
enum err column_complain_level(const struct column *c, const struct csv_reader *csv, const struct token *cell,
                               struct diag *why);

#endif
