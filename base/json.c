/*
 * The tree, over jansson. A `struct json` is jansson's json_t under another name, so that no other file sees jansson.
 *
 * jansson keeps keys in insertion order, refuses duplicate keys, invalid UTF-8, NUL, trailing bytes, numbers beyond int64 or
 * double, and seeds its hash tables. What it lacks is a bound on nesting that suits us (its own is 2,048): the tree's
 * depth is measured after parsing; the text was bounded before.
 */
#include "base/json.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* jansson reports a failed allocation as NULL from anywhere; ours ends the process with a message instead. */
__attribute__((constructor)) static void use_own_memory(void)
{
	json_set_alloc_funcs(mem_alloc, free);
}

static struct json *ours(json_t *node)
{
	CHECK(node != NULL);
	return (struct json *)node;
}

/* jansson's iterators and reference counts want a node without const, although they change nothing that we see. */
static json_t *theirs(const struct json *node)
{
	return (json_t *)(uintptr_t)node;
}

struct json *json_new_null(void)
{
	return ours(json_null());
}

struct json *json_new_bool(bool v)
{
	return ours(json_boolean(v));
}

struct json *json_new_integer(int64_t v)
{
	return ours(json_integer(v));
}

struct json *json_new_real(double v)
{
	return isfinite(v) ? ours(json_real(v)) : json_new_null();
}

struct json *json_new_string(const char *utf8)
{
	json_t *node = json_string(utf8);
	if (node)
		return ours(node);
	char *ascii = mem_copy_text(utf8);
	for (char *c = ascii; *c; c++)
		if ((unsigned char)*c > 0x7f)
			*c = '?';
	node = json_string(ascii);
	free(ascii);
	return ours(node);
}

struct json *json_new_array(void)
{
	return ours(json_array());
}

struct json *json_new_object(void)
{
	return ours(json_object());
}

void json_free(struct json *root)
{
	json_decref((json_t *)root);
}

void json_set(struct json *object, const char *key, struct json *value)
{
	CHECK(json_kind(object) == JSON_IS_OBJECT);
	CHECK(json_object_set_new((json_t *)object, key, (json_t *)value) == 0);
}

void json_set_bool(struct json *object, const char *key, bool v)
{
	json_set(object, key, json_new_bool(v));
}

void json_set_integer(struct json *object, const char *key, int64_t v)
{
	json_set(object, key, json_new_integer(v));
}

void json_set_real(struct json *object, const char *key, double v)
{
	json_set(object, key, json_new_real(v));
}

void json_set_string(struct json *object, const char *key, const char *utf8)
{
	json_set(object, key, utf8 ? json_new_string(utf8) : json_new_null());
}

void json_set_hash(struct json *object, const char *key, const struct hash *h)
{
	char hex[HASH_HEX_SIZE];
	hash_hex(hex, h);
	json_set_string(object, key, hash_is_zero(h) ? NULL : hex);
}

void json_add(struct json *array, struct json *value)
{
	CHECK(json_kind(array) == JSON_IS_ARRAY);
	CHECK(json_array_append_new((json_t *)array, (json_t *)value) == 0);
}

enum json_kind json_kind(const struct json *node)
{
	CHECK(node != NULL);
	switch (json_typeof((const json_t *)node)) {
	case JSON_OBJECT:
		return JSON_IS_OBJECT;
	case JSON_ARRAY:
		return JSON_IS_ARRAY;
	case JSON_STRING:
		return JSON_IS_STRING;
	case JSON_INTEGER:
		return JSON_IS_INTEGER;
	case JSON_REAL:
		return JSON_IS_REAL;
	case JSON_TRUE:
	case JSON_FALSE:
		return JSON_IS_BOOL;
	case JSON_NULL:
		break;
	}
	return JSON_IS_NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
	return (const struct json *)json_object_get((const json_t *)object, key);
}

size_t json_count(const struct json *array_or_object)
{
	/* each answers 0 for a node of another kind */
	return json_object_size((const json_t *)array_or_object) + json_array_size((const json_t *)array_or_object);
}

const struct json *json_at(const struct json *array, size_t index)
{
	const json_t *item = json_array_get((const json_t *)array, index);
	CHECK(item != NULL);
	return (const struct json *)item;
}

const char *json_key_after(const struct json *object, const char *key, const struct json **value)
{
	json_t *node = theirs(object);
	void *at = key ? json_object_iter_next(node, json_object_key_to_iter(key)) : json_object_iter(node);
	*value = (const struct json *)json_object_iter_value(at);
	return json_object_iter_key(at);
}

bool json_as_bool(const struct json *node)
{
	CHECK(json_kind(node) == JSON_IS_BOOL);
	return json_is_true((const json_t *)node);
}

int64_t json_as_integer(const struct json *node)
{
	CHECK(json_kind(node) == JSON_IS_INTEGER);
	return json_integer_value((const json_t *)node);
}

double json_as_real(const struct json *node)
{
	CHECK(json_kind(node) == JSON_IS_INTEGER || json_kind(node) == JSON_IS_REAL);
	return json_number_value((const json_t *)node);
}

const char *json_as_string(const struct json *node)
{
	CHECK(json_kind(node) == JSON_IS_STRING);
	return json_string_value((const json_t *)node);
}

struct json *json_clone(const struct json *node)
{
	return ours(json_deep_copy((const json_t *)node));
}

/* Whether no more than `left` arrays and objects lie inside one another, `node` included. */
static bool within_depth(const struct json *node, unsigned left)
{
	enum json_kind kind = json_kind(node);
	if (kind != JSON_IS_ARRAY && kind != JSON_IS_OBJECT)
		return true;
	if (left == 0)
		return false;
	for (size_t i = 0, n = json_array_size((const json_t *)node); i < n; i++)
		if (!within_depth(json_at(node, i), left - 1))
			return false;
	const struct json *value;
	for (const char *key = json_key_after(node, NULL, &value); key; key = json_key_after(node, key, &value))
		if (!within_depth(value, left - 1))
			return false;
	return true;
}

enum err json_parse(struct json **out, struct bytes text, size_t max, const char *what, struct diag *why)
{
	*out = NULL;
	if (text.len > max)
		return diag_set(why, ERR_LIMIT, "%s: %zu bytes, more than the %zu allowed", what, text.len, max);
	json_error_t error;
	const char *octets = text.len ? (const char *)text.ptr : "";
	json_t *root = json_loadb(octets, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!root)
		return diag_set(why, ERR_DATA, "%s:%d:%d: %s", what, error.line, error.column, error.text);
	if (!within_depth(ours(root), JSON_DEPTH_MAX)) {
		json_decref(root);
		return diag_set(why, ERR_DATA, "%s: nested deeper than %d levels", what, JSON_DEPTH_MAX);
	}
	*out = ours(root);
	return OK;
}
