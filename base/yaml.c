/*
 * YAML text to nodes with their places, over libyaml's events; the only file that knows libyaml.
 *
 * libyaml's ready document tree resolves aliases and tags before anyone sees them; its events show them, so they can be
 * refused, and depth and node count are bounded while reading.
 */
#include "base/yaml_node.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct build {
	struct yaml_document *document;
	struct bytes text;
	yaml_parser_t parser;
	struct diag *why;
};

static enum err refuse(const struct build *b, enum err e, yaml_mark_t at, const char *words)
{
	return diag_set(b->why, e, "%s:%zu:%zu: %s", b->document->file, at.line + 1, at.column + 1, words);
}

static const char tab_hint[] = " (a tab? YAML indents with spaces)";

/* Is there a tab among the blanks at the beginning of the line? `line` from 0. */
static bool is_indented_with_tab(struct bytes text, size_t line)
{
	const uint8_t *at = text.ptr, *end = text.len > 0 ? text.ptr + text.len : text.ptr;
	while (line > 0 && at < end)
		line -= *at++ == '\n';
	while (at < end && *at == ' ')
		at++;
	return at < end && *at == '\t';
}

/* libyaml's own complaint: of the reader (no mark, but an offset) or of the grammar. */
static enum err refuse_syntax(const struct build *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "unreadable";
	if (p->error == YAML_MEMORY_ERROR)
		return diag_set(b->why, ERR_MEMORY, "%s: out of memory", b->document->file);
	if (p->error == YAML_READER_ERROR)
		return diag_set(b->why, ERR_DATA, "%s: byte %zu: %s", b->document->file, p->problem_offset, problem);
	const char *hint = is_indented_with_tab(b->text, p->problem_mark.line) ? tab_hint : "";
	if (!p->context)
		return diag_set(b->why, ERR_DATA, "%s:%zu:%zu: %s%s", b->document->file, p->problem_mark.line + 1,
		                p->problem_mark.column + 1, problem, hint);
	return diag_set(b->why, ERR_DATA, "%s:%zu:%zu: %s (%s that starts at line %zu)%s", b->document->file,
	                p->problem_mark.line + 1, p->problem_mark.column + 1, problem, p->context,
	                p->context_mark.line + 1, hint);
}

static enum err next_event(struct build *b, yaml_event_t *event)
{
	if (!yaml_parser_parse(&b->parser, event)) {
		*event = (yaml_event_t){0};
		return refuse_syntax(b);
	}
	return OK;
}

static struct yaml_node *make_node(struct build *b, enum yaml_node_kind kind, yaml_mark_t at)
{
	struct yaml_node *node = mem_alloc(sizeof *node);
	node->kind = kind;
	node->at = (struct yaml_place){at.line + 1, at.column + 1};
	node->made_before = b->document->last_made;
	b->document->last_made = node;
	b->document->node_count++;
	return node;
}

/* A scalar's characters as text of ours, or NULL when it holds what no value may hold. */
static char *plain_text(const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	yaml_scalar_style_t style = event->data.scalar.style;
	bool block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
	if (block && len > 0 && value[len - 1] == '\n')
		len--;
	if (memchr(value, 0, len))
		return NULL;
	char *text = mem_alloc(len + 1);
	memcpy(text, value, len);
	if (json_is_plain(text))
		return text;
	free(text);
	return NULL;
}

/* What every node may not carry; NULL when all is well. */
static const char *forbidden(const yaml_event_t *event)
{
	const void *anchor = NULL, *tag = NULL;
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return "aliases are not accepted; write the value out";
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	default:
		break;
	}
	if (anchor)
		return "anchors are not accepted; write the value out where it is needed";
	return tag ? "tags are not accepted; the type follows from the key" : NULL;
}

static int compare_keys(const void *a, const void *b)
{
	const struct yaml_node *const *x = a, *const *y = b;
	int order = strcmp((*x)->key, (*y)->key);
	if (order != 0)
		return order;
	return (*x)->key_at.line != (*y)->key_at.line ? ((*x)->key_at.line > (*y)->key_at.line) - 1
	                                              : ((*x)->key_at.column > (*y)->key_at.column) - 1;
}

