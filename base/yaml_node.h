/*
 * What a YAML text is made of, with places; between yaml.c (makes nodes), yaml_set.c (changes them) and yaml_rules.c,
 * yaml_place.c (read them). No other file includes this.
 */
#ifndef COHORT_BASE_YAML_NODE_H
#define COHORT_BASE_YAML_NODE_H

#include "base/limits.h"
#include "base/yaml.h"

enum yaml_node_kind { YAML_NODE_SCALAR, YAML_NODE_LIST, YAML_NODE_MAP };

struct yaml_place {
	size_t line, column; /* from 1; 0: not in the file (yaml_set) */
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

/* Another text as a node, which may be a scalar; the document owns it. ERR_DATA, ERR_LIMIT. */
enum err yaml_node_read(struct yaml_node **out, struct yaml_document *d, const char *text, struct diag *why) MUST_USE;

/* "study.yaml:3:5: words", and "words" of what is not in the file. Returns `e`. */
enum err yaml_node_complain(const struct yaml_document *d, const struct yaml_place *at, struct diag *why, enum err e,
                            const char *fmt, ...) PRINTF_LIKE(5, 6);

struct yaml_node *yaml_node_map(struct yaml_document *d, struct yaml_place at); /* an empty one */

#endif
