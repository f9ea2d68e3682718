/*
 * The contribution: from a hospital's table and a round's plan to the vector that leaves (docs/PROTOCOL.md). Pure
 * computation: same table, study, site, plan and model give the same octets, byte for byte.
 *
 *   statistics   counts and sums of the training rows                       wide fixed point
 *   train        (weight / cap) * (local - global parameters), weight       grid from update_range and n
 *   evaluate     loss sums and counts of the validation and the test rows   exact integers
 *
 * The plan's model brings the scaling, so the rows are encoded once per scaling and kept.
 */
#ifndef COHORT_CLIENT_CONTRIBUTION_H
#define COHORT_CLIENT_CONTRIBUTION_H

#include "data/encode.h"
#include "model/metrics.h"
#include "model/train.h"
#include "protocol/round_plan.h"

#include <stdatomic.h>

struct contributor {
	const struct study *study; /* borrowed, as the table and the site's name */
	const struct table *table;
	const char *site;
	struct scaling scaling; /* that `parts` were encoded with */
	struct examples parts[PART_COUNT];
	struct trainer trainer;
	struct network evaluator;
	bool ready; /* trainer and evaluator exist */
};

/* This hospital's own figures: they stay here. */
struct contribution_report {
	double training_rows, weight; /* weight: patients, or 1 */
	double training_loss; /* mean over the local training; NAN when nothing was trained */
	bool evaluated;
	struct metrics validation, test; /* of the round's model on this hospital's rows */
	uint64_t saturated; /* coordinates beyond the study's range */
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

#endif
