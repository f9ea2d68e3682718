/*
 * Units: what privacy protects as a whole, a patient with all of its rows or each row by itself, as lists of rows within the
 * examples of one part (data/encode.h). Made from the table while it still has its rows (before table_drop_rows).
 *
 *   part's rows    0  1  2  3  4  5        rows   | 0 3 5 | 1 | 2 4 |
 *   patient        a  b  c  a  c  a        first    0       3   4     6
 *
 * Units are in the order of their first rows, and a unit's rows in the order of the part.
 */
#ifndef COHORT_DATA_UNITS_H
#define COHORT_DATA_UNITS_H

#include "data/table.h"

struct units {
	uint32_t count;
	uint32_t *first; /* [count + 1]: unit u has rows[first[u]] .. rows[first[u + 1] - 1], at least one */
	uint32_t *rows; /* [first[count]]: every row of the part, once */
};

/* Frees nothing that `out` had; `out` owns its arrays. A part without rows has no units. */
void units_of_patients(struct units *out, const struct table *t, enum split_part part);
void units_of_rows(struct units *out, const struct table *t, enum split_part part);
void units_free(struct units *u); /* accepts a zeroed one */

static inline uint32_t units_length(const struct units *u, uint32_t unit)
{
	return u->first[unit + 1] - u->first[unit];
}

#endif
