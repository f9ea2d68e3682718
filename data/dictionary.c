/*
 * The figures are counted while the table is read; the warnings are made of them afterwards.
 */
#include "data/dictionary.h"

#include "base/limits.h"
#include "data/csv.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(DICTIONARY_TEXT_SIZE == CSV_QUOTE_SIZE, "unknown levels are shown as csv_quote shows a cell");

static uint32_t level_count(const struct feature *f)
{
	if (f->type == COLUMN_NUMERIC)
		return 0;
	return f->type == COLUMN_BINARY ? 2 : f->levels.count;
}

void dictionary_init(struct dictionary *d, const struct schema *s)
{
	*d = (struct dictionary){.schema = s};
	for (int part = 0; part < PART_COUNT; part++)
		d->classes[part] = mem_array(schema_classes(s), sizeof d->classes[part][0]);
	if (s->label.type == COLUMN_NUMERIC) {
		d->label = mem_array(1, sizeof *d->label);
		d->label->lowest = d->label->highest = d->label->mean = NAN;
	}
	d->features = mem_array(s->feature_count, sizeof d->features[0]);
	for (uint32_t i = 0; i < s->feature_count; i++) {
		struct feature_report *r = &d->features[i];
		r->lowest = r->highest = r->mean = NAN;
		r->level_count = level_count(&s->features[i]);
		if (r->level_count > 0)
			r->levels = mem_array(r->level_count, sizeof r->levels[0]);
	}
}

void dictionary_free(struct dictionary *d)
{
	for (int part = 0; part < PART_COUNT; part++)
		free(d->classes[part]);
	for (uint32_t i = 0; d->features && i < d->schema->feature_count; i++)
		free(d->features[i].levels);
	free(d->features);
	free(d->label);
	*d = (struct dictionary){0};
}

void dictionary_value(struct feature_report *r, double value)
{
	if (isnan(value)) {
		r->missing++;
		return;
	}
	r->present++;
	if (r->levels) {
		r->levels[(uint32_t)value]++;
		return;
	}
	if (r->present == 1)
		r->mean = value;
	r->varies |= value != r->mean; /* the mean of equal values is exactly that value */
	r->mean += (value - r->mean) / (double)r->present;
}

void dictionary_unknown(struct feature_report *r, struct bytes cell)
{
	char text[CSV_QUOTE_SIZE];

	r->unknown++;
	csv_quote(text, cell);
	for (uint32_t i = 0; i < r->unknown_count; i++) {
		if (strcmp(r->unknowns[i].text, text) == 0) {
			r->unknowns[i].count++;
			return;
		}
	}
	if (r->unknown_count == DICTIONARY_UNKNOWN_MAX)
		return;
	csv_quote(r->unknowns[r->unknown_count].text, cell);
	r->unknowns[r->unknown_count++].count = 1;
}

static uint64_t sum(const uint64_t *counts, size_t n)
{
	uint64_t s = 0;

	for (size_t i = 0; i < n; i++)
		s += counts[i];
	return s;
}

uint64_t dictionary_kept(const struct dictionary *d)
{
	return sum(d->part_rows, PART_COUNT);
}

uint64_t dictionary_patients(const struct dictionary *d)
{
	return sum(d->part_patients, PART_COUNT);
}

const char *dictionary_reason(enum dropped_reason r)
{
	static const char *const words[DROPPED_COUNT] = {
		[DROPPED_NO_PATIENT] = "without a patient id",
		[DROPPED_LEFT_OUT] = "left out by the split column",
		[DROPPED_NO_LABEL] = "without a label",
		[DROPPED_FILL] = "with a missing value, dropped by `fill: drop`",
		[DROPPED_WRONG] = "that are not as the study says",
	};

	CHECK((unsigned)r < DROPPED_COUNT);
	return words[r];
}

/* ---- warnings */

struct listener {
	void (*tell)(void *context, const char *line);
	void *context;
	uint32_t told;
};

