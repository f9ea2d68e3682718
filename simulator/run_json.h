/*
 * A run as one JSON object, schema "cohort/run/1": what `run --json` prints and what run.json holds (docs/SIMULATOR.md lists the
 * keys). Figures that do not apply are null.
 */
#ifndef COHORT_SIMULATOR_RUN_JSON_H
#define COHORT_SIMULATOR_RUN_JSON_H

#include "base/json.h"
#include "simulator/run.h"

/* `model`: where the model's file was written; NULL: nowhere. Owned by the caller. */
struct json *run_json(const struct run *run, const char *model);

#endif
