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

#define RUN_JSON_MAX (256u << 20) /* 1 KiB for each of 100,000 sites, twice over with baselines */

/* Before the run: makes the folder, so that hours of work do not end at a path that cannot be written. ERR_CONFLICT when it
 * exists and is not empty. */
enum err run_directory_make(const char *path, struct diag *why) MUST_USE;

/* After it: all files but the report. ERR_CREATE, ERR_FULL, ERR_IO. */
enum err run_directory_write(const char *path, const struct run *run, struct diag *why) MUST_USE;

#endif
