/*
 * Strict reading of one object. Every read names its key once; the first failure sticks, and later reads give harmless
 * values, so a caller reads all and asks once. What was never read is left over and refused: a peer cannot hide
 * a key that one version ignores and another obeys.
 */
#include "base/json.h"

#include <string.h>

void json_read_begin(struct json_reader *r, const struct json *node, const char *what, struct diag *why)
{
	*r = (struct json_reader){.object = node, .what = what, .why = why};
	if (!node || json_kind(node) != JSON_IS_OBJECT)
		r->failed = diag_set(why, ERR_DATA, "%s: must be an object", what);
}

bool json_has(const struct json_reader *r, const char *key)
{
	const struct json *value = r->failed ? NULL : json_get(r->object, key);
	return value && json_kind(value) != JSON_IS_NULL;
}

/* The value of `key`, now taken; NULL (and the failure) when it is absent or something failed before. */
static const struct json *take(struct json_reader *r, const char *key)
{
	if (r->failed)
		return NULL;
	for (size_t i = 0; i < r->taken; i++)
		CHECK(strcmp(r->keys[i], key) != 0);
	const struct json *value = json_get(r->object, key);
	if (!value) {
		r->failed = diag_set(r->why, ERR_DATA, "%s: \"%s\" is missing", r->what, key);
		return NULL;
	}
	CHECK(r->taken < JSON_READ_KEYS_MAX);
	r->keys[r->taken++] = key;
	return value;
}

/* As `take`, of one kind. */
static const struct json *take_kind(struct json_reader *r, const char *key, enum json_kind kind, const char *words)
{
	const struct json *value = take(r, key);
	if (!value || json_kind(value) == kind)
		return value;
	r->failed = diag_set(r->why, ERR_DATA, "%s: \"%s\" must be %s", r->what, key, words);
	return NULL;
}

bool json_read_bool(struct json_reader *r, const char *key)
{
	const struct json *value = take_kind(r, key, JSON_IS_BOOL, "true or false");
	return value && json_as_bool(value);
}

int64_t json_read_integer(struct json_reader *r, const char *key, int64_t min, int64_t max)
{
	const struct json *value = take_kind(r, key, JSON_IS_INTEGER, "an integer");
	int64_t v = value ? json_as_integer(value) : 0;
	if (!value || (v >= min && v <= max))
		return v;
	r->failed = diag_set(r->why, ERR_DATA, "%s: \"%s\" is %lld, not from %lld to %lld", r->what, key, (long long)v,
	                     (long long)min, (long long)max);
	return 0;
}

double json_read_real(struct json_reader *r, const char *key, double min, double max)
{
	const struct json *value = take(r, key);
	if (!value)
		return 0;
	enum json_kind kind = json_kind(value);
	if (kind != JSON_IS_INTEGER && kind != JSON_IS_REAL) {
		r->failed = diag_set(r->why, ERR_DATA, "%s: \"%s\" must be a number", r->what, key);
		return 0;
	}
	double v = json_as_real(value);
	if (v >= min && v <= max)
		return v;
	r->failed = diag_set(r->why, ERR_DATA, "%s: \"%s\" is %g, not from %g to %g", r->what, key, v, min, max);
	return 0;
}

const char *json_read_string(struct json_reader *r, const char *key, size_t max_len)
{
	const struct json *value = take_kind(r, key, JSON_IS_STRING, "a text");
	if (!value)
		return "";
	const char *text = json_as_string(value);
	if (strlen(text) > max_len)
		r->failed = diag_set(r->why, ERR_DATA, "%s: \"%s\" is longer than %zu bytes", r->what, key, max_len);
	else if (!json_is_plain(text))
		r->failed = diag_set(r->why, ERR_DATA, "%s: \"%s\" holds a control character", r->what, key);
	return r->failed ? "" : text;
}

void json_read_hash(struct json_reader *r, const char *key, struct hash *out)
{
	*out = (struct hash){0};
	const struct json *value = take(r, key);
	if (!value || json_kind(value) == JSON_IS_NULL)
		return;
	if (json_kind(value) != JSON_IS_STRING || !hash_from_hex(out, json_as_string(value)) || hash_is_zero(out))
		r->failed = diag_set(r->why, ERR_DATA, "%s: \"%s\" must be a hash, 64 of the characters 0-9 and a-f",
		                     r->what, key);
}

const struct json *json_read_array(struct json_reader *r, const char *key, size_t max_count)
{
	const struct json *value = take_kind(r, key, JSON_IS_ARRAY, "a list");
	if (!value || json_count(value) <= max_count)
		return value;
	r->failed = diag_set(r->why, ERR_DATA, "%s: \"%s\" has %zu entries, more than %zu", r->what, key,
	                     json_count(value), max_count);
	return NULL;
}

const struct json *json_read_object(struct json_reader *r, const char *key)
{
	return take_kind(r, key, JSON_IS_OBJECT, "an object");
}

void json_read_null(struct json_reader *r, const char *key)
{
	(void)take_kind(r, key, JSON_IS_NULL, "null");
}

static bool was_taken(const struct json_reader *r, const char *key)
{
	for (size_t i = 0; i < r->taken; i++)
		if (strcmp(r->keys[i], key) == 0)
			return true;
	return false;
}

enum err json_read_end(struct json_reader *r)
{
	if (r->failed || r->taken == json_count(r->object))
		return r->failed;
	const struct json *value;
	const char *key = json_key_after(r->object, NULL, &value);
	while (key && was_taken(r, key))
		key = json_key_after(r->object, key, &value);
	CHECK(key != NULL);
	return r->failed = diag_set(r->why, ERR_DATA, "%s: unknown key \"%s\"", r->what, key);
}

bool json_is_plain(const char *utf8)
{
	for (const unsigned char *c = (const unsigned char *)utf8; *c; c++) {
		if ((*c < 0x20 && *c != '\t') || *c == 0x7f)
			return false;
		if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* U+0080-U+009F: a terminal may obey them */
			return false;
		/* U+202A-U+202E, U+2066-U+2069: text would be shown in another order than it is read (CVE-2021-42574) */
		if (*c == 0xe2 && c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae)
			return false;
		if (*c == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)
			return false;
	}
	return true;
}
