/*
 * The aggregate of a round: the integer sum of its contributions, O(d) memory however many sites take part.
 *
 * Contributions are fixed point, so the sum is exact and the same in every order; adding may be spread over time
 * (each upload once it is durable) and is simply done again from the staged files after a restart.
 */
#ifndef COHORT_COORDINATOR_AGGREGATE_H
#define COHORT_COORDINATOR_AGGREGATE_H

#include "base/bytes.h"
#include "protocol/vector.h"

/* What a sum is made of, one by one: the contributions of a clear round, or under `masking: groups` the groups' sums. They are
 * read in pieces, as they are too many for memory. Reading fails only where a disk does (ERR_IO). */
struct summands {
	uint32_t count;
	enum err (*read)(void *context, uint32_t summand, uint32_t first, uint32_t words, int64_t *out,
	                 struct diag *why); /* out[words] <- words from word `first` of the sum's layout on */
	void *context;
};

struct aggregate {
	struct layout layout;
	int64_t *sums; /* layout.words; owned */
	uint32_t added; /* contributions in the sum */
	const struct summands *summands; /* borrowed, for strategies that look at them; NULL: nobody kept them */
};

void aggregate_begin(struct aggregate *a, const struct layout *layout); /* zeroes the sum; it has no summands */
void aggregate_free(struct aggregate *a); /* accepts a zeroed one */

/* Adds `words` words from word `first` of one contribution; a whole one is added in pieces of any size. */
void aggregate_add_words(struct aggregate *a, const uint8_t *octets, uint32_t first, uint32_t words);

/* Counts one whole contribution. */
void aggregate_count(struct aggregate *a);

/* Both at once. octets.len must be layout_octets(). */
void aggregate_add(struct aggregate *a, struct bytes octets);

/* A part of the sum, made by one thread of contributions that its own process computed. Every layout leaves room for the words of
 * all its sites within 31 bits (protocol/vector.h), so they are added modulo 2^32, in half the memory. What came from outside
 * could pass these bounds and never belongs here. */
struct aggregate_part {
	struct layout layout;
	uint32_t *sums; /* layout.words; owned */
	uint32_t added;
};

void aggregate_part_begin(struct aggregate_part *p, const struct layout *layout); /* zeroes it */
void aggregate_part_free(struct aggregate_part *p); /* accepts a zeroed one */
void aggregate_part_add(struct aggregate_part *p, struct bytes octets); /* as aggregate_add */

/* Adds a part, over the same layout, to the whole; the part is not changed. */
void aggregate_join(struct aggregate *a, const struct aggregate_part *p);

/* The values of one segment of the sum; `values` has segment->items. */
void aggregate_values(double *values, const struct aggregate *a, enum segment_kind kind);

/* The deviation of the noise that each of a noised segment's values carries: each contribution brought a share. */
double aggregate_noise(const struct aggregate *a, enum segment_kind kind);

#endif
