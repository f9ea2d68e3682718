/*
 * The ledger's entries as a chain: their numbers, their heads, and the statements that some are lost. Numbers and heads stand beside the
 * releases, so that any older mark can be held against its own entry; the newest of both are kept in memory, for each release needs them.
 */
#include "client/ledger_inside.h"

#include <sqlite3.h>
#include <string.h>
#include <time.h>

#define TAG "COHRTlhd"

static const char columns_text[] = "BEGIN;"
				   "ALTER TABLE releases ADD COLUMN number INTEGER NOT NULL DEFAULT 0;"
				   "ALTER TABLE releases ADD COLUMN head BLOB;"
				   "CREATE TABLE losses ("
				   " number INTEGER PRIMARY KEY NOT NULL, head BLOB NOT NULL,"
				   " had INTEGER NOT NULL," /* entries before */
				   " stated_s INTEGER NOT NULL) STRICT;";

static const char numbered_text[] = "CREATE UNIQUE INDEX releases_number ON releases (number);"
				    "PRAGMA user_version = 3;"
				    "COMMIT;";

/* ---- the chain */

void ledger_next_head(struct hash *out, const struct ledger *l, const struct release_record *r)
{
	uint8_t number[8], round[8], step[4], asks[4];
	const struct bytes fields[] = {
		bytes_of(l->head.b, HASH_SIZE),       bytes_of(number, sizeof number),
		bytes_of(r->study_hash.b, HASH_SIZE), bytes_of(round, sizeof round),
		bytes_of(r->plan_hash.b, HASH_SIZE),  bytes_of(step, sizeof step),
		bytes_of(asks, sizeof asks),          bytes_of(r->content.b, HASH_SIZE),
	};

	store_u64(number, l->entries + 1);
	store_u64(round, r->round);
	store_u32(step, r->step);
	store_u32(asks, r->asks);
	hash_fields(out, NULL, TAG, fields, sizeof fields / sizeof *fields);
}

void ledger_entered(struct ledger *l, uint64_t number, const struct hash *head)
{
	l->entries = number;
	l->head = *head;
}

uint64_t ledger_head(struct ledger *l, struct hash *head)
{
	uint64_t entries;

	pthread_mutex_lock(&l->mutex);
	entries = l->entries;
	*head = l->head;
	pthread_mutex_unlock(&l->mutex);
	return entries;
}

/* ---- opening */

static enum err number_one(struct ledger *l, sqlite3_int64 rowid, const struct release_record *r, struct diag *why)
{
	sqlite3_stmt *s = ledger_prepare(l, "UPDATE releases SET number = ?, head = ? WHERE rowid = ?");
	struct hash head;
	enum err e;

	ledger_next_head(&head, l, r);
	sqlite3_bind_int64(s, 1, (sqlite3_int64)l->entries + 1);
	ledger_bind_hash(s, 2, &head);
	sqlite3_bind_int64(s, 3, rowid);
	e = ledger_step(l, s, "numbering its entries", why);
	if (e == OK)
		ledger_entered(l, l->entries + 1, &head);
	ledger_finish(l, s);
	return e;
}

/* The release after `rowid`; false: none. */
static bool next_release(struct ledger *l, sqlite3_int64 *rowid, struct release_record *out)
{
	sqlite3_stmt *s = ledger_prepare(l, "SELECT " LEDGER_RECORD_COLUMNS
	                                    ", r.rowid FROM releases r WHERE r.rowid > ? ORDER BY r.rowid LIMIT 1");
	bool found;

	sqlite3_bind_int64(s, 1, *rowid);
	found = sqlite3_step(s) == SQLITE_ROW;
	if (found) {
		ledger_read_record(out, s);
		*rowid = sqlite3_column_int64(s, LEDGER_RECORD_COLUMN_COUNT);
	}
	ledger_finish(l, s);
	return found;
}

enum err ledger_number_entries(struct ledger *l, struct diag *why)
{
	enum err e = ledger_run(l, columns_text, why);
	struct release_record r;

	for (sqlite3_int64 rowid = 0; e == OK && next_release(l, &rowid, &r);)
		e = number_one(l, rowid, &r, why);
	return e == OK ? ledger_run(l, numbered_text, why) : e;
}

#define ENTRIES(condition)                                                                                             \
	"SELECT number, head FROM releases WHERE " condition                                                           \
	" UNION ALL SELECT number, head FROM losses WHERE " condition " ORDER BY number DESC LIMIT 1"

