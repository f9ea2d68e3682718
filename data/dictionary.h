/*
 * The data dictionary: how a hospital's file looks through the study's eyes. Made while the table is read; it stays at
 * the hospital (`cohort-client check`) and nothing of it is ever sent.
 *
 * Rows are judged in this order, and a row that is dropped is not looked at further:
 *     patient id missing -> left out by the split column -> label missing -> features -> dropped by `fill: drop`
 * So the features' figures speak of all rows that have a patient, a part and a label, and a numeric label's of all that
 * have a patient and a part.
 */
#ifndef COHORT_DATA_DICTIONARY_H
#define COHORT_DATA_DICTIONARY_H

#include "base/bytes.h"
#include "data/schema.h"

#define DICTIONARY_UNKNOWN_MAX 8 /* distinct unknown levels that are named: more of them is a wrong column */
#define DICTIONARY_TEXT_SIZE 48 /* a cell as csv_quote shows it */

enum dropped_reason {
	DROPPED_NO_PATIENT,
	DROPPED_LEFT_OUT,
	DROPPED_NO_LABEL,
	DROPPED_FILL,
	DROPPED_WRONG,
	DROPPED_COUNT
};

struct unknown_level {
	char text[DICTIONARY_TEXT_SIZE];
	uint64_t count;
};

struct feature_report {
	uint32_t field; /* the file's column, from 1 */
	uint64_t present, missing; /* of the rows looked at; a value made missing by `outside` counts as missing */
	uint64_t below, above; /* numeric: beyond min and max, before the rule was applied */
	uint64_t unknown; /* binary and categorical: cells that match no level */
	struct unknown_level unknowns[DICTIONARY_UNKNOWN_MAX]; /* the first distinct ones */
	uint32_t unknown_count;
	double lowest, highest; /* numeric: of all numbers in the file, before the rule; NaN when there is none */
	bool varies; /* numeric: two present values differ */
	double mean; /* numeric: of the present values, after the rule; NaN when there is none */
	uint64_t *levels; /* binary: negative, positive; categorical: per level. NULL when numeric */
	uint32_t level_count;
};

struct dictionary {
	const struct schema *schema; /* borrowed */
	uint64_t rows; /* in the file, after the header */
	uint64_t dropped[DROPPED_COUNT];
	uint64_t part_rows[PART_COUNT], part_patients[PART_COUNT]; /* of the rows kept */
	uint64_t *classes
		[PART_COUNT]; /* [schema_classes]: rows by label; for a binary label 0 = negative, 1 = positive */
	struct feature_report *label; /* of a numeric label; NULL otherwise */
	struct feature_report *features; /* [schema->feature_count] */
};

void dictionary_init(struct dictionary *d, const struct schema *s);
void dictionary_free(struct dictionary *d); /* accepts a zeroed one */

/* While the table is read: a feature's value (number or level, NaN = missing); a cell that matches no level. */
void dictionary_value(struct feature_report *r, double value);
void dictionary_unknown(struct feature_report *r, struct bytes cell);

uint64_t dictionary_kept(const struct dictionary *d); /* rows of all parts */
uint64_t dictionary_patients(const struct dictionary *d);
const char *dictionary_reason(enum dropped_reason r); /* "without a patient id", for people */

/* Calls `sink` with one line for each thing a person should look at although the site can train: a label with one class
 * among the training rows, what is said of a numeric feature for a numeric label, no training, validation (when the study has one) or test row, a feature that is constant or
 * missing everywhere among the rows looked at, a range far too wide, values outside, unknown levels, dropped rows. How
 * many. */
uint32_t dictionary_warnings(const struct dictionary *d, void (*sink)(void *context, const char *line), void *context);

#endif
