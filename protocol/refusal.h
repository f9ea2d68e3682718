/*
 * Why a site takes no part in a round. A closed list of codes, without a number or a value in any of them: what
 * a hospital gives away by refusing is one of these words and nothing else. An unknown code is a protocol error.
 */
#ifndef COHORT_PROTOCOL_REFUSAL_H
#define COHORT_PROTOCOL_REFUSAL_H

#include <stdbool.h>

enum refusal {
	REFUSAL_NONE, /* not a refusal; never on the wire */
	REFUSAL_NOT_APPROVED, /* the hospital has not approved this study's hash */
	REFUSAL_EXPIRED, /* the study's last day has passed */
	REFUSAL_PLAN, /* the plan is not what the study says, or differs from an earlier attempt */
	REFUSAL_MODEL, /* the model does not fit its hash or the study */
	REFUSAL_POLICY_MASKING,
	REFUSAL_POLICY_MECHANISM,
	REFUSAL_POLICY_EVALUATION,
	REFUSAL_POLICY_EPSILON,
	REFUSAL_POLICY_SITES, /* fewer sites than the hospital's min_sites, or too few that it knows */
	REFUSAL_BUDGET,
	REFUSAL_LEDGER, /* the hospital's ledger is an older copy, or has lost entries (client/standing.h) */
	REFUSAL_DATA_CHANGED, /* another extract than the approved one, and the policy says ask */
	REFUSAL_DATA_UNREADABLE,
	REFUSAL_DATA_SMALL, /* below the hospital's min_rows or min_positives; judged once, at approval */
	REFUSAL_WEIGHT_CAP, /* more patients than the study's cap, or more rows than round_plan_row_cap */
	REFUSAL_INTERNAL, /* disk full, out of memory, a bug: the hospital's log says which */
	REFUSAL_COUNT
};

/* "policy_masking" and such, as they travel; and the sentence shown to people. */
const char *refusal_name(enum refusal r);
const char *refusal_text(enum refusal r);

/* False, and `out` untouched, for REFUSAL_NONE's name and any that is not on the list. */
bool refusal_from(enum refusal *out, const char *name);

#endif
