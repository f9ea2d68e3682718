#include "client/models.h"

#include "client/state.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "models"
#define SUFFIX ".safetensors"
#define NAME_MAX_BYTES (2 * HASH_HEX_SIZE + sizeof SUFFIX)

static void name_of(char name[NAME_MAX_BYTES], const struct hash *study_hash, const struct hash *model)
{
	char study_hex[HASH_HEX_SIZE], model_hex[HASH_HEX_SIZE];

	hash_hex(study_hex, study_hash);
	hash_hex(model_hex, model);
	snprintf(name, NAME_MAX_BYTES, "%s-%s" SUFFIX, study_hex, model_hex);
}

enum err models_path(char path[PATH_SIZE], const char *state, const struct hash *study_hash, const struct hash *model,
                     struct diag *why)
{
	char folder[PATH_SIZE], name[NAME_MAX_BYTES];
	enum err e = state_folder(folder, state, FOLDER, why);

	if (e != OK)
		return e;
	name_of(name, study_hash, model);
	return state_path(path, folder, name, why);
}

/* Every file of the study, a part as well. */
static void each(const char *state, const struct hash *study_hash,
                 void (*tell)(void *context, DIR *folder, const char *name), void *context)
{
	char folder[PATH_SIZE], hex[HASH_HEX_SIZE];
	struct dirent *entry;
	DIR *dir;

	hash_hex(hex, study_hash);
	if (state_path(folder, state, FOLDER, NULL) != OK || (dir = opendir(folder)) == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, hex, HASH_HEX_SIZE - 1) == 0)
			tell(context, dir, entry->d_name);
	closedir(dir);
}

static void remove_other(void *context, DIR *folder, const char *name)
{
	if (strcmp(name, context) != 0)
		unlinkat(dirfd(folder), name, 0);
}

void models_keep_only(const char *state, const struct hash *study_hash, const struct hash *model)
{
	char name[NAME_MAX_BYTES];

	name_of(name, study_hash, model);
	each(state, study_hash, remove_other, name);
}

struct newest {
	struct hash model;
	struct timespec written;
	bool found;
};

static void keep_newest(void *context, DIR *folder, const char *name)
{
	struct newest *n = context;
	const char *hex_at = name + HASH_HEX_SIZE; /* behind the study's hash and its dash */
	char hex[HASH_HEX_SIZE];
	struct stat st;
	struct hash model;

	if (strlen(name) != NAME_MAX_BYTES - 2 || strcmp(hex_at + HASH_HEX_SIZE - 1, SUFFIX) != 0)
		return;
	memcpy(hex, hex_at, sizeof hex - 1);
	hex[sizeof hex - 1] = '\0';
	if (!hash_from_hex(&model, hex) || fstatat(dirfd(folder), name, &st, 0) != 0)
		return;
	if (n->found && (st.st_mtim.tv_sec < n->written.tv_sec ||
	                 (st.st_mtim.tv_sec == n->written.tv_sec && st.st_mtim.tv_nsec < n->written.tv_nsec)))
		return;
	*n = (struct newest){model, st.st_mtim, true};
}

bool models_newest(struct hash *model, const char *state, const struct hash *study_hash)
{
	struct newest n = {.found = false};

	each(state, study_hash, keep_newest, &n);
	*model = n.model;
	return n.found;
}
