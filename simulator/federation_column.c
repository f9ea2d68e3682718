/*
 * Which site a row of one file belongs to, by a column that need not be in the study: a second pass over the file, in step
 * with the numbers that the table kept of its rows.
 */
#include "simulator/federation_make.h"

#include "base/name.h"
#include "data/column.h"
#include "data/patients.h"
#include "data/split.h"

#include <stdlib.h>
#include <string.h>

struct found {
	struct patients known; /* numbers values in order of appearance, as it numbers patients */
	struct site_names *names; /* of the values */
	char (*values)[CSV_QUOTE_SIZE]; /* as they stand in the file, for messages */
	uint32_t capacity;
};

static bool is_inner(uint8_t c)
{
	char one[] = {'a', (char)c, '\0'};

	return c != '\0' && name_is_site(one);
}

/* Each character that no name may have becomes '-'; those that none may begin with are left out in front. False when nothing
 * is left, or too much. */
static bool name_of_value(char out[NAME_SIZE], struct bytes text)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		bool continues = (text.ptr[i] & 0xc0) == 0x80; /* of a UTF-8 character that was replaced already */
		char c = is_inner(text.ptr[i]) ? (char)text.ptr[i] : '-';
		bool leads = len == 0 && strchr("._-", c);
		if (continues || leads)
			continue;
		if (len == NAME_SIZE - 1)
			return false;
		out[len++] = c;
	}
	out[len] = '\0';
	return len > 0;
}

static enum err add_value(struct found *s, const struct column *c, const struct csv_reader *csv, struct bytes text,
                          struct diag *why)
{
	char shown[CSV_QUOTE_SIZE];

	struct site_names *names = s->names;

	if (names->count == s->capacity) {
		s->capacity = s->capacity ? 2 * s->capacity : 16;
		names->items = mem_resize(names->items, s->capacity, sizeof names->items[0]);
		s->values = mem_resize(s->values, s->capacity, sizeof s->values[0]);
	}
	csv_quote(s->values[names->count], text);
	if (names->count == SIMULATED_SITES_MAX)
		return csv_complain(csv, why, ERR_LIMIT, c->index, "more than %d sites in column \"%s\"",
		                    SIMULATED_SITES_MAX, c->name);
	if (!name_of_value(names->items[names->count], text))
		return csv_complain(csv, why, ERR_DATA, c->index,
		                    "%s gives no site's name; at most %d letters, digits, '.', '_' and '-', the first "
		                    "a letter or digit",
		                    csv_quote(shown, text), NAME_SIZE - 1);
	names->count++;
	return OK;
}

static enum err read_value(uint32_t *site, struct found *s, const struct column *c, const struct csv_reader *csv,
                           struct diag *why)
{
	struct token cell;
	struct hash h;

	*site = SITE_NONE;
	if (!column_token(&cell, c, csv))
		return OK;
	split_hash(&h, 0, cell.text);
	CHECK(patients_number(&s->known, site, &h, PART_TRAIN));
	return *site < s->names->count ? OK : add_value(s, c, csv, cell.text, why);
}

/* Both orders are the file's: the table's rows, and the records. */
static enum err read_values(uint32_t *site_of, struct found *s, const struct table *whole, const struct column *c,
                            struct csv_reader *csv, struct diag *why)
{
	bool more = true;
	uint32_t row = 0;
	enum err e = OK;

	while (e == OK && row < whole->rows) {
		e = csv_next(csv, &more, why);
		if (e == OK && !more)
			e = diag_set(why, ERR_IO, "%s was changed while it was read", c->source->path);
		if (e == OK && csv_rows(csv) == whole->records[row])
			e = read_value(&site_of[row++], s, c, csv, why);
	}
	return e;
}

static enum err read_column(uint32_t *site_of, struct found *s, const struct table *whole, const struct source *source,
                            const char *name, struct diag *why)
{
	struct csv_format format = {.delimiter = source->delimiter, .encoding = source->encoding};
	struct csv_reader *csv;
	struct column column = {0};
	enum err e = csv_open(&csv, source->path, format, why);

	if (e != OK)
		return e;
	e = column_bind(&column, csv, source, name, name, whole->schema->missing, why);
	if (e == OK)
		e = read_values(site_of, s, whole, &column, csv, why);
	column_free(&column);
	csv_close(csv);
	return e;
}

struct named_value {
	const char *name, *text;
};

static int by_name(const void *a, const void *b)
{
	const struct named_value *left = a, *right = b;
	int order = name_compare(left->name, right->name);

	return order ? order : strcmp(left->text, right->text);
}

static enum err check_names(const struct found *s, const char *path, const char *column, struct diag *why)
{
	uint32_t count = s->names->count;
	struct named_value *sorted = mem_array(count, sizeof *sorted);
	enum err e = OK;

	for (uint32_t i = 0; i < count; i++)
		sorted[i] = (struct named_value){s->names->items[i], s->values[i]};
	if (count > 0)
		qsort(sorted, count, sizeof *sorted, by_name);
	for (uint32_t i = 1; i < count && e == OK; i++)
		if (name_compare(sorted[i - 1].name, sorted[i].name) == 0)
			e = diag_set(why, ERR_DATA,
			             "%s: column \"%s\": %s and %s would both be site %s; write one of them otherwise",
			             path, column, sorted[i - 1].text, sorted[i].text, sorted[i].name);
	free(sorted);
	return e;
}

enum err federation_sites_of_column(uint32_t *site_of, struct site_names *out, const struct table *whole,
                                    const struct source *source, const char *column, struct diag *why)
{
	struct found s = {.names = out};
	enum err e = read_column(site_of, &s, whole, source, column, why);

	if (e == OK && out->count == 0)
		e = diag_set(why, ERR_DATA, "%s: no row that the study can use has a value in column \"%s\"",
		             source->path, column);
	if (e == OK)
		e = check_names(&s, source->path, column, why);
	patients_free(&s.known);
	free(s.values);
	return e;
}
