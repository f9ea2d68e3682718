/*
 * Local training of one round: epochs or steps over a source of rows, from the global parameters, in place.
 *
 *   batch = up to settings.batch rows, the last of an epoch may be smaller; one optimizer step per batch on the mean
 *   gradient epochs: the source's epochs; steps: exactly that many steps, going on into further epochs
 *
 * Optimizer state starts at zero at each run: sites are stateless between rounds. A batch larger than
 * NETWORK_ROWS_MAX is the sum of blocks, so memory does not grow with it. Same source, settings and parameters: same
 * bits, whatever ran before.
 */
#ifndef COHORT_MODEL_TRAIN_H
#define COHORT_MODEL_TRAIN_H

#include "model/network.h"
#include "model/optimizer.h"
#include "model/source.h"

#include <stdatomic.h>
#include <stdbool.h>

struct trainer {
	struct network network;
	struct optimizer optimizer;
	float *gradient; /* flat, spec.parameters */
	float *x; /* one block of rows [block, inputs] */
	uint32_t *labels;
	uint32_t block; /* rows */
};

struct train_report {
	uint64_t steps, rows; /* rows counted each time they were used */
	double loss; /* mean over these rows, each before its step; NAN without rows */
};

/* Memory for this spec and these settings, to be used for any number of runs (one thread at a time). */
void trainer_init(struct trainer *t, const struct model_spec *spec, const struct local_training *settings);
void trainer_free(struct trainer *t); /* accepts a zeroed one */

/* Trains parameters[spec.parameters] in place. `cancel` (may be NULL) is looked at before every step.
 * ERR_CANCELLED; ERR_DATA when the source has no row or a parameter is no longer finite (names the learning rate).
 * After an error the parameters must be thrown away. `report` may be NULL. */
enum err trainer_run(struct trainer *t, float *parameters, struct train_report *report, struct row_source source,
                     const atomic_bool *cancel, struct diag *why) MUST_USE;

#endif
