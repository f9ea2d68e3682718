/*
 * Row by row: judge (patient, part, label), read the features into one scratch row, keep it. The order in which a row
 * can be dropped is that of data/dictionary.h.
 */
#include "data/table.h"

#include "base/limits.h"
#include "data/column.h"
#include "data/patients.h"
#include "data/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_FIRST 1024 /* capacity then doubles */

struct loader {
	struct table *table;
	const struct schema *schema;
	const struct source *source;
	struct csv_reader *csv;
	struct column *features;
	struct column label, patient, part; /* patient and part only when the study has such columns */
	struct feature numeric; /* the label, when it is a number */
	struct patients patients;
	float *cells; /* the row being read */
	struct diag *why;
};

/* What is known of a row before its features. */
struct verdict {
	bool dropped;
	enum dropped_reason reason;
	struct hash patient; /* meaningful when a patient column or the split asks for it */
	enum split_part part;
	uint32_t class;
	double value; /* of a numeric label */
};

/* ---- columns */

static enum err bind_label(struct loader *l)
{
	const struct label *label = &l->schema->label;

	if (label->type == COLUMN_NUMERIC) {
		l->numeric = schema_label_feature(l->schema);
		return column_bind_label(&l->label, l->csv, l->source, l->schema, &l->numeric,
		                         l->table->dictionary.label, l->why);
	}
	enum err e = column_bind(&l->label, l->csv, l->source, label->name, label->column, l->schema->missing, l->why);

	if (label->type == COLUMN_CATEGORICAL) {
		codes_add_list(&l->label.levels, label->levels, '.');
	} else {
		codes_add(&l->label.levels, label->negative, '.');
		codes_add(&l->label.levels, label->positive, '.');
	}
	return e;
}

static enum err bind_part(struct loader *l)
{
	const struct split *s = &l->schema->split;
	enum err e = column_bind(&l->part, l->csv, l->source, s->column, s->column, l->schema->missing, l->why);

	codes_add(&l->part.levels, s->train, '.');
	codes_add(&l->part.levels, s->test, '.');
	if (s->validation)
		codes_add(&l->part.levels, s->validation, '.');
	return e;
}

/* A hospital's mapping could make a feature of what schema_check forbids the study to use as one. */
static enum err check_leak(const struct loader *l, const struct column *c)
{
	const char *what = NULL;

	if (c->index == l->label.index)
		what = l->schema->label.name;
	else if (l->schema->patient_id && c->index == l->patient.index)
		what = l->schema->patient_id;
	else if (l->schema->split.column && c->index == l->part.index)
		what = l->schema->split.column;
	if (!what)
		return OK;
	return csv_complain(l->csv, l->why, ERR_DATA, c->index,
	                    "this column is read as %s and as %s; correct sources.%s.columns in client.yaml", c->name,
	                    what, l->source->name);
}

static enum err bind_columns(struct loader *l)
{
	const struct schema *s = l->schema;
	enum err e = bind_label(l);

	if (e == OK && s->patient_id)
		e = column_bind(&l->patient, l->csv, l->source, s->patient_id, s->patient_id, s->missing, l->why);
	if (e == OK && s->split.column)
		e = bind_part(l);
	for (uint32_t i = 0; i < s->feature_count && e == OK; i++) {
		e = column_bind_feature(&l->features[i], l->csv, l->source, s, i, &l->table->dictionary.features[i],
		                        l->why);
		if (e == OK)
			e = check_leak(l, &l->features[i]);
	}
	return e;
}

/* ---- one row */

static void drop(struct verdict *v, enum dropped_reason reason)
{
	v->dropped = true;
	v->reason = reason;
}

static void judge_patient(struct loader *l, struct verdict *v)
{
	const struct schema *s = l->schema;
	struct token id;
	char number[24]; /* a 64-bit number in decimal */

	if (s->patient_id) {
		if (column_token(&id, &l->patient, l->csv))
			split_hash(&v->patient, s->split.seed, id.text);
		else
			drop(v, DROPPED_NO_PATIENT);
	} else if (!s->split.column) {
		snprintf(number, sizeof number, "%llu", (unsigned long long)csv_rows(l->csv));
		split_hash(&v->patient, s->split.seed, bytes_text(number));
	}
}

