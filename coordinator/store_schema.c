/*
 * The database's tables, as a list of steps: step k brings format k to k + 1. A step that was released is never changed; what
 * changes is a new step. All missing steps run in one transaction.
 */
#include "coordinator/store_inside.h"

#include <sqlite3.h>
#include <stdio.h>

#define APPLICATION_ID 0x436f6872 /* "Cohr": `file` and we know whose database this is */
#define TEXT_OF(x) #x
#define PRAGMA_ID(id) "PRAGMA application_id = " TEXT_OF(id)

static const char *const steps[STORE_FORMAT] = {
	"CREATE TABLE studies ("
	"  id INTEGER PRIMARY KEY,"
	"  name TEXT NOT NULL,"
	"  revision INTEGER NOT NULL,"
	"  hash BLOB NOT NULL CHECK (length(hash) = 32)," /* BLAKE2b-256 of canonical */
	"  canonical BLOB NOT NULL,"
	"  record TEXT NOT NULL,"
	"  added_ms INTEGER NOT NULL,"
	"  UNIQUE (name, revision)"
	") STRICT;"
	"CREATE TABLE answers ("
	"  study INTEGER NOT NULL REFERENCES studies (id),"
	"  site INTEGER NOT NULL,"
	"  answer TEXT NOT NULL,"
	"  at_ms INTEGER NOT NULL,"
	"  PRIMARY KEY (study, site)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE sites ("
	"  number INTEGER PRIMARY KEY,"
	"  name TEXT NOT NULL,"
	"  serial TEXT NOT NULL,"
	"  last_seen_ms INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE rounds ("
	"  study INTEGER NOT NULL REFERENCES studies (id),"
	"  round INTEGER NOT NULL,"
	"  attempt INTEGER NOT NULL,"
	"  step INTEGER NOT NULL,"
	"  asks INTEGER NOT NULL," /* enum ask */
	"  quorum INTEGER NOT NULL,"
	"  octets INTEGER NOT NULL," /* of one contribution */
	"  outcome TEXT NOT NULL," /* open, done, failed, abandoned */
	"  opened_ms INTEGER NOT NULL,"
	"  closed_ms INTEGER NOT NULL DEFAULT 0,"
	"  took_ms INTEGER NOT NULL DEFAULT 0,"
	"  model BLOB CHECK (length(model) = 32)," /* SHA-256 of the file that was made */
	"  model_octets INTEGER NOT NULL DEFAULT 0,"
	"  weight REAL NOT NULL DEFAULT 0,"
	"  PRIMARY KEY (study, round, attempt)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE participants ("
	"  study INTEGER NOT NULL,"
	"  round INTEGER NOT NULL,"
	"  attempt INTEGER NOT NULL,"
	"  site INTEGER NOT NULL,"
	"  state TEXT NOT NULL," /* contributed, refused, dropped, late, absent, joined */
	"  reason TEXT NOT NULL,"
	"  octets INTEGER NOT NULL," /* that counted */
	"  content BLOB CHECK (length(content) = 32)," /* SHA-256 of the contribution */
	"  at_ms INTEGER NOT NULL,"
	"  late_ms INTEGER NOT NULL DEFAULT 0,"
	"  UNIQUE (study, round, attempt, site),"
	"  FOREIGN KEY (study, round, attempt) REFERENCES rounds (study, round, attempt)"
	") STRICT;"
	"CREATE TABLE metrics ("
	"  study INTEGER NOT NULL,"
	"  round INTEGER NOT NULL,"
	"  attempt INTEGER NOT NULL,"
	"  part TEXT NOT NULL," /* validation, test */
	"  rows REAL NOT NULL,"
	"  loss REAL, accuracy REAL, \"precision\" REAL, recall REAL, f1 REAL, auc REAL,"
	"  PRIMARY KEY (study, round, attempt, part),"
	"  FOREIGN KEY (study, round, attempt) REFERENCES rounds (study, round, attempt)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE events ("
	"  seq INTEGER PRIMARY KEY,"
	"  at_ms INTEGER NOT NULL,"
	"  study TEXT NOT NULL,"
	"  kind TEXT NOT NULL,"
	"  body TEXT NOT NULL,"
	"  hash BLOB NOT NULL CHECK (length(hash) = 32)"
	") STRICT;"
	"CREATE TABLE head (" /* one row */
	"  id INTEGER PRIMARY KEY CHECK (id = 1),"
	"  seq INTEGER NOT NULL,"
	"  hash BLOB NOT NULL CHECK (length(hash) = 32),"
	"  roster_version INTEGER NOT NULL,"
	"  tidied INTEGER NOT NULL" /* how often store_tidy ran */
	") STRICT;"
	"INSERT INTO head VALUES (1, 0, zeroblob(32), 0, 0);",

	"ALTER TABLE metrics ADD COLUMN brier REAL;"
	"ALTER TABLE metrics ADD COLUMN r2 REAL;"
	"ALTER TABLE metrics ADD COLUMN rmse REAL;"
	"ALTER TABLE metrics ADD COLUMN mae REAL;"
	"ALTER TABLE metrics ADD COLUMN calibration TEXT;", /* JSON (model/metrics_json.h) */

	"CREATE TABLE moments ("
	"  study INTEGER NOT NULL REFERENCES studies (id),"
	"  piece INTEGER NOT NULL," /* 0, 1, ... */
	"  model BLOB NOT NULL CHECK (length(model) = 32)," /* SHA-256 of the file that they belong to */
	"  octets BLOB NOT NULL," /* float32, little-endian */
	"  PRIMARY KEY (study, piece)"
	") STRICT;",

	"CREATE TABLE masked_rows ("
	"  study INTEGER NOT NULL,"
	"  round INTEGER NOT NULL,"
	"  attempt INTEGER NOT NULL,"
	"  \"group\" INTEGER NOT NULL," /* 0, 1, ... */
	"  number INTEGER NOT NULL," /* 1, 2, ... within the group */
	"  phase TEXT NOT NULL," /* keys, shares, input, survivors */
	"  site INTEGER NOT NULL," /* 0: the set that opens the phase */
	"  octets BLOB NOT NULL,"
	"  PRIMARY KEY (study, round, attempt, \"group\", number),"
	"  FOREIGN KEY (study, round, attempt) REFERENCES rounds (study, round, attempt)"
	") STRICT;"
	"ALTER TABLE participants ADD COLUMN phase TEXT NOT NULL DEFAULT '';", /* of a masked attempt: how far the site came */

	"ALTER TABLE sites ADD COLUMN ledger_counter INTEGER NOT NULL DEFAULT 0;" /* 0: it has shown no mark yet */
	"ALTER TABLE sites ADD COLUMN ledger_head BLOB CHECK (length(ledger_head) = 32);"
	"ALTER TABLE sites ADD COLUMN ledger_signature BLOB CHECK (length(ledger_signature) = 64);",

	"ALTER TABLE metrics ADD COLUMN margin TEXT;", /* of noised figures: JSON of how far each may be off; '' of exact ones */
};

