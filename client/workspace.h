/*
 * The workspace: all memory that computing contributions to one study takes, apart from the rows. One per thread; any number
 * of sites, one after the other, and none of them allocates anything once the largest has been there.
 */
#ifndef COHORT_CLIENT_WORKSPACE_H
#define COHORT_CLIENT_WORKSPACE_H

#include "client/clipped_sum.h"
#include "client/release_noise.h"
#include "data/batches.h"
#include "model/metrics.h"
#include "model/train.h"
#include "protocol/round_plan.h"

struct workspace {
	struct trainer trainer;
	struct network evaluator;
	struct batches batches;
	float *local; /* parameters in training: study->model.parameters */
	double *statistics; /* schema_statistics_length */
	double *counts; /* validation, then test: metrics_counts_length each */
	struct layout layout; /* of the round in hand */
	unsigned asks; /* that it is for; 0: none yet */
	double clip; /* of the round in hand, as round_plan's */
	struct release_noise noise; /* of the round in hand */

	/* under privacy; otherwise NULL */
	struct row_products products; /* the evaluator's */
	double *sum; /* study->model.parameters: of clipped gradients, or the update */
	struct clipped_sum clipped; /* distributed and local */
	uint32_t *sampled; /* units of the step in hand: [sampled_room] */
	uint32_t sampled_room;
	int32_t *step_noise; /* local: study->model.parameters, a secret */
	uint8_t *step_words; /* local: 4 * study->model.parameters octets */
};

void workspace_init(struct workspace *w, const struct study *s);
void workspace_free(struct workspace *w); /* accepts a zeroed one */

/* Room for the numbers of `units` units. */
uint32_t *workspace_sampled(struct workspace *w, uint32_t units);

/* The layout of `plan`, worked out when it changes; borrowed until then. ERR_LIMIT as round_plan_layout. */
enum err workspace_layout(const struct layout **out, struct workspace *w, const struct study *s,
                          const struct round_plan *plan, struct diag *why) MUST_USE;

#endif