static void judge_part(struct loader *l, struct verdict *v)
{
	static const enum split_part parts[] = {PART_TRAIN, PART_TEST, PART_VALIDATION};
	struct token cell;

	if (!l->schema->split.column) {
		v->part = split_by_hash(&l->schema->split, &v->patient);
		return;
	}
	uint32_t found = column_token(&cell, &l->part, l->csv) ? codes_find(&l->part.levels, &cell) : CODES_NONE;
	if (found == CODES_NONE)
		drop(v, DROPPED_LEFT_OUT);
	else
		v->part = parts[found];
}

/* A value made missing by `outside` leaves the row out, as an empty cell does. */
static enum err judge_number(struct loader *l, struct verdict *v)
{
	enum err e = column_value(&v->value, &l->label, l->csv, l->why);

	if (e == OK && isnan(v->value))
		drop(v, DROPPED_NO_LABEL);
	return e;
}

/* An unknown class is refused whatever the study's `outside` says: to drop such rows would change the question. */
static enum err judge_label(struct loader *l, struct verdict *v)
{
	struct token cell;

	if (l->schema->label.type == COLUMN_NUMERIC)
		return judge_number(l, v);
	if (!column_token(&cell, &l->label, l->csv)) {
		drop(v, DROPPED_NO_LABEL);
		return OK;
	}
	v->class = codes_find(&l->label.levels, &cell);
	return v->class == CODES_NONE ? column_complain_level(&l->label, l->csv, &cell, l->why) : OK;
}

static enum err judge(struct loader *l, struct verdict *v)
{
	*v = (struct verdict){0};
	judge_patient(l, v);
	if (!v->dropped)
		judge_part(l, v);
	return v->dropped ? OK : judge_label(l, v);
}

static enum err read_features(struct loader *l, struct verdict *v)
{
	for (uint32_t i = 0; i < l->schema->feature_count; i++) {
		const struct feature *f = &l->schema->features[i];
		double value;
		enum err e = column_value(&value, &l->features[i], l->csv, l->why);
		if (e != OK)
			return e;
		if (isnan(value) && l->schema->fill == FILL_DROP)
			drop(v, DROPPED_FILL);
		l->cells[i] = (float)(f->type == COLUMN_NUMERIC ? value - table_middle(f) : value);
	}
	return OK;
}

/* ---- keeping it */

static void resize(struct table *t, uint32_t capacity)
{
	t->cells = mem_resize(t->cells, (size_t)capacity * t->schema->feature_count, sizeof t->cells[0]);
	t->classes = mem_resize(t->classes, capacity, sizeof t->classes[0]);
	if (t->schema->label.type == COLUMN_NUMERIC)
		t->values = mem_resize(t->values, capacity, sizeof t->values[0]);
	t->patients = mem_resize(t->patients, capacity, sizeof t->patients[0]);
	t->parts = mem_resize(t->parts, capacity, sizeof t->parts[0]);
	t->records = mem_resize(t->records, capacity, sizeof t->records[0]);
	t->capacity = capacity;
}

static enum err number_patient(struct loader *l, uint32_t *number, const struct verdict *v)
{
	if (!l->schema->patient_id) {
		*number = l->table->rows;
		l->table->part_patients[v->part]++;
		return OK;
	}
	uint32_t before = l->patients.count;
	if (!patients_number(&l->patients, number, &v->patient, v->part))
		return csv_complain(l->csv, l->why, ERR_DATA, l->part.index,
		                    "an earlier row of the same patient is in another part of the split");
	l->table->part_patients[v->part] += l->patients.count - before;
	return OK;
}

static enum err keep(struct loader *l, const struct verdict *v)
{
	struct table *t = l->table;
	uint32_t features = l->schema->feature_count;

