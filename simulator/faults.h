/*
 * Many disturbed worlds, one for each seed of a range, in processes of their own: a core that ends its process by a CHECK is a
 * violation like any other, with its seed.
 */
#ifndef COHORT_SIMULATOR_FAULTS_H
#define COHORT_SIMULATOR_FAULTS_H

#include "base/json.h"
#include "simulator/world.h"

#define FAULTS_JOBS_MAX 64 /* processes */
#define FAULTS_KEPT_MAX 20 /* violations that are kept; after them the rest of the range tells nothing more */
#define FAULTS_TABLE_SEEDS 2000 /* so many seeds fill every cell of the table that can be filled */

struct faults_options {
	uint64_t from, to; /* both are run */
	unsigned jobs; /* 1 .. FAULTS_JOBS_MAX */
	/* Called some ten times per second, or NULL. `done` seeds of the range. */
	void (*progress)(void *context, uint64_t done);
	void *context;
};

struct faults_violation {
	uint64_t seed;
	char words[320]; /* "sum: ..." */
};

struct faults_tally {
	uint64_t seeds, finished, stopped, lost,
		events; /* lost: statistics that may not be asked for again, or more rounds than a private study has paid for */
	uint64_t repeated; /* seeds that were run twice, to compare their traces */
	struct disturbances disturbances;
	uint32_t violated; /* at most FAULTS_KEPT_MAX */
	struct faults_violation violations[FAULTS_KEPT_MAX]; /* ascending by seed */
};

/* ERR_AGAIN: the system gives no process or memory. Ends early once FAULTS_KEPT_MAX violations were found. */
enum err faults_run(struct faults_tally *out, const struct faults_options *options, struct diag *why) MUST_USE;

/* One seed in this process, its steps written to `trace` (NULL: nowhere). */
void faults_one(struct world_result *out, uint64_t seed, FILE *trace);

/* How many cells of the table did not occur though they can, or occurred though they cannot; the first ones are named in `out`
 * ("loss, site, fetching; ..."). */
uint32_t faults_wrong_cells(char *out, size_t size, const struct disturbances *d);

/* faults_show.c: the table fault x phase x side as text, and all as JSON. */
void faults_print(FILE *to, const struct disturbances *d);
struct json *faults_to_json(const struct faults_tally *t, const struct faults_options *options);

#endif
