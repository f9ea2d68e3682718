/*
 * Studies of real data (tests/support/studies.h) as `cohort-sim run` plays them, and their figures over several
 * seeds, which are printed and held against what docs/SIMULATOR.md says.
 *
 *   struct simulated s = {.study = "heart", .data = {.data = folder}, .seed = 1, .settings = {"data.split.seed=1"}};
 *   simulate(&s);
 *   series_add(&auc, s.run.test.all.auc);
 *   simulated_end(&s);
 */
#ifndef COHORT_TESTS_SUPPORT_SIMULATED_H
#define COHORT_TESTS_SUPPORT_SIMULATED_H

#include "simulator/run.h"
#include "simulator/spread.h"

#define SIMULATED_SETTINGS_MAX 10

struct simulated {
	const char *study; /* NAME of tests/studies/NAME.yaml, or a path */
	struct federation_options data;
	uint64_t seed;
	bool baselines;
	const char *settings[SIMULATED_SETTINGS_MAX]; /* key=value; NULL ends them */

	char path[PATH_SIZE];
	struct run_request request;
	struct run run;
};

/* Fails the test unless the study comes to its end. */
void simulate(struct simulated *s);
void simulated_end(struct simulated *s);

/* The mean over sites of a figure that is at `offset` in struct metrics, where it is defined. */
double simulated_mean(const struct metrics *sites, uint32_t count, size_t offset);

#define SERIES_MAX 64

/* One figure over seeds. Its name is the first cell of its row in docs/SIMULATOR.md, "What it gives on real data". */
struct series {
	const char *name;
	double values[SERIES_MAX];
	size_t count;
};

void series_add(struct series *s, double value);

/* Prints mean and deviation, and fails the test when the page has another mean. */
struct spread series_end(const struct series *s);

#endif
