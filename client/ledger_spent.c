/*
 * What the ledger's releases cost: the debit of each row, and the Renyi sums after it of those whom it is about. Sums only grow, so
 * the newest row of a study has them, and no later version of the accountant changes what was spent.
 */
#include "client/cost_json.h"
#include "client/ledger_inside.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define COST_MAX 512 /* PRIVACY_DEBIT_MAX parts of three numbers of 24 characters and their names */
#define RULES_MAX 4096 /* a line of a person's policy, in words */
#define SUMS_OCTETS ((size_t)RDP_ORDERS * 8) /* f64 little-endian, in the order of privacy/rdp.h */

/* What was released before has added no noise and spent nothing: NULL. */
static const char columns_text[] = "BEGIN;"
				   "ALTER TABLE releases ADD COLUMN mechanism TEXT;"
				   "ALTER TABLE releases ADD COLUMN clip REAL;"
				   "ALTER TABLE releases ADD COLUMN unit TEXT;"
				   "ALTER TABLE releases ADD COLUMN kind TEXT;" /* statistics, training, evaluation */
				   "ALTER TABLE releases ADD COLUMN cost TEXT;" /* client/cost_json.h */
				   "ALTER TABLE releases ADD COLUMN sums BLOB;" /* of those whom it is about */
				   "PRAGMA user_version = 4;"
				   "COMMIT;";

enum err ledger_add_costs(struct ledger *l, struct diag *why)
{
	return ledger_run(l, columns_text, why);
}

/* ---- one release */

static void bind_cost(sqlite3_stmt *s, int at, const struct budget_debit *d)
{
	struct json *list = cost_json_of(d);
	struct buf text;

	buf_init(&text, COST_MAX);
	json_write(&text, list, false);
	CHECK(!text.failed);
	ledger_bind_text(s, at, buf_text(&text));
	buf_free(&text);
	json_free(list);
}

static void bind_sums(struct ledger *l, sqlite3_stmt *s, int at, const struct release_record *r)
{
	const struct budget_study *before = budget_find(&l->budget, &r->study_hash);
	struct budget_study after = before != NULL ? *before : (struct budget_study){0};
	const struct rdp *sums;
	struct buf octets;

	budget_study_spend(&after, &r->debit);
	sums = budget_sums(&after, &r->debit);
	buf_init(&octets, SUMS_OCTETS);
	for (size_t i = 0; i < RDP_ORDERS; i++)
		buf_put_f64(&octets, sums->sums[i]);
	sqlite3_bind_blob(s, at, octets.ptr, (int)octets.len, SQLITE_TRANSIENT);
	buf_free(&octets);
}

void ledger_bind_costs(struct ledger *l, sqlite3_stmt *s, int at, const struct release_record *r)
{
	const struct budget_debit *d = &r->debit;

	ledger_bind_text(s, at, privacy_mechanism_name(d->mechanism));
	sqlite3_bind_double(s, at + 1, r->clip);
	if (d->part_count == 0)
		return;
	ledger_bind_text(s, at + 2, privacy_unit_name(d->unit));
	ledger_bind_text(s, at + 3, budget_what_name(d->what));
	bind_cost(s, at + 4, d);
	bind_sums(l, s, at + 5, r);
}

void ledger_bind_rules(struct ledger *l, sqlite3_stmt *s, int at, const struct release_record *r, const char *allowed,
                       const struct budget_limit *limit)
{
	struct buf rules;

	buf_init(&rules, RULES_MAX);
	buf_put_text(&rules, allowed);
	if (r->debit.part_count > 0)
		buf_printf(&rules, "%sbudget: epsilon %.4f of %g, at delta %g", allowed[0] != '\0' ? "; " : "",
		           budget_after(&l->budget, &r->study_hash, &r->debit, limit->delta), limit->epsilon,
		           limit->delta);
	ledger_bind_text(s, at, buf_text(&rules));
	buf_free(&rules);
}

static bool read_cost(struct budget_debit *d, const char *text)
{
	struct json *list = NULL;
	bool good = json_parse(&list, bytes_text(text), COST_MAX, "cost", NULL) == OK && cost_json_read(d, list);

	json_free(list);
	return good && d->part_count > 0;
}

