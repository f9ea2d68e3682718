#include "client/ledger.h"

#include "base/file.h"
#include "client/ledger_inside.h"
#include "client/state.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "ledger.db"
#define VERSION 4 /* 3: ledger_head.c; 4: ledger_spent.c */

/* In one transaction, or a crash in the middle would leave tables that the next start cannot make. */
static const char schema_text[] =
	"BEGIN;"
	"CREATE TABLE releases ("
	" study_hash BLOB NOT NULL, round INTEGER NOT NULL, plan_hash BLOB NOT NULL, step INTEGER NOT NULL,"
	" asks INTEGER NOT NULL, sites INTEGER NOT NULL, content BLOB NOT NULL, octets INTEGER NOT NULL,"
	" study TEXT NOT NULL, allowed TEXT NOT NULL, released_s INTEGER NOT NULL,"
	" sent TEXT, attempt INTEGER, outcome TEXT, participants INTEGER,"
	" PRIMARY KEY (study_hash, round)) STRICT;"
	"CREATE TABLE figures ("
	" study_hash BLOB NOT NULL, round INTEGER NOT NULL, training_rows REAL NOT NULL, weight REAL NOT NULL,"
	" training_loss REAL, saturated INTEGER NOT NULL,"
	" validation TEXT, test TEXT," /* JSON; NULL when nothing was evaluated */
	" PRIMARY KEY (study_hash, round)) STRICT;"
	"CREATE TABLE endings (study_hash BLOB PRIMARY KEY NOT NULL, model BLOB NOT NULL, model_octets INTEGER NOT "
	"NULL,"
	" complete INTEGER NOT NULL) STRICT;"
	"CREATE TABLE numbers (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT;"
	"PRAGMA user_version = 1;"
	"COMMIT;";

/* 2: what left under masks. */
static const char masked_text[] = "BEGIN;"
				  "ALTER TABLE releases ADD COLUMN masked BLOB;"
				  "PRAGMA user_version = 2;"
				  "COMMIT;";

/* ---- small helpers */

enum err ledger_error(struct ledger *l, struct diag *why, const char *doing)
{
	int code = sqlite3_errcode(l->db);
	enum err e = code == SQLITE_FULL ? ERR_FULL : code == SQLITE_CONSTRAINT ? ERR_CONFLICT : ERR_IO;
	struct diag words = {{0}};

	e = diag_set(&words, e, "ledger: %s: %s", doing, sqlite3_errmsg(l->db));
	if (e == ERR_IO)
		l->failed = words;
	if (why != NULL)
		*why = words;
	return e;
}

sqlite3_stmt *ledger_prepare(struct ledger *l, const char *sql)
{
	sqlite3_stmt *s = NULL;

	pthread_mutex_lock(&l->mutex);
	if (sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) != SQLITE_OK)
		(void)ledger_error(l, NULL, "reading"); /* the schema could not be read; every step below then fails */
	return s;
}

void ledger_finish(struct ledger *l, sqlite3_stmt *s)
{
	sqlite3_finalize(s);
	pthread_mutex_unlock(&l->mutex);
}

enum err ledger_step(struct ledger *l, sqlite3_stmt *s, const char *doing, struct diag *why)
{
	if (l->failed.text[0] != '\0')
		return diag_set(why, ERR_IO, "%s", l->failed.text);
	return sqlite3_step(s) == SQLITE_DONE ? OK : ledger_error(l, why, doing);
}

enum err ledger_change(struct ledger *l, sqlite3_stmt *s, const char *doing, struct diag *why)
{
	enum err e = ledger_step(l, s, doing, why);

	ledger_finish(l, s);
	return e;
}

static void set_synchronous(struct ledger *l, const char *pragma)
{
	if (sqlite3_exec(l->db, pragma, NULL, NULL, NULL) !=
	    SQLITE_OK) /* what is committed next must be what it says */
		diag_set(&l->failed, ERR_IO, "ledger: %s: %s", pragma, sqlite3_errmsg(l->db));
}

