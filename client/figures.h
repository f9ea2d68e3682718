/*
 * Metrics as JSON: how the ledger keeps this hospital's own figures and how commands print them. Undefined ones are null.
 *
 *   {"rows":57,"loss":0.09,"accuracy":0.98,"precision":0.97,"recall":0.97,"f1":0.97,"auc":0.995}
 */
#ifndef COHORT_CLIENT_FIGURES_H
#define COHORT_CLIENT_FIGURES_H

#include "base/json.h"
#include "model/metrics.h"

struct json *figures_to_json(const struct metrics *m);

/* What is missing in the text, or no number, is undefined: a ledger of another version is read as far as it goes. */
void figures_from_text(struct metrics *out, const char *text);

#endif
