/*
 * What a YAML text is made of, with places; between yaml.c (makes nodes) and yaml_rules.c (reads them). No other file
 * includes this.
 */
#ifndef COHORT_BASE_YAML_NODE_H
#define COHORT_BASE_YAML_NODE_H

#include "base/limits.h"
#include "base/yaml.h"

enum yaml_node_kind { YAML_NODE_SCALAR, YAML_NODE_LIST, YAML_NODE_MAP };

struct yaml_place {
	size_t line, column; /* from 1 */
};

struct yaml_node {
	enum yaml_node_kind kind;
	struct yaml_place at;
	char *text; /* scalar: json_is_plain */
	bool plain; /* scalar without quotes or block */
	char *key; /* of an entry of a map; NULL otherwise */
	struct yaml_place key_at;
	struct yaml_node *first, *next; /* children in order; the parent's next child */
	size_t count; /* children */
	struct yaml_node *made_before; /* every node of the document, for freeing */
};

struct yaml_document {
	char *file;
	struct yaml_node *root; /* a map */
	struct yaml_node *last_made;
	size_t node_count;
	struct json *tree;
};

/* The entry of a map, NULL when it was not written. */
const struct yaml_node *yaml_node_get(const struct yaml_node *map, const char *key);

/* A fallback's text as a node, which may be a scalar; the document owns it. A broken one is a CHECK. */
const struct yaml_node *yaml_node_fallback(struct yaml_document *d, const char *text);

#endif
