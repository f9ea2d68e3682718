/*
 * Figures of one model on every site's own rows of one part, and on all of them together. The simulator's own knowledge: a
 * federation would not release them site by site.
 *
 * Losses and sums are added in the order of sites, and counts are whole, so the number of workers changes no bit.
 */
#ifndef COHORT_SIMULATOR_SITE_FIGURES_H
#define COHORT_SIMULATOR_SITE_FIGURES_H

#include "model/metrics.h"
#include "simulator/engine.h"

struct site_figures {
	struct metrics_shape shape;
	uint32_t count; /* sites */
	struct metrics *sites; /* [count]; owned */
	struct metrics all; /* of the rows of all sites */
	double *sums; /* behind `all`: metrics_counts_length; owned */
};

/* `parameters` on the rows of `part`, encoded as `engine_run` has done. The engine's cancel flag is not looked at: an interrupted
 * run still has figures, and they take less than a round does. */
void site_figures_compute(struct site_figures *out, struct engine *e, const float *parameters, enum split_part part);
void site_figures_free(struct site_figures *f); /* accepts a zeroed one */

#endif
