/*
 * Where rows come from: a callback, so that training and evaluation need not know the data room.
 */
#ifndef COHORT_MODEL_SOURCE_H
#define COHORT_MODEL_SOURCE_H

#include <stdint.h>

struct row_source {
	/* Writes the next rows of the current epoch, at most `rows`, to x[rows, inputs] (row-major) and labels[rows]
	 * (class numbers; 0 and 1 for a binary label) and returns how many. Fewer than asked, or 0, means that the
	 * epoch ends here and that the next call begins the next one; a call never crosses the end of an epoch. */
	uint32_t (*next)(void *context, float *x, uint32_t *labels, uint32_t rows);
	void *context; /* owned by the caller, valid during the run */
};

#endif
