/*
 * YAML files read against one table of rules.
 *
 *   text --yaml_open--> nodes with line and column --yaml_apply(rules)--> JSON tree (base/json.h)
 *   yaml.c, the only file that knows libyaml         yaml_rules.c            yaml_check.c holds a finished tree against
 *                                                                            the same rules again (a contract received)
 *
 * The tree has its keys in the order of the table and every default written out, so what a person wrote and what is hashed have
 * one path. A key that was not written and has no default is absent. Everything the table does not permit is an error
 * with file, line and column, and the nearest known key where one is misspelt:
 *     study.yaml:14:3: unknown key "lable" in data; did you mean "label"?
 *
 * Refused, because they have surprised people elsewhere: aliases and anchors, tags, merge keys, duplicate keys, a second
 * document, directives, tabs as indentation, numbers with trailing characters, octal, hex, underscores, leading zeros, leading
 * '+', NaN, infinity, null and empty values, a quoted number where a number is expected, control characters but tab (the
 * last line break of a block text is dropped). `yes`, `no`, `on`, `off` are text; booleans are true and false.
 *
 * Paths: keys joined by '.', "[]" for the items of a list, "{}" for the entries of a map whose keys are names that
 * the writer chooses: "data.features[].name", "sources{}.csv". Every list and map of the table has rules for what is in it.
 */
#ifndef COHORT_BASE_YAML_H
#define COHORT_BASE_YAML_H

#include "base/json.h"
#include "base/nearest.h"

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

/* A scalar is tried as the types in the order bool, integer, real, date, text; plain (unquoted) scalars only, but for
 * date and text. So INTEGER | TEXT reads 1 as a number and "10%" as text. */
struct yaml_rule {
	const char *path;
	unsigned types;
	bool required;
	/* A number's value, a text's bytes, a list's or map's entries; both 0: only the format's own bounds. With several types
	 * the bounds hold for numbers, lists and maps if the rule permits one, otherwise for text. */
	double min, max;
	const char *choices; /* "a|b|c": a text must be one of them; NULL: any text */
	const char *
		later; /* more choices, which whoever reads the tree refuses by name: no message lists them; NULL: none */
	/* Default as YAML flow text ("0.05", "[]", "{}"), given the same treatment as written text. NULL: absent; the inner
	 * defaults of an absent map are not invented. */
	const char *fallback;
	bool shorthand; /* stands for other keys: the caller replaces it, and yaml_check refuses it in a finished tree */
};

struct yaml_document;

/* Text to nodes: syntax only. `file` names the text in messages. The top must be a map. ERR_DATA with a place;
 * ERR_LIMIT beyond YAML_TEXT_MAX, YAML_DEPTH_MAX, YAML_NODES_MAX. */
enum err yaml_open(struct yaml_document **out, struct bytes text, const char *file, struct diag *why) MUST_USE;
void yaml_close(struct yaml_document *d); /* accepts NULL; not yaml_free, which is libyaml's own symbol */

/* The text of a scalar at the top, before any rule: for a format's version. NULL when absent or no scalar. */
const char *yaml_peek(const struct yaml_document *d, const char *key);

/* Nodes to tree. `rules` is read during the call only. A broken table is a CHECK. */
enum err yaml_apply(struct yaml_document *d, const struct yaml_rule *rules, size_t count, struct diag *why) MUST_USE;

/* Between the two: puts `value`, YAML text, where `path` says, as if it had been written there. Maps on the way that were not
 * written are made. An item of a list is named by its index ("data.features[3].max") or, when it is a map, by its `name`
 * ("data.features.chol.max"). ERR_DATA when the path leads through a scalar or to no item, or the value is no YAML. Whether the
 * key exists is for yaml_apply. */
enum err yaml_set(struct yaml_document *d, const char *path, const char *value, struct diag *why) MUST_USE;

/* Whether the rules have a key that such a path names, items by index or name included. Not: `meant` holds the keys that end with
 * the word that was not found, else the nearest one, else nothing ("rounds": "training.rounds"). */
bool yaml_knows_key(struct diag *meant, const char *path, const struct yaml_rule *rules, size_t count);

/* Both. */
enum err yaml_parse(struct yaml_document **out, struct bytes text, const char *file, const struct yaml_rule *rules,
                    size_t count, struct diag *why) MUST_USE;

/* Whether the text, or yaml_set, has a value at `path` (as of yaml_complain): the tree has defaults there, too. */
bool yaml_wrote(const struct yaml_document *d, const char *path);

const struct json *yaml_tree(const struct yaml_document *d); /* borrowed; NULL before yaml_apply */
struct json *yaml_take_tree(struct yaml_document *d); /* owned by the caller from now on */

/* For a meaning that does not hold: "study.yaml:9:5: training.local.epochs: <words>". `path` uses indices where the rules
 * have "[]" and names where they have "{}" ("data.features[3].max"); a value that was not written is reported at its nearest
 * written parent, one that yaml_set has added without a place. Returns `e`. */
enum err yaml_complain(const struct yaml_document *d, struct diag *why, enum err e, const char *path, const char *fmt,
                       ...) PRINTF_LIKE(5, 6);

/* Whether `tree` is one that yaml_apply could have made with these rules, a shorthand replaced: keys known and in the table's
 * order, those with a default present, types, bounds and choices. ERR_DATA as "what: data.features[3].max: ...". */
enum err yaml_check(const struct json *tree, const struct yaml_rule *rules, size_t count, const char *what,
                    struct diag *why) MUST_USE;

#endif