/* The entry with this number, or the newest for 0: its number, 0 when there is none. */
static uint64_t find_entry(struct ledger *l, uint64_t number, struct hash *head)
{
	sqlite3_stmt *s = ledger_prepare(l, number > 0 ? ENTRIES("number = ?1") : ENTRIES("number > ?1"));
	uint64_t found = 0;

	memset(head, 0, sizeof *head);
	sqlite3_bind_int64(s, 1, (sqlite3_int64)number);
	if (sqlite3_step(s) == SQLITE_ROW) {
		found = (uint64_t)sqlite3_column_int64(s, 0);
		ledger_column_hash(head, s, 1);
	}
	ledger_finish(l, s);
	return found;
}

enum err ledger_load_head(struct ledger *l, struct diag *why)
{
	l->entries = find_entry(l, 0, &l->head);
	if ((l->entries == 0) == hash_is_zero(&l->head))
		return OK;
	return diag_set(why, ERR_DATA, "ledger: entry %llu is damaged; restore the newest copy of the state folder",
	                (unsigned long long)l->entries);
}

/* ---- where it stands */

static uint64_t newest_loss(struct ledger *l)
{
	sqlite3_stmt *s = ledger_prepare(l, "SELECT max(number) FROM losses");
	uint64_t number = sqlite3_step(s) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(s, 0) : 0;

	ledger_finish(l, s);
	return number;
}

static void look_for_study(struct ledger *l, struct standing *out, const struct hash *study_hash)
{
	sqlite3_stmt *s = ledger_prepare(l, "SELECT count(*) FILTER (WHERE number < ?2),"
	                                    " count(*) FILTER (WHERE number > ?2) FROM releases WHERE study_hash = ?1");

	ledger_bind_hash(s, 1, study_hash);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)out->lost);
	if (sqlite3_step(s) == SQLITE_ROW) {
		out->released_before = sqlite3_column_int64(s, 0) > 0;
		out->released_since = sqlite3_column_int64(s, 1) > 0;
	}
	ledger_finish(l, s);
}

void ledger_stand(struct ledger *l, struct standing *out, const struct hash *study_hash, const struct ledger_mark *told)
{
	*out = (struct standing){.told = *told, .lost = newest_loss(l)};
	if (told->counter > 0)
		(void)find_entry(l, told->counter, &out->ours);
	if (out->lost > 0)
		look_for_study(l, out, study_hash);
	out->counter = ledger_head(l, &out->head);
}

/* ---- losses */

static enum err insert_loss(struct ledger *l, uint64_t counter, struct diag *why)
{
	sqlite3_stmt *s = ledger_prepare(l, "INSERT INTO losses (number, head, had, stated_s) VALUES (?, ?, ?, ?)");
	uint8_t number[8];
	const struct bytes fields[] = {bytes_of(l->head.b, HASH_SIZE), bytes_of(number, sizeof number)};
	struct hash head;
	enum err e;

	store_u64(number, counter + 1);
	hash_fields(&head, NULL, TAG, fields, sizeof fields / sizeof *fields);
	sqlite3_bind_int64(s, 1, (sqlite3_int64)counter + 1);
	ledger_bind_hash(s, 2, &head);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)l->entries);
	sqlite3_bind_int64(s, 4, (sqlite3_int64)time(NULL));
	e = ledger_step(l, s, "stating a loss", why);
	if (e == OK)
		ledger_entered(l, counter + 1, &head);
	ledger_finish(l, s);
	return e;
}

enum err ledger_accept_loss(struct ledger *l, uint64_t counter, struct diag *why)
{
	struct hash head;
	uint64_t entries = ledger_head(l, &head);

	if (counter < entries || counter == 0)
		return diag_set(why, ERR_USAGE,
		                "the ledger has %llu entries, so those up to %llu are not lost; the alarm in the log "
		                "names the number",
		                (unsigned long long)entries, (unsigned long long)counter);
	if (counter >= LEDGER_COUNTER_MAX / 2) /* room for what comes */
		return diag_set(why, ERR_USAGE, "no ledger has %llu entries; the alarm in the log names the number",
		                (unsigned long long)counter);
	return insert_loss(l, counter, why);
}

void ledger_each_loss(struct ledger *l, void (*tell)(void *context, uint64_t number, uint64_t had, int64_t stated_s),
                      void *context)
{
	sqlite3_stmt *s = ledger_prepare(l, "SELECT number, had, stated_s FROM losses ORDER BY number");

	while (sqlite3_step(s) == SQLITE_ROW)
		tell(context, (uint64_t)sqlite3_column_int64(s, 0), (uint64_t)sqlite3_column_int64(s, 1),
		     sqlite3_column_int64(s, 2));
	ledger_finish(l, s);
}
