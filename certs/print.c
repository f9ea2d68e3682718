#include "certs/print.h"

#include "base/limits.h"
#include "net/identity.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define KEY_WIDTH 12 /* "certificate" and a blank */
#define ANSWER_MAX (64u << 20) /* `list --json` of a full registry: names and dates again, in words */

void print_json(struct json *root)
{
	struct buf text;

	buf_init(&text, ANSWER_MAX);
	json_write(&text, root, true);
	CHECK(!text.failed);
	fwrite(text.ptr, 1, text.len, stdout);
	fputc('\n', stdout);
	buf_free(&text);
	json_free(root);
}

static void print_value(const struct json *value)
{
	switch (json_kind(value)) {
	case JSON_IS_STRING:
		printf("%s", json_as_string(value));
		break;
	case JSON_IS_INTEGER:
		printf("%" PRId64, json_as_integer(value));
		break;
	case JSON_IS_ARRAY:
		for (size_t i = 0; i < json_count(value); i++)
			printf("%s%s", i ? " " : "", json_as_string(json_at(value, i)));
		break;
	default:
		printf("-");
	}
}

void print_answer(struct json *object, bool as_json)
{
	const struct json *value = NULL;

	if (as_json) {
		print_json(object);
		return;
	}
	for (const char *key = json_key_after(object, NULL, &value); key; key = json_key_after(object, key, &value)) {
		printf("%-*s ", KEY_WIDTH, key);
		print_value(value);
		printf("\n");
	}
	json_free(object);
}

void print_set_moment(struct json *object, const char *key, int64_t moment_s)
{
	char text[IDENTITY_MOMENT_SIZE];

	identity_moment(text, moment_s);
	json_set_string(object, key, text);
}

void print_next(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}
