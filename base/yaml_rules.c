/*
 * Nodes to a JSON tree by the table of rules: every key known, every value of a type that its rule permits and within
 * its bounds, defaults in place of what was not written, keys in the table's order.
 */
#include "base/parse.h"
#include "base/yaml_node.h"
#include "base/yaml_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct apply {
	struct yaml_document *document;
	struct yaml_table table;
	struct yaml_node **fallbacks; /* of each rule, read when first needed */
	char path[YAML_PATH_MAX]; /* where the value lies, for messages */
	struct diag *why;
	enum err failed;
};

static struct json *refuse(struct apply *a, const struct yaml_place *at, const char *words)
{
	a->failed = yaml_node_complain(a->document, at, a->why, ERR_DATA, "%s%s%s", a->path,
	                               a->path[0] == 0 ? "" : ": ", words);
	return NULL;
}

/* "a number or a text": what the rule permits. */
static void describe_types(char *out, size_t size, unsigned types)
{
	static const struct {
		unsigned type;
		const char *words;
	} names[] = {{YAML_BOOL, "true or false"},
	             {YAML_INTEGER, "an integer"},
	             {YAML_REAL, "a number"},
	             {YAML_DATE, "a date that exists, written YYYY-MM-DD"},
	             {YAML_TEXT, "a text"},
	             {YAML_LIST, "a list"},
	             {YAML_MAP | YAML_NAMES, "a map (key: value)"}};
	size_t length = 0;
	out[0] = 0;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if ((types & names[i].type) && length < size)
			length += (size_t)snprintf(out + length, size - length, "%s%s", length ? " or " : "",
			                           names[i].words);
}

static struct json *refuse_type(struct apply *a, const struct yaml_node *node, unsigned types)
{
	char wanted[160], words[DIAG_MAX];
	bool number = types & (YAML_INTEGER | YAML_REAL | YAML_BOOL);
	describe_types(wanted, sizeof wanted, types);
	if (node->kind != YAML_NODE_SCALAR)
		snprintf(words, sizeof words, "a %s is not %s", node->kind == YAML_NODE_LIST ? "list" : "map", wanted);
	else if (!node->plain && number)
		snprintf(words, sizeof words, "\"%.200s\" is in quotes and so a text, not %s", node->text, wanted);
	else
		snprintf(words, sizeof words, "\"%.200s\" is not %s", node->text, wanted);
	return refuse(a, &node->at, words);
}

/* As parse_f64, without numbers such as 007. */
static bool parse_real(double *out, const char *text)
{
	const char *digits = text + (text[0] == '-');
	bool padded = digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9';
	return !padded && parse_f64(out, bytes_text(text), '.');
}

