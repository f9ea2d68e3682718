/* What was released: the octets in their files, then the row, in that order and in one durable step. */
#include "base/file.h"
#include "client/ledger_inside.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
