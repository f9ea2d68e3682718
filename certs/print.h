/*
 * What a command of cohort-ca answers: one object, shown as lines "key  value" or, with --json, as JSON.
 */
#ifndef COHORT_CERTS_PRINT_H
#define COHORT_CERTS_PRINT_H

#include "base/json.h"

/* Prints to stdout and frees `object`, whose values are strings, integers, null and lists of strings. */
void print_answer(struct json *object, bool as_json);

/* Prints any tree as JSON, indented, to stdout and frees it. */
void print_json(struct json *root);

/* "2026-03-01 12:00:00 UTC". */
void print_set_moment(struct json *object, const char *key, int64_t moment_s);

/* One line of advice to stderr, where it does not mix with the answer. */
void print_next(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
