/*
 * Logarithm and exponential that are the same to the last bit on every machine: made of operations that IEEE 754 rounds
 * exactly, which log() and exp() of a C library are not. For what is drawn from a seed.
 */
#ifndef COHORT_BASE_EXACT_H
#define COHORT_BASE_EXACT_H

/* Natural logarithm of a normal number x > 0, to about 1e-16 relative (absolute where the result is near 0). */
double exact_log(double x);

/* e^x for x <= 0, to about 1e-16 relative; 0 below -700, where doubles grow coarse. */
double exact_exp(double x);

#endif
