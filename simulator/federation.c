/*
 * Which way the options ask for, and what all ways have in common: the order of the sites, and that there are rows at all.
 */
#include "simulator/federation_make.h"

#include "base/name.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SITES_FIRST 16 /* capacity then doubles */

struct federation_site *federation_add(struct federation *f, const char *name)
{
	CHECK(name_is_site(name) && f->count < SIMULATED_SITES_MAX);
	if (f->count == f->capacity) {
		f->capacity = f->capacity ? 2 * f->capacity : SITES_FIRST;
		f->sites = mem_resize(f->sites, f->capacity, sizeof f->sites[0]);
	}
	struct federation_site *site = &f->sites[f->count++];
	*site = (struct federation_site){0};
	memcpy(site->name, name, strlen(name));
	return site;
}

struct source federation_source(const struct federation *f, const char *path)
{
	struct source source = source_default(f->study->schema.source, path);

	source.simulated = true;
	return source;
}

void federation_free(struct federation *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		table_free(&f->sites[i].table);
	free(f->sites);
	for (uint32_t i = 0; i < f->warning_count; i++)
		free(f->warnings[i]);
	free(f->warnings);
	*f = (struct federation){0};
}

/* ---- warnings */

void federation_warn(struct federation *f, const char *fmt, ...)
{
	struct diag line;
	va_list args;

	if (f->warning_count == FEDERATION_WARNINGS_MAX) {
		f->warnings_left_out++;
		return;
	}
	va_start(args, fmt);
	diag_format(&line, fmt, args);
	va_end(args);
	f->warnings = mem_resize(f->warnings, f->warning_count + 1, sizeof f->warnings[0]);
	f->warnings[f->warning_count++] = mem_copy_text(line.text);
}

struct named {
	struct federation *federation;
	const char *name;
};

static void warn_of_line(void *context, const char *line)
{
	struct named *n = context;

	federation_warn(n->federation, "%s: %s", n->name, line);
}

void federation_warn_of_table(struct federation *f, const char *name, struct table *t)
{
	struct named named = {f, name};

	dictionary_warnings(&t->dictionary, warn_of_line, &named);
	table_drop_dictionary(t);
}

/* ---- the whole */

static enum err check_options(const struct federation_options *o, struct diag *why)
{
	if (!o->data)
		return diag_set(why, ERR_USAGE, "no data: give --data DIR, a folder with one CSV per site");
	if (o->site_column || o->partition || o->synthetic || o->sites > 0)
		return diag_set(why, ERR_USAGE, "sites from one file are not built yet: give --data DIR alone");
	return OK;
}

static enum err read_data(struct federation *f, const struct federation_options *o, struct diag *why)
{
	struct stat st;

	if (stat(o->data, &st) == 0 && !S_ISDIR(st.st_mode))
		return diag_set(why, ERR_USAGE, "%s is no folder: --data takes one with a CSV per site", o->data);
	return federation_read_folder(f, o, why);
}

static int by_name(const void *a, const void *b)
{
	const struct federation_site *left = a, *right = b;

	return name_compare(left->name, right->name);
}

static enum err check_rows(const struct federation *f, struct diag *why)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (f->sites[i].table.part_rows[PART_TRAIN] > 0)
			return OK;
	return diag_set(why, ERR_DATA, "no site has a training row that the study can use");
}

enum err federation_load(struct federation *out, const struct study *study, const struct federation_options *options,
                         struct diag *why)
{
	*out = (struct federation){.study = study};
	enum err e = check_options(options, why);
	if (e == OK)
		e = read_data(out, options, why);
	if (e == OK) {
		qsort(out->sites, out->count, sizeof out->sites[0], by_name);
		e = check_rows(out, why);
	}
	if (e != OK)
		federation_free(out);
	return e;
}
