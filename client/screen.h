/* What commands put on the screen: answers on stdout, words on stderr. */
#ifndef COHORT_CLIENT_SCREEN_H
#define COHORT_CLIENT_SCREEN_H

#include "base/json.h"

/* Prints and frees. */
void screen_json(struct json *root);

/* A line of advice on stderr: the next thing to do. */
void screen_next(const char *fmt, ...) PRINTF_LIKE(1, 2);

#define SCREEN_COLUMNS_MAX 16

/* A table whose columns are as wide as their widest cell. Titles that begin with '>' are right-aligned, for numbers. */
struct screen_table {
	const char *titles[SCREEN_COLUMNS_MAX];
	size_t columns;
	char **cells; /* row after row; owned */
	size_t count;
};

void screen_table_begin(struct screen_table *t, const char *const *titles, size_t columns);
void screen_table_cell(struct screen_table *t, const char *fmt, ...)
	PRINTF_LIKE(2, 3); /* the next one; cleaned as struct diag */
void screen_table_end(struct screen_table *t); /* prints and frees; nothing when there is no row */

#endif
