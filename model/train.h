/*
 * Local training of one round, in place on the global parameters: one optimizer step on the mean gradient of every
 * batch that the source has. Epochs or steps, order and sizes of batches are the source's (data/batches.h).
 *
 * Optimizer state starts at zero at each run: sites are stateless between rounds. What a run needs of its round is in
 * struct train_run. A batch larger than a block of the network is the sum over blocks, so memory does not grow with it.
 * Same source, settings, run and parameters: same bits, whatever ran before.
 */
#ifndef COHORT_MODEL_TRAIN_H
#define COHORT_MODEL_TRAIN_H

#include "model/dropout.h"
#include "model/network.h"
#include "model/optimizer.h"
#include "model/source.h"

#include <stdatomic.h>

struct trainer {
	struct network network;
	struct optimizer optimizer;
	struct dropout dropout;
	float *gradient; /* flat, spec.parameters */
	float *x; /* one block of rows [network.rows_max, inputs] */
	union label_value *labels;
};

/* What one run needs beside parameters and rows. All of it may be zero where the settings have neither schedule nor
 * proximal term and the model no dropout. */
struct train_run {
	uint32_t round, rounds; /* training round r = 1 ... R of the study: the schedule, and the draws of dropout */
	const float *anchor; /* [spec.parameters] the proximal term's: the global parameters, in memory of their own */
	const struct hash *draws; /* dropout: the study's `draws` */
	const char *site; /* dropout: the site's name */
};

struct train_report {
	uint64_t steps, rows; /* rows counted each time they were used */
	double loss; /* mean over these rows, each before its step; NAN without rows */
};

/* Memory for this spec and these settings, for any number of runs, one at a time. settings->batch is what it is sized
 * for; other sizes work too. Epochs and steps are not looked at. */
void trainer_init(struct trainer *t, const struct model_spec *spec, const struct local_training *settings);
void trainer_free(struct trainer *t); /* accepts a zeroed one */

/* Trains parameters[spec.parameters] until the source has no more batches; a source without any changes nothing.
 * `cancel` (may be NULL) is looked at before every step. ERR_CANCELLED; ERR_DATA when a parameter is no longer finite
 * (names the learning rate). After an error the parameters must be thrown away. `report` may be NULL. */
enum err trainer_run(struct trainer *t, float *parameters, struct train_report *report, struct row_source source,
                     struct train_run run, const atomic_bool *cancel, struct diag *why) MUST_USE;

#endif
