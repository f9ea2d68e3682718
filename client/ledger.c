#include "client/ledger.h"

#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LEDGER_VERSION 1

static const char schema_text[] =
	"CREATE TABLE releases ("
	" study_hash BLOB NOT NULL, study TEXT NOT NULL, round INTEGER NOT NULL, plan_hash BLOB NOT NULL, step INTEGER "
	"NOT NULL,"
	" asks INTEGER NOT NULL, sites INTEGER NOT NULL, content BLOB NOT NULL, octets INTEGER NOT NULL,"
	" released_s INTEGER NOT NULL, sent TEXT, attempt INTEGER, outcome TEXT, participants INTEGER,"
	" PRIMARY KEY (study_hash, round)) STRICT;"
	"CREATE TABLE figures ("
	" study_hash BLOB NOT NULL, round INTEGER NOT NULL, training_rows REAL NOT NULL, weight REAL NOT NULL,"
	" training_loss REAL, saturated INTEGER NOT NULL, evaluated INTEGER NOT NULL,"
	" validation BLOB NOT NULL, test BLOB NOT NULL,"
	" PRIMARY KEY (study_hash, round)) STRICT;"
	"CREATE TABLE endings (study_hash BLOB PRIMARY KEY NOT NULL, model BLOB NOT NULL, complete INTEGER NOT NULL) "
	"STRICT;"
	"CREATE TABLE numbers (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT;"
	"PRAGMA user_version = 1;";

struct ledger {
	sqlite3 *db;
	char outbound[PATH_SIZE];
	pthread_mutex_t mutex;
};

/* ---- small helpers */

static enum err db_error(struct ledger *l, struct diag *why, const char *doing)
{
	int code = sqlite3_errcode(l->db);
	enum err e = code == SQLITE_FULL ? ERR_FULL : code == SQLITE_CONSTRAINT ? ERR_CONFLICT : ERR_IO;

	return diag_set(why, e, "ledger: %s: %s", doing, sqlite3_errmsg(l->db));
}

static enum err run(struct ledger *l, const char *sql, struct diag *why)
{
	return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK ? OK
	                                                               : db_error(l, why, "preparing the database");
}

static sqlite3_stmt *prepare(struct ledger *l, const char *sql)
{
	sqlite3_stmt *s = NULL;

	pthread_mutex_lock(&l->mutex);
	CHECK(sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) == SQLITE_OK);
	return s;
}

/* Ends what prepare began; true when the last step was fine. */
static bool finish(struct ledger *l, sqlite3_stmt *s)
{
	bool fine = sqlite3_finalize(s) == SQLITE_OK;

	pthread_mutex_unlock(&l->mutex);
	return fine;
}

static void bind_hash(sqlite3_stmt *s, int at, const struct hash *h)
{
	sqlite3_bind_blob(s, at, h->b, HASH_SIZE, SQLITE_TRANSIENT);
}

static void column_blob(void *out, size_t size, sqlite3_stmt *s, int at)
{
	memset(out, 0, size);
	if ((size_t)sqlite3_column_bytes(s, at) == size)
		memcpy(out, sqlite3_column_blob(s, at), size);
}

/* A note that could not be written is said and forgotten: it is for people, nothing depends on it. */
static void note(struct ledger *l, sqlite3_stmt *s)
{
	sqlite3_step(s);
	if (!finish(l, s))
		log_warning("ledger: a note was not written: %s", sqlite3_errmsg(l->db));
}

/* ---- opening */

static enum err migrate(struct ledger *l, const char *path, struct diag *why)
{
	sqlite3_stmt *s = prepare(l, "PRAGMA user_version");
	int version = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int(s, 0) : -1;

	finish(l, s);
	if (version < 0)
		return db_error(l, why, "reading its version");
	if (version > LEDGER_VERSION)
		return diag_set(why, ERR_CONFIG,
		                "%s was written by a newer version of Cohort (format %d, this one knows %d)", path,
		                version, LEDGER_VERSION);
	return version == 0 ? run(l, schema_text, why) : OK;
}

