/*
 * YAML files read against one table of rules; the only file that knows libyaml.
 *
 * A document becomes a JSON tree (base/json.h) with its keys in the order of the table and every default written
 * out, so what a person wrote and what is hashed have one path. Everything the table does not permit is an error
 * with file, line and column, and the nearest known key where one is misspelt:
 *     study.yaml:14:3: unknown key "lable" in data; did you mean "label"?
 *
 * Refused, because they have surprised people elsewhere: aliases and anchors, tags, merge keys, duplicate keys, a
 * second document, tabs as indentation, numbers with trailing characters, octal, hex, underscores, leading
 * zeros, leading '+', NaN, infinity, empty values, and a quoted number where a number is expected. `yes`, `no`, `on`, `off`
 * are text; booleans are true and false.
 *
 * Paths: keys joined by '.', "[]" for the items of a list, "{}" for the entries of a map whose keys are names that
 * the writer chooses: "data.features[].name", "sources{}.csv".
 */
#ifndef COHORT_BASE_YAML_H
#define COHORT_BASE_YAML_H

#include "base/json.h"

enum yaml_type { /* a rule may permit several */
	         YAML_BOOL = 1,
	         YAML_INTEGER = 2,
	         YAML_REAL = 4, /* an integer is a real too */
	         YAML_TEXT = 8, /* any scalar, as text; a plain 010 stays "010" */
	         YAML_DATE = 16, /* YYYY-MM-DD, a day that exists; stays text */
	         YAML_LIST = 32,
	         YAML_MAP = 64, /* keys are rules of the table */
	         YAML_NAMES = 128 /* a map whose keys are free: rules "{}" below it */
};

/* A scalar is tried as the types in the order bool, integer, real, date, text; plain (unquoted) scalars only,
 * but for text. So INTEGER | TEXT reads 1 as a number and "10%" as text. */
struct yaml_rule {
	const char *path;
	unsigned types;
	bool required;
	double min,
		max; /* a number's value, a text's bytes, a list's or map's entries; both 0: only the format's own bounds */
	const char *choices; /* "a|b|c": the text must be one of them; NULL: any text */
	const char *
		fallback; /* default as YAML flow text ("0.05", "[]", "{}"), NULL: null in the tree. A map that is absent
	                         and has no fallback, but is not required, is null too: its inner defaults are not invented. */
};

struct yaml_document;

/* `file` names the text in messages. ERR_DATA with a place; ERR_LIMIT beyond YAML_TEXT_MAX. */
enum err yaml_parse(struct yaml_document **out, struct bytes text, const char *file, const struct yaml_rule *rules,
                    size_t count, struct diag *why) MUST_USE;
void yaml_close(struct yaml_document *d); /* accepts NULL; not yaml_free, which is libyaml's own symbol */

const struct json *yaml_tree(const struct yaml_document *d); /* borrowed */
struct json *yaml_take_tree(struct yaml_document *d); /* owned by the caller from now on */

/* For a meaning that does not hold: "study.yaml:9:5: training.local.epochs: <words>". `path` uses indices where the rules
 * have "[]" and names where they have "{}" ("data.features[3].max"); a value that was not written is reported at its nearest
 * written parent. Returns `e`. */
enum err yaml_complain(const struct yaml_document *d, struct diag *why, enum err e, const char *path, const char *fmt,
                       ...) PRINTF_LIKE(5, 6);

/* The known word nearest to `word` by edit distance, NULL when none is near enough to be meant. `known`: "a|b|c". The
 * result is written to `out`. Also for commands and options. */
const char *nearest_word(char *out, size_t out_size, const char *word, const char *known);

#endif
