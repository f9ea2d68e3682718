/*
 * exp and log(1 + x) where the losses need them, in plain arithmetic: a loop of them becomes vector code, which a call of
 * the C library's does not, and the bits depend on neither library nor processor. Both take NaN to NaN.
 *
 *   exp(t), t <= 0            = 2^k exp(r),  k the integer nearest to t / log 2,  |r| <= log(2) / 2:  series to r^12 / 12!
 *   log(1 + x), 0 <= x <= 1   = 2 artanh(z), z = x / (2 + x), for x up to sqrt(2) - 1; above it
 *                             = log 2 + 2 artanh(z), z = (x - 1) / (x + 3);  |z| <= 0.172: series to z^19 / 19
 *
 * Relative error below 1e-15 (tests/test_elementary.c holds it over the whole range); what the series leave out is below
 * 2e-16 and 3e-17.
 */
#ifndef COHORT_MODEL_ELEMENTARY_H
#define COHORT_MODEL_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

/* Below it the result would be subnormal, less than 3e-308: 0 instead. */
#define ELEMENTARY_EXP_MIN (-708.0)

/* log 2 in two parts: k times the first, which has 20 zero bits at its end, is exact. */
#define ELEMENTARY_LN2_HIGH 0x1.62e42fee00000p-1
#define ELEMENTARY_LN2_LOW 0x1.a39ef35793c76p-33
#define ELEMENTARY_ROUNDING                                                                                            \
	6755399441055744.0 /* 1.5 * 2^52: its sum with a small x has the nearest integer in its low bits */

/* t <= 0 */
static inline double elementary_exp(double t)
{
	double within = t < ELEMENTARY_EXP_MIN ? ELEMENTARY_EXP_MIN : t;
	double shifted = within * 1.4426950408889634 + ELEMENTARY_ROUNDING, k = shifted - ELEMENTARY_ROUNDING;
	double r = (within - k * ELEMENTARY_LN2_HIGH) - k * ELEMENTARY_LN2_LOW;
	double p = 1 / 479001600.0;
	p = p * r + 1 / 39916800.0;
	p = p * r + 1 / 3628800.0;
	p = p * r + 1 / 362880.0;
	p = p * r + 1 / 40320.0;
	p = p * r + 1 / 5040.0;
	p = p * r + 1 / 720.0;
	p = p * r + 1 / 120.0;
	p = p * r + 1 / 24.0;
	p = p * r + 1 / 6.0;
	p = p * r + 1 / 2.0;
	p = p * r + 1;
	p = p * r + 1;
	uint64_t bits;
	memcpy(&bits, &shifted, sizeof bits);
	bits = (bits + 1023) << 52; /* the exponent's field of 2^k; what lies above k's low bits is shifted out */
	double power;
	memcpy(&power, &bits, sizeof power);
	return t < ELEMENTARY_EXP_MIN ? 0 : p * power;
}

/* 0 <= x <= 1 */
static inline double elementary_log1p(double x)
{
	double near_one = x > 0.41421356237309503 ? 1 : 0;
	double z = (x - near_one) / (x + (2 + near_one)), s = z * z;
	double p = 1 / 19.0;
	p = p * s + 1 / 17.0;
	p = p * s + 1 / 15.0;
	p = p * s + 1 / 13.0;
	p = p * s + 1 / 11.0;
	p = p * s + 1 / 9.0;
	p = p * s + 1 / 7.0;
	p = p * s + 1 / 5.0;
	p = p * s + 1 / 3.0;
	return near_one * 0.69314718055994530942 + (2 * z + 2 * z * s * p);
}

#endif
