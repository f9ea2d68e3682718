/* What is written: one function per row that changes. */
#include "coordinator/store_inside.h"

#include "model/metrics_json.h"

#define RECORD_MAX (1u << 20) /* two plans with SITES_MAX sites each take 50 KiB */

/* JSON text of `node`; the caller frees it. */
static struct buf text_of(const struct json *node)
{
	struct buf text;

	buf_init(&text, RECORD_MAX);
	json_write(&text, node, false);
	CHECK(!text.failed);
	return text;
}

/* ---- studies, answers, sites */

int64_t store_add_study(struct store *s, const struct study *study, const struct json *record, int64_t now_ms)
{
	struct sqlite3_stmt *q = sql_begin(s, "INSERT INTO studies (name, revision, hash, canonical, record, added_ms)"
	                                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	struct buf text = text_of(record);

	sql_text(s, q, 1, study->name);
	sql_integer(s, q, 2, study->revision);
	sql_hash(s, q, 3, &study->hash);
	sql_octets(s, q, 4, buf_bytes(&study->canonical));
	sql_text(s, q, 5, buf_text(&text));
	sql_integer(s, q, 6, now_ms);
	sql_write(s, q);
	buf_free(&text);
	return sql_new_id(s);
}

void store_record(struct store *s, int64_t study, const struct json *record)
{
	struct sqlite3_stmt *q = sql_begin(s, "UPDATE studies SET record = ?2 WHERE id = ?1");
	struct buf text = text_of(record);

	sql_integer(s, q, 1, study);
	sql_text(s, q, 2, buf_text(&text));
	sql_write(s, q);
	buf_free(&text);
}

void store_answer(struct store *s, int64_t study, uint32_t site, enum site_answer answer, int64_t now_ms)
{
	struct sqlite3_stmt *q =
		sql_begin(s, "INSERT INTO answers VALUES (?1, ?2, ?3, ?4)"
	                     " ON CONFLICT DO UPDATE SET answer = excluded.answer, at_ms = excluded.at_ms");

	sql_integer(s, q, 1, study);
	sql_integer(s, q, 2, site);
	sql_text(s, q, 3, answer_name(answer));
	sql_integer(s, q, 4, now_ms);
	sql_write(s, q);
}

void store_site(struct store *s, uint32_t number, const char *name, const char *serial, int64_t last_seen_ms)
{
	struct sqlite3_stmt *q =
		sql_begin(s, "INSERT INTO sites (number, name, serial, last_seen_ms) VALUES (?1, ?2, ?3, ?4)"
	                     " ON CONFLICT DO UPDATE SET name = excluded.name,"
	                     " serial = excluded.serial, last_seen_ms = excluded.last_seen_ms");

	sql_integer(s, q, 1, number);
	sql_text(s, q, 2, name);
	sql_text(s, q, 3, serial);
	sql_integer(s, q, 4, last_seen_ms);
	sql_write(s, q);
}

void store_ledger_mark(struct store *s, uint32_t number, const struct ledger_mark *mark)
{
	struct sqlite3_stmt *q = sql_begin(s, "UPDATE sites SET ledger_counter = ?2, ledger_head = ?3,"
	                                      " ledger_signature = iif(?2 > 0, ?4, NULL) WHERE number = ?1");

	sql_integer(s, q, 1, number);
	sql_integer(s, q, 2, (int64_t)mark->counter);
	sql_hash(s, q, 3, &mark->head);
	sql_octets(s, q, 4, bytes_of(mark->signature, sizeof mark->signature));
	sql_write(s, q);
}

void store_roster_version(struct store *s, uint32_t version)
{
	struct sqlite3_stmt *q = sql_begin(s, "UPDATE head SET roster_version = ?1 WHERE id = 1");

	sql_integer(s, q, 1, version);
	sql_write(s, q);
}

/* ---- rounds */

static void bind_attempt(struct store *s, struct sqlite3_stmt *q, int64_t study, uint64_t round, uint32_t attempt)
{
	sql_integer(s, q, 1, study);
	sql_integer(s, q, 2, (int64_t)round);
	sql_integer(s, q, 3, attempt);
}

bool store_open_round(struct store *s, int64_t study, const struct round_plan *plan, uint32_t quorum, uint64_t octets,
                      int64_t now_ms)
{
	struct sqlite3_stmt *q =
		sql_begin(s, "INSERT INTO rounds (study, round, attempt, step, asks, quorum, octets, outcome,"
	                     " opened_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open', ?8) ON CONFLICT DO NOTHING");

	bind_attempt(s, q, study, plan->round, plan->attempt);
	sql_integer(s, q, 4, plan->step);
	sql_integer(s, q, 5, plan->asks);
	sql_integer(s, q, 6, quorum);
	sql_integer(s, q, 7, (int64_t)octets);
	sql_integer(s, q, 8, now_ms);
	return sql_write(s, q);
}

static const char *state_of(const struct round_site *site)
{
	switch (site->state) {
	case SITE_EXPECT_PERSISTED: /* the commit that this row is part of persists it */
	case SITE_EXPECT_ADDED:
	case SITE_CONTRIBUTED:
		return "contributed";
	default:
		return site_state_name(site->state);
	}
}

static const char *reason_of(const struct round_site *site)
{
	if (site->state == SITE_REFUSED)
		return refusal_name(site->refusal);
	return site->state == SITE_DROPPED ? drop_reason_name(site->dropped) : "";
}

/* Of a masked attempt, which names a roster: the phase that a site did not complete whose vector is not in the sum. */
static const char *phase_of(const struct round_plan *plan, const struct round_site *site)
{
	bool counts = site->state >= SITE_EXPECT_ADDED && site->state <= SITE_CONTRIBUTED;

	if (hash_is_zero(&plan->roster) || counts || site->state == SITE_EXPECT_JOIN ||
	    site->reached >= SECAGG_PHASE_COUNT)
		return "";
	return secagg_phase_name((enum secagg_phase)site->reached);
}

bool store_participant(struct store *s, int64_t study, const struct round_plan *plan, const struct round_site *site,
                       uint64_t octets, int64_t now_ms)
{
	struct sqlite3_stmt *q =
		sql_begin(s, "INSERT INTO participants (study, round, attempt, site, state, reason, octets, content,"
	                     " at_ms, phase) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING");
	bool contributed = site->state >= SITE_EXPECT_PERSISTED && site->state <= SITE_CONTRIBUTED;
	const struct hash none = {{0}};

	bind_attempt(s, q, study, plan->round, plan->attempt);
	sql_integer(s, q, 4, site->number);
	sql_text(s, q, 5, state_of(site));
	sql_text(s, q, 6, reason_of(site));
	sql_integer(s, q, 7, contributed ? (int64_t)octets : 0);
	sql_hash(s, q, 8, contributed ? &site->content : &none);
	sql_integer(s, q, 9, now_ms);
	sql_text(s, q, 10, phase_of(plan, site));
	return sql_write(s, q);
}

void store_unreadable(struct store *s, int64_t study, uint64_t round, uint32_t attempt, uint32_t site)
{
	struct sqlite3_stmt *q = sql_begin(s, "UPDATE participants SET state = 'dropped', reason = ?5, octets = 0"
	                                      " WHERE study = ?1 AND round = ?2 AND attempt = ?3 AND site = ?4");

	bind_attempt(s, q, study, round, attempt);
	sql_integer(s, q, 4, site);
	sql_text(s, q, 5, drop_reason_name(DROP_UNREADABLE));
	sql_write(s, q);
}

/* A site without a row: it sent nothing that became durable; of a masked attempt, that neither refused nor left. */
static void close_participant(struct store *s, int64_t study, const struct round_plan *plan,
                              const struct round_site *site, int64_t now_ms)
{
	struct sqlite3_stmt *q =
		sql_begin(s, "INSERT INTO participants (study, round, attempt, site, state, reason, octets, content,"
	                     " at_ms, phase) SELECT ?1, ?2, ?3, ?4, ?5, ?6, iif(?7 IS NULL, 0, octets), ?7, ?8, ?9"
	                     " FROM rounds WHERE study = ?1 AND round = ?2 AND attempt = ?3 ON CONFLICT DO NOTHING");
	bool counts = site->state >= SITE_EXPECT_ADDED && site->state <= SITE_CONTRIBUTED;
	const struct hash none = {{0}};

	bind_attempt(s, q, study, plan->round, plan->attempt);
	sql_integer(s, q, 4, site->number);
	sql_text(s, q, 5,
	         site->state == SITE_EXPECT_PERSISTED ? site_state_name(SITE_EXPECT_CONTRIBUTION) : state_of(site));
	sql_text(s, q, 6, reason_of(site));
	sql_hash(s, q, 7, counts ? &site->content : &none);
	sql_integer(s, q, 8, now_ms);
	sql_text(s, q, 9, phase_of(plan, site));
	sql_write(s, q);
}

static void write_metrics(struct store *s, int64_t study, const struct round_plan *plan, const char *part,
                          const struct metrics *m, const struct metrics *margin, const struct calibration *c)
{
	struct sqlite3_stmt *q =
		sql_begin(s, "INSERT OR REPLACE INTO metrics (study, round, attempt, part, rows, loss, accuracy,"
	                     " \"precision\", recall, f1, auc, brier, r2, rmse, mae, calibration, margin) VALUES"
	                     " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)");

	struct json *points = metrics_json_of_calibration(c), *margins = metrics_json_of(margin);
	struct buf calibration = text_of(points), noise = text_of(margins);

	bind_attempt(s, q, study, plan->round, plan->attempt);
	sql_text(s, q, 4, part);
	sql_real(s, q, 5, m->rows);
	sql_real(s, q, 6, m->loss);
	sql_real(s, q, 7, m->accuracy);
	sql_real(s, q, 8, m->precision);
	sql_real(s, q, 9, m->recall);
	sql_real(s, q, 10, m->f1);
	sql_real(s, q, 11, m->auc);
	sql_real(s, q, 12, m->brier);
	sql_real(s, q, 13, m->r2);
	sql_real(s, q, 14, m->rmse);
	sql_real(s, q, 15, m->mae);
	sql_text(s, q, 16, buf_text(&calibration));
	sql_text(s, q, 17, isnan(margin->rows) ? "" : buf_text(&noise));
	sql_write(s, q);
	buf_free(&calibration);
	buf_free(&noise);
	json_free(points);
	json_free(margins);
}

bool store_close_round(struct store *s, int64_t study, const struct round_report *report, int64_t now_ms)
{
	const struct round_plan *plan = report->plan;
	struct sqlite3_stmt *q =
		sql_begin(s, "UPDATE rounds SET outcome = ?4, closed_ms = ?5, took_ms = ?6, model = ?7,"
	                     " model_octets = ?8, weight = ?9 WHERE study = ?1 AND round = ?2 AND attempt = ?3"
	                     " AND outcome = 'open'");

	bind_attempt(s, q, study, plan->round, plan->attempt);
	sql_text(s, q, 4, outcome_name(report->outcome));
	sql_integer(s, q, 5, now_ms);
	sql_integer(s, q, 6, report->ended_ms - report->started_ms);
	sql_hash(s, q, 7, &report->model);
	sql_integer(s, q, 8, (int64_t)report->model_octets);
	sql_real(s, q, 9, report->weight);
	if (!sql_write(s, q))
		return false;
	store_drop_masked_rows(s, study);
	for (uint32_t i = 0; i < round_site_count(report->round); i++) {
		const struct round_site *site = round_site_at(report->round, i);

		if (site->state <= SITE_EXPECT_PERSISTED || !hash_is_zero(&plan->roster))
			close_participant(s, study, plan, site, now_ms);
	}
	if (report->evaluated) {
		write_metrics(s, study, plan, "validation", &report->validation, &report->validation_margin,
		              &report->validation_calibration);
		write_metrics(s, study, plan, "test", &report->test, &report->test_margin, &report->test_calibration);
	}
	return true;
}

void store_abandon_planned(struct store *s, int64_t study, int64_t now_ms)
{
	struct sqlite3_stmt *q = sql_begin(s, "UPDATE rounds SET outcome = ?2, closed_ms = ?3"
	                                      " WHERE study = ?1 AND outcome = 'open'");

	sql_integer(s, q, 1, study);
	sql_text(s, q, 2, outcome_name(OUTCOME_ABANDONED));
	sql_integer(s, q, 3, now_ms);
	if (sql_write(s, q))
		store_drop_masked_rows(s, study);
}

bool store_late(struct store *s, int64_t study, uint64_t round, uint32_t attempt, uint32_t site, int64_t now_ms)
{
	struct sqlite3_stmt *q =
		sql_begin(s, "UPDATE participants SET state = 'late', late_ms = ?5 WHERE study = ?1 AND round = ?2"
	                     " AND attempt = ?3 AND site = ?4 AND state IN ('absent', 'joined')");

	bind_attempt(s, q, study, round, attempt);
	sql_integer(s, q, 4, site);
	sql_integer(s, q, 5, now_ms);
	return sql_write(s, q);
}
