/*
 * Stockham's transform of radix 4 (and one pass of radix 2 where the length asks for it): it goes from one array to another and back,
 * puts everything in order by itself, and its inner loops run over neighbours, so that they become vector code. n real numbers are
 * n/2 complex ones: even places are real parts, odd places imaginary parts, and their two spectra are told apart afterwards.
 *
 * Real and imaginary parts are kept apart: C's complex product looks for NaN at each step.
 */
#include "privacy/fft.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>

struct fft {
	size_t n; /* real numbers */
	double *cosine, *sine; /* [n/2]: e^(-2 pi i k / n) */
	double *re[2], *im[2]; /* [n/2] each; passes go from one to the other */
};

/* e^(-2 pi i k / n) as the product of a coarse and a fine step, of which there are few. */
static void fill_tables(struct fft *f)
{
	size_t half = f->n / 2, fine = 1;

	while (fine * fine < half)
		fine *= 2;
	for (size_t k = 0; k < half; k++) {
		double coarse = -2 * M_PI * (double)(k / fine * fine) / (double)f->n;
		if (k % fine == 0) {
			f->cosine[k] = cos(coarse);
			f->sine[k] = sin(coarse);
		} else if (k < fine) {
			f->cosine[k] = cos(-2 * M_PI * (double)k / (double)f->n);
			f->sine[k] = sin(-2 * M_PI * (double)k / (double)f->n);
		} else {
			double cr = f->cosine[k - k % fine], ci = f->sine[k - k % fine];
			double fr = f->cosine[k % fine], fi = f->sine[k % fine];
			f->cosine[k] = cr * fr - ci * fi;
			f->sine[k] = cr * fi + ci * fr;
		}
	}
}

struct fft *fft_new(size_t n)
{
	struct fft *f = mem_alloc(sizeof *f);
	double *memory;

	CHECK(n >= FFT_LENGTH_MIN && (n & (n - 1)) == 0);
	memory = mem_array(n / 2, 6 * sizeof(double));
	f->n = n;
	f->cosine = memory;
	f->sine = memory + n / 2;
	for (size_t i = 0; i < 2; i++) {
		f->re[i] = memory + (2 + i) * (n / 2);
		f->im[i] = memory + (4 + i) * (n / 2);
	}
	fill_tables(f);
	return f;
}

void fft_free(struct fft *f)
{
	if (f == NULL)
		return;
	free(f->cosine); /* the block's first address */
	free(f);
}

struct factor {
	double re, im;
};

static struct factor times(struct factor a, struct factor b)
{
	return (struct factor){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* `stride` butterflies of four with the same factors: places apart by `span` come to lie `stride` apart. */
static void quarters(double *restrict to_re, double *restrict to_im, const double *restrict re,
                     const double *restrict im, size_t span, size_t stride, struct factor w1)
{
	struct factor w2 = times(w1, w1), w3 = times(w2, w1);

	for (size_t q = 0; q < stride; q++) {
		double ar = re[q], br = re[q + span], cr = re[q + 2 * span], dr = re[q + 3 * span];
		double ai = im[q], bi = im[q + span], ci = im[q + 2 * span], di = im[q + 3 * span];
		double sum_r = ar + cr, sum_i = ai + ci, less_r = ar - cr, less_i = ai - ci;
		double other_r = br + dr, other_i = bi + di, turned_r = bi - di, turned_i = dr - br; /* -i (b - d) */
		double r1 = less_r + turned_r, i1 = less_i + turned_i;
		double r2 = sum_r - other_r, i2 = sum_i - other_i;
		double r3 = less_r - turned_r, i3 = less_i - turned_i;

		to_re[q] = sum_r + other_r;
		to_im[q] = sum_i + other_i;
		to_re[q + stride] = w1.re * r1 - w1.im * i1;
		to_im[q + stride] = w1.re * i1 + w1.im * r1;
		to_re[q + 2 * stride] = w2.re * r2 - w2.im * i2;
		to_im[q + 2 * stride] = w2.re * i2 + w2.im * r2;
		to_re[q + 3 * stride] = w3.re * r3 - w3.im * i3;
		to_im[q + 3 * stride] = w3.re * i3 + w3.im * r3;
	}
}

static void halves(double *restrict to_re, double *restrict to_im, const double *restrict re, const double *restrict im,
                   size_t stride)
{
	for (size_t q = 0; q < stride; q++) {
		to_re[q] = re[q] + re[q + stride];
		to_im[q] = im[q] + im[q + stride];
		to_re[q + stride] = re[q] - re[q + stride];
		to_im[q + stride] = im[q] - im[q + stride];
	}
}

/* The complex transform of re[0], im[0]; which of the two it ends in. */
static int transform(struct fft *f)
{
	size_t n = f->n / 2, stride = 1;
	int from = 0;

	for (; n >= 4; n /= 4, stride *= 4, from = 1 - from)
		for (size_t p = 0; p < n / 4; p++)
			quarters(f->re[1 - from] + 4 * stride * p, f->im[1 - from] + 4 * stride * p,
			         f->re[from] + stride * p, f->im[from] + stride * p, stride * (n / 4), stride,
			         (struct factor){f->cosine[2 * stride * p], f->sine[2 * stride * p]});
	if (n == 2) {
		halves(f->re[1 - from], f->im[1 - from], f->re[from], f->im[from], stride);
		from = 1 - from;
	}
	return from;
}

void fft_forward(struct fft *f, double *re, double *im, const double *x)
{
	size_t half = f->n / 2;
	const double *zr, *zi;
	int at;

	for (size_t j = 0; j < half; j++) {
		f->re[0][j] = x[2 * j];
		f->im[0][j] = x[2 * j + 1];
	}
	at = transform(f);
	zr = f->re[at];
	zi = f->im[at];
	re[half] = zr[0] - zi[0];
	im[half] = 0;
	re[0] = zr[0] + zi[0];
	im[0] = 0;
	for (size_t k = 1; k < half; k++) {
		double er = (zr[k] + zr[half - k]) / 2, ei = (zi[k] - zi[half - k]) / 2; /* of the even places */
		double or = (zi[k] + zi[half - k]) / 2, oi = (zr[half - k] - zr[k]) / 2; /* of the odd ones */
		re[k] = er + f->cosine[k] * or -f->sine[k] * oi;
		im[k] = ei + f->cosine[k] * oi + f->sine[k] * or ;
	}
}

/* The inverse is the transform with real and imaginary parts exchanged. */
void fft_inverse(struct fft *f, double *x, double *re, double *im)
{
	size_t half = f->n / 2;
	int at;

	for (size_t k = 0; k < half; k++) {
		double er = re[k] + re[half - k], ei = im[k] - im[half - k];
		double dr = re[k] - re[half - k], di = im[k] + im[half - k];
		double or = f->cosine[k] * dr + f->sine[k] * di, oi = f->cosine[k] * di - f->sine[k] * dr;
		f->im[0][k] = er - oi;
		f->re[0][k] = ei + or ;
	}
	at = transform(f);
	for (size_t j = 0; j < half; j++) {
		x[2 * j] = f->im[at][j] / (double)f->n;
		x[2 * j + 1] = f->re[at][j] / (double)f->n;
	}
}
