/*
 * A table of rules taken apart for looking up, and what a value must be whoever wrote it; shared by yaml_rules.c (what
 * a person wrote), yaml_check.c (a finished tree) and yaml_key.c (a key alone). No other file includes this.
 *
 *   "data"                  name "data"    parent YAML_TABLE_TOP
 *   "data.features"         name "features" parent "data"
 *   "data.features[]"       name "[]"      parent "data.features"
 *   "data.features[].name"  name "name"    parent "data.features[]"
 */
#ifndef COHORT_BASE_YAML_TABLE_H
#define COHORT_BASE_YAML_TABLE_H

#include "base/yaml.h"

#define YAML_TABLE_TOP ((size_t)-1)
#define YAML_TABLE_NONE ((size_t)-2)
#define YAML_PATH_MAX 512 /* a path in a message; a longer one is cut */

struct yaml_table {
	const struct yaml_rule *rules; /* borrowed */
	size_t count;
	size_t *parent; /* of each rule */
	const char **name; /* of each rule, in its parent; borrowed from the rule's path */
};

/* A table that contradicts itself (a parent missing, or no list or map) is a CHECK. */
void yaml_table_make(struct yaml_table *t, const struct yaml_rule *rules, size_t count);
void yaml_table_free(struct yaml_table *t);

/* The rule of `name` below `parent`, "[]" and "{}" included; YAML_TABLE_NONE when there is none. */
size_t yaml_table_find(const struct yaml_table *t, size_t parent, const char *name);

/* "a|b|c": the names below `parent`, appended. */
void yaml_table_names(const struct yaml_table *t, size_t parent, struct buf *out);

void yaml_list_choices(struct buf *out, const char *choices); /* "a|b|c" as "a, b, c", appended */

/* Bounds and choices of a value whose type is right. False: `words` say what is wrong ("0 is below 1"). */
bool yaml_table_accepts(const struct yaml_rule *rule, const struct json *value, struct diag *words);

bool yaml_is_date(const char *text); /* YYYY-MM-DD, a day that exists, from 1970 on */

/* `length` of a path in `path`, made longer by a key or an index; the new length. */
size_t yaml_path_key(char path[YAML_PATH_MAX], size_t length, const char *key);
size_t yaml_path_index(char path[YAML_PATH_MAX], size_t length, size_t index);

#endif
