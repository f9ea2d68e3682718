#include "coordinator/enrolled.h"

#include "base/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16 /* more than most federations have */
#define HOUR_MS 3600000

void enrolled_free(struct enrolled *e)
{
	free(e->items);
	memset(e, 0, sizeof *e);
}

static int compare_number(const void *key, const void *site)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct enrolled_site *)site)->number;

	return (a > b) - (a < b);
}

struct enrolled_site *enrolled_number(const struct enrolled *e, uint32_t number)
{
	if (e->count == 0)
		return NULL;
	return bsearch(&number, e->items, e->count, sizeof *e->items, compare_number);
}

struct enrolled_site *enrolled_name(const struct enrolled *e, const char *name)
{
	for (uint32_t i = 0; i < e->count; i++)
		if (!e->items[i].gone && strcmp(e->items[i].name, name) == 0)
			return &e->items[i];
	return NULL;
}

const char *enrolled_name_of(const struct enrolled *e, uint32_t number)
{
	const struct enrolled_site *s = enrolled_number(e, number);

	return s != NULL ? s->name : "?";
}

/* The entry of `number`, made where it belongs when there is none. */
static struct enrolled_site *entry(struct enrolled *e, uint32_t number)
{
	struct enrolled_site *found = enrolled_number(e, number);
	uint32_t at = 0;

	if (found != NULL)
		return found;
	while (at < e->count && e->items[at].number < number)
		at++;
	if (e->count == e->room) {
		e->room = e->room == 0 ? FIRST_ROOM : 2 * e->room;
		e->items = mem_resize(e->items, e->room, sizeof *e->items);
	}
	memmove(e->items + at + 1, e->items + at, (e->count - at) * sizeof *e->items);
	e->count++;
	e->items[at] = (struct enrolled_site){.number = number, .gone = true};
	return &e->items[at];
}

void enrolled_remember(struct enrolled *e, uint32_t number, const char *name, const char *serial, int64_t last_seen_ms)
{
	struct enrolled_site *s = entry(e, number);

	snprintf(s->name, sizeof s->name, "%s", name);
	snprintf(s->serial, sizeof s->serial, "%s", serial);
	s->last_seen_ms = last_seen_ms;
}

static enum err check_roster(const struct enrolled *e, const struct roster *r, struct diag *why)
{
	if (r->version < e->version)
		return diag_set(why, ERR_REFUSED,
		                "roster version %u is older than the one in force, %u; copy the newest roster here",
		                r->version, e->version);
	for (uint32_t i = 0; i < r->count; i++) {
		const struct enrolled_site *known = enrolled_number(e, r->sites[i].number);

		if (known != NULL && strcmp(known->name, r->sites[i].name) != 0)
			return diag_set(why, ERR_REFUSED,
			                "roster version %u gives number %u to %s, which was %s: is it another "
			                "federation's?",
			                r->version, known->number, r->sites[i].name, known->name);
	}
	return OK;
}

enum err enrolled_roster(struct enrolled *e, const struct roster *r, struct diag *why)
{
	enum err err = check_roster(e, r, why);

	if (err != OK)
		return err;
	for (uint32_t i = 0; i < e->count; i++)
		e->items[i].gone = true;
	for (uint32_t i = 0; i < r->count; i++) {
		struct enrolled_site *s = entry(e, r->sites[i].number);

		memcpy(s->name, r->sites[i].name, sizeof s->name);
		memcpy(s->key, r->sites[i].key, sizeof s->key);
		s->gone = false;
	}
	e->version = r->version;
	return OK;
}

enum err enrolled_identify(struct enrolled_site **out, const struct enrolled *e, const char *name,
                           const uint8_t key[ROSTER_KEY_SIZE], struct diag *why)
{
	struct enrolled_site *s = enrolled_name(e, name);

	if (s == NULL)
		return diag_set(why, ERR_PEER_IDENTITY, "%s is not on the roster (version %u)", name, e->version);
	if (memcmp(s->key, key, ROSTER_KEY_SIZE) != 0)
		return diag_set(why, ERR_PEER_IDENTITY,
		                "%s has another signing key in its certificate than on the roster (version %u)", name,
		                e->version);
	*out = s;
	return OK;
}

bool session_id_from(struct session_id *out, const char *hex)
{
	return hex != NULL && strlen(hex) == 2 * SESSION_ID_SIZE && hex_decode(out->b, SESSION_ID_SIZE, hex);
}

static bool same_session(const struct session_id *a, const struct session_id *b)
{
	return memcmp(a->b, b->b, SESSION_ID_SIZE) == 0;
}

enum session_verdict enrolled_session(struct enrolled_site *s, const struct session_id *id)
{
	uint32_t remembered = s->old_count < SESSIONS_OLD_MAX ? s->old_count : SESSIONS_OLD_MAX;

	if (s->has_session && same_session(&s->session, id))
		return SESSION_ACTIVE;
	for (uint32_t i = 0; i < remembered; i++)
		if (same_session(&s->old[i], id))
			return SESSION_OLD;
	if (s->has_session)
		s->old[s->old_count++ % SESSIONS_OLD_MAX] = s->session;
	s->session = *id;
	s->has_session = true;
	return SESSION_NEW;
}

bool enrolled_may_answer(struct enrolled_site *s, int64_t now_ms)
{
	if (s->answers == 0 || now_ms - s->answers_since_ms >= HOUR_MS) {
		s->answers = 0;
		s->answers_since_ms = now_ms;
	}
	if (s->answers == ANSWERS_PER_HOUR_MAX)
		return false;
	s->answers++;
	return true;
}
