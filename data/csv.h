/*
 * Reads a hospital's CSV file one record at a time, in memory that does not grow with the file (RFC 4180).
 *
 *   plain or .gz (told by content) --zlib--> bytes --state machine--> one record: cells as UTF-8 text
 *
 * Accepted: any one-byte delimiter, LF or CRLF, a UTF-8 byte order mark, quoted cells with delimiters, line ends and
 * doubled quotes, a last line without its end. Latin-1 is turned into UTF-8. Empty lines are skipped.
 * Refused, each with its place: a quote inside an unquoted cell, text after a closing quote, a quote that never closes
 * (named by the line where it opened), NUL bytes, a carriage return alone outside quotes, bytes that are no UTF-8,
 * UTF-16, rows with another number of cells than the header, damaged or cut gzip, and whatever passes the bounds of
 * base/limits.h. A gzip bomb is bounded by CSV_FILE_MAX, which counts inflated bytes, and never held: memory is
 * O(CSV_RECORD_MAX).
 *
 * A place is FILE:LINE:COLUMN. LINE is the line of the file on which the cell begins, counted from 1 with every line
 * feed, also those inside quotes, as an editor counts. COLUMN is the number of the cell in its row, counted from 1, as
 * a spreadsheet counts: `st-mary.csv:1042:7` is the 7th cell of the row.
 */
#ifndef COHORT_DATA_CSV_H
#define COHORT_DATA_CSV_H

#include "base/bytes.h"

#include <stdint.h>

enum csv_encoding { CSV_UTF8, CSV_LATIN1 };

struct csv_format {
	char delimiter; /* one ASCII character: no quote, line end or NUL (CHECK) */
	enum csv_encoding encoding;
	uint64_t bytes_max; /* inflated; 0: CSV_FILE_MAX */
};

struct csv_reader;

/* Opens the file and reads its first record, the header. `path` is copied and named in every message as given.
 * ERR_NO_INPUT when it cannot be opened or is no regular file; ERR_DATA when it is empty or its header is malformed.
 * `*out` is NULL on failure. */
enum err csv_open(struct csv_reader **out, const char *path, struct csv_format format, struct diag *why) MUST_USE;
void csv_close(struct csv_reader *r); /* accepts NULL */

/* The next record: `*more_rows` is false, with OK, after the last one. ERR_DATA, ERR_LIMIT or ERR_IO with the place;
 * after a failure the reader may only be closed. */
enum err csv_next(struct csv_reader *r, bool *more_rows, struct diag *why) MUST_USE;

/* The current record's cells: the header's after csv_open. Not trimmed, borrowed until the next csv_next. */
uint32_t csv_count(const struct csv_reader *r); /* as many as the header has */
struct bytes csv_cell(const struct csv_reader *r, uint32_t index); /* index from 0, CHECKed */

uint64_t csv_rows(const struct csv_reader *r); /* records read after the header: 1 for the first */

/* "FILE:LINE:COLUMN: <words>" for cell `index` (from 0) of the current record. Returns `e`. */
enum err csv_complain(const struct csv_reader *r, struct diag *why, enum err e, uint32_t index, const char *fmt, ...)
	PRINTF_LIKE(5, 6);

/* The cell as it is shown in a message: in quotes, cut after 40 bytes at a character's border and then ended by
 * "...". */
#define CSV_QUOTE_SIZE 48 /* 40 bytes, two quotes, three dots and a NUL fit */
const char *csv_quote(char out[CSV_QUOTE_SIZE], struct bytes cell);

#endif
