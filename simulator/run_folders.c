#include "simulator/run_folders.h"

#include "base/limits.h"
#include "simulator/sheet.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
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

/* ---- a sweep's own order */

struct ranked {
	struct dirent *entry;
	size_t rank, index;
};

static int by_entry_name(const void *name, const void *item)
{
	const char *other = ((const struct ranked *)item)->entry->d_name;
	int order = strverscmp(name, other);

	return order != 0 ? order : strcmp(name, other);
}

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

/* "b" of "out/b/seed-1": the combination's folder. */
static void combination_of(char out[NAME_MAX + 1], const char *path)
{
	const char *end = strrchr(path, '/'), *begin = end;

	while (begin != NULL && begin > path && begin[-1] != '/')
		begin--;
	snprintf(out, NAME_MAX + 1, "%.*s", begin != NULL ? (int)(end - begin) : 0, begin != NULL ? begin : "");
}

static void rank(struct ranked *entries, size_t count, const struct sheet *sweep, uint32_t path)
{
	char name[NAME_MAX + 1];

	for (size_t row = 0; row < sweep->rows; row++) {
		combination_of(name, sheet_text(sweep, row, path));
		struct ranked *found = bsearch(name, entries, count, sizeof *entries, by_entry_name);
		if (found != NULL && found->rank > row)
			found->rank = row;
	}
}

/* Folders that the sweep.csv beside them names come in its order, which is the grid's; the others behind them, by name. A table that
 * cannot be read orders nothing. */
static void order_as_swept(struct dirent **entries, size_t count, const char *folder)
{
	struct sheet sweep = {0};
	struct diag why;
	char path[PATH_SIZE];
	uint32_t column;

	if (count == 0 || snprintf(path, sizeof path, "%s/sweep.csv", folder) >= (int)sizeof path ||
	    access(path, R_OK) != 0)
		return;
	if (sheet_read(&sweep, path, &why) == OK && sheet_find(&sweep, "path", &column)) {
		struct ranked *items = mem_array(count, sizeof *items);

		for (size_t i = 0; i < count; i++)
			items[i] = (struct ranked){entries[i], SIZE_MAX, i};
		rank(items, count, &sweep, column);
		qsort(items, count, sizeof *items, by_rank);
		for (size_t i = 0; i < count; i++)
			entries[i] = items[i].entry;
		free(items);
	}
	sheet_free(&sweep);
}

/* ---- looking below */

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
	order_as_swept(entries, (size_t)count, path);
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
