/*
 * The coordinator under masks (runner.c, runner_masked.c, course.c): rows are written in the order of their numbers, a site's input once
 * its vector is synced; acknowledged vectors go into the group's sum, and the masks are taken off it in the pool.
 */
#include "simulator/truth.h"

#include <stdlib.h>
#include <string.h>

/* ---- sums */

static void forget_groups(struct office *c)
{
	for (uint32_t g = 0; g < c->group_sum_count; g++)
		aggregate_free(&c->group_sums[g]);
	c->group_sum_count = 0;
}

void sums_end(struct world *w)
{
	struct office *c = &w->office;
	uint32_t group;

	for (uint32_t g = 0; g < WORLD_SITES_MAX; g++) {
		masked_sum_free(c->masked[g]);
		c->masked[g] = NULL;
	}
	forget_groups(c);
	c->waiting_count = 0;
	while (queue_pop(&c->to_unmask, &group))
		;
}

void sums_begin(struct world *w)
{
	struct office *c = &w->office;

	if (!world_masked(w))
		return;
	for (uint32_t g = 0; g < round_groups(campaign_round(c->campaign)); g++)
		c->masked[g] = masked_sum_new(campaign_layout(c->campaign), MASKED_WORD_BITS);
}

void sums_add(struct world *w, uint32_t index)
{
	struct office *c = &w->office;
	struct masked_sum *sum = c->masked[round_group_of(campaign_round(c->campaign), world_number(index))];

	CHECK(masked_sum_pieces(sum) == 1); /* studies of worlds are small */
	masked_sum_add(sum, c->synced[index].octets.ptr, 0, masked_sum_words(sum));
}

void sums_unmask(struct world *w, uint32_t group)
{
	struct office *c = &w->office;
	const struct round *round = campaign_round(c->campaign);

	if (campaign_state(c->campaign) != CAMPAIGN_EXPECT_ROUND)
		return; /* stopped meanwhile */
	for (uint32_t slice = 0; slice < secagg_server_slices(round_server(round, group)); slice++) {
		struct secret masks = {0};
		struct diag why = {{0}};
		uint32_t count;
		enum err e = secagg_server_masks(round_server(round, group), slice, &masks, &count, &why);

		if (e == OK)
			masked_sum_unmask(c->masked[group], 0, (const struct mask *)(const void *)masks.ptr, count);
		else
			truth_violated(w, CHECK_SUM, "the masks of group %u cannot be had: %s", group, why.text);
		secret_free(&masks);
		campaign_unmasked(c->campaign, group, slice, e, &why, office_now_ms(w));
	}
}

enum err sums_finish(struct world *w, struct diag *why)
{
	struct office *c = &w->office;
	const struct round *round = campaign_round(c->campaign);
	enum err e = OK;

	forget_groups(c);
	for (uint32_t g = 0; g < round_groups(round) && e == OK; g++) {
		struct aggregate *one = &c->group_sums[c->group_sum_count];

		if (!round_group_done(round, g))
			continue;
		aggregate_begin(one, campaign_layout(c->campaign));
		e = masked_sum_finish(one, c->masked[g], round_survivors(round, g), why);
		c->group_sum_count++;
		for (uint32_t k = 0; k < c->sum.layout.words; k++)
			c->sum.sums[k] += one->sums[k];
		c->sum.added += one->added;
	}
	return e;
}

/* ---- rows */

void sums_persist_row(struct world *w, uint32_t group, uint64_t number)
{
	struct office *c = &w->office;
	const struct secagg_row *row = round_row(campaign_round(c->campaign), group, number);
	struct row_waiting *waits = &c->waiting[c->waiting_count];

	if (row == NULL)
		return; /* of an attempt that has ended */
	CHECK(c->waiting_count < ROWS_WAITING_MAX);
	*waits = (struct row_waiting){.group = group, .row = number};
	waits->vector = row->phase == SECAGG_INPUT && row->site != 0;
	waits->index = row->site != 0 ? world_host(w, row->site)->index : 0;
	c->waiting_count++;
	sums_write_rows(w, 0);
}

void sums_write_rows(struct world *w, uint32_t synced)
{
	struct office *c = &w->office;
	uint32_t written = 0;

	while (written < c->waiting_count && (synced > 0 || !c->waiting[written].vector)) {
		synced -= c->waiting[written].vector;
		disk_store_masked_row(w, c->waiting[written].group, c->waiting[written].row);
		written++;
	}
	c->waiting_count -= written;
	memmove(c->waiting, c->waiting + written, c->waiting_count * sizeof *c->waiting);
}

bool sums_take_vectors(struct world *w, struct office_job *job)
{
	const struct office *c = &w->office;

	if (job->number != 0 || c->waiting_count == 0)
		return false;
	job->count = 0;
	for (uint32_t i = 0; i < c->waiting_count; i++)
		if (c->waiting[i].vector)
			job->sites[job->count++] = c->waiting[i].index;
	return job->count > 0;
}

/* Those of the attempt that is open now. */
void sums_tell(struct world *w)
{
	struct office *c = &w->office;
	const struct round_plan *plan = campaign_plan(c->campaign);
	uint32_t at;

	while (queue_pop(&c->rows_told, &at))
		if (campaign_state(c->campaign) == CAMPAIGN_EXPECT_ROUND && plan->round == c->cache.rows_round &&
		    plan->attempt == c->cache.rows_attempt && at >= c->cache.masked_begin)
			campaign_row_persisted(c->campaign, c->masked_rows[at].group, c->masked_rows[at].row.number,
			                       office_now_ms(w));
}

/* A vector is synced before its row is committed. */
static void vector_is_there(struct world *w, const struct secagg_row *row)
{
	const struct slot *slot = &w->office.synced[world_host(w, row->site)->index];
	struct hash claimed;

	memcpy(claimed.b, row->octets.ptr, HASH_SIZE);
	if (slot->complete && hash_equal(&slot->content, &claimed))
		return;
	truth_violated(w, CHECK_ACKNOWLEDGED, "the vector of site %u has a row, and is not on disk", row->site);
	campaign_unreadable(w->office.campaign, "a vector is lost", office_now_ms(w));
}

void sums_restore(struct world *w)
{
	struct office *c = &w->office;
	struct diag why = {{0}};

	for (uint32_t at = c->cache.masked_begin; at < c->cache.masked_end; at++) {
		const struct masked_row *m = &c->masked_rows[at];

		if (campaign_restore_row(c->campaign, m->group, &m->row, &why) != OK)
			truth_violated(w, CHECK_KEPT, "a row of the masks cannot be read again: %s", why.text);
	}
	for (uint32_t at = c->cache.masked_begin; at < c->cache.masked_end; at++)
		if (c->masked_rows[at].row.phase == SECAGG_INPUT && c->masked_rows[at].row.site != 0)
			vector_is_there(w, &c->masked_rows[at].row);
}
