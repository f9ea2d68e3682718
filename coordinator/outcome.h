/*
 * The outcome of a round: what the sum of its contributions becomes.
 *
 *   statistics   sum --> scaling, first parameters --> the first model
 *   train        sum --> mean update --strategy, moments--> the next model, its moments
 *                summands --> robust update --strategy--> the next model              (robust.h)
 *   evaluate     sum --> figures of the model that the round named
 *
 * Where sums carry noise: outcome_noised.h.
 *
 * Pure computation on the sum (a robust strategy reads its summands, too) and the round's model, so it runs in the pool
 * while the loop goes on, and in the simulator.
 */
#ifndef COHORT_COORDINATOR_OUTCOME_H
#define COHORT_COORDINATOR_OUTCOME_H

#include "coordinator/aggregate.h"
#include "model/metrics.h"
#include "protocol/round_plan.h"

struct outcome {
	bool evaluated;
	struct metrics validation,
		test; /* of the round's model; withheld (rows kept, figures NAN) below cell_min rows */
	struct calibration validation_calibration,
		test_calibration; /* below cell_min rows unknown, or a point's figures NAN */
	struct metrics validation_margin,
		test_margin; /* how far noise may have moved each figure, either way, 95 times in
	                                                  100; NAN in exact ones, and where the figure is */
	double weight; /* patients behind the update; sites when weights are equal; 0 when nothing was trained */
	double clip; /* of the next round that trains, where the clip follows the updates; else 0 */
	bool has_model;
	struct buf model; /* the new model's file; owned */
	struct hash model_sha256;
	float *moments; /* [strategy_moments * parameters] that belong to the new model; NULL when there are none; owned */
};

/* `model` is the file that the plan names, empty for statistics; moments[strategy_moments * parameters] are those that
 * belong to it, which step 1 (where they begin) and strategies without moments do not look at. ERR_DATA when the federation's sums show what cannot
 * be trained: one class of the label only, no training row, too few updates for a robust strategy, a model that is no
 * longer finite. ERR_IO only from reading sum->summands, which a robust strategy must be given. `out` is freed by the
 * caller even then. */
enum err outcome_compute(struct outcome *out, const struct study *s, const struct round_plan *plan,
                         const struct aggregate *sum, struct bytes model, const float *moments,
                         struct diag *why) MUST_USE;
/* Which part's figures are shown first: the test part's, unless it has no rows; or, as of noised rows that cannot be told, unless its
 * figures are withheld and those of the validation part are not. */
bool outcome_shows_test(const struct metrics *test, const struct metrics *test_margin,
                        const struct metrics *validation);

void outcome_free(struct outcome *o); /* accepts a zeroed one */

/* ---- its parts, for who keeps models in memory and not as files. `out` is zeroed at first.
 * train: parameters and moments (NULL when the strategy keeps none) of the plan's model become those of the next, in place;
 * sets `weight` and `clip`; update[parameters] is scratch. figures: the evaluation. model: the file of parameters that were made so, with
 * the inputs of `like`, a file of the same study. */
enum err outcome_train(struct outcome *out, float *parameters, float *moments, double *update, const struct study *s,
                       const struct round_plan *plan, const struct aggregate *sum, struct diag *why) MUST_USE;
void outcome_figures(struct outcome *out, const struct study *s, uint64_t round, const struct aggregate *sum);
enum err outcome_model(struct outcome *out, const struct study *s, const float *parameters, uint32_t step,
                       struct bytes like, struct diag *why) MUST_USE;

#endif
