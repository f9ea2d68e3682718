/*
 * JSON (RFC 8259), strict, over jansson (json.c, the only file that knows it; json_write.c; json_read.c).
 *
 * A tree is built with json_set_* and json_add_*, or parsed; keys keep their order. Writing is canonical: keys in
 * insertion order, no blanks, integers as integers, other numbers as %.17g (8.0 as 8, read back as an integer
 * where a real is expected), so the same tree gives the same bytes and they can be hashed.
 *
 * Parsing refuses: duplicate keys, trailing bytes, invalid UTF-8, NUL in strings, nesting deeper than
 * JSON_DEPTH_MAX, and texts beyond the caller's bound. Reading goes through a struct json_reader whose failure is
 * sticky and whose end checks that no key was left unread: an unknown key is an error and is named.
 *
 * Names keep clear of jansson's own symbols (json_object, json_copy ...): a program's symbol would replace the library's.
 */
#ifndef COHORT_BASE_JSON_H
#define COHORT_BASE_JSON_H

#include "base/bytes.h"
#include "base/hash.h"

#include <stdint.h>

#define JSON_DEPTH_MAX 32 /* the study, the deepest document, nests 6 */

struct json; /* a node; owned by its root */

enum json_kind {
	JSON_IS_NULL,
	JSON_IS_BOOL,
	JSON_IS_INTEGER,
	JSON_IS_REAL,
	JSON_IS_STRING,
	JSON_IS_ARRAY,
	JSON_IS_OBJECT
};

/* ---- building. Each returns a new root that json_free releases, until json_set or json_add takes it over. */
struct json *json_new_null(void);
struct json *json_new_bool(bool v);
struct json *json_new_integer(int64_t v);
struct json *json_new_real(double v); /* NaN and infinity become null: JSON has none */
struct json *json_new_string(const char *utf8); /* if it is not valid UTF-8, every byte above 0x7f becomes '?' */
struct json *json_new_array(void);
struct json *json_new_object(void);
void json_free(struct json *root); /* accepts NULL */

void json_set(struct json *object, const char *key, struct json *value); /* takes value; replaces in place */
void json_set_bool(struct json *object, const char *key, bool v);
void json_set_integer(struct json *object, const char *key, int64_t v);
void json_set_real(struct json *object, const char *key, double v);
void json_set_string(struct json *object, const char *key, const char *utf8); /* NULL gives null */
void json_set_hash(struct json *object, const char *key, const struct hash *h); /* hex; zero hash gives null */
void json_add(struct json *array, struct json *value); /* takes value */

/* Canonical text, appended. Indented by two blanks when `pretty`. */
void json_write(struct buf *out, const struct json *root, bool pretty);

/* ---- looking. Borrowed from the root. */
enum json_kind json_kind(const struct json *node);
const struct json *json_get(const struct json *object, const char *key); /* NULL when absent or no object */
size_t json_count(const struct json *array_or_object); /* 0 for others */
const struct json *json_at(const struct json *array, size_t index);
/* The key after `key` in order and its value: NULL begins, NULL ends. `key` is a pointer that this function gave. */
const char *json_key_after(const struct json *object, const char *key, const struct json **value);
bool json_as_bool(const struct json *node); /* CHECK on the type, as the next three */
int64_t json_as_integer(const struct json *node);
double json_as_real(const struct json *node); /* integer or real */
const char *json_as_string(const struct json *node);
struct json *json_clone(const struct json *node); /* deep */

/* ---- parsing. `what` names the text in messages ("message from st-mary"). ERR_DATA with the place, ERR_LIMIT when
 * text.len > max. */
enum err json_parse(struct json **out, struct bytes text, size_t max, const char *what, struct diag *why) MUST_USE;

/* ---- strict reading of one object: read every key once, then json_read_end. Keys may be left out only where the caller
 * asks json_has first. */
#define JSON_READ_KEYS_MAX 48 /* keys of the widest object that is read, a coordinator's configuration section */

struct json_reader {
	const struct json *object;
	const char *what; /* for messages: "round" or "study.model" */
	const char *keys[JSON_READ_KEYS_MAX]; /* read so far, for naming one that is left over */
	size_t taken;
	enum err failed; /* sticky; the first failure is described in `why` */
	struct diag *why;
};

void json_read_begin(struct json_reader *r, const struct json *node, const char *what, struct diag *why);
bool json_has(const struct json_reader *r, const char *key); /* present and not null */
bool json_read_bool(struct json_reader *r, const char *key);
int64_t json_read_integer(struct json_reader *r, const char *key, int64_t min, int64_t max);
double json_read_real(struct json_reader *r, const char *key, double min, double max); /* integers too */
/* At most max_len bytes of plain text (json_is_plain). "" after a failure. Borrowed from the tree. */
const char *json_read_string(struct json_reader *r, const char *key, size_t max_len);
void json_read_hash(struct json_reader *r, const char *key, struct hash *out); /* null gives the zero hash */
const struct json *json_read_array(struct json_reader *r, const char *key, size_t max_count); /* NULL after a failure */
const struct json *json_read_object(struct json_reader *r, const char *key); /* NULL after a failure */
void json_read_null(struct json_reader *r, const char *key); /* the key, holding null, is taken */
/* OK when all reads succeeded and no key is left over; otherwise ERR_DATA, named in `why`. */
enum err json_read_end(struct json_reader *r) MUST_USE;

/* Text without control characters (C0 but tab, DEL, C1) and without those that reverse the order of display: one line that is
 * safe to show on a terminal. */
bool json_is_plain(const char *utf8);

#endif
