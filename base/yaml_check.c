/*
 * A finished tree against the rules: a contract that came over the wire or from a disk is held to the same table as the
 * file that a person wrote, without a second list of bounds.
 */
#include "base/yaml_table.h"

#include <string.h>

struct check {
	struct yaml_table table;
	const char *what;
	char path[YAML_PATH_MAX];
	struct diag *why;
};

static enum err refuse(const struct check *c, const char *words)
{
	bool top = c->path[0] == 0;
	return diag_set(c->why, ERR_DATA, "%s: %s%s%s", c->what, c->path, top ? "" : ": ", words);
}

static bool type_permitted(unsigned types, const struct json *value)
{
	switch (json_kind(value)) {
	case JSON_IS_NULL:
		return false;
	case JSON_IS_BOOL:
		return types & YAML_BOOL;
	case JSON_IS_INTEGER:
		return types & (YAML_INTEGER | YAML_REAL);
	case JSON_IS_REAL:
		return types & YAML_REAL;
	case JSON_IS_STRING:
		return (types & YAML_TEXT) || ((types & YAML_DATE) && yaml_is_date(json_as_string(value)));
	case JSON_IS_ARRAY:
		return types & YAML_LIST;
	case JSON_IS_OBJECT:
		return types & (YAML_MAP | YAML_NAMES);
	}
	return false;
}

static enum err check_value(struct check *c, const struct json *value, size_t rule);

static enum err check_list(struct check *c, const struct json *list, size_t rule)
{
	size_t item = yaml_table_find(&c->table, rule, "[]"), length = strlen(c->path);
	enum err e = OK;
	for (size_t i = 0; i < json_count(list) && e == OK; i++) {
		yaml_path_index(c->path, length, i);
		e = check_value(c, json_at(list, i), item);
		c->path[length] = 0;
	}
	return e;
}

static enum err check_names(struct check *c, const struct json *map, size_t rule)
{
	size_t item = yaml_table_find(&c->table, rule, "{}"), length = strlen(c->path);
	const struct json *value;
	enum err e = OK;
	for (const char *key = json_key_after(map, NULL, &value); key && e == OK;
	     key = json_key_after(map, key, &value)) {
		yaml_path_key(c->path, length, key);
		e = check_value(c, value, item);
		c->path[length] = 0;
	}
	return e;
}

/* One rule of a map against the map's current key, which moves on when it is this rule's. */
static enum err check_entry(struct check *c, const struct json *map, size_t rule, const char **key,
                            const struct json **value)
{
	const struct yaml_rule *r = &c->table.rules[rule];
	const char *name = c->table.name[rule];
	size_t length = strlen(c->path);
	bool present = *key && strcmp(*key, name) == 0;
	enum err e = OK;
	if (!present && !r->required && !r->fallback)
		return OK;
	yaml_path_key(c->path, length, name);
	if (!present)
		e = refuse(c, "is missing or not in its place");
	else if (r->shorthand)
		e = refuse(c, "is a shorthand and must be replaced");
	else
		e = check_value(c, *value, rule);
	c->path[length] = 0;
	if (present)
		*key = json_key_after(map, *key, value);
	return e;
}

static enum err check_map(struct check *c, const struct json *map, size_t rule)
{
	const struct json *value;
	const char *key = json_key_after(map, NULL, &value);
	enum err e = OK;
	for (size_t i = 0; i < c->table.count && e == OK; i++)
		if (c->table.parent[i] == rule)
			e = check_entry(c, map, i, &key, &value);
	if (e == OK && key) {
		yaml_path_key(c->path, strlen(c->path), key);
		e = refuse(c, "is unknown or not in its place");
	}
	return e;
}

static enum err check_value(struct check *c, const struct json *value, size_t rule)
{
	const struct yaml_rule *r = &c->table.rules[rule];
	struct diag words = {0};
	if (!type_permitted(r->types, value))
		return refuse(c, "is of a wrong type");
	if (!yaml_table_accepts(r, value, &words))
		return refuse(c, words.text);
	if (json_kind(value) == JSON_IS_ARRAY)
		return check_list(c, value, rule);
	if (json_kind(value) != JSON_IS_OBJECT)
		return OK;
	return r->types & YAML_MAP ? check_map(c, value, rule) : check_names(c, value, rule);
}

enum err yaml_check(const struct json *tree, const struct yaml_rule *rules, size_t count, const char *what,
                    struct diag *why)
{
	struct check c = {.what = what, .why = why};
	if (json_kind(tree) != JSON_IS_OBJECT)
		return diag_set(why, ERR_DATA, "%s: must be an object", what);
	yaml_table_make(&c.table, rules, count);
	enum err e = check_map(&c, tree, YAML_TABLE_TOP);
	yaml_table_free(&c.table);
	return e;
}
