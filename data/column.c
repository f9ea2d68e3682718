/*
 * The study's words and the hospital's meet here. Every refusal says which line of client.yaml would settle it; in a
 * simulation, which has none, what to change in the study or in the file.
 */
#include "data/column.h"

#include "base/nearest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX (4u << 20) /* the header as one text, for the nearest word */
#define HEADERS_SHOWN 10
#define HEADERS_SHOWN_MAX 600 /* bytes of their list */
#define LEVELS_SHOWN_MAX 160 /* bytes of a list of levels in a message */

static const char hidden[] = "(not shown)"; /* in place of a cell */

/* A cell for a message. */
static const char *show(char out[CSV_QUOTE_SIZE], const struct source *source, struct bytes cell)
{
	return source->hide_cells ? hidden : csv_quote(out, cell);
}

/* ---- where the column is: in the header, or in what stands in its place, which may be a patient's row */

static enum err complain_delimiter(const struct csv_reader *csv, const struct source *source, struct diag *why)
{
	char shown[CSV_QUOTE_SIZE];

	if (source->simulated)
		return csv_complain(csv, why, ERR_DATA, 0,
		                    "the header is one column, %s; write the file with commas between the cells",
		                    show(shown, source, csv_cell(csv, 0)));
	return csv_complain(csv, why, ERR_DATA, 0, "the header is one column, %s; is sources.%s.delimiter right?",
	                    show(shown, source, csv_cell(csv, 0)), source->name);
}

static bool looks_like_another_delimiter(const struct csv_reader *csv)
{
	struct bytes cell = csv_cell(csv, 0);

	for (size_t i = 0; i < cell.len && csv_count(csv) == 1; i++)
		if (memchr(",;\t|", cell.ptr[i], 4))
			return true;
	return false;
}

/* The header that is probably meant; false when none is near. */
static bool nearest_header(char out[CSV_QUOTE_SIZE], const struct csv_reader *csv, const char *header)
{
	struct buf words;

	buf_init(&words, HEADERS_MAX);
	for (uint32_t i = 0; i < csv_count(csv); i++) {
		buf_put_text(&words, i > 0 ? "|" : "");
		buf_put(&words, token_trim(csv_cell(csv, i)));
	}
	bool found = nearest_word(out, CSV_QUOTE_SIZE, header, buf_text(&words)) != NULL;
	buf_free(&words);
	return found;
}

/* "\"age\", \"sex\" and 12 more" */
static void list_headers(struct buf *out, const struct csv_reader *csv)
{
	uint32_t shown = 0, count = csv_count(csv);
	char header[CSV_QUOTE_SIZE];

	for (; shown < count && shown < HEADERS_SHOWN; shown++)
		buf_printf(out, "%s%s", shown > 0 ? ", " : "", csv_quote(header, token_trim(csv_cell(csv, shown))));
	if (shown < count)
		buf_printf(out, " and %u more", count - shown);
}

/* "no column ..." where nobody maps names. */
static enum err complain_no_header(const struct csv_reader *csv, const char *header, struct diag *why)
{
	char nearest[CSV_QUOTE_SIZE];
	char shown[CSV_QUOTE_SIZE];

	struct buf headers;
	enum err e;

	csv_quote(shown, bytes_text(header));
	buf_init(&headers, HEADERS_SHOWN_MAX);
	list_headers(&headers, csv);
	if (nearest_header(nearest, csv, header))
		e = csv_complain(csv, why, ERR_DATA, 0, "no column %s; did you mean \"%s\"? the file has %s", shown,
		                 nearest, buf_text(&headers));
	else
		e = csv_complain(csv, why, ERR_DATA, 0, "no column %s; the file has %s", shown, buf_text(&headers));
	buf_free(&headers);
	return e;
}

static enum err complain_absent(const struct csv_reader *csv, const struct source *source, const char *name,
                                const char *header, struct diag *why)
{
	char nearest[CSV_QUOTE_SIZE];
	char shown[CSV_QUOTE_SIZE];

	if (looks_like_another_delimiter(csv))
		return complain_delimiter(csv, source, why);
	if (source->simulated)
		return complain_no_header(csv, header, why);
	csv_quote(shown, bytes_text(header));
	if (!source->hide_cells && nearest_header(nearest, csv, header))
		return csv_complain(
			csv, why, ERR_DATA, 0,
			"no column %s; the nearest is \"%s\": if it is meant, write columns: {%s: \"%s\"} below "
			"sources.%s in client.yaml",
			shown, nearest, name, nearest, source->name);
	return csv_complain(csv, why, ERR_DATA, 0,
	                    "no column %s; name yours by columns: {%s: ...} below sources.%s in client.yaml", shown,
	                    name, source->name);
}

