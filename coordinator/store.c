/*
 * The store's own side of SQLite: opening, statements, transactions.
 *
 * A turn of the loop is one transaction: the first write opens it, store_commit ends it. In WAL mode with synchronous=FULL a
 * commit appends pages to the log and syncs it once. A checkpoint syncs twice, and the first commit after one syncs once
 * more (SQLite starts the log anew with a header): store_tidy takes all of that on itself, with a commit of its own.
 *
 * Failures are sticky (s->failed) because after one the transaction's fate is unknown to callers that wrote before;
 * SQLite itself reported success for an INSERT after a failed sync, so the process must end.
 */
#include "coordinator/store_inside.h"

#include "base/log.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUSY_MS 2000 /* an administrator's sqlite3 shell that writes; readers never block us */
#define TIDY_PAGES 1000 /* 4 MiB of log: SQLite's own default for a checkpoint */

/* ---- failing */

static enum err err_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return ERR_FULL;
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return ERR_CREATE;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return ERR_DATA;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_AGAIN;
	case SQLITE_NOMEM:
		return ERR_MEMORY;
	default:
		return ERR_IO;
	}
}

static const char *advice(enum err e)
{
	switch (e) {
	case ERR_FULL:
		return "; free some space";
	case ERR_AGAIN:
		return "; another program is writing to it, close that";
	case ERR_DATA:
		return "; restore it from a backup";
	default:
		return "";
	}
}

void sql_fail(struct store *s, const char *what)
{
	int code = sqlite3_extended_errcode(s->db), number = sqlite3_system_errno(s->db);

	if (s->failed)
		return;
	s->failed = err_of(code);
	(void)diag_set(&s->why, s->failed, "%s: %s: %s%s%s%s", s->path, what, sqlite3_errmsg(s->db), number ? ": " : "",
	               number ? strerror(number) : "", advice(s->failed));
}

/* ---- statements */

struct sqlite3_stmt *sql_begin(struct store *s, const char *text)
{
	struct sqlite3_stmt *q = NULL;

	if (s->failed)
		return NULL;
	for (uint32_t i = 0; i < s->cached; i++)
		if (s->cache[i].text == text)
			return s->cache[i].statement;
	CHECK(s->cached < SQL_STATEMENTS_MAX);
	if (sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, &q, NULL) != SQLITE_OK) {
		sql_fail(s, "cannot be used");
		return NULL;
	}
	s->cache[s->cached].text = text;
	s->cache[s->cached++].statement = q;
	return q;
}

/* Binding fails for lack of memory or a wrong index: neither is the data's fault. */
static void bound(struct store *s, int code)
{
	if (code != SQLITE_OK)
		sql_fail(s, "cannot bind a value");
}

void sql_integer(struct store *s, struct sqlite3_stmt *q, int at, int64_t v)
{
	if (q != NULL)
		bound(s, sqlite3_bind_int64(q, at, v));
}

void sql_real(struct store *s, struct sqlite3_stmt *q, int at, double v)
{
	if (q != NULL)
		bound(s, isnan(v) ? sqlite3_bind_null(q, at) : sqlite3_bind_double(q, at, v));
}

void sql_text(struct store *s, struct sqlite3_stmt *q, int at, const char *v)
{
	if (q != NULL)
		bound(s, sqlite3_bind_text(q, at, v, -1, SQLITE_STATIC));
}

void sql_octets(struct store *s, struct sqlite3_stmt *q, int at, struct bytes v)
{
	if (q != NULL)
		bound(s, sqlite3_bind_blob64(q, at, v.len ? (const void *)v.ptr : "", v.len, SQLITE_STATIC));
}

void sql_hash(struct store *s, struct sqlite3_stmt *q, int at, const struct hash *v)
{
	if (q != NULL)
		bound(s, hash_is_zero(v) ? sqlite3_bind_null(q, at)
		                         : sqlite3_bind_blob64(q, at, v->b, sizeof v->b, SQLITE_STATIC));
}

static void let_go(struct sqlite3_stmt *q)
{
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
}

bool sql_write(struct store *s, struct sqlite3_stmt *q)
{
	bool changed = false;

	if (q != NULL && s->failed == OK && !s->dirty) {
		if (sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK)
			s->dirty = true;
		else
			sql_fail(s, "cannot begin to write");
	}
	if (q != NULL && s->failed == OK) {
		if (sqlite3_step(q) == SQLITE_DONE)
			changed = sqlite3_changes(s->db) > 0;
		else
			sql_fail(s, "cannot write");
	}
	if (q != NULL)
		let_go(q);
	return changed;
}

int64_t sql_new_id(const struct store *s)
{
	return sqlite3_last_insert_rowid(s->db);
}

bool sql_row(struct store *s, struct sqlite3_stmt *q)
{
	int code;

	if (q == NULL || s->failed)
		return false;
	code = sqlite3_step(q);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		sql_fail(s, "cannot be read");
	return code == SQLITE_ROW;
}

