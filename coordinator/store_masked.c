/*
 * The rows of a masked attempt: what crypto/secagg_server.h must have again after a restart, one row here for each there. They are
 * only of use while the attempt is open, and go with its end.
 */
#include "coordinator/store_inside.h"

#include <string.h>

void store_masked_row(struct store *s, int64_t study, uint64_t round, uint32_t attempt, uint32_t group,
                      const struct secagg_row *row)
{
	struct sqlite3_stmt *q =
		sql_begin(s, "INSERT INTO masked_rows (study, round, attempt, \"group\", number, phase,"
	                     " site, octets) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");

	sql_integer(s, q, 1, study);
	sql_integer(s, q, 2, (int64_t)round);
	sql_integer(s, q, 3, attempt);
	sql_integer(s, q, 4, group);
	sql_integer(s, q, 5, (int64_t)row->number);
	sql_text(s, q, 6, secagg_phase_name(row->phase));
	sql_integer(s, q, 7, row->site);
	sql_octets(s, q, 8, row->octets);
	sql_write(s, q);
}

void store_drop_masked_rows(struct store *s, int64_t study)
{
	struct sqlite3_stmt *q = sql_begin(s, "DELETE FROM masked_rows WHERE study = ?1");

	sql_integer(s, q, 1, study);
	sql_write(s, q);
}

static bool phase_from(enum secagg_phase *out, const char *name)
{
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++) {
		if (strcmp(secagg_phase_name((enum secagg_phase)p), name) == 0) {
			*out = (enum secagg_phase)p;
			return true;
		}
	}
	return false;
}

enum err store_masked_rows(struct store *s, int64_t study, uint64_t round, uint32_t attempt, stored_masked_row_fn *each,
                           void *context, struct diag *why)
{
	struct sqlite3_stmt *q =
		sql_begin(s, "SELECT \"group\", number, phase, site, octets FROM masked_rows"
	                     " WHERE study = ?1 AND round = ?2 AND attempt = ?3 ORDER BY \"group\", number");
	bool good = true;

	sql_integer(s, q, 1, study);
	sql_integer(s, q, 2, (int64_t)round);
	sql_integer(s, q, 3, attempt);
	while (sql_row(s, q)) {
		struct secagg_row row = {.number = (uint64_t)sql_get_integer(q, 1),
		                         .site = (uint32_t)sql_get_integer(q, 3),
		                         .octets = sql_get_octets(q, 4)};

		good = good && phase_from(&row.phase, sql_get_text(q, 2));
		if (good)
			each(context, (uint32_t)sql_get_integer(q, 0), &row);
	}
	enum err e = sql_end(s, q, why);
	if (e == OK && !good)
		e = diag_set(why, ERR_DATA, "%s: a row of an open masked round is damaged; restore it from a backup",
		             s->path);
	return e;
}
