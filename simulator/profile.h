/*
 * What stands in the columns of a CSV file that nobody described: one pass, one profile per column, from which a draft of a study
 * is guessed (simulator/draft.h).
 *
 *   cell --trim--> a code for missing, whatever the column?      "", NA, ?, N/A, nan, null ...
 *                  a code for missing if the column is numbers?  ., -, none, unknown ...; -9, 999 ... when far from all else
 *                  a number, or a text
 *
 * Memory: about 1 KiB per column, and 50 bytes a row for columns in which nothing was seen twice yet.
 */
#ifndef COHORT_SIMULATOR_PROFILE_H
#define COHORT_SIMULATOR_PROFILE_H

#include "data/codes.h"
#include "data/csv.h"
#include "data/patients.h"

#define PROFILE_VALUES_MAX 40 /* distinct values that are kept: 20 levels, and codes that turn out to mean missing */
#define PROFILE_TEXT_MAX 256 /* bytes of a level that a study can hold */

/* Texts that mean missing. The first three are the study's default. */
#define PROFILE_CODES_DEFAULT 3
enum { PROFILE_CODES = 9, PROFILE_CODES_AMID_NUMBERS = 8, PROFILE_NUMERIC_CODES = 6 };
extern const char *const profile_codes[PROFILE_CODES];
extern const char *const profile_codes_amid_numbers[PROFILE_CODES_AMID_NUMBERS];
extern const double profile_numeric_codes[PROFILE_NUMERIC_CODES];

struct profile_value {
	char *text; /* as first seen; "1" and "1.0" are one value, written "1" */
	uint64_t count;
	double number;
	bool is_number;
};

struct profile_column {
	char *name; /* the header, trimmed; "" when empty */
	bool name_again; /* another column has the same */
	uint64_t coded[PROFILE_CODES];
	uint64_t coded_amid_numbers[PROFILE_CODES_AMID_NUMBERS];
	uint64_t numerically_coded[PROFILE_NUMERIC_CODES];
	uint64_t numbers, texts; /* other cells */
	double lowest, highest; /* of those numbers; NaN when there is none */
	double lowest_above_zero;
	uint64_t zeros;
	bool fractions; /* some number is no integer */
	struct profile_value *values; /* of all cells but `coded`; the first PROFILE_VALUES_MAX different ones */
	uint32_t value_count;
	bool more_values;
	bool unwritable; /* a cell that no study can name: too long, or with control characters */
	bool repeats; /* some value of those occurs twice */
	char text[CSV_QUOTE_SIZE]; /* the first text, as csv_quote shows it */
	struct patients seen; /* until `repeats` */
};

struct profile {
	struct profile_column *columns;
	uint32_t count;
	uint64_t rows;
};

/* Reads the file: comma, UTF-8. ERR_NO_INPUT, ERR_DATA, ERR_LIMIT with the place. On failure `out` is zeroed. */
enum err profile_read(struct profile *out, const char *path, struct diag *why) MUST_USE;
void profile_free(struct profile *p); /* accepts a zeroed one */

#endif
