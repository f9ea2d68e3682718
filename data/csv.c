/*
 * The file, its compression and its byte order mark; the records themselves are data/record.c's.
 */
#include "data/csv.h"

#include "base/limits.h"
#include "data/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK_SIZE 65536 /* inflated bytes at once: fits the level 2 cache beside the record */
#define SHOWN_MAX 40 /* bytes of a cell in a message */

struct csv_reader {
	gzFile file;
	char *path;
	uint64_t bytes_max, bytes_left; /* inflated */
	struct record record;
	uint32_t width; /* cells of the header */
	uint64_t rows;
	uint8_t chunk[CHUNK_SIZE];
};

/* ---- bytes */

static void fail_reading(struct record *record, int code, const char *text)
{
	if (code == Z_BUF_ERROR)
		record_fail(record, ERR_DATA, record->line, "the gzip file ends too early; copy it again");
	else if (code == Z_ERRNO)
		record_fail(record, ERR_IO, record->line, "cannot read on: %s", strerror(errno));
	else
		record_fail(record, ERR_DATA, record->line, "the gzip file is damaged (%s); copy it again", text);
}

static struct bytes more(void *context)
{
	struct csv_reader *r = context;
	int code = Z_OK;
	int n = gzread(r->file, r->chunk, CHUNK_SIZE);

	if (n <= 0) {
		const char *text = gzerror(r->file, &code);
		if (n < 0 || code != Z_OK) /* a cut gzip file gives 0 bytes and Z_BUF_ERROR */
			fail_reading(&r->record, code, text);
		return bytes_of(NULL, 0);
	}
	if ((uint64_t)n > r->bytes_left) {
		record_fail(&r->record, ERR_LIMIT, r->record.line, "more than %llu bytes (inflated); split the extract",
		            (unsigned long long)r->bytes_max);
		return bytes_of(NULL, 0);
	}
	r->bytes_left -= (uint64_t)n;
	return bytes_of(r->chunk, (size_t)n);
}

/* ---- opening */

/* O_NONBLOCK: a named pipe must not hold us here before fstat can say what it is. */
static enum err open_file(struct csv_reader *r, struct diag *why)
{
	struct stat st;
	int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return diag_errno(why, errno, "cannot open %s", r->path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return diag_set(why, ERR_NO_INPUT, "%s is not a regular file", r->path);
	}
	r->file = gzdopen(fd, "rb");
	if (!r->file) {
		close(fd);
		return diag_set(why, ERR_MEMORY, "out of memory while opening %s", r->path);
	}
	return OK;
}

static bool starts_with(struct bytes text, const char *mark)
{
	size_t len = strlen(mark);

	return text.len >= len && memcmp(text.ptr, mark, len) == 0;
}

/* UTF-8's byte order mark is stepped over where it tells the truth, UTF-16's are refused. */
static void read_mark(struct record *r)
{
	static const char utf8[] = "\xef\xbb\xbf";
	struct bytes first = record_peek(r);

	if (starts_with(first, "\xff\xfe") || starts_with(first, "\xfe\xff"))
		record_fail(r, ERR_DATA, 1, "the file is UTF-16; export it as UTF-8");
	else if (starts_with(first, utf8) && r->latin1)
		record_fail(r, ERR_DATA, 1,
		            "the file begins with UTF-8's byte order mark; leave out `encoding: latin1`");
	else if (starts_with(first, utf8))
		r->rest = bytes_of(first.ptr + strlen(utf8), first.len - strlen(utf8));
}

static enum err read_header(struct csv_reader *r)
{
	struct record *record = &r->record;

	read_mark(record);
	if (!record_read(record) && record->failed == OK) {
		record->count = 0;
		record_fail(record, ERR_DATA, 1, "the file is empty; its first line must be a header of column names");
	}
	r->width = record->count;
	return record->failed;
}

enum err csv_open(struct csv_reader **out, const char *path, struct csv_format format, struct diag *why)
{
	struct csv_reader *r = mem_alloc(sizeof *r);

	*out = NULL;
	r->path = mem_copy_text(path);
	r->bytes_max = r->bytes_left = format.bytes_max ? format.bytes_max : CSV_FILE_MAX;
	record_init(&r->record, r->path, format.delimiter, format.encoding == CSV_LATIN1, more, r);
	r->record.why = why;
	enum err e = open_file(r, why);
	if (e == OK)
		e = read_header(r);
	r->record.why = NULL;
	if (e == OK)
		*out = r;
	else
		csv_close(r);
	return e;
}

void csv_close(struct csv_reader *r)
{
	if (!r)
		return;
	if (r->file)
		gzclose(r->file);
	record_free(&r->record);
	free(r->path);
	free(r);
}

/* ---- reading */

/* A failure of a record that was read whole, at its cell `index`. */
static void fail_at(struct record *r, enum err e, uint32_t index, const char *fmt, ...) PRINTF_LIKE(4, 5);

static void fail_at(struct record *r, enum err e, uint32_t index, const char *fmt, ...)
{
	struct diag words;
	va_list args;

	va_start(args, fmt);
	diag_format(&words, fmt, args);
	va_end(args);
	r->count = index;
	record_fail(r, e, r->cells[index].line, "%s", words.text);
}

static void check_row(struct csv_reader *r)
{
	struct record *record = &r->record;
	uint32_t found = record->count;

	if (++r->rows > CSV_ROWS_MAX)
		fail_at(record, ERR_LIMIT, 0, "more than %d rows", CSV_ROWS_MAX);
	else if (found != r->width) /* at the last cell there is, or the first too many */
		fail_at(record, ERR_DATA, found < r->width ? found - 1 : r->width,
		        "the row has %u cell%s, the header %u", found, found == 1 ? "" : "s", r->width);
}

enum err csv_next(struct csv_reader *r, bool *more_rows, struct diag *why)
{
	struct record *record = &r->record;

	CHECK(record->failed == OK);
	record->why = why;
	*more_rows = record_read(record);
	if (*more_rows)
		check_row(r);
	record->why = NULL;
	return record->failed;
}

uint32_t csv_count(const struct csv_reader *r)
{
	return r->width;
}

struct bytes csv_cell(const struct csv_reader *r, uint32_t index)
{
	return record_cell(&r->record, index);
}

uint64_t csv_rows(const struct csv_reader *r)
{
	return r->rows;
}

enum err csv_complain(const struct csv_reader *r, struct diag *why, enum err e, uint32_t index, const char *fmt, ...)
{
	va_list args;

	CHECK(index < r->record.count);
	va_start(args, fmt);
	record_complain(&r->record, why, r->record.cells[index].line, index, fmt, args);
	va_end(args);
	return e;
}

const char *csv_quote(char out[CSV_QUOTE_SIZE], struct bytes cell)
{
	bool cut = cell.len > SHOWN_MAX;
	int len = cut ? SHOWN_MAX : (int)cell.len;

	while (cut && len > 0 && (cell.ptr[len] & 0xc0) == 0x80)
		len--;
	snprintf(out, CSV_QUOTE_SIZE, "\"%.*s\"%s", len, len > 0 ? (const char *)cell.ptr : "", cut ? "..." : "");
	return out;
}
