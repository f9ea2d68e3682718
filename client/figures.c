#include "client/figures.h"

#include <math.h>
#include <stddef.h>

#define TEXT_MAX 4096 /* seven numbers of at most 24 characters and their names */

static const struct {
	const char *name;
	size_t offset;
} fields[] = {
	{"rows", offsetof(struct metrics, rows)},         {"loss", offsetof(struct metrics, loss)},
	{"accuracy", offsetof(struct metrics, accuracy)}, {"precision", offsetof(struct metrics, precision)},
	{"recall", offsetof(struct metrics, recall)},     {"f1", offsetof(struct metrics, f1)},
	{"auc", offsetof(struct metrics, auc)},
};

#define FIELDS (sizeof fields / sizeof *fields)

struct json *figures_to_json(const struct metrics *m)
{
	struct json *node = json_new_object();

	for (size_t i = 0; i < FIELDS; i++)
		json_set_real(node, fields[i].name, *(const double *)((const char *)m + fields[i].offset));
	return node;
}

void figures_from_text(struct metrics *out, const char *text)
{
	struct json *node = NULL;

	if (json_parse(&node, bytes_text(text), TEXT_MAX, "figures", NULL) != OK)
		node = NULL;
	for (size_t i = 0; i < FIELDS; i++) {
		const struct json *value = node != NULL ? json_get(node, fields[i].name) : NULL;
		bool number =
			value != NULL && (json_kind(value) == JSON_IS_INTEGER || json_kind(value) == JSON_IS_REAL);

		*(double *)((char *)out + fields[i].offset) = number ? json_as_real(value) : (double)NAN;
	}
	json_free(node);
}
