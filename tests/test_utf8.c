/*
 * UTF-8: every text of one to four bytes that matters is held against a second implementation that decodes the code
 * point and asks the definition (RFC 3629, section 3) whether it was written in its shortest form and may exist.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"

#include <string.h>

/* The length of the shortest form of a code point; 0 when it has none. */
static size_t shortest(uint32_t point)
{
	if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

/* Decodes as the lead byte says and checks the definition. */
static size_t slow_length(const uint8_t *s, size_t len)
{
	static const struct {
		uint8_t mask, lead;
	} forms[] = {{0x80, 0x00}, {0xe0, 0xc0}, {0xf0, 0xe0}, {0xf8, 0xf0}};

	for (size_t n = 1; n <= 4; n++) {
		if (len < n || (s[0] & forms[n - 1].mask) != forms[n - 1].lead)
			continue;
		uint32_t point = s[0] & (uint8_t)~forms[n - 1].mask;
		for (size_t i = 1; i < n; i++) {
			if (s[i] >> 6 != 2)
				return 0;
			point = point << 6 | (s[i] & 0x3f);
		}
		return shortest(point) == n ? n : 0;
	}
	return 0;
}

static void test_every_sequence_of_two_bytes_and_longer_ones_at_the_borders(void **state)
{
	static const uint8_t borders[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
	uint8_t s[4];
	size_t good = 0;

	(void)state;
	for (unsigned pair = 0; pair < 0x10000; pair++) {
		s[0] = (uint8_t)(pair >> 8);
		s[1] = (uint8_t)pair;
		for (size_t i = 0; i < sizeof borders; i++) {
			for (size_t j = 0; j < sizeof borders; j++) {
				s[2] = borders[i];
				s[3] = borders[j];
				for (size_t len = 0; len <= 4; len++) {
					size_t n = utf8_length(bytes_of(s, len));
					assert_int_equal(n, slow_length(s, len));
					good += n > 1;
				}
			}
		}
	}
	assert_true(good > 0);
}

static void test_the_valid_part_ends_before_the_first_bad_byte(void **state)
{
	static const char text[] = "Gr\xc3\xb6\xc3\x9f"
				   "e \xe2\x82\xac \xf0\x9f\x8f\xa5";

	(void)state;
	assert_int_equal(utf8_valid(bytes_text(text)), strlen(text));
	assert_int_equal(utf8_valid(bytes_of(text, strlen(text) - 1)), strlen(text) - 4);
	assert_int_equal(utf8_valid(bytes_text("Gr\xf6\xdf"
	                                       "e")),
	                 2);
	assert_int_equal(utf8_valid(bytes_of(NULL, 0)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_sequence_of_two_bytes_and_longer_ones_at_the_borders),
		cmocka_unit_test(test_the_valid_part_ends_before_the_first_bad_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
