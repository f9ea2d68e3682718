/*
 * The parts of a debit (client/budget.h) as JSON: in the ledger's rows, in what the daemon tells, and on screens.
 *
 *   [{"q": sampling rate, "z": noise multiplier, "count": how many such releases}, ...]     at most PRIVACY_DEBIT_MAX; [] of nothing
 */
#ifndef COHORT_CLIENT_COST_JSON_H
#define COHORT_CLIENT_COST_JSON_H

#include "base/json.h"
#include "client/budget.h"

struct json *cost_json_of(const struct budget_debit *d);

/* Into the debit's parts. False, and no parts, when it is no such list. */
bool cost_json_read(struct budget_debit *d, const struct json *list);

#endif
