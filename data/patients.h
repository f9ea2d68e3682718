/*
 * Numbers patients in order of appearance, and remembers which part of the split each is in.
 *
 * A patient is known by 16 bytes of the split's hash (data/split.h), not by the id: that takes 24 bytes a slot whatever
 * the ids look like, two of 10^7 patients share them with probability 10^-25, and nobody can choose ids that collide.
 */
#ifndef COHORT_DATA_PATIENTS_H
#define COHORT_DATA_PATIENTS_H

#include "base/hash.h"
#include "data/schema.h"

struct patient {
	uint64_t name[2]; /* of the hash */
	uint32_t number;
	uint8_t part;
	bool used;
};

struct patients {
	struct patient *slots; /* open addressing, at most half full */
	size_t slot_count; /* a power of two; 0 before the first */
	uint32_t count;
};

/* The patient's number, a new one when `h` was not seen. False when the patient is known in another part. */
bool patients_number(struct patients *p, uint32_t *number, const struct hash *h, enum split_part part);
void patients_free(struct patients *p); /* accepts a zeroed one */

#endif
