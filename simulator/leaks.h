/*
 * Features that may follow from the label, which a person who drafts a study should look at first: a model that is given
 * tomorrow's outcome predicts it well and is worth nothing.
 *
 *   named like it     the part before the first '_' or '.', of a label that has such a part with a letter in it, is the feature's
 *                     too: y_dead_6m for y_dead_or_dependent_6m, outcome.date for outcome_6m
 *   tells it alone    of a binary label: the feature alone, larger or smaller, or its levels by their share of positives, has an
 *                     AUC of LEAKS_AUC and more on the file
 *
 * Only a hint: a strong measurement is found too, and a column that repeats the label in part is not.
 */
#ifndef COHORT_SIMULATOR_LEAKS_H
#define COHORT_SIMULATOR_LEAKS_H

#include "simulator/roles.h"

#define LEAKS_AUC 0.95
#define LEAKS_CLASS_MIN 20 /* rows of each class with a value; with fewer, chance gets there, mostly with many levels */

/* out[columns]: true for such features. Reads the file that the roles are of once more, if the label is binary. ERR_NO_INPUT,
 * ERR_DATA, ERR_LIMIT as profile_read, and ERR_DATA when the file has changed since. 2 KiB per feature. */
enum err leaks_find(bool *out, const struct roles *r, const char *path, struct diag *why) MUST_USE;

#endif