static enum err refuse_duplicates(const struct build *b, const struct yaml_node *map)
{
	enum err e = OK;
	if (map->count < 2)
		return OK;
	const struct yaml_node **sorted = mem_array(map->count, sizeof *sorted);
	size_t n = 0;
	for (const struct yaml_node *entry = map->first; entry; entry = entry->next)
		sorted[n++] = entry;
	qsort(sorted, n, sizeof *sorted, compare_keys);
	for (size_t i = 1; i < n && e == OK; i++)
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
			e = diag_set(b->why, ERR_DATA, "%s:%zu:%zu: \"%s\" was written before, in line %zu",
			             b->document->file, sorted[i]->key_at.line, sorted[i]->key_at.column,
			             sorted[i]->key, sorted[i - 1]->key_at.line);
	free(sorted);
	return e;
}

static enum err read_node(struct build *b, const yaml_event_t *event, unsigned depth, struct yaml_node **out);

static enum err read_list(struct build *b, struct yaml_node *list, unsigned depth)
{
	struct yaml_node **end = &list->first;
	enum err e;
	for (;;) {
		yaml_event_t event;
		if ((e = next_event(b, &event)) != OK)
			return e;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			break;
		e = read_node(b, &event, depth, end);
		yaml_event_delete(&event);
		if (e != OK)
			return e;
		end = &(*end)->next;
		list->count++;
	}
	return OK;
}

static enum err read_key(struct build *b, const yaml_event_t *event, char **key)
{
	const char *words = forbidden(event);
	if (words)
		return refuse(b, ERR_DATA, event->start_mark, words);
	if (event->type != YAML_SCALAR_EVENT)
		return refuse(b, ERR_DATA, event->start_mark, "a key must be a word, not a list or a map");
	*key = plain_text(event);
	if (!*key)
		return refuse(b, ERR_DATA, event->start_mark, "a key holds a control character");
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(*key, "<<") == 0)
		return refuse(b, ERR_DATA, event->start_mark, "merge keys are not accepted; write the values out");
	return OK;
}

static enum err read_entry(struct build *b, const yaml_event_t *key_event, unsigned depth, struct yaml_node **out)
{
	yaml_event_t event = {0};
	char *key = NULL;
	enum err e = read_key(b, key_event, &key);
	if (e != OK || (e = next_event(b, &event)) != OK)
		goto out;
	if ((e = read_node(b, &event, depth, out)) != OK)
		goto out;
	(*out)->key = key;
	(*out)->key_at = (struct yaml_place){key_event->start_mark.line + 1, key_event->start_mark.column + 1};
	key = NULL;
out:
	yaml_event_delete(&event);
	free(key);
	return e;
}

static enum err read_map(struct build *b, struct yaml_node *map, unsigned depth)
{
	struct yaml_node **end = &map->first;
	enum err e;
	for (;;) {
		yaml_event_t event;
		if ((e = next_event(b, &event)) != OK)
			return e;
		if (event.type == YAML_MAPPING_END_EVENT)
			break;
		e = read_entry(b, &event, depth, end);
		yaml_event_delete(&event);
		if (e != OK)
			return e;
		end = &(*end)->next;
		map->count++;
	}
	return refuse_duplicates(b, map);
}

/* The node that starts with `event`, its children included. `depth` containers lie around it. */
static enum err read_node(struct build *b, const yaml_event_t *event, unsigned depth, struct yaml_node **out)
{
	const char *words = forbidden(event);
	if (words)
		return refuse(b, ERR_DATA, event->start_mark, words);
	if (b->document->node_count >= YAML_NODES_MAX)
		return refuse(b, ERR_LIMIT, event->start_mark, "too many values in one file");
	if (event->type == YAML_SCALAR_EVENT) {
		*out = make_node(b, YAML_NODE_SCALAR, event->start_mark);
		(*out)->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		(*out)->text = plain_text(event);
		return (*out)->text ? OK : refuse(b, ERR_DATA, event->start_mark, "a text holds a control character");
	}
	if (depth >= YAML_DEPTH_MAX)
		return refuse(b, ERR_LIMIT, event->start_mark, "nested too deeply");
	bool list = event->type == YAML_SEQUENCE_START_EVENT;
	CHECK(list || event->type == YAML_MAPPING_START_EVENT);
	*out = make_node(b, list ? YAML_NODE_LIST : YAML_NODE_MAP, event->start_mark);
	return list ? read_list(b, *out, depth + 1) : read_map(b, *out, depth + 1);
}

