#include "coordinator/course.h"

#include "base/log.h"
#include "coordinator/events.h"
#include "crypto/pack.h"
#include "protocol/masked_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *course_first_model(const struct course_world *world, const struct hash *sha256)
{
	char hex[HASH_HEX_SIZE], *path;

	hash_hex(hex, sha256);
	if (asprintf(&path, "%s/%s.first", world->settings->models, hex) < 0)
		mem_exhausted(1, PATH_SIZE);
	return path;
}

static const struct roster *roster_in_force(void *world)
{
	return ((const struct course_world *)world)->roster;
}

static struct campaign_config configure(const struct course *c)
{
	return (struct campaign_config){
		.study = c->study,
		.join_ms = c->world->settings->join_ms,
		.deadline_ms = c->world->settings->deadline_ms,
		.phase_ms = c->world->settings->phase_ms,
		.pause_ms = c->world->settings->pause_ms,
		.roster = roster_in_force,
		.world = c->world,
	};
}

/* The path in the contract is the author's: the file was sent here, under its hash. */
static void place_first_model(struct course *c)
{
	if (c->study->init != INIT_FILE)
		return;
	c->first_model = course_first_model(c->world, &c->study->init_sha256);
	c->study->init_file = c->first_model;
}

static enum err begin(struct course **out, struct course_world *world, struct bytes canonical, struct diag *why)
{
	struct course *c = mem_alloc(sizeof *c);
	c->study = mem_alloc(sizeof *c->study);
	enum err e = study_from_canonical(c->study, canonical, why);

	c->world = world;
	queue_init(&c->sites, sizeof(uint32_t));
	queue_init(&c->rows, sizeof(struct course_row));
	if (e != OK) {
		course_free(c);
		return e;
	}
	place_first_model(c);
	*out = c;
	return OK;
}

enum err course_add(struct course **out, struct course_world *world, struct bytes canonical, struct diag *why)
{
	struct course *c;
	enum err e = begin(&c, world, canonical, why);

	if (e != OK)
		return e;
	struct campaign_config config = configure(c);
	c->campaign = campaign_new(&config);
	struct json *record = campaign_save(c->campaign);
	c->id = store_add_study(world->store, c->study, record, world->wall_ms);
	json_free(record);
	events_study_added(world, c->study);
	*out = c;
	return OK;
}

void course_free(struct course *c)
{
	if (c == NULL)
		return;
	CHECK(c->runner == NULL);
	campaign_free(c->campaign);
	moments_free(&c->moments);
	queue_free(&c->sites);
	queue_free(&c->rows);
	study_free(c->study);
	free(c->study);
	free(c->first_model);
	free(c);
}

/* ---- after a restart */

static void restore_answer(void *context, uint32_t site, enum site_answer answer)
{
	campaign_restore_answer(((struct course *)context)->campaign, site, answer);
}

struct restoring {
	struct course *course;
	struct staging *staging; /* NULL: believe */
	enum err failed; /* of a row of masks; with its words */
	struct diag *why;
	struct diag lost; /* a vector that rows of masks need and that is not there */
};

static bool is_staged(const struct restoring *r, uint32_t site, const struct hash *content)
{
	uint32_t slot;

	return r->staging == NULL || (course_slot(r->course, site, &slot) && staging_holds(r->staging, slot, content));
}

static void restore_row(void *context, const struct round_site *stored)
{
	struct restoring *r = context;
	struct course *c = r->course;
	const struct round_plan *plan = campaign_plan(c->campaign);
	struct round_site row = *stored;

	if (row.state == SITE_CONTRIBUTED && !is_staged(r, row.number, &row.content)) {
		log_error("study %s round %llu: the contribution of %s is not on the disk any more; it does not count",
		          c->study->name, (unsigned long long)plan->round,
		          enrolled_name_of(c->world->enrolled, row.number));
		row.state = SITE_DROPPED;
		row.dropped = DROP_UNREADABLE;
		store_unreadable(c->world->store, c->id, plan->round, plan->attempt, row.number);
	}
	campaign_restore_site(c->campaign, &row);
}

/* U3 is made of the rows, so a vector that is lost cannot be left out of the sum: it ends the attempt. */
static void restore_masked_row(void *context, uint32_t group, const struct secagg_row *row)
{
	struct restoring *r = context;
	struct hash content;

	if (r->failed == OK)
		r->failed = campaign_restore_row(r->course->campaign, group, row, r->why);
	if (r->failed != OK || row->phase != SECAGG_INPUT || row->site == 0)
		return;
	memcpy(content.b, row->octets.ptr, sizeof content.b);
	if (!is_staged(r, row->site, &content))
		(void)diag_set(&r->lost, ERR_IO, "the masked vector of %s is not on the disk any more",
		               enrolled_name_of(r->course->world->enrolled, row->site));
}

