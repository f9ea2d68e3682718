#include "simulator/sheet.h"

#include "base/limits.h"
#include "base/parse.h"
#include "data/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void take_row(struct sheet *s, const struct csv_reader *r, size_t row, size_t *room)
{
	if (row == *room) {
		*room = *room > 0 ? 2 * *room : 64;
		s->cells = mem_resize(s->cells, *room * s->columns, sizeof *s->cells);
	}
	for (uint32_t c = 0; c < s->columns; c++) {
		s->cells[row * s->columns + c] = s->text.len;
		buf_put(&s->text, csv_cell(r, c));
		buf_put_u8(&s->text, 0);
	}
}

enum err sheet_read(struct sheet *out, const char *path, struct diag *why)
{
	struct csv_reader *r = NULL;
	size_t room = 0;
	bool more = true;
	enum err e = csv_open(&r, path, (struct csv_format){',', CSV_UTF8, RUN_TABLE_MAX}, why);

	*out = (struct sheet){0};
	buf_init(&out->text, 2 * (size_t)RUN_TABLE_MAX); /* a cell of one character takes two here */
	if (e == OK) {
		out->columns = csv_count(r);
		take_row(out, r, 0, &room);
	}
	while (e == OK && more) {
		e = csv_next(r, &more, why);
		if (e == OK && more)
			take_row(out, r, ++out->rows, &room);
	}
	if (e == OK && out->text.failed)
		e = diag_set(why, ERR_LIMIT, "%s is too large for a table of a run", path);
	csv_close(r);
	return e;
}

void sheet_free(struct sheet *s)
{
	buf_free(&s->text);
	free(s->cells);
	*s = (struct sheet){0};
}

static const char *cell(const struct sheet *s, size_t row, uint32_t column)
{
	CHECK(row <= s->rows && column < s->columns);
	return (const char *)s->text.ptr + s->cells[row * s->columns + column];
}

const char *sheet_name(const struct sheet *s, uint32_t column)
{
	return cell(s, 0, column);
}

bool sheet_find(const struct sheet *s, const char *name, uint32_t *column)
{
	for (*column = 0; *column < s->columns; ++*column)
		if (strcmp(sheet_name(s, *column), name) == 0)
			return true;
	return false;
}

const char *sheet_text(const struct sheet *s, size_t row, uint32_t column)
{
	CHECK(row < s->rows);
	return cell(s, row + 1, column);
}

double sheet_number(const struct sheet *s, size_t row, uint32_t column)
{
	double value;

	return parse_f64(&value, bytes_text(sheet_text(s, row, column)), '.') ? value : NAN;
}

double *sheet_column(const struct sheet *s, const char *name)
{
	double *out = mem_array(s->rows + 1, sizeof *out);
	uint32_t column;
	bool found = sheet_find(s, name, &column);

	for (size_t i = 0; i < s->rows; i++)
		out[i] = found ? sheet_number(s, i, column) : NAN;
	return out;
}

void sheet_put_cell(struct buf *out, const char *text)
{
	if (text[strcspn(text, ",\"\r\n")] == '\0') {
		buf_put_text(out, text);
		return;
	}
	buf_put_u8(out, '"');
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '"')
			buf_put_u8(out, '"');
		buf_put_u8(out, (uint8_t)*c);
	}
	buf_put_u8(out, '"');
}
