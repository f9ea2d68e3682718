/*
 * The server's moments in the database: rows of at most MOMENTS_PIECE octets, so that neither a row's limit nor its copy in
 * memory while it is written grows with the model. Every row names the model, and all are replaced in one transaction.
 */
#include "coordinator/store_inside.h"

#include <string.h>

static size_t pieces_of(size_t octets)
{
	return (octets + MOMENTS_PIECE - 1) / MOMENTS_PIECE;
}

static size_t piece_octets(size_t octets, size_t piece)
{
	size_t left = octets - piece * MOMENTS_PIECE;

	return left < MOMENTS_PIECE ? left : MOMENTS_PIECE;
}

void store_moments(struct store *s, int64_t study, const struct hash *model, const float *moments, size_t count)
{
	struct bytes all = bytes_of(moments, count * sizeof *moments);

	CHECK(!hash_is_zero(model));
	for (size_t piece = 0; piece < pieces_of(all.len); piece++) {
		struct sqlite3_stmt *q =
			sql_begin(s, "INSERT INTO moments (study, piece, model, octets) VALUES (?1, ?2, ?3, ?4)"
		                     " ON CONFLICT DO UPDATE SET model = excluded.model, octets = excluded.octets");

		sql_integer(s, q, 1, study);
		sql_integer(s, q, 2, (int64_t)piece);
		sql_hash(s, q, 3, model);
		sql_octets(s, q, 4, bytes_of(all.ptr + piece * MOMENTS_PIECE, piece_octets(all.len, piece)));
		sql_write(s, q);
	}
}

void store_drop_moments(struct store *s, int64_t study)
{
	struct sqlite3_stmt *q = sql_begin(s, "DELETE FROM moments WHERE study = ?1");

	sql_integer(s, q, 1, study);
	sql_write(s, q);
}

/* Pieces 0, 1, ... of this model and of the right lengths, and no other. The octets are not read. */
enum err store_check_moments(struct store *s, int64_t study, const struct hash *model, size_t count, struct diag *why)
{
	struct sqlite3_stmt *q =
		sql_begin(s, "SELECT piece, model, length(octets) FROM moments WHERE study = ?1 ORDER BY piece");
	size_t octets = count * sizeof(float), piece = 0;
	bool good = true;

	sql_integer(s, q, 1, study);
	for (; sql_row(s, q); piece++) {
		struct hash of = sql_get_hash(q, 1);

		good = good && piece < pieces_of(octets) && sql_get_integer(q, 0) == (int64_t)piece &&
		       hash_equal(&of, model) && sql_get_integer(q, 2) == (int64_t)piece_octets(octets, piece);
	}
	enum err e = sql_end(s, q, why);
	if (e != OK || (good && piece == pieces_of(octets)))
		return e;
	return diag_set(why, ERR_DATA,
	                "%s: the server's moments %s the study's newest model; restore the database from a backup, or "
	                "add the study again as a new revision",
	                s->path, piece == 0 ? "are missing for" : "do not belong to");
}

enum err store_read_moments(struct store *s, int64_t study, const struct hash *model, float *moments, size_t count,
                            struct diag *why)
{
	enum err e = store_check_moments(s, study, model, count, why);
	struct sqlite3_stmt *q;
	size_t at = 0;

	if (e != OK)
		return e;
	q = sql_begin(s, "SELECT octets FROM moments WHERE study = ?1 ORDER BY piece");
	sql_integer(s, q, 1, study);
	while (sql_row(s, q)) {
		struct bytes piece = sql_get_octets(q, 0);

		CHECK(piece.len <= count * sizeof *moments - at);
		memcpy((uint8_t *)moments + at, piece.ptr, piece.len);
		at += piece.len;
	}
	return sql_end(s, q, why);
}