static enum err make_folder(const char *path, struct diag *why)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return OK;
	return diag_set(why, ERR_CREATE, "cannot create %s: %s", path, strerror(errno));
}

enum err ledger_open(struct ledger **out, const char *state, struct diag *why)
{
	struct ledger *l = mem_alloc(sizeof *l);
	char path[PATH_SIZE];
	enum err e;

	pthread_mutex_init(&l->mutex, NULL);
	*out = NULL;
	if (snprintf(path, sizeof path, "%s/ledger.db", state) >= (int)sizeof path ||
	    snprintf(l->outbound, sizeof l->outbound, "%s/outbound", state) >= (int)sizeof l->outbound) {
		e = diag_set(why, ERR_CONFIG, "the path of the state folder is too long: %s", state);
		goto out;
	}
	e = make_folder(l->outbound, why);
	if (e == OK)
		e = file_sweep(l->outbound, why);
	if (e == OK && sqlite3_open_v2(path, &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
	                               NULL) != SQLITE_OK)
		e = db_error(l, why, path);
	if (e == OK)
		e = run(l, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;", why);
	if (e == OK)
		e = migrate(l, path, why);
out:
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
	pthread_mutex_destroy(&l->mutex);
	free(l);
}

/* ---- releases */

static enum err vector_path(const struct ledger *l, char path[PATH_SIZE], const struct hash *study_hash, uint64_t round)
{
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, study_hash);
	return snprintf(path, PATH_SIZE, "%s/%s-%llu.vector", l->outbound, hex, (unsigned long long)round) < PATH_SIZE
	               ? OK
	               : ERR_CONFIG;
}

static void bind_record(sqlite3_stmt *s, const char *study, const struct release_record *r)
{
	bind_hash(s, 1, &r->study_hash);
	sqlite3_bind_text(s, 2, study, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)r->round);
	bind_hash(s, 4, &r->plan_hash);
	sqlite3_bind_int64(s, 5, r->step);
	sqlite3_bind_int64(s, 6, r->asks);
	sqlite3_bind_int64(s, 7, r->sites);
	bind_hash(s, 8, &r->content);
	sqlite3_bind_int64(s, 9, (sqlite3_int64)r->octets);
	sqlite3_bind_int64(s, 10, (sqlite3_int64)time(NULL));
}

enum err ledger_commit(struct ledger *l, const char *study, const struct release_record *record, struct bytes vector,
                       struct diag *why)
{
	char path[PATH_SIZE];
	enum err e = vector_path(l, path, &record->study_hash, record->round);
	sqlite3_stmt *s;
	int code;

