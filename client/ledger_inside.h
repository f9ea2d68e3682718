/*
 * What the two halves of the ledger share: client/ledger.c (opening, releases) and client/ledger_notes.c (notes, reading). No other
 * file includes this.
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
	pthread_mutex_t mutex; /* of the database and of `failed` */
	struct diag failed; /* empty until the disk failed */
};

/* The error of the last call, while `doing` something; one of the disk is remembered. Under the mutex. */
enum err ledger_error(struct ledger *l, struct diag *why, const char *doing);

/* A statement begins, and takes the mutex until ledger_finish. It may be NULL when the disk failed: its steps then fail. */
struct sqlite3_stmt *ledger_prepare(struct ledger *l, const char *sql);
void ledger_finish(struct ledger *l, struct sqlite3_stmt *s);

/* Runs a statement that changes something, and ends it. */
enum err ledger_change(struct ledger *l, struct sqlite3_stmt *s, const char *doing, struct diag *why) MUST_USE;

/* The same of a note, which is not synced: the next commit syncs it, too. */
enum err ledger_note(struct ledger *l, struct sqlite3_stmt *s, struct diag *why) MUST_USE;

void ledger_bind_hash(struct sqlite3_stmt *s, int at, const struct hash *h);
void ledger_bind_text(struct sqlite3_stmt *s, int at, const char *text);
void ledger_column_hash(struct hash *out, struct sqlite3_stmt *s, int at); /* zero when the column holds none */
const char *ledger_column_text(struct sqlite3_stmt *s, int at); /* "" for NULL; borrowed until the next step */

/* The columns of a release, and how they are read. */
#define LEDGER_RECORD_COLUMNS "r.study_hash, r.round, r.plan_hash, r.step, r.asks, r.sites, r.content, r.octets"
#define LEDGER_RECORD_COLUMN_COUNT 8
void ledger_read_record(struct release_record *out, struct sqlite3_stmt *s);

#endif
