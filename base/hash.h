/*
 * Hashes: BLAKE2b-256 (libsodium) for contracts, ids and contexts; SHA-256 (libcrypto) for bulk content
 * such as models and uploads, so that sha256sum agrees. RFC 7693, FIPS 180-4.
 *
 *   H(tag, a, b, ...)       = BLAKE2b-256(tag || F(a) || F(b) ...)            F: base/bytes.h
 *   KD(key, tag, a, b, ...) = the same, keyed with a 32-byte key
 * A tag is 8 ASCII bytes without a length before it, each used for one purpose (docs/PROTOCOL.md lists them).
 */
#ifndef COHORT_BASE_HASH_H
#define COHORT_BASE_HASH_H

#include "base/bytes.h"

#include <stdint.h>

#define HASH_SIZE 32
#define HASH_HEX_SIZE 65 /* with the final NUL */
#define HASH_TAG_SIZE 8

struct hash {
	uint8_t b[HASH_SIZE];
};

bool hash_equal(const struct hash *a, const struct hash *b); /* constant time */
bool hash_is_zero(const struct hash *h);
void hash_hex(char out[HASH_HEX_SIZE], const struct hash *h);
bool hash_from_hex(struct hash *out, const char *hex); /* 64 characters [0-9a-f] */

/* H and KD over `count` fields. `key`: 32 bytes, or NULL for unkeyed. A field has less than 2^32 bytes. */
void hash_fields(struct hash *out, const uint8_t *key, const char *tag, const struct bytes *fields, size_t count);

/* Plain BLAKE2b-256 of the bytes (the study's hash). */
void hash_blake2b(struct hash *out, struct bytes data);

/* SHA-256, at once and incrementally. Zero the struct before the first sha256_init; sha256_free accepts a zeroed one. */
struct sha256 {
	void *md; /* EVP_MD_CTX, hidden so that only hash.c knows libcrypto */
};
void sha256_of(struct hash *out, struct bytes data);
void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, struct bytes data);
void sha256_final(struct sha256 *s, struct hash *out); /* `s` may be initialised again afterwards */
void sha256_free(struct sha256 *s);
enum err sha256_file(struct hash *out, const char *path, struct diag *why) MUST_USE;

#endif
