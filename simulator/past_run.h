/*
 * A run's folder read back: run.json, rounds.csv, sites.csv. Whoever shows or compares runs starts here, so a page or a plot can
 * be made again long after the run, and of runs that were made elsewhere.
 */
#ifndef COHORT_SIMULATOR_PAST_RUN_H
#define COHORT_SIMULATOR_PAST_RUN_H

#include "base/json.h"
#include "base/limits.h"
#include "simulator/sheet.h"

#define PAST_RUN_SCHEMA "cohort/run/1"
#define PAST_RUN_VALUE_SIZE 256

struct past_run {
	char path[PATH_SIZE];
	struct json *about; /* run.json, an object */
	struct sheet rounds, sites; /* empty until read */
};

/* Reads run.json and holds it against its schema. ERR_NO_INPUT: there is no run in this folder; ERR_DATA. Freed with
 * past_run_free, also after a failure. */
enum err past_run_open(struct past_run *out, const char *directory, struct diag *why) MUST_USE;
enum err past_run_read_rounds(struct past_run *r, struct diag *why) MUST_USE;
enum err past_run_read_sites(struct past_run *r, struct diag *why) MUST_USE;
void past_run_free(struct past_run *r); /* accepts a zeroed one */

bool past_run_complete(const struct past_run *r); /* it came to its end, and was not interrupted */

/* By a dotted path ("contract.training.strategy"); NULL when it is not there or null. Where a part of the path is an array it is
 * searched for an object whose "name" is that part. */
const struct json *past_run_get(const struct past_run *r, const char *path);
double past_run_number(const struct past_run *r, const char *path); /* NaN: not there, or no number */
const char *past_run_text(const struct past_run *r, const char *path); /* "": not there, or no text */

/* A value as people read it: numbers with at most 6 digits, lists with ", " between, cut at the end. False for an object or NULL. */
bool past_run_say(char out[PAST_RUN_VALUE_SIZE], const struct json *node);

/* An option, a term of the contract or a key of run.json by the name that `cohort-sim plot --by` takes; NULL: none. */
const struct json *past_run_key(const struct past_run *r, const char *key);

/* Appends each name that past_run_key knows and '|' behind it. */
void past_run_keys(const struct past_run *r, struct buf *out);

#endif