	CHECK(vector.len == record->octets);
	if (e == OK)
		e = file_replace(path, vector, 0600, why);
	if (e != OK)
		return e;
	s = prepare(l, "INSERT INTO releases (study_hash, study, round, plan_hash, step, asks, sites, content, octets, "
	               "released_s)"
	               " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	bind_record(s, study, record);
	code = sqlite3_step(s);
	if (code != SQLITE_DONE)
		e = db_error(l, why, "entering a release");
	finish(l, s);
	return e;
}

#define RECORD_COLUMNS "r.study_hash, r.round, r.plan_hash, r.step, r.asks, r.sites, r.content, r.octets"
#define RECORD_COLUMN_COUNT 8

static void read_record(struct release_record *out, sqlite3_stmt *s)
{
	memset(out, 0, sizeof *out);
	column_blob(out->study_hash.b, HASH_SIZE, s, 0);
	out->round = (uint64_t)sqlite3_column_int64(s, 1);
	column_blob(out->plan_hash.b, HASH_SIZE, s, 2);
	out->step = (uint32_t)sqlite3_column_int64(s, 3);
	out->asks = (unsigned)sqlite3_column_int64(s, 4);
	out->sites = (uint32_t)sqlite3_column_int64(s, 5);
	column_blob(out->content.b, HASH_SIZE, s, 6);
	out->octets = (uint64_t)sqlite3_column_int64(s, 7);
}

bool ledger_newest(struct ledger *l, const struct hash *study_hash, struct release_record *out)
{
	sqlite3_stmt *s = prepare(l, "SELECT " RECORD_COLUMNS
	                             " FROM releases r WHERE study_hash = ? ORDER BY round DESC LIMIT 1");
	bool found;

	bind_hash(s, 1, study_hash);
	found = sqlite3_step(s) == SQLITE_ROW;
	if (found)
		read_record(out, s);
	finish(l, s);
	return found;
}

bool ledger_vector(struct ledger *l, char path[PATH_SIZE], const struct hash *study_hash, uint64_t round)
{
	return vector_path(l, path, study_hash, round) == OK && access(path, R_OK) == 0;
}

void ledger_discard(struct ledger *l, const struct hash *study_hash, uint64_t round)
{
	char hex[HASH_HEX_SIZE], path[PATH_SIZE];
	DIR *folder = opendir(l->outbound);
	struct dirent *entry;

	hash_hex(hex, study_hash);
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		unsigned long long its;

		if (strncmp(entry->d_name, hex, HASH_HEX_SIZE - 1) != 0 ||
		    sscanf(entry->d_name + HASH_HEX_SIZE - 1, "-%llu.vector", &its) != 1)
			continue;
		if (its <= round && vector_path(l, path, study_hash, its) == OK)
			unlink(path);
	}
	if (folder != NULL)
		closedir(folder);
}

/* ---- notes */

void ledger_note_sent(struct ledger *l, const struct hash *study_hash, uint64_t round, uint32_t attempt, enum sent how)
{
	static const char *const names[] = {
		[SENT_ACCEPTED] = "accepted", [SENT_LATE] = "late", [SENT_REJECTED] = "rejected"};
	sqlite3_stmt *s = prepare(l, "UPDATE releases SET sent = ?, attempt = ? WHERE study_hash = ? AND round = ?");

	sqlite3_bind_text(s, 1, names[how], -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, attempt);
	bind_hash(s, 3, study_hash);
	sqlite3_bind_int64(s, 4, (sqlite3_int64)round);
	note(l, s);
}

void ledger_note_closed(struct ledger *l, const struct message *closed)
{
	sqlite3_stmt *s =
		prepare(l, "UPDATE releases SET outcome = ?, participants = ? WHERE study_hash = ? AND round = ?");

	sqlite3_bind_text(s, 1, outcome_name(closed->outcome), -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, closed->participant_count);
	bind_hash(s, 3, &closed->plan.study_hash);
	sqlite3_bind_int64(s, 4, (sqlite3_int64)closed->plan.round);
	note(l, s);
}

static void bind_real(sqlite3_stmt *s, int at, double v)
{
	if (isnan(v))
		sqlite3_bind_null(s, at);
	else
		sqlite3_bind_double(s, at, v);
}

void ledger_note_figures(struct ledger *l, const struct release_record *record, const struct contribution_report *own)
{
	sqlite3_stmt *s = prepare(l, "INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");

	bind_hash(s, 1, &record->study_hash);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)record->round);
	sqlite3_bind_double(s, 3, own->training_rows);
	sqlite3_bind_double(s, 4, own->weight);
	bind_real(s, 5, own->training_loss);
	sqlite3_bind_int64(s, 6, (sqlite3_int64)own->saturated);
	sqlite3_bind_int(s, 7, own->evaluated);
	sqlite3_bind_blob(s, 8, &own->validation, sizeof own->validation, SQLITE_TRANSIENT);
	sqlite3_bind_blob(s, 9, &own->test, sizeof own->test, SQLITE_TRANSIENT);
	note(l, s);
}

void ledger_note_ending(struct ledger *l, const struct message *finished)
{
	sqlite3_stmt *s = prepare(l, "INSERT OR REPLACE INTO endings VALUES (?, ?, ?)");

	bind_hash(s, 1, &finished->plan.study_hash);
	bind_hash(s, 2, &finished->model);
	sqlite3_bind_int(s, 3, finished->complete);
	note(l, s);
}

