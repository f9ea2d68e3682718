#include "coordinator/members.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16 /* more than most federations have */

void members_free(struct members *m)
{
	free(m->items);
	free(m->approved);
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
		m->approved = mem_resize(m->approved, m->room, sizeof *m->approved);
	}
	memmove(m->items + at + 1, m->items + at, (m->count - at) * sizeof *m->items);
	m->count++;
	m->items[at] = (struct member){.site = site, .answer = ANSWER_COUNT};
	return &m->items[at];
}

/* Brings the list of those who approve up to date with one member. */
static void note(struct members *m, const struct member *member)
{
	bool approves = member->answer == ANSWER_APPROVED && !member->revoked;
	uint32_t at = m->approved_count;

	while (at > 0 && m->approved[at - 1] >= member->site)
		at--;
	bool listed = at < m->approved_count && m->approved[at] == member->site;
	if (approves == listed)
		return;
	uint32_t from = at + (approves ? 0 : 1), to = at + (approves ? 1 : 0);
	memmove(m->approved + to, m->approved + from, (m->approved_count - from) * sizeof *m->approved);
	if (approves)
		m->approved[at] = member->site;
	m->approved_count += approves ? 1 : -1;
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
	note(m, member);
	return changed;
}

bool members_revoke(struct members *m, uint32_t site)
{
	struct member *member = members_find(m, site);

	if (member == NULL || member->revoked)
		return false;
	member->revoked = true;
	note(m, member);
	return true;
}

uint32_t members_approved_count(const struct members *m)
{
	return m->approved_count;
}

const uint32_t *members_approved(const struct members *m, uint32_t *count)
{
	*count = m->approved_count;
	return m->approved;
}
