/*
 * Many short columns side by side, as the rows of a matrix: what vector instructions are good at.
 *
 *   row 0     x x x x ...       column k is element k of each row; a few rows, many columns
 *   row 1     x x x x ...
 *
 * Sorting is a fixed network of compare-exchanges between rows, so it has no branch and costs every column the same;
 * the rows may be long, as they are taken in strips that stay in the cache.
 */
#ifndef COHORT_BASE_COLUMNS_H
#define COHORT_BASE_COLUMNS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct columns {
	double *x; /* row r begins at x + r * stride; borrowed */
	size_t rows, width, stride; /* width <= stride */
};

/* Sorts every column upwards. No NaN may be in it. About rows * log2(rows)^2 / 4 exchanges (Knuth, The Art of Computer
 * Programming, volume 3, section 5.2.2, algorithm M: Batcher's merge exchange). */
void columns_sort(struct columns c);

/* out[width] <- the mean of rows low .. high - 1 of each column, added in the order of the rows. low < high <= rows. */
void columns_mean(double *out, struct columns c, size_t low, size_t high);

/* pairs[i * (i - 1) / 2 + j] += the squared Euclidean distance between rows i and j, for all j < i. The sum over the
 * columns has one fixed order whatever the machine, and the same for (i, j) as for (j, i). */
void columns_distances(double *pairs, struct columns c);

#endif
