/* Keys and contexts: each function is one line of the list in keys.h. */
#include "crypto/keys.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define AT_C_PK 4
#define AT_S_PK (AT_C_PK + KEYS_SIZE)
#define AT_R (AT_S_PK + KEYS_SIZE)
_Static_assert(AT_R + KEYS_SIZE == KEYS_ADV_SIZE, "adv is site, c_pk, s_pk, r");
_Static_assert(sizeof(struct signed_adv) == KEYS_ADV_SIZE + KEYS_SIGNATURE_SIZE, "a leaf has no padding");
_Static_assert(KEYS_IDENTITY_SECRET_SIZE == crypto_sign_SECRETKEYBYTES, "libsodium's form");
_Static_assert(KEYS_SIZE == crypto_kx_SESSIONKEYBYTES && KEYS_SIZE == HASH_SIZE, "one size of key");

/* A u32 as a field. */
struct number {
	uint8_t b[4];
};

static struct number number_of(uint32_t v)
{
	struct number n;
	store_u32(n.b, v);
	return n;
}

#define FIELD(object) bytes_of((object).b, sizeof(object).b)
#define HASH(out, key, tag, ...)                                                                                       \
	hash_fields(out, key, tag, (const struct bytes[]){__VA_ARGS__},                                                \
	            sizeof((const struct bytes[]){__VA_ARGS__}) / sizeof(struct bytes))

uint32_t adv_site(const struct adv *a)
{
	return load_u32(a->b);
}

const uint8_t *adv_c_pk(const struct adv *a)
{
	return a->b + AT_C_PK;
}

const uint8_t *adv_s_pk(const struct adv *a)
{
	return a->b + AT_S_PK;
}

const uint8_t *adv_r(const struct adv *a)
{
	return a->b + AT_R;
}

struct keys_secrets *keys_secrets_new(struct secret *locked)
{
	secret_new(locked, sizeof(struct keys_secrets));
	return (struct keys_secrets *)(void *)locked->ptr;
}

void keys_plan_hash(struct hash *out, struct bytes plan)
{
	HASH(out, NULL, "COHRTpln", plan);
}

void keys_ctx(struct hash *ctx, const struct keys_context *c)
{
	struct number attempt = number_of(c->attempt);
	uint8_t round[8];

	store_u64(round, c->round);
	HASH(ctx, NULL, "COHRTctx", c->federation, c->study_hash, bytes_of(round, sizeof round), FIELD(attempt),
	     FIELD(c->model), FIELD(c->plan));
}

/* ---- phase 0 */

/* KD into a key's octets. */
#define DERIVE(out, key, tag, ...)                                                                                     \
	do {                                                                                                           \
		struct hash derived;                                                                                   \
		HASH(&derived, key, tag, __VA_ARGS__);                                                                 \
		memcpy(out, derived.b, KEYS_SIZE);                                                                     \
		secret_wipe(&derived, sizeof derived);                                                                 \
	} while (0)

void keys_draw(struct keys_secrets *s, struct adv *adv, const struct hash *ctx, uint32_t site, const struct entropy *e)
{
	uint8_t r[KEYS_SIZE];

	entropy_fill(e, s->c_sk, sizeof s->c_sk);
	shamir_random(&s->sigma, e);
	shamir_random(&s->beta, e);
	entropy_fill(e, r, sizeof r);
	keys_advertise(s, adv, ctx, site, r);
}

void keys_advertise(struct keys_secrets *s, struct adv *adv, const struct hash *ctx, uint32_t site,
                    const uint8_t r[KEYS_SIZE])
{
	DERIVE(s->s_sk, s->sigma.b, "COHRTssk", FIELD(*ctx));
	store_u32(adv->b, site);
	CHECK(crypto_scalarmult_base(adv->b + AT_C_PK, s->c_sk) == 0);
	CHECK(crypto_scalarmult_base(adv->b + AT_S_PK, s->s_sk) == 0);
	memcpy(adv->b + AT_R, r, KEYS_SIZE);
}

