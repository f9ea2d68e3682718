#include "simulator/run_folders.h"

#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static enum err append(struct run_folders *f, const char *path, struct diag *why)
{
	if (f->count == RUN_FOLDERS_MAX)
		return diag_set(why, ERR_LIMIT, "%s: there are more than %d runs", path, RUN_FOLDERS_MAX);
	if (f->count == f->room) {
		f->room = f->room > 0 ? 2 * f->room : 16;
		f->paths = mem_resize(f->paths, f->room, sizeof *f->paths);
	}
	f->paths[f->count++] = mem_copy_text(path);
	return OK;
}

static int not_dotted(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	int order = strverscmp((*a)->d_name, (*b)->d_name); /* seed-2 before seed-10 */

	return order != 0 ? order : strcmp((*a)->d_name, (*b)->d_name);
}

static enum err search(struct run_folders *f, const char *path, unsigned depth, struct diag *why)
{
	struct dirent **entries = NULL;
	char inside[PATH_SIZE];
	enum err e = OK;

	if (snprintf(inside, sizeof inside, "%s/run.json", path) >= (int)sizeof inside)
		return diag_set(why, ERR_USAGE, "%s: this path is too long", path);
	if (access(inside, F_OK) == 0)
		return append(f, path, why);
	if (depth == RUN_FOLDERS_DEPTH)
		return OK;
	int count = scandir(path, &entries, not_dotted, by_name);
	if (count < 0)
		return diag_errno(why, errno, "%s", path);
	for (int i = 0; i < count; i++) {
		if (e == OK &&
		    snprintf(inside, sizeof inside, "%s/%s", path, entries[i]->d_name) < (int)sizeof inside &&
		    is_folder(inside))
			e = search(f, inside, depth + 1, why);
		free(entries[i]);
	}
	free(entries);
	return e;
}

enum err run_folders_add(struct run_folders *f, const char *path, struct diag *why)
{
	size_t before = f->count, length = strlen(path);
	char plain[PATH_SIZE];
	enum err e;

	while (length > 1 && path[length - 1] == '/')
		length--; /* as a shell completes it */
	if (length >= sizeof plain)
		return diag_set(why, ERR_USAGE, "%s: this path is too long", path);
	snprintf(plain, sizeof plain, "%.*s", (int)length, path);
	e = search(f, plain, 0, why);
	if (e == OK && f->count == before)
		return diag_set(why, ERR_NO_INPUT,
		                "%s: no run here, nor in the folders below it; `cohort-sim run --out DIR` makes one",
		                path);
	return e;
}

void run_folders_free(struct run_folders *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->paths[i]);
	free(f->paths);
	*f = (struct run_folders){0};
}
