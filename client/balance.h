/*
 * The balance: what this hospital's studies have spent of its privacy budget, in epsilons, for people. Made from the ledger's records
 * (client/records.h), the policy's `budget` and the contracts that are here.
 *
 *   {"limit": {"epsilon", "delta"}, "spent", "lost", "remains", "spent_pld",
 *    "studies": [{"study", "study_hash", "unit", "statistics", "training", "evaluation", "delta",
 *                 "promised": {"epsilon", "evaluation_epsilon"} or null,
 *                 "training_patients": {"epsilon", "renyi"}, "evaluation_patients": {"epsilon", "renyi"} or null}]}
 *
 * "spent" is what refuses: all studies' Renyi sums at the limit's delta. "epsilon" is the smaller of two bounds for releases that
 * were fixed in advance, as those of one contract are, at the contract's delta (at the limit's where the contract is gone);
 * "spent_pld" the same of all studies together, to be looked at. null: more than any number. "lost": entries of the ledger are
 * lost, and what they have spent (client/standing.h): nothing remains.
 */
#ifndef COHORT_CLIENT_BALANCE_H
#define COHORT_CLIENT_BALANCE_H

#include "base/json.h"
#include "client/policy.h"

struct json *balance_of(const struct json *records, const struct policy *policy, const char *state);

#endif
