/* base/bytes: bounds and stickiness of buffers and readers, the little-endian encoding, hexadecimal. */
#include "base/bytes.h"
#include "base/random.h"
#include "tests/support/child.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_borrowed(void **state)
{
	(void)state;
	assert_int_equal(bytes_text("abc").len, 3);
	assert_int_equal(bytes_text(NULL).len, 0);
	assert_true(bytes_equal(bytes_text("abc"), bytes_of("abcd", 3)));
	assert_false(bytes_equal(bytes_text("abc"), bytes_text("abd")));
	assert_false(bytes_equal(bytes_text("abc"), bytes_text("abcd")));
	assert_true(bytes_equal(bytes_text(NULL), bytes_text("")));
}

/* The encoding of docs/PROTOCOL.md, octet by octet. */
static void test_encoding(void **state)
{
	static const uint8_t expected[] = {
		0xfe, /* u8 */
		0x04, 0x03, 0x02, 0x01, /* u32 */
		0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, /* u64 */
		0,    0,    0,    0,    0,    0,    0xf8, 0xbf, /* f64 -1.5 */
		0x03, 0,    0,    0,    'a',  'b',  'c', /* F("abc") */
		0,    0,    0,    0, /* F("") */
	};
	struct buf b;

	(void)state;
	buf_init(&b, sizeof expected);
	buf_put_u8(&b, 0xfe);
	buf_put_u32(&b, 0x01020304);
	buf_put_u64(&b, 0x0102030405060708);
	buf_put_f64(&b, -1.5);
	buf_put_field(&b, bytes_text("abc"));
	buf_put_field(&b, bytes_text(NULL));
	assert_false(b.failed);
	assert_int_equal(b.len, sizeof expected);
	assert_memory_equal(b.ptr, expected, sizeof expected);

	struct reader r = reader_of(buf_bytes(&b));
	assert_int_equal(read_u8(&r), 0xfe);
	assert_int_equal(read_u32(&r), 0x01020304);
	assert_true(read_u64(&r) == 0x0102030405060708);
	assert_true(read_f64(&r) == -1.5);
	assert_true(bytes_equal(read_field(&r, 3), bytes_text("abc")));
	assert_false(reader_done(&r));
	assert_int_equal(read_field(&r, 0).len, 0);
	assert_true(reader_done(&r));
	buf_free(&b);
}

/* Cut at every length, the same sequence of reads must fail, give zeros from there on, and stay failed. */
static void test_reader_truncated(void **state)
{
	uint8_t whole[1 + 4 + 8 + 8 + 7];

	(void)state;
	memset(whole, 0x11, sizeof whole);
	store_u32(whole + 21, 3);
	for (size_t len = 0; len <= sizeof whole; len++) {
		uint8_t *exact = mem_alloc(len); /* so that a sanitizer sees a read past the end */
		memcpy(exact, whole, len);
		struct reader r = reader_of(bytes_of(exact, len));
		assert_int_equal(read_u8(&r), len >= 1 ? 0x11 : 0);
		assert_int_equal(read_u32(&r), len >= 5 ? 0x11111111 : 0);
		assert_true(read_u64(&r) == (len >= 13 ? 0x1111111111111111 : 0));
		double d = read_f64(&r);
		assert_true(len >= 21 ? d != 0 : d == 0);
		assert_int_equal(read_field(&r, 3).len, len >= 28 ? 3 : 0);
		assert_int_equal(reader_done(&r), len == sizeof whole);
		if (len < sizeof whole) {
			assert_true(r.failed);
			assert_int_equal(read_bytes(&r, 0).len, 0);
			assert_false(reader_done(&r));
		}
		free(exact);
	}
}

static void test_reader_bounds(void **state)
{
	static const uint8_t field[] = {4, 0, 0, 0, 'a', 'b', 'c', 'd'};
	static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 'a'};
	struct reader r = reader_of(bytes_of(field, sizeof field));

	(void)state;
	assert_int_equal(read_field(&r, 3).len, 0); /* longer than the caller allows */
	assert_true(r.failed);
	r = reader_of(bytes_of(huge, sizeof huge));
	assert_int_equal(read_field(&r, SIZE_MAX).len, 0);
	assert_true(r.failed);
	r = reader_of(bytes_of(field, 1));
	assert_int_equal(read_bytes(&r, SIZE_MAX).len, 0);
	assert_true(r.failed);
	r = reader_of(bytes_of(NULL, 0));
	assert_int_equal(read_bytes(&r, 0).len, 0);
	assert_true(reader_done(&r));
}

static void test_buf_bound(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	buf_put_text(&b, "abcd");
	buf_put_u32(&b, 7); /* does not fit: nothing of it is written */
	assert_true(b.failed);
	assert_int_equal(b.len, 4);
	buf_put_u8(&b, 'e'); /* would fit, but the failure is sticky */
	assert_int_equal(b.len, 4);
	assert_string_equal(buf_text(&b), "");
	buf_clear(&b);
	buf_put_text(&b, "abcde");
	assert_false(b.failed);
	assert_string_equal(buf_text(&b), "abcde");
	assert_int_equal(b.len, 5);
	assert_null(buf_extend(&b, SIZE_MAX));
	assert_true(b.failed);
	buf_free(&b);
	buf_free(&b);

	struct buf zeroed = {0};
	assert_string_equal(buf_text(&zeroed), "");
	assert_false(zeroed.failed);
	buf_put_u8(&zeroed, 1);
	assert_true(zeroed.failed);
	buf_free(&zeroed);
}

