#include "simulator/sweep_grid.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_TAG "sweepdir"
#define HASH_LETTERS 8
#define VALUE_MAX 1024

/* ---- reading */

/* Bytes up to the comma that ends this value, or to the end; -1: something is left open. */
static long value_length(const char *text)
{
	char quote = '\0';
	long depth = 0, i = 0;

	for (; text[i] != '\0'; i++) {
		if (quote != '\0') {
			quote = text[i] == quote ? '\0' : quote;
		} else if (text[i] == '\'' || text[i] == '"') {
			quote = text[i];
		} else if (text[i] == '[' || text[i] == '{') {
			depth++;
		} else if (text[i] == ']' || text[i] == '}') {
			if (--depth < 0)
				return -1;
		} else if (text[i] == ',' && depth == 0) {
			break;
		}
	}
	return quote == '\0' && depth == 0 ? i : -1;
}

static enum err add_value(struct sweep_axis *a, const char *text, size_t length, struct diag *why)
{
	char value[VALUE_MAX];

	for (; length > 0 && *text == ' '; text++)
		length--;
	while (length > 0 && text[length - 1] == ' ')
		length--;
	if (length == 0)
		return diag_set(why, ERR_USAGE, "--grid %s: a value is empty; write '' for an empty text", a->key);
	if (length >= sizeof value || a->count == SWEEP_VALUES_MAX)
		return diag_set(why, ERR_LIMIT, "--grid %s: more than %d values, or one of more than %d bytes", a->key,
		                SWEEP_VALUES_MAX, VALUE_MAX - 1);
	snprintf(value, sizeof value, "%.*s", (int)length, text);
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->values[i], value) == 0)
			return diag_set(why, ERR_USAGE, "--grid %s: the value %s stands there twice", a->key, value);
	a->values = mem_resize(a->values, a->count + 1, sizeof *a->values);
	a->values[a->count++] = mem_copy_text(value);
	return OK;
}

static enum err read_values(struct sweep_axis *a, const char *text, struct diag *why)
{
	for (;;) {
		long length = value_length(text);
		enum err e;

		if (length < 0)
			return diag_set(why, ERR_USAGE,
			                "--grid %s: a quote or a bracket is not closed, or closed too often", a->key);
		e = add_value(a, text, (size_t)length, why);
		if (e != OK || text[length] == '\0')
			return e;
		text += length + 1;
	}
}

enum err sweep_grid_add(struct sweep_grid *g, const char *text, struct diag *why)
{
	const char *equals = strchr(text, '=');
	struct sweep_axis *a = &g->axes[g->count];
	char key[VALUE_MAX];

	if (equals == NULL || equals == text || equals - text >= VALUE_MAX)
		return diag_set(why, ERR_USAGE, "--grid %s: write KEY=VALUE,VALUE,...", text);
	if (g->count == SWEEP_AXES_MAX)
		return diag_set(why, ERR_LIMIT, "--grid is given more than %d times", SWEEP_AXES_MAX);
	snprintf(key, sizeof key, "%.*s", (int)(equals - text), text);
	for (size_t i = 0; i < g->count; i++)
		if (strcmp(g->axes[i].key, key) == 0)
			return diag_set(why, ERR_USAGE, "--grid %s is given twice; write its values with commas", key);
	a->key = mem_copy_text(key);
	g->count++;
	enum err e = read_values(a, equals + 1, why);
	if (e == OK && sweep_grid_combinations(g) > SWEEP_COMBINATIONS_MAX)
		e = diag_set(why, ERR_LIMIT, "the grid has more than %d combinations", SWEEP_COMBINATIONS_MAX);
	return e;
}

void sweep_grid_free(struct sweep_grid *g)
{
	for (size_t i = 0; i < g->count; i++) {
		for (size_t k = 0; k < g->axes[i].count; k++)
			free(g->axes[i].values[k]);
		free(g->axes[i].values);
		free(g->axes[i].key);
	}
	*g = (struct sweep_grid){0};
}

/* ---- counting */

size_t sweep_grid_combinations(const struct sweep_grid *g)
{
	size_t product = 1;

	for (size_t i = 0; i < g->count && product <= SWEEP_COMBINATIONS_MAX; i++)
		product *= g->axes[i].count; /* at most 10^4 * 10^3: no overflow */
	return product;
}

const char *sweep_grid_value(const struct sweep_grid *g, size_t combination, size_t axis)
{
	CHECK(axis < g->count);
	for (size_t i = g->count - 1; i > axis; i--)
		combination /= g->axes[i].count;
	return g->axes[axis].values[combination % g->axes[axis].count];
}

static const char *last_part(const char *key)
{
	const char *dot = strrchr(key, '.');

	return dot != NULL && dot[1] != '\0' ? dot + 1 : key;
}

const char *sweep_grid_short_key(const struct sweep_grid *g, size_t axis)
{
	const char *part = last_part(g->axes[axis].key);

	for (size_t i = 0; i < g->count; i++)
		if (i != axis && strcmp(last_part(g->axes[i].key), part) == 0)
			return g->axes[axis].key;
	return part;
}

/* ---- names */

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("._=,+-", c) != NULL;
}

const char *sweep_grid_name(char out[SWEEP_NAME_SIZE], const struct sweep_grid *g, size_t combination)
{
	char whole[SWEEP_AXES_MAX * 2 * VALUE_MAX] = "study", hex[HASH_HEX_SIZE];
	const size_t room = SWEEP_NAME_SIZE - HASH_LETTERS - 2;
	size_t length = 0;
	bool changed;

	for (size_t i = 0; i < g->count; i++)
		length += (size_t)snprintf(whole + length, sizeof whole - length, "%s%s=%s", i > 0 ? "," : "",
		                           sweep_grid_short_key(g, i), sweep_grid_value(g, combination, i));
	length = strlen(whole);
	changed = length > room;
	length = changed ? room : length;
	memcpy(out, whole, length);
	out[length] = '\0';
	for (char *c = out; *c != '\0'; c++)
		if (!is_plain(*c) || (c == out && *c == '.')) {
			changed = true;
			*c = '_';
		}
	if (changed) {
		struct hash h;
		struct bytes field = bytes_text(whole);
		hash_fields(&h, NULL, HASH_TAG, &field, 1);
		hash_hex(hex, &h);
		snprintf(out + length, SWEEP_NAME_SIZE - length, "-%.*s", HASH_LETTERS, hex);
	}
	return out;
}
