/* From a value's path to the place where it was written. */
#include "base/yaml_node.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct yaml_node *yaml_node_get(const struct yaml_node *map, const char *key)
{
	for (const struct yaml_node *entry = map->first; entry; entry = entry->next)
		if (strcmp(entry->key, key) == 0)
			return entry;
	return NULL;
}

const char *yaml_peek(const struct yaml_document *d, const char *key)
{
	const struct yaml_node *node = yaml_node_get(d->root, key);
	return node && node->kind == YAML_NODE_SCALAR ? node->text : NULL;
}

/* The entry that the path names next; keys may hold dots themselves, so the longest that fits is meant. */
static const struct yaml_node *step_key(const struct yaml_node *map, const char **path)
{
	const struct yaml_node *best = NULL;
	size_t best_len = 0;
	for (const struct yaml_node *entry = map->first; entry; entry = entry->next) {
		size_t len = strlen(entry->key);
		if (strncmp(*path, entry->key, len) != 0 || !strchr(".[", (*path)[len]))
			continue;
		if (!best || len > best_len) {
			best = entry;
			best_len = len;
		}
	}
	*path += best_len;
	return best;
}

static const struct yaml_node *step_index(const struct yaml_node *list, const char **path)
{
	char *end;
	unsigned long index = strtoul(*path + 1, &end, 10);
	*path = *end == ']' ? end + 1 : end;
	const struct yaml_node *item = list->first;
	while (item && index-- > 0)
		item = item->next;
	return item;
}

/* The node at `path`, or the nearest around it that was written; `path` is left at what was not. */
static const struct yaml_node *walk(const struct yaml_node *node, const char **rest)
{
	const char *path = *rest;
	while (*path) {
		const struct yaml_node *inner = NULL;
		if (*path == '[' && node->kind == YAML_NODE_LIST)
			inner = step_index(node, &path);
		else if (*path != '[' && node->kind == YAML_NODE_MAP)
			inner = step_key(node, &path);
		if (!inner)
			break;
		node = inner;
		if (*path == '.')
			path++;
		*rest = path;
	}
	return node;
}

static const struct yaml_node *locate(const struct yaml_node *node, const char *path)
{
	return walk(node, &path);
}

bool yaml_wrote(const struct yaml_document *d, const char *path)
{
	(void)walk(d->root, &path);
	return *path == '\0';
}

static enum err complain(const struct yaml_document *d, const struct yaml_place *at, struct diag *why, enum err e,
                         const char *words)
{
	if (at->line == 0)
		return diag_set(why, e, "%s", words);
	return diag_set(why, e, "%s:%zu:%zu: %s", d->file, at->line, at->column, words);
}

enum err yaml_node_complain(const struct yaml_document *d, const struct yaml_place *at, struct diag *why, enum err e,
                            const char *fmt, ...)
{
	char words[DIAG_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(words, sizeof words, fmt, args);
	va_end(args);
	return complain(d, at, why, e, words);
}

enum err yaml_complain(const struct yaml_document *d, struct diag *why, enum err e, const char *path, const char *fmt,
                       ...)
{
	char words[DIAG_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(words, sizeof words, fmt, args);
	va_end(args);
	return yaml_node_complain(d, &locate(d->root, path)->at, why, e, "%s%s%s", path, path[0] ? ": " : "", words);
}
