/*
 * What a simulation knows of a private study's run, and a federation never does: whom clipping touched, how long a step's signal was
 * beside its noise, what was spent of epsilon by when; and, of a noised evaluation, the figures that would have been released.
 *
 * None of it is differentially private. The same goes for the run's model: its noise follows from study and seed
 * (simulator/private_draws.h).
 */
#ifndef COHORT_SIMULATOR_RUN_PRIVACY_H
#define COHORT_SIMULATOR_RUN_PRIVACY_H

#include "client/budget.h"
#include "simulator/engine.h"

#include <stdio.h>

struct run_privacy {
	struct budget spent;
	uint64_t paid_round; /* the newest in it */
	uint64_t units, clipped; /* as engine_round's, over all rounds whose sum was made */
	double ratios; /* sum of their signal-to-noise ratios, */
	uint32_t ratio_count; /* and how many have one */
	bool noised; /* these were released: */
	struct metrics test, test_margin;
};

/* After each attempt. Nothing under mechanism none. */
void run_privacy_note(struct run_privacy *p, const struct study *s, const struct engine_round *round);
void run_privacy_free(struct run_privacy *p);

/* What all releases until now cost: by the Renyi sums, or what the whole study costs, if that is less. NAN under mechanism none. */
double run_privacy_epsilon(const struct run_privacy *p, const struct study *s);

double run_privacy_clipped(const struct run_privacy *p); /* share; NAN when nobody took part */
double run_privacy_ratio(const struct run_privacy *p); /* mean signal-to-noise ratio; NAN */

/* "measured": {"clipped", "signal_to_noise"}, and "noised": figures with intervals; null where there are none. */
void run_privacy_json(struct json *node, const struct run_privacy *p);

/* Lines for a person; none under mechanism none. */
void run_privacy_print(FILE *out, const struct run_privacy *p, const struct study *s);

#endif
