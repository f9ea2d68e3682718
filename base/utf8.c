/*
 * The well-formed sequences of RFC 3629, section 4, as a lead byte's length and the four second bytes that are narrower
 * than 80..bf.
 */
#include "base/utf8.h"

size_t utf8_expected(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2)
		return 0;
	if (lead < 0xe0)
		return 2;
	if (lead < 0xf0)
		return 3;
	return lead < 0xf5 ? 4 : 0;
}

size_t utf8_length(struct bytes text)
{
	const uint8_t *s = text.ptr;
	size_t n = text.len > 0 ? utf8_expected(s[0]) : 0;

	if (n > text.len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (n < 3)
		return n;
	bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
	bool surrogate = s[0] == 0xed && s[1] > 0x9f;
	bool beyond = s[0] == 0xf4 && s[1] > 0x8f;
	return overlong || surrogate || beyond ? 0 : n;
}

size_t utf8_valid(struct bytes text)
{
	size_t at = 0;

	while (at < text.len) {
		size_t n = utf8_length(bytes_of(text.ptr + at, text.len - at));
		if (n == 0)
			break;
		at += n;
	}
	return at;
}