/* Takes the next event, which must be of `type`; `words` refuse another one. */
static enum err expect(struct build *b, yaml_event_type_t type, const char *words)
{
	yaml_event_t event;
	enum err e = next_event(b, &event);
	if (e == OK && event.type != type)
		e = refuse(b, ERR_DATA, event.start_mark, words);
	if (e == OK && type == YAML_DOCUMENT_START_EVENT &&
	    (event.data.document_start.version_directive ||
	     event.data.document_start.tag_directives.start != event.data.document_start.tag_directives.end))
		e = refuse(b, ERR_DATA, event.start_mark,
		           "directives (%YAML, %TAG) are not accepted; leave the line out");
	yaml_event_delete(&event);
	return e;
}

static enum err read_document(struct build *b, struct yaml_node **root)
{
	yaml_event_t event = {0};
	enum err e = expect(b, YAML_STREAM_START_EVENT, "unreadable");
	if (e != OK || (e = expect(b, YAML_DOCUMENT_START_EVENT, "the file is empty")) != OK)
		goto out;
	if ((e = next_event(b, &event)) != OK || (e = read_node(b, &event, 0, root)) != OK)
		goto out;
	if ((e = expect(b, YAML_DOCUMENT_END_EVENT, "unreadable")) != OK)
		goto out;
	e = expect(b, YAML_STREAM_END_EVENT, "a second document starts here; one file holds one");
out:
	yaml_event_delete(&event);
	return e;
}

static enum err read_text(struct yaml_document *d, struct bytes text, struct yaml_node **root, struct diag *why)
{
	struct build b = {.document = d, .text = text, .why = why};
	if (!yaml_parser_initialize(&b.parser))
		return diag_set(why, ERR_MEMORY, "%s: out of memory", d->file);
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING); /* or it would also take UTF-16 */
	yaml_parser_set_input_string(&b.parser, text.len ? text.ptr : (const uint8_t *)"", text.len);
	enum err e = read_document(&b, root);
	yaml_parser_delete(&b.parser);
	return e;
}

enum err yaml_open(struct yaml_document **out, struct bytes text, const char *file, struct diag *why)
{
	*out = NULL;
	if (text.len > YAML_TEXT_MAX)
		return diag_set(why, ERR_LIMIT, "%s: %zu bytes, more than the %u allowed", file, text.len,
		                YAML_TEXT_MAX);
	struct yaml_document *d = mem_alloc(sizeof *d);
	d->file = mem_copy_text(file);
	enum err e = read_text(d, text, &d->root, why);
	if (e == OK && d->root->kind != YAML_NODE_MAP)
		e = diag_set(why, ERR_DATA, "%s:%zu:%zu: the file must hold keys and values (key: value)", file,
		             d->root->at.line, d->root->at.column);
	if (e == OK)
		*out = d;
	else
		yaml_close(d);
	return e;
}

enum err yaml_node_read(struct yaml_node **out, struct yaml_document *d, const char *text, struct diag *why)
{
	*out = NULL;
	d->node_count = 0; /* the bound is for what was written, and that is counted already */
	return read_text(d, bytes_text(text), out, why);
}

struct yaml_node *yaml_node_map(struct yaml_document *d, struct yaml_place at)
{
	struct build b = {.document = d};

	return make_node(&b, YAML_NODE_MAP, (yaml_mark_t){.line = at.line - 1, .column = at.column - 1});
}

void yaml_close(struct yaml_document *d)
{
	if (!d)
		return;
	for (struct yaml_node *node = d->last_made, *before; node; node = before) {
		before = node->made_before;
		free(node->text);
		free(node->key);
		free(node);
	}
	json_free(d->tree);
	free(d->file);
	free(d);
}
