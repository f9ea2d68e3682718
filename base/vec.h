/*
 * The flat vector: the currency between the rooms of the house.
 *
 *   (float *, n)      parameters, gradients, updates
 *   (uint32_t *, n)   their fixed-point twin on the wire, two's complement in Z_{2^32}
 *   (int64_t *, n)    a sum of fixed-point vectors (2^32 sites of 32 bits fit)
 *
 * Memory is aligned for vector instructions. Loops are plain C, so that the compiler vectorises them for
 * the machine at hand and the same source gives the same bits everywhere.
 */
#ifndef COHORT_BASE_VEC_H
#define COHORT_BASE_VEC_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define VEC_ALIGN 64 /* a cache line and the widest vector register */

/* Before a function of element-wise loops: it is compiled for any x86-64, for AVX2 and, where the compiler knows the
 * name, for AVX-512's instructions, and the loader takes the one that the machine can run. All round alike (no fused
 * multiply-add, no sum in another order), so the bits are the same. Sanitizers want their own initialisation before the
 * loader's choice runs, so they get one version. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__) &&                        \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if __GNUC__ >= 12
#define VEC_WIDE __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define VEC_WIDE __attribute__((target_clones("avx2", "default")))
#endif
#else
#define VEC_WIDE
#endif

/* Zeroed, aligned; freed with free(). Out of memory ends the process (mem_exhausted). */
float *vec_f32(size_t n);
uint32_t *vec_u32(size_t n);
int64_t *vec_i64(size_t n);

void vec_zero(float *x, size_t n);
void vec_copy(float *y, const float *x, size_t n);
/* y += a x. `x` and `y` must not overlap. */
void vec_add_scaled(float *restrict y, float a, const float *restrict x, size_t n);

bool vec_finite(const float *x, size_t n); /* no NaN, no infinity */

/* sum[i] += (int32_t)x[i], x as little-endian octets just as they came from the wire. */
void vec_sum_octets(int64_t *restrict sum, const uint8_t *restrict x, size_t n);

/* sum[i] += x[i] modulo 2^32, x likewise: half the memory, for sums that are known to fit. */
void vec_add_octets(uint32_t *restrict sum, const uint8_t *restrict x, size_t n);
/* sum[i] -= x[i] likewise. */
void vec_subtract_octets(uint32_t *restrict sum, const uint8_t *restrict x, size_t n);

#endif
