#include "client/screen.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define GAP 2 /* blanks between columns */

void screen_json(struct json *root)
{
	struct buf text;

	buf_init(&text, SIZE_MAX - 1); /* as large as the tree, which is here already */
	json_write(&text, root, true);
	fwrite(text.ptr, 1, text.len, stdout);
	fputc('\n', stdout);
	buf_free(&text);
	json_free(root);
}

void screen_next(const char *fmt, ...)
{
	struct diag line;
	va_list args;

	va_start(args, fmt);
	diag_format(&line, fmt, args);
	va_end(args);
	fprintf(stderr, "%s\n", line.text);
}

void screen_table_begin(struct screen_table *t, const char *const *titles, size_t columns)
{
	CHECK(columns <= SCREEN_COLUMNS_MAX);
	*t = (struct screen_table){.columns = columns};
	for (size_t i = 0; i < columns; i++)
		t->titles[i] = titles[i];
}

void screen_table_cell(struct screen_table *t, const char *fmt, ...)
{
	struct diag line;
	va_list args;

	va_start(args, fmt);
	diag_format(&line, fmt, args);
	va_end(args);
	t->cells = mem_resize(t->cells, t->count + 1, sizeof *t->cells);
	t->cells[t->count++] = mem_copy_text(line.text);
}

/* Characters, not bytes: what continues a UTF-8 sequence takes no place. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void print_cell(const char *text, int width, bool right, bool last)
{
	int blanks = width - width_of(text);

	if (right)
		printf("%*s%s", blanks, "", text);
	else
		printf("%s%*s", text, last ? 0 : blanks, "");
	printf("%*s", last ? 0 : GAP, "");
}

static void print_row(const struct screen_table *t, const char *const *row, const int *widths, bool title)
{
	for (size_t c = 0; c < t->columns; c++)
		print_cell(row[c] + (title && row[c][0] == '>'), widths[c], t->titles[c][0] == '>',
		           c + 1 == t->columns);
	putchar('\n');
}

void screen_table_end(struct screen_table *t)
{
	int widths[SCREEN_COLUMNS_MAX];

	CHECK(t->count % t->columns == 0);
	for (size_t c = 0; c < t->columns; c++)
		widths[c] = width_of(t->titles[c] + (t->titles[c][0] == '>'));
	for (size_t i = 0; i < t->count; i++) {
		int width = width_of(t->cells[i]);

		if (width > widths[i % t->columns])
			widths[i % t->columns] = width;
	}
	if (t->count > 0)
		print_row(t, t->titles, widths, true);
	for (size_t i = 0; i < t->count; i += t->columns)
		print_row(t, (const char *const *)(t->cells + i), widths, false);
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct screen_table){0};
}
