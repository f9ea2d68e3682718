/*
 * One run, as `cohort-sim run` asks for it: study and rows are read, the engine plays the study, the model is measured on
 * everybody's rows, and what there is to tell is kept for the JSON (run_json.h) and the run directory (run_directory.h).
 */
#ifndef COHORT_SIMULATOR_RUN_H
#define COHORT_SIMULATOR_RUN_H

#include "simulator/baseline.h"
#include "simulator/engine.h"
#include "simulator/run_privacy.h"
#include "simulator/site_figures.h"

/* As on the command line; borrowed by the run. */
struct run_request {
	const char *study; /* path */
	struct federation_options data;
	uint32_t sites_per_round, threads;
	double dropout, slow;
	bool masks; /* as engine_options.masks */
	const char *policy; /* path; NULL: none */
	const char *const *settings; /* --set */
	size_t setting_count;
	uint64_t seed;
	bool baselines;
	const atomic_bool *cancel; /* may be NULL */
	/* When the study was read, before anything runs; may be NULL. */
	void (*on_study)(void *context, const struct study *study);
	/* After each attempt; may be NULL. */
	void (*on_round)(void *context, const struct study *study, const struct engine_round *round, uint64_t updates);
	void *context;
};

struct run {
	const struct run_request *request;
	struct study study;
	char *init_file; /* study.init_file, beside the study's own; owned */
	struct federation federation;
	struct policy policy;
	struct engine *engine;
	uint32_t site_count, rounds; /* sites; training rounds that were done */
	uint32_t releases; /* rounds whose sum was made */
	double seconds; /* of playing the rounds */
	bool complete; /* false: interrupted, before the last round or the last baseline */
	struct buf rounds_csv;
	struct run_privacy privacy;
	struct hash model_sha256; /* of the best model; zero: none was made */
	uint32_t model_step;
	struct site_figures test; /* of the best model on all test rows; zeroed without one */
	struct metrics validation; /* of it on all validation rows */
	bool has_baselines;
	struct baselines baselines;
};

/* All of it. ERR_CANCELLED is no failure here: `complete` is false then, and the rest is what there was. On failure the run
 * is still freed by the caller. */
enum err run_perform(struct run *run, const struct run_request *request, struct diag *why) MUST_USE;
void run_free(struct run *run); /* accepts a zeroed one */

/* Whether the study's own rules would release these figures to its sites and operator. Of a noised evaluation they would not: what
 * is released has noise. */
bool run_released(const struct run *run);

uint64_t run_updates(const struct run *run); /* site updates that counted */

#endif
