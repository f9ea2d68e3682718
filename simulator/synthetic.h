/*
 * Made-up rows, from the study's terms alone: for trying a study out before there are data, and for measuring speed. They
 * resemble no patient.
 *
 *   numeric      bell-shaped within min and max (the mean of four uniforms), around a middle that differs mildly by site
 *   binary       positive with a chance of .2 to .8 of the feature's own, mildly shifted by site
 *   categorical  a level by shares of the feature's own
 *   label        a score of the standardised features, 3/4 of its variance from each alone and 1/4 from products of
 *                neighbours, deviation 2, plus an intercept that differs mildly by site; a class is drawn by the logistic (or
 *                softmax) function of it, a number is the score with noise, on the scale of its range. So a linear model
 *                learns much of it and a network more, and nobody everything.
 *
 * No cell is missing, every row is a patient of its own. The split is the study's, rows being numbered through all sites
 * as if they stood in one file; where the study splits by a column, 30 % are for the test and, if it names such a part, 10 %
 * for validation. Everything follows from the study and the seed, and is the same on every machine.
 */
#ifndef COHORT_SIMULATOR_SYNTHETIC_H
#define COHORT_SIMULATOR_SYNTHETIC_H

#include "data/table.h"

/* Reads "SITESxROWS", such as 10x50. ERR_USAGE, ERR_LIMIT. */
enum err synthetic_parse(uint32_t *sites, uint32_t *rows, const char *text, struct diag *why) MUST_USE;

struct synthetic; /* the truth that labels follow */

struct synthetic *synthetic_new(const struct schema *schema, uint64_t seed); /* borrows the schema */
void synthetic_free(struct synthetic *s); /* accepts NULL */

/* The table of site `site` (from 0) of a federation whose sites have `rows` rows each. O(rows * features). */
void synthetic_site(struct table *out, struct synthetic *s, uint32_t site, uint32_t rows);

#endif
