/* The run folders below the paths that a person names: a run itself, a sweep, or any folder that holds them. */
#ifndef COHORT_SIMULATOR_RUN_FOLDERS_H
#define COHORT_SIMULATOR_RUN_FOLDERS_H

#include "base/err.h"

#define RUN_FOLDERS_MAX 100000 /* a sweep of 1,000 combinations with 100 seeds */
#define RUN_FOLDERS_DEPTH 8 /* a sweep has its runs 2 below */

struct run_folders {
	char **paths; /* in the order of names, or of the grid where a sweep.csv tells it: the same folder, the same list */
	size_t count, room;
};

/* Adds `path` when it has a run.json, and otherwise every run below it. Folders inside a run are not looked into, links are not
 * followed. ERR_NO_INPUT: no such folder, or no run in it; ERR_LIMIT. */
enum err run_folders_add(struct run_folders *f, const char *path, struct diag *why) MUST_USE;
void run_folders_free(struct run_folders *f); /* accepts a zeroed one */

#endif
