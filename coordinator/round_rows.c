/* What lasts of a masked round: rows that become durable, and the round that they make again after a restart. */
#include "coordinator/round_inside.h"

#include <string.h>

const struct secagg_row *round_row(const struct round *r, uint32_t group, uint64_t number)
{
	return group < r->group_count ? secagg_server_row(r->groups[group].server, number) : NULL;
}

/* What is durable now counts: sites have come so far. */
static void note_durable(struct round *r, const struct round_group *g, uint64_t row)
{
	for (uint64_t number = row; number > 0; number--) {
		const struct secagg_row *durable = secagg_server_row(g->server, number);

		if (durable == NULL)
			break;
		if (durable->site != 0)
			round_find(r, durable->site)->reached = durable->phase + 1;
	}
}

void round_row_persisted(struct round *r, uint32_t group, uint64_t row, int64_t now_ms)
{
	CHECK(group < r->group_count);
	struct round_group *g = &r->groups[group];

	if (r->state == ROUND_CLOSED || g->state >= SECAGG_SERVER_DONE)
		return;
	note_durable(r, g, row);
	secagg_server_persisted(g->server, row);
	round_group_settle(r, g, now_ms);
}

static void restore_message(struct round *r, const struct secagg_row *row)
{
	struct round_site *s = round_find(r, row->site);

	round_groups_note(r, s, row->phase);
	s->reached = row->phase + 1;
	if (row->phase != SECAGG_INPUT)
		return;
	memcpy(s->content.b, row->octets.ptr, HASH_SIZE);
	round_enter(r, s, SITE_EXPECT_ADDED);
	round_site_group(r, s)->to_add++;
	round_act(r, ROUND_ADD, s->number);
}

enum err round_restore_row(struct round *r, uint32_t group, const struct secagg_row *row, struct diag *why)
{
	if (group >= r->group_count)
		return diag_set(why, ERR_DATA, "a row of group %u: the round has %u", group, r->group_count);
	enum err e = secagg_server_restore(r->groups[group].server, row, why);

	if (e == OK && row->site != 0)
		restore_message(r, row);
	return e;
}

void round_resume(struct round *r, int64_t now_ms)
{
	for (uint32_t g = 0; g < r->group_count; g++) {
		struct round_group *group = &r->groups[g];

		if (secagg_server_state(group->server) != group->state)
			round_group_enter(r, group, now_ms);
		group->opened |= group->state >= SECAGG_SERVER_EXPECT_SIGNATURES;
		secagg_server_resume(group->server);
	}
	for (uint32_t i = 0; i < r->site_count; i++)
		if (!round_takes_part(&r->sites[i]))
			round_groups_left(r, &r->sites[i]);
	round_groups_settle(r, now_ms);
}
