#include "coordinator/office.h"

#include "base/file.h"
#include "base/log.h"
#include "coordinator/events.h"
#include "coordinator/ledgers.h"
#include "coordinator/lock.h"
#include "net/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void office_clock(struct office *o, int64_t now_ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	o->world.now_ms = now_ms;
	o->world.wall_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the roster */

static enum err verified_roster(struct roster *out, struct bytes file, const char *authority, struct diag *why)
{
	struct roster_parts parts;
	struct buf pem = {0};
	enum err e = roster_split(&parts, file, why);

	if (e == OK)
		e = file_read(&pem, authority, PEM_MAX, why);
	if (e == OK)
		e = identity_verify(buf_bytes(&pem), ROSTER_TAG, parts.body,
		                    bytes_of(parts.signature, parts.signature_len), why);
	if (e == OK)
		e = roster_parse(out, parts.body, why);
	buf_free(&pem);
	return e;
}

/* What a site has lost is told once, and to every study. */
static void tell(struct office *o, struct enrolled_site *site)
{
	bool lost = site->gone || site->revoked;

	if (lost && !site->told)
		events_revoked(&o->world, site);
	site->told = lost;
	for (uint32_t k = 0; k < o->count; k++)
		course_check_site(o->courses[k], site);
}

/* Masked studies that wait for a roster look again, once who left is known. */
static void tell_studies(struct office *o)
{
	for (uint32_t k = 0; k < o->count; k++)
		campaign_roster_changed(o->courses[k]->campaign, o->world.now_ms);
}

/* Takes file and roster from the caller. */
static void take_over(struct office *o, struct buf *file, struct roster *r, bool known)
{
	buf_free(&o->roster);
	o->roster = *file;
	memset(file, 0, sizeof *file);
	roster_free(&o->listed);
	o->listed = *r;
	memset(r, 0, sizeof *r);
	o->world.roster = &o->listed;
	for (uint32_t i = 0; i < o->enrolled.count; i++) {
		struct enrolled_site *site = &o->enrolled.items[i];

		if (known) /* this roster was in force before a restart */
			site->told = site->gone;
		else if (!site->gone)
			store_site(o->store, site->number, site->name, site->serial, site->last_seen_ms);
		tell(o, site);
	}
	tell_studies(o);
	ledgers_check(o);
	if (known)
		return;
	store_roster_version(o->store, o->listed.version);
	events_roster(&o->world);
}

enum err office_read_roster(struct office *o, bool *changed, struct diag *why)
{
	struct buf file = {0};
	struct roster r = {0};
	uint32_t before = o->enrolled.version;
	bool restart = o->roster.len == 0;
	enum err e = file_read(&file, o->settings->roster, ROSTER_MAX, why);

	*changed = false;
	if (e == OK && bytes_equal(buf_bytes(&file), buf_bytes(&o->roster)))
		goto out;
	if (e == OK) {
		e = verified_roster(&r, buf_bytes(&file), o->settings->authority, why);
		if (e == OK)
			e = enrolled_roster(&o->enrolled, &r, why);
		if (e != OK)
			e = diag_prefix(why, e, "%s", o->settings->roster);
	}
	if (e == OK) {
		take_over(o, &file, &r, restart && r.version == before);
		*changed = true;
	}
out:
	roster_free(&r);
	buf_free(&file);
	return e;
}

enum err office_check_roster(const struct settings *settings, struct diag *why)
{
	struct buf file = {0};
	struct roster r = {0};
	enum err e = file_read(&file, settings->roster, ROSTER_MAX, why);

	if (e == OK && verified_roster(&r, buf_bytes(&file), settings->authority, why) != OK)
		e = diag_prefix(why, ERR_REFUSED, "%s", settings->roster);
	roster_free(&r);
	buf_free(&file);
	return e;
}

void office_revocations(struct office *o, bool (*revoked)(void *context, const char *serial), void *context)
{
	for (uint32_t i = 0; i < o->enrolled.count; i++) {
		struct enrolled_site *site = &o->enrolled.items[i];

		site->revoked = site->serial[0] != '\0' && revoked(context, site->serial);
		tell(o, site);
	}
}

/* ---- studies */

struct course *office_course(const struct office *o, const char *study)
{
	for (uint32_t i = 0; i < o->count; i++)
		if (strcmp(o->courses[i]->study->name, study) == 0)
			return o->courses[i];
	return NULL;
}

