/*
 * The course of one study: its contract, its campaign, and their rows in the store. What a campaign asks to be persisted is
 * written here, for the daemon and for commands alike; sums, uploads and held polls are the runner's, which only the daemon has.
 *
 *     campaign_next -> course_persist -> (store_commit) -> course_committed -> campaign_persisted, campaign_site_persisted,
 *                                                                              campaign_row_persisted
 */
#ifndef COHORT_COORDINATOR_COURSE_H
#define COHORT_COORDINATOR_COURSE_H

#include "base/queue.h"
#include "coordinator/enrolled.h"
#include "coordinator/moments.h"
#include "coordinator/settings.h"
#include "coordinator/staging.h"
#include "coordinator/store.h"

struct runner;

/* What courses share; borrowed by each. */
struct course_world {
	const struct settings *settings;
	struct store *store;
	struct enrolled *enrolled;
	const struct roster *roster; /* in force: the keys of masked rounds; NULL: none yet */
	struct staging_grants grants;
	int64_t now_ms; /* the campaign's clock; both are set once per turn */
	int64_t wall_ms; /* Unix time, for rows */
};

struct course_row {
	uint32_t group;
	uint64_t row;
};

struct course {
	struct course_world *world;
	int64_t id; /* in the store */
	struct study *study; /* owned; its address stays */
	char *first_model; /* study.init_file, when the study starts from a file; owned */
	struct campaign *campaign;
	struct moments moments; /* the server's; a job that computes reads them */
	const char *announced; /* the state's name that was last written to the event log; NULL: none yet */
	struct runner *runner; /* NULL without a daemon */
	uint64_t token; /* of a record that is stored, not committed; 0: none */
	struct queue sites; /* numbers whose rows are stored, not committed */
	struct queue rows; /* struct course_row: the same of masked attempts */
	uint64_t sites_round; /* the attempt that both are of */
	uint32_t sites_attempt;
	unsigned busy; /* jobs of the runner that use the study */
	bool models_changed; /* a record was committed: model files may have lost their last reference */
};

/* A new study: its row, an empty record and an event are written. The contract's bytes are checked: ERR_DATA. */
enum err course_add(struct course **out, struct course_world *world, struct bytes canonical, struct diag *why) MUST_USE;

/* From the store, as it was; the campaign goes on where it stood. `verify`: the staged contributions of an open attempt are read and
 * held against their hashes first (the daemon); without, they are believed (commands that look). ERR_DATA names the study. */
enum err course_restore(struct course **out, struct course_world *world, const struct stored_study *row, bool verify,
                        struct diag *why) MUST_USE;
void course_free(struct course *c); /* accepts NULL; not while a runner has it */

/* Writes what one of the actions PERSIST_ANSWER and PERSIST asks. */
void course_persist(struct course *c, const struct campaign_action *a);
/* Writes the row of `site` in the open attempt; for PERSIST_SITE, once its upload (if it has one) is synced. */
void course_persist_site(struct course *c, uint32_t site);
/* Writes a row of the open masked attempt; for PERSIST_ROW, in the order of the actions, once the vector that it is of is synced. One
 * of an attempt that has ended meanwhile is left out. */
void course_persist_row(struct course *c, uint32_t group, uint64_t row);
/* All that was written is committed: tells the campaign. True when it was told anything. */
bool course_committed(struct course *c);

/* Drains the campaign without a daemon: what is to be persisted is written, the rest is left to the next daemon. */
void course_drain(struct course *c);

bool course_masked(const struct course *c); /* the study's rounds are masked */

/* The staged contributions of the open attempt; the caller's (staging_release). */
struct staging *course_staging(struct course *c);
uint64_t course_octets(const struct course *c); /* of one contribution to it: under masks with its check words */

/* The site's position in the open attempt's plan. */
bool course_slot(const struct course *c, uint32_t site, uint32_t *slot);

/* Is this file one of the study's: newest, best, the open round's? Its sites may fetch it, and it is kept. */
bool course_uses_model(const struct course *c, const struct hash *sha256);

/* "STATE/models/SHA256.first": the file of first parameters of studies that start from one. Owned by the caller. It is never
 * deleted: it is small in number, and its study may be added again. */
char *course_first_model(const struct course_world *world, const struct hash *sha256);

bool course_expired(const struct course *c); /* by wall_ms */

/* The site's certificate was revoked, or it is not on the roster. */
void course_check_site(struct course *c, const struct enrolled_site *site);

#endif
