/*
 * A study whose sums a test can count by hand: a dozen rows with x in eighths, three features, a model of one layer, parts of the
 * split written in the file; and one hospital's contributor for it.
 */
#ifndef COHORT_TESTS_SUPPORT_COUNTED_H
#define COHORT_TESTS_SUPPORT_COUNTED_H

#include "client/contribution.h"
#include "tests/support/tempdir.h"

#define COUNTED_SITES 5 /* invited; one more than a power of two */
#define COUNTED_BINS 16
#define COUNTED_PARAMETERS 5 /* x, kind=b, kind=c, flag, bias */
#define COUNTED_ROWS 12

struct counted_row {
	int x8; /* x in eighths, so that every sum is exact; 99: missing */
	char kind; /* a, b, c or '?' */
	char flag; /* 0, 1 or '?' */
	int label;
	const char *part; /* train, validation, test */
};

extern const struct counted_row counted_list[COUNTED_ROWS];

/* Dyadic parameters: with these every logit is exact in float and in double, whatever the order of its sum. */
extern const float counted_dyadic[COUNTED_PARAMETERS];

struct counted {
	struct tempdir dir;
	struct study study;
	struct table table;
	struct contributor contributor; /* of the site st-mary */
	struct buf out, model;
	struct contribution_report report;
	struct diag why;
};

/* For cmocka: *state becomes a struct counted with the list above and "by: patients, cap: 100". */
int counted_setup(void **state);
int counted_teardown(void **state);

/* Another training.weights (and the list again); other rows. */
void counted_study(struct counted *f, const char *weights);
void counted_rows(struct counted *f, const struct counted_row *list, size_t count);

/* The round's model: these parameters; mean 0, deviation 1 and this fill for every input. */
void counted_model(struct counted *f, const float *parameters, double fill);

/* The contribution to a round that asks this, into f->out. */
enum err counted_compute(struct counted *f, unsigned asks, const atomic_bool *cancel);
void counted_compute_good(struct counted *f, unsigned asks);

uint32_t counted_word(const struct buf *b, size_t index); /* of the vector */

#endif
