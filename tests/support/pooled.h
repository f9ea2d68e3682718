/*
 * Four hospitals with the rows of small_table, their contributions, and the outcome of their statistics: what the
 * tests of outcomes compare with direct computations over all rows.
 */
#ifndef COHORT_TESTS_SUPPORT_POOLED_H
#define COHORT_TESTS_SUPPORT_POOLED_H

#include "client/contribution.h"
#include "coordinator/outcome.h"
#include "model/checkpoint.h"
#include "tests/support/small_study.h"

#define POOLED_SITES 4
#define POOLED_ROWS_MAX 400 /* of all sites together: 30 + 39 + 48 + 57 */
#define POOLED_INPUTS 7 /* x, y, kind=b, kind=c, and an indicator for each feature */
#define POOLED_PARAMETERS_MAX 64 /* the small network has 28 */

struct pooled {
	struct tempdir dir;
	struct study study;
	struct table tables[POOLED_SITES];
	struct contributor sites[POOLED_SITES];
	uint32_t numbers[POOLED_SITES];
	struct outcome first; /* of the statistics: the first model */
};

void pooled_begin(struct pooled *p, const char *study_line); /* as small_study's */
void pooled_end(struct pooled *p);

struct round_plan pooled_plan(struct pooled *p, uint32_t step, const struct outcome *model); /* NULL: names none */

/* The sum of the first `count` sites' own contributions. */
void pooled_collect(struct pooled *p, struct aggregate *sum, const struct round_plan *plan, struct bytes model,
                    uint32_t count);
void pooled_first_model(struct pooled *p, struct outcome *out); /* once more */

/* The parameters of a model; *c, which may be NULL, is freed by the caller. */
void pooled_read(float parameters[POOLED_PARAMETERS_MAX], struct checkpoint *c, const struct pooled *p,
                 const struct outcome *model);

#endif
