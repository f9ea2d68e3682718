/*
 * The run directory: what a run leaves.
 *
 *   run.json           the run as one object (run_json.h), the contract with every default and setting in it
 *   rounds.csv         a row per attempt (run_rounds.h)
 *   sites.csv          a row per site: rows, what became of its rounds, the final model on its own test rows
 *   model.safetensors  the best model, as `cohort-coordinator export` writes it
 *   report.html, *.svg what a person looks at (report_page.h)
 */
#ifndef COHORT_SIMULATOR_RUN_DIRECTORY_H
#define COHORT_SIMULATOR_RUN_DIRECTORY_H

#include "simulator/run.h"

/* Before the run: makes the folder, so that hours of work do not end at a path that cannot be written. *made: it was not there
 * before. ERR_CONFLICT when it exists and is not empty; ERR_CREATE. */
enum err run_directory_make(const char *path, bool *made, struct diag *why) MUST_USE;

/* After it: all files. ERR_CREATE, ERR_FULL, ERR_IO; ERR_LIMIT when one would be larger than its bound, which leaves that one
 * out. What was written before a failure stays. */
enum err run_directory_write(const char *path, const struct run *run, struct diag *why) MUST_USE;

#endif
