#include "client/extract.h"

#include <errno.h>
#include <string.h>

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

static bool is_same_file(const struct extract *x, const struct stat *now)
{
	return x->loaded && now->st_size == x->size && now->st_ino == x->inode &&
	       now->st_mtim.tv_sec == x->modified.tv_sec && now->st_mtim.tv_nsec == x->modified.tv_nsec;
}

static enum refusal load(struct extract *x, const struct source *source, const struct stat *now, struct diag *why)
{
	struct hash fingerprint;

	if (approval_fingerprint(&fingerprint, x->config->state, source->path, why) != OK)
		return REFUSAL_DATA_UNREADABLE;
	if (x->config->policy.ask_on_data_change && !hash_equal(&fingerprint, &x->approved)) {
		diag_set(why, ERR_REFUSED,
		         "%s is not the file that was approved; look at it with `cohort-client check %s` and approve "
		         "the study again "
		         "(or set on_data_change: continue in policy.yaml)",
		         source->path, x->study->name);
		return REFUSAL_DATA_CHANGED;
	}
	if (table_load(&x->table, &x->study->schema, source, why) != OK)
		return REFUSAL_DATA_UNREADABLE;
	x->loaded = true;
	x->modified = now->st_mtim;
	x->size = now->st_size;
	x->inode = now->st_ino;
	return REFUSAL_NONE;
}

enum refusal extract_refresh(struct extract *x, bool *changed, struct diag *why)
{
	const struct source *source;
	struct stat now;

	*changed = false;
	if (client_config_source(&source, x->config, x->study, why) != OK)
		return REFUSAL_DATA_UNREADABLE;
	if (stat(source->path, &now) != 0) {
		diag_set(why, ERR_NO_INPUT, "%s: %s", source->path, strerror(errno));
		return REFUSAL_DATA_UNREADABLE;
	}
	if (is_same_file(x, &now))
		return REFUSAL_NONE;
	table_free(&x->table);
	memset(&x->table, 0, sizeof x->table);
	x->loaded = false;
	*changed = true;
	return load(x, source, &now, why);
}
