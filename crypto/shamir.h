/*
 * Shamir's secret sharing over the scalar field of ristretto255: integers modulo
 * l = 2^252 + 27742317777372353535851937790883648493.
 *
 *   f(x) = secret + a_1 x + ... + a_{t-1} x^{t-1}        share of x: f(x), x = 1, 2, ... (u32, never 0, distinct)
 *   secret = f(0) = sum over t shares of weight(x) f(x)  weight(x) = product over the others x' of x' / (x' - x)
 *
 * Any t shares give the secret, fewer say nothing about it. A prime of 252 bits instead of a field of 256 elements: no
 * limit of 255 shares, and libsodium's arithmetic of it takes the same time for every value. Scalars are 32 octets
 * little-endian and canonical (< l); 0 is one of them. Secrets, coefficients and shares are secret: their values steer
 * no branch and no index. t, the points, and which shares there are, are public.
 *
 * Source: Shamir, How to share a secret, CACM 22 (1979); RFC 9496 section 4.4 for the scalars.
 */
#ifndef COHORT_CRYPTO_SHAMIR_H
#define COHORT_CRYPTO_SHAMIR_H

#include "base/err.h"
#include "base/random.h"

#include <stdint.h>

#define SHAMIR_SCALAR_SIZE 32

struct scalar {
	uint8_t b[SHAMIR_SCALAR_SIZE];
};

/* Uniform over the field: 64 octets of entropy reduced modulo l. */
void shamir_random(struct scalar *out, const struct entropy *e);

/* Whether it is below l. Takes the same time for every value. */
bool shamir_canonical(const struct scalar *s);

/* One share: f(x) with a[0 .. t-2] = a_1 .. a_{t-1}, t >= 1, x >= 1; all scalars canonical. */
void shamir_share(struct scalar *out, const struct scalar *secret, const struct scalar *a, uint32_t t, uint32_t x);

/* The weights of the points x[0 .. count-1], which depend on the points alone: made once for a set of survivors and
 * used for every secret that this set shares. ERR_PEER_MESSAGE when a point is 0 or occurs twice. */
enum err shamir_weights(struct scalar *weights, const uint32_t *x, uint32_t count) MUST_USE;

/* The secret from `count` = t shares, shares[i] at the point of weights[i]. Shares must be canonical
 * (shamir_canonical): a share that a peer sent was checked when it came. */
void shamir_combine(struct scalar *secret, const struct scalar *weights, const struct scalar *shares, uint32_t count);

#endif