enum err ledger_note(struct ledger *l, sqlite3_stmt *s, struct diag *why)
{
	enum err e;

	set_synchronous(l, "PRAGMA synchronous = NORMAL");
	e = ledger_step(l, s, "writing a note", why);
	set_synchronous(l, "PRAGMA synchronous = FULL");
	ledger_finish(l, s);
	return e;
}

void ledger_bind_hash(sqlite3_stmt *s, int at, const struct hash *h)
{
	sqlite3_bind_blob(s, at, h->b, HASH_SIZE, SQLITE_TRANSIENT);
}

void ledger_bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_TRANSIENT);
}

void ledger_column_hash(struct hash *out, sqlite3_stmt *s, int at)
{
	memset(out, 0, sizeof *out);
	if (sqlite3_column_bytes(s, at) == HASH_SIZE)
		memcpy(out->b, sqlite3_column_blob(s, at), HASH_SIZE);
}

const char *ledger_column_text(sqlite3_stmt *s, int at)
{
	const char *text = (const char *)sqlite3_column_text(s, at);

	return text != NULL ? text : "";
}

/* ---- opening */

enum err ledger_run(struct ledger *l, const char *sql, struct diag *why)
{
	if (sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return OK;
	return ledger_error(l, why, "preparing the database");
}

static enum err migrate(struct ledger *l, const char *path, struct diag *why)
{
	sqlite3_stmt *s = ledger_prepare(l, "PRAGMA user_version");
	int version = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int(s, 0) : -1;
	enum err e = version < 0 ? ledger_error(l, why, "reading its version") : OK;

	ledger_finish(l, s);
	if (e == OK && version > VERSION)
		e = diag_set(why, ERR_CONFIG,
		             "%s was written by a newer version of Cohort (format %d, this one knows %d): install that "
		             "version",
		             path, version, VERSION);
	if (e == OK && version == 0)
		e = ledger_run(l, schema_text, why);
	if (e == OK && version < 2)
		e = ledger_run(l, masked_text, why);
	if (e == OK && version < 3)
		e = ledger_number_entries(l, why);
	return e == OK && version < 4 ? ledger_add_costs(l, why) : e;
}

static enum err open_database(struct ledger *l, const char *path, struct diag *why)
{
	enum err e = OK;

	if (sqlite3_open_v2(path, &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL) !=
	    SQLITE_OK)
		e = ledger_error(l, why, path);
	if (e == OK)
		e = ledger_run(l, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", why);
	if (e == OK)
		e = migrate(l, path, why);
	if (e == OK)
		e = ledger_load_head(l, why);
	return e == OK ? ledger_load_budget(l, why) : e;
}

/* Recursive: a commit holds it from the budget's judgement to the row, and the steps between take it, too. */
static void init_mutex(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

enum err ledger_open(struct ledger **out, const char *state, struct diag *why)
{
	struct ledger *l = mem_alloc(sizeof *l);
	char path[PATH_SIZE];
	enum err e = state_folder(l->outbound, state, "outbound", why);

	*out = NULL;
	init_mutex(&l->mutex);
	if (e == OK)
		e = file_sweep(l->outbound, why);
	if (e == OK)
		e = state_path(path, state, FILE_NAME, why);
	if (e == OK)
		e = open_database(l, path, why);
	if (e != OK)
		ledger_close(l);
	else
		*out = l;
	return e;
}

void ledger_close(struct ledger *l)
{
	if (l == NULL)
		return;
	sqlite3_close(l->db);
	budget_free(&l->budget);
	pthread_mutex_destroy(&l->mutex);
	free(l);
}

bool ledger_exists(const char *state)
{
	char path[PATH_SIZE];

	return state_path(path, state, FILE_NAME, NULL) == OK && access(path, F_OK) == 0;
}

bool ledger_failed(struct ledger *l, struct diag *why)
{
	bool failed;

	pthread_mutex_lock(&l->mutex);
	failed = l->failed.text[0] != '\0';
	if (failed && why != NULL)
		*why = l->failed;
	pthread_mutex_unlock(&l->mutex);
	return failed;
}
