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

struct aggregate {
	struct layout layout;
	int64_t *sums; /* layout.words; owned */
	uint32_t added; /* contributions in the sum */
};

void aggregate_begin(struct aggregate *a, const struct layout *layout); /* zeroes the sum */
void aggregate_free(struct aggregate *a); /* accepts a zeroed one */

/* Adds `words` words from word `first` of one contribution; a whole one is added in pieces of any size. */
void aggregate_add_words(struct aggregate *a, const uint8_t *octets, uint32_t first, uint32_t words);

/* Counts one whole contribution. */
void aggregate_count(struct aggregate *a);

/* Both at once. octets.len must be layout_octets(). */
void aggregate_add(struct aggregate *a, struct bytes octets);

/* Adds a part of the sum that was made elsewhere, over the same layout; the part is not changed. */
void aggregate_join(struct aggregate *a, const struct aggregate *part);

/* The values of one segment of the sum; `values` has segment->items. */
void aggregate_values(double *values, const struct aggregate *a, enum segment_kind kind);

#endif
