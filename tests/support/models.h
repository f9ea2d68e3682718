/*
 * What tests of the model room share: a spec from one text, rows in memory as a source, the breast cancer data, and a
 * slow second implementation of the network in double, written from the formulas without BLAS.
 */
#ifndef COHORT_TESTS_SUPPORT_MODELS_H
#define COHORT_TESTS_SUPPORT_MODELS_H

#include "base/random.h"
#include "model/source.h"
#include "model/spec.h"

#include <stdbool.h>

/* "dense 8, relu, dense 1" on `inputs`, with a cross-entropy; a refusal fails the test. */
struct model_spec models_spec(const char *layers, uint32_t inputs, uint32_t outputs);

void models_normal(float *x, size_t n, double deviation, struct rng *r);
void models_labels(union label_value *labels, size_t n, uint32_t classes, struct rng *r);

/* Rows in memory, given out in order in batches; `batches` bounds how many (0: one epoch). */
struct memory_rows {
	const float *x;
	const union label_value *labels;
	uint32_t rows, inputs, batch, batches;
	uint32_t at, now, given; /* next row, rows of the current batch, batches given */
};
struct row_source memory_rows_source(struct memory_rows *m); /* from the first row again */

/* The logits, summed loss and summed gradient of the rows, by plain loops in double; dropout is the
 * identity, as in evaluation. */
void models_reference(double *logits, double *loss, double *gradient, const struct model_spec *s,
                      const float *parameters, const float *x, const union label_value *labels, uint32_t rows);

/* Wisconsin Diagnostic Breast Cancer: 569 x 30, standardised, 1 = malignant, in a shuffled order of this seed. False
 * when
 * ../shared/data is not there. */
#define WDBC_ROWS 569
#define WDBC_INPUTS 30
bool models_wdbc(float *x, union label_value *labels, uint64_t seed);

#endif
