/*
 * What remains of secrets in memory: searches all that the process can write to (globals, heap, stacks) for 16 octets. What is
 * searched for is kept veiled, so that the search does not find itself. For a process of its own, without sanitizers, whose
 * memory cannot be searched.
 */
#ifndef COHORT_TESTS_SUPPORT_REMAINS_H
#define COHORT_TESTS_SUPPORT_REMAINS_H

#include <stdint.h>

#define REMAINS_NEEDLE 16
#define REMAINS_MAX 4

struct remains {
	uint8_t needles[REMAINS_MAX][REMAINS_NEEDLE];
	unsigned count, found[REMAINS_MAX];
};

/* Remembers the octets, as the next of at most REMAINS_MAX; the caller wipes its own copy. */
void remains_add(struct remains *r, const uint8_t octets[REMAINS_NEEDLE]);

/* Counts the places where each is found. */
void remains_search(struct remains *r);

#endif
