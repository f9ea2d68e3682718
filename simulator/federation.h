/*
 * The simulated federation: every site's rows in memory, made from what a person has at hand.
 *
 *   --data DIR                               one CSV (or .csv.gz) with a header per site; the site's name is the file's stem
 *   --data FILE --site-column NAME           one CSV; the column holds the site's name
 *   --data FILE --partition HOW --sites N    one CSV, spread over N sites (simulator/partition.h)
 *   --synthetic SITESxROWS                   rows drawn from the study's own terms (simulator/synthetic.h)
 *
 * A file is read in the study's own words: comma, decimal point, UTF-8, nothing mapped. What a site holds beside its rows
 * is its name, a table's counts and a few allocations: less than 1 KiB, whatever the study. No table has a dictionary.
 */
#ifndef COHORT_SIMULATOR_FEDERATION_H
#define COHORT_SIMULATOR_FEDERATION_H

#include "base/limits.h"
#include "data/table.h"
#include "protocol/study.h"

#define FEDERATION_WARNINGS_MAX 100 /* a person reads no more; the others are counted */

struct federation_site {
	char name[NAME_SIZE];
	struct table table;
};

struct federation {
	const struct study *study; /* borrowed; its schema is every table's */
	struct federation_site *sites; /* ascending by name_compare, no two equal; a site's number is its index + 1 */
	uint32_t count, capacity;
	char **warnings; /* one line each, for a person */
	uint32_t warning_count, warnings_left_out;
};

/* As on the command line; a text that was not given is NULL, a number 0. */
struct federation_options {
	const char *data; /* folder or file */
	const char *site_column;
	const char *partition;
	uint32_t sites;
	const char *synthetic;
	uint64_t seed; /* of the partition and of what is drawn; never of the study's split */
};

/* Makes the sites. One class, no test row, three rows, no row at all: all of that may be at a site, but not at every one.
 * ERR_USAGE when the options contradict one another or lack something; ERR_NO_INPUT, ERR_DATA, ERR_LIMIT with the place. On
 * failure `out` is zeroed. */
enum err federation_load(struct federation *out, const struct study *study, const struct federation_options *options,
                         struct diag *why) MUST_USE;
void federation_free(struct federation *f); /* accepts a zeroed one */

#endif
