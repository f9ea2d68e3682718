#include "net/http.h"

#include "base/parse.h"

#include <stdlib.h>
#include <string.h>

static bool is_unreserved(char c) /* RFC 3986, 2.3 */
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

/* No two slashes in a row, no "." or ".." between slashes: a path names one thing in one way. */
static bool path_is_clean(const char *path)
{
	if (path[0] != '/')
		return false;
	for (const char *segment = path + 1; *segment || segment == path + 1;) {
		size_t len = strcspn(segment, "/");
		for (size_t i = 0; i < len; i++)
			if (!is_unreserved(segment[i]))
				return false;
		if ((len == 0 && path[1]) || (len == 1 && segment[0] == '.') ||
		    (len == 2 && segment[0] == '.' && segment[1] == '.'))
			return false;
		segment += len;
		if (!*segment)
			return true;
		segment++;
	}
	return false; /* ends with a slash */
}

static bool hex_digit(uint8_t *out, char c)
{
	if (c >= '0' && c <= '9')
		*out = (uint8_t)(c - '0');
	else if (c >= 'A' && c <= 'F')
		*out = (uint8_t)(c - 'A' + 10);
	else if (c >= 'a' && c <= 'f')
		*out = (uint8_t)(c - 'a' + 10);
	else
		return false;
	return true;
}

/* In place: the decoded text is never longer. */
static bool decode(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		uint8_t high, low;
		if (is_unreserved(*from)) {
			*to++ = *from;
			continue;
		}
		if (*from != '%' || !hex_digit(&high, from[1]) || !hex_digit(&low, from[2]))
			return false;
		uint8_t octet = (uint8_t)(high << 4 | low);
		if (octet < 0x20 || octet == 0x7f)
			return false;
		*to++ = (char)octet;
		from += 2;
	}
	*to = '\0';
	return true;
}

static bool name_is_clean(const char *name)
{
	return *name && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static bool parse_parameters(struct http_target *t, char *query)
{
	while (query) {
		char *name = strsep(&query, "&");
		char *value = strchr(name, '=');
		if (!value || t->parameter_count == HTTP_PARAMETERS_MAX)
			return false;
		*value++ = '\0';
		if (!name_is_clean(name) || !decode(value) || http_target_value(t, name))
			return false;
		t->parameters[t->parameter_count++] = (struct http_pair){name, value};
	}
	return true;
}

bool http_target_parse(struct http_target *out, const char *text)
{
	*out = (struct http_target){.text = mem_copy_text(text)};
	char *query = strchr(out->text, '?');
	if (query)
		*query++ = '\0';
	out->path = out->text;
	bool good = path_is_clean(out->path) && parse_parameters(out, query);
	if (!good)
		http_target_free(out);
	return good;
}

void http_target_free(struct http_target *t)
{
	free(t->text);
	*t = (struct http_target){0};
}

const char *http_target_value(const struct http_target *t, const char *name)
{
	for (size_t i = 0; i < t->parameter_count; i++)
		if (strcmp(t->parameters[i].name, name) == 0)
			return t->parameters[i].value;
	return NULL;
}

enum http_range http_range_parse(const char *header, uint64_t size, uint64_t *offset, uint64_t *length)
{
	static const char unit[] = "bytes=";
	uint64_t first, last = UINT64_MAX;

	*offset = 0;
	*length = size;
	if (!header || strncmp(header, unit, strlen(unit)) != 0)
		return HTTP_RANGE_WHOLE;
	header += strlen(unit);
	size_t digits = strcspn(header, "-");
	if (!parse_u64(&first, bytes_of(header, digits)) || header[digits] != '-')
		return HTTP_RANGE_WHOLE;
	header += digits + 1;
	if (*header && (!parse_u64(&last, bytes_text(header)) || last < first))
		return HTTP_RANGE_WHOLE;
	if (first >= size)
		return HTTP_RANGE_OUTSIDE;
	*offset = first;
	*length = (last < size ? last + 1 : size) - first;
	return HTTP_RANGE_PART;
}

void http_scan_feed(struct http_scan *s, struct bytes octets)
{
	size_t i = 0;

	for (; i < octets.len && !s->ended; i++) {
		uint8_t c = octets.ptr[i];
		s->headers++;
		if (c == '\n' && s->blank)
			s->ended = true;
		else if (c == '\n')
			s->blank = true;
		else if (c != '\r')
			s->blank = false;
	}
	s->body += octets.len - i;
}