/* In the order of names, which `status` shows. */
static void insert_course(struct office *o, struct course *c)
{
	uint32_t at = o->count;

	o->courses = mem_resize(o->courses, o->count + 1, sizeof(struct course *));
	while (at > 0 && strcmp(o->courses[at - 1]->study->name, c->study->name) > 0) {
		o->courses[at] = o->courses[at - 1];
		at--;
	}
	o->courses[at] = c;
	o->count++;
}

static void keep_model(struct office *o, const struct hash *sha256)
{
	if (hash_is_zero(sha256))
		return;
	o->kept = mem_resize(o->kept, o->kept_count + 1, sizeof *o->kept);
	o->kept[o->kept_count++] = *sha256;
}

static void keep_models_of(struct office *o, const struct course *c)
{
	uint64_t octets;
	uint32_t step;
	const struct hash newest = campaign_model(c->campaign, &octets);
	const struct hash best = campaign_best(c->campaign, &octets, &step);

	keep_model(o, &newest);
	keep_model(o, &best);
}

struct loading {
	struct office *office;
	bool verify;
	enum err failed;
	struct diag *why;
};

static void load_study(void *context, const struct stored_study *row)
{
	struct loading *l = context;
	struct course *c;

	if (l->failed != OK)
		return;
	l->failed = course_restore(&c, &l->office->world, row, l->verify && row->in_force, l->why);
	if (l->failed != OK)
		return;
	if (row->in_force) {
		insert_course(l->office, c);
	} else {
		keep_models_of(l->office, c);
		course_free(c);
	}
}

static enum err may_replace(const struct course *old, const struct study *wanted, struct diag *why)
{
	const char *state = campaign_state_name(old->campaign);
	enum campaign_state at = campaign_state(old->campaign);

	if (wanted->revision == old->study->revision)
		return diag_set(why, ERR_CONFLICT,
		                "study %s revision %u is here with other terms; a change of terms is a new revision: "
		                "write `revision: %u`",
		                wanted->name, wanted->revision, old->study->revision + 1);
	if (wanted->revision < old->study->revision)
		return diag_set(why, ERR_CONFLICT, "study %s has revision %u here, and %u is older", wanted->name,
		                old->study->revision, wanted->revision);
	if (at != CAMPAIGN_READY && at != CAMPAIGN_FINISHED && at != CAMPAIGN_STOPPED && at != CAMPAIGN_FAILED)
		return diag_set(why, ERR_CONFLICT,
		                "study %s revision %u is %s; `cohort-coordinator study stop %s` ends it for good, then "
		                "add the new revision",
		                wanted->name, old->study->revision, state, wanted->name);
	if (old->busy > 0)
		return diag_set(why, ERR_AGAIN, "study %s is just ending a round; try again", wanted->name);
	return OK;
}

/* The new revision takes the place of the old one, in the same object: a runner may have it. */
static void replace_course(struct office *o, struct course *old, struct course *fresh)
{
	struct runner *runner = old->runner;
	struct course was = *old;

	keep_models_of(o, old);
	*old = *fresh;
	old->runner = runner;
	*fresh = was;
	fresh->runner = NULL;
	course_free(fresh);
}

enum err office_add_study(struct office *o, struct bytes canonical, struct course **out, bool *fresh, struct diag *why)
{
	struct study wanted = {0};
	struct course *old, *c;
	enum err e = study_from_canonical(&wanted, canonical, why);

	*fresh = false;
	if (e != OK)
		goto out;
	old = office_course(o, wanted.name);
	if (old != NULL && hash_equal(&old->study->hash, &wanted.hash)) {
		*out = old;
		goto out;
	}
	if (old != NULL)
		e = may_replace(old, &wanted, why);
	if (e == OK)
		e = course_add(&c, &o->world, canonical, why);
	if (e != OK)
		goto out;
	*fresh = true;
	*out = old != NULL ? old : c;
	if (old != NULL)
		replace_course(o, old, c);
	else
		insert_course(o, c);
out:
	study_free(&wanted);
	return e;
}

/* ---- opening */

static void load_site(void *context, uint32_t number, const char *name, const char *serial, int64_t last_seen_ms,
                      const struct ledger_mark *ledger)
{
	enrolled_remember(context, number, name, serial, last_seen_ms);
	enrolled_number(context, number)->ledger = *ledger;
}

