#include "client/extract.h"

#include "base/log.h"
#include "client/fingerprint.h"

#include <errno.h>
#include <string.h>

static enum err take_stamp(struct extract_stamp *out, const char *path, struct diag *why)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return diag_set(why, ERR_NO_INPUT, "%s: %s", path, strerror(errno));
	*out = (struct extract_stamp){st.st_mtim, st.st_size, st.st_ino};
	return OK;
}

static bool same_stamp(const struct extract_stamp *a, const struct extract_stamp *b)
{
	return a->size == b->size && a->inode == b->inode && a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec;
}

/* What was read under `before` is of one file only if nobody wrote meanwhile. */
static enum err check_unchanged(const struct extract_stamp *before, const char *path, struct diag *why)
{
	struct extract_stamp after = {0};
	enum err e = take_stamp(&after, path, why);

	if (e == OK && !same_stamp(before, &after))
		e = diag_set(why, ERR_AGAIN,
		             "%s: changed while it was read; write a new extract beside it and rename it", path);
	return e;
}

static enum err read_rows(struct table *out, const struct study *study, const struct source *source,
                          const struct extract_stamp *before, struct diag *why)
{
	enum err e = table_load(out, &study->schema, source, why);

	if (e == OK)
		e = check_unchanged(before, source->path, why);
	if (e != OK) {
		table_free(out);
		memset(out, 0, sizeof *out);
	}
	return e;
}

enum err extract_read(struct table *out, struct extract_stamp *stamp, const struct client_config *config,
                      const struct study *study, struct diag *why)
{
	const struct source *source;
	enum err e = client_config_source(&source, config, study, why);

	memset(out, 0, sizeof *out);
	if (e == OK)
		e = take_stamp(stamp, source->path, why);
	return e == OK ? read_rows(out, study, source, stamp, why) : e;
}

enum err extract_fingerprint(struct hash *out, const struct extract_stamp *stamp, const struct client_config *config,
                             const struct study *study, struct diag *why)
{
	const struct source *source;
	enum err e = client_config_source(&source, config, study, why);

	if (e == OK)
		e = fingerprint_file(out, config->state, source->path, why);
	return e == OK ? check_unchanged(stamp, source->path, why) : e;
}

void extract_init(struct extract *x, const struct client_config *config, const struct study *study,
                  const struct hash *approved)
{
	memset(x, 0, sizeof *x);
	x->config = config;
	x->study = study;
	x->approved = *approved;
}

void extract_free(struct extract *x)
{
	table_free(&x->table);
	memset(x, 0, sizeof *x);
}

static enum refusal say_changed(const struct extract *x, const struct source *source, struct diag *why)
{
	diag_set(why, ERR_REFUSED,
	         "%s is not the file that was approved; look at it with `cohort-client check %s` and approve the study "
	         "again (or set on_data_change: continue in policy.yaml)",
	         source->path, x->study->name);
	return REFUSAL_DATA_CHANGED;
}

/* Who was a training patient would be evaluated: the ledger takes the two for different people. */
static bool parts_may_move(const struct study *s)
{
	bool within = s->privacy.mechanism != PRIVACY_NONE && s->privacy.unit != UNIT_SITE;

	return within && s->evaluation != EVALUATION_NONE &&
	       (s->schema.split.column != NULL || s->schema.patient_id == NULL);
}

static enum refusal say_moved(const struct extract *x, const struct source *source, struct diag *why)
{
	diag_set(why, ERR_REFUSED,
	         "%s is not the file that was approved, and a row may come into another part of study %s's split, "
	         "which no "
	         "patient id decides; approve it again only if no patient has moved between training and test",
	         source->path, x->study->name);
	return REFUSAL_DATA_CHANGED;
}

static enum refusal refuse_changed(const struct extract *x, const struct source *source, struct diag *why)
{
	return parts_may_move(x->study) ? say_moved(x, source, why) : say_changed(x, source, why);
}

static void forget_rows(struct extract *x)
{
	table_free(&x->table);
	memset(&x->table, 0, sizeof x->table);
	x->loaded = x->refused = false;
}

/* Under privacy no cell may decide whether a round is answered, or move more than its own row: a row that is not as the study says
 * leaves by itself, for if its file did, one patient would move the sum by everybody. A changed file that is no table of the study
 * counts as one without rows. Only this hospital's people hear of it: the coordinator gets as many words as ever, with the noise
 * in them. */
static void say_dropped(const struct extract *x, const struct source *source)
{
	log_error("study %s: %s: %llu of its rows are not as the study says and are left out; `cohort-client check "
	          "%s` names the first",
	          x->study->name, source->path, (unsigned long long)x->table.dictionary.dropped[DROPPED_WRONG],
	          x->study->name);
}

static enum refusal go_on_without_rows(struct extract *x, const struct diag *why)
{
	log_error("study %s: %s; until this is put right the hospital answers as one without rows", x->study->name,
	          why->text);
	table_make(&x->table, &x->study->schema, 0);
	x->loaded = true;
	return REFUSAL_NONE;
}

static enum refusal load(struct extract *x, const struct source *source, struct diag *why)
{
	bool is_private = x->study->privacy.mechanism != PRIVACY_NONE;
	struct source logged = *source;
	struct hash fingerprint;
	struct diag words = {{0}};
	enum err e;

	if (fingerprint_file(&fingerprint, x->config->state, source->path, why) != OK)
		return REFUSAL_DATA_UNREADABLE;
	if ((x->config->policy.ask_on_data_change || parts_may_move(x->study)) &&
	    !hash_equal(&fingerprint, &x->approved)) {
		x->refused = true;
		return refuse_changed(x, source, why);
	}
	logged.hide_cells = true;
	logged.drop_wrong = is_private;
	e = read_rows(&x->table, x->study, &logged, &x->stamp, &words);
	if (is_private && (e == ERR_DATA || e == ERR_LIMIT)) /* what it holds, and not whether it can be read */
		return go_on_without_rows(x, &words);
	if (e != OK) {
		diag_set(why, e, "%s", words.text);
		return REFUSAL_DATA_UNREADABLE;
	}
	if (x->table.dictionary.dropped[DROPPED_WRONG] > 0)
		say_dropped(x, source);
	x->loaded = true;
	return REFUSAL_NONE;
}

enum refusal extract_refresh(struct extract *x, bool *changed, struct diag *why)
{
	const struct source *source;
	struct extract_stamp now;

	*changed = false;
	if (client_config_source(&source, x->config, x->study, why) != OK || take_stamp(&now, source->path, why) != OK)
		return REFUSAL_DATA_UNREADABLE;
	if (same_stamp(&now, &x->stamp) && x->loaded)
		return REFUSAL_NONE;
	if (same_stamp(&now, &x->stamp) && x->refused)
		return refuse_changed(x, source, why);
	*changed = x->loaded;
	forget_rows(x);
	x->stamp = now;
	return load(x, source, why);
}
