/*
 * The contribution: from a hospital's table and a round's plan to the vector that leaves (docs/PROTOCOL.md). Pure
 * computation: same table, study, site, plan and model give the same octets, byte for byte.
 *
 *   statistics   counts and sums of the training rows                       wide fixed point
 *   train        (weight / cap) * (local - global parameters), weight       grid from update_range and n
 *   evaluate     loss sums and counts of the validation and the test rows   exact integers
 *
 * contribution_compute is one hospital's; contribution_fill is what it does, for who computes many sites' with one
 * workspace and one copy of the round's model.
 */
#ifndef COHORT_CLIENT_CONTRIBUTION_H
#define COHORT_CLIENT_CONTRIBUTION_H

#include "client/site_rows.h"
#include "client/workspace.h"

#include <stdatomic.h>

/* This hospital's own figures: they stay here. */
struct contribution_report {
	double training_rows, weight; /* weight: patients, or 1 */
	double training_loss; /* mean over the local training; NAN when nothing was trained */
	bool evaluated;
	struct metrics validation, test; /* of the round's model on this hospital's rows */
	uint64_t saturated; /* coordinates beyond the study's range */
};

struct contributor {
	struct site_rows rows;
	struct workspace workspace;
	bool ready; /* the workspace exists */
};

void contributor_init(struct contributor *c, const struct study *study, const struct table *table, const char *site);
void contributor_free(struct contributor *c); /* accepts a zeroed one */

/* The octets of `plan` into `out` (initialised by the caller; cleared first). `model` is the file that the plan
 * names, empty for statistics. ERR_LIMIT: this site has more training rows or patients than the study's weight cap
 * (REFUSAL_WEIGHT_CAP); ERR_DATA: the model does not fit the study or training left the finite numbers;
 * ERR_CANCELLED. */
enum err contribution_compute(struct contributor *c, struct buf *out, struct contribution_report *report,
                              const struct round_plan *plan, struct bytes model, const atomic_bool *cancel,
                              struct diag *why) MUST_USE;

/* The same into octets[layout_octets] with the workspace's layout of `plan`; `model` is NULL for statistics. */
enum err contribution_fill(uint8_t *octets, struct contribution_report *report, struct site_rows *rows,
                           struct workspace *w, const struct round_plan *plan, const struct round_model *model,
                           const atomic_bool *cancel, struct diag *why) MUST_USE;

/* Local training alone: round `step` of the study on `rows`, which are encoded, in place on `parameters`, which begin as
 * `global` (in memory of its own). `*loss` as report.training_loss. Errors as above. */
enum err contribution_train(float *parameters, double *loss, const struct site_rows *rows, struct workspace *w,
                            const float *global, uint32_t step, const atomic_bool *cancel, struct diag *why) MUST_USE;

#endif
