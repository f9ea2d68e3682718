/*
 * Codes, compiled: the study's and the hospital's texts for levels, classes and "missing", with their numbers read
 * once, so that a file's cells are held against them without parsing a code a million times. The rule is
 * schema_cell_matches (schema.h).
 */
#ifndef COHORT_DATA_CODES_H
#define COHORT_DATA_CODES_H

#include "base/bytes.h"
#include "data/schema.h"

#include <stdint.h>

/* A trimmed text that may be a number: a code, or a cell to hold against codes. */
struct token {
	struct bytes text; /* borrowed */
	double number; /* when is_number */
	bool is_number;
};

/* Without blanks and tabs at both ends. */
struct bytes token_trim(struct bytes text);

/* Trims; numbers are read with `decimal`, '.' or ','. */
struct token token_of(struct bytes text, char decimal);

bool token_matches(const struct token *a, const struct token *b);

struct codes {
	struct token *items; /* owned; their texts are borrowed from who gave them */
	uint32_t count;
};

/* `decimal` is the mark of who wrote the code: '.' in a study. */
void codes_add(struct codes *c, const char *code, char decimal);
void codes_add_list(struct codes *c, struct text_list list, char decimal);
void codes_free(struct codes *c); /* accepts a zeroed one */

#define CODES_NONE UINT32_MAX

/* The first code that the cell matches, or CODES_NONE. O(count). */
uint32_t codes_find(const struct codes *c, const struct token *cell);

#endif