static enum err find_header(uint32_t *index, const struct csv_reader *csv, const struct source *source,
                            const char *name, const char *header, struct diag *why)
{
	struct bytes wanted = token_trim(bytes_text(header));
	uint32_t count = csv_count(csv);
	uint32_t first = count;

	for (uint32_t i = 0; i < count; i++) {
		if (!bytes_equal(token_trim(csv_cell(csv, i)), wanted))
			continue;
		if (first < count)
			return csv_complain(csv, why, ERR_DATA, i,
			                    "the header \"%s\" is that of column %u too; rename one", header,
			                    first + 1);
		first = i;
	}
	*index = first;
	return first < count ? OK : complain_absent(csv, source, name, header, why);
}

/* ---- what its cells mean */

static void add_recodes(struct column *c, const struct source *s)
{
	for (uint32_t i = 0; i < s->recode_count; i++) {
		if (strcmp(s->recodes[i].name, c->name) != 0)
			continue;
		codes_add(&c->from, s->recodes[i].from, s->decimal);
		c->to = mem_resize(c->to, c->from.count, sizeof c->to[0]);
		c->to[c->from.count - 1] = token_of(bytes_text(s->recodes[i].to), '.');
	}
}

static void add_conversion(struct column *c, const struct source *s)
{
	for (uint32_t i = 0; i < s->convert_count; i++) {
		if (strcmp(s->converts[i].name, c->name) != 0)
			continue;
		c->times = s->converts[i].times;
		c->plus = s->converts[i].plus;
	}
}

enum err column_bind(struct column *out, const struct csv_reader *csv, const struct source *source, const char *name,
                     const char *header, struct text_list missing, struct diag *why)
{
	*out = (struct column){.name = name, .source = source, .times = 1};
	for (uint32_t i = 0; i < source->missing_count; i++)
		if (strcmp(source->missings[i].name, name) == 0)
			codes_add_list(&out->hospital_missing, source->missings[i].codes, source->decimal);
	codes_add_list(&out->study_missing, missing, '.');
	add_recodes(out, source);
	add_conversion(out, source);
	return find_header(&out->index, csv, source, name, source_header(source, name, header), why);
}

enum err column_bind_feature(struct column *out, const struct csv_reader *csv, const struct source *source,
                             const struct schema *s, uint32_t feature, struct feature_report *report, struct diag *why)
{
	const struct feature *f = &s->features[feature];
	enum err e = column_bind(out, csv, source, f->name, f->column, s->missing, why);

	codes_add_list(&out->study_missing, f->missing, '.');
	if (f->type == COLUMN_CATEGORICAL) {
		codes_add_list(&out->levels, f->levels, '.');
	} else if (f->type == COLUMN_BINARY) {
		codes_add(&out->levels, f->negative, '.');
		codes_add(&out->levels, f->positive, '.');
	}
	out->schema = s;
	out->feature = f;
	out->must_fill = s->fill == FILL_REFUSE;
	out->report = report;
	report->field = out->index + 1;
	return e;
}

enum err column_bind_label(struct column *out, const struct csv_reader *csv, const struct source *source,
                           const struct schema *s, const struct feature *label, struct feature_report *report,
                           struct diag *why)
{
	enum err e = column_bind(out, csv, source, label->name, label->column, s->missing, why);

	out->schema = s;
	out->feature = label;
	out->report = report;
	report->field = out->index + 1;
	return e;
}

void column_free(struct column *c)
{
	codes_free(&c->hospital_missing);
	codes_free(&c->study_missing);
	codes_free(&c->from);
	codes_free(&c->levels);
	free(c->to);
	*c = (struct column){0};
}

bool column_token(struct token *out, const struct column *c, const struct csv_reader *csv)
{
	*out = token_of(csv_cell(csv, c->index), c->source->decimal);
	if (codes_find(&c->hospital_missing, out) != CODES_NONE)
		return false;
	uint32_t recode = codes_find(&c->from, out);
	if (recode != CODES_NONE)
		*out = c->to[recode];
	return codes_find(&c->study_missing, out) == CODES_NONE;
}

/* ---- features */

static enum err complain_outside(const struct column *c, const struct csv_reader *csv, double x, struct diag *why)
{
	char shown[CSV_QUOTE_SIZE];

