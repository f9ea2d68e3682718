/*
 * Which way the options ask for, and what all ways have in common: the order of the sites, and that there are rows at all.
 */
#include "simulator/federation_make.h"

#include "base/name.h"
#include "simulator/synthetic.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
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

void federation_number_sites(struct site_names *out, uint32_t count)
{
	int digits = snprintf(NULL, 0, "%u", count);

	*out = (struct site_names){.items = mem_array(count, sizeof out->items[0]), .count = count};
	for (uint32_t i = 0; i < count; i++)
		snprintf(out->items[i], sizeof out->items[i], "site-%0*u", digits, i + 1);
}

static bool has_one_value(const struct table *t)
{
	float first = NAN;

	for (uint32_t i = 0; i < t->rows; i++) {
		if (t->parts[i] != PART_TRAIN)
			continue;
		if (!isnan(first) && t->values[i] != first)
			return false;
		first = t->values[i];
	}
	return true;
}

static bool has_one_class(const struct table *t)
{
	uint32_t first = UINT32_MAX;

	if (t->values != NULL)
		return has_one_value(t);
	for (uint32_t i = 0; i < t->rows; i++) {
		if (t->parts[i] != PART_TRAIN)
			continue;
		if (first == UINT32_MAX)
			first = t->classes[i];
		else if (t->classes[i] != first)
			return false;
	}
	return true;
}

/* How many are poor, and in what. */
static void warn_of_poor_sites(struct federation *f)
{
	uint32_t one_class = 0, no_test = 0, no_train = 0;

	for (uint32_t i = 0; i < f->count; i++) {
		const struct table *t = &f->sites[i].table;
		no_train += t->part_rows[PART_TRAIN] == 0;
		no_test += t->part_rows[PART_TEST] == 0;
		one_class += t->part_rows[PART_TRAIN] > 0 && has_one_class(t);
	}
	if (no_train > 0)
		federation_warn(f, "no training row at %u of %u sites", no_train, f->count);
	if (one_class > 0)
		federation_warn(f, "one class of the label among the training rows of %u of %u sites", one_class,
		                f->count);
	if (no_test > 0)
		federation_warn(f, "no test row at %u of %u sites", no_test, f->count);
}

/* ---- the whole */

static enum err check_options(const struct federation_options *o, struct diag *why)
{
	if (o->synthetic && (o->data || o->site_column || o->partition || o->sites > 0))
		return diag_set(why, ERR_USAGE,
		                "--synthetic makes rows and sites of its own; leave out --data, --site-column, "
		                "--partition and --sites");
	if (!o->synthetic && !o->data)
		return diag_set(why, ERR_USAGE,
		                "no data: give --data DIR with a CSV per site, --data FILE with --site-column or "
		                "--partition, or --synthetic SITESxROWS");
	if (o->site_column && o->partition)
		return diag_set(why, ERR_USAGE, "--site-column and --partition both say where a row goes; give one");
	if (o->sites > 0 && !o->partition)
		return diag_set(why, ERR_USAGE, "--sites belongs to --partition: iid, for example");
	return OK;
}

static enum err make_rows(struct federation *f, const struct federation_options *o, struct diag *why)
{
	uint32_t sites, rows;
	struct site_names names;
	enum err e = synthetic_parse(&sites, &rows, o->synthetic, why);

	if (e != OK)
		return e;
	struct synthetic *truth = synthetic_new(&f->study->schema, o->seed);
	federation_number_sites(&names, sites);
	for (uint32_t i = 0; i < sites; i++)
		synthetic_site(&federation_add(f, names.items[i])->table, truth, i, rows);
	free(names.items);
	synthetic_free(truth);
	return OK;
}

static enum err read_data(struct federation *f, const struct federation_options *o, struct diag *why)
{
	struct stat st;
	bool spread = o->site_column || o->partition;

	if (o->synthetic)
		return make_rows(f, o, why);
	if (stat(o->data, &st) != 0)
		return diag_errno(why, errno, "--data %s", o->data);
	if (S_ISDIR(st.st_mode) && spread)
		return diag_set(why, ERR_USAGE,
		                "%s is a folder, whose files are the sites; %s is for one file with the rows of all",
		                o->data, o->partition ? "--partition" : "--site-column");
	if (!S_ISDIR(st.st_mode) && !spread)
		return diag_set(why, ERR_USAGE,
		                "%s is one file: say --site-column NAME if a column names the site, or --partition iid "
		                "--sites N to spread its rows",
		                o->data);
	return S_ISDIR(st.st_mode) ? federation_read_folder(f, o, why) : federation_read_file(f, o, why);
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
		if (out->count > 0) { /* no more are added: up to half of the memory goes back */
			out->sites = mem_resize(out->sites, out->count, sizeof out->sites[0]);
			out->capacity = out->count;
		}
		qsort(out->sites, out->count, sizeof out->sites[0], by_name);
		e = check_rows(out, why);
		if (options->synthetic || options->partition ||
		    options->site_column) /* single sites were not warned of */
			warn_of_poor_sites(out);
	}
	if (e != OK)
		federation_free(out);
	return e;
}
