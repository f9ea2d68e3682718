/*
 * rounds.csv: a row per attempt that has ended, for pandas. An empty cell: does not apply. Figures are what the coordinator
 * would see of the model that the attempt began with, which has `model_step` training rounds behind it.
 */
#ifndef COHORT_SIMULATOR_RUN_ROUNDS_H
#define COHORT_SIMULATOR_RUN_ROUNDS_H

#include "base/bytes.h"
#include "simulator/engine.h"

void run_rounds_begin(struct buf *out); /* the header */
/* `epsilon`: spent until then; NAN: none. */
void run_rounds_add(struct buf *out, const struct engine_round *round, double epsilon);

/* ",0.25", or "," when it is no number: one more cell. */
void run_rounds_cell(struct buf *out, double value);

#endif