	snprintf(shown, sizeof shown, "%g", x);
	if (c->source->simulated)
		return csv_complain(csv, why, ERR_DATA, c->index,
		                    "%s %s lies outside the study's %g to %g; correct them, or say outside: missing",
		                    c->name, shown, c->feature->min, c->feature->max);
	return csv_complain(csv, why, ERR_DATA, c->index, "%s %s lies outside the study's %g to %g%s", c->name,
	                    c->source->hide_cells ? hidden : shown, c->feature->min, c->feature->max,
	                    c->times == 1 ? "; another unit? see `convert` in client.yaml" : " after the conversion");
}

static enum err number_of(double *out, const struct column *c, const struct csv_reader *csv, const struct token *cell,
                          struct diag *why)
{
	const struct feature *f = c->feature;
	struct feature_report *report = c->report;
	char shown[CSV_QUOTE_SIZE];

	if (!cell->is_number && c->source->simulated)
		return csv_complain(csv, why, ERR_DATA, c->index,
		                    "%s %s is not a number; if it means missing, list it below the feature's missing",
		                    c->name, show(shown, c->source, cell->text));
	if (!cell->is_number)
		return csv_complain(csv, why, ERR_DATA, c->index,
		                    "%s %s is not a number; if it means missing, list it in client.yaml below "
		                    "sources.%s.missing.%s",
		                    c->name, show(shown, c->source, cell->text), c->source->name, c->name);
	double x = cell->number * c->times + c->plus;
	bool below = x < f->min;
	bool above = x > f->max;
	report->lowest = fmin(report->lowest, x); /* fmin and fmax pass over the NaN they start with */
	report->highest = fmax(report->highest, x);
	report->below += below;
	report->above += above;
	if ((below || above) && c->schema->outside == OUTSIDE_REFUSE)
		return complain_outside(c, csv, x, why);
	if ((below || above) && c->schema->outside == OUTSIDE_MISSING)
		x = NAN;
	else if (below || above)
		x = below ? f->min : f->max;
	*out = x;
	return OK;
}

/* "1", "2", "3", cut where it grows too long to be read. */
static void show_levels(struct buf *out, const struct codes *levels)
{
	for (uint32_t i = 0; i < levels->count; i++) {
		struct bytes text = levels->items[i].text;
		if (out->len + text.len > LEVELS_SHOWN_MAX) {
			buf_put_text(out, ", ...");
			return;
		}
		buf_printf(out, "%s\"%.*s\"", i > 0 ? ", " : "", (int)text.len, (const char *)text.ptr);
	}
}

enum err column_complain_level(const struct column *c, const struct csv_reader *csv, const struct token *cell,
                               struct diag *why)
{
	char shown[CSV_QUOTE_SIZE];
	char advice[DIAG_MAX];
	struct buf levels;

	buf_init(&levels, 2 * LEVELS_SHOWN_MAX);
	show_levels(&levels, &c->levels);
	snprintf(advice, sizeof advice, "translate it in client.yaml below sources.%s.recode.%s", c->source->name,
	         c->name);
	enum err e = csv_complain(csv, why, ERR_DATA, c->index, "%s %s is none of %s; %s", c->name,
	                          show(shown, c->source, cell->text), buf_text(&levels),
	                          c->source->simulated ? "correct the study, or list it as missing" : advice);
	buf_free(&levels);
	return e;
}

static enum err level_of(double *out, const struct column *c, const struct csv_reader *csv, const struct token *cell,
                         struct diag *why)
{
	uint32_t level = codes_find(&c->levels, cell);

	if (level != CODES_NONE) {
		*out = level;
		return OK;
	}
	dictionary_unknown(c->report, cell->text);
	return c->schema->outside == OUTSIDE_REFUSE ? column_complain_level(c, csv, cell, why) : OK;
}

enum err column_value(double *out, const struct column *c, const struct csv_reader *csv, struct diag *why)
{
	struct token cell;
	enum err e = OK;

	*out = NAN;
	if (column_token(&cell, c, csv))
		e = c->feature->type == COLUMN_NUMERIC ? number_of(out, c, csv, &cell, why)
		                                       : level_of(out, c, csv, &cell, why);
	if (e != OK)
		return e;
	if (isnan(*out) && c->must_fill)
		return csv_complain(csv, why, ERR_DATA, c->index,
		                    "%s is missing, which the study's `fill: refuse` forbids", c->name);
	dictionary_value(c->report, *out);
	return OK;
}
