#include "coordinator/members.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16 /* more than most federations have */

void members_free(struct members *m)
{
	free(m->items);
	memset(m, 0, sizeof *m);
}

static int compare_site(const void *key, const void *member)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct member *)member)->site;

	return (a > b) - (a < b);
}

struct member *members_find(const struct members *m, uint32_t site)
{
	if (m->count == 0)
		return NULL;
	return bsearch(&site, m->items, m->count, sizeof *m->items, compare_site);
}

static struct member *insert(struct members *m, uint32_t site)
{
	uint32_t at = 0;

	while (at < m->count && m->items[at].site < site)
		at++;
	if (m->count == m->room) {
		m->room = m->room == 0 ? FIRST_ROOM : 2 * m->room;
		m->items = mem_resize(m->items, m->room, sizeof *m->items);
	}
	memmove(m->items + at + 1, m->items + at, (m->count - at) * sizeof *m->items);
	m->count++;
	m->items[at] = (struct member){.site = site, .answer = ANSWER_COUNT};
	return &m->items[at];
}

bool members_answer(struct members *m, uint32_t site, enum site_answer answer)
{
	struct member *member = members_find(m, site);
	bool changed;

	CHECK(answer < ANSWER_COUNT);
	if (member == NULL)
		member = insert(m, site);
	changed = member->answer != answer || member->revoked;
	member->answer = answer;
	member->revoked = false;
	return changed;
}

bool members_revoke(struct members *m, uint32_t site)
{
	struct member *member = members_find(m, site);

	if (member == NULL || member->revoked)
		return false;
	member->revoked = true;
	return true;
}

static bool approves(const struct member *m)
{
	return m->answer == ANSWER_APPROVED && !m->revoked;
}

uint32_t members_approved_count(const struct members *m)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < m->count; i++)
		count += approves(&m->items[i]);
	return count;
}

uint32_t *members_approved(const struct members *m, uint32_t *count)
{
	uint32_t *sites = mem_array(m->count + 1, sizeof *sites);

	*count = 0;
	for (uint32_t i = 0; i < m->count; i++)
		if (approves(&m->items[i]))
			sites[(*count)++] = m->items[i].site;
	return sites;
}
