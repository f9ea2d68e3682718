/*
 * A table of a run's folder (rounds.csv, sites.csv, sweep.csv) read back as a whole: cells as text, numbers on demand.
 */
#ifndef COHORT_SIMULATOR_SHEET_H
#define COHORT_SIMULATOR_SHEET_H

#include "base/bytes.h"

struct sheet {
	uint32_t columns;
	size_t rows;
	struct buf text; /* each cell and its NUL, the header first */
	size_t *cells; /* offsets into it, [1 + rows, columns] */
};

/* At most RUN_TABLE_MAX bytes. ERR_NO_INPUT, ERR_DATA, ERR_LIMIT, as data/csv.h. Freed with sheet_free, also after a failure. */
enum err sheet_read(struct sheet *out, const char *path, struct diag *why) MUST_USE;
void sheet_free(struct sheet *s); /* accepts a zeroed one */

const char *sheet_name(const struct sheet *s, uint32_t column); /* from the header; borrowed, as every text */
bool sheet_find(const struct sheet *s, const char *name, uint32_t *column);
const char *sheet_text(const struct sheet *s, size_t row, uint32_t column);
double sheet_number(const struct sheet *s, size_t row, uint32_t column); /* NaN: empty, or no number */

/* The column of this name as numbers, NaN throughout when there is none; `rows` of them, freed by the caller. */
double *sheet_column(const struct sheet *s, const char *name);

/* Writes one cell, in quotes where its text needs them. */
void sheet_put_cell(struct buf *out, const char *text);

#endif
