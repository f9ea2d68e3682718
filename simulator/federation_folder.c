/*
 * A folder with one CSV per site. Files are looked at in the order of their names, so that of several faults always the
 * same one is told.
 */
#include "simulator/federation_make.h"

#include "base/name.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	char *file; /* its name in the folder */
	char site[NAME_SIZE];
};

struct listing {
	const char *folder;
	struct entry *entries;
	uint32_t count;
};

static void listing_free(struct listing *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		free(l->entries[i].file);
	free(l->entries);
}

static int by_file(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	return strcmp(left->file, right->file);
}

static int by_site(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	return name_compare(left->site, right->site);
}

static void sort(struct listing *l, int (*order)(const void *, const void *))
{
	if (l->count > 0)
		qsort(l->entries, l->count, sizeof l->entries[0], order);
}

/* All that is in the folder, but for hidden files. */
static enum err list(struct listing *l, struct diag *why)
{
	DIR *dir = opendir(l->folder);

	if (!dir) {
		(void)diag_errno(why, errno, "--data %s cannot be listed", l->folder);
		return ERR_NO_INPUT;
	}
	for (struct dirent *d; (d = readdir(dir)) != NULL;) {
		if (d->d_name[0] == '.')
			continue;
		l->entries = mem_resize(l->entries, l->count + 1, sizeof l->entries[0]);
		l->entries[l->count++] = (struct entry){.file = mem_copy_text(d->d_name)};
	}
	closedir(dir);
	sort(l, by_file);
	return OK;
}

/* ---- from files to sites */

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), tail = strlen(end);

	return len > tail && strcmp(text + len - tail, end) == 0;
}

/* Length of the stem of NAME.csv or NAME.csv.gz; 0 for another file. */
static size_t stem_length(const char *file)
{
	if (ends_with(file, ".csv"))
		return strlen(file) - strlen(".csv");
	return ends_with(file, ".csv.gz") ? strlen(file) - strlen(".csv.gz") : 0;
}

static enum err name_site(const struct listing *l, struct entry *entry, size_t len, struct diag *why)
{
	if (len < NAME_SIZE)
		memcpy(entry->site, entry->file, len);
	if (!name_is_site(entry->site))
		return diag_set(why, ERR_DATA,
		                "%s/%s: its name gives no site's name; before .csv there may be at most %d letters, "
		                "digits, '.', '_' and '-', the first a letter or digit",
		                l->folder, entry->file, NAME_SIZE - 1);
	return OK;
}

/* Keeps the CSV files and names their sites. */
static enum err name_sites(struct federation *f, struct listing *l, struct diag *why)
{
	uint32_t kept = 0;
	enum err e = OK;

	for (uint32_t i = 0; i < l->count; i++) {
		struct entry entry = l->entries[i];
		size_t len = stem_length(entry.file);
		if (len == 0)
			federation_warn(f, "%s/%s is left out: it is no .csv and no .csv.gz", l->folder, entry.file);
		if (len > 0 && e == OK)
			e = name_site(l, &entry, len, why);
		if (len > 0)
			l->entries[kept++] = entry;
		else
			free(entry.file);
	}
	l->count = kept;
	return e;
}

static enum err check_names(const struct listing *l, struct diag *why)
{
	if (l->count == 0)
		return diag_set(why, ERR_NO_INPUT, "%s: no .csv or .csv.gz in it; there must be one for each site",
		                l->folder);
	if (l->count > SIMULATED_SITES_MAX)
		return diag_set(why, ERR_LIMIT, "%s: %u files; at most %d sites", l->folder, l->count,
		                SIMULATED_SITES_MAX);
	for (uint32_t i = 1; i < l->count; i++)
		if (by_site(&l->entries[i - 1], &l->entries[i]) == 0)
			return diag_set(why, ERR_DATA, "%s: %s and %s are of one site; rename one", l->folder,
			                l->entries[i - 1].file, l->entries[i].file);
	return OK;
}

static enum err read_site(struct federation *f, const struct listing *l, const struct entry *entry, struct diag *why)
{
	char path[PATH_SIZE];
	struct table table;

	if (snprintf(path, sizeof path, "%s/%s", l->folder, entry->file) >= (int)sizeof path)
		return diag_set(why, ERR_LIMIT, "--data: the path is longer than %d bytes", PATH_SIZE - 1);
	struct source source = federation_source(f, path);
	enum err e = table_load(&table, &f->study->schema, &source, why);
	if (e != OK)
		return e;
	federation_warn_of_table(f, entry->site, &table);
	federation_add(f, entry->site)->table = table;
	return OK;
}

enum err federation_read_folder(struct federation *f, const struct federation_options *options, struct diag *why)
{
	struct listing l = {.folder = options->data};
	enum err e = list(&l, why);

	if (e == OK)
		e = name_sites(f, &l, why);
	if (e == OK) {
		sort(&l, by_site);
		e = check_names(&l, why);
	}
	for (uint32_t i = 0; e == OK && i < l.count; i++)
		e = read_site(f, &l, &l.entries[i], why);
	listing_free(&l);
	return e;
}
