/* Flat vectors: allocation and the element-wise loops. Each element is computed alone, so vectorising moves no bit. */
#include "base/vec.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* of an IEEE 754 binary32, whose exponent is all ones when it is infinite or NaN */
#define SIGN_BIT 0x80000000u
#define EXPONENT_ONE 0x00800000u

static void *aligned_zeros(size_t n, size_t size)
{
	CHECK(n <= (SIZE_MAX - VEC_ALIGN) / size);
	size_t bytes = (n * size + VEC_ALIGN - 1) / VEC_ALIGN * VEC_ALIGN; /* aligned_alloc wants a multiple */
	if (bytes == 0)
		bytes = VEC_ALIGN;
	void *p = aligned_alloc(VEC_ALIGN, bytes);
	if (!p)
		mem_exhausted(n, size);
	return memset(p, 0, bytes);
}

float *vec_f32(size_t n)
{
	return aligned_zeros(n, sizeof(float));
}

uint32_t *vec_u32(size_t n)
{
	return aligned_zeros(n, sizeof(uint32_t));
}

int64_t *vec_i64(size_t n)
{
	return aligned_zeros(n, sizeof(int64_t));
}

void vec_zero(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = 0;
}

void vec_copy(float *y, const float *x, size_t n)
{
	if (n > 0)
		memmove(y, x, n * sizeof *y);
}

VEC_WIDE void vec_add_scaled(float *restrict y, float a, const float *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] += a * x[i];
}

/* The top bit is set when all bits of the exponent are: adding 1 to it carries over. */
static inline uint32_t not_finite(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof bits);
	return (bits & ~SIGN_BIT) + EXPONENT_ONE;
}

/* Four places at a time, or each step would wait for the one before. */
VEC_WIDE bool vec_finite(const float *x, size_t n)
{
	size_t quarter = n / 4;
	uint32_t bad = 0;

	for (size_t i = 0; i < quarter; i++)
		bad |= (not_finite(x[i]) | not_finite(x[quarter + i])) |
		       (not_finite(x[2 * quarter + i]) | not_finite(x[3 * quarter + i]));
	for (size_t i = 4 * quarter; i < n; i++)
		bad |= not_finite(x[i]);
	return (bad & SIGN_BIT) == 0;
}

VEC_WIDE void vec_sum_octets(int64_t *restrict sum, const uint8_t *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t word;
		memcpy(&word, x + 4 * i, sizeof word);
		sum[i] += (int32_t)le32toh(word);
	}
}

VEC_WIDE void vec_add_octets(uint32_t *restrict sum, const uint8_t *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t word;
		memcpy(&word, x + 4 * i, sizeof word);
		sum[i] += le32toh(word);
	}
}

VEC_WIDE void vec_subtract_octets(uint32_t *restrict sum, const uint8_t *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t word;
		memcpy(&word, x + 4 * i, sizeof word);
		sum[i] -= le32toh(word);
	}
}
