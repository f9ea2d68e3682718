/*
 * Packing is a tenth of masking's time if it is done word by word, so it is done 32 coordinates at a time, which are k whole words of 32 bits:
 * with k known to the compiler all shifts are constants and every step is a few instructions. There is one copy of the loop for
 * each k. What is left over at the end goes bit by bit through the same code, on a block filled up with zeros.
 */
#include "crypto/pack.h"

#include <string.h>

#define BLOCK 32 /* coordinates; k words of 32 bits */

size_t pack_size(size_t n, uint32_t k)
{
	CHECK(k >= 1 && k <= PACK_BITS_MAX && n <= SIZE_MAX / PACK_BITS_MAX - 1);
	return (n * k + 7) / 8;
}

bool pack_valid(struct bytes packed, size_t n, uint32_t k)
{
	uint32_t used = (uint32_t)(n * k % 8); /* bits of the last octet */

	return packed.len == pack_size(n, k) && (used == 0 || packed.ptr[packed.len - 1] >> used == 0);
}

int32_t pack_signed(uint32_t word, uint32_t k)
{
	uint32_t sign = 1u << (k - 1), low = word & (sign | (sign - 1));

	return (int32_t)((low ^ sign) - sign);
}

static inline uint32_t mask_of(uint32_t k)
{
	return UINT32_MAX >> (PACK_BITS_MAX - k);
}

/* One coordinate into, or out of, the words of a block. `i` and `k` are constants wherever these are used. */
static inline __attribute__((always_inline)) void put(uint32_t *words, uint32_t i, uint32_t k, uint32_t value)
{
	uint32_t bit = i * k, word = bit / 32, shift = bit % 32;

	value &= mask_of(k);
	if (shift == 0)
		words[word] = value;
	else
		words[word] |= value << shift;
	if (shift + k > 32)
		words[word + 1] = value >> (32 - shift);
}

static inline __attribute__((always_inline)) uint32_t get(const uint32_t *words, uint32_t i, uint32_t k)
{
	uint32_t bit = i * k, word = bit / 32, shift = bit % 32, value = words[word] >> shift;

	if (shift + k > 32)
		value |= words[word + 1] << (32 - shift);
	return value & mask_of(k);
}