enum err sql_end(struct store *s, struct sqlite3_stmt *q, struct diag *why)
{
	if (q != NULL)
		let_go(q);
	return s->failed ? diag_set(why, s->failed, "%s", s->why.text) : OK;
}

int64_t sql_get_integer(struct sqlite3_stmt *q, int column)
{
	return sqlite3_column_int64(q, column);
}

double sql_get_real(struct sqlite3_stmt *q, int column)
{
	return sqlite3_column_type(q, column) == SQLITE_NULL ? NAN : sqlite3_column_double(q, column);
}

const char *sql_get_text(struct sqlite3_stmt *q, int column)
{
	const char *text = (const char *)sqlite3_column_text(q, column);
	size_t length = (size_t)sqlite3_column_bytes(q, column);

	return text != NULL && strlen(text) == length ? text : "";
}

struct bytes sql_get_octets(struct sqlite3_stmt *q, int column)
{
	const void *octets = sqlite3_column_blob(q, column);

	return bytes_of(octets, (size_t)sqlite3_column_bytes(q, column));
}

struct hash sql_get_hash(struct sqlite3_stmt *q, int column)
{
	struct bytes octets = sql_get_octets(q, column);
	struct hash h = {{0}};

	if (octets.len == sizeof h.b)
		memcpy(h.b, octets.ptr, sizeof h.b);
	return h;
}

enum err sql_run(struct store *s, const char *text, struct diag *why)
{
	if (s->failed == OK && sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
		sql_fail(s, "cannot be prepared");
	return s->failed ? diag_set(why, s->failed, "%s", s->why.text) : OK;
}

int64_t sql_pragma(struct store *s, const char *text)
{
	struct sqlite3_stmt *q = NULL;
	int64_t value = -1;

	if (s->failed == OK && sqlite3_prepare_v2(s->db, text, -1, &q, NULL) != SQLITE_OK)
		sql_fail(s, "cannot be used");
	if (sql_row(s, q))
		value = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return value;
}

/* ---- opening */

static int on_wal(void *context, struct sqlite3 *db, const char *name, int pages)
{
	struct store *s = context;

	(void)db;
	(void)name;
	s->wal_pages = pages;
	return SQLITE_OK;
}

static enum err configure(struct store *s, struct diag *why)
{
	static const char *const pragmas[] = {
		"PRAGMA journal_mode = WAL",          "PRAGMA synchronous = FULL",  "PRAGMA foreign_keys = ON",
		"PRAGMA trusted_schema = OFF",        "PRAGMA temp_store = MEMORY", "PRAGMA wal_autocheckpoint = 0",
		"PRAGMA journal_size_limit = 8388608" /* twice what store_tidy lets the log grow to */
	};
	enum err e = OK;

	sqlite3_busy_timeout(s->db, BUSY_MS);
	for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas && e == OK; i++)
		e = sql_run(s, pragmas[i], why);
	sqlite3_wal_hook(s->db, on_wal, s);
	return e;
}

enum err store_open(struct store **out, const char *path, struct diag *why)
{
	struct store *s = mem_alloc(sizeof *s);
	mode_t before = umask(077);
	enum err e = OK;

	*out = NULL;
	s->path = mem_copy_text(path);
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK) {
		if (s->db == NULL)
			mem_exhausted(1, sizeof *s);
		sql_fail(s, "cannot be opened");
		e = diag_set(why, s->failed, "%s", s->why.text);
	}
	if (e == OK)
		e = configure(s, why);
	if (e == OK)
		e = store_migrate(s, why);
	if (e == OK)
		e = store_open_events(s, why);
	umask(before);
	if (e != OK) {
		store_close(s);
		return e;
	}
	*out = s;
	return OK;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; i < s->cached; i++)
		sqlite3_finalize(s->cache[i].statement);
	sqlite3_close(s->db);
	free(s->path);
	free(s);
}

/* ---- transactions */

bool store_dirty(const struct store *s)
{
	return s->dirty || s->failed != OK;
}

enum err store_commit(struct store *s, struct diag *why)
{
	if (s->failed == OK && s->dirty && sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		sql_fail(s, "cannot commit");
	if (s->failed)
		return diag_set(why, s->failed, "%s", s->why.text);
	s->dirty = false;
	s->committed_seq = s->event_seq;
	s->committed_hash = s->event_hash;
	return OK;
}

void store_rollback(struct store *s)
{
	if (s->dirty)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	s->dirty = false;
	s->failed = OK;
	s->event_seq = s->committed_seq;
	s->event_hash = s->committed_hash;
}

enum err store_tidy(struct store *s, struct diag *why)
{
	int code;

	CHECK(!s->dirty);
	if (s->failed || s->wal_pages < TIDY_PAGES)
		return s->failed ? diag_set(why, s->failed, "%s", s->why.text) : OK;
	code = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (code != SQLITE_OK && code != SQLITE_BUSY) /* busy: somebody reads; the next time then */
		sql_fail(s, "cannot move its log into place");
	s->wal_pages = 0;
	sql_write(s, sql_begin(s, "UPDATE head SET tidied = tidied + 1"));
	return store_commit(s, why);
}
