/*
 * What is shown of the coordinator's state: JSON objects of a stable shape, for `--json`, for tables, for the admin interface.
 * docs say which keys scripts rely on; keys may be added, none removed.
 */
#ifndef COHORT_COORDINATOR_REPORT_H
#define COHORT_COORDINATOR_REPORT_H

#include "coordinator/office.h"

#define REPORT_PAGE 64 /* rounds or events in one answer: with SITES_MAX sites a round has 500 KiB */

/* {"studies": [{"study", "revision", "study_hash", "state", "waiting_for", "failure", "round", "attempt", "step", "rounds",
 *   "expires", "sites": [{"site", "number", "state", "reason", "phase", "last_seen_ms"}], "metrics": {...} or null, "privacy": {...},
 *   "model_sha256", "best_sha256", "best_step"}]}
 * "privacy" is the promise (protocol/promise.h) and what is spent of it: "releases", the rounds whose sum was made and the lost ones that
 * were paid for; "spent_rounds", those of them that trained; "lost_rounds"; "spare_left". */
enum err report_status(struct json **out, struct office *o, struct diag *why) MUST_USE;

/* {"studies": [{"study", "revision", "state", "study_hash", "purpose", "expires", "approved", "privacy"}]} */
struct json *report_studies(const struct office *o);

/* {"sites": [{"site", "number", "state", "last_seen_ms"}], "roster": version} */
struct json *report_sites(const struct office *o);

/* {"rounds": [...]}: at most REPORT_PAGE attempts after (round, attempt). Of each:
 *   {"study", "revision", "round", "attempt", "kind", "asks", "step", "outcome", "quorum", "opened_ms", "ms", "bytes", "model_sha256",
 *    "rows", "loss", "accuracy", "precision", "recall", "f1", "auc", "brier", "r2", "rmse", "mae",
 *    "calibration": [{"predicted", "observed", "rows"}] or null, "validation": {...} or null, "test": {...} or null,
 *    "privacy": {"mechanism", "unit", "epsilon", "delta", "evaluation"}, "sites": [{"site", "number", "state", "phase", "reason", "bytes", "ms"}]}
 * Beside noised figures stand "auc_interval" and such: [low, high], which holds the exact figure in 95 of 100 (model/metrics_noised.h).
 * The figures at the top are the test part's, or the validation part's when there is no test row; null when nothing was evaluated. */
enum err report_rounds(struct json **out, struct office *o, const struct course *c, uint64_t round, uint32_t attempt,
                       struct diag *why) MUST_USE;

/* {"events": [{"seq", "at_ms", "study", "kind", "body", "hash"}]}: at most REPORT_PAGE after `seq`. */
enum err report_events(struct json **out, struct office *o, uint64_t seq, struct diag *why) MUST_USE;

#endif
