/*
 * A whole study in one process, in the straightest way: ask every site in turn, add, compute the outcome, go on. No states, no
 * loss, no clock; the same contribution, aggregate and outcome that the programs use. For tests of what a study learns.
 */
#ifndef COHORT_TESTS_SUPPORT_FEDERATE_H
#define COHORT_TESTS_SUPPORT_FEDERATE_H

#include "coordinator/outcome.h"
#include "data/table.h"

#define FEDERATE_SITES_MAX 64

struct federated {
	struct metrics test, validation; /* of the last model */
	struct hash
		best_sha256; /* the evaluated model with the least validation loss, the earliest of equals; zero: none */
	uint32_t best_step;
	double best_loss;
	struct hash model_sha256;
	struct buf model; /* its file; buf_free when done */
};

/* Sites are numbered 1, 2, ... in the order given. A failure fails the test. */
void federate(struct federated *out, const struct study *study, const struct table *tables, const char *const *names,
              uint32_t count);

/* The same when not everybody is in every sum: only sites for which takes_part(context, step, number) is true. All are invited. */
void federate_among(struct federated *out, const struct study *study, const struct table *tables,
                    const char *const *names, uint32_t count,
                    bool (*takes_part)(void *context, uint32_t step, uint32_t number), void *context);

#endif
