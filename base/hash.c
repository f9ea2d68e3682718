/*
 * BLAKE2b from libsodium, SHA-256 from libcrypto (which uses the processor's SHA instructions: models of hundreds of MiB
 * are hashed while they arrive).
 */
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define READ_CHUNK                                                                                                     \
	65536 /* bytes per read: large enough that the system call costs little, small enough for the stack */

bool hash_equal(const struct hash *a, const struct hash *b)
{
	return sodium_memcmp(a->b, b->b, HASH_SIZE) == 0;
}

bool hash_is_zero(const struct hash *h)
{
	return sodium_is_zero(h->b, HASH_SIZE) == 1;
}

void hash_hex(char out[HASH_HEX_SIZE], const struct hash *h)
{
	hex_encode(out, bytes_of(h->b, HASH_SIZE));
}

bool hash_from_hex(struct hash *out, const char *hex)
{
	return hex_decode(out->b, HASH_SIZE, hex);
}

void hash_fields(struct hash *out, const uint8_t *key, const char *tag, const struct bytes *fields, size_t count)
{
	crypto_generichash_state state;
	uint8_t length[4];

	CHECK(strlen(tag) == HASH_TAG_SIZE);
	CHECK(crypto_generichash_init(&state, key, key ? HASH_SIZE : 0, HASH_SIZE) == 0);
	crypto_generichash_update(&state, (const uint8_t *)tag, HASH_TAG_SIZE);
	for (size_t i = 0; i < count; i++) {
		CHECK(fields[i].len <= UINT32_MAX);
		store_u32(length, (uint32_t)fields[i].len);
		crypto_generichash_update(&state, length, sizeof length);
		crypto_generichash_update(&state, fields[i].ptr, fields[i].len);
	}
	crypto_generichash_final(&state, out->b, HASH_SIZE);
	sodium_memzero(&state, sizeof state); /* it held the key */
}

void hash_blake2b(struct hash *out, struct bytes data)
{
	CHECK(crypto_generichash(out->b, HASH_SIZE, data.ptr, data.len, NULL, 0) == 0);
}

void sha256_of(struct hash *out, struct bytes data)
{
	struct sha256 s = {0};

	sha256_init(&s);
	sha256_update(&s, data);
	sha256_final(&s, out);
	sha256_free(&s);
}

void sha256_init(struct sha256 *s)
{
	if (!s->md)
		s->md = EVP_MD_CTX_new();
	CHECK(s->md && EVP_DigestInit_ex(s->md, EVP_sha256(), NULL) == 1);
}

void sha256_update(struct sha256 *s, struct bytes data)
{
	CHECK(EVP_DigestUpdate(s->md, data.ptr, data.len) == 1);
}

void sha256_final(struct sha256 *s, struct hash *out)
{
	unsigned len = 0;

	CHECK(EVP_DigestFinal_ex(s->md, out->b, &len) == 1 && len == HASH_SIZE);
}

void sha256_free(struct sha256 *s)
{
	EVP_MD_CTX_free(s->md);
	s->md = NULL;
}

enum err sha256_file(struct hash *out, const char *path, struct diag *why)
{
	uint8_t chunk[READ_CHUNK];
	struct sha256 s = {0};
	enum err e = OK;
	ssize_t n;

	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		(void)diag_errno(why, errno, "%s: cannot be opened", path);
		return ERR_NO_INPUT;
	}
	sha256_init(&s);
	while ((n = read(fd, chunk, sizeof chunk)) != 0) {
		if (n > 0)
			sha256_update(&s, bytes_of(chunk, (size_t)n));
		else if (errno != EINTR) {
			e = diag_set(why, ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
			break;
		}
	}
	if (!e)
		sha256_final(&s, out);
	sha256_free(&s);
	close(fd);
	return e;
}
