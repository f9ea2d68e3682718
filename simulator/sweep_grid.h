/*
 * The grid of a sweep: every combination of the values of its keys.
 *
 *   --grid training.strategy=fedavg,fedadam --grid "model.layers=[dense 1],[dense 8, relu, dense 1]"
 *
 * A value is what --set takes behind its "=": YAML. Commas separate values, but not inside quotes ('a,b' or "a,b") and not inside
 * brackets or braces, so a list is one value. Combinations are counted with the last key changing fastest.
 */
#ifndef COHORT_SIMULATOR_SWEEP_GRID_H
#define COHORT_SIMULATOR_SWEEP_GRID_H

#include "base/err.h"

#define SWEEP_AXES_MAX 16
#define SWEEP_VALUES_MAX 1000
#define SWEEP_COMBINATIONS_MAX 10000 /* with ten seeds, 100,000 runs: days */
#define SWEEP_NAME_SIZE 160 /* of a combination's folder; a file system takes 255 bytes */

struct sweep_axis {
	char *key, **values; /* as typed, blanks around them taken off */
	size_t count;
};

struct sweep_grid {
	struct sweep_axis axes[SWEEP_AXES_MAX];
	size_t count;
};

/* Adds the axis that "key=a,b,c" describes. ERR_USAGE: no key, no or an empty value, a quote or bracket that does not close, a key or
 * a value given twice; ERR_LIMIT. */
enum err sweep_grid_add(struct sweep_grid *g, const char *text, struct diag *why) MUST_USE;
void sweep_grid_free(struct sweep_grid *g); /* accepts a zeroed one */

size_t sweep_grid_combinations(const struct sweep_grid *g); /* 1 without any axis: the study as it is */
const char *sweep_grid_value(const struct sweep_grid *g, size_t combination, size_t axis);

/* The last part of the key where no other axis ends so, otherwise all of it: "learning_rate". */
const char *sweep_grid_short_key(const struct sweep_grid *g, size_t axis);

/* The combination's folder: "strategy=fedavg,learning_rate=0.1", with '_' for what a folder's name should not hold, and then, or when
 * it is long, eight letters of a hash behind it, so that no two combinations share one. "study" without any axis. */
const char *sweep_grid_name(char out[SWEEP_NAME_SIZE], const struct sweep_grid *g, size_t combination);

#endif
