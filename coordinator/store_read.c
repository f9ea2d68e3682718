/* What is read: rows handed to a function, one after the other. */
#include "coordinator/store_inside.h"

#include "model/metrics_json.h"

#include <string.h>

enum err store_studies(struct store *s, stored_study_fn *each, void *context, struct diag *why)
{
	struct sqlite3_stmt *q =
		sql_begin(s, "SELECT a.id, a.canonical, a.record,"
	                     " NOT EXISTS (SELECT 1 FROM studies b WHERE b.name = a.name AND b.revision > a.revision)"
	                     " FROM studies a ORDER BY a.name, a.revision");

	while (sql_row(s, q)) {
		const struct stored_study row = {.id = sql_get_integer(q, 0),
		                                 .canonical = sql_get_octets(q, 1),
		                                 .record = bytes_text(sql_get_text(q, 2)),
		                                 .in_force = sql_get_integer(q, 3) != 0};
		each(context, &row);
	}
	return sql_end(s, q, why);
}

static bool answer_from(enum site_answer *out, const char *name)
{
	for (int a = 0; a < ANSWER_COUNT; a++) {
		if (strcmp(answer_name((enum site_answer)a), name) == 0) {
			*out = (enum site_answer)a;
			return true;
		}
	}
	return false;
}

enum err store_answers(struct store *s, int64_t study, stored_answer_fn *each, void *context, struct diag *why)
{
	struct sqlite3_stmt *q = sql_begin(s, "SELECT site, answer FROM answers WHERE study = ?1 ORDER BY site");
	enum site_answer answer;
	bool good = true;

	sql_integer(s, q, 1, study);
	while (sql_row(s, q)) {
		good &= answer_from(&answer, sql_get_text(q, 1));
		if (good)
			each(context, (uint32_t)sql_get_integer(q, 0), answer);
	}
	enum err e = sql_end(s, q, why);
	if (e == OK && !good)
		e = diag_set(why, ERR_DATA, "%s: a site's answer is damaged; restore it from a backup", s->path);
	return e;
}

/* Damage makes a mark that nobody has signed, which is not believed by the site. */
static struct ledger_mark ledger_mark_at(struct sqlite3_stmt *q, int column)
{
	struct ledger_mark m = {.counter = (uint64_t)sql_get_integer(q, column), .head = sql_get_hash(q, column + 1)};
	struct bytes signature = sql_get_octets(q, column + 2);

	if (signature.len == sizeof m.signature)
		memcpy(m.signature, signature.ptr, sizeof m.signature);
	return m;
}

enum err store_sites(struct store *s, stored_site_fn *each, void *context, struct diag *why)
{
	struct sqlite3_stmt *q = sql_begin(s, "SELECT number, name, serial, last_seen_ms, ledger_counter, ledger_head,"
	                                      " ledger_signature FROM sites ORDER BY number");

	while (sql_row(s, q)) {
		const struct ledger_mark mark = ledger_mark_at(q, 4);

		each(context, (uint32_t)sql_get_integer(q, 0), sql_get_text(q, 1), sql_get_text(q, 2),
		     sql_get_integer(q, 3), &mark);
	}
	return sql_end(s, q, why);
}

enum err store_read_roster_version(struct store *s, uint32_t *version, struct diag *why)
{
	struct sqlite3_stmt *q = sql_begin(s, "SELECT roster_version FROM head WHERE id = 1");

	*version = sql_row(s, q) ? (uint32_t)sql_get_integer(q, 0) : 0;
	return sql_end(s, q, why);
}

/* ---- rounds */

static bool drop_reason_from(enum drop_reason *out, const char *name)
{
	for (int d = DROP_NONE + 1; d < DROP_REASON_COUNT; d++) {
		if (strcmp(drop_reason_name((enum drop_reason)d), name) == 0) {
			*out = (enum drop_reason)d;
			return true;
		}
	}
	return false;
}

static bool row_from(struct round_site *row, const char *state, const char *reason)
{
	if (strcmp(state, "contributed") == 0) {
		row->state = SITE_CONTRIBUTED;
		return !hash_is_zero(&row->content);
	}
	if (strcmp(state, "refused") == 0) {
		row->state = SITE_REFUSED;
		return refusal_from(&row->refusal, reason);
	}
	row->state = SITE_DROPPED;
	return strcmp(state, "dropped") == 0 && drop_reason_from(&row->dropped, reason);
}

enum err store_rows(struct store *s, int64_t study, uint64_t round, uint32_t attempt, stored_row_fn *each,
                    void *context, struct diag *why)
{
	struct sqlite3_stmt *q = sql_begin(s, "SELECT site, state, reason, content FROM participants"
	                                      " WHERE study = ?1 AND round = ?2 AND attempt = ?3 ORDER BY site");
	bool good = true;

	sql_integer(s, q, 1, study);
	sql_integer(s, q, 2, (int64_t)round);
	sql_integer(s, q, 3, attempt);
	while (sql_row(s, q)) {
		struct round_site row = {.number = (uint32_t)sql_get_integer(q, 0), .content = sql_get_hash(q, 3)};

		good &= row_from(&row, sql_get_text(q, 1), sql_get_text(q, 2));
		if (good)
			each(context, &row);
	}
	enum err e = sql_end(s, q, why);
	if (e == OK && !good)
		e = diag_set(why, ERR_DATA, "%s: a row of an open round is damaged; restore it from a backup", s->path);
	return e;
}

#define FIGURES(m)                                                                                                     \
	m ".rows, " m ".loss, " m ".accuracy, " m ".\"precision\", " m ".recall, " m ".f1, " m ".auc, " m ".brier, " m \
	  ".r2, " m ".rmse, " m ".mae, " m ".calibration, " m ".margin"
