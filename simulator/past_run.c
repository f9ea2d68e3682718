#include "simulator/past_run.h"

#include "base/file.h"
#include "simulator/markup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_DIGITS 6
#define KEY_SIZE 256

static enum err path_of(char out[PATH_SIZE], const char *directory, const char *name, struct diag *why)
{
	if (snprintf(out, PATH_SIZE, "%s/%s", directory, name) >= PATH_SIZE)
		return diag_set(why, ERR_USAGE, "%s: this path is too long", directory);
	return OK;
}

enum err past_run_open(struct past_run *out, const char *directory, struct diag *why)
{
	char path[PATH_SIZE];
	struct buf text = {0};
	enum err e = path_of(path, directory, "run.json", why);

	*out = (struct past_run){0};
	if (e != OK)
		return e;
	snprintf(out->path, sizeof out->path, "%s", directory);
	e = file_read(&text, path, RUN_JSON_MAX, why);
	if (e == ERR_NO_INPUT)
		e = diag_set(why, e,
		             "%s: no run here (it has no readable run.json); `cohort-sim run --out DIR` makes one",
		             directory);
	if (e == OK)
		e = json_parse(&out->about, buf_bytes(&text), RUN_JSON_MAX, path, why);
	if (e == OK && strcmp(past_run_text(out, "schema"), PAST_RUN_SCHEMA) != 0)
		e = diag_set(why, ERR_DATA,
		             "%s: its \"schema\" is not " PAST_RUN_SCHEMA
		             ", so it was not written by this program's `run`",
		             path);
	buf_free(&text);
	return e;
}

static enum err read_sheet(struct sheet *out, const struct past_run *r, const char *name, struct diag *why)
{
	char path[PATH_SIZE];
	enum err e = path_of(path, r->path, name, why);

	return e == OK ? sheet_read(out, path, why) : e;
}

enum err past_run_read_rounds(struct past_run *r, struct diag *why)
{
	return read_sheet(&r->rounds, r, "rounds.csv", why);
}

enum err past_run_read_sites(struct past_run *r, struct diag *why)
{
	return read_sheet(&r->sites, r, "sites.csv", why);
}

void past_run_free(struct past_run *r)
{
	json_free(r->about);
	sheet_free(&r->rounds);
	sheet_free(&r->sites);
	*r = (struct past_run){0};
}

bool past_run_complete(const struct past_run *r)
{
	const struct json *node = json_get(r->about, "complete");

	return node != NULL && json_kind(node) == JSON_IS_BOOL && json_as_bool(node);
}

/* ---- values */

static bool is_number(const struct json *node)
{
	return json_kind(node) == JSON_IS_INTEGER || json_kind(node) == JSON_IS_REAL;
}

static const struct json *named(const struct json *array, const char *name)
{
	for (size_t i = 0; i < json_count(array); i++) {
		const struct json *node = json_at(array, i), *its = json_get(node, "name");

		if (its != NULL && json_kind(its) == JSON_IS_STRING && strcmp(json_as_string(its), name) == 0)
			return node;
	}
	return NULL;
}

static const struct json *get(const struct json *node, const char *path)
{
	char key[KEY_SIZE];

	while (node != NULL && *path != '\0') {
		size_t length = strcspn(path, ".");

		if (length >= sizeof key)
			return NULL;
		snprintf(key, sizeof key, "%.*s", (int)length, path);
		node = json_kind(node) == JSON_IS_ARRAY ? named(node, key) : json_get(node, key);
		path += length + (path[length] == '.');
	}
	return node != NULL && json_kind(node) != JSON_IS_NULL ? node : NULL;
}

const struct json *past_run_get(const struct past_run *r, const char *path)
{
	return get(r->about, path);
}

double past_run_number(const struct past_run *r, const char *path)
{
	const struct json *node = past_run_get(r, path);

	return node != NULL && is_number(node) ? json_as_real(node) : NAN;
}

const char *past_run_text(const struct past_run *r, const char *path)
{
	const struct json *node = past_run_get(r, path);

	return node != NULL && json_kind(node) == JSON_IS_STRING ? json_as_string(node) : "";
}

static bool say_list(char out[PAST_RUN_VALUE_SIZE], const struct json *node)
{
	out[0] = '\0';
	for (size_t i = 0; i < json_count(node); i++) {
		char one[PAST_RUN_VALUE_SIZE];
		size_t length = strlen(out);

		if (!past_run_say(one, json_at(node, i)))
			return false;
		snprintf(out + length, PAST_RUN_VALUE_SIZE - length, "%s%s", i > 0 ? ", " : "", one);
	}
	return true;
}

bool past_run_say(char out[PAST_RUN_VALUE_SIZE], const struct json *node)
{
	char number[MARKUP_NUMBER_SIZE];

	if (node == NULL)
		return false;
	switch (json_kind(node)) {
	case JSON_IS_NULL:
		snprintf(out, PAST_RUN_VALUE_SIZE, "none");
		return true;
	case JSON_IS_BOOL:
		snprintf(out, PAST_RUN_VALUE_SIZE, "%s", json_as_bool(node) ? "yes" : "no");
		return true;
	case JSON_IS_INTEGER:
		snprintf(out, PAST_RUN_VALUE_SIZE, "%lld", (long long)json_as_integer(node));
		return true;
	case JSON_IS_REAL:
		snprintf(out, PAST_RUN_VALUE_SIZE, "%s", markup_number(number, json_as_real(node), NUMBER_DIGITS));
		return true;
	case JSON_IS_STRING:
		snprintf(out, PAST_RUN_VALUE_SIZE, "%s", json_as_string(node));
		return true;
	case JSON_IS_ARRAY:
		return say_list(out, node);
	case JSON_IS_OBJECT:
		break;
	}
	return false;
}

/* ---- keys: the contract's come first, for "sites" may be the number of sites and is an object there */

static bool can_be_said(const struct json *node)
{
	char out[PAST_RUN_VALUE_SIZE];

	return past_run_say(out, node);
}

const struct json *past_run_key(const struct past_run *r, const char *key)
{
	const struct json *places[] = {json_get(r->about, "contract"), r->about, json_get(r->about, "options")};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const struct json *node = get(places[i], key);

		if (can_be_said(node))
			return node;
	}
	return NULL;
}

static void list_keys(const struct json *object, const char *before, struct buf *out)
{
	const struct json *value;

	for (const char *key = NULL; (key = json_key_after(object, key, &value)) != NULL;) {
		char path[KEY_SIZE];

		if (snprintf(path, sizeof path, "%s%s%s", before, *before ? "." : "", key) >= (int)sizeof path)
			continue;
		if (json_kind(value) == JSON_IS_OBJECT)
			list_keys(value, path, out);
		else if (can_be_said(value))
			buf_printf(out, "%s|", path);
	}
}

void past_run_keys(const struct past_run *r, struct buf *out)
{
	list_keys(json_get(r->about, "contract"), "", out);
	list_keys(json_get(r->about, "options"), "", out);
	buf_put_text(out, "seed|sites|rounds|study|run|");
}
