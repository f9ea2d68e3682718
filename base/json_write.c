/*
 * Canonical JSON: the same tree gives the same bytes, in every version, because contracts are named by their hash.
 *
 *   {"name":"age","min":18,"max":110.5}     no blanks; keys in the tree's order; integers as integers; other numbers by
 *                                           "%.17g", which reads back as the same double
 *   text                                    as UTF-8; only '"', '\' and U+0000-U+001F are escaped, by \b \f \n \r \t
 *                                           where they exist and \u00XX otherwise
 *
 * A real number that is whole is written without a point (8.0 as 8) and reads back as an integer, which every reader
 * of reals accepts: 8 and 8.0 in a study file are one contract. jansson's own writer would give 8.0, and 1e-5 for 1e-05.
 */
#include "base/json.h"

#include <stdio.h>
#include <string.h>

/* Octets at `s` that stand for themselves. */
static size_t plain_run(const char *s)
{
	size_t n = 0;
	while ((unsigned char)s[n] >= 0x20 && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

static void write_string(struct buf *out, const char *utf8)
{
	static const char short_for[] = "\b\f\n\r\t\"\\", letter[] = "bfnrt\"\\";
	buf_put_u8(out, '"');
	for (const char *c = utf8;; c++) {
		size_t plain = plain_run(c);
		buf_put(out, bytes_of(c, plain));
		c += plain;
		if (*c == '\0')
			break;
		const char *at = strchr(short_for, *c);
		if (at) {
			buf_put_u8(out, '\\');
			buf_put_u8(out, (uint8_t)letter[at - short_for]);
		} else {
			buf_printf(out, "\\u%04x", (unsigned)*c);
		}
	}
	buf_put_u8(out, '"');
}

static void write_real(struct buf *out, double v)
{
	char text[40]; /* %.17g takes at most 24 */
	snprintf(text, sizeof text, "%.17g", v == 0 ? 0 : v); /* -0 is 0 */
	char *comma = strchr(text, ','); /* a locale's decimal point */
	if (comma)
		*comma = '.';
	buf_put_text(out, text);
}

static void new_line(struct buf *out, bool pretty, unsigned depth)
{
	if (!pretty)
		return;
	buf_put_u8(out, '\n');
	for (unsigned i = 0; i < depth; i++)
		buf_put_text(out, "  ");
}

static void write_node(struct buf *out, const struct json *node, bool pretty, unsigned depth);

static void write_array(struct buf *out, const struct json *array, bool pretty, unsigned depth)
{
	size_t n = json_count(array);
	buf_put_u8(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_put_u8(out, ',');
		new_line(out, pretty, depth + 1);
		write_node(out, json_at(array, i), pretty, depth + 1);
	}
	if (n > 0)
		new_line(out, pretty, depth);
	buf_put_u8(out, ']');
}

static void write_object(struct buf *out, const struct json *object, bool pretty, unsigned depth)
{
	const struct json *value;
	bool first = true;
	buf_put_u8(out, '{');
	for (const char *key = json_key_after(object, NULL, &value); key; key = json_key_after(object, key, &value)) {
		if (!first)
			buf_put_u8(out, ',');
		first = false;
		new_line(out, pretty, depth + 1);
		write_string(out, key);
		buf_put_text(out, pretty ? ": " : ":");
		write_node(out, value, pretty, depth + 1);
	}
	if (!first)
		new_line(out, pretty, depth);
	buf_put_u8(out, '}');
}

static void write_node(struct buf *out, const struct json *node, bool pretty, unsigned depth)
{
	switch (json_kind(node)) {
	case JSON_IS_NULL:
		buf_put_text(out, "null");
		break;
	case JSON_IS_BOOL:
		buf_put_text(out, json_as_bool(node) ? "true" : "false");
		break;
	case JSON_IS_INTEGER:
		buf_printf(out, "%lld", (long long)json_as_integer(node));
		break;
	case JSON_IS_REAL:
		write_real(out, json_as_real(node));
		break;
	case JSON_IS_STRING:
		write_string(out, json_as_string(node));
		break;
	case JSON_IS_ARRAY:
		write_array(out, node, pretty, depth);
		break;
	case JSON_IS_OBJECT:
		write_object(out, node, pretty, depth);
		break;
	}
}

void json_write(struct buf *out, const struct json *root, bool pretty)
{
	write_node(out, root, pretty, 0);
}
