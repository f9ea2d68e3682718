#include "model/metrics_json.h"

#include <math.h>
#include <stddef.h>

#define TEXT_MAX 4096 /* 11, or 3 times 10, numbers of at most 24 characters and their names */

static const struct {
	const char *name;
	size_t offset;
} fields[] = {
	{"rows", offsetof(struct metrics, rows)},
	{"loss", offsetof(struct metrics, loss)},
	{"accuracy", offsetof(struct metrics, accuracy)},
	{"precision", offsetof(struct metrics, precision)},
	{"recall", offsetof(struct metrics, recall)},
	{"f1", offsetof(struct metrics, f1)},
	{"auc", offsetof(struct metrics, auc)},
	{"brier", offsetof(struct metrics, brier)},
	{"r2", offsetof(struct metrics, r2)},
	{"rmse", offsetof(struct metrics, rmse)},
	{"mae", offsetof(struct metrics, mae)},
};

#define FIELDS (sizeof fields / sizeof *fields)

void metrics_json_set(struct json *object, const struct metrics *m)
{
	for (size_t i = 0; i < FIELDS; i++)
		json_set_real(object, fields[i].name, *(const double *)((const char *)m + fields[i].offset));
}

struct json *metrics_json_of(const struct metrics *m)
{
	struct json *node = json_new_object();

	metrics_json_set(node, m);
	return node;
}

/* NAN for what is no number. */
static double number(const struct json *object, const char *key)
{
	const struct json *value = object != NULL ? json_get(object, key) : NULL;
	bool is_number = value != NULL && (json_kind(value) == JSON_IS_INTEGER || json_kind(value) == JSON_IS_REAL);

	return is_number ? json_as_real(value) : (double)NAN;
}

void metrics_json_read(struct metrics *out, const char *text)
{
	struct json *node = NULL;

	if (json_parse(&node, bytes_text(text), TEXT_MAX, "figures", NULL) != OK)
		node = NULL;
	for (size_t i = 0; i < FIELDS; i++)
		*(double *)((char *)out + fields[i].offset) = number(node, fields[i].name);
	json_free(node);
}

struct json *metrics_json_of_calibration(const struct calibration *c)
{
	struct json *list;

	if (!c->known)
		return json_new_null();
	list = json_new_array();
	for (int i = 0; i < CALIBRATION_POINTS; i++) {
		struct json *node = json_new_object();

		json_set_real(node, "predicted", c->points[i].predicted);
		json_set_real(node, "observed", c->points[i].observed);
		json_set_real(node, "rows", c->points[i].rows);
		json_add(list, node);
	}
	return list;
}

void metrics_json_read_calibration(struct calibration *out, const char *text)
{
	struct json *list = NULL;

	*out = (struct calibration){0};
	if (json_parse(&list, bytes_text(text), TEXT_MAX, "calibration", NULL) != OK)
		return;
	out->known = json_count(list) == CALIBRATION_POINTS;
	for (int i = 0; i < CALIBRATION_POINTS && out->known; i++) {
		const struct json *node = json_at(list, (size_t)i);

		out->points[i] = (struct calibration_point){
			.rows = number(node, "rows"),
			.predicted = number(node, "predicted"),
			.observed = number(node, "observed"),
		};
	}
	json_free(list);
}
