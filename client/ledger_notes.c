/* The ledger's notes for people, the roster's version, and reading it all again. */
#include "base/log.h"
#include "client/ledger_inside.h"
#include "model/metrics_json.h"

#include <math.h>
#include <sqlite3.h>

#define FIGURES_MAX 1024 /* 11 numbers of at most 24 characters and their names */

/* A note that could not be written is said and forgotten: it is for people, nothing depends on it. */
static void note(struct ledger *l, sqlite3_stmt *s)
{
	struct diag why = {{0}};

	if (ledger_note(l, s, &why) != OK)
		log_warning("%s", why.text);
}

static void bind_real(sqlite3_stmt *s, int at, double v)
{
	if (isnan(v))
		sqlite3_bind_null(s, at);
	else
		sqlite3_bind_double(s, at, v);
}

/* ---- notes */

void ledger_note_sent(struct ledger *l, const struct hash *study_hash, uint64_t round, uint32_t attempt, enum sent how,
                      const struct hash *masked)
{
	static const char *const names[] = {
		[SENT_ACCEPTED] = "accepted", [SENT_LATE] = "late", [SENT_REJECTED] = "rejected"};
	sqlite3_stmt *s = ledger_prepare(
		l, "UPDATE releases SET sent = ?, attempt = ?, masked = ? WHERE study_hash = ? AND round = ?");

	ledger_bind_text(s, 1, names[how]);
	sqlite3_bind_int64(s, 2, attempt);
	if (masked != NULL)
		ledger_bind_hash(s, 3, masked);
	ledger_bind_hash(s, 4, study_hash);
	sqlite3_bind_int64(s, 5, (sqlite3_int64)round);
	note(l, s);
}

bool ledger_newest_masked(struct ledger *l, const struct hash *study_hash, uint64_t *round, uint32_t *attempt)
{
	sqlite3_stmt *s =
		ledger_prepare(l, "SELECT round, attempt FROM releases WHERE study_hash = ? AND masked IS NOT NULL "
	                          "ORDER BY round DESC LIMIT 1");
	bool any;

	ledger_bind_hash(s, 1, study_hash);
	any = sqlite3_step(s) == SQLITE_ROW;
	*round = any ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	*attempt = any ? (uint32_t)sqlite3_column_int64(s, 1) : 0;
	ledger_finish(l, s);
	return any;
}

void ledger_note_closed(struct ledger *l, const struct message *closed)
{
	sqlite3_stmt *s = ledger_prepare(
		l, "UPDATE releases SET outcome = ?, participants = ? WHERE study_hash = ? AND round = ?");

	ledger_bind_text(s, 1, outcome_name(closed->outcome));
	sqlite3_bind_int64(s, 2, closed->participant_count);
	ledger_bind_hash(s, 3, &closed->plan.study_hash);
	sqlite3_bind_int64(s, 4, (sqlite3_int64)closed->plan.round);
	note(l, s);
}

static void bind_figures(sqlite3_stmt *s, int at, const struct metrics *m)
{
	struct json *node = metrics_json_of(m);
	struct buf text;

	buf_init(&text, FIGURES_MAX);
	json_write(&text, node, false);
	ledger_bind_text(s, at, buf_text(&text));
	buf_free(&text);
	json_free(node);
}

void ledger_note_figures(struct ledger *l, const struct release_record *record, const struct contribution_report *own)
{
	sqlite3_stmt *s =
		ledger_prepare(l, "INSERT OR REPLACE INTO figures (study_hash, round, training_rows, weight, "
	                          "training_loss, saturated, validation, test) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");

	ledger_bind_hash(s, 1, &record->study_hash);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)record->round);
	sqlite3_bind_double(s, 3, own->training_rows);
	sqlite3_bind_double(s, 4, own->weight);
	bind_real(s, 5, own->training_loss);
	sqlite3_bind_int64(s, 6, (sqlite3_int64)own->saturated);
	if (own->evaluated) {
		bind_figures(s, 7, &own->validation);
		bind_figures(s, 8, &own->test);
	}
	note(l, s);
}

