/*
 * Bytes: borrowed, owned, read and written.
 *
 *   struct bytes    borrowed: a pointer and a length; whoever lends it says for how long
 *   struct buf      owned, growing up to a bound given at birth; a failed append is sticky
 *   struct reader   takes a struct bytes apart; failure is sticky: read all, then reader_done() once
 *
 * Integers are little-endian. F(field) is the field encoding of docs/PROTOCOL.md: u32le length, then
 * the bytes; a sequence of them is unambiguous, so it can be hashed or signed.
 */
#ifndef COHORT_BASE_BYTES_H
#define COHORT_BASE_BYTES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *ptr;
	size_t len;
};

struct bytes bytes_of(const void *ptr, size_t len);
struct bytes bytes_text(const char *s); /* without the final NUL; NULL gives empty */
bool bytes_equal(struct bytes a, struct bytes b); /* not constant time: never for secrets */

struct buf {
	uint8_t *ptr;
	size_t len, cap;
	size_t max; /* growing beyond it fails */
	bool failed; /* sticky: some append did not fit */
};

/* `max` bounds what it may ever hold, and is not allocated ahead. buf_free accepts a zeroed one. */
void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory; clears `failed` */
struct bytes buf_bytes(const struct buf *b); /* borrowed until the next change of `b` */

/* Room for `n` more bytes; NULL (and `failed`) when `max` would be passed. The caller fills them all. */
uint8_t *buf_extend(struct buf *b, size_t n);
void buf_put(struct buf *b, struct bytes data); /* `data` must not lie inside `b` */
void buf_put_text(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_f64(struct buf *b, double v);
void buf_put_field(struct buf *b, struct bytes data); /* F(data) */

/* NUL-terminates (not counted in len) and returns it as text, valid until the next change; "" if failed. */
const char *buf_text(struct buf *b);

struct reader {
	struct bytes rest;
	bool failed;
};

struct reader reader_of(struct bytes data);
uint8_t read_u8(struct reader *r); /* 0 after a failure, as all of these */
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
double read_f64(struct reader *r);
struct bytes read_bytes(struct reader *r, size_t n);
struct bytes read_field(struct reader *r, size_t max); /* F(data), fails when longer than max */
bool reader_done(const struct reader *r); /* nothing failed and nothing is left over */

/* Lower-case hexadecimal. `out` has room for 2 * data.len + 1. */
void hex_encode(char *out, struct bytes data);
/* Exactly 2 * n characters of [0-9a-f] (upper case is refused: one spelling per value). False leaves `out` undefined. */
bool hex_decode(uint8_t *out, size_t n, const char *text);

/* Little-endian stores and loads for code that lays out its own arrays. */
void store_u32(uint8_t *p, uint32_t v);
void store_u64(uint8_t *p, uint64_t v);
uint32_t load_u32(const uint8_t *p);
uint64_t load_u64(const uint8_t *p);

#endif
