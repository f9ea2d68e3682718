/*
 * Figures of one model on every site's own rows of one part, and on all of them together. The simulator's own knowledge: a
 * federation would not release them site by site.
 *
 * Losses are added in the order of sites and counts are whole, so the number of workers changes no bit.
 */
#ifndef COHORT_SIMULATOR_FIGURES_H
#define COHORT_SIMULATOR_FIGURES_H

#include "model/metrics.h"
#include "simulator/engine.h"

struct figures {
	struct metrics_shape shape;
	uint32_t count; /* sites */
	struct metrics *sites; /* [count]; owned */
	struct metrics all; /* of the rows of all sites */
	double loss_sum, *counts; /* behind `all`: metrics_counts_length; owned */
};

/* `parameters` on the rows of `part`, which are encoded (engine_run has done it; without a model there are no rows, and every
 * figure is undefined). ERR_CANCELLED by the engine's cancel flag. */
enum err figures_compute(struct figures *out, struct engine *e, const float *parameters, enum split_part part,
                         struct diag *why) MUST_USE;
void figures_free(struct figures *f); /* accepts a zeroed one */

#endif
