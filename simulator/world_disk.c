/*
 * The coordinator's disk. `disk` is what a start would find; `cache` is what the program sees, with what it has written and not
 * committed; `slots` are octets of uploads as they were written, `synced` those that a sync has made durable.
 */
#include "simulator/truth.h"

#include "base/vec.h"
#include "coordinator/strategy.h"

#include <stdlib.h>
#include <string.h>

/* ---- the server's moments */

static size_t moments_count(const struct world *w)
{
	return strategy_moments(w->setting->study) * w->setting->study->model.parameters;
}

static void drop_moments(struct server_moments *m)
{
	free(m->values);
	*m = (struct server_moments){0};
}

static void copy_moments(const struct world *w, struct server_moments *to, const struct server_moments *from)
{
	*to = *from;
	if (from->values == NULL)
		return;
	to->values = vec_f32(moments_count(w));
	memcpy(to->values, from->values, moments_count(w) * sizeof *to->values);
}

void disk_take_moments(struct world *w, struct outcome *o)
{
	struct server_moments *m = &w->office.moments;

	if (o->moments == NULL)
		return;
	drop_moments(m);
	*m = (struct server_moments){o->moments, o->model_sha256};
	o->moments = NULL;
}

const float *disk_moments(const struct world *w, const struct hash *model)
{
	const struct server_moments *m = &w->office.moments;

	return !hash_is_zero(model) && hash_equal(&m->model, model) ? m->values : NULL;
}

/* With the record: those of its model. */
static void store_moments(struct world *w)
{
	struct office *c = &w->office;

	if (c->moments.values == NULL || hash_equal(&c->cache.moments.model, &c->moments.model))
		return;
	if (c->cache.moments.values != c->disk.moments.values)
		drop_moments(&c->cache.moments);
	copy_moments(w, &c->cache.moments, &c->moments);
}

/* ---- what is written */

void disk_store_record(struct world *w, uint64_t token)
{
	struct office *c = &w->office;
	const struct round_report *report = campaign_report(c->campaign);
	const struct round_plan *p = campaign_plan(c->campaign);

	if (c->cache.record != c->disk.record)
		json_free(c->cache.record);
	c->cache.record = campaign_save(c->campaign);
	store_moments(w);
	if (report != NULL) {
		truth_of_report(w, report);
		truth_list(&c->end, report);
		c->has_end = true;
	}
	if (p->round != c->cache.rows_round || p->attempt != c->cache.rows_attempt) {
		memset(c->cache.has_row, 0, sizeof c->cache.has_row);
		c->cache.masked_begin = c->cache.masked_end;
	}
	c->cache.rows_round = p->round;
	c->cache.rows_attempt = p->attempt;
	c->obeyed = c->ordered;
	c->token = token;
	c->dirty = true;
}

/* As course_persist_site: an upload whose round has ended meanwhile does not count; a refusal that ended it does. */
void disk_store_row(struct world *w, uint32_t index)
{
	struct office *c = &w->office;
	const struct round_report *ended = campaign_report(c->campaign);
	const struct round_plan *plan = ended != NULL ? ended->plan : campaign_plan(c->campaign);
	const struct round *round = campaign_round(c->campaign);
	const struct round_site *row = round != NULL ? round_site(round, world_number(index)) : NULL;

	if (row == NULL || row->state < (ended != NULL ? SITE_REFUSED : SITE_EXPECT_PERSISTED))
		return;
	if (plan->round != c->cache.rows_round || plan->attempt != c->cache.rows_attempt)
		return; /* history, and nobody reads it again */
	if (c->cache.has_row[index]) {
		truth_violated(w, CHECK_ONCE, "site %u got two rows in round %llu.%u", world_number(index),
		               (unsigned long long)plan->round, plan->attempt);
		return;
	}
	c->cache.rows[index] = *row;
	if (row->state == SITE_EXPECT_PERSISTED)
		c->cache.rows[index].state = SITE_CONTRIBUTED;
	c->cache.has_row[index] = true;
	c->told_round = plan->round;
	c->told_attempt = plan->attempt;
	queue_push(&c->told, &index);
	c->dirty = true;
}

/* A row that is not there any more is of an attempt that has ended. */
void disk_store_masked_row(struct world *w, uint32_t group, uint64_t number)
{
	struct office *c = &w->office;
	const struct secagg_row *row = round_row(campaign_round(c->campaign), group, number);
	uint32_t at = c->cache.masked_end;

	if (row == NULL)
		return;
	truth_of_masked_row(w, group, row);
	c->masked_rows = mem_resize(c->masked_rows, at + 1, sizeof *c->masked_rows);
	struct masked_row *m = &c->masked_rows[at];
	*m = (struct masked_row){.group = group, .row = *row};
	buf_init(&m->octets, row->octets.len);
	buf_put(&m->octets, row->octets);
	m->row.octets = buf_bytes(&m->octets);
	c->cache.masked_end++;
	queue_push(&c->rows_told, &at);
	c->dirty = true;
}