	if (t->rows == t->capacity)
		resize(t, t->capacity ? 2 * t->capacity : ROWS_FIRST);
	enum err e = number_patient(l, &t->patients[t->rows], v);
	if (e != OK)
		return e;
	memcpy(t->cells + (size_t)t->rows * features, l->cells, features * sizeof l->cells[0]);
	t->classes[t->rows] = (uint16_t)v->class;
	if (t->values)
		t->values[t->rows] = (float)(v->value - table_middle(&l->numeric));
	t->parts[t->rows] = (uint8_t)v->part;
	t->records[t->rows] = (uint32_t)csv_rows(l->csv);
	t->rows++;
	t->part_rows[v->part]++;
	if (!t->values)
		t->dictionary.classes[v->part][v->class]++;
	return OK;
}

static enum err read_row(struct loader *l)
{
	struct verdict v;
	enum err e = judge(l, &v);

	if (e == OK && !v.dropped)
		e = read_features(l, &v);
	if (e == OK && !v.dropped)
		return keep(l, &v);
	if (e == OK)
		l->table->dictionary.dropped[v.reason]++;
	return e;
}

/* The file as such, its quotes and its columns, is csv_next's; whatever else is wrong is wrong of this row. */
static enum err read_or_drop_row(struct loader *l)
{
	enum err e = read_row(l);

	if (e != ERR_DATA || !l->source->drop_wrong)
		return e;
	l->table->dictionary.dropped[DROPPED_WRONG]++;
	return OK;
}

static enum err read_rows(struct loader *l)
{
	bool more = true;
	enum err e = OK;

	while (e == OK && more) {
		e = csv_next(l->csv, &more, l->why);
		if (e == OK && more)
			e = read_or_drop_row(l);
	}
	return e;
}

/* ---- the whole */

static void finish(struct table *t, uint64_t rows)
{
	if (t->rows > 0)
		resize(t, t->rows);
	t->dictionary.rows = rows;
	for (int part = 0; part < PART_COUNT; part++) {
		t->dictionary.part_rows[part] = t->part_rows[part];
		t->dictionary.part_patients[part] = t->part_patients[part];
	}
}

static enum err open_source(struct loader *l)
{
	char field[TEXT_LINE_MAX];
	struct csv_format format = {.delimiter = l->source->delimiter, .encoding = l->source->encoding};
	enum err e = source_check(l->source, l->schema, field, sizeof field, l->why);

	if (e != OK)
		return diag_prefix(l->why, e, "%s", field);
	return csv_open(&l->csv, l->source->path, format, l->why);
}

static void loader_free(struct loader *l)
{
	for (uint32_t i = 0; i < l->schema->feature_count; i++)
		column_free(&l->features[i]);
	free(l->features);
	column_free(&l->label);
	column_free(&l->patient);
	column_free(&l->part);
	patients_free(&l->patients);
	free(l->cells);
	csv_close(l->csv);
}

enum err table_load(struct table *out, const struct schema *schema, const struct source *source, struct diag *why)
{
	struct loader l = {.table = out, .schema = schema, .source = source, .why = why};

	*out = (struct table){.schema = schema};
	dictionary_init(&out->dictionary, schema);
	l.features = mem_array(schema->feature_count, sizeof l.features[0]);
	l.cells = mem_array(schema->feature_count, sizeof l.cells[0]);
	enum err e = open_source(&l);
	if (e == OK)
		e = bind_columns(&l);
	if (e == OK)
		e = read_rows(&l);
	if (e == OK)
		finish(out, csv_rows(l.csv));
	else
		table_free(out);
	loader_free(&l);
	return e;
}

void table_drop_rows(struct table *t)
{
	free(t->cells);
	free(t->classes);
	free(t->values);
	free(t->patients);
	free(t->parts);
	free(t->records);
	t->cells = NULL;
	t->classes = NULL;
	t->values = NULL;
	t->patients = NULL;
	t->parts = NULL;
	t->records = NULL;
	t->rows = t->capacity = 0;
}

void table_drop_dictionary(struct table *t)
{
	dictionary_free(&t->dictionary);
}

void table_free(struct table *t)
{
	free(t->cells);
	free(t->classes);
	free(t->values);
	free(t->patients);
	free(t->parts);
	free(t->records);
	dictionary_free(&t->dictionary);
	*t = (struct table){0};
}
