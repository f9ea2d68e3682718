/*
 * A logistic study for the real programs: eight numbers and two yes-or-no answers explain a yes-or-no outcome; some cells are
 * missing, some lie outside the study's bounds. Made-up rows, as many as a test wants its rounds to last.
 */
#ifndef COHORT_TESTS_SUPPORT_LOGISTIC_H
#define COHORT_TESTS_SUPPORT_LOGISTIC_H

#include "tests/support/tempdir.h"

/* The study "logistic" as YAML; freed by the caller. Sites: at least 2, one may drop out. */
char *logistic_study(unsigned rounds, unsigned epochs);

/* Writes a CSV file of `rows` rows; the same seed gives the same rows. */
void logistic_rows(struct tempdir *dir, const char *path, unsigned seed, unsigned rows);

#endif
