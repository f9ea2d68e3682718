/*
 * Packing is a tenth of masking's time if it is done word by word, so it is done 32 coordinates at a time, which are k
 * whole words of 32 bits: with k known to the compiler all shifts are constants and every step is a few instructions.
 * There is one copy of the loop for each k. The last coordinates go through the same code in a block filled up
 * with zeros.
 */
#include "crypto/pack.h"

#include "base/vec.h"

#include <endian.h>
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

/* what(0) what(1) ... : written out, so that no compiler's taste in unrolling decides. */
#define EACH_8(what, i) what(i) what(i + 1) what(i + 2) what(i + 3) what(i + 4) what(i + 5) what(i + 6) what(i + 7)
#define EACH_16(what) EACH_8(what, 0) EACH_8(what, 8)
#define EACH_32(what) EACH_16(what) EACH_8(what, 16) EACH_8(what, 24)

static inline __attribute__((always_inline)) void put_octets(uint8_t *out, uint64_t value, size_t size)
{
	value = htole64(value);
	memcpy(out, &value, size);
}

/* Two coordinates are 2k bits; `filling` holds the octets of the word of 64 bits that is not yet full. `pair` and `k`
 * are constants wherever this is used. */
static inline __attribute__((always_inline)) uint64_t put_pair(uint8_t *out, uint64_t filling, const uint32_t *x,
                                                               uint32_t pair, uint32_t k)
{
	uint32_t bit = 2 * pair * k, shift = bit % 64;
	uint64_t value = (x[2 * pair] & mask_of(k)) | (uint64_t)(x[2 * pair + 1] & mask_of(k)) << k;

	filling = shift == 0 ? value : filling | value << shift;
	if (shift + 2 * k >= 64)
		put_octets(out + bit / 64 * 8, filling, 8);
	if (shift + 2 * k > 64)
		filling = value >> (64 - shift);
	return filling;
}

static inline __attribute__((always_inline)) void pack_block(uint8_t *out, const uint32_t *x, uint32_t k)
{
	uint64_t filling = 0;

#define PUT(pair) filling = put_pair(out, filling, x, pair, k);
	EACH_16(PUT)
#undef PUT
	if (k % 2 == 1)
		put_octets(out + k / 2 * 8, filling, 4);
}

/* Word `i` of 64 bits of a block; of an odd k the last one is half there. */
static inline __attribute__((always_inline)) uint64_t word_at(const uint8_t *packed, uint32_t i, uint32_t k)
{
	uint64_t word = 0;

	memcpy(&word, packed + 8 * i, i < k / 2 ? 8 : 4);
	return le64toh(word);
}

static inline __attribute__((always_inline)) void add_pair(uint32_t *sum, const uint8_t *packed, uint32_t pair,
                                                           uint32_t k)
{
	uint32_t bit = 2 * pair * k, shift = bit % 64;
	uint64_t value = word_at(packed, bit / 64, k) >> shift;

	if (shift + 2 * k > 64)
		value |= word_at(packed, bit / 64 + 1, k) << (64 - shift);
	sum[2 * pair] += (uint32_t)value & mask_of(k);
	sum[2 * pair + 1] += (uint32_t)(value >> k) & mask_of(k);
}

static inline __attribute__((always_inline)) void add_block(uint32_t *restrict sum, const uint8_t *restrict packed,
                                                            uint32_t k)
{
#define ADD(pair) add_pair(sum, packed, pair, k);
	EACH_16(ADD)
#undef ADD
}

/* Whole blocks, with k a constant in each case. */
static void pack_blocks(uint8_t *out, const uint32_t *x, size_t blocks, uint32_t k)
{
	switch (k) {
#define CASE(i)                                                                                                        \
	case (i) + 1:                                                                                                  \
		for (size_t b = 0; b < blocks; b++)                                                                    \
			pack_block(out + b * sizeof(uint32_t) * ((i) + 1), x + b * BLOCK, (i) + 1);                    \
		break;
		EACH_32(CASE)
#undef CASE
	}
}

static void add_blocks(uint32_t *sum, const uint8_t *packed, size_t blocks, uint32_t k)
{
	switch (k) {
#define CASE(i)                                                                                                        \
	case (i) + 1:                                                                                                  \
		for (size_t b = 0; b < blocks; b++)                                                                    \
			add_block(sum + b * BLOCK, packed + b * sizeof(uint32_t) * ((i) + 1), (i) + 1);                \
		break;
		EACH_32(CASE)
#undef CASE
	}
}

void pack_words(uint8_t *out, const uint32_t *words, size_t n, uint32_t k)
{
	size_t size = pack_size(n, k), blocks = n / BLOCK, left = n % BLOCK;
	uint32_t last[BLOCK] = {0};
	uint8_t octets[BLOCK * sizeof(uint32_t)];

	pack_blocks(out, words, blocks, k);
	if (left == 0)
		return;
	memcpy(last, words + blocks * BLOCK, left * sizeof *last);
	pack_blocks(octets, last, 1, k);
	size_t done = blocks * sizeof(uint32_t) * k;
	memcpy(out + done, octets, size - done);
}

void pack_add(uint32_t *sum, const uint8_t *packed, size_t n, uint32_t k)
{
	size_t size = pack_size(n, k), blocks = n / BLOCK, left = n % BLOCK;
	uint32_t last[BLOCK] = {0};
	uint8_t octets[BLOCK * sizeof(uint32_t)] = {0};

	if (k == PACK_BITS_MAX) {
		vec_add_octets(sum, packed, n);
		return;
	}
	add_blocks(sum, packed, blocks, k);
	if (left == 0)
		return;
	size_t done = blocks * sizeof(uint32_t) * k;
	memcpy(octets, packed + done, size - done);
	add_blocks(last, octets, 1, k);
	for (size_t i = 0; i < left; i++)
		sum[blocks * BLOCK + i] += last[i];
}
