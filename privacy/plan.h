/*
 * The privacy plan of a study: unit, mechanism and what they ask. Types and pure checks only. This version builds the
 * mechanism `none`; the others are part of the format and refused by name.
 */
#ifndef COHORT_PRIVACY_PLAN_H
#define COHORT_PRIVACY_PLAN_H

#include "base/err.h"

enum privacy_mechanism { PRIVACY_NONE, PRIVACY_DISTRIBUTED, PRIVACY_LOCAL, PRIVACY_SITE, PRIVACY_MECHANISM_COUNT };
enum privacy_unit { UNIT_RECORD, UNIT_PATIENT, UNIT_SITE };

struct privacy_plan {
	enum privacy_mechanism mechanism;
	enum privacy_unit unit;
};

const char *privacy_mechanism_name(enum privacy_mechanism m);
/* False, and `out` untouched, when `name` is none of them. */
bool privacy_mechanism_from(enum privacy_mechanism *out, const char *name);

/* OK when this version can keep the plan's promise; ERR_DATA names the mechanism that is not built yet. */
enum err privacy_plan_check(const struct privacy_plan *p, struct diag *why) MUST_USE;

#endif
