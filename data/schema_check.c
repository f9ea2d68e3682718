/*
 * Whether a schema contradicts itself: everything that can be said without data. Each check names the culprit's path in
 * the study (field) and the words (why) together, so that the caller can add the line of the file.
 */
#include "base/limits.h"
#include "data/codes.h"
#include "data/schema.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A numeric cell is kept as a float offset from the middle of its range (table.h): beyond these a range has no
 * float. */
#define RANGE_MIN 1e-30
#define RANGE_MAX 1e30

#define FIELD_SIZE 64 /* "data.features[4095].levels[1023]" fits */

struct complaint {
	char *field;
	size_t field_size;
	struct diag *why;
};

static enum err complain(const struct complaint *c, const char *path, const char *leaf, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

static enum err complain(const struct complaint *c, const char *path, const char *leaf, const char *fmt, ...)
{
	va_list args;

	snprintf(c->field, c->field_size, "%s%s", path, leaf);
	va_start(args, fmt);
	if (c->why)
		diag_format(c->why, fmt, args);
	va_end(args);
	return ERR_DATA;
}

static enum err check_missing_codes(const struct complaint *c, struct text_list codes, const char *path)
{
	if (codes.count <= CODES_MAX)
		return OK;
	return complain(c, path, ".missing", "%u codes for missing; at most %d", codes.count, CODES_MAX);
}

/* A level that is also a code for missing would never be seen. */
static enum err check_reachable(const struct complaint *c, const char *level, const struct codes *missing,
                                const char *path, const char *leaf)
{
	struct token t = token_of(bytes_text(level), '.');

	if (codes_find(missing, &t) == CODES_NONE)
		return OK;
	return complain(c, path, leaf, "\"%s\" is also a code for missing, so no row could have it", level);
}

static enum err check_levels(const struct complaint *c, struct text_list levels, const struct codes *missing,
                             const char *path)
{
	struct codes seen = {0};
	enum err e = OK;

	if (levels.count < 2 || levels.count > LEVELS_MAX)
		return complain(c, path, ".levels", "%u levels; between 2 and %d are possible", levels.count,
		                LEVELS_MAX);
	for (uint32_t i = 0; i < levels.count && e == OK; i++) {
		char leaf[FIELD_SIZE];
		snprintf(leaf, sizeof leaf, ".levels[%u]", i);
		struct token t = token_of(bytes_text(levels.items[i]), '.');
		uint32_t twin = codes_find(&seen, &t);
		codes_add(&seen, levels.items[i], '.');
		if (twin != CODES_NONE)
			e = complain(c, path, leaf, "level \"%s\" is the same as level \"%s\"", levels.items[i],
			             levels.items[twin]);
		else
			e = check_reachable(c, levels.items[i], missing, path, leaf);
	}
	codes_free(&seen);
	return e;
}

static enum err check_binary(const struct complaint *c, const char *positive, const char *negative,
                             const struct codes *missing, const char *path)
{
	if (schema_cell_matches(positive, strlen(positive), negative))
		return complain(c, path, ".positive", "positive \"%s\" and negative \"%s\" are the same", positive,
		                negative);
	enum err e = check_reachable(c, positive, missing, path, ".positive");
	return e == OK ? check_reachable(c, negative, missing, path, ".negative") : e;
}

static enum err check_range(const struct complaint *c, const struct feature *f, const char *path)
{
	double range = f->max - f->min;

	if (!isfinite(f->min) || !isfinite(f->max) || !(range > 0))
		return complain(c, path, ".max", "max %g is not above min %g", f->max, f->min);
	if (range < RANGE_MIN || range > RANGE_MAX)
		return complain(c, path, ".max", "the range from min %g to max %g is too %s; choose another unit",
		                f->min, f->max, range < RANGE_MIN ? "small" : "large");
	return OK;
}

/* The label, the patient or the part must not be a feature: the model would learn the answer, or who someone is. */
static enum err check_column(const struct complaint *c, const struct schema *s, const struct feature *f,
                             const char *path)
{
	const char *what = NULL;

	if (strcmp(f->column, s->label.column) == 0)
		what = "the label";
	else if (s->patient_id && strcmp(f->column, s->patient_id) == 0)
		what = "the patient id";
	else if (s->split.column && strcmp(f->column, s->split.column) == 0)
		what = "the split column";
	if (!what)
		return OK;
	return complain(c, path, ".column", "feature \"%s\" reads column \"%s\", which is %s", f->name, f->column,
	                what);
}

static enum err check_name(const struct complaint *c, const struct schema *s, uint32_t index, const char *path)
{
	const char *name = s->features[index].name;
	bool taken = strcmp(name, s->label.name) == 0;

	for (uint32_t i = 0; i < index && !taken; i++)
		taken = strcmp(name, s->features[i].name) == 0;
	if (taken)
		return complain(c, path, ".name", "the name \"%s\" is used twice", name);
	if (name[0] == '\0')
		return complain(c, path, ".name", "a feature needs a name");
	return OK;
}

static enum err check_feature(const struct complaint *c, const struct schema *s, uint32_t index)
{
	const struct feature *f = &s->features[index];
	struct codes missing = {0};
	char path[FIELD_SIZE];

	snprintf(path, sizeof path, "data.features[%u]", index);
	codes_add_list(&missing, s->missing, '.');
	codes_add_list(&missing, f->missing, '.');
	enum err e = check_name(c, s, index, path);
	if (e == OK)
		e = check_column(c, s, f, path);
	if (e == OK)
		e = check_missing_codes(c, f->missing, path);
	if (e == OK && f->type == COLUMN_NUMERIC)
		e = check_range(c, f, path);
	if (e == OK && f->type == COLUMN_BINARY)
		e = check_binary(c, f->positive, f->negative, &missing, path);
	if (e == OK && f->type == COLUMN_CATEGORICAL)
		e = check_levels(c, f->levels, &missing, path);
	codes_free(&missing);
	return e;
}

static enum err check_label(const struct complaint *c, const struct schema *s)
{
	const struct label *l = &s->label;
	struct feature label = {.min = l->min, .max = l->max};
	struct codes missing = {0};
	enum err e;

	codes_add_list(&missing, s->missing, '.');
	if (l->name[0] == '\0')
		e = complain(c, "data.label", ".name", "the label needs a name");
	else if (s->patient_id && strcmp(l->column, s->patient_id) == 0)
		e = complain(c, "data.label", ".column", "column \"%s\" is the patient id", l->column);
	else if (l->type == COLUMN_CATEGORICAL && l->levels.count == 2)
		e = complain(c, "data.label", ".levels",
		             "a label of two levels is binary: write type: binary with positive and negative");
	else if (l->type == COLUMN_CATEGORICAL)
		e = check_levels(c, l->levels, &missing, "data.label");
	else if (l->type == COLUMN_BINARY)
		e = check_binary(c, l->positive, l->negative, &missing, "data.label");
	else
		e = check_range(c, &label, "data.label");
	codes_free(&missing);
	return e;
}

static bool is_fraction(double x)
{
	return x >= 0 && x < 1; /* false for NaN */
}

static enum err check_fractions(const struct complaint *c, const struct split *s)
{
	if (!is_fraction(s->test_fraction))
		return complain(c, "data.split", ".test_fraction", "%g is no fraction in [0, 1)", s->test_fraction);
	if (!is_fraction(s->validation_fraction))
		return complain(c, "data.split", ".validation_fraction", "%g is no fraction in [0, 1)",
		                s->validation_fraction);
	if (!is_fraction(s->test_fraction + s->validation_fraction))
		return complain(c, "data.split", ".test_fraction",
		                "test_fraction %g and validation_fraction %g leave nobody to train on",
		                s->test_fraction, s->validation_fraction);
	return OK;
}

static bool same_value(const char *a, const char *b)
{
	return a && b && schema_cell_matches(a, strlen(a), b);
}

static enum err check_split(const struct complaint *c, const struct schema *s)
{
	const struct split *p = &s->split;

	if (!p->column)
		return check_fractions(c, p);
	if (!p->train)
		return complain(c, "data.split", ".train", "a split by column names the value of the training rows");
	if (!p->test)
		return complain(c, "data.split", ".test", "a split by column names the value of the test rows");
	if (strcmp(p->column, s->label.column) == 0)
		return complain(c, "data.split", ".column", "column \"%s\" is the label", p->column);
	if (same_value(p->train, p->test))
		return complain(c, "data.split", ".test", "train and test are the same value");
	if (same_value(p->validation, p->train) || same_value(p->validation, p->test))
		return complain(c, "data.split", ".validation", "another part has the same value");
	return OK;
}

enum err schema_check(const struct schema *s, char *field, size_t field_size, struct diag *why)
{
	struct complaint c = {field, field_size, why};

	if (s->feature_count == 0 || s->feature_count > FEATURES_MAX)
		return complain(&c, "data", ".features", "%u features; between 1 and %d are possible", s->feature_count,
		                FEATURES_MAX);
	enum err e = check_missing_codes(&c, s->missing, "data");
	if (e == OK)
		e = check_label(&c, s);
	for (uint32_t i = 0; i < s->feature_count && e == OK; i++)
		e = check_feature(&c, s, i);
	return e == OK ? check_split(&c, s) : e;
}
