/*
 * Baselines: what the same rows give without a federation.
 *
 *   pooled   one site that has everybody's training rows
 *   alone    each site by itself: figures at home (its own test rows) and on all test rows
 *
 * Each begins with the federation's first parameters and takes the same rounds of local training, one after the other on its
 * own parameters: the same epochs (or steps), schedule and optimizer state as a site has. Inputs are scaled as in the
 * federation, so that the difference is the training's. No strategy, cap or range applies.
 */
#ifndef COHORT_SIMULATOR_BASELINE_H
#define COHORT_SIMULATOR_BASELINE_H

#include "model/metrics.h"
#include "simulator/engine.h"

struct baseline_site {
	bool trained; /* false: no training row, or training diverged */
	struct metrics home, all;
};

struct baselines {
	bool pooled_trained;
	struct metrics pooled;
	struct baseline_site *sites; /* [count]; owned */
	uint32_t count;
};

/* After engine_run, whose crew does it; holds a second copy of all training rows meanwhile. ERR_CANCELLED. */
enum err baselines_compute(struct baselines *out, struct engine *e, struct diag *why) MUST_USE;
void baselines_free(struct baselines *b); /* accepts a zeroed one */

#endif
