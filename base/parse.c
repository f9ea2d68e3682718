/*
 * The grammar is checked here, character by character; only then does the C library's strtod_l, in the "C" locale, turn
 * a text that is known to be a plain decimal number into the nearest double.
 */
#include "base/parse.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

bool parse_u64(uint64_t *out, struct bytes text)
{
	uint64_t v = 0;

	if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(text.ptr[i]))
			return false;
		uint64_t digit = (uint64_t)(text.ptr[i] - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

bool parse_i64(int64_t *out, struct bytes text)
{
	bool negative = text.len > 0 && text.ptr[0] == '-';
	uint64_t magnitude;

	if (!parse_u64(&magnitude, negative ? bytes_of(text.ptr + 1, text.len - 1) : text))
		return false;
	if (negative) {
		if (magnitude == 0 || magnitude > (uint64_t)INT64_MAX + 1)
			return false;
		*out = -(int64_t)(magnitude - 1) - 1; /* INT64_MIN has no positive twin */
		return true;
	}
	if (magnitude > INT64_MAX)
		return false;
	*out = (int64_t)magnitude;
	return true;
}

/* Index after the digits that start at `i`. */
static size_t skip_digits(struct bytes text, size_t i)
{
	while (i < text.len && is_digit(text.ptr[i]))
		i++;
	return i;
}

/* Whether the whole text fits the grammar of the header. `mark` gets the index of the decimal mark, or text.len. */
static bool is_decimal(struct bytes text, char decimal, size_t *mark)
{
	size_t start = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;
	size_t i = skip_digits(text, start);
	bool whole = i > start;

	*mark = text.len;
	if (i < text.len && text.ptr[i] == (uint8_t)decimal) {
		*mark = i;
		size_t end = skip_digits(text, i + 1);
		if (end == i + 1)
			return false;
		i = end;
	} else if (!whole) {
		return false;
	}
	if (i < text.len && (text.ptr[i] == 'e' || text.ptr[i] == 'E')) {
		i++;
		if (i < text.len && (text.ptr[i] == '+' || text.ptr[i] == '-'))
			i++;
		size_t end = skip_digits(text, i);
		if (end == i)
			return false;
		i = end;
	}
	return i == text.len;
}

static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static locale_t c_locale;

static void make_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	CHECK(c_locale);
}

bool parse_f64(double *out, struct bytes text, char decimal)
{
	char copy[PARSE_F64_CHARACTERS_MAX + 1];
	size_t mark;

	CHECK(decimal == '.' || decimal == ',');
	if (text.len > PARSE_F64_CHARACTERS_MAX || !is_decimal(text, decimal, &mark))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (mark < text.len)
		copy[mark] = '.';
	pthread_once(&c_locale_once, make_c_locale);
	double v = strtod_l(copy, NULL, c_locale);
	if (isinf(v))
		return false;
	*out = v;
	return true;
}