void ledger_note_ending(struct ledger *l, const struct message *finished)
{
	sqlite3_stmt *s =
		ledger_prepare(l, "INSERT OR REPLACE INTO endings (study_hash, model, model_octets, complete) "
	                          "VALUES (?, ?, ?, ?)");

	ledger_bind_hash(s, 1, &finished->plan.study_hash);
	ledger_bind_hash(s, 2, &finished->model);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)finished->model_octets);
	sqlite3_bind_int(s, 4, finished->complete);
	note(l, s);
}

bool ledger_ending(struct ledger *l, const struct hash *study_hash, struct ledger_ending *out)
{
	sqlite3_stmt *s = ledger_prepare(l, "SELECT model, model_octets, complete FROM endings WHERE study_hash = ?");
	bool found;

	ledger_bind_hash(s, 1, study_hash);
	found = sqlite3_step(s) == SQLITE_ROW;
	if (found) {
		ledger_column_hash(&out->model, s, 0);
		out->model_octets = (uint64_t)sqlite3_column_int64(s, 1);
		out->complete = sqlite3_column_int(s, 2) != 0;
	}
	ledger_finish(l, s);
	return found;
}

/* ---- the roster's version */

uint32_t ledger_roster_version(struct ledger *l)
{
	sqlite3_stmt *s = ledger_prepare(l, "SELECT value FROM numbers WHERE name = 'roster_version'");
	uint32_t version = sqlite3_step(s) == SQLITE_ROW ? (uint32_t)sqlite3_column_int64(s, 0) : 0;

	ledger_finish(l, s);
	return version;
}

enum err ledger_saw_roster(struct ledger *l, uint32_t version, struct diag *why)
{
	sqlite3_stmt *s;

	if (version == ledger_roster_version(l))
		return OK;
	s = ledger_prepare(l, "INSERT OR REPLACE INTO numbers VALUES ('roster_version', ?)");
	sqlite3_bind_int64(s, 1, version);
	return ledger_change(l, s, "noting the roster's version", why);
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
	own->training_loss =
		sqlite3_column_type(s, at + 2) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(s, at + 2);
	own->saturated = (uint64_t)sqlite3_column_int64(s, at + 3);
	own->evaluated = sqlite3_column_type(s, at + 4) != SQLITE_NULL;
	metrics_json_read(&own->validation, ledger_column_text(s, at + 4));
	metrics_json_read(&own->test, ledger_column_text(s, at + 5));
}

static void read_line(struct ledger *l, struct ledger_line *line, sqlite3_stmt *s)
{
	char path[PATH_SIZE];
	int at = LEDGER_RECORD_COLUMN_COUNT + LEDGER_COST_COLUMN_COUNT;

	ledger_read_record(&line->record, s);
	ledger_read_costs(&line->record, s, LEDGER_RECORD_COLUMN_COUNT);
	line->study = ledger_column_text(s, at);
	line->allowed = ledger_column_text(s, at + 1);
	line->released_s = sqlite3_column_int64(s, at + 2);
	line->sent = ledger_column_text(s, at + 3);
	line->attempt = (uint32_t)sqlite3_column_int64(s, at + 4);
	line->outcome = ledger_column_text(s, at + 5);
	line->participants = (uint32_t)sqlite3_column_int64(s, at + 6);
	ledger_column_hash(&line->masked, s, at + 7);
	line->kept = ledger_vector(l, path, &line->record.study_hash, line->record.round);
	read_own(line, s, at + 8);
}

void ledger_each(struct ledger *l, const char *study, void (*tell)(void *context, const struct ledger_line *line),
                 void *context)
{
	sqlite3_stmt *s = ledger_prepare(
		l, "SELECT " LEDGER_RECORD_COLUMNS ", " LEDGER_COST_COLUMNS
		   ", r.study, r.allowed, r.released_s, r.sent, r.attempt, r.outcome, r.participants, r.masked,"
		   " f.training_rows, f.weight, f.training_loss, f.saturated, f.validation, f.test"
		   " FROM releases r LEFT JOIN figures f USING (study_hash, round)"
		   " WHERE ?1 IS NULL OR r.study = ?1 ORDER BY r.rowid");

	if (study != NULL)
		ledger_bind_text(s, 1, study);
	while (sqlite3_step(s) == SQLITE_ROW) {
		struct ledger_line line = {0};

		read_line(l, &line, s);
		tell(context, &line);
	}
	ledger_finish(l, s);
}
