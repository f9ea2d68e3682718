/*
 * What the parts of the ledger share: client/ledger.c (opening), client/ledger_releases.c, client/ledger_head.c (the chain of
 * entries), client/ledger_spent.c (what they cost) and client/ledger_notes.c (notes, reading). No other file includes this.
 */
#ifndef COHORT_CLIENT_LEDGER_INSIDE_H
#define COHORT_CLIENT_LEDGER_INSIDE_H

#include "client/ledger.h"

#include <pthread.h>

struct sqlite3;
struct sqlite3_stmt;

struct ledger {
	struct sqlite3 *db;
	char outbound[PATH_SIZE];
	pthread_mutex_t mutex; /* of the database and of all below; recursive */
	struct diag failed; /* empty until the disk failed */
	uint64_t entries; /* the newest one's number */
	struct hash head;
	struct budget budget; /* what the releases have spent */
};

/* The error of the last call, while `doing` something; one of the disk is remembered. Under the mutex. */
enum err ledger_error(struct ledger *l, struct diag *why, const char *doing);

/* A statement begins, and takes the mutex until ledger_finish. It may be NULL when the disk failed: its steps then fail. */
struct sqlite3_stmt *ledger_prepare(struct ledger *l, const char *sql);
void ledger_finish(struct ledger *l, struct sqlite3_stmt *s);

/* Runs it; ledger_finish is the caller's. */
enum err ledger_step(struct ledger *l, struct sqlite3_stmt *s, const char *doing, struct diag *why) MUST_USE;

/* Several statements without parameters. */
enum err ledger_run(struct ledger *l, const char *sql, struct diag *why) MUST_USE;

/* Runs a statement that changes something, and ends it. */
enum err ledger_change(struct ledger *l, struct sqlite3_stmt *s, const char *doing, struct diag *why) MUST_USE;

/* The same of a note, which is not synced: the next commit syncs it, too. */
enum err ledger_note(struct ledger *l, struct sqlite3_stmt *s, struct diag *why) MUST_USE;

/* ---- ledger_head.c */

/* Schema 3: numbers and heads of the releases that are there. */
enum err ledger_number_entries(struct ledger *l, struct diag *why) MUST_USE;
enum err ledger_load_head(struct ledger *l, struct diag *why) MUST_USE; /* when it was opened */
/* The head after one release more; under the mutex, as the next. */
void ledger_next_head(struct hash *out, const struct ledger *l, const struct release_record *r);
void ledger_entered(struct ledger *l, uint64_t number, const struct hash *head); /* it is committed */

void ledger_bind_hash(struct sqlite3_stmt *s, int at, const struct hash *h);
void ledger_bind_text(struct sqlite3_stmt *s, int at, const char *text);
void ledger_column_hash(struct hash *out, struct sqlite3_stmt *s, int at); /* zero when the column holds none */
const char *ledger_column_text(struct sqlite3_stmt *s, int at); /* "" for NULL; borrowed until the next step */

/* The columns of a release, and how they are read. */
#define LEDGER_RECORD_COLUMNS "r.study_hash, r.round, r.plan_hash, r.step, r.asks, r.sites, r.content, r.octets"
#define LEDGER_RECORD_COLUMN_COUNT 8
void ledger_read_record(struct release_record *out, struct sqlite3_stmt *s);

/* ---- ledger_spent.c */

/* What it cost: mechanism, clip, and unless it has spent nothing unit, kind, parts, and the sums after it. */
#define LEDGER_COST_COLUMNS "mechanism, clip, unit, kind, cost, sums"
#define LEDGER_COST_COLUMN_COUNT 6
enum err ledger_add_costs(struct ledger *l, struct diag *why) MUST_USE; /* schema 4 */
void ledger_bind_costs(struct ledger *l, struct sqlite3_stmt *s, int at, const struct release_record *r);
void ledger_read_costs(struct release_record *out, struct sqlite3_stmt *s, int at);

/* `allowed`, and of a release that costs something also what the budget then comes to. */
void ledger_bind_rules(struct ledger *l, struct sqlite3_stmt *s, int at, const struct release_record *r,
                       const char *allowed, const struct budget_limit *limit);

/* When it was opened. ERR_DATA when what a row has spent cannot be read: then nobody may go on as if it were nothing. */
enum err ledger_load_budget(struct ledger *l, struct diag *why) MUST_USE;

#endif