static void drop_masked_rows(struct office *c, uint32_t from)
{
	for (uint32_t at = from; at < c->cache.masked_end; at++)
		buf_free(&c->masked_rows[at].octets);
	c->cache.masked_end = from;
}

/* ---- what becomes durable */

static void become_durable(struct world *w)
{
	struct office *c = &w->office;
	bool over;

	if (c->cache.record != c->disk.record)
		json_free(c->disk.record);
	if (c->cache.moments.values != c->disk.moments.values)
		drop_moments(&c->disk.moments);
	c->disk = c->cache;
	c->dirty = false;
	if (c->has_end)
		truth_of_end(w, &c->end);
	c->end_stored = c->end_stored || c->has_end;
	c->has_end = false;
	over = w->told_texts[MESSAGE_FINISHED].len > 0;
	truth_of_record(w);
	people_come_or_go(w);
	if (!over && w->told_texts[MESSAGE_FINISHED].len > 0)
		world_disturb_again(w);
	w->out->orders += c->obeyed;
	if (c->obeyed)
		c->ordered = false;
	c->obeyed = false;
}

void disk_lose(struct world *w, bool survives)
{
	struct office *c = &w->office;

	if (!c->dirty)
		return;
	if (survives) {
		become_durable(w);
		return;
	}
	drop_masked_rows(c, c->disk.masked_end);
	if (c->cache.record != c->disk.record)
		json_free(c->cache.record);
	if (c->cache.moments.values != c->disk.moments.values)
		drop_moments(&c->cache.moments);
	c->cache = c->disk;
	c->dirty = false;
}

void disk_restore(struct world *w)
{
	struct office *c = &w->office;

	c->cache = c->disk;
	drop_moments(&c->moments);
	copy_moments(w, &c->moments, &c->disk.moments);
}

void disk_free(struct world *w)
{
	struct office *c = &w->office;

	disk_lose(w, false);
	drop_masked_rows(c, 0);
	free(c->masked_rows);
	json_free(c->disk.record);
	drop_moments(&c->disk.moments);
	drop_moments(&c->moments);
	for (uint32_t i = 0; i < WORLD_SITES_MAX; i++)
		buf_free(&c->synced[i].octets);
	for (uint32_t i = 0; i < c->model_count; i++)
		buf_free(&c->models[i].bytes);
}

bool disk_can_fail(const struct world *w, enum fault f)
{
	return disturbance_impossible(f, SIDE_COORDINATOR, office_during(w)) == NULL;
}

bool disk_commit(struct world *w)
{
	uint32_t step = w->out->coordinator_steps++;

	world_note(w, COORDINATOR, "commits", step, 0, 0);
	if (office_dies(w, step, CRASH_BEFORE))
		return false;
	if (disk_can_fail(w, FAULT_FULL) && world_befalls(w, FAULT_FULL, SIDE_COORDINATOR, 0)) {
		office_crash(w, false);
		return false;
	}
	if (disk_can_fail(w, FAULT_SYNC) && world_befalls(w, FAULT_SYNC, SIDE_COORDINATOR, 0)) {
		office_crash(w, world_below(w, 2) == 0);
		return false;
	}
	become_durable(w);
	return !office_dies(w, step, CRASH_AFTER);
}

/* ---- files */

static void sync_slot(struct office *c, uint32_t index)
{
	world_put(&c->synced[index].octets, buf_bytes(&c->slots[index].octets));
	c->synced[index].content = c->slots[index].content;
	c->synced[index].complete = true;
}

bool disk_sync(struct world *w, const uint32_t *sites, uint32_t count)
{
	struct office *c = &w->office;
	bool fails = disk_can_fail(w, FAULT_SYNC) && world_befalls(w, FAULT_SYNC, SIDE_COORDINATOR, 0);

	for (uint32_t i = 0; i < count; i++)
		if (c->slots[sites[i]].complete && (!fails || world_below(w, 2) == 0))
			sync_slot(c, sites[i]);
	if (fails)
		office_crash(w, false);
	return !fails;
}

static void keep(struct office *c, const struct outcome *o)
{
	CHECK(c->model_count < MODELS_MAX);
	c->models[c->model_count].sha256 = o->model_sha256;
	world_put(&c->models[c->model_count++].bytes, buf_bytes(&o->model));
}

bool disk_keep_model(struct world *w, const struct outcome *o)
{
	struct office *c = &w->office;
	bool is_new = o->has_model && office_model(w, &o->model_sha256).len == 0;

	if (!is_new)
		return true;
	if (world_befalls(w, FAULT_FULL, SIDE_COORDINATOR, 0)) {
		office_crash(w, false);
		return false;
	}
	if (world_befalls(w, FAULT_SYNC, SIDE_COORDINATOR, 0)) {
		if (world_below(w, 2) == 0)
			keep(c, o);
		office_crash(w, false);
		return false;
	}
	keep(c, o);
	return true;
}
