/*
 * The table of errors, one line for a person, and allocation that cannot fail quietly.
 *
 * A diag line may quote what a file or a peer sent. Everything that a terminal could obey is replaced here, once, for
 * messages and log alike: C0 controls and DEL, the C1 controls (U+0080 to U+009F, of which 9B starts an escape
 * sequence), what reverses the order of display (U+202A to U+202E, U+2066 to U+2069; CVE-2021-42574), and every byte
 * that is no valid UTF-8 (a bare 9B on an eight-bit terminal). What is left is plain text as json_is_plain has it.
 */
#include "base/err.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct error_row {
	const char *name;
	const char *text;
	int exit_code;
};

#define ROW(code, exit_code, text) [code] = {#code, text, exit_code}
static const struct error_row table[ERR_COUNT] = {
	ROW(OK, EX_OK, "ok"),
	ROW(ERR_USAGE, EX_USAGE, "wrong command line"),
	ROW(ERR_DATA, EX_DATAERR, "bad data"),
	ROW(ERR_NO_INPUT, EX_NOINPUT, "missing or unreadable file"),
	ROW(ERR_UNREACHABLE, EX_UNAVAILABLE, "coordinator unreachable"),
	ROW(ERR_INTERNAL, EX_SOFTWARE, "internal error"),
	ROW(ERR_MEMORY, EX_SOFTWARE, "out of memory"),
	ROW(ERR_CREATE, EX_CANTCREAT, "cannot create or write"),
	ROW(ERR_IO, EX_IOERR, "input or output failed"),
	ROW(ERR_FULL, EX_IOERR, "disk full"),
	ROW(ERR_AGAIN, EX_TEMPFAIL, "not now, try again"),
	ROW(ERR_PROTOCOL, EX_PROTOCOL, "the other side broke the protocol"),
	ROW(ERR_REFUSED, EX_NOPERM, "refused"),
	ROW(ERR_CONFIG, EX_CONFIG, "wrong configuration"),
	ROW(ERR_LIMIT, EX_DATAERR, "over a limit"),
	ROW(ERR_CANCELLED, EX_TEMPFAIL, "cancelled"),
	ROW(ERR_NOT_FOUND, EX_NOINPUT, "not found"),
	ROW(ERR_CONFLICT, EX_DATAERR, "exists already with another content"),
	ROW(ERR_PEER_MESSAGE, EX_PROTOCOL, "malformed or unknown message"),
	ROW(ERR_PEER_STATE, EX_PROTOCOL, "message not permitted now"),
	ROW(ERR_PEER_IDENTITY, EX_PROTOCOL, "wrong identity or not invited"),
	ROW(ERR_PEER_LIMIT, EX_PROTOCOL, "larger or more often than allowed"),
};
#undef ROW

const char *err_name(enum err e)
{
	return (unsigned)e < ERR_COUNT ? table[e].name : "ERR_UNKNOWN";
}

const char *err_text(enum err e)
{
	return (unsigned)e < ERR_COUNT ? table[e].text : "unknown error";
}

int err_exit(enum err e)
{
	return (unsigned)e < ERR_COUNT ? table[e].exit_code : EX_SOFTWARE;
}

enum err err_errno(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
		return ERR_FULL;
	case ENOENT:
	case EACCES:
		return ERR_NO_INPUT;
	case ENOMEM:
		return ERR_MEMORY;
	default:
		return ERR_IO;
	}
}

/* Takes away a last sequence whose end vsnprintf cut off. */
static void drop_cut_sequence(char *text)
{
	size_t len = strlen(text);
	size_t back = 0;

	while (back < 3 && back < len && ((uint8_t)text[len - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back == len)
		return;
	size_t lead = len - 1 - back;
	if (utf8_expected((uint8_t)text[lead]) > back + 1)
		text[lead] = '\0';
}

/* One well-formed sequence of `n` bytes. */
static bool is_obeyed(const uint8_t *s, size_t n)
{
	if (n == 1)
		return *s < 0x20 || *s == 0x7f;
	if (n == 2)
		return s[0] == 0xc2 && s[1] < 0xa0;
	return n == 3 && s[0] == 0xe2 &&
	       ((s[1] == 0x80 && s[2] >= 0xaa && s[2] <= 0xae) || (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9));
}

static void clean(char *text)
{
	uint8_t *s = (uint8_t *)text;
	size_t left = strlen(text);

	while (left > 0) {
		size_t n = utf8_length(bytes_of(s, left));
		if (n == 0 || is_obeyed(s, n)) {
			*s = '?';
			n = 1;
		}
		s += n;
		left -= n;
	}
}

void diag_format(struct diag *line, const char *fmt, va_list args)
{
	int n = vsnprintf(line->text, sizeof line->text, fmt, args);

	if (n < 0)
		line->text[0] = '\0';
	else if ((size_t)n >= sizeof line->text)
		drop_cut_sequence(line->text);
	clean(line->text);
}

/* Joins two cleaned lines; `out` may be either of them. */
static void join(struct diag *out, const char *first, const char *separator, const char *second)
{
	struct diag line;

	int n = snprintf(line.text, sizeof line.text, "%s%s%s", first, separator, second);
	if (n >= (int)sizeof line.text)
		drop_cut_sequence(line.text);
	*out = line;
}

enum err diag_set(struct diag *why, enum err e, const char *fmt, ...)
{
	struct diag line; /* an argument may point into `why` */
	va_list args;

	if (!why)
		return e;
	va_start(args, fmt);
	diag_format(&line, fmt, args);
	va_end(args);
	*why = line;
	return e;
}

enum err diag_prefix(struct diag *why, enum err e, const char *fmt, ...)
{
	struct diag prefix;
	va_list args;

	if (!why)
		return e;
	va_start(args, fmt);
	diag_format(&prefix, fmt, args);
	va_end(args);
	join(why, prefix.text, ": ", why->text);
	return e;
}

enum err diag_errno(struct diag *why, int errnum, const char *fmt, ...)
{
	struct diag line;
	va_list args;

	if (!why)
		return err_errno(errnum);
	va_start(args, fmt);
	diag_format(&line, fmt, args);
	va_end(args);
	join(why, line.text, ": ", strerror(errnum)); /* strerror is thread-safe in glibc since 2.32 and in musl */
	return err_errno(errnum);
}

void check_failed(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
	abort();
}

/* _exit: handlers of atexit may allocate, or wait for a thread that waits for this one. */
void mem_exhausted(size_t count, size_t size)
{
	fprintf(stderr, "out of memory: %zu x %zu bytes wanted\n", count, size);
	_exit(err_exit(ERR_MEMORY));
}

void *mem_array(size_t count, size_t size)
{
	CHECK(size == 0 || count <= SIZE_MAX / size);
	bool empty = count == 0 || size == 0;
	void *p = empty ? calloc(1, 1) : calloc(count, size); /* calloc(0) may be NULL, which callers need not expect */
	if (!p)
		mem_exhausted(count, size);
	return p;
}

void *mem_alloc(size_t size)
{
	return mem_array(1, size);
}

void *mem_resize(void *p, size_t count, size_t size)
{
	CHECK(size == 0 || count <= SIZE_MAX / size);
	size_t bytes = count * size;
	void *q = realloc(p, bytes ? bytes : 1); /* realloc(p, 0) may free p and give NULL */
	if (!q)
		mem_exhausted(count, size);
	return q;
}

char *mem_copy_text(const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(mem_alloc(size), s, size);
}