static void test_buf_printf(void **state)
{
	struct buf b;

	(void)state;
	for (size_t max = 0; max < 200; max++) {
		buf_init(&b, max);
		buf_printf(&b, "%s %d", "round", 7); /* 7 characters */
		assert_int_equal(b.failed, max < 7);
		buf_printf(&b, "%100s", "x");
		assert_int_equal(b.failed, max < 107);
		if (!b.failed) {
			assert_int_equal(b.len, 107);
			assert_int_equal(strncmp(buf_text(&b), "round 7    ", 11), 0);
			assert_int_equal(b.ptr[106], 'x');
		}
		buf_free(&b);
	}
}

/* Random appends against a plain array: content, length and failure agree at every step. */
static void test_buf_random(void **state)
{
	static uint8_t model[5000], noise[600];
	struct rng r;

	(void)state;
	rng_seeded(&r, 1, "buf");
	for (int run = 0; run < 50; run++) {
		size_t len = 0, max = rng_below(&r, sizeof model);
		bool failed = false;
		struct buf b;
		buf_init(&b, max);
		for (int step = 0; step < 40; step++) {
			size_t n = rng_below(&r, sizeof noise);
			for (size_t i = 0; i < n; i++)
				noise[i] = (uint8_t)rng_u32(&r);
			buf_put(&b, bytes_of(noise, n));
			failed = failed || len + n > max;
			if (!failed) {
				memcpy(model + len, noise, n);
				len += n;
			}
			assert_int_equal(b.failed, failed);
			assert_int_equal(b.len, len);
			assert_true(b.cap <= max + 1 || b.cap <= 64);
		}
		assert_true(bytes_equal(buf_bytes(&b), bytes_of(model, len)));
		buf_free(&b);
	}
}

static void init_without_bound(void *context)
{
	buf_init(context, SIZE_MAX);
}

static void test_buf_needs_bound(void **state)
{
	struct buf b;

	(void)state;
	child_expect_check("max < SIZE_MAX", init_without_bound, &b);
}

static void test_store_load(void **state)
{
	uint8_t p[8];

	(void)state;
	store_u32(p, 0xdeadbeef);
	assert_memory_equal(p, "\xef\xbe\xad\xde", 4);
	assert_true(load_u32(p) == 0xdeadbeef);
	store_u64(p, 0x8877665544332211);
	assert_memory_equal(p, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
	assert_true(load_u64(p) == 0x8877665544332211);
	for (int bit = 0; bit < 64; bit++) {
		store_u64(p, (uint64_t)1 << bit);
		assert_int_equal(p[bit / 8], 1 << bit % 8);
		assert_true(load_u64(p) == (uint64_t)1 << bit);
		assert_true(load_u32(p + bit / 32 * 4) == (uint32_t)1 << bit % 32);
	}
}

/* All bits of a double survive: signs of zero, subnormals, infinities, the payload of a NaN. */
static void test_doubles(void **state)
{
	static const uint64_t bits[] = {
		0, 1, 0x8000000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8dead0000beef};

	(void)state;
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
		struct buf b;
		double v;
		memcpy(&v, &bits[i], sizeof v);
		buf_init(&b, 8);
		buf_put_f64(&b, v);
		assert_true(load_u64(b.ptr) == bits[i]);
		struct reader r = reader_of(buf_bytes(&b));
		v = read_f64(&r);
		assert_memory_equal(&v, &bits[i], sizeof v);
		buf_free(&b);
	}
}

static void test_hex(void **state)
{
	uint8_t octets[256], back[256];
	char text[513], expected[3];

	(void)state;
	for (int i = 0; i < 256; i++)
		octets[i] = (uint8_t)i;
	hex_encode(text, bytes_of(octets, sizeof octets));
	assert_int_equal(strlen(text), 512);
	for (int i = 0; i < 256; i++) {
		snprintf(expected, sizeof expected, "%02x", (unsigned)i);
		assert_memory_equal(text + 2 * i, expected, 2);
	}
	assert_true(hex_decode(back, sizeof back, text));
	assert_memory_equal(back, octets, sizeof back);
	hex_encode(text, bytes_of(NULL, 0));
	assert_string_equal(text, "");
	assert_true(hex_decode(back, 0, ""));
}

static void test_hex_refuses(void **state)
{
	uint8_t out[2];

	(void)state;
	assert_true(hex_decode(out, 2, "00ff"));
	assert_false(hex_decode(out, 2, "00fF"));
	assert_false(hex_decode(out, 2, "00ff0"));
	assert_false(hex_decode(out, 2, "00ff00"));
	/* cut at every length, in memory that ends there */
	for (size_t len = 0; len < 4; len++) {
		char *cut = mem_alloc(len + 1);
		memcpy(cut, "00ff", len);
		assert_false(hex_decode(out, 2, cut));
		free(cut);
	}
	/* every other byte at every place */
	for (int at = 0; at < 4; at++) {
		for (int c = 1; c < 256; c++) {
			char text[] = "00ff";
			text[at] = (char)c;
			assert_int_equal(hex_decode(out, 2, text), strchr("0123456789abcdef", c) != NULL);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_borrowed),
		cmocka_unit_test(test_encoding),
		cmocka_unit_test(test_reader_truncated),
		cmocka_unit_test(test_reader_bounds),
		cmocka_unit_test(test_buf_bound),
		cmocka_unit_test(test_buf_printf),
		cmocka_unit_test(test_buf_random),
		cmocka_unit_test(test_buf_needs_bound),
		cmocka_unit_test(test_store_load),
		cmocka_unit_test(test_doubles),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_hex_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