static bool unit_from(enum privacy_unit *out, const char *name)
{
	for (int u = UNIT_RECORD; u <= UNIT_SITE; u++)
		if (strcmp(privacy_unit_name((enum privacy_unit)u), name) == 0) {
			*out = (enum privacy_unit)u;
			return true;
		}
	return false;
}

/* A row that cannot be read here keeps the ledger from opening (read_study), so what fails is not told a second time. */
void ledger_read_costs(struct release_record *out, sqlite3_stmt *s, int at)
{
	struct budget_debit *d = &out->debit;

	(void)privacy_mechanism_from(&d->mechanism, ledger_column_text(s, at));
	out->clip = sqlite3_column_double(s, at + 1);
	if (sqlite3_column_type(s, at + 3) == SQLITE_NULL)
		return;
	(void)unit_from(&d->unit, ledger_column_text(s, at + 2));
	(void)budget_what_from(&d->what, ledger_column_text(s, at + 3));
	(void)read_cost(d, ledger_column_text(s, at + 4));
}

/* ---- all of them */

void ledger_budget(struct ledger *l, struct budget *out)
{
	pthread_mutex_lock(&l->mutex);
	budget_copy(out, &l->budget);
	pthread_mutex_unlock(&l->mutex);
}

void ledger_study_name(struct ledger *l, char out[NAME_SIZE], const struct hash *study_hash)
{
	sqlite3_stmt *s = ledger_prepare(l, "SELECT study FROM releases WHERE study_hash = ? LIMIT 1");

	ledger_bind_hash(s, 1, study_hash);
	snprintf(out, NAME_SIZE, "%s", sqlite3_step(s) == SQLITE_ROW ? ledger_column_text(s, 0) : "");
	ledger_finish(l, s);
}

/* The larger of what is there and what the row says; false when it says nothing that can be read. */
static bool read_sums(struct rdp *sums, sqlite3_stmt *s, int at)
{
	struct reader r = reader_of(bytes_of(sqlite3_column_blob(s, at), (size_t)sqlite3_column_bytes(s, at)));

	for (size_t i = 0; i < RDP_ORDERS; i++) {
		double sum = read_f64(&r);

		if (!(sum >= 0)) /* NaN, too */
			return false;
		sums->sums[i] = fmax(sums->sums[i], sum);
	}
	return reader_done(&r);
}

/* One kind of release of one study: its newest row. */
static bool read_study(struct budget *b, sqlite3_stmt *s)
{
	struct budget_debit d = {0};
	struct budget_study *study;
	struct hash study_hash;

	ledger_column_hash(&study_hash, s, 0);
	if (!unit_from(&d.unit, ledger_column_text(s, 1)) || !budget_what_from(&d.what, ledger_column_text(s, 2)) ||
	    !read_cost(&d, ledger_column_text(s, 3)))
		return false;
	study = budget_study_of(b, &study_hash);
	study->unit = d.unit;
	study->releases[d.what] = (uint64_t)sqlite3_column_int64(s, 5);
	return read_sums(budget_sums(study, &d), s, 4);
}

/* In the order of their first releases. Columns beside max(round), and no other such function, are those of the row that has it
 * (SQLite, "Bare columns in an aggregate query"). */
enum err ledger_load_budget(struct ledger *l, struct diag *why)
{
	sqlite3_stmt *s = ledger_prepare(
		l, "SELECT * FROM (SELECT study_hash, unit, kind, cost, sums, count(*), study, max(round)"
		   " FROM releases WHERE kind IS NOT NULL GROUP BY study_hash, kind) n"
		   " ORDER BY (SELECT min(rowid) FROM releases r WHERE r.study_hash = n.study_hash)");
	enum err e = OK;
	int step;

	while (e == OK && (step = sqlite3_step(s)) == SQLITE_ROW)
		if (!read_study(&l->budget, s))
			e = diag_set(
				why, ERR_DATA,
				"ledger: what round %lld of study %s has spent cannot be read: the disk or somebody "
				"has "
				"changed it. Put the newest backup in place, and reject the studies that ran since",
				(long long)sqlite3_column_int64(s, 7), ledger_column_text(s, 6));
	if (e == OK && step != SQLITE_DONE)
		e = ledger_error(l, why, "reading what was spent");
	ledger_finish(l, s);
	return e;
}
