/*
 * Adding 1.5 * 2^52 to a double of magnitude below 2^51 leaves the nearest integer, ties to even, in the low bits of its
 * representation, as two's complement. That is what rint() and a conversion give, but the compiler makes vector code of it,
 * and it takes the same time for every value. The clamp comes first: it is a whole number below 2^32, so rounding does
 * not pass it, and what is added to 1.5 * 2^52 is small enough.
 *
 * The clamp compares representations: without their sign, doubles have the order of their bits as integers, infinity comes after
 * all numbers and every NaN after infinity. So the sign of a difference is a verdict, a mask of it a choice, and no compiler has a
 * reason to jump: a comparison of doubles became a jump at the end of the loop, where the vector code stops.
 */
#include "privacy/quantize.h"

#include "base/vec.h"

#include <endian.h>
#include <string.h>

#define ROUNDING 6755399441055744.0 /* 1.5 * 2^52 */
#define SIGN ((uint64_t)1 << 63) /* of an IEEE 754 binary64 */
#define INFINITE ((uint64_t)0x7ff << 52)

static inline uint64_t bits_of(double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof bits);
	return bits;
}

static inline double double_of(uint64_t bits)
{
	double x;

	memcpy(&x, &bits, sizeof x);
	return x;
}

static inline uint32_t nearest(double x)
{
	return (uint32_t)bits_of(x + ROUNDING);
}

/* 1 when a > b, both below 2^63. */
static inline uint64_t above(uint64_t a, uint64_t b)
{
	return (b - a) >> 63;
}

static inline void put_word(uint8_t *at, uint32_t word)
{
	word = htole32(word);
	memcpy(at, &word, sizeof word);
}

VEC_WIDE static size_t add(uint8_t *restrict octets, const double *restrict values, const int32_t *restrict noise,
                           size_t count, double per_grid, double clamp)
{
	const uint64_t most = bits_of(clamp);
	uint64_t moved = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t bits = bits_of(values[i] * per_grid), size = bits & ~SIGN;
		uint64_t beyond = above(size, most), nan = above(size, INFINITE);
		size = (size & (beyond - 1)) | (most & (0 - beyond)); /* the clamp when beyond it */
		size &= nan - 1; /* 0 when NaN */
		moved += beyond;
		put_word(octets + 4 * i, nearest(double_of(size | (bits & SIGN))) + (uint32_t)noise[i]);
	}
	return moved;
}

size_t quantize_noised(uint8_t *octets, const double *values, const int32_t *noise, size_t count,
                       const struct noised *n)
{
	CHECK(n->grid >= 0x1p-500 && n->grid <= 0x1p500); /* beyond these its inverse would leave the range of double */
	return add(octets, values, noise, count, 1 / n->grid, (double)n->clamp);
}
