/*
 * What a simulated site draws in secret in a real federation: which patients take part in a step, and its share of the noise. Here it
 * follows from the study's draws (--seed), the round and the site, so that a run can be repeated, on any number of threads.
 *
 * So this noise hides nothing from whoever knows the seed: a simulation measures what noise does to a model, and its model
 * is no less personal than the rows that it was made of.
 */
#ifndef COHORT_SIMULATOR_PRIVATE_DRAWS_H
#define COHORT_SIMULATOR_PRIVATE_DRAWS_H

#include "base/hash.h"
#include "base/random.h"

struct private_draws {
	struct rng rng;
};

/* Key H("COHRTsmn", draws, round u64), stream number `site`. */
void private_draws_begin(struct private_draws *d, const struct hash *draws, uint64_t round, uint32_t site);

/* Borrows `d`, which goes on where it is. */
struct entropy private_draws_entropy(struct private_draws *d);

#endif
