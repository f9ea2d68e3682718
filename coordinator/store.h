/*
 * The store: everything of the coordinator that must survive a crash, in one SQLite database. Bulk is in files, but for the
 * server's moments, which must change in the same instant as the record does.
 *
 *     studies       contract (canonical bytes) and campaign record (JSON), a row per revision; the newest of a name is in force
 *     moments       of the server's strategy: they belong to a running study's newest model, in pieces
 *     answers       what each site said to a contract
 *     sites         number, name, last seen, newest mark of its ledger
 *     rounds        one row per attempt -+- participants    what became of each invited site
 *                                        +- metrics         figures of the model that the round evaluated
 *                                        +- masked_rows     of an open masked attempt: what its secure aggregation must remember
 *     events        what happened, each row's hash covers the one before (store_verify)
 *
 * Writing: the calls collect in one transaction, which store_commit makes durable. They return nothing: the first failure is
 * kept and store_commit reports it, after which this store must not be used any more (the process ends, and recovers from
 * disk). Nothing that was written may be told to anybody before store_commit has returned OK.
 *
 * WAL, synchronous=FULL (NORMAL loses acknowledged commits at power loss), one connection. Checkpoints run when the caller asks
 * (store_tidy), so that a commit is one fsync and no more.
 */
#ifndef COHORT_COORDINATOR_STORE_H
#define COHORT_COORDINATOR_STORE_H

#include "base/json.h"
#include "coordinator/campaign.h"
#include "crypto/secagg_server.h"
#include "protocol/ledger_mark.h"

#define STORE_FORMAT 6 /* user_version of the newest schema */

struct store;

/* Opens or makes the database and brings it to STORE_FORMAT. The caller holds STATE/lock. ERR_DATA: not ours, damaged, or of a
 * newer version (which is named). ERR_FULL, ERR_IO, ERR_CREATE. */
enum err store_open(struct store **out, const char *path, struct diag *why) MUST_USE;
void store_close(struct store *s); /* drops what is not committed; accepts NULL */

/* Is there anything to commit? */
bool store_dirty(const struct store *s);
/* ERR_IO, ERR_FULL: nothing since the last commit is durable, and the process must end. OK without work when not dirty. */
enum err store_commit(struct store *s, struct diag *why) MUST_USE;
void store_rollback(struct store *s); /* forgets what is not committed, a failure included */

/* Moves the write-ahead log into the database when it has grown; between turns, with nothing uncommitted. ERR_IO is fatal. */
enum err store_tidy(struct store *s, struct diag *why) MUST_USE;

/* ---- writing. Times are Unix milliseconds. */

/* A new revision; its id. Needs an empty record. UNIQUE by name and revision. */
int64_t store_add_study(struct store *s, const struct study *study, const struct json *record, int64_t now_ms);
void store_record(struct store *s, int64_t study, const struct json *record);
void store_answer(struct store *s, int64_t study, uint32_t site, enum site_answer answer, int64_t now_ms);
void store_site(struct store *s, uint32_t number, const char *name, const char *serial, int64_t last_seen_ms);
void store_ledger_mark(struct store *s, uint32_t number, const struct ledger_mark *mark); /* of a site that is there */
void store_roster_version(struct store *s, uint32_t version);

/* An attempt opens; false, and nothing happens, when its row is there already. `octets`: of one contribution. */
bool store_open_round(struct store *s, int64_t study, const struct round_plan *plan, uint32_t quorum, uint64_t octets,
                      int64_t now_ms);
/* What became of one site in an open attempt. SITE_EXPECT_PERSISTED is written as contributed: the commit makes it so.
 * `octets`: of its contribution, when it made one. False, and nothing happens, when the site has its row already. */
bool store_participant(struct store *s, int64_t study, const struct round_plan *plan, const struct round_site *site,
                       uint64_t octets, int64_t now_ms);
/* After a restart: a contribution of the open attempt that cannot be read any more does not count. */
void store_unreadable(struct store *s, int64_t study, uint64_t round, uint32_t attempt, uint32_t site);
/* The attempt has ended: outcome, figures, and the sites that have no row yet. False when that was written already. */
bool store_close_round(struct store *s, int64_t study, const struct round_report *report, int64_t now_ms);
/* The study's record has no open attempt. One whose row says otherwise was planned and never began, because the study was stopped or
 * failed first: it is abandoned. */
void store_abandon_planned(struct store *s, int64_t study, int64_t now_ms);
/* A contribution came after the attempt had closed. The first time is kept; a site that contributed or refused stays so. True when
 * that is new. */
bool store_late(struct store *s, int64_t study, uint64_t round, uint32_t attempt, uint32_t site, int64_t now_ms);

/* A row of one group of an open masked attempt (crypto/secagg_server.h). They go with store_close_round and store_abandon_planned. */
void store_masked_row(struct store *s, int64_t study, uint64_t round, uint32_t attempt, uint32_t group,
                      const struct secagg_row *row);
void store_drop_masked_rows(struct store *s, int64_t study);

/* moments[count] of the study's newest model, in the place of those of the model before. Takes the memory of one piece beside them. */
void store_moments(struct store *s, int64_t study, const struct hash *model, const float *moments, size_t count);
void store_drop_moments(struct store *s, int64_t study); /* the study is over */

