/* Pearson's chi-square test of counts, for statistics of random numbers with fixed seeds. */
#ifndef COHORT_TESTS_SUPPORT_CHI_SQUARE_H
#define COHORT_TESTS_SUPPORT_CHI_SQUARE_H

#include <stddef.h>
#include <stdint.h>

/* Sum of (count - expected)^2 / expected over `bins`; `expected` is the same for all. */
double chi_square(const uint32_t *counts, size_t bins, double expected);

/* The value that a fair source exceeds once in 10,000 times (Wilson and Hilferty's approximation). */
double chi_square_limit(size_t degrees_of_freedom);

#endif
