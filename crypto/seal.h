/*
 * The sealed shares that one site sends to another by way of the coordinator.
 *
 *   ct      = nonce 24 || XChaCha20-Poly1305(key of from->to, nonce, AD, content)
 *   content = from u32 || to u32 || share of sigma 32 || share of beta 32
 *   AD      = "COHRTsad" || F(sid, from, to, x, t)       x: the point of `to` (shamir.h); t: the threshold
 *
 * 112 octets. The direction stands in the key, in the AD and inside, so that nothing sealed can be reflected,
 * readdressed or carried into another attempt. Source: draft-irtf-cfrg-xchacha-03; key: keys_share_keys.
 */
#ifndef COHORT_CRYPTO_SEAL_H
#define COHORT_CRYPTO_SEAL_H

#include "base/hash.h"
#include "crypto/keys.h"

#define SEAL_NONCE_SIZE 24
#define SEAL_SIZE 112

struct seal_label {
	const struct hash *sid;
	uint32_t from, to; /* sites */
	uint32_t x; /* of `to` */
	uint32_t t;
};

/* Secret. */
struct seal_shares {
	struct scalar sigma, beta;
};

/* `nonce`: random; a key seals once. */
void seal_close(uint8_t ct[SEAL_SIZE], const uint8_t key[KEYS_SIZE], const uint8_t nonce[SEAL_NONCE_SIZE],
                const struct seal_label *label, const struct seal_shares *shares);

/* ERR_PEER_MESSAGE, and `shares` zero, when `ct` has another size, does not open under the label, names other sites
 * inside, or holds a scalar that is not canonical. */
enum err seal_open(struct seal_shares *shares, const uint8_t key[KEYS_SIZE], const struct seal_label *label,
                   struct bytes ct) MUST_USE;

#endif
