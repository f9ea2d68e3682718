/*
 * Borrowed and owned bytes, and the little-endian encoding. A failed append or read is remembered, so that code which
 * lays out or takes apart a message stays a straight list of fields with one test at its end.
 */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST_SIZE 64 /* most hash inputs and error texts fit without growing again */

struct bytes bytes_of(const void *ptr, size_t len)
{
	return (struct bytes){ptr, len};
}

struct bytes bytes_text(const char *s)
{
	return s ? bytes_of(s, strlen(s)) : bytes_of(NULL, 0);
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

void buf_init(struct buf *b, size_t max)
{
	CHECK(max < SIZE_MAX); /* one more byte for the NUL of buf_text */
	*b = (struct buf){.max = max};
}

void buf_free(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

struct bytes buf_bytes(const struct buf *b)
{
	return bytes_of(b->ptr, b->len);
}

/* Makes the capacity at least need + 1 <= max + 1; doubling keeps appending linear in total. */
static void grow(struct buf *b, size_t need)
{
	if (need < b->cap)
		return;
	size_t cap = b->cap ? b->cap : BUF_FIRST_SIZE;
	while (cap <= need)
		cap = cap > b->max / 2 ? b->max + 1 : cap * 2;
	b->ptr = mem_resize(b->ptr, cap, 1);
	b->cap = cap;
}

uint8_t *buf_extend(struct buf *b, size_t n)
{
	if (b->failed || n > b->max - b->len) {
		b->failed = true;
		return NULL;
	}
	grow(b, b->len + n);
	uint8_t *room = b->ptr + b->len;
	b->len += n;
	return room;
}

void buf_put(struct buf *b, struct bytes data)
{
	uint8_t *room = buf_extend(b, data.len);

	if (room && data.len > 0)
		memcpy(room, data.ptr, data.len);
}

void buf_put_text(struct buf *b, const char *s)
{
	buf_put(b, bytes_text(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	CHECK(n >= 0);
	if (!buf_extend(b, (size_t)n))
		return;
	va_start(args, fmt);
	vsnprintf((char *)b->ptr + b->len - n, (size_t)n + 1, fmt, args); /* grow() left room for the NUL */
	va_end(args);
}

void buf_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, bytes_of(&v, 1));
}

void buf_put_u32(struct buf *b, uint32_t v)
{
	uint8_t octets[4];

	store_u32(octets, v);
	buf_put(b, bytes_of(octets, sizeof octets));
}

void buf_put_u64(struct buf *b, uint64_t v)
{
	uint8_t octets[8];

	store_u64(octets, v);
	buf_put(b, bytes_of(octets, sizeof octets));
}

void buf_put_f64(struct buf *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	buf_put_u64(b, bits);
}

void buf_put_field(struct buf *b, struct bytes data)
{
	if (data.len > UINT32_MAX) {
		b->failed = true;
		return;
	}
	buf_put_u32(b, (uint32_t)data.len);
	buf_put(b, data);
}

const char *buf_text(struct buf *b)
{
	if (b->failed)
		return "";
	grow(b, b->len);
	b->ptr[b->len] = '\0';
	return (const char *)b->ptr;
}

struct reader reader_of(struct bytes data)
{
	return (struct reader){.rest = data};
}

struct bytes read_bytes(struct reader *r, size_t n)
{
	if (r->failed || n > r->rest.len) {
		r->failed = true;
		return bytes_of(NULL, 0);
	}
	struct bytes taken = bytes_of(r->rest.ptr, n);
	if (n > 0) /* an empty reader may hold NULL, and NULL + 0 is undefined in C17 */
		r->rest = bytes_of(r->rest.ptr + n, r->rest.len - n);
	return taken;
}

uint8_t read_u8(struct reader *r)
{
	struct bytes b = read_bytes(r, 1);

	return b.len ? b.ptr[0] : 0;
}

uint32_t read_u32(struct reader *r)
{
	struct bytes b = read_bytes(r, 4);

	return b.len ? load_u32(b.ptr) : 0;
}

uint64_t read_u64(struct reader *r)
{
	struct bytes b = read_bytes(r, 8);

	return b.len ? load_u64(b.ptr) : 0;
}

double read_f64(struct reader *r)
{
	uint64_t bits = read_u64(r);
	double v;

	memcpy(&v, &bits, sizeof v);
	return v;
}

struct bytes read_field(struct reader *r, size_t max)
{
	uint32_t len = read_u32(r);

	if (len > max)
		r->failed = true;
	return read_bytes(r, len);
}

bool reader_done(const struct reader *r)
{
	return !r->failed && r->rest.len == 0;
}

void hex_encode(char *out, struct bytes data)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < data.len; i++) {
		*out++ = digits[data.ptr[i] >> 4];
		*out++ = digits[data.ptr[i] & 15];
	}
	*out = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool hex_decode(uint8_t *out, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]); /* a NUL at `high` ends the text */
		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return text[2 * n] == '\0';
}

void store_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void store_u64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

uint32_t load_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t load_u64(const uint8_t *p)
{
	return (uint64_t)load_u32(p) | (uint64_t)load_u32(p + 4) << 32;
}
