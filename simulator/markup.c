#include "simulator/markup.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NARROW_BLANK "\xe2\x80\xaf"

static const char *reference(uint8_t c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return c < 0x20 && c != '\t' && c != '\n' && c != '\r' ? "?" : NULL;
	}
}

void markup_text(struct buf *out, const char *text)
{
	struct bytes rest = bytes_text(text);

	while (rest.len > 0) {
		size_t length = utf8_length(rest);
		const char *instead = length == 1 ? reference(rest.ptr[0]) : NULL;

		if (length == 0 || (length == 3 && memcmp(rest.ptr, "\xef\xbf", 2) == 0 && rest.ptr[2] >= 0xbe))
			instead = "?";
		if (length == 0)
			length = 1;
		if (instead != NULL)
			buf_put_text(out, instead);
		else
			buf_put(out, bytes_of(rest.ptr, length));
		rest = bytes_of(rest.ptr + length, rest.len - length);
	}
}

const char *markup_number(char out[MARKUP_NUMBER_SIZE], double value, int digits)
{
	CHECK(digits >= 1 && digits <= 17);
	if (isnan(value)) {
		snprintf(out, MARKUP_NUMBER_SIZE, "-");
		return out;
	}
	double size = fabs(value);
	if (size == 0)
		value = 0; /* never "-0" */
	if (size < 1e-4 || size >= 1e6 || digits > 15) {
		snprintf(out, MARKUP_NUMBER_SIZE, "%.*g", digits, value);
		return out;
	}
	int before = (int)floor(log10(size)) + 1;
	int after = digits - before > 0 ? digits - before : 0;
	snprintf(out, MARKUP_NUMBER_SIZE, "%.*f", after, value);
	if (after > 0) {
		size_t end = strlen(out);
		while (out[end - 1] == '0')
			end--;
		out[out[end - 1] == '.' ? end - 1 : end] = '\0';
	}
	return out;
}

const char *markup_count(char out[MARKUP_NUMBER_SIZE], double value)
{
	char digits[MARKUP_NUMBER_SIZE];
	size_t length, at = 0;

	if (!(fabs(value) < 1e15)) /* beyond it, and NaN, there are no exact integers to group */
		return markup_number(out, value, 6);
	length = (size_t)snprintf(digits, sizeof digits, "%.0f", value);
	for (size_t i = 0; i < length; i++) {
		size_t left = length - i;
		if (i > 0 && left % 3 == 0 && digits[i - 1] != '-') {
			memcpy(out + at, NARROW_BLANK, sizeof NARROW_BLANK - 1);
			at += sizeof NARROW_BLANK - 1;
		}
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}
