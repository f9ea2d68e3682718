/*
 * Exact chances from random octets: whole numbers below a bound, coins that fall with probability a / b, and coins that
 * fall with probability exp(-a / b). No probability is ever rounded, and nothing here is a floating-point number.
 *
 * Coin a / b. A uniform real R = 0.u1 u2 u3 ... (digits of 16 bits, drawn one at a time) is compared with a / b, and only
 * as many digits are drawn as the comparison needs; one decides in all but about one case in 2^16. With f the rest
 * behind u1, R < a / b says (u1 + f) b < 2^16 a, and as 0 <= f < 1:
 *
 *     u1 b >= 2^16 a         no, whatever follows
 *     u1 b + b <= 2^16 a     yes, whatever follows
 *     else                   f < (2^16 a - u1 b) / b, the same question for the next digit, 0 < 2^16 a - u1 b < b
 *
 * Coin exp(-a / b), a <= b: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy" (NeurIPS 2020),
 * Algorithm 1: coins a / (b k) for k = 1, 2, ... until one says no; the k of that one is odd with probability
 * sum over j of (-a / b)^j / j!. Larger exponents are e^-1 again and again.
 *
 * The random octets: a key of 32 octets from struct entropy, expanded by ChaCha20 (RFC 8439, nonce 0) into a block of
 * CHANCE_BLOCK octets, the key wiped at once. Octets at the end of a block that are too few for a draw are left. So what is
 * taken of the entropy is 32 octets for each block begun, none before the first draw.
 *
 * How many octets a draw takes, and hence its time, depends on what comes out: draw before any patient's value is
 * looked at. Everything is inline, since a sample takes a dozen coins.
 */
#ifndef COHORT_PRIVACY_CHANCE_H
#define COHORT_PRIVACY_CHANCE_H

#include "base/random.h"

#include <endian.h>
#include <string.h>

#define CHANCE_BLOCK 16384 /* octets: half of a first cache; the key costs a system call */
#define CHANCE_KEY 32
#define CHANCE_TERMS_MAX                                                                                               \
	512 /* of Algorithm 1; with probability 1 / 511! < 2^-3800 there are more, and that is a CHECK */
#define CHANCE_DIVISOR_MAX (1ull << 55) /* times CHANCE_TERMS_MAX it is 2^64 */

__extension__ typedef unsigned __int128 chance_wide;

struct chance {
	const struct entropy *entropy;
	uint32_t used; /* octets of `block` handed out */
	uint8_t block[CHANCE_BLOCK];
};

/* `entropy` stays the caller's and must outlive `c`. Closing wipes the block and what the cipher left on the stack. */
void chance_open(struct chance *c, const struct entropy *entropy);
void chance_close(struct chance *c);
void chance_refill(struct chance *c); /* a new key, a new block */

static inline const uint8_t *chance_octets(struct chance *c, uint32_t n)
{
	if (c->used > CHANCE_BLOCK - n)
		chance_refill(c);
	c->used += n;
	return c->block + c->used - n;
}

static inline uint16_t chance_u16(struct chance *c)
{
	uint16_t x;
	memcpy(&x, chance_octets(c, sizeof x), sizeof x);
	return le16toh(x);
}

static inline uint64_t chance_u64(struct chance *c)
{
	uint64_t x;
	memcpy(&x, chance_octets(c, sizeof x), sizeof x);
	return le64toh(x);
}

/* Uniform in [0, bound), bound >= 1: the upper half of x * bound, x uniform in [0, 2^64), another x where the lower half
 * is below 2^64 mod bound (Lemire, Fast random integer generation in an interval, 2019). The product is below 2^128. */
static inline uint64_t chance_below(struct chance *c, uint64_t bound)
{
	chance_wide product = (chance_wide)chance_u64(c) * bound;

	if ((uint64_t)product < bound) {
		uint64_t unfair = (0 - bound) % bound;
		while ((uint64_t)product < unfair)
			product = (chance_wide)chance_u64(c) * bound;
	}
	return (uint64_t)(product >> 64);
}

/* True with probability a / b; a <= b, b >= 1. All terms are at most 2^16 (2^64 - 1) < 2^80. */
static inline bool chance_ratio(struct chance *c, uint64_t a, uint64_t b)
{
	for (;;) {
		chance_wide low = (chance_wide)chance_u16(c) * b, wanted = (chance_wide)a << 16;
		if (low >= wanted)
			return false;
		if (wanted - low >= b)
			return true;
		a = (uint64_t)(wanted - low);
	}
}

/* True with probability exp(-a / b); a <= b, 1 <= b <= CHANCE_DIVISOR_MAX. b k <= 2^55 * 511 < 2^64. */
static inline bool chance_exp_part(struct chance *c, uint64_t a, uint64_t b)
{
	uint64_t k = 1;

	while (chance_ratio(c, a, b * k))
		CHECK(++k < CHANCE_TERMS_MAX);
	return k % 2 == 1;
}

/* True with probability 1 / e: chance_exp_part(1, 1), whose first coin is certain. */
static inline bool chance_exp_one(struct chance *c)
{
	uint64_t k = 2;

	while (chance_ratio(c, 1, k))
		CHECK(++k < CHANCE_TERMS_MAX);
	return k % 2 == 1;
}

/* True with probability exp(-a / b), 1 <= b <= CHANCE_DIVISOR_MAX: no division, as after each whole 1 of the exponent
 * only one case in e goes on. */
static inline bool chance_exp(struct chance *c, chance_wide a, uint64_t b)
{
	for (; a > b; a -= b)
		if (!chance_exp_one(c))
			return false;
	return chance_exp_part(c, (uint64_t)a, b);
}

#endif
