/* The event log: a chain of hashes over its rows. */
#include "coordinator/store_inside.h"

#include <string.h>

#define EVENT_TAG "COHRTevt"
#define EVENT_BODY_MAX (1u << 20) /* SITES_MAX sites with a state and a hash each */

static void event_hash(struct hash *out, const struct hash *before, const struct stored_event *row)
{
	uint8_t seq[8], at[8];

	store_u64(seq, row->seq);
	store_u64(at, (uint64_t)row->at_ms);
	const struct bytes fields[] = {bytes_of(before->b, sizeof before->b),
	                               bytes_of(seq, sizeof seq),
	                               bytes_of(at, sizeof at),
	                               bytes_text(row->study),
	                               bytes_text(row->kind),
	                               bytes_text(row->body)};
	hash_fields(out, NULL, EVENT_TAG, fields, sizeof fields / sizeof *fields);
}

static enum err read_head(struct store *s, uint64_t *seq, struct hash *hash, struct diag *why)
{
	struct sqlite3_stmt *q = sql_begin(s, "SELECT seq, hash FROM head WHERE id = 1");
	bool found = sql_row(s, q);

	if (found) {
		*seq = (uint64_t)sql_get_integer(q, 0);
		*hash = sql_get_hash(q, 1);
	}
	enum err e = sql_end(s, q, why);
	if (e == OK && !found)
		e = diag_set(why, ERR_DATA, "%s: the head of the event log is missing; restore it from a backup",
		             s->path);
	return e;
}

enum err store_open_events(struct store *s, struct diag *why)
{
	enum err e = read_head(s, &s->event_seq, &s->event_hash, why);

	s->committed_seq = s->event_seq;
	s->committed_hash = s->event_hash;
	return e;
}

static void write_row(struct store *s, const struct stored_event *row)
{
	struct sqlite3_stmt *q = sql_begin(s, "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

	sql_integer(s, q, 1, (int64_t)row->seq);
	sql_integer(s, q, 2, row->at_ms);
	sql_text(s, q, 3, row->study);
	sql_text(s, q, 4, row->kind);
	sql_text(s, q, 5, row->body);
	sql_hash(s, q, 6, &row->hash);
	sql_write(s, q);
	q = sql_begin(s, "UPDATE head SET seq = ?1, hash = ?2 WHERE id = 1");
	sql_integer(s, q, 1, (int64_t)row->seq);
	sql_hash(s, q, 2, &row->hash);
	sql_write(s, q);
}

void store_event(struct store *s, const char *study, const char *kind, const struct json *body, int64_t now_ms)
{
	struct stored_event row = {.seq = s->event_seq + 1, .at_ms = now_ms, .study = study, .kind = kind};
	struct buf text;

	buf_init(&text, EVENT_BODY_MAX);
	json_write(&text, body, false);
	CHECK(!text.failed);
	row.body = buf_text(&text);
	event_hash(&row.hash, &s->event_hash, &row);
	write_row(s, &row);
	s->event_seq = row.seq;
	s->event_hash = row.hash;
	buf_free(&text);
}

enum err store_events(struct store *s, uint64_t after, uint32_t limit, stored_event_fn *each, void *context,
                      struct diag *why)
{
	struct sqlite3_stmt *q = sql_begin(s, "SELECT seq, at_ms, study, kind, body, hash FROM events WHERE seq > ?1"
	                                      " ORDER BY seq LIMIT ?2");

	sql_integer(s, q, 1, (int64_t)after);
	sql_integer(s, q, 2, limit);
	while (sql_row(s, q)) {
		const struct stored_event row = {.seq = (uint64_t)sql_get_integer(q, 0),
		                                 .at_ms = sql_get_integer(q, 1),
		                                 .study = sql_get_text(q, 2),
		                                 .kind = sql_get_text(q, 3),
		                                 .body = sql_get_text(q, 4),
		                                 .hash = sql_get_hash(q, 5)};
		each(context, &row);
	}
	return sql_end(s, q, why);
}

/* ---- verifying */

struct walk {
	uint64_t seq; /* of the last good row */
	struct hash hash;
	uint64_t bad; /* seq of the first row that is not what was written; 0: none */
};

static void walk_row(void *context, const struct stored_event *row)
{
	struct walk *w = context;
	struct hash expected;

	if (w->bad != 0)
		return;
	event_hash(&expected, &w->hash, row);
	if (row->seq != w->seq + 1 || !hash_equal(&expected, &row->hash)) {
		w->bad = w->seq + 1;
		return;
	}
	w->seq = row->seq;
	w->hash = row->hash;
}

/* Rows numbered 0 or below would not be walked. */
static enum err count_rows(struct store *s, uint64_t *rows, struct diag *why)
{
	struct sqlite3_stmt *q = sql_begin(s, "SELECT count(*) FROM events");

	if (sql_row(s, q))
		*rows = (uint64_t)sql_get_integer(q, 0);
	return sql_end(s, q, why);
}

enum err store_verify(struct store *s, uint64_t *events, struct hash *head, struct diag *why)
{
	struct walk w = {0};
	uint64_t head_seq = 0;
	struct hash head_hash = {{0}};
	enum err e = read_head(s, &head_seq, &head_hash, why);
	uint64_t rows = 0;

	if (e == OK)
		e = count_rows(s, &rows, why);
	if (e == OK)
		e = store_events(s, 0, UINT32_MAX, walk_row, &w, why);
	if (e != OK)
		return e;
	*events = w.seq;
	*head = w.hash;
	if (w.bad != 0)
		return diag_set(why, ERR_DATA,
		                "%s: event %llu is not what was written: it, or one before it, was "
		                "changed, moved or taken out",
		                s->path, (unsigned long long)w.bad);
	if (rows != w.seq)
		return diag_set(why, ERR_DATA, "%s: the event log holds rows that were never written", s->path);
	if (w.seq != head_seq || !hash_equal(&w.hash, &head_hash))
		return diag_set(why, ERR_DATA, "%s: the event log ends with event %llu, but %llu were written", s->path,
		                (unsigned long long)w.seq, (unsigned long long)head_seq);
	return OK;
}
