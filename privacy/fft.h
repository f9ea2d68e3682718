/*
 * The discrete Fourier transform of real numbers in double precision, for lengths that are powers of two.
 *
 *   X_k = sum_j x_j e^(-2 pi i j k / n),   k = 0 ... n/2       (the others are conjugates: X_{n-k} = conj X_k)
 *
 * Errors are some 1e-16 of the root of the sum of squares. Small on purpose: one radix, no plans, no threads.
 */
#ifndef COHORT_PRIVACY_FFT_H
#define COHORT_PRIVACY_FFT_H

#include <stddef.h>

#define FFT_LENGTH_MIN 4

struct fft; /* tables and working memory of one length; for one thread at a time */

struct fft *fft_new(size_t n); /* a power of two >= FFT_LENGTH_MIN; 3 n doubles of memory */
void fft_free(struct fft *f); /* accepts NULL */

/* re[n/2 + 1], im[n/2 + 1] of x[n]. */
void fft_forward(struct fft *f, double *re, double *im, const double *x);

/* x[n] with fft_forward(x) = re, im; both are overwritten. */
void fft_inverse(struct fft *f, double *x, double *re, double *im);

#endif
