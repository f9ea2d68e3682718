/*
 * What the files of the store share: prepared statements whose failure is sticky, as the store's own is. Nobody else includes this.
 *
 *     struct sqlite3_stmt *q = sql_begin(s, "UPDATE studies SET record = ?2 WHERE id = ?1");
 *     sql_integer(s, q, 1, study);
 *     sql_text(s, q, 2, text);
 *     sql_write(s, q);
 *
 * A statement is prepared once for the address of its text, which must be a literal.
 */
#ifndef COHORT_COORDINATOR_STORE_INSIDE_H
#define COHORT_COORDINATOR_STORE_INSIDE_H

#include "coordinator/store.h"

#define SQL_STATEMENTS_MAX 48 /* all that the store's files have */

struct sqlite3;
struct sqlite3_stmt;

struct store {
	struct sqlite3 *db;
	char *path;
	struct {
		const char *text;
		struct sqlite3_stmt *statement;
	} cache[SQL_STATEMENTS_MAX];
	uint32_t cached;
	bool dirty;
	enum err failed; /* sticky, with `why` */
	struct diag why;
	int wal_pages; /* in the log after the last commit */
	uint64_t event_seq; /* head of the event chain, uncommitted rows included */
	struct hash event_hash;
	uint64_t committed_seq;
	struct hash committed_hash;
};

/* Keeps the database's last error as the store's failure, unless it has one; what was being done: "cannot write". */
void sql_fail(struct store *s, const char *what);

struct sqlite3_stmt *sql_begin(struct store *s, const char *text); /* NULL after a failure; the others accept that */
void sql_integer(struct store *s, struct sqlite3_stmt *q, int at, int64_t v);
void sql_real(struct store *s, struct sqlite3_stmt *q, int at, double v); /* NAN is stored as NULL */
/* Text and octets must live until the statement has run. */
void sql_text(struct store *s, struct sqlite3_stmt *q, int at, const char *v);
void sql_octets(struct store *s, struct sqlite3_stmt *q, int at, struct bytes v);
void sql_hash(struct store *s, struct sqlite3_stmt *q, int at, const struct hash *v); /* zero is stored as NULL */

/* Runs it within the transaction, which it opens when there is none; true when a row has changed. */
bool sql_write(struct store *s, struct sqlite3_stmt *q);
int64_t sql_new_id(const struct store *s); /* of the row inserted last */

/* The next row of a query: false at the end or after a failure. sql_end lets go of the statement and says how it went. */
bool sql_row(struct store *s, struct sqlite3_stmt *q);
enum err sql_end(struct store *s, struct sqlite3_stmt *q, struct diag *why) MUST_USE;

/* Columns of the row at hand. Texts are borrowed until the next sql_row. */
int64_t sql_get_integer(struct sqlite3_stmt *q, int column);
double sql_get_real(struct sqlite3_stmt *q, int column); /* NAN for NULL */
const char *sql_get_text(struct sqlite3_stmt *q, int column); /* "" for NULL, and for a text with a NUL inside */
struct bytes sql_get_octets(struct sqlite3_stmt *q, int column);
struct hash sql_get_hash(struct sqlite3_stmt *q, int column); /* zero for NULL and for another length */

/* store_schema.c: brings the database to STORE_FORMAT. */
enum err store_migrate(struct store *s, struct diag *why) MUST_USE;

/* One statement without parameters or rows, prepared anew: for pragmas and migrations. */
enum err sql_run(struct store *s, const char *text, struct diag *why) MUST_USE;
int64_t sql_pragma(struct store *s, const char *text); /* its first value, -1 when there is none */

/* store_events.c: reads the head of the chain when the store opens. */
enum err store_open_events(struct store *s, struct diag *why) MUST_USE;

#endif
