/*
 * The figures that a run's files hold: their keys in run.json, which are their columns in rounds.csv behind "test_" or
 * "validation_" and in sites.csv, and their names on a page.
 */
#ifndef COHORT_SIMULATOR_FIGURE_H
#define COHORT_SIMULATOR_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

struct figure {
	const char *key; /* "auc" */
	const char *name; /* "AUC" */
	bool share; /* between 0 and 1 */
	bool lower; /* the lower the better */
};

#define FIGURE_KEYS "auc|accuracy|precision|recall|f1|loss|brier|r2|rmse|mae"

const struct figure *figure_at(size_t index); /* in the order in which a page shows them; NULL behind the last */
const struct figure *figure_find(const char *key); /* NULL: no such figure */

#endif
