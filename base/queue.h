/*
 * A first-in, first-out queue of small plain values: the actions that a core leaves for its shell. Memory grows to the
 * largest number ever waiting and is then reused, so a warm core allocates nothing.
 */
#ifndef COHORT_BASE_QUEUE_H
#define COHORT_BASE_QUEUE_H

#include "base/err.h"

#include <stdint.h>

struct queue {
	uint8_t *items; /* ring of `room` items; owned */
	size_t item_size;
	size_t head, count, room;
};

void queue_init(struct queue *q, size_t item_size);
void queue_free(struct queue *q); /* accepts a zeroed one */
void queue_push(struct queue *q, const void *item); /* copies it */
const void *queue_first(const struct queue *q); /* what queue_pop would give next; NULL when empty */
bool queue_pop(struct queue *q, void *item); /* false, and nothing written, when empty */

#endif
