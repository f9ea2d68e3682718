/*
 * Epsilon of integer noise, exactly, by convolution in long double: what the accountant's treatment of the lattice as continuous is
 * compared with.
 */
#ifndef COHORT_TESTS_SUPPORT_LATTICE_H
#define COHORT_TESTS_SUPPORT_LATTICE_H

#include <stdint.h>

/* A sum that one unit changes by `sensitivity` gets the noise of `parties` discrete Gaussians N_Z(0, sigma^2); `steps` such releases, which must be 1
 * where there is more than one party (then the loss does not depend on the sum of the noises alone). */
double lattice_epsilon(double sigma, uint32_t sensitivity, uint32_t parties, uint32_t steps, double delta);

#endif
