#include "client/ledger.h"

#include "base/file.h"
#include "client/ledger_inside.h"
#include "client/state.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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

/* ---- releases */

#define PLAIN "vector"
#define MASKED "masked"

static enum err octets_path(const struct ledger *l, char path[PATH_SIZE], const struct hash *study_hash, uint64_t round,
                            const char *kind)
{
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, study_hash);
	return snprintf(path, PATH_SIZE, "%s/%s-%llu.%s", l->outbound, hex, (unsigned long long)round, kind) < PATH_SIZE
	               ? OK
	               : ERR_CONFIG;
}

static bool has_release(struct ledger *l, const struct hash *study_hash, uint64_t round)
{
	sqlite3_stmt *s = ledger_prepare(l, "SELECT 1 FROM releases WHERE study_hash = ? AND round = ?");
	bool found;

	ledger_bind_hash(s, 1, study_hash);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)round);
	found = sqlite3_step(s) == SQLITE_ROW;
	ledger_finish(l, s);
	return found;
}

static enum err insert_release(struct ledger *l, const char *study, const struct release_record *r, const char *allowed,
                               const struct budget_limit *limit, struct diag *why)
{
	sqlite3_stmt *s =
		ledger_prepare(l, "INSERT INTO releases (study_hash, round, plan_hash, step, asks, sites, content, "
	                          "octets, study, allowed, released_s, number, head, " LEDGER_COST_COLUMNS
	                          ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	struct hash head;
	enum err e;

	ledger_next_head(&head, l, r);
	ledger_bind_hash(s, 1, &r->study_hash);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)r->round);
	ledger_bind_hash(s, 3, &r->plan_hash);
	sqlite3_bind_int64(s, 4, r->step);
	sqlite3_bind_int64(s, 5, r->asks);
	sqlite3_bind_int64(s, 6, r->sites);
	ledger_bind_hash(s, 7, &r->content);
	sqlite3_bind_int64(s, 8, (sqlite3_int64)r->octets);
	ledger_bind_text(s, 9, study);
	ledger_bind_rules(l, s, 10, r, allowed, limit);
	sqlite3_bind_int64(s, 11, (sqlite3_int64)time(NULL));
	sqlite3_bind_int64(s, 12, (sqlite3_int64)l->entries + 1);
	ledger_bind_hash(s, 13, &head);
	ledger_bind_costs(l, s, 14, r);
	e = ledger_step(l, s, "entering a release", why);
	if (e == OK)
		ledger_entered(l, l->entries + 1, &head);
	ledger_finish(l, s);
	return e;
}

static enum err write_vector(struct ledger *l, const struct release_record *r, struct bytes vector, struct diag *why)
{
	char path[PATH_SIZE];
	enum err e = octets_path(l, path, &r->study_hash, r->round, PLAIN);

	if (e == OK)
		e = file_replace(path, vector, 0600, why);
	if (e == ERR_IO)
		diag_set(&l->failed, ERR_IO, "%s", why != NULL ? why->text : path);
	return e;
}

/* Under the mutex throughout: of two studies that were both judged before either was entered, the second is judged again here. */
static enum err commit(struct ledger *l, const char *study, const struct release_record *r, const char *allowed,
                       struct bytes vector, const struct budget_limit *limit, struct diag *why)
{
	enum err e;

	if (has_release(l, &r->study_hash, r->round)) /* its file is final, too */
		return diag_set(why, ERR_CONFLICT, "ledger: round %llu of study %s was released before",
		                (unsigned long long)r->round, study);
	if (ledger_failed(l, why))
		return ERR_IO;
	if (budget_judge(&l->budget, study, &r->study_hash, r->round, &r->debit, limit, why) != REFUSAL_NONE)
		return ERR_REFUSED;
	e = write_vector(l, r, vector, why);
	if (e == OK)
		e = insert_release(l, study, r, allowed, limit, why);
	if (e == OK)
		budget_spend(&l->budget, &r->study_hash, &r->debit);
	return e;
}

enum err ledger_commit(struct ledger *l, const char *study, const struct release_record *record, const char *allowed,
                       struct bytes vector, const struct budget_limit *limit, struct diag *why)
{
	enum err e;

	CHECK(vector.len == record->octets);
	pthread_mutex_lock(&l->mutex);
	e = commit(l, study, record, allowed, vector, limit, why);
	pthread_mutex_unlock(&l->mutex);
	return e;
}

void ledger_read_record(struct release_record *out, sqlite3_stmt *s)
{
	memset(out, 0, sizeof *out);
	ledger_column_hash(&out->study_hash, s, 0);
	out->round = (uint64_t)sqlite3_column_int64(s, 1);
	ledger_column_hash(&out->plan_hash, s, 2);
	out->step = (uint32_t)sqlite3_column_int64(s, 3);
	out->asks = (unsigned)sqlite3_column_int64(s, 4);
	out->sites = (uint32_t)sqlite3_column_int64(s, 5);
	ledger_column_hash(&out->content, s, 6);
	out->octets = (uint64_t)sqlite3_column_int64(s, 7);
}

bool ledger_newest(struct ledger *l, const struct hash *study_hash, struct release_record *out)
{
	sqlite3_stmt *s = ledger_prepare(l, "SELECT " LEDGER_RECORD_COLUMNS ", " LEDGER_COST_COLUMNS
	                                    " FROM releases r WHERE study_hash = ? ORDER BY round DESC LIMIT 1");
	bool found;

	ledger_bind_hash(s, 1, study_hash);
	found = sqlite3_step(s) == SQLITE_ROW;
	if (found) {
		ledger_read_record(out, s);
		ledger_read_costs(out, s, LEDGER_RECORD_COLUMN_COUNT);
	}
	ledger_finish(l, s);
	return found;
}

bool ledger_vector(struct ledger *l, char path[PATH_SIZE], const struct hash *study_hash, uint64_t round)
{
	return octets_path(l, path, study_hash, round, PLAIN) == OK && access(path, R_OK) == 0;
}

bool ledger_masked(struct ledger *l, char path[PATH_SIZE], const struct hash *study_hash, uint64_t round)
{
	return octets_path(l, path, study_hash, round, MASKED) == OK && access(path, R_OK) == 0;
}

/* Removes the files of one kind of all rounds up to `round`. */
static void discard(struct ledger *l, const struct hash *study_hash, uint64_t round, const char *kind)
{
	char hex[HASH_HEX_SIZE], path[PATH_SIZE], its_kind[8];
	DIR *folder = opendir(l->outbound);
	struct dirent *entry;

	hash_hex(hex, study_hash);
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		unsigned long long its;

		if (strncmp(entry->d_name, hex, HASH_HEX_SIZE - 1) != 0 ||
		    sscanf(entry->d_name + HASH_HEX_SIZE - 1, "-%llu.%7s", &its, its_kind) != 2)
			continue;
		if (its <= round && strcmp(its_kind, kind) == 0 && octets_path(l, path, study_hash, its, kind) == OK)
			unlink(path);
	}
	if (folder != NULL)
		closedir(folder);
}

void ledger_discard(struct ledger *l, const struct hash *study_hash, uint64_t round)
{
	discard(l, study_hash, round, PLAIN);
}

void ledger_discard_masked(struct ledger *l, const struct hash *study_hash)
{
	discard(l, study_hash, UINT64_MAX, MASKED);
}
