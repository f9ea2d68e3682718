/*
 * The transform against the direct sum in long double, for lengths up to 1,024, and its inverse against it up to 2^18.
 */
#include "privacy/fft.h"

#include "base/err.h"
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static double *numbers(size_t n, uint64_t seed)
{
	double *x = mem_array(n, sizeof *x);
	struct rng r;

	rng_seeded(&r, seed, "fft");
	for (size_t j = 0; j < n; j++)
		x[j] = rng_unit(&r) - 0.3;
	return x;
}

static void compare_with_direct_sum(size_t n)
{
	double *x = numbers(n, n), *re = mem_array(n / 2 + 1, sizeof *re), *im = mem_array(n / 2 + 1, sizeof *im);
	double allowed = 4e-16 * sqrt((double)n) * log2((double)n);
	struct fft *f = fft_new(n);

	fft_forward(f, re, im, x);
	for (size_t k = 0; k <= n / 2; k++) {
		long double real = 0, imaginary = 0;
		for (size_t j = 0; j < n; j++) {
			long double angle = -2 * acosl(-1) * (long double)(j * k % n) / n;
			real += x[j] * cosl(angle);
			imaginary += x[j] * sinl(angle);
		}
		if (!(fabsl(re[k] - real) < allowed && fabsl(im[k] - imaginary) < allowed))
			fail_msg("length %zu, place %zu: %.17g %.17g, expected %.17Lg %.17Lg", n, k, re[k], im[k], real,
			         imaginary);
	}
	fft_free(f);
	free(x);
	free(re);
	free(im);
}

static void test_against_the_direct_sum(void **state)
{
	(void)state;
	for (size_t n = FFT_LENGTH_MIN; n <= 1024; n *= 2)
		compare_with_direct_sum(n);
}

static void test_inverse(void **state)
{
	(void)state;
	for (size_t n = FFT_LENGTH_MIN; n <= 1u << 18; n *= 2) {
		double *x = numbers(n, n + 1), *back = mem_array(n, sizeof *back),
		       *re = mem_array(n / 2 + 1, sizeof *re), *im = mem_array(n / 2 + 1, sizeof *im);
		struct fft *f = fft_new(n);

		fft_forward(f, re, im, x);
		fft_inverse(f, back, re, im);
		for (size_t j = 0; j < n; j++)
			if (!(fabs(back[j] - x[j]) < 2e-15))
				fail_msg("length %zu, place %zu: %.17g, expected %.17g", n, j, back[j], x[j]);
		fft_free(f);
		free(x);
		free(back);
		free(re);
		free(im);
	}
}

/* A product of spectra is a cyclic convolution: what it is for. */
static void test_convolution(void **state)
{
	enum { N = 64 };
	double *a = numbers(N, 1), *b = numbers(N, 2), out[N];
	double ar[N / 2 + 1], ai[N / 2 + 1], br[N / 2 + 1], bi[N / 2 + 1];
	struct fft *f = fft_new(N);

	(void)state;
	fft_forward(f, ar, ai, a);
	fft_forward(f, br, bi, b);
	for (int k = 0; k <= N / 2; k++) {
		double real = ar[k] * br[k] - ai[k] * bi[k];
		ai[k] = ar[k] * bi[k] + ai[k] * br[k];
		ar[k] = real;
	}
	fft_inverse(f, out, ar, ai);
	for (int j = 0; j < N; j++) {
		double expected = 0;
		for (int i = 0; i < N; i++)
			expected += a[i] * b[(j - i + N) % N];
		assert_true(fabs(out[j] - expected) < 1e-13);
	}
	fft_free(f);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_the_direct_sum),
		cmocka_unit_test(test_inverse),
		cmocka_unit_test(test_convolution),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