static void say(struct listener *l, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(struct listener *l, const char *fmt, ...)
{
	struct diag line;
	va_list args;

	va_start(args, fmt);
	diag_format(&line, fmt, args);
	va_end(args);
	l->tell(l->context, line.text);
	l->told++;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void warn_parts(struct listener *l, const struct dictionary *d)
{
	static const char *const names[PART_COUNT] = {"training", "validation", "test"};
	const uint64_t *classes = d->classes[PART_TRAIN];
	uint32_t seen = 0;

	for (int part = 0; part < PART_COUNT; part++)
		if (d->part_rows[part] == 0 && schema_has_part(d->schema, (enum split_part)part))
			say(l, "no %s row", names[part]);
	for (uint32_t i = 0; i < schema_classes(d->schema); i++)
		seen += classes[i] > 0;
	if (seen == 1)
		say(l, "all training rows have the same %s", d->schema->label.name);
}

static void warn_dropped(struct listener *l, const struct dictionary *d)
{
	for (int reason = 0; reason < DROPPED_COUNT; reason++)
		if (d->dropped[reason] > 0)
			say(l, "%llu row%s %s", (unsigned long long)d->dropped[reason], plural(d->dropped[reason]),
			    dictionary_reason((enum dropped_reason)reason));
}

static void warn_unknown(struct listener *l, const char *name, const struct feature_report *r)
{
	struct buf list;

	buf_init(&list, DIAG_MAX);
	for (uint32_t i = 0; i < r->unknown_count; i++)
		buf_printf(&list, "%s%s x %llu", i > 0 ? ", " : "", r->unknowns[i].text,
		           (unsigned long long)r->unknowns[i].count);
	say(l, "%s: %llu value%s of no level of the study: %s", name, (unsigned long long)r->unknown,
	    plural(r->unknown), buf_text(&list));
	buf_free(&list);
}

/* A constant tells a model nothing. */
static bool is_constant(const struct feature_report *r)
{
	uint32_t seen = 0;

	for (uint32_t i = 0; i < r->level_count; i++)
		seen += r->levels[i] > 0;
	return r->levels ? seen == 1 : !r->varies;
}

/* Statistics and cells are exact to a part of the range, not of the value (data/table.h, SCALING_CONSTANT). */
#define RANGE_FILLED_MIN 1e-4

static void warn_range(struct listener *l, const struct feature *f, const struct feature_report *r)
{
	if (r->varies && r->highest - r->lowest < RANGE_FILLED_MIN * (f->max - f->min))
		say(l,
		    "%s: %g to %g is a tiny part of the study's range %g to %g; a narrower one would keep more digits",
		    f->name, r->lowest, r->highest, f->min, f->max);
}

static void warn_feature(struct listener *l, const struct feature *f, const struct feature_report *r)
{
	uint64_t outside = r->below + r->above;

	if (outside > 0)
		say(l, "%s: %llu value%s outside %g to %g (lowest %g, highest %g)", f->name,
		    (unsigned long long)outside, plural(outside), f->min, f->max, r->lowest, r->highest);
	if (r->unknown > 0)
		warn_unknown(l, f->name, r);
	if (r->present == 0 && r->missing > 0)
		say(l, "%s: missing in every row", f->name);
	else if (r->present > 1 && is_constant(r))
		say(l, "%s: the same value in every row", f->name);
	warn_range(l, f, r);
}

uint32_t dictionary_warnings(const struct dictionary *d, void (*sink)(void *context, const char *line), void *context)
{
	struct listener l = {sink, context, 0};

	warn_parts(&l, d);
	warn_dropped(&l, d);
	if (d->schema->label.type == COLUMN_NUMERIC) {
		const struct feature label = schema_label_feature(d->schema);
		warn_feature(&l, &label, d->label);
	}
	for (uint32_t i = 0; i < d->schema->feature_count; i++)
		warn_feature(&l, &d->schema->features[i], &d->features[i]);
	return l.told;
}
