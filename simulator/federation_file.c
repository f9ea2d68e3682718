/*
 * Sites from one file. The whole file is read once, as one hospital would read it, so splits, patients and warnings are
 * those of the file whatever the sites; then its rows are taken apart.
 */
#include "simulator/federation_make.h"

#include "simulator/partition.h"

#include <stdio.h>
#include <stdlib.h>

/* Tables of the sites from the whole one: row i goes to site_of[i]. */
static void spread(struct federation *f, const struct table *whole, const uint32_t *site_of,
                   const struct site_names *names)
{
	uint32_t count = names->count;
	uint32_t *ends = mem_array((size_t)count + 1, sizeof *ends);
	uint32_t *rows = mem_array(whole->rows, sizeof *rows);

	for (uint32_t i = 0; i < whole->rows; i++)
		if (site_of[i] != SITE_NONE)
			ends[site_of[i] + 1]++;
	for (uint32_t site = 0; site < count; site++)
		ends[site + 1] += ends[site];
	for (uint32_t i = 0; i < whole->rows; i++) /* ends[site] is where the site's next row goes */
		if (site_of[i] != SITE_NONE)
			rows[ends[site_of[i]]++] = i;
	for (uint32_t site = 0, from = 0; site < count; from = ends[site++])
		table_take(&federation_add(f, names->items[site])->table, whole, rows + from, ends[site] - from);
	free(ends);
	free(rows);
}

/* ---- by a column */

static void warn_of_rows_without(struct federation *f, const uint32_t *site_of, uint32_t rows, const char *path,
                                 const char *column)
{
	uint32_t without = 0;

	for (uint32_t i = 0; i < rows; i++)
		without += site_of[i] == SITE_NONE;
	if (without > 0)
		federation_warn(f, "%s: %u row%s without a site in column \"%s\" left out", path, without,
		                without == 1 ? "" : "s", column);
}

/* `expected`: 0, or how many sites there must be. */
static enum err by_column(struct federation *f, const struct table *whole, const struct source *source,
                          const char *column, uint32_t expected, struct diag *why)
{
	uint32_t *site_of = mem_array(whole->rows, sizeof *site_of);
	struct site_names names = {0};
	enum err e = federation_sites_of_column(site_of, &names, whole, source, column, why);

	if (e == OK && expected > 0 && names.count != expected)
		e = diag_set(why, ERR_USAGE, "--sites %u: column \"%s\" has %u; leave --sites out", expected, column,
		             names.count);
	if (e == OK) {
		warn_of_rows_without(f, site_of, whole->rows, source->path, column);
		spread(f, whole, site_of, &names);
	}
	free(names.items);
	free(site_of);
	return e;
}

/* ---- the partition */

static enum err by_partition(struct federation *f, const struct table *whole, const struct partition *p, uint32_t sites,
                             uint64_t seed, struct diag *why)
{
	uint32_t *site_of = mem_array(whole->rows, sizeof *site_of);
	struct site_names names = {0};
	enum err e = partition_assign(site_of, whole, p, sites, seed, why);

	if (e == OK) {
		federation_number_sites(&names, sites);
		spread(f, whole, site_of, &names);
	}
	free(names.items);
	free(site_of);
	return e;
}

/* ---- the whole */

enum err federation_read_file(struct federation *f, const struct federation_options *o, struct diag *why)
{
	struct partition p = {.kind = PARTITION_COLUMN, .column = o->site_column};
	struct source source = federation_source(f, o->data);
	struct table whole;
	enum err e = o->partition ? partition_parse(&p, o->partition, why) : OK;

	if (e == OK && p.kind != PARTITION_COLUMN && o->sites == 0)
		e = diag_set(why, ERR_USAGE, "--partition %s needs --sites N, the number of sites, at least 1",
		             o->partition);
	if (e == OK)
		e = table_load(&whole, &f->study->schema, &source, why);
	if (e != OK)
		return e;
	federation_warn_of_table(f, o->data, &whole);
	e = p.kind == PARTITION_COLUMN ? by_column(f, &whole, &source, p.column, o->sites, why)
	                               : by_partition(f, &whole, &p, o->sites, o->seed, why);
	table_free(&whole);
	return e;
}
