/*
 * The contribution: from a hospital's table and a round's plan to the vector that leaves (docs/PROTOCOL.md). Pure
 * computation: same table, study, site, plan, model and (under privacy) entropy give the same octets, byte for byte.
 *
 *   statistics   counts and sums of the training rows                       wide fixed point
 *   train        (weight / cap) * (local - global parameters), weight       grid from update_range and n
 *   evaluate     loss sums and counts of the validation and the test rows   exact integers
 *
 * Under privacy (protocol/round_plan.h has the layouts) it reads like the promise: noise drawn, rows sampled, clipped, added up,
 * onto the grid, noise added. Every unit, a patient or a record, is first reduced to one vector:
 *
 *   statistics   sum over units of the mean of their training rows' vectors; under unit site the mean over its units
 *   train
 *     distributed   sum over the sampled units of their clipped gradients
 *     site          the update of an ordinary local training, clipped as a whole; whether it was within the clip
 *     local         local - global parameters after steps of which each sees its clipped sum with all of the noise
 *   evaluate, noised   sums over units as for statistics, each number within [-1, 1]; under unit site the mean over all
 *                      units of both parts
 *
 * There, what rows hold decides nothing but the words: a site without rows, or with rows that make no numbers, answers with as
 * many words and as little complaint as any other. Its caps were judged when it approved.
 *
 * contribution_compute is one hospital's; contribution_fill is what it does, for who computes many sites' with one
 * workspace and one copy of the round's model.
 */
#ifndef COHORT_CLIENT_CONTRIBUTION_H
#define COHORT_CLIENT_CONTRIBUTION_H

#include "base/random.h"
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
	struct clipped_report clipped; /* of a private training: units that took part, and how many were clipped; of
	                                  mechanism site the hospital's own update */
};

struct contributor {
	struct site_rows rows;
	struct workspace workspace;
	bool ready; /* the workspace exists */
	struct entropy entropy; /* of noise and samples */
};

/* What a contribution is made of beside rows. Borrowed for the call. */
struct contribution_terms {
	const struct round_plan *plan;
	const struct round_model *model; /* NULL for statistics */
	const struct entropy *entropy; /* not read under mechanism none */
	const atomic_bool *cancel; /* may be NULL */
};

/* With the system's entropy; whoever simulates puts another in its place. The table may be filled later. */
void contributor_init(struct contributor *c, const struct study *study, const struct table *table, const char *site);
void contributor_free(struct contributor *c); /* accepts a zeroed one */

/* The table holds other rows now: what was made of the old ones is forgotten. */
void contributor_renew(struct contributor *c);

/* Draws the noise of `plan` ahead, as contribution_compute does first of all: for who is idle, or has yet to read the rows. What
 * was drawn for other segments is drawn anew when the round comes. Nothing under mechanism none. ERR_LIMIT. */
enum err contribution_draw(struct contributor *c, const struct round_plan *plan, struct diag *why) MUST_USE;

/* The octets of `plan` into `out` (initialised by the caller; cleared first). `model` is the file that the plan
 * names, empty for statistics. ERR_LIMIT: this site has more training rows or patients than the study's weight cap
 * (REFUSAL_WEIGHT_CAP); ERR_DATA: the model does not fit the study or training left the finite numbers;
 * ERR_CANCELLED. Under privacy, ERR_DATA of the model alone and ERR_CANCELLED. */
enum err contribution_compute(struct contributor *c, struct buf *out, struct contribution_report *report,
                              const struct round_plan *plan, struct bytes model, const atomic_bool *cancel,
                              struct diag *why) MUST_USE;

/* The same into octets[layout_octets] with the workspace's layout of the plan. */
enum err contribution_fill(uint8_t *octets, struct contribution_report *report, struct site_rows *rows,
                           struct workspace *w, const struct contribution_terms *terms, struct diag *why) MUST_USE;

/* Local training alone: round `step` of the study on `rows`, which are encoded, in place on `parameters`, which begin as
 * `global` (in memory of its own). `*loss` as report.training_loss. Errors as above. */
enum err contribution_train(float *parameters, double *loss, const struct site_rows *rows, struct workspace *w,
                            const float *global, uint32_t step, const atomic_bool *cancel, struct diag *why) MUST_USE;

#endif