static struct json *convert_scalar(struct apply *a, const struct yaml_node *node, const struct yaml_rule *rule)
{
	const char *text = node->text;
	unsigned types = rule->types;
	int64_t integer;
	double real;
	if (node->plain && text[0] == 0)
		return refuse(a, &node->at, "has no value; write one or leave the key out");
	if (node->plain && (strcmp(text, "~") == 0 || strcmp(text, "null") == 0))
		return refuse(a, &node->at, "null is no value; leave the key out, or write \"null\" for the text");
	if ((types & YAML_BOOL) && node->plain && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
		return json_new_bool(text[0] == 't');
	if ((types & YAML_INTEGER) && node->plain && parse_i64(&integer, bytes_text(text)))
		return json_new_integer(integer);
	if ((types & YAML_REAL) && node->plain && parse_real(&real, text))
		return json_new_real(real);
	if ((types & YAML_TEXT) || ((types & YAML_DATE) && yaml_is_date(text)))
		return json_new_string(text);
	return refuse_type(a, node, types);
}

static struct json *convert(struct apply *a, const struct yaml_node *node, size_t rule);

static struct json *convert_list(struct apply *a, const struct yaml_node *list, size_t rule)
{
	struct json *array = json_new_array();
	size_t item = yaml_table_find(&a->table, rule, "[]"), length = strlen(a->path), index = 0;
	CHECK(item != YAML_TABLE_NONE);
	for (const struct yaml_node *node = list->first; node && !a->failed; node = node->next) {
		yaml_path_index(a->path, length, index++);
		struct json *value = convert(a, node, item);
		a->path[length] = 0;
		if (value)
			json_add(array, value);
	}
	return array;
}

/* A key that no rule knows, with the nearest that one knows. */
static void refuse_key(struct apply *a, const struct yaml_node *entry, size_t rule)
{
	struct buf known, list;
	char near[64], words[DIAG_MAX], place[YAML_PATH_MAX + 8] = "";
	buf_init(&known, DIAG_MAX);
	buf_init(&list, DIAG_MAX);
	yaml_table_names(&a->table, rule, &known);
	yaml_list_choices(&list, buf_text(&known));
	if (a->path[0])
		snprintf(place, sizeof place, " in %s", a->path);
	if (nearest_word(near, sizeof near, entry->key, buf_text(&known)))
		snprintf(words, sizeof words, "unknown key \"%.100s\"%.400s; did you mean \"%s\"?", entry->key, place,
		         near);
	else
		snprintf(words, sizeof words, "unknown key \"%.100s\"%.400s; known here: %.400s", entry->key, place,
		         buf_text(&list));
	a->path[0] = 0; /* the words name the place already */
	refuse(a, &entry->key_at, words);
	buf_free(&known);
	buf_free(&list);
}

static const struct yaml_node *fallback_node(struct apply *a, size_t rule)
{
	if (!a->fallbacks[rule])
		CHECK(yaml_node_read(&a->fallbacks[rule], a->document, a->table.rules[rule].fallback, NULL) == OK);
	return a->fallbacks[rule];
}

/* The value of one rule of a map: written, by default, or absent (NULL). */
static struct json *convert_entry(struct apply *a, const struct yaml_node *map, size_t rule)
{
	const struct yaml_rule *r = &a->table.rules[rule];
	const char *name = a->table.name[rule];
	const struct yaml_node *node = yaml_node_get(map, name);
	size_t length = strlen(a->path);
	char words[YAML_PATH_MAX];
	if (!node && r->required) {
		snprintf(words, sizeof words, "\"%s\" is missing", name);
		return refuse(a, &map->at, words);
	}
	if (!node && !r->fallback)
		return NULL;
	yaml_path_key(a->path, length, name);
	struct json *value = convert(a, node ? node : fallback_node(a, rule), rule);
	if (!a->failed)
		a->path[length] = 0;
	return value;
}

static struct json *convert_map(struct apply *a, const struct yaml_node *map, size_t rule)
{
	struct json *object = json_new_object();
	for (const struct yaml_node *entry = map->first; entry && !a->failed; entry = entry->next)
		if (yaml_table_find(&a->table, rule, entry->key) == YAML_TABLE_NONE)
			refuse_key(a, entry, rule);
	for (size_t i = 0; i < a->table.count && !a->failed; i++) {
		struct json *value = a->table.parent[i] == rule ? convert_entry(a, map, i) : NULL;
		if (value)
			json_set(object, a->table.name[i], value);
	}
	return object;
}

static struct json *convert_names(struct apply *a, const struct yaml_node *map, size_t rule)
{
	struct json *object = json_new_object();
	size_t item = yaml_table_find(&a->table, rule, "{}"), length = strlen(a->path);
	CHECK(item != YAML_TABLE_NONE);
	for (const struct yaml_node *entry = map->first; entry && !a->failed; entry = entry->next) {
		yaml_path_key(a->path, length, entry->key);
		struct json *value = convert(a, entry, item);
		if (!a->failed)
			a->path[length] = 0;
		if (value)
			json_set(object, entry->key, value);
	}
	return object;
}

static struct json *convert_kind(struct apply *a, const struct yaml_node *node, size_t rule)
{
	const struct yaml_rule *r = &a->table.rules[rule];
	if (node->kind == YAML_NODE_SCALAR)
		return convert_scalar(a, node, r);
	if (node->kind == YAML_NODE_LIST && (r->types & YAML_LIST))
		return convert_list(a, node, rule);
	if (node->kind == YAML_NODE_MAP && (r->types & YAML_MAP))
		return convert_map(a, node, rule);
	if (node->kind == YAML_NODE_MAP && (r->types & YAML_NAMES))
		return convert_names(a, node, rule);
	return refuse_type(a, node, r->types);
}

/* The value of `node` by its rule; NULL after a failure. */
static struct json *convert(struct apply *a, const struct yaml_node *node, size_t rule)
{
	struct diag words = {0};
	struct json *value = convert_kind(a, node, rule);
	if (value && !a->failed && !yaml_table_accepts(&a->table.rules[rule], value, &words))
		refuse(a, &node->at, words.text);
	if (!a->failed)
		return value;
	json_free(value);
	return NULL;
}

enum err yaml_apply(struct yaml_document *d, const struct yaml_rule *rules, size_t count, struct diag *why)
{
	struct apply a = {.document = d, .why = why};
	yaml_table_make(&a.table, rules, count);
	a.fallbacks = mem_array(count, sizeof(struct yaml_node *));
	struct json *tree = convert_map(&a, d->root, YAML_TABLE_TOP);
	json_free(d->tree);
	d->tree = a.failed ? NULL : tree;
	if (a.failed)
		json_free(tree);
	free(a.fallbacks);
	yaml_table_free(&a.table);
	return a.failed;
}

enum err yaml_parse(struct yaml_document **out, struct bytes text, const char *file, const struct yaml_rule *rules,
                    size_t count, struct diag *why)
{
	enum err e = yaml_open(out, text, file, why);
	if (e != OK || (e = yaml_apply(*out, rules, count, why)) == OK)
		return e;
	yaml_close(*out);
	*out = NULL;
	return e;
}

const struct json *yaml_tree(const struct yaml_document *d)
{
	return d->tree;
}

struct json *yaml_take_tree(struct yaml_document *d)
{
	struct json *tree = d->tree;
	d->tree = NULL;
	return tree;
}
