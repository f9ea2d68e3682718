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

/* Sites in any order; two equal names are refused by the caller. */
enum err federation_read_folder(struct federation *f, const struct federation_options *options,
                                struct diag *why) MUST_USE;

#endif