/* The u-coordinates of order 1, 2, 4 and 8 below p on the curve and its twist: 0, 1, p - 1 and the two of order 8. */
static const uint8_t low_order[][KEYS_SIZE] = {
	{0},
	{1},
	{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
         0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
	{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
         0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

/* At least p = 2^255 - 19: bit 255 set, or 31 octets of ones and at least 0xed. */
static bool canonical_point(const uint8_t point[KEYS_SIZE])
{
	if (point[KEYS_SIZE - 1] < 0x7f)
		return true;
	if (point[KEYS_SIZE - 1] > 0x7f)
		return false;
	for (uint32_t i = 1; i < KEYS_SIZE - 1; i++)
		if (point[i] != 0xff)
			return true;
	return point[0] < 0xed;
}

bool keys_point_valid(const uint8_t point[KEYS_SIZE])
{
	for (size_t i = 0; i < sizeof low_order / sizeof low_order[0]; i++)
		if (memcmp(point, low_order[i], KEYS_SIZE) == 0)
			return false;
	return canonical_point(point);
}

/* ---- sid */

static void merkle_root(struct hash *root, const struct signed_adv *u1, uint32_t count)
{
	struct hash *level = mem_array(count, sizeof *level);

	for (uint32_t i = 0; i < count; i++)
		HASH(&level[i], NULL, "COHRTmkl", bytes_of(&u1[i], sizeof u1[i]));
	for (uint32_t nodes = count; nodes > 1; nodes = (nodes + 1) / 2) {
		for (uint32_t i = 0; i + 1 < nodes; i += 2)
			HASH(&level[i / 2], NULL, "COHRTmkn", FIELD(level[i]), FIELD(level[i + 1]));
		if (nodes % 2 == 1)
			level[nodes / 2] = level[nodes - 1];
	}
	*root = level[0];
	free(level);
}

void keys_sid(struct hash *sid, const struct hash *ctx, const struct signed_adv *u1, uint32_t count)
{
	struct bytes fields[2 + 2 * KEYS_FLAT_MAX];
	struct number sites = number_of(count);
	struct hash root;
	size_t used = 2;

	CHECK(count > 0);
	fields[0] = FIELD(*ctx);
	fields[1] = FIELD(sites);
	if (count > KEYS_FLAT_MAX) {
		merkle_root(&root, u1, count);
		fields[used++] = FIELD(root);
	} else {
		for (uint32_t i = 0; i < count; i++) {
			fields[used++] = FIELD(u1[i].adv);
			fields[used++] = bytes_of(u1[i].signature, sizeof u1[i].signature);
		}
	}
	hash_fields(sid, NULL, "COHRTsid", fields, used);
}

/* ---- signatures */

static void message_begin(struct buf *out, const char *tag)
{
	buf_clear(out);
	buf_put_text(out, tag);
}

static void message_end(const struct buf *out)
{
	CHECK(!out->failed);
}

void keys_message_adv(struct buf *out, const struct hash *ctx, const struct adv *adv)
{
	message_begin(out, "COHRTadv");
	buf_put_field(out, FIELD(*ctx));
	buf_put_field(out, FIELD(*adv));
	message_end(out);
}

void keys_message_shares(struct buf *out, const struct hash *sid, uint32_t site, const struct hash *cmt,
                         const struct hash *ciphertexts)
{
	struct number u = number_of(site);

	message_begin(out, "COHRTps1");
	buf_put_field(out, FIELD(*sid));
	buf_put_field(out, FIELD(u));
	buf_put_field(out, FIELD(*cmt));
	buf_put_field(out, FIELD(*ciphertexts));
	message_end(out);
}

void keys_message_input(struct buf *out, const struct hash *sid, const struct hash *u2h, uint32_t site,
                        const struct hash *y)
{
	struct number u = number_of(site);

	message_begin(out, "COHRTinp");
	buf_put_field(out, FIELD(*sid));
	buf_put_field(out, FIELD(*u2h));
	buf_put_field(out, FIELD(u));
	buf_put_field(out, FIELD(*y));
	message_end(out);
}

void keys_message_survivors(struct buf *out, const struct hash *sid, const struct hash *u2h, struct bytes u3)
{
	message_begin(out, "COHRTu3s");
	buf_put_field(out, FIELD(*sid));
	buf_put_field(out, FIELD(*u2h));
	buf_put_field(out, u3);
	message_end(out);
}

void keys_identity(uint8_t public_key[KEYS_IDENTITY_PUBLIC_SIZE], uint8_t identity[KEYS_IDENTITY_SECRET_SIZE],
                   const uint8_t seed[KEYS_SIZE])
{
	CHECK(crypto_sign_seed_keypair(public_key, identity, seed) == 0);
}

void keys_sign(uint8_t signature[KEYS_SIGNATURE_SIZE], const uint8_t identity[KEYS_IDENTITY_SECRET_SIZE],
               struct bytes message)
{
	CHECK(crypto_sign_detached(signature, NULL, message.ptr, message.len, identity) == 0);
}

bool keys_verify(const uint8_t identity[KEYS_IDENTITY_PUBLIC_SIZE], struct bytes message,
                 const uint8_t signature[KEYS_SIGNATURE_SIZE])
{
	return crypto_sign_verify_detached(signature, message.ptr, message.len, identity) == 0;
}

/* ---- phase 1 */

enum err keys_share_keys(uint8_t sending[KEYS_SIZE], uint8_t receiving[KEYS_SIZE], const struct keys_secrets *s,
                         const struct adv *own, const struct adv *peer, const struct hash *sid)
{
	uint8_t rx[KEYS_SIZE], tx[KEYS_SIZE];
	const uint8_t *pk = adv_c_pk(own), *peer_pk = adv_c_pk(peer);

	CHECK(adv_site(own) != adv_site(peer));
	int failed = adv_site(own) < adv_site(peer) ? crypto_kx_client_session_keys(rx, tx, pk, s->c_sk, peer_pk)
	                                            : crypto_kx_server_session_keys(rx, tx, pk, s->c_sk, peer_pk);
	if (failed)
		return ERR_PEER_MESSAGE;
	DERIVE(sending, tx, "COHRTshr", FIELD(*sid));
	DERIVE(receiving, rx, "COHRTshr", FIELD(*sid));
	secret_wipe(rx, sizeof rx);
	secret_wipe(tx, sizeof tx);
	return OK;
}

void keys_commitment(struct hash *cmt, const struct hash *sid, const struct scalar *beta)
{
	HASH(cmt, NULL, "COHRTbcm", FIELD(*sid), FIELD(*beta));
}

/* ---- phase 2 */

void keys_u2h(struct hash *u2h, const struct hash *sid, struct bytes u2)
{
	HASH(u2h, NULL, "COHRTu2h", FIELD(*sid), u2);
}

enum err keys_pair_mask(uint8_t mask[KEYS_SIZE], const uint8_t s_sk[KEYS_SIZE], const struct adv *own,
                        const struct adv *peer, const struct hash *sid, const struct hash *u2h)
{
	bool lower = adv_site(own) < adv_site(peer);
	const struct adv *low = lower ? own : peer, *high = lower ? peer : own;
	struct number lo = number_of(adv_site(low)), hi = number_of(adv_site(high));
	uint8_t agreed[KEYS_SIZE];

	CHECK(adv_site(own) != adv_site(peer));
	if (crypto_scalarmult(agreed, s_sk, adv_s_pk(peer)) != 0)
		return ERR_PEER_MESSAGE;
	DERIVE(mask, agreed, "COHRTmsk", FIELD(*sid), FIELD(*u2h), FIELD(lo), FIELD(hi),
	       bytes_of(adv_s_pk(low), KEYS_SIZE), bytes_of(adv_s_pk(high), KEYS_SIZE));
	secret_wipe(agreed, sizeof agreed);
	return OK;
}

void keys_self_mask(uint8_t mask[KEYS_SIZE], const struct scalar *beta, uint32_t site, const struct hash *sid,
                    const struct hash *u2h)
{
	struct number u = number_of(site);

	DERIVE(mask, beta->b, "COHRTslf", FIELD(*sid), FIELD(*u2h), FIELD(u));
}

/* ---- unmasking */

enum err keys_recover(uint8_t s_sk[KEYS_SIZE], const struct scalar *sigma, const struct hash *ctx,
                      const struct adv *adv)
{
	uint8_t s_pk[KEYS_SIZE];

	DERIVE(s_sk, sigma->b, "COHRTssk", FIELD(*ctx));
	CHECK(crypto_scalarmult_base(s_pk, s_sk) == 0);
	if (sodium_memcmp(s_pk, adv_s_pk(adv), KEYS_SIZE) == 0)
		return OK;
	secret_wipe(s_sk, KEYS_SIZE);
	return ERR_PEER_MESSAGE;
}

bool keys_beta_matches(const struct scalar *beta, const struct hash *sid, const struct hash *cmt)
{
	struct hash computed;

	keys_commitment(&computed, sid, beta);
	return hash_equal(&computed, cmt);
}
