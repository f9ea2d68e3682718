#include "coordinator/waiting.h"

#include "coordinator/answers.h"

#include <stdlib.h>
#include <string.h>

void waiting_add(struct waiting **list, const struct waiting *w)
{
	struct waiting *entry = mem_alloc(sizeof *entry);

	*entry = *w;
	entry->list = list;
	entry->previous = NULL;
	entry->next = *list;
	if (*list != NULL)
		(*list)->previous = entry;
	*list = entry;
	entry->x->owner = entry;
}

void waiting_end(struct waiting *w)
{
	w->x->owner = NULL;
	if (w->next != NULL)
		w->next->previous = w->previous;
	if (w->previous != NULL)
		w->previous->next = w->next;
	else
		*w->list = w->next;
	free(w);
}

void waiting_supersede(struct waiting **list, uint32_t site, const struct session_id *session)
{
	struct waiting *next;

	for (struct waiting *w = *list; w != NULL; w = next) {
		struct exchange *x = w->x;

		next = w->next;
		if (w->site != site || memcmp(&w->session, session, sizeof *session) == 0)
			continue;
		waiting_end(w);
		answer_error(x, 409, 0, "a newer client of this hospital is running; this one must stop");
	}
}
