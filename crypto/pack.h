/*
 * Words of k bits, one behind the other: bit j of coordinate i is bit i k + j of the stream, least significant first,
 * and the last octet is filled up with zeros. This is how a masked vector goes over the wire, k/8 octets per
 * coordinate.
 *
 *   k = 20:   octet 0      1        2              3        4
 *             x0 7..0   x0 15..8   x1 3..0 x0 19..16   x1 11..4   x1 19..12
 *
 * 1 <= k <= PACK_BITS_MAX everywhere. A piece of a vector may be packed alone when its first coordinate is a multiple
 * of 8: it then begins at octet first k / 8.
 */
#ifndef COHORT_CRYPTO_PACK_H
#define COHORT_CRYPTO_PACK_H

#include "base/bytes.h"

#include <stdint.h>

#define PACK_BITS_MAX 32

size_t pack_size(size_t n, uint32_t k); /* octets of n coordinates */

/* Exactly the octets of n coordinates, the padding 0. */
bool pack_valid(struct bytes packed, size_t n, uint32_t k);

/* The low k bits of each word. `out`: pack_size(n, k) octets. */
void pack_words(uint8_t *out, const uint32_t *words, size_t n, uint32_t k);

/* sum[i] += coordinate i, modulo 2^32; of the sum the low k bits count. */
void pack_add(uint32_t *sum, const uint8_t *packed, size_t n, uint32_t k);

/* The low k bits as a number in two's complement. */
int32_t pack_signed(uint32_t word, uint32_t k);

#endif
