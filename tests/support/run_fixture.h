/*
 * A run's folder as `cohort-sim run` leaves it, made up from a few numbers: for tests of what reads such folders.
 *
 *   struct run_fixture f = run_fixture_default();
 *   f.seed = 2;
 *   run_fixture_write(&t, "seed-2", &f);
 *
 * The test AUC after k rounds is `auc` + `rise` * k, so that means over runs can be worked out by hand; bytes up and down are 1000
 * and 500 in each attempt.
 */
#ifndef COHORT_TESTS_SUPPORT_RUN_FIXTURE_H
#define COHORT_TESTS_SUPPORT_RUN_FIXTURE_H

#include "tests/support/tempdir.h"

struct run_fixture {
	const char *study, *purpose;
	unsigned seed;
	const char *strategy;
	double learning_rate;
	unsigned rounds, sites;
	double auc, rise;
	bool complete, baselines, epsilon;
	bool unjudged; /* no figures of its model */
	unsigned sites_per_round; /* 0: all; else the training rounds ask so many */
	unsigned evaluate_every; /* 0: each round has figures */
	const char *label_type; /* "binary", "categorical", "numeric" */
	const char *select; /* evaluation.select; NULL: not in the contract */
	const char *site_name; /* of the first site; NULL: "site-1" */
};

struct run_fixture run_fixture_default(void);

/* Makes the folder `name` inside `t` and its run.json, rounds.csv and sites.csv. */
void run_fixture_write(struct tempdir *t, const char *name, const struct run_fixture *f);

#endif
