#include "simulator/profile.h"

#include "base/json.h"
#include "base/limits.h"
#include "data/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const profile_codes[PROFILE_CODES] = {"", "NA", "?", "N/A", "n/a", "NaN", "nan", "NULL", "null"};
const char *const profile_codes_amid_numbers[PROFILE_CODES_AMID_NUMBERS] = {".",    "-",       "na",      "none",
                                                                            "None", "missing", "unknown", "#N/A"};
const double profile_numeric_codes[PROFILE_NUMERIC_CODES] = {-9, -99, -999, -9999, 999, 9999};

/* ---- one cell */

static uint32_t find_text(const char *const *texts, uint32_t count, struct bytes cell)
{
	for (uint32_t i = 0; i < count; i++)
		if (bytes_equal(bytes_text(texts[i]), cell))
			return i;
	return count;
}

static bool is_numeric_code(struct profile_column *c, double x)
{
	for (uint32_t i = 0; i < PROFILE_NUMERIC_CODES; i++)
		if (x == profile_numeric_codes[i]) {
			c->numerically_coded[i]++;
			return true;
		}
	return false;
}

static void note_number(struct profile_column *c, double x)
{
	if (is_numeric_code(c, x))
		return;
	c->numbers++;
	c->zeros += x == 0;
	c->lowest = fmin(c->lowest, x); /* fmin and fmax pass over the NaN they start with */
	c->highest = fmax(c->highest, x);
	if (x > 0)
		c->lowest_above_zero = fmin(c->lowest_above_zero, x);
	c->fractions |= x != floor(x);
}

static void note_text(struct profile_column *c, struct bytes cell)
{
	uint32_t code = find_text(profile_codes_amid_numbers, PROFILE_CODES_AMID_NUMBERS, cell);

	if (code < PROFILE_CODES_AMID_NUMBERS) {
		c->coded_amid_numbers[code]++;
		return;
	}
	if (c->texts++ == 0)
		csv_quote(c->text, cell);
}

static char *copy(struct bytes cell)
{
	char *text = mem_alloc(cell.len + 1);

	memcpy(text, cell.ptr, cell.len);
	return text;
}

/* "1.0" is written "1", which matches it. */
static char *copy_value(const struct token *cell)
{
	char *text = copy(cell->text);
	char *point = strchr(text, '.');

	if (cell->is_number && point && point > text && point[1 + strspn(point + 1, "0")] == '\0')
		*point = '\0';
	return text;
}

static struct profile_value *find_value(struct profile_column *c, const struct token *cell)
{
	for (uint32_t i = 0; i < c->value_count; i++) {
		struct profile_value *v = &c->values[i];
		struct token known = {bytes_text(v->text), v->number, v->is_number};
		if (token_matches(&known, cell))
			return v;
	}
	return NULL;
}

static void note_value(struct profile_column *c, const struct token *cell)
{
	struct profile_value *v = find_value(c, cell);

	if (v) {
		v->count++;
	} else if (c->value_count == PROFILE_VALUES_MAX) {
		c->more_values = true;
	} else {
		char *text = copy_value(cell);
		c->unwritable |= cell->text.len > PROFILE_TEXT_MAX || !json_is_plain(text);
		c->values = mem_resize(c->values, c->value_count + 1, sizeof c->values[0]);
		c->values[c->value_count++] = (struct profile_value){text, 1, cell->number, cell->is_number};
	}
}

/* Once the column is known to repeat itself, what it held is forgotten. */
static void note_repetition(struct profile_column *c, struct bytes cell)
{
	uint32_t before = c->seen.count, number;
	struct hash h;

	if (c->repeats)
		return;
	split_hash(&h, 0, cell);
	CHECK(patients_number(&c->seen, &number, &h, PART_TRAIN));
	if (number < before) {
		c->repeats = true;
		patients_free(&c->seen);
	}
}

static void note_cell(struct profile_column *c, struct bytes cell)
{
	struct token token = token_of(cell, '.');
	uint32_t code = find_text(profile_codes, PROFILE_CODES, token.text);

	if (code < PROFILE_CODES) {
		c->coded[code]++;
		return;
	}
	note_value(c, &token);
	note_repetition(c, token.text);
	if (token.is_number)
		note_number(c, token.number);
	else
		note_text(c, token.text);
}

/* ---- the file */

static int by_name(const void *a, const void *b)
{
	struct profile_column *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static void find_names_again(struct profile *p)
{
	struct profile_column **sorted = mem_array(p->count, sizeof(struct profile_column *));

	for (uint32_t i = 0; i < p->count; i++)
		sorted[i] = &p->columns[i];
	qsort(sorted, p->count, sizeof(struct profile_column *), by_name);
	for (uint32_t i = 1; i < p->count; i++)
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			sorted[i - 1]->name_again = sorted[i]->name_again = true;
	free(sorted);
}

static enum err read_header(struct profile *p, const struct csv_reader *csv, struct diag *why)
{
	char shown[CSV_QUOTE_SIZE];
	struct bytes first = csv_cell(csv, 0);

	for (size_t i = 0; csv_count(csv) == 1 && i < first.len; i++)
		if (memchr(";\t|", first.ptr[i], 3))
			return csv_complain(
				csv, why, ERR_DATA, 0,
				"the header is one column, %s; write the file with commas between the cells",
				csv_quote(shown, first));
	p->count = csv_count(csv);
	p->columns = mem_array(p->count, sizeof p->columns[0]);
	for (uint32_t i = 0; i < p->count; i++) {
		struct profile_column *c = &p->columns[i];
		c->name = copy(token_trim(csv_cell(csv, i)));
		c->lowest = c->highest = c->lowest_above_zero = NAN;
	}
	find_names_again(p);
	return OK;
}

static enum err read_rows(struct profile *p, struct csv_reader *csv, struct diag *why)
{
	bool more = true;
	enum err e = OK;

	while (e == OK && more) {
		e = csv_next(csv, &more, why);
		for (uint32_t i = 0; e == OK && more && i < p->count; i++)
			note_cell(&p->columns[i], csv_cell(csv, i));
	}
	p->rows = csv_rows(csv);
	return e;
}

enum err profile_read(struct profile *out, const char *path, struct diag *why)
{
	struct csv_format format = {.delimiter = ','};
	struct csv_reader *csv;
	enum err e = csv_open(&csv, path, format, why);

	*out = (struct profile){0};
	if (e != OK)
		return e;
	e = read_header(out, csv, why);
	if (e == OK)
		e = read_rows(out, csv, why);
	csv_close(csv);
	if (e != OK)
		profile_free(out);
	return e;
}

void profile_free(struct profile *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		struct profile_column *c = &p->columns[i];
		for (uint32_t k = 0; k < c->value_count; k++)
			free(c->values[k].text);
		free(c->values);
		free(c->name);
		patients_free(&c->seen);
	}
	free(p->columns);
	*p = (struct profile){0};
}
