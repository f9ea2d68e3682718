#include "client/contract.h"

#include "base/file.h"
#include "client/state.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER "contracts"
#define SUFFIX ".json"

static enum err file_of(char path[PATH_SIZE], const char *state, const struct hash *study_hash, struct diag *why)
{
	char name[sizeof FOLDER "/" SUFFIX + HASH_HEX_SIZE], hex[HASH_HEX_SIZE];

	hash_hex(hex, study_hash);
	snprintf(name, sizeof name, FOLDER "/%s" SUFFIX, hex);
	return state_path(path, state, name, why);
}

enum err contract_store(const char *state, const struct study *study, struct diag *why)
{
	char path[PATH_SIZE];
	enum err e = state_folder(path, state, FOLDER, why);

	if (e == OK)
		e = file_of(path, state, &study->hash, why);
	return e == OK ? file_replace(path, buf_bytes(&study->canonical), 0600, why) : e;
}

static enum err read_contract(struct study *out, const char *path, const struct hash *study_hash, struct diag *why)
{
	struct buf text = {0};
	enum err e = file_read(&text, path, CONTRACT_MAX, why);

	if (e == OK) {
		e = study_from_canonical(out, buf_bytes(&text), why);
		if (e != OK)
			e = diag_prefix(why, e, "%s", path);
	}
	if (e == OK && !hash_equal(&out->hash, study_hash)) {
		study_free(out);
		e = diag_set(why, ERR_DATA, "%s: is not the contract that its name says; fetch it again", path);
	}
	buf_free(&text);
	return e;
}

enum err contract_load(struct study *out, const char *state, const struct hash *study_hash, struct diag *why)
{
	char path[PATH_SIZE], hex[HASH_HEX_SIZE];
	struct stat st;
	enum err e = file_of(path, state, study_hash, why);

	memset(out, 0, sizeof *out);
	if (e != OK)
		return e;
	hash_hex(hex, study_hash);
	if (stat(path, &st) != 0)
		return diag_set(why, ERR_NOT_FOUND, "no contract %s was fetched into %s", hex, state);
	return read_contract(out, path, study_hash, why);
}

/* HASH.json, and nothing else. */
static bool is_contract(struct hash *out, const char *name)
{
	char hex[HASH_HEX_SIZE];

	if (strlen(name) != HASH_HEX_SIZE - 1 + strlen(SUFFIX) || strcmp(name + HASH_HEX_SIZE - 1, SUFFIX) != 0)
		return false;
	memcpy(hex, name, sizeof hex - 1);
	hex[sizeof hex - 1] = '\0';
	return hash_from_hex(out, hex);
}

/* A study that was read, and when its file was written. */
struct visit {
	void (*tell)(struct visit *v, struct study *study, const struct timespec *written);
	void (*each)(void *context, const struct study *study);
	void *context;
	const char *name; /* wanted */
	struct study found;
	struct timespec found_written;
};

static void visit_all(struct visit *v, const char *state)
{
	char folder[PATH_SIZE], path[PATH_SIZE];
	struct dirent *entry;
	DIR *dir;

	if (state_path(folder, state, FOLDER, NULL) != OK || (dir = opendir(folder)) == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		struct study study = {0};
		struct hash hash;
		struct stat st;

		if (is_contract(&hash, entry->d_name) && file_of(path, state, &hash, NULL) == OK &&
		    stat(path, &st) == 0 && read_contract(&study, path, &hash, NULL) == OK)
			v->tell(v, &study, &st.st_mtim);
		study_free(&study);
	}
	closedir(dir);
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static void keep_newest(struct visit *v, struct study *study, const struct timespec *written)
{
	struct study *best = &v->found;

	if (strcmp(study->name, v->name) != 0)
		return;
	if (best->name != NULL && (study->revision < best->revision ||
	                           (study->revision == best->revision && !is_later(written, &v->found_written))))
		return;
	study_free(best);
	*best = *study;
	memset(study, 0, sizeof *study);
	v->found_written = *written;
}

enum err contract_find(struct study *out, const char *state, const char *name, struct diag *why)
{
	struct visit v = {.tell = keep_newest, .name = name};

	visit_all(&v, state);
	*out = v.found;
	if (out->name == NULL)
		return diag_set(why, ERR_NOT_FOUND,
		                "no contract of a study %s was fetched; run: cohort-client fetch %s", name, name);
	return OK;
}

static void tell_each(struct visit *v, struct study *study, const struct timespec *written)
{
	(void)written;
	v->each(v->context, study);
}

void contract_each(const char *state, void (*tell)(void *context, const struct study *study), void *context)
{
	struct visit v = {.tell = tell_each, .each = tell, .context = context};

	visit_all(&v, state);
}
