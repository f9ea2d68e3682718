/*
 * Which of OpenBLAS's kernels a test runs with. Those for AVX-512 happen to sum each row alike wherever it lies; those for AVX2 do
 * not, and most hospitals have them. A test that no row's bits depend on other rows must run where it could fail.
 */
#ifndef COHORT_TESTS_SUPPORT_KERNELS_H
#define COHORT_TESTS_SUPPORT_KERNELS_H

/* Starts the program again, under the kernels for AVX2, unless the environment already names some or the machine cannot run
 * them. */
void kernels_that_mix_rows(char **argv);

#endif