static enum err run_steps(struct store *s, int64_t from, struct diag *why)
{
	char pragma[64];
	enum err e = sql_run(s, "BEGIN EXCLUSIVE", why);

	for (int64_t k = from; k < STORE_FORMAT && e == OK; k++)
		e = sql_run(s, steps[k], why);
	snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", STORE_FORMAT);
	if (e == OK)
		e = sql_run(s, PRAGMA_ID(APPLICATION_ID), why);
	if (e == OK)
		e = sql_run(s, pragma, why);
	if (e == OK)
		e = sql_run(s, "COMMIT", why);
	return e;
}

enum err store_migrate(struct store *s, struct diag *why)
{
	int64_t format = sql_pragma(s, "PRAGMA user_version"), id = sql_pragma(s, "PRAGMA application_id");
	bool empty = sql_pragma(s, "PRAGMA schema_version") == 0;

	if (s->failed)
		return diag_set(why, s->failed, "%s", s->why.text);
	if (!empty && id != APPLICATION_ID)
		return diag_set(why, ERR_DATA, "%s: is another program's database", s->path);
	if (format > STORE_FORMAT)
		return diag_set(why, ERR_DATA,
		                "%s: made by a newer version of cohort-coordinator (format %lld, this version knows up "
		                "to %d); install that version",
		                s->path, (long long)format, STORE_FORMAT);
	return format == STORE_FORMAT ? OK : run_steps(s, format, why);
}
