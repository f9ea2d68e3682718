/*
 * A sweep: every combination of a grid with seeds 1 .. N, each run in a process of its own (`cohort-sim run`), some at a time.
 *
 *   DIR/strategy=fedavg,learning_rate=0.1/seed-1/run.json ...       DIR/sweep.csv
 *
 * It can be taken up again: a run whose folder is complete, and was made by this version with the same contract (SHA-256), seed
 * and options, is kept; any other is removed and run again. A run that fails stops no other. When the sweep is interrupted it
 * ends the runs that it started, and only those.
 */
#ifndef COHORT_SIMULATOR_SWEEP_H
#define COHORT_SIMULATOR_SWEEP_H

#include "base/json.h"
#include "base/limits.h"
#include "simulator/sweep_grid.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define SWEEP_SEEDS_MAX 10000
#define SWEEP_JOBS_MAX 1024 /* at a time */

/* An option that is handed on to `run`, as it was typed, and its key in run.json's "options". */
struct sweep_option {
	const char *name, *key, *value; /* value NULL: not given */
};

/* As on the command line; borrowed. */
struct sweep_request {
	const char *study, *out; /* paths */
	const struct sweep_grid *grid;
	unsigned seeds, jobs;
	const char *const *settings; /* --set, before those of the grid */
	size_t setting_count;
	const struct sweep_option *options;
	size_t option_count;
	bool baselines;
};

enum sweep_state { SWEEP_WAITING, SWEEP_RUNNING, SWEEP_DONE, SWEEP_KEPT, SWEEP_FAILED };

struct sweep_job {
	size_t combination;
	unsigned seed;
	enum sweep_state state;
	pid_t child;
	FILE *words; /* its stderr */
	char *reason; /* of a failure: its last line */
};

struct sweep {
	const struct sweep_request *request;
	struct sweep_job *jobs; /* by combination, then seed */
	size_t job_count;
	struct hash *contracts; /* SHA-256 that each combination's contract has; zero: it has none */
	bool interrupted;
};

/* All of it; what became of each job stands in it. OK also when runs failed or it was interrupted. ERR_CREATE ... when the folder or
 * its parts cannot be made, ERR_CONFLICT when a run's folder holds what no run wrote. SIGINT, SIGTERM and SIGCHLD are blocked
 * while it runs; a second interrupt kills what the first one asked to end. */
enum err sweep_run(struct sweep *s, const struct sweep_request *request, struct diag *why) MUST_USE;
void sweep_free(struct sweep *s); /* accepts a zeroed one */

size_t sweep_count(const struct sweep *s, enum sweep_state state);
enum err sweep_path(char out[PATH_SIZE], const struct sweep *s, const struct sweep_job *job, struct diag *why) MUST_USE;

/* ---- sweep_output.c: what came of it */

/* A row per run that is there: the grid's keys, seed, every figure on the test rows, seconds, model_sha256, path. ERR_CREATE, ERR_IO. */
enum err sweep_write_csv(const struct sweep *s, struct diag *why) MUST_USE;

/* Mean and deviation over seeds for each combination. */
void sweep_print(FILE *out, const struct sweep *s);
struct json *sweep_json(const struct sweep *s);

#endif