bool ledger_ending(struct ledger *l, const struct hash *study_hash, struct hash *model, bool *complete)
{
	sqlite3_stmt *s = prepare(l, "SELECT model, complete FROM endings WHERE study_hash = ?");
	bool found;

	bind_hash(s, 1, study_hash);
	found = sqlite3_step(s) == SQLITE_ROW;
	if (found) {
		column_blob(model->b, HASH_SIZE, s, 0);
		*complete = sqlite3_column_int(s, 1) != 0;
	}
	finish(l, s);
	return found;
}

/* ---- the roster's version */

uint32_t ledger_roster_version(struct ledger *l)
{
	sqlite3_stmt *s = prepare(l, "SELECT value FROM numbers WHERE name = 'roster_version'");
	uint32_t version = sqlite3_step(s) == SQLITE_ROW ? (uint32_t)sqlite3_column_int64(s, 0) : 0;

	finish(l, s);
	return version;
}

enum err ledger_saw_roster(struct ledger *l, uint32_t version, struct diag *why)
{
	sqlite3_stmt *s;
	enum err e = OK;

	if (version == ledger_roster_version(l))
		return OK;
	s = prepare(l, "INSERT OR REPLACE INTO numbers VALUES ('roster_version', ?)");
	sqlite3_bind_int64(s, 1, version);
	if (sqlite3_step(s) != SQLITE_DONE)
		e = db_error(l, why, "noting the roster's version");
	finish(l, s);
	return e;
}

/* ---- reading it */

static void read_own(struct ledger_line *line, sqlite3_stmt *s, int at)
{
	struct contribution_report *own = &line->own;

	line->has_own = sqlite3_column_type(s, at) != SQLITE_NULL;
	if (!line->has_own)
		return;
	own->training_rows = sqlite3_column_double(s, at);
	own->weight = sqlite3_column_double(s, at + 1);
	own->training_loss = sqlite3_column_type(s, at + 2) == SQLITE_NULL ? NAN : sqlite3_column_double(s, at + 2);
	own->saturated = (uint64_t)sqlite3_column_int64(s, at + 3);
	own->evaluated = sqlite3_column_int(s, at + 4) != 0;
	column_blob(&own->validation, sizeof own->validation, s, at + 5);
	column_blob(&own->test, sizeof own->test, s, at + 6);
}

static const char *column_text(sqlite3_stmt *s, int at)
{
	const char *text = (const char *)sqlite3_column_text(s, at);

	return text != NULL ? text : "";
}

void ledger_each(struct ledger *l, const struct hash *study_hash,
                 void (*tell)(void *context, const struct ledger_line *line), void *context)
{
	sqlite3_stmt *s =
		prepare(l, "SELECT " RECORD_COLUMNS ", r.study, r.released_s, r.sent, r.outcome, r.participants,"
	                   " f.training_rows, f.weight, f.training_loss, f.saturated, f.evaluated, f.validation, f.test"
	                   " FROM releases r LEFT JOIN figures f USING (study_hash, round)"
	                   " WHERE ?1 IS NULL OR r.study_hash = ?1 ORDER BY r.released_s, r.rowid");

	if (study_hash != NULL)
		bind_hash(s, 1, study_hash);
	while (sqlite3_step(s) == SQLITE_ROW) {
		struct ledger_line line = {.study = column_text(s, RECORD_COLUMN_COUNT)};

		read_record(&line.record, s);
		line.released_s = sqlite3_column_int64(s, RECORD_COLUMN_COUNT + 1);
		line.sent = column_text(s, RECORD_COLUMN_COUNT + 2);
		line.outcome = column_text(s, RECORD_COLUMN_COUNT + 3);
		line.participants = (uint32_t)sqlite3_column_int64(s, RECORD_COLUMN_COUNT + 4);
		read_own(&line, s, RECORD_COLUMN_COUNT + 5);
		tell(context, &line);
	}
	finish(l, s);
}
