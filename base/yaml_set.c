/* Changes nodes before the rules see them: what a command line says against what a file says. */
#include "base/parse.h"
#include "base/yaml_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct setting {
	struct yaml_document *document;
	const char *path, *rest; /* the whole, and what is left of it */
	struct diag *why;
};

static struct yaml_node *entry(struct yaml_node *map, const char *key, size_t len)
{
	for (struct yaml_node *n = map->first; n; n = n->next)
		if (strlen(n->key) == len && strncmp(n->key, key, len) == 0)
			return n;
	return NULL;
}

/* The item that is a map with this `name`. */
static struct yaml_node *named_item(struct yaml_node *list, const char *name, size_t len)
{
	for (struct yaml_node *item = list->first; item; item = item->next) {
		const struct yaml_node *n = item->kind == YAML_NODE_MAP ? yaml_node_get(item, "name") : NULL;

		if (n && n->kind == YAML_NODE_SCALAR && strlen(n->text) == len && strncmp(n->text, name, len) == 0)
			return item;
	}
	return NULL;
}

/* "[3]"; the brackets and what is between them are `len` characters. NULL for anything else between them. */
static struct yaml_node *indexed_item(struct yaml_node *list, const char *text, size_t len)
{
	struct yaml_node *item = list->first;
	uint64_t index;

	if (len < 3 || text[len - 1] != ']' || !parse_u64(&index, bytes_of(text + 1, len - 2)))
		return NULL;
	while (item && index-- > 0)
		item = item->next;
	return item;
}

static void append(struct yaml_node *map, struct yaml_node *node, const char *key, size_t len)
{
	struct yaml_node **end = &map->first;

	while (*end)
		end = &(*end)->next;
	*end = node;
	map->count++;
	node->key = mem_alloc(len + 1);
	memcpy(node->key, key, len);
}

/* Takes the next part of the path: "name", "name[3]" counts as "name" and then "[3]". */
static size_t part_length(const char *rest)
{
	if (rest[0] == '[')
		return strcspn(rest, "]") + (strchr(rest, ']') != NULL);
	return strcspn(rest, ".[");
}

static enum err no_way(const struct setting *s, const char *words)
{
	return diag_set(s->why, ERR_DATA, "%s: \"%.*s\" %s", s->path, (int)part_length(s->rest), s->rest, words);
}

/* One step from `node`; a map on the way is made. */
static enum err step(struct yaml_node **out, struct setting *s, struct yaml_node *node, bool last)
{
	size_t len = part_length(s->rest);

	*out = NULL;
	if (len == 0)
		return diag_set(s->why, ERR_DATA, "%s: a name is missing; write the key as in data.split.seed",
		                s->path);
	if (s->rest[0] == '[' && s->rest[len] != '\0' && s->rest[len] != '.' && s->rest[len] != '[')
		return no_way(s, "is followed by neither \".\" nor \"[\"");
	if (node->kind == YAML_NODE_SCALAR)
		return no_way(s, "lies below a value");
	if (node->kind == YAML_NODE_LIST)
		*out = s->rest[0] == '[' ? indexed_item(node, s->rest, len) : named_item(node, s->rest, len);
	else
		*out = entry(node, s->rest, len);
	if (!*out && node->kind == YAML_NODE_LIST)
		return no_way(s, "is no item of that list, or shares its entry with others (names: ...)");
	if (!*out && !last) {
		*out = yaml_node_map(s->document, node->at);
		(*out)->key_at = node->at;
		append(node, *out, s->rest, len);
	}
	return OK;
}

/* Nothing of it stands in the file. */
static void forget_places(struct yaml_node *node)
{
	node->at = node->key_at = (struct yaml_place){0};
	for (struct yaml_node *n = node->first; n; n = n->next)
		forget_places(n);
}

/* `old` becomes what `value` is, at its place and under its key. */
static void replace(struct yaml_node *old, struct yaml_node *value)
{
	free(old->text);
	old->text = value->text;
	value->text = NULL;
	old->kind = value->kind;
	old->plain = value->plain;
	old->first = value->first;
	old->count = value->count;
	value->first = NULL;
}

enum err yaml_set(struct yaml_document *d, const char *path, const char *value, struct diag *why)
{
	struct setting s = {d, path, path, why};
	struct yaml_node *node = d->root, *found, *new;
	char *file = d->file;
	enum err e;

	d->file = mem_copy_text(path); /* a fault of the value is at "training.rounds:1:1" */
	e = yaml_node_read(&new, d, value, why);
	free(d->file);
	d->file = file;
	if (e == OK)
		forget_places(new);
	while (e == OK) {
		size_t len = part_length(s.rest);
		bool last = s.rest[len] == '\0';

		e = step(&found, &s, node, last);
		if (e != OK || (last && found == NULL))
			break;
		node = found;
		if (last) {
			replace(node, new);
			return OK;
		}
		s.rest += len + (s.rest[len] == '.');
	}
	if (e == OK)
		append(node, new, s.rest, part_length(s.rest));
	return e;
}
