/*
 * Whether what a hospital says of its file speaks of the study's columns, and says each thing once.
 */
#include "data/source.h"

#include "base/limits.h"
#include "base/nearest.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX (1u << 20) /* all names of a study: FEATURES_MAX names of 256 bytes */

struct source source_default(const char *name, const char *path)
{
	return (struct source){.name = name, .path = path, .delimiter = ',', .decimal = '.', .encoding = CSV_UTF8};
}

const char *source_header(const struct source *s, const char *name, const char *column)
{
	for (uint32_t i = 0; i < s->column_count; i++)
		if (strcmp(s->columns[i].name, name) == 0)
			return s->columns[i].column;
	return column;
}

/* ---- the check */

struct check {
	const struct source *source;
	const struct schema *schema;
	char *field;
	size_t field_size;
	struct diag *why;
};

/* "sources.heart.KEY.NAME"; NAME may be left out. */
static enum err complain(const struct check *c, const char *key, const char *name, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

static enum err complain(const struct check *c, const char *key, const char *name, const char *fmt, ...)
{
	va_list args;

	snprintf(c->field, c->field_size, "sources.%s.%s%s%s", c->source->name, key, name ? "." : "", name ? name : "");
	va_start(args, fmt);
	if (c->why)
		diag_format(c->why, fmt, args);
	va_end(args);
	return ERR_CONFIG;
}

static const struct feature *find_feature(const struct schema *s, const char *name)
{
	for (uint32_t i = 0; i < s->feature_count; i++)
		if (strcmp(s->features[i].name, name) == 0)
			return &s->features[i];
	return NULL;
}

static bool is_known(const struct schema *s, const char *name)
{
	return find_feature(s, name) || strcmp(name, s->label.name) == 0 ||
	       (s->patient_id && strcmp(name, s->patient_id) == 0) ||
	       (s->split.column && strcmp(name, s->split.column) == 0);
}

static enum err check_known(const struct check *c, const char *key, const char *name)
{
	const struct schema *s = c->schema;
	char nearest[TEXT_LINE_MAX];
	struct buf words;

	if (is_known(s, name))
		return OK;
	buf_init(&words, WORDS_MAX);
	buf_put_text(&words, s->label.name);
	for (uint32_t i = 0; i < s->feature_count; i++)
		buf_printf(&words, "|%s", s->features[i].name);
	if (s->patient_id)
		buf_printf(&words, "|%s", s->patient_id);
	if (s->split.column)
		buf_printf(&words, "|%s", s->split.column);
	bool found = nearest_word(nearest, sizeof nearest, name, buf_text(&words)) != NULL;
	buf_free(&words);
	if (found)
		return complain(c, key, name, "the study has no \"%s\"; did you mean \"%s\"?", name, nearest);
	return complain(c, key, name, "the study has no feature \"%s\"", name);
}

static enum err check_columns(const struct check *c)
{
	const struct source *s = c->source;

	for (uint32_t i = 0; i < s->column_count; i++) {
		const char *name = s->columns[i].name;
		enum err e = check_known(c, "columns", name);
		if (e != OK)
			return e;
		for (uint32_t j = 0; j < i; j++)
			if (strcmp(s->columns[j].name, name) == 0)
				return complain(c, "columns", name, "\"%s\" is mapped twice", name);
	}
	return OK;
}

static enum err check_recodes(const struct check *c)
{
	const struct source *s = c->source;

	for (uint32_t i = 0; i < s->recode_count; i++) {
		enum err e = check_known(c, "recode", s->recodes[i].name);
		if (e != OK)
			return e;
		if (c->schema->patient_id && strcmp(s->recodes[i].name, c->schema->patient_id) == 0)
			return complain(c, "recode", s->recodes[i].name, "patient ids are taken as they are written");
	}
	return OK;
}

static bool is_numeric(const struct schema *s, const char *name)
{
	const struct feature *f = find_feature(s, name);

	return f ? f->type == COLUMN_NUMERIC : s->label.type == COLUMN_NUMERIC && strcmp(name, s->label.name) == 0;
}

static enum err check_convert(const struct check *c, uint32_t index)
{
	const struct source_convert *v = &c->source->converts[index];
	enum err e = check_known(c, "convert", v->name);

	if (e != OK)
		return e;
	if (!is_numeric(c->schema, v->name))
		return complain(c, "convert", v->name, "\"%s\" is no numeric feature; use recode", v->name);
	if (!isfinite(v->times) || !isfinite(v->plus) || v->times == 0)
		return complain(c, "convert", v->name, "times %g and plus %g would lose the values", v->times, v->plus);
	for (uint32_t j = 0; j < index; j++)
		if (strcmp(c->source->converts[j].name, v->name) == 0)
			return complain(c, "convert", v->name, "\"%s\" is converted twice", v->name);
	return OK;
}

static enum err check_missings(const struct check *c)
{
	const struct source *s = c->source;

	for (uint32_t i = 0; i < s->missing_count; i++) {
		enum err e = check_known(c, "missing", s->missings[i].name);
		if (e != OK)
			return e;
		if (s->missings[i].codes.count > CODES_MAX)
			return complain(c, "missing", s->missings[i].name, "%u codes; at most %d",
			                s->missings[i].codes.count, CODES_MAX);
	}
	return OK;
}

static enum err check_dialect(const struct check *c)
{
	char d = c->source->delimiter;

	if (d <= 0 || strchr("\"\r\n", d))
		return complain(c, "delimiter", NULL,
		                "the delimiter is one ASCII character, neither a quote nor a line end");
	if (c->source->decimal != '.' && c->source->decimal != ',')
		return complain(c, "decimal", NULL, "the decimal mark is \".\" or \",\"");
	if (d == c->source->decimal)
		return complain(c, "decimal", NULL, "\"%c\" is the delimiter already; say delimiter: \";\" if it is",
		                d);
	return OK;
}

enum err source_check(const struct source *s, const struct schema *schema, char *field, size_t field_size,
                      struct diag *why)
{
	struct check c = {s, schema, field, field_size, why};
	enum err e = check_dialect(&c);

	if (e == OK)
		e = check_columns(&c);
	if (e == OK)
		e = check_recodes(&c);
	for (uint32_t i = 0; i < s->convert_count && e == OK; i++)
		e = check_convert(&c, i);
	return e == OK ? check_missings(&c) : e;
}
