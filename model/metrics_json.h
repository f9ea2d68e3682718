/*
 * Metrics as JSON: how ledger and store keep figures and how commands print them. Undefined ones are null.
 *
 *   {"rows":57,"loss":0.09,"accuracy":0.98,"precision":0.97,"recall":0.97,"f1":0.97,"auc":0.995,"brier":0.02,
 *    "r2":null,"rmse":null,"mae":null}
 *   and of noised sums  "auc_interval":[0.981,1.0], ...                         what 95 of 100 hold the exact figure in
 *   [{"predicted":0.04,"observed":0.02,"rows":31}, ...]                         a calibration curve, or null
 */
#ifndef COHORT_MODEL_METRICS_JSON_H
#define COHORT_MODEL_METRICS_JSON_H

#include "base/json.h"
#include "model/metrics.h"

struct json *metrics_json_of(const struct metrics *m);

/* Adds the keys of metrics_json_of to an object. */
void metrics_json_set(struct json *object, const struct metrics *m);

/* Adds "auc_interval" and such for each figure whose margin (model/metrics_noised.h) is a number: figure - margin and figure +
 * margin, held within the figure's range. */
void metrics_json_set_intervals(struct json *object, const struct metrics *m, const struct metrics *margin);

/* What is missing in the text, or no number, is undefined: a ledger of another version is read as far as it goes. */
void metrics_json_read(struct metrics *out, const char *text);

struct json *metrics_json_of_calibration(const struct calibration *c);

/* Unknown when the text is none that metrics_json_of_calibration gives. */
void metrics_json_read_calibration(struct calibration *out, const char *text);

#endif
