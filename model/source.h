/*
 * Where rows come from: batch after batch by callback, so that training and evaluation need not know the data room.
 * The source decides how many batches there are (data/batches.h: those of a round, from the study's epochs or steps)
 * and which rows each has; the model room only asks for the next one.
 *
 *   begin -> 32   fill(0, 32)   begin -> 2500   fill(0, 1024)   fill(1024, 1024)   fill(2048, 452)   begin -> 0
 */
#ifndef COHORT_MODEL_SOURCE_H
#define COHORT_MODEL_SOURCE_H

#include "base/label.h"

struct row_source {
	/* Goes to the next batch and returns its number of rows; 0: there are no more batches. */
	uint32_t (*begin)(void *context);

	/* Writes rows first .. first + rows - 1 of that batch to x[rows, inputs] (row-major) and labels[rows]. Every row is asked for exactly once, in order. */
	void (*fill)(void *context, float *x, union label_value *labels, uint32_t first, uint32_t rows);

	void *context; /* owned by the caller, valid during the run */
};

#endif
