/*
 * The keys of one attempt of secure aggregation, and everything that binds them to each other.
 *
 *   plan hash = H("COHRTpln", plan)
 *   ctx       = H("COHRTctx", federation, study hash, round, attempt, SHA-256 of the model, plan hash)
 *   secrets     c_sk: 32 random octets; sigma, beta: random scalars; s_sk = KD(sigma, "COHRTssk", ctx)
 *   adv       = site u32 || c_pk 32 || s_pk 32 || r 32 (random)         100 octets, signed: "COHRTadv" || F(ctx, adv)
 *   sid       = H("COHRTsid", ctx, |U1|, adv_1, sig_1, adv_2, sig_2, ...)    U1 ascending; up to KEYS_FLAT_MAX sites
 *             = H("COHRTsid", ctx, |U1|, root)                               above: root of the Merkle tree below
 *   shr(u->v) = KD(crypto_kx key of c_sk_u, c_pk_v for u->v, "COHRTshr", sid)    the lower site is crypto_kx's client
 *   cmt       = H("COHRTbcm", sid, beta)
 *   U2h       = H("COHRTu2h", sid, bitmap of U2)
 *   m_uv      = KD(X25519(s_sk_u, s_pk_v), "COHRTmsk", sid, U2h, lo, hi, s_pk_lo, s_pk_hi)    lo < hi: the two sites
 *   m_u       = KD(beta, "COHRTslf", sid, U2h, u)
 *   phase 1 signs "COHRTps1" || F(sid, u, cmt, SHA-256 of v1 || ct_1 || v2 || ct_2 ...)
 *   phase 2 signs "COHRTinp" || F(sid, U2h, u, SHA-256 of y)
 *   phase 3 signs "COHRTu3s" || F(sid, U2h, bitmap of U3)
 *
 * Merkle tree: leaf i = H("COHRTmkl", adv_i || sig_i), one field of 164 octets; a level's nodes 2j and 2j+1 have the
 * parent H("COHRTmkn", left, right); an odd last node moves up as it is; the single node of the last level is the root.
 *
 * H, KD, F: base/hash.h, base/bytes.h; round is a u64, other integers u32, little-endian. Ed25519: RFC 8032; X25519:
 * RFC 7748; crypto_kx: BLAKE2b-512(X25519 result || client's key || server's key), receiving half first for the client
 * (libsodium). Source: Bonawitz et al., Practical Secure Aggregation, CCS 2017, section 6, with every key bound to sid.
 *
 * Everything computed from a secret takes the same time for every value of it. Outputs that are secret (s_sk, share
 * keys, masks) belong into locked memory (base/secret.h); scratch copies are wiped here.
 */
#ifndef COHORT_CRYPTO_KEYS_H
#define COHORT_CRYPTO_KEYS_H

#include "base/hash.h"
#include "base/random.h"
#include "base/secret.h"
#include "crypto/shamir.h"

#include <stdint.h>

#define KEYS_SIZE 32 /* every symmetric key, X25519 key and seed */
#define KEYS_ADV_SIZE 100
#define KEYS_SIGNATURE_SIZE 64
#define KEYS_IDENTITY_PUBLIC_SIZE 32
#define KEYS_IDENTITY_SECRET_SIZE 64 /* libsodium's form: seed || public key */
#define KEYS_FLAT_MAX 256 /* sites whose adv are hashed into sid one after another; the complete graph ends there too */

/* What a site tells the others, as it goes over the wire. */
struct adv {
	uint8_t b[KEYS_ADV_SIZE];
};

struct signed_adv {
	struct adv adv;
	uint8_t signature[KEYS_SIGNATURE_SIZE];
};

uint32_t adv_site(const struct adv *a);
const uint8_t *adv_c_pk(const struct adv *a); /* KEYS_SIZE octets inside `a`, as the next two */
const uint8_t *adv_s_pk(const struct adv *a);
const uint8_t *adv_r(const struct adv *a);

/* One attempt's own secrets. They live in locked memory only. */
struct keys_secrets {
	uint8_t c_sk[KEYS_SIZE];
	struct scalar sigma, beta;
	uint8_t s_sk[KEYS_SIZE];
};

/* Room for them, zeroed, inside `locked`; secret_free(locked) wipes it. */
struct keys_secrets *keys_secrets_new(struct secret *locked);

struct keys_context {
	struct bytes federation, study_hash; /* fields as they are: a name, and a hash's 32 octets */
	uint64_t round;
	uint32_t attempt;
	struct hash model; /* SHA-256 of the model's octets, computed by the site from what it received */
	struct hash plan; /* plan hash */
};

