/*
 * Nothing is looked at twice but cells with bytes beyond ASCII. kinds[256] says what a byte can mean here; runs of
 * plain bytes are copied at once.
 */
#include "data/record.h"

#include "base/limits.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { /* kinds of bytes, one bit each; 0 is the end */
       PLAIN = 1,
       DELIMITER = 2,
       QUOTE = 4,
       LINE_FEED = 8,
       RETURN = 16,
       NUL = 32,
       HIGH = 64 /* beyond ASCII */
};

static void set_kinds(struct record *r, char delimiter)
{
	CHECK(delimiter > 0 && delimiter != '"' && delimiter != '\n' && delimiter != '\r');
	memset(r->kinds, PLAIN, 128);
	memset(r->kinds + 128, HIGH, 128);
	r->kinds[0] = NUL;
	r->kinds['"'] = QUOTE;
	r->kinds['\n'] = LINE_FEED;
	r->kinds['\r'] = RETURN;
	r->kinds[(uint8_t)delimiter] = DELIMITER;
}

void record_init(struct record *r, const char *name, char delimiter, bool latin1, struct bytes (*more)(void *context),
                 void *context)
{
	*r = (struct record){.name = name, .latin1 = latin1, .more = more, .context = context, .line = 1};
	set_kinds(r, delimiter);
	buf_init(&r->text, CSV_RECORD_MAX);
	buf_extend(&r->text, 0); /* memory from the start: an empty first cell points into it */
}

void record_free(struct record *r)
{
	buf_free(&r->text);
	free(r->cells);
	*r = (struct record){0};
}

void record_complain(const struct record *r, struct diag *why, uint32_t line, uint32_t index, const char *fmt,
                     va_list args)
{
	if (!why)
		return;
	diag_format(why, fmt, args);
	diag_prefix(why, ERR_DATA, "%s:%u:%u", r->name, line, index + 1);
}

/* The first failure stays: what follows from it would only confuse. */
void record_fail(struct record *r, enum err e, uint32_t line, const char *fmt, ...)
{
	va_list args;

	r->ended = true;
	r->rest.len = 0;
	if (r->failed != OK)
		return;
	r->failed = e;
	va_start(args, fmt);
	record_complain(r, r->why, line, r->count, fmt, args);
	va_end(args);
}

/* ---- bytes */

struct bytes record_peek(struct record *r)
{
	if (r->rest.len == 0 && !r->ended) {
		r->rest = r->more(r->context);
		r->ended = r->rest.len == 0;
	}
	return r->rest;
}

/* The kind of the next byte; 0 at the end. */
static int peek_kind(struct record *r)
{
	struct bytes b = record_peek(r);

	return b.len > 0 ? r->kinds[b.ptr[0]] : 0;
}

static void step(struct record *r, size_t n)
{
	r->rest.ptr += n;
	r->rest.len -= n;
}

/* ---- cells */

static uint32_t cell_len(const struct record *r, const struct record_cell *c)
{
	return (uint32_t)r->text.len - c->start;
}

static void append(struct record *r, const struct record_cell *c, struct bytes data)
{
	buf_put(&r->text, data);
	if (r->text.failed)
		record_fail(r, ERR_LIMIT, c->line, "the row is longer than %u bytes", CSV_RECORD_MAX);
	else if (cell_len(r, c) > CELL_MAX && r->quoted)
		record_fail(r, ERR_LIMIT, c->line,
		            "the cell is longer than %d bytes; is the quote that opens here ever closed?", CELL_MAX);
	else if (cell_len(r, c) > CELL_MAX)
		record_fail(r, ERR_LIMIT, c->line, "the cell is longer than %d bytes; is this the right delimiter?",
		            CELL_MAX);
}

/* Copies the run of bytes whose kind is one of `kinds`. */
static void append_run(struct record *r, const struct record_cell *c, int kinds)
{
	struct bytes run = r->rest;
	size_t end = 0;

	while (end < run.len && (r->kinds[run.ptr[end]] & kinds))
		end++;
	step(r, end);
	append(r, c, bytes_of(run.ptr, end));
}

/* One byte beyond ASCII. Latin-1's code points are Unicode's. */
static void append_high(struct record *r, const struct record_cell *c)
{
	uint8_t b = r->rest.ptr[0];
	uint8_t pair[2] = {(uint8_t)(0xc0 | b >> 6), (uint8_t)(0x80 | (b & 0x3f))};

	step(r, 1);
	r->high = true;
	append(r, c, r->latin1 ? bytes_of(pair, 2) : bytes_of(&b, 1));
}

