/* Sealing is libsodium's AEAD; what is ours is the layout of label and content. */
#include "crypto/seal.h"

#include <sodium.h>
#include <string.h>

#define CONTENT_SIZE (4 + 4 + 2 * SHAMIR_SCALAR_SIZE)
#define LABEL_SIZE (HASH_TAG_SIZE + 4 + HASH_SIZE + 4 * (4 + 4))
_Static_assert(SEAL_NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "libsodium's nonce");
_Static_assert(SEAL_SIZE == SEAL_NONCE_SIZE + CONTENT_SIZE + crypto_aead_xchacha20poly1305_ietf_ABYTES, "112 octets");

static uint8_t *put_number(uint8_t *at, uint32_t v)
{
	store_u32(at, sizeof v);
	store_u32(at + 4, v);
	return at + 8;
}

static void label_octets(uint8_t out[LABEL_SIZE], const struct seal_label *label)
{
	uint8_t *at = out;

	memcpy(at, "COHRTsad", HASH_TAG_SIZE);
	at += HASH_TAG_SIZE;
	store_u32(at, HASH_SIZE);
	memcpy(at + 4, label->sid->b, HASH_SIZE);
	at += 4 + HASH_SIZE;
	at = put_number(at, label->from);
	at = put_number(at, label->to);
	at = put_number(at, label->x);
	at = put_number(at, label->t);
	CHECK(at == out + LABEL_SIZE);
}

void seal_close(uint8_t ct[SEAL_SIZE], const uint8_t key[KEYS_SIZE], const uint8_t nonce[SEAL_NONCE_SIZE],
                const struct seal_label *label, const struct seal_shares *shares)
{
	uint8_t ad[LABEL_SIZE], content[CONTENT_SIZE];

	label_octets(ad, label);
	store_u32(content, label->from);
	store_u32(content + 4, label->to);
	memcpy(content + 8, shares->sigma.b, SHAMIR_SCALAR_SIZE);
	memcpy(content + 8 + SHAMIR_SCALAR_SIZE, shares->beta.b, SHAMIR_SCALAR_SIZE);
	memcpy(ct, nonce, SEAL_NONCE_SIZE);
	CHECK(crypto_aead_xchacha20poly1305_ietf_encrypt(ct + SEAL_NONCE_SIZE, NULL, content, sizeof content, ad,
	                                                 sizeof ad, NULL, nonce, key) == 0);
	sodium_memzero(content, sizeof content);
}

static bool take_content(struct seal_shares *shares, const uint8_t content[CONTENT_SIZE],
                         const struct seal_label *label)
{
	memcpy(shares->sigma.b, content + 8, SHAMIR_SCALAR_SIZE);
	memcpy(shares->beta.b, content + 8 + SHAMIR_SCALAR_SIZE, SHAMIR_SCALAR_SIZE);
	return load_u32(content) == label->from && load_u32(content + 4) == label->to &&
	       shamir_canonical(&shares->sigma) && shamir_canonical(&shares->beta);
}

enum err seal_open(struct seal_shares *shares, const uint8_t key[KEYS_SIZE], const struct seal_label *label,
                   struct bytes ct)
{
	uint8_t ad[LABEL_SIZE], content[CONTENT_SIZE] = {0};

	label_octets(ad, label);
	bool opened = ct.len == SEAL_SIZE &&
	              crypto_aead_xchacha20poly1305_ietf_decrypt(content, NULL, NULL, ct.ptr + SEAL_NONCE_SIZE,
	                                                         SEAL_SIZE - SEAL_NONCE_SIZE, ad, sizeof ad, ct.ptr,
	                                                         key) == 0 &&
	              take_content(shares, content, label);
	sodium_memzero(content, sizeof content);
	if (!opened)
		sodium_memzero(shares, sizeof *shares);
	return opened ? OK : ERR_PEER_MESSAGE;
}