#define CALIBRATION_COLUMN 11
#define MARGIN_COLUMN 12
#define FIGURE_COLUMNS 13
#define ROUND_COLUMNS                                                                                                  \
	"SELECT r.round, r.attempt, r.step, r.asks, r.quorum, r.outcome, r.octets, r.opened_ms, r.closed_ms,"          \
	" r.took_ms, r.model, r.model_octets, r.weight, " FIGURES("v") ", " FIGURES("t") " FROM rounds r"
#define METRICS_OF(m, part)                                                                                            \
	"metrics " m " ON " m ".study = r.study AND " m ".round = r.round AND " m ".attempt = r.attempt AND " m        \
	".part = '" part "'"
#define FIRST_FIGURE 13

static struct metrics figures_at(struct sqlite3_stmt *q, int column)
{
	return (struct metrics){
		.rows = sql_get_real(q, column),
		.loss = sql_get_real(q, column + 1),
		.accuracy = sql_get_real(q, column + 2),
		.precision = sql_get_real(q, column + 3),
		.recall = sql_get_real(q, column + 4),
		.f1 = sql_get_real(q, column + 5),
		.auc = sql_get_real(q, column + 6),
		.brier = sql_get_real(q, column + 7),
		.r2 = sql_get_real(q, column + 8),
		.rmse = sql_get_real(q, column + 9),
		.mae = sql_get_real(q, column + 10),
	};
}

static struct stored_round round_at(struct sqlite3_stmt *q)
{
	struct stored_round r = {
		.round = (uint64_t)sql_get_integer(q, 0),
		.attempt = (uint32_t)sql_get_integer(q, 1),
		.step = (uint32_t)sql_get_integer(q, 2),
		.asks = (unsigned)sql_get_integer(q, 3),
		.quorum = (uint32_t)sql_get_integer(q, 4),
		.outcome = sql_get_text(q, 5),
		.octets = (uint64_t)sql_get_integer(q, 6),
		.opened_ms = sql_get_integer(q, 7),
		.closed_ms = sql_get_integer(q, 8),
		.took_ms = sql_get_integer(q, 9),
		.model = sql_get_hash(q, 10),
		.model_octets = (uint64_t)sql_get_integer(q, 11),
		.weight = sql_get_real(q, 12),
		.validation = figures_at(q, FIRST_FIGURE),
		.test = figures_at(q, FIRST_FIGURE + FIGURE_COLUMNS),
	};

	int validation = FIRST_FIGURE, test = FIRST_FIGURE + FIGURE_COLUMNS;
	metrics_json_read_calibration(&r.validation_calibration, sql_get_text(q, validation + CALIBRATION_COLUMN));
	metrics_json_read_calibration(&r.test_calibration, sql_get_text(q, test + CALIBRATION_COLUMN));
	metrics_json_read(&r.validation_margin, sql_get_text(q, validation + MARGIN_COLUMN));
	metrics_json_read(&r.test_margin, sql_get_text(q, test + MARGIN_COLUMN));
	r.evaluated = r.test.rows >= 0; /* NAN: no row */
	return r;
}

enum err store_rounds(struct store *s, int64_t study, uint64_t round, uint32_t attempt, uint32_t limit,
                      stored_round_fn *each, void *context, struct diag *why)
{
	struct sqlite3_stmt *q =
		sql_begin(s, ROUND_COLUMNS " LEFT JOIN " METRICS_OF("v", "validation") " LEFT JOIN " METRICS_OF(
				     "t", "test") " WHERE r.study = ?1 AND (r.round, r.attempt) > (?2, ?3)"
	                                          " ORDER BY r.round, r.attempt LIMIT ?4");

	sql_integer(s, q, 1, study);
	sql_integer(s, q, 2, (int64_t)round);
	sql_integer(s, q, 3, attempt);
	sql_integer(s, q, 4, limit);
	while (sql_row(s, q)) {
		const struct stored_round row = round_at(q);

		each(context, &row);
	}
	return sql_end(s, q, why);
}

enum err store_newest_metrics(struct store *s, int64_t study, struct stored_round *out, bool *found, struct diag *why)
{
	struct sqlite3_stmt *q = sql_begin(s, ROUND_COLUMNS " JOIN " METRICS_OF("v", "validation") " JOIN " METRICS_OF(
						      "t", "test") " WHERE r.study = ?1"
	                                                           " ORDER BY r.round DESC, r.attempt DESC LIMIT 1");

	sql_integer(s, q, 1, study);
	*found = sql_row(s, q);
	if (*found) {
		*out = round_at(q);
		out->outcome = ""; /* its text ends with the statement */
	}
	return sql_end(s, q, why);
}

enum err store_participants(struct store *s, int64_t study, uint64_t round, uint32_t attempt,
                            stored_participant_fn *each, void *context, struct diag *why)
{
	struct sqlite3_stmt *q =
		sql_begin(s, "SELECT site, state, reason, octets, content, at_ms, late_ms, phase FROM participants"
	                     " WHERE study = ?1 AND round = ?2 AND attempt = ?3 ORDER BY site");

	sql_integer(s, q, 1, study);
	sql_integer(s, q, 2, (int64_t)round);
	sql_integer(s, q, 3, attempt);
	while (sql_row(s, q)) {
		const struct stored_participant row = {
			.site = (uint32_t)sql_get_integer(q, 0),
			.state = sql_get_text(q, 1),
			.reason = sql_get_text(q, 2),
			.octets = (uint64_t)sql_get_integer(q, 3),
			.content = sql_get_hash(q, 4),
			.at_ms = sql_get_integer(q, 5),
			.late_ms = sql_get_integer(q, 6),
			.phase = sql_get_text(q, 7),
		};
		each(context, &row);
	}
	return sql_end(s, q, why);
}