static enum err restore_rows(struct course *c, bool verify, struct diag *lost, struct diag *why)
{
	const struct round_plan *plan = campaign_plan(c->campaign);
	struct restoring r = {.course = c, .why = why};
	enum err e;

	if (!campaign_round_open(c->campaign))
		return OK;
	if (verify)
		r.staging = course_staging(c);
	e = store_masked_rows(c->world->store, c->id, plan->round, plan->attempt, restore_masked_row, &r, why);
	if (e == OK)
		e = r.failed;
	if (e == OK)
		e = store_rows(c->world->store, c->id, plan->round, plan->attempt, restore_row, &r, why);
	staging_release(r.staging);
	*lost = r.lost;
	return e;
}

static enum err restore_campaign(struct course *c, const struct stored_study *row, bool verify, struct diag *lost,
                                 struct diag *why)
{
	struct campaign_config config = configure(c);
	struct json *record = NULL;
	enum err e = json_parse(&record, row->record, CONTRACT_MAX, "campaign record", why);

	if (e == OK)
		e = campaign_restore(&c->campaign, &config, record, c->world->now_ms, why);
	json_free(record);
	if (e == OK)
		e = store_answers(c->world->store, c->id, restore_answer, c, why);
	if (e == OK)
		e = restore_rows(c, verify, lost, why);
	if (e == OK)
		e = moments_restore(&c->moments, c->world->store, c->id, c->study, c->campaign, verify, why);
	return e;
}

enum err course_restore(struct course **out, struct course_world *world, const struct stored_study *row, bool verify,
                        struct diag *why)
{
	struct course *c;
	struct diag lost = {{0}};
	enum err e = begin(&c, world, row->canonical, why);

	if (e != OK)
		return diag_prefix(why, e, "%s: a stored contract", world->settings->database);
	c->id = row->id;
	e = restore_campaign(c, row, verify, &lost, why);
	if (e != OK) {
		e = diag_prefix(why, e, "%s: study %s", world->settings->database, c->study->name);
		course_free(c);
		return e;
	}
	for (uint32_t i = 0; i < world->enrolled->count; i++)
		course_check_site(c, &world->enrolled->items[i]);
	if (lost.text[0] != '\0') {
		log_error("study %s: %s; the attempt fails", c->study->name, lost.text);
		campaign_unreadable(c->campaign, lost.text, world->now_ms);
	}
	campaign_resume(c->campaign, world->now_ms);
	*out = c;
	return OK;
}

/* ---- looking */

bool course_masked(const struct course *c)
{
	return c->study->sites.masking != MASKING_OFF;
}

uint64_t course_octets(const struct course *c)
{
	const struct layout *layout = campaign_layout(c->campaign);

	return course_masked(c) ? pack_size((size_t)layout->words + MASKED_CHECK_WORDS, MASKED_WORD_BITS)
	                        : layout_octets(layout);
}

struct staging *course_staging(struct course *c)
{
	const struct staging_config config = {
		.folder = c->world->settings->staging,
		.study = c->study->name,
		.revision = c->study->revision,
		.plan = campaign_plan(c->campaign),
		.octets = course_octets(c),
		.layout = course_masked(c) ? NULL : campaign_layout(c->campaign),
		.grants = &c->world->grants,
	};

	return staging_open(&config);
}

static int compare_site(const void *key, const void *item)
{
	uint32_t a = *(const uint32_t *)key, b = *(const uint32_t *)item;

	return (a > b) - (a < b);
}

bool course_slot(const struct course *c, uint32_t site, uint32_t *slot)
{
	const struct round_plan *plan = campaign_plan(c->campaign);
	const uint32_t *found = plan->site_count == 0 ? NULL
	                                              : bsearch(&site, plan->sites, plan->site_count,
	                                                        sizeof *plan->sites, compare_site);

	if (found == NULL)
		return false;
	*slot = (uint32_t)(found - plan->sites);
	return true;
}

bool course_uses_model(const struct course *c, const struct hash *sha256)
{
	uint64_t octets;
	uint32_t step;
	const struct hash newest = campaign_model(c->campaign, &octets);
	const struct hash best = campaign_best(c->campaign, &octets, &step);

	return hash_equal(&newest, sha256) || hash_equal(&best, sha256) ||
	       (campaign_round_open(c->campaign) && hash_equal(&campaign_plan(c->campaign)->model, sha256));
}

bool course_expired(const struct course *c)
{
	return c->world->wall_ms / 1000 >= study_expires_s(c->study);
}

void course_check_site(struct course *c, const struct enrolled_site *site)
{
	if (site->gone || site->revoked)
		campaign_revoked(c->campaign, site->number, c->world->now_ms);
}
