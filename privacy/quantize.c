/*
 * Adding 1.5 * 2^52 to a double of magnitude below 2^51 leaves the nearest integer, ties to even, in the low bits of its
 * representation, as two's complement. That is what rint() and a conversion give, but the compiler makes vector code of it,
 * and it takes the same time for every value. The clamp comes first: it is a whole number below 2^32, so rounding does
 * not pass it, and what is added to 1.5 * 2^52 is small enough.
 */
#include "privacy/quantize.h"

#include "base/vec.h"

#include <endian.h>
#include <string.h>

#define ROUNDING 6755399441055744.0 /* 1.5 * 2^52 */

static inline uint32_t nearest(double x)
{
	double shifted = x + ROUNDING;
	uint64_t bits;

	memcpy(&bits, &shifted, sizeof bits);
	return (uint32_t)bits;
}

static inline void put_word(uint8_t *at, uint32_t word)
{
	word = htole32(word);
	memcpy(at, &word, sizeof word);
}

VEC_WIDE static size_t add(uint8_t *restrict octets, const double *restrict values, const int32_t *restrict noise,
                           size_t count, double per_grid, double clamp)
{
	uint64_t moved = 0;

	for (size_t i = 0; i < count; i++) {
		double x = values[i] * per_grid;
		moved += !(x >= -clamp && x <= clamp);
		x = x < -clamp ? -clamp : x;
		x = x > clamp ? clamp : x;
		x = x == x ? x : 0;
		put_word(octets + 4 * i, nearest(x) + (uint32_t)noise[i]);
	}
	return moved;
}

size_t quantize_noised(uint8_t *octets, const double *values, const int32_t *noise, size_t count,
                       const struct noised *n)
{
	CHECK(n->grid >= 0x1p-500 && n->grid <= 0x1p500); /* beyond these its inverse would leave the range of double */
	return add(octets, values, noise, count, 1 / n->grid, (double)n->clamp);
}
