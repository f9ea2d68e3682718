/*
 * One CSV record after another out of a stream of bytes (RFC 4180): the state machine behind data/csv.h, which says
 * what is accepted and what is refused. It knows neither files nor zlib.
 *
 *   bytes  | ...a;b;"c ""d"" e"\n... |   lent by `more`, chunk after chunk
 *   text   |abc "d" e|                   the record's cells one after another, quotes undone, in UTF-8
 *   cells  {0,1} {1,1} {2,7}             start and length in text, and the line where the cell begins
 *
 * Failures are sticky: the first one is described in `why`, and from then on every read acts as at the end of the
 * stream, so that the loops stay free of error paths.
 */
#ifndef COHORT_DATA_RECORD_H
#define COHORT_DATA_RECORD_H

#include "base/bytes.h"

#include <stdarg.h>
#include <stdint.h>

struct record_cell {
	uint32_t start, len, line; /* fit: a file has at most CSV_FILE_MAX = 2^32 bytes, so fewer line feeds */
};

struct record {
	const char *name; /* the file, for messages; borrowed */
	uint8_t kinds[256]; /* what each byte can mean */
	bool latin1;

	/* Lends the next bytes, valid until the next call. No bytes: the end, or a failure that it reported by
	 * record_fail. */
	struct bytes (*more)(void *context);
	void *context;
	struct bytes rest; /* lent and not yet read */
	bool ended;
	uint32_t line; /* of the next byte, from 1 */

	struct buf text;
	struct record_cell *cells;
	uint32_t count, capacity;
	bool high, quoted; /* the cell last read: has bytes beyond ASCII; was in quotes */

	enum err failed;
	struct diag *why; /* set by the caller before each read; may be NULL */
};

void record_init(struct record *r, const char *name, char delimiter, bool latin1, struct bytes (*more)(void *context),
                 void *context);
void record_free(struct record *r); /* accepts a zeroed one */

/* The next bytes without taking them: empty at the end. */
struct bytes record_peek(struct record *r);

/* The next record that is no empty line; false at the end or after a failure. */
bool record_read(struct record *r);

struct bytes record_cell(const struct record *r, uint32_t index);

/* Fails, if nothing failed before, at the cell being read (cells[count]) or, after record_read, at the one `count` is
 * set to. */
void record_fail(struct record *r, enum err e, uint32_t line, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* "NAME:LINE:COLUMN: <words>" */
void record_complain(const struct record *r, struct diag *why, uint32_t line, uint32_t index, const char *fmt,
                     va_list args) PRINTF_LIKE(5, 0);

#endif
