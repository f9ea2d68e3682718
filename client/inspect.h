/*
 * The data dictionary as JSON: a study's columns against the hospital's file (data/dictionary.h). It stays at the hospital.
 *
 * What tells who has what (rows, patients, classes, levels) is guarded: a count from 1 to cell_min - 1 is null. What is wrong with the
 * file (dropped, missing, outside, unknown) is exact, or nobody could repair it.
 */
#ifndef COHORT_CLIENT_INSPECT_H
#define COHORT_CLIENT_INSPECT_H

#include "base/json.h"
#include "client/policy.h"
#include "data/table.h"

/* May this hospital take part with these rows? The policy on the study and on the data, and the study's caps; REFUSAL_NONE, or the
 * first reason, in words in `why`. */
enum refusal inspect_judge(const struct table *t, const struct study *s, const struct policy *p, int64_t now_s,
                           struct diag *why) MUST_USE;

/* {"study", "revision", "study_hash", "file", "cell_min", "rows", "used", "patients", "dropped": [{"reason", "rows"}],
 *  "parts": [{"part", "rows", "patients", "classes": [{"label", "rows"}]}],
 *  "label": as one of the features when it is a number, otherwise null,
 *  "features": [{"name", "field", "type", "present", "missing", "below", "above", "unknown", "lowest", "highest", "mean",
 *                "levels": [{"level", "rows"}], "unknowns": [{"text", "rows"}]}],
 *  "warnings": [text], "permitted": bool, "refusal": code or null, "why": text or null,
 *  "privacy": all that the study promises (protocol/promise.h)} */
struct json *inspect_table(const struct table *t, const struct study *s, const struct policy *p, const char *file,
                           int64_t now_s);

#endif
