/*
 * Masks: streams of words that are added to a vector and cancel in the sum.
 *
 *   PRG(key) = ChaCha20 of RFC 8439, nonce 0, block counter from 0; word i = octets 4i .. 4i+3 as u32le
 *   y_u      = x_u + PRG(m_u) + sum over v < u of PRG(m_uv) - sum over v > u of PRG(m_uv)      mod 2^32
 *
 * The low k bits of y are sent. A key masks one vector of one attempt.
 *
 * Time goes into the cipher, so a vector is worked on in tiles that stay in the first caches: for each tile all
 * streams, one write at the end. A range of coordinates needs nothing of the others (the counter seeks): threads of the
 * caller take disjoint ranges, without locks and with the same result for every cut. A range begins at a multiple of
 * MASK_ALIGN.
 *
 * Keys and x are secret; their octets steer nothing. Source: Bonawitz et al. (CCS 2017), section 4.
 */
#ifndef COHORT_CRYPTO_MASK_H
#define COHORT_CRYPTO_MASK_H

#include "crypto/keys.h"
#include "crypto/pack.h"

#define MASK_ALIGN 16 /* coordinates in a ChaCha20 block */
#define MASK_TILE 16384 /* coordinates: 64 KiB; a range of several tiles is worked on fastest */

/* One stream and its sign. An array of them belongs into locked memory. */
struct mask {
	uint8_t key[KEYS_SIZE]; /* m_u or m_uv */
	bool subtract;
};

/* sum[i] += or -= PRG(masks[j])[first + i] for all j, i < count: unmasking, and masking without packing. */
void mask_add(uint32_t *sum, uint32_t first, size_t count, const struct mask *masks, size_t mask_count);

/* The range first .. first + count - 1 of y, packed to k bits. `x` and `y` point at the range's own beginning: word
 * `first`, octet first k / 8. `y`: pack_size(count, k) octets. A range that is not the last has a multiple of
 * MASK_ALIGN coordinates. */
void mask_input(uint8_t *y, const uint32_t *x, uint32_t first, size_t count, uint32_t k, const struct mask *masks,
                size_t mask_count);

#endif
