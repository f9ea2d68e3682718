#include "simulator/agenda.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64 /* more than a small world ever has under way */

void agenda_free(struct agenda *a)
{
	free(a->items);
	memset(a, 0, sizeof *a);
}

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void agenda_add(struct agenda *a, const struct event *e)
{
	struct event item = *e;
	size_t at = a->count;

	if (a->count == a->room) {
		a->room = a->room == 0 ? FIRST_ROOM : 2 * a->room;
		a->items = mem_resize(a->items, a->room, sizeof *a->items);
	}
	a->count++;
	item.order = a->order++;
	while (at > 0 && is_before(&item, &a->items[(at - 1) / 2])) {
		a->items[at] = a->items[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	a->items[at] = item;
}

bool agenda_take(struct agenda *a, struct event *out)
{
	struct event last;
	size_t at = 0, child;

	if (a->count == 0)
		return false;
	*out = a->items[0];
	last = a->items[--a->count];
	while ((child = 2 * at + 1) < a->count) {
		if (child + 1 < a->count && is_before(&a->items[child + 1], &a->items[child]))
			child++;
		if (!is_before(&a->items[child], &last))
			break;
		a->items[at] = a->items[child];
		at = child;
	}
	a->items[at] = last;
	return true;
}
