#include "base/queue.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 8 /* most turns leave fewer actions */

void queue_init(struct queue *q, size_t item_size)
{
	memset(q, 0, sizeof *q);
	q->item_size = item_size;
}

void queue_free(struct queue *q)
{
	free(q->items);
	memset(q, 0, sizeof *q);
}

/* Doubles the ring and lays the items out from its start. */
static void grow(struct queue *q)
{
	size_t room = q->room == 0 ? FIRST_ROOM : 2 * q->room;
	uint8_t *items = mem_array(room, q->item_size);

	for (size_t i = 0; i < q->count; i++)
		memcpy(items + i * q->item_size, q->items + (q->head + i) % q->room * q->item_size, q->item_size);
	free(q->items);
	q->items = items;
	q->room = room;
	q->head = 0;
}

void queue_push(struct queue *q, const void *item)
{
	CHECK(q->item_size > 0);
	if (q->count == q->room)
		grow(q);
	memcpy(q->items + (q->head + q->count) % q->room * q->item_size, item, q->item_size);
	q->count++;
}

const void *queue_first(const struct queue *q)
{
	return q->count > 0 ? q->items + q->head * q->item_size : NULL;
}

bool queue_pop(struct queue *q, void *item)
{
	if (q->count == 0)
		return false;
	memcpy(item, q->items + q->head * q->item_size, q->item_size);
	q->head = (q->head + 1) % q->room;
	q->count--;
	return true;
}
