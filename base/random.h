/*
 * Two kinds of randomness that cannot be confused.
 *
 *   struct rng       seeded, labelled, reproducible: shuffles, initial weights, simulation, tests.
 *                    Stream = ChaCha20 (RFC 8439, libsodium), key = KD(seed, "COHRTrng", label), nonce 0;
 *                    or of a key that is derived already, with a number for a nonce (rng_numbered).
 *                    The same seed and label give the same numbers on every machine and version.
 *   struct entropy   the system's source: masks, keys, privacy noise, boot ids. Only the simulator and
 *                    tests may inject another.
 *
 * No function takes both, and neither converts into the other.
 */
#ifndef COHORT_BASE_RANDOM_H
#define COHORT_BASE_RANDOM_H

#include "base/bytes.h"

#include <stddef.h>
#include <stdint.h>

#define RNG_BLOCK 512 /* bytes expanded at once: 8 ChaCha20 blocks, what its vector code does in one go */

struct rng {
	uint8_t key[32];
	uint64_t number; /* of the key's stream: the nonce is 4 octets 0, then this as u64le */
	uint32_t counter; /* next block of 64 bytes */
	uint32_t used; /* bytes of `block` handed out */
	uint8_t block[RNG_BLOCK];
};

/* `seed` is 32 bytes, or use rng_seeded for a number from a command line. The label names the purpose
 * ("init", "order"); different labels are independent streams. rng_seeded takes the number as the first 8 bytes
 * of the seed (little-endian), the others zero. */
void rng_init(struct rng *r, const uint8_t seed[32], const char *label);
void rng_seeded(struct rng *r, uint64_t seed, const char *label);

/* Stream `number` of a key that nothing else uses (a hash whose tag names the purpose), without another hash: for who
 * needs many short streams. rng_init's is number 0 of its key. */
void rng_numbered(struct rng *r, const uint8_t key[32], uint64_t number);

/* The next octets of the stream, little-endian. A stream ends after 256 GiB (a CHECK). */
void rng_octets(struct rng *r, uint8_t *out, size_t n); /* many at once: 0.5 ns each */
uint32_t rng_u32(struct rng *r);
uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t bound); /* uniform in [0, bound), unbiased by rejection; bound >= 1 */
double rng_unit(struct rng *r); /* uniform in [0, 1), 53 bits */
double rng_normal(struct rng *r); /* standard normal (Marsaglia's polar method), |x| < 13. Never privacy noise. */

/* Fisher-Yates from the end: for i = count .. 2, items[i-1] and items[j] change places, j uniform in [0, i) from one u32 x of the
 * stream: j = floor(x i / 2^32), and another x is taken where x i mod 2^32 < 2^32 mod i (Lemire, Fast random integer generation in
 * an interval, 2019, Algorithm 5). count < 2^32. */
void rng_shuffle(struct rng *r, uint32_t *items, size_t count);

struct entropy {
	void (*fill)(void *context, uint8_t *out, size_t len);
	void *context;
};

struct entropy entropy_system(void); /* randombytes_buf of libsodium */
void entropy_fill(const struct entropy *e, uint8_t *out, size_t len);

#endif
