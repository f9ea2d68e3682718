/*
 * Tables that are not read but made: from another table's rows, or by whoever fills them.
 */
#include "data/table.h"

#include <stdlib.h>
#include <string.h>

void table_make(struct table *out, const struct schema *schema, uint32_t rows)
{
	*out = (struct table){.schema = schema, .rows = rows, .capacity = rows};
	out->cells = mem_array((size_t)rows * schema->feature_count, sizeof out->cells[0]);
	out->classes = mem_array(rows, sizeof out->classes[0]);
	if (schema->label.type == COLUMN_NUMERIC)
		out->values = mem_array(rows, sizeof out->values[0]);
	out->patients = mem_array(rows, sizeof out->patients[0]);
	out->parts = mem_array(rows, sizeof out->parts[0]);
	out->records = mem_array(rows, sizeof out->records[0]);
}

void table_count(struct table *t)
{
	uint32_t known = 0;

	memset(t->part_rows, 0, sizeof t->part_rows);
	memset(t->part_patients, 0, sizeof t->part_patients);
	for (uint32_t i = 0; i < t->rows; i++) {
		CHECK(t->parts[i] < PART_COUNT && t->patients[i] <= known);
		t->part_rows[t->parts[i]]++;
		if (t->patients[i] == known) {
			t->part_patients[t->parts[i]]++;
			known++;
		}
	}
}

/* ---- patients, numbered anew */

struct renumbered {
	uint32_t old, row; /* of the new table */
};

static int by_old_number_and_row(const void *a, const void *b)
{
	const struct renumbered *left = a, *right = b;

	if (left->old != right->old)
		return left->old < right->old ? -1 : 1;
	return left->row < right->row ? -1 : left->row > right->row;
}

/* Sorted by the old number, a patient's rows stand together in the order of the new table, so each knows the one before;
 * a row with none before begins a new number. */
static void renumber(struct table *t, const struct table *whole, const uint32_t *rows)
{
	struct renumbered *sorted = mem_array(t->rows, sizeof *sorted);
	uint32_t *before = mem_array(t->rows, sizeof *before); /* the patient's row before, or the row itself */
	uint32_t next = 0;

	for (uint32_t i = 0; i < t->rows; i++)
		sorted[i] = (struct renumbered){whole->patients[rows[i]], i};
	if (t->rows > 0)
		qsort(sorted, t->rows, sizeof *sorted, by_old_number_and_row);
	for (uint32_t i = 0; i < t->rows; i++) {
		bool again = i > 0 && sorted[i].old == sorted[i - 1].old;
		before[sorted[i].row] = sorted[again ? i - 1 : i].row;
	}
	for (uint32_t i = 0; i < t->rows; i++)
		t->patients[i] = before[i] == i ? next++ : t->patients[before[i]];
	free(before);
	free(sorted);
}

void table_take(struct table *out, const struct table *whole, const uint32_t *rows, uint32_t count)
{
	uint32_t features = whole->schema->feature_count;

	table_make(out, whole->schema, count);
	for (uint32_t i = 0; i < count; i++) {
		CHECK(rows[i] < whole->rows);
		memcpy(out->cells + (size_t)i * features, table_row(whole, rows[i]), features * sizeof out->cells[0]);
		out->classes[i] = whole->classes[rows[i]];
		if (out->values)
			out->values[i] = whole->values[rows[i]];
		out->parts[i] = whole->parts[rows[i]];
		out->records[i] = whole->records[rows[i]];
	}
	renumber(out, whole, rows);
	table_count(out);
}
