#include "model/metrics_json.h"

#include <math.h>
#include <stddef.h>

#define TEXT_MAX 4096 /* 11, or 3 times 10, numbers of at most 24 characters and their names */

static const struct {
	const char *name, *interval;
	size_t offset;
	double most; /* no figure but R^2 is below 0 */
} fields[] = {
	{"rows", "rows_interval", offsetof(struct metrics, rows), INFINITY},
	{"loss", "loss_interval", offsetof(struct metrics, loss), METRICS_LOSS_MAX},
	{"accuracy", "accuracy_interval", offsetof(struct metrics, accuracy), 1},
	{"precision", "precision_interval", offsetof(struct metrics, precision), 1},
	{"recall", "recall_interval", offsetof(struct metrics, recall), 1},
	{"f1", "f1_interval", offsetof(struct metrics, f1), 1},
	{"auc", "auc_interval", offsetof(struct metrics, auc), 1},
	{"brier", "brier_interval", offsetof(struct metrics, brier),
         2}, /* of several classes; of two it is at most 1 */
	{"r2", "r2_interval", offsetof(struct metrics, r2), 1},
	{"rmse", "rmse_interval", offsetof(struct metrics, rmse), INFINITY},
	{"mae", "mae_interval", offsetof(struct metrics, mae), INFINITY},
};

#define FIELDS (sizeof fields / sizeof *fields)

static double field(const struct metrics *m, size_t i)
{
	return *(const double *)((const char *)m + fields[i].offset);
}

void metrics_json_set(struct json *object, const struct metrics *m)
{
	for (size_t i = 0; i < FIELDS; i++)
		json_set_real(object, fields[i].name, field(m, i));
}

struct json *metrics_json_of(const struct metrics *m)
{
	struct json *node = json_new_object();

	metrics_json_set(node, m);
	return node;
}

void metrics_json_set_intervals(struct json *object, const struct metrics *m, const struct metrics *margin)
{
	for (size_t i = 0; i < FIELDS; i++) {
		double x = field(m, i), by = field(margin, i);
		double least = fields[i].offset == offsetof(struct metrics, r2) ? -INFINITY : 0;
		struct json *interval;

		if (!isfinite(x) || !isfinite(by))
			continue;
		interval = json_new_array();
		json_add(interval, json_new_real(fmax(x - by, least)));
		json_add(interval, json_new_real(fmin(x + by, fields[i].most)));
		json_set(object, fields[i].interval, interval);
	}
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