static enum err load(struct office *o, enum office_for what, struct diag *why)
{
	struct loading l = {.office = o, .verify = what == OFFICE_FOR_DAEMON, .why = why};
	bool changed;
	enum err e = store_sites(o->store, load_site, &o->enrolled, why);

	if (e == OK)
		e = store_read_roster_version(o->store, &o->enrolled.version, why);
	if (e == OK)
		e = office_read_roster(o, &changed, why);
	if (e == OK)
		e = store_studies(o->store, load_study, &l, why);
	if (e == OK)
		e = l.failed;
	if (e == OK && what == OFFICE_FOR_DAEMON) {
		e = file_sweep(o->settings->models, why);
		office_sweep_models(o);
		office_sweep_staging(o);
	}
	return e;
}

enum err office_open(struct office **out, const struct settings *settings, enum office_for what, int64_t patience_ms,
                     int64_t now_ms, struct diag *why)
{
	struct office *o = mem_alloc(sizeof *o);
	enum err e = settings_make_folders(settings, why);

	*out = NULL;
	o->lock = -1;
	o->settings = settings;
	o->world.settings = settings;
	o->world.enrolled = &o->enrolled;
	o->world.grants.max = settings->uploads;
	office_clock(o, now_ms);
	if (e == OK)
		e = lock_take(&o->lock, settings->lock, patience_ms, why);
	if (e == OK)
		e = store_open(&o->store, settings->database, why);
	o->world.store = o->store;
	if (e == OK)
		e = load(o, what, why);
	if (e != OK) {
		office_close(o);
		return e;
	}
	*out = o;
	return OK;
}

void office_close(struct office *o)
{
	if (o == NULL)
		return;
	for (uint32_t i = 0; i < o->count; i++)
		course_free(o->courses[i]);
	free(o->courses);
	free(o->kept);
	buf_free(&o->roster);
	roster_free(&o->listed);
	enrolled_free(&o->enrolled);
	store_close(o->store);
	lock_release(o->lock);
	free(o);
}

enum err office_commit(struct office *o, bool *told, struct diag *why)
{
	enum err e;

	if (store_dirty(o->store)) /* they come along, and are no reason to commit */
		ledgers_write(o);
	e = store_commit(o->store, why);
	*told = false;
	for (uint32_t i = 0; i < o->count && e == OK; i++)
		*told |= course_committed(o->courses[i]);
	return e;
}

void office_write_sites(struct office *o)
{
	for (uint32_t i = 0; i < o->enrolled.count; i++) {
		const struct enrolled_site *site = &o->enrolled.items[i];

		store_site(o->store, site->number, site->name, site->serial, site->last_seen_ms);
	}
}

/* ---- files */

void office_model_path(char *out, size_t size, const struct office *o, const struct hash *sha256)
{
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, sha256);
	snprintf(out, size, "%s/%s%s", o->settings->models, hex, OFFICE_MODEL_ENDING);
}

static bool uses_model(const struct office *o, const struct hash *sha256)
{
	for (uint32_t i = 0; i < o->count; i++)
		if (course_uses_model(o->courses[i], sha256))
			return true;
	for (uint32_t i = 0; i < o->kept_count; i++)
		if (hash_equal(&o->kept[i], sha256))
			return true;
	return false;
}

/* Names that are no model's are not ours to delete. */
static bool keep_file(void *context, const char *name)
{
	char hex[HASH_HEX_SIZE];
	struct hash sha256;

	if (strlen(name) != sizeof hex - 1 + strlen(OFFICE_MODEL_ENDING) ||
	    strcmp(name + sizeof hex - 1, OFFICE_MODEL_ENDING) != 0)
		return true;
	memcpy(hex, name, sizeof hex - 1);
	hex[sizeof hex - 1] = '\0';
	return !hash_from_hex(&sha256, hex) || uses_model(context, &sha256);
}

void office_sweep_models(struct office *o)
{
	staging_sweep(o->settings->models, keep_file, o);
}

static bool is_open_attempt(void *context, const char *name)
{
	const struct office *o = context;
	char expected[STAGING_NAME_SIZE];

	for (uint32_t i = 0; i < o->count; i++) {
		const struct course *c = o->courses[i];

		if (!campaign_round_open(c->campaign))
			continue;
		staging_file_name(expected, c->study->name, c->study->revision, campaign_plan(c->campaign));
		if (strcmp(expected, name) == 0)
			return true;
	}
	return false;
}

void office_sweep_staging(struct office *o)
{
	staging_sweep(o->settings->staging, is_open_attempt, o);
}
