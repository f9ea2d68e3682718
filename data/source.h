/*
 * The source: what a hospital says of its own file. A study names columns, codes and units of its own; a hospital's
 * extract has others, and the difference belongs to the hospital (client.yaml, sources.NAME), never to the study.
 *
 *   cell -> hospital's missing codes? -> recode -> study's missing codes? -> number * times + plus -> min and max
 *                                                                         -> level
 *
 * Codes that the hospital gives (missing, recode's `from`) are written as in its file, with its decimal mark; recode's
 * `to` is in the study's words, with a decimal point. A recoded value is converted like any other.
 *
 * `name` is always the study's name of a feature, of the label, or the patient or split column as the study writes it.
 */
#ifndef COHORT_DATA_SOURCE_H
#define COHORT_DATA_SOURCE_H

#include "data/csv.h"
#include "data/schema.h"

struct source_column { /* columns: {age: ALTER} */
	const char *name, *column;
};

struct source_recode { /* recode: {sex: {m: "1"}}: one entry per pair; the first that matches counts */
	const char *name, *from, *to;
};

struct source_convert { /* convert: {chol: {times: 38.67, plus: 0}}: numeric features and a numeric label */
	const char *name;
	double times, plus; /* the study's value = the file's * times + plus */
};

struct source_missing { /* missing: {chol: ["-9"]} */
	const char *name;
	struct text_list codes;
};

/* All texts and arrays are borrowed and live as long as it. Fill it from source_default. */
struct source {
	const char *name; /* the key below `sources`, for messages */
	const char *path; /* the CSV file */
	char delimiter; /* ',' by default */
	char decimal; /* '.' by default, or ',' */
	enum csv_encoding encoding;
	const struct source_column *columns;
	uint32_t column_count;
	const struct source_recode *recodes;
	uint32_t recode_count;
	const struct source_convert *converts;
	uint32_t convert_count;
	const struct source_missing *missings;
	uint32_t missing_count;
	bool simulated; /* no client.yaml stands behind it: messages advise on the file and the study alone */
	bool hide_cells; /* messages are for a log, which holds no patient's value: they give the place and not the cell */
	bool drop_wrong; /* a row that is not as the study says leaves by itself, where the whole file would be refused otherwise */
};

/* A file in the study's own words: comma, decimal point, UTF-8, nothing mapped. */
struct source source_default(const char *name, const char *path);

/* Holds it against the study: every name is one of the study's (the nearest is named otherwise), no name is mapped or
 * converted twice, conversions are of numbers, finite and not by zero, the delimiter is possible and differs
 * from the decimal mark. ERR_CONFIG; `field` receives the path of the culprit below client.yaml
 * ("sources.heart.columns.agee") for the caller to add line and column. */
enum err source_check(const struct source *s, const struct schema *schema, char *field, size_t field_size,
                      struct diag *why) MUST_USE;

/* The header to look for: the hospital's mapping of `name`, or `column`. */
const char *source_header(const struct source *s, const char *name, const char *column);

#endif
