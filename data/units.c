/*
 * One counting sort: patients are numbered within the whole table, so they are numbered anew by their first row in the part.
 */
#include "data/units.h"

#include <stdlib.h>

#define NO_UNIT UINT32_MAX

static void make(struct units *out, uint32_t rows)
{
	*out = (struct units){.first = mem_array((size_t)rows + 1, sizeof *out->first)};
	out->rows = mem_array(rows, sizeof *out->rows);
}

static uint32_t patients_of(const struct table *t)
{
	uint32_t count = 0;

	for (uint32_t row = 0; row < t->rows; row++)
		if (t->patients[row] >= count)
			count = t->patients[row] + 1;
	return count;
}

/* numbers[patient]: its unit, in order of appearance in the part; first[unit + 1]: how many rows it has. */
static void count_rows(struct units *out, uint32_t *numbers, const struct table *t, enum split_part part)
{
	for (uint32_t row = 0; row < t->rows; row++) {
		if (t->parts[row] != part)
			continue;
		uint32_t *unit = &numbers[t->patients[row]];
		if (*unit == NO_UNIT)
			*unit = out->count++;
		out->first[*unit + 1]++;
	}
}

/* first[unit] runs through the unit's places and ends where the next unit begins: it is put back afterwards. */
static void place_rows(struct units *out, const uint32_t *numbers, const struct table *t, enum split_part part)
{
	uint32_t next = 0;

	for (uint32_t unit = 0; unit < out->count; unit++)
		out->first[unit + 1] += out->first[unit];
	for (uint32_t row = 0; row < t->rows; row++)
		if (t->parts[row] == part)
			out->rows[out->first[numbers[t->patients[row]]]++] = next++;
	for (uint32_t unit = out->count; unit > 0; unit--)
		out->first[unit] = out->first[unit - 1];
	out->first[0] = 0;
}

void units_of_patients(struct units *out, const struct table *t, enum split_part part)
{
	uint32_t patients = patients_of(t);
	uint32_t *numbers = mem_array(patients, sizeof *numbers);

	CHECK(t->rows > 0 || t->part_rows[part] == 0); /* the table still has its rows */
	for (uint32_t p = 0; p < patients; p++)
		numbers[p] = NO_UNIT;
	make(out, t->part_rows[part]);
	count_rows(out, numbers, t, part);
	place_rows(out, numbers, t, part);
	free(numbers);
}

void units_of_rows(struct units *out, const struct table *t, enum split_part part)
{
	uint32_t rows = t->part_rows[part];

	make(out, rows);
	out->count = rows;
	for (uint32_t row = 0; row < rows; row++)
		out->rows[row] = out->first[row] = row;
	out->first[rows] = rows;
}

void units_free(struct units *u)
{
	free(u->first);
	free(u->rows);
	*u = (struct units){0};
}