static void fail_nul(struct record *r)
{
	record_fail(r, ERR_DATA, r->line, "a NUL byte; the file is damaged or no text (UTF-16? export it as UTF-8)");
}

static void read_plain(struct record *r, const struct record_cell *c)
{
	for (;;) {
		switch (peek_kind(r)) {
		case PLAIN:
			append_run(r, c, PLAIN);
			break;
		case HIGH:
			append_high(r, c);
			break;
		case QUOTE:
			record_fail(
				r, ERR_DATA, r->line,
				"a quote inside an unquoted cell; put the whole cell in quotes and write \"\" for it");
			return;
		case NUL:
			fail_nul(r);
			return;
		default:
			return;
		}
	}
}

/* After the opening quote, up to behind the closing one. */
static void read_quoted(struct record *r, const struct record_cell *c)
{
	for (;;) {
		switch (peek_kind(r)) {
		case LINE_FEED:
			r->line++;
			step(r, 1);
			append(r, c, bytes_of("\n", 1));
			break;
		case HIGH:
			append_high(r, c);
			break;
		case QUOTE:
			step(r, 1);
			if (peek_kind(r) != QUOTE)
				return;
			step(r, 1);
			append(r, c, bytes_of("\"", 1));
			break;
		case NUL:
			fail_nul(r);
			return;
		case 0:
			record_fail(r, ERR_DATA, c->line, "the quote that opens here is never closed");
			return;
		default:
			append_run(r, c, PLAIN | DELIMITER | RETURN);
			break;
		}
	}
}

static struct record_cell *next_cell(struct record *r)
{
	if (r->count == r->capacity) {
		r->capacity = r->capacity ? 2 * r->capacity : 64;
		r->cells = mem_resize(r->cells, r->capacity, sizeof r->cells[0]);
	}
	return &r->cells[r->count];
}

static void read_cell(struct record *r)
{
	struct record_cell *c = next_cell(r);

	*c = (struct record_cell){.start = (uint32_t)r->text.len, .line = r->line};
	r->high = false;
	r->quoted = peek_kind(r) == QUOTE;
	if (r->quoted) {
		step(r, 1);
		read_quoted(r, c);
	} else {
		read_plain(r, c);
	}
	if (r->failed != OK)
		return;
	c->len = cell_len(r, c);
	struct bytes text = bytes_of(r->text.ptr + c->start, c->len);
	if (r->high && !r->latin1 && utf8_valid(text) < text.len)
		record_fail(r, ERR_DATA, c->line,
		            "the cell is not UTF-8; if the file is Latin-1, say `encoding: latin1`");
}

/* ---- records */

/* Steps over what ends a cell; true when it was a delimiter, so that another cell follows in this record. */
static bool step_over_end(struct record *r)
{
	switch (peek_kind(r)) {
	case DELIMITER:
		step(r, 1);
		return true;
	case RETURN:
		step(r, 1);
		if (peek_kind(r) != LINE_FEED) {
			record_fail(r, ERR_DATA, r->line,
			            "a carriage return without a line feed; save with LF or CRLF line ends");
			return false;
		}
		step(r, 1);
		r->line++;
		return false;
	case LINE_FEED:
		step(r, 1);
		r->line++;
		return false;
	case 0:
		return false;
	default:
		record_fail(r, ERR_DATA, r->line,
		            "text after the closing quote; write \"\" for a quote inside a quoted cell");
		return false;
	}
}

static bool is_empty_line(const struct record *r)
{
	return r->count == 1 && r->cells[0].len == 0 && !r->quoted;
}

/* Cells up to the end of the record, an empty line being one empty cell. */
static bool read_cells(struct record *r)
{
	bool more = true;

	buf_clear(&r->text);
	for (r->count = 0; more; r->count++) {
		if (r->count == CSV_COLUMNS_MAX)
			record_fail(r, ERR_LIMIT, r->line, "more than %d columns", CSV_COLUMNS_MAX);
		if (r->failed == OK)
			read_cell(r);
		if (r->failed == OK)
			more = step_over_end(r);
		if (r->failed != OK)
			return false;
	}
	return true;
}

bool record_read(struct record *r)
{
	do {
		if (record_peek(r).len == 0 || !read_cells(r))
			return false;
	} while (is_empty_line(r));
	return true;
}

struct bytes record_cell(const struct record *r, uint32_t index)
{
	CHECK(index < r->count);
	return bytes_of(r->text.ptr + r->cells[index].start, r->cells[index].len);
}
