/*
 * What the ledger holds, as JSON: the one form in which the daemon tells it to commands and commands print it.
 *
 *   {"releases": [{"study", "study_hash", "round", "step", "asks", "sites", "octets", "sha256", "masked_sha256", "plan_hash", "released",
 *                  "allowed", "sent", "attempt", "outcome", "participants", "kept", "mechanism", "clip",
 *                  "unit", "kind", "cost": [{"q", "z", "count"}],
 *                  "own": {"training_rows", "weight", "training_loss", "saturated", "validation", "test"} or null}],
 *    "endings": [{"study", "study_hash", "complete", "model", "model_octets"}],
 *    "spent": [{"study", "study_hash", "unit", "statistics", "training", "evaluation", "training_sums", "evaluation_sums"}],
 *    "entries": N, "head": HASH, "losses": [{"entry", "had", "stated"}]}                       of the whole ledger (client/ledger.h)
 *
 * sha256 and octets are of the contribution; under masks it never leaves, and masked_sha256 names what left in its place, to `attempt`.
 * sent, attempt, outcome and participants are null until they are known, masked_sha256 in a clear round. "own" stays at the hospital.
 * "kind" (statistics, training, evaluation) is null when a release has spent nothing, and "cost" then empty. "spent" is of all
 * studies, always: numbers of noised releases, and the Renyi sums at rdp_orders (null: more than any number).
 */
#ifndef COHORT_CLIENT_RECORDS_H
#define COHORT_CLIENT_RECORDS_H

#include "base/json.h"
#include "client/ledger.h"

/* `study` NULL: of all studies; `state`: where the contracts lie whose endings are told. */
struct json *records_of(struct ledger *l, const char *state, const char *study);

/* The same of a hospital that has no ledger yet. */
struct json *records_none(void);

/* What was spent, out of it again; `out` is freed first. */
void records_budget(struct budget *out, const struct json *records);

/* Looking into it: "-" and 0 for what is null or missing; the sum of enum ask; "train, evaluate". */
const char *records_text(const struct json *node, const char *key);
int64_t records_integer(const struct json *node, const char *key);
double records_real(const struct json *node, const char *key);
unsigned records_asks(const struct json *release);
#define RECORDS_ASKS_SIZE 32
const char *records_asks_text(char out[RECORDS_ASKS_SIZE], unsigned asks);

#endif