void keys_plan_hash(struct hash *out, struct bytes plan);
void keys_ctx(struct hash *ctx, const struct keys_context *c);

/* ---- phase 0 */

/* Draws c_sk, sigma, beta and r from `e`, in this order (32, 64, 64, 32 octets), then does keys_advertise. */
void keys_draw(struct keys_secrets *s, struct adv *adv, const struct hash *ctx, uint32_t site, const struct entropy *e);

/* From c_sk, sigma and r: s_sk, and what the site advertises. */
void keys_advertise(struct keys_secrets *s, struct adv *adv, const struct hash *ctx, uint32_t site,
                    const uint8_t r[KEYS_SIZE]);

/* Whether an X25519 public key is one that an honest site can have: its canonical spelling (below 2^255 - 19, so that
 * equal keys are equal octets) and not of low order. */
bool keys_point_valid(const uint8_t point[KEYS_SIZE]);

/* Over U1, ascending by site. */
void keys_sid(struct hash *sid, const struct hash *ctx, const struct signed_adv *u1, uint32_t count);

/* ---- signatures. A message is built into `out`, an initialised buf (KEYS_MESSAGE_MAX bounds it), cleared first;
 * several signatures of one message (phase 3) are checked against one built once. */
#define KEYS_MESSAGE_MAX (256u << 10) /* bitmap of SIMULATED_SITES_MAX sites, and four fields */

void keys_message_adv(struct buf *out, const struct hash *ctx, const struct adv *adv);
void keys_message_shares(struct buf *out, const struct hash *sid, uint32_t site, const struct hash *cmt,
                         const struct hash *ciphertexts);
void keys_message_input(struct buf *out, const struct hash *sid, const struct hash *u2h, uint32_t site,
                        const struct hash *y);
void keys_message_survivors(struct buf *out, const struct hash *sid, const struct hash *u2h, struct bytes u3);

/* An Ed25519 identity from a seed (RFC 8032, section 5.1.5). For who has the seed of one: simulated sites, tests. */
void keys_identity(uint8_t public_key[KEYS_IDENTITY_PUBLIC_SIZE], uint8_t identity[KEYS_IDENTITY_SECRET_SIZE],
                   const uint8_t seed[KEYS_SIZE]);

void keys_sign(uint8_t signature[KEYS_SIGNATURE_SIZE], const uint8_t identity[KEYS_IDENTITY_SECRET_SIZE],
               struct bytes message);
bool keys_verify(const uint8_t identity[KEYS_IDENTITY_PUBLIC_SIZE], struct bytes message,
                 const uint8_t signature[KEYS_SIGNATURE_SIZE]) MUST_USE;

/* ---- phase 1: keys for shares, both directions at once. ERR_PEER_MESSAGE when the peer's c_pk is of low order. */
enum err keys_share_keys(uint8_t sending[KEYS_SIZE], uint8_t receiving[KEYS_SIZE], const struct keys_secrets *s,
                         const struct adv *own, const struct adv *peer, const struct hash *sid) MUST_USE;

void keys_commitment(struct hash *cmt, const struct hash *sid, const struct scalar *beta);

/* ---- phase 2: masks */
void keys_u2h(struct hash *u2h, const struct hash *sid, struct bytes u2);

/* m_uv, the same from both sides: `s_sk` belongs to `own`. ERR_PEER_MESSAGE when X25519 gives zero. */
enum err keys_pair_mask(uint8_t mask[KEYS_SIZE], const uint8_t s_sk[KEYS_SIZE], const struct adv *own,
                        const struct adv *peer, const struct hash *sid, const struct hash *u2h) MUST_USE;

void keys_self_mask(uint8_t mask[KEYS_SIZE], const struct scalar *beta, uint32_t site, const struct hash *sid,
                    const struct hash *u2h);

/* ---- unmasking: what the shares gave, against what the site had signed. */

/* s_sk of a reconstructed sigma. ERR_PEER_MESSAGE when it does not give the s_pk of `adv`: its dealer lied, or one who
 * answered. */
enum err keys_recover(uint8_t s_sk[KEYS_SIZE], const struct scalar *sigma, const struct hash *ctx,
                      const struct adv *adv) MUST_USE;

bool keys_beta_matches(const struct scalar *beta, const struct hash *sid, const struct hash *cmt) MUST_USE;

#endif