/* ---- reading. `each` gets borrowed rows, valid during the call. */

struct stored_study {
	int64_t id;
	struct bytes canonical, record; /* record: JSON text */
	bool in_force; /* no newer revision of its name */
};
typedef void stored_study_fn(void *context, const struct stored_study *row);
enum err store_studies(struct store *s, stored_study_fn *each, void *context, struct diag *why) MUST_USE;

typedef void stored_answer_fn(void *context, uint32_t site, enum site_answer answer);
enum err store_answers(struct store *s, int64_t study, stored_answer_fn *each, void *context,
                       struct diag *why) MUST_USE;

typedef void stored_site_fn(void *context, uint32_t number, const char *name, const char *serial, int64_t last_seen_ms,
                            const struct ledger_mark *ledger);
enum err store_sites(struct store *s, stored_site_fn *each, void *context, struct diag *why) MUST_USE;
enum err store_read_roster_version(struct store *s, uint32_t *version, struct diag *why) MUST_USE;

/* Whether moments[count] of `model` are there, and what they are. ERR_DATA: there are none, or those of another model. */
enum err store_check_moments(struct store *s, int64_t study, const struct hash *model, size_t count,
                             struct diag *why) MUST_USE;
enum err store_read_moments(struct store *s, int64_t study, const struct hash *model, float *moments, size_t count,
                            struct diag *why) MUST_USE;

/* The rows of an open attempt that campaign_restore_site takes: contributed, refused, dropped. */
typedef void stored_row_fn(void *context, const struct round_site *row);
enum err store_rows(struct store *s, int64_t study, uint64_t round, uint32_t attempt, stored_row_fn *each,
                    void *context, struct diag *why) MUST_USE;

/* The rows of an open masked attempt: group by group, in the order of their numbers. ERR_DATA when one is damaged. */
typedef void stored_masked_row_fn(void *context, uint32_t group, const struct secagg_row *row);
enum err store_masked_rows(struct store *s, int64_t study, uint64_t round, uint32_t attempt, stored_masked_row_fn *each,
                           void *context, struct diag *why) MUST_USE;

struct stored_round {
	uint64_t round;
	uint32_t attempt, step, quorum;
	unsigned asks;
	const char *outcome; /* "open", "done", "failed", "abandoned" */
	uint64_t octets; /* of one contribution */
	int64_t opened_ms, closed_ms; /* closed: 0 while open */
	int64_t took_ms;
	struct hash model; /* made; zero: none */
	uint64_t model_octets;
	double weight;
	bool evaluated;
	struct metrics validation, test;
	struct calibration validation_calibration, test_calibration;
	struct metrics validation_margin, test_margin; /* of noised figures; else NAN */
};
struct stored_participant {
	uint32_t site;
	const char *state; /* "contributed", "late", "refused", "dropped", "absent", "joined" */
	const char *reason; /* a refusal's code, why it was dropped; "" */
	const char *phase; /* of a masked attempt, unless it is in the sum: the phase that it did not complete; "" */
	uint64_t octets; /* that counted */
	struct hash content;
	int64_t at_ms, late_ms; /* when its state was written; when a late contribution came, 0: none */
};
/* Attempts after (round, attempt), in order, at most `limit`. The metrics of each are read with it. */
typedef void stored_round_fn(void *context, const struct stored_round *row);
enum err store_rounds(struct store *s, int64_t study, uint64_t round, uint32_t attempt, uint32_t limit,
                      stored_round_fn *each, void *context, struct diag *why) MUST_USE;
typedef void stored_participant_fn(void *context, const struct stored_participant *row);
enum err store_participants(struct store *s, int64_t study, uint64_t round, uint32_t attempt,
                            stored_participant_fn *each, void *context, struct diag *why) MUST_USE;
/* The newest attempt with figures: false when there is none. */
enum err store_newest_metrics(struct store *s, int64_t study, struct stored_round *out, bool *found,
                              struct diag *why) MUST_USE;

/* ---- the event log. Row k: seq = k (from 1), hash = H("COHRTevt", hash of row k - 1 (zero for k = 1), seq u64, at_ms u64,
 * study, kind, body). The head, (seq, hash) of the last row, is stored apart and printed to the log when a round closes, so
 * that a cut log does not fit it. Who can write the database can also compute the chain anew: it binds an insider once its
 * heads are held elsewhere. */

struct stored_event {
	uint64_t seq;
	int64_t at_ms;
	const char *study; /* "" for the coordinator itself */
	const char *kind; /* "round closed" and such */
	const char *body; /* JSON text */
	struct hash hash;
};
void store_event(struct store *s, const char *study, const char *kind, const struct json *body, int64_t now_ms);
typedef void stored_event_fn(void *context, const struct stored_event *row);
enum err store_events(struct store *s, uint64_t after, uint32_t limit, stored_event_fn *each, void *context,
                      struct diag *why) MUST_USE;
/* Walks the whole chain. ERR_DATA names the first row that is not what was written. */
enum err store_verify(struct store *s, uint64_t *events, struct hash *head, struct diag *why) MUST_USE;

#endif
