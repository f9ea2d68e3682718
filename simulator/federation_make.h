/*
 * The ways in which sites are made, each in its file, and what they share; for simulator/federation.c alone.
 */
#ifndef COHORT_SIMULATOR_FEDERATION_MAKE_H
#define COHORT_SIMULATOR_FEDERATION_MAKE_H

#include "simulator/federation.h"

/* A new site, its table zeroed, in any order of names; valid until the next one. `name` is a site's name. */
struct federation_site *federation_add(struct federation *f, const char *name);

/* The file at `path`, read in the study's own words. Borrows `path`. */
struct source federation_source(const struct federation *f, const char *path);

void federation_warn(struct federation *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* What a table's dictionary warns of, each line behind "NAME: "; then the dictionary is dropped. */
void federation_warn_of_table(struct federation *f, const char *name, struct table *t);

/* ---- names of sites that are no files */

#define SITE_NONE UINT32_MAX /* a row's site: it has none */

struct site_names {
	char (*items)[NAME_SIZE]; /* freed by whoever made it */
	uint32_t count;
};

/* "site-01" ... "site-12": as many digits as the last one has, so that the order of names is that of numbers. */
void federation_number_sites(struct site_names *out, uint32_t count);

/* The sites that a column names, no two alike, in order of appearance, and site_of[whole->rows] with the index of each row's
 * site or SITE_NONE. The column is found by its header, and its cells by whole->records. ERR_DATA with the place. */
enum err federation_sites_of_column(uint32_t *site_of, struct site_names *out, const struct table *whole,
                                    const struct source *source, const char *column, struct diag *why) MUST_USE;

/* ---- the ways: sites with different names, in any order. After a failure there may be some. */

enum err federation_read_folder(struct federation *f, const struct federation_options *options,
                                struct diag *why) MUST_USE;
enum err federation_read_file(struct federation *f, const struct federation_options *options,
                              struct diag *why) MUST_USE;

#endif
