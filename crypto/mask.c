/*
 * OpenSSL's ChaCha20, at 5 GB/s twice as fast as libsodium's, writes a piece of the stream into a buffer in the first
 * cache, and the addition takes it from there into a tile that stays in the second: 3 % of the time. Setting the key
 * again for each tile costs 1 %; a cipher context per key would save that, but would leave copies of all keys in memory
 * that is not locked. The context wipes its copy when it is freed.
 */
#include "crypto/mask.h"

#include "base/vec.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#define PIECE_WORDS 2048 /* of a stream, 8 KiB: it and as many zeros leave room for the tile's own in the first cache */
#define PIECE_OCTETS (4 * PIECE_WORDS)
#define COUNTER_SIZE 16 /* OpenSSL's form: block counter u32le, nonce 12 */
#define STACK_WIPED 4096 /* the cipher's vector code spills its state there */
_Static_assert(MASK_TILE % MASK_ALIGN == 0 && PIECE_WORDS % MASK_ALIGN == 0, "tiles and pieces begin at a block");

static const uint8_t zeros[PIECE_OCTETS];

struct cipher {
	EVP_CIPHER *chacha20;
	EVP_CIPHER_CTX *context;
};

static void cipher_open(struct cipher *c)
{
	c->chacha20 = EVP_CIPHER_fetch(NULL, "ChaCha20", NULL);
	c->context = EVP_CIPHER_CTX_new();
	CHECK(c->chacha20 && c->context && EVP_EncryptInit_ex2(c->context, c->chacha20, NULL, NULL, NULL) == 1);
}

static void cipher_close(struct cipher *c)
{
	EVP_CIPHER_CTX_free(c->context);
	EVP_CIPHER_free(c->chacha20);
	sodium_stackzero(STACK_WIPED);
}

static size_t at_most(size_t left, size_t most)
{
	return left < most ? left : most;
}

/* tile[i] += or -= the stream's words from the counter that the context was given, i < count; `stream` is scratch. */
static void add_stream(struct cipher *c, uint32_t *tile, uint8_t stream[PIECE_OCTETS], size_t count, bool subtract)
{
	for (size_t done = 0; done < count; done += PIECE_WORDS) {
		size_t words = at_most(count - done, PIECE_WORDS);
		int made = 0, octets = (int)(4 * words);
		CHECK(EVP_EncryptUpdate(c->context, stream, &made, zeros, octets) == 1 && made == octets);
		if (subtract)
			vec_subtract_octets(tile + done, stream, words);
		else
			vec_add_octets(tile + done, stream, words);
	}
}

/* tile[i] += or -= word first + i of each stream, i < count <= MASK_TILE. */
static void add_streams(struct cipher *c, uint32_t *tile, uint8_t stream[PIECE_OCTETS], uint32_t first, size_t count,
                        const struct mask *masks, size_t mask_count)
{
	uint8_t counter[COUNTER_SIZE] = {0};

	store_u32(counter, first / MASK_ALIGN);
	for (size_t j = 0; j < mask_count; j++) {
		CHECK(EVP_EncryptInit_ex2(c->context, NULL, masks[j].key, counter, NULL) == 1);
		add_stream(c, tile, stream, count, masks[j].subtract);
	}
}

void mask_add(uint32_t *sum, uint32_t first, size_t count, const struct mask *masks, size_t mask_count)
{
	_Alignas(VEC_ALIGN) uint8_t stream[PIECE_OCTETS];
	struct cipher c;

	CHECK(first % MASK_ALIGN == 0);
	cipher_open(&c);
	for (size_t done = 0; done < count; done += MASK_TILE)
		add_streams(&c, sum + done, stream, first + (uint32_t)done, at_most(count - done, MASK_TILE), masks,
		            mask_count);
	cipher_close(&c);
	secret_wipe(stream, sizeof stream);
}

void mask_input(uint8_t *y, const uint32_t *x, uint32_t first, size_t count, uint32_t k, const struct mask *masks,
                size_t mask_count)
{
	_Alignas(VEC_ALIGN) uint8_t stream[PIECE_OCTETS];
	_Alignas(VEC_ALIGN) uint32_t tile[MASK_TILE];
	struct cipher c;

	CHECK(first % MASK_ALIGN == 0);
	cipher_open(&c);
	for (size_t done = 0; done < count; done += MASK_TILE) {
		size_t words = at_most(count - done, MASK_TILE);
		memcpy(tile, x + done, words * sizeof *tile);
		add_streams(&c, tile, stream, first + (uint32_t)done, words, masks, mask_count);
		pack_words(y + done / 8 * k, tile, words, k);
	}
	cipher_close(&c);
	secret_wipe(stream, sizeof stream);
	secret_wipe(tile, sizeof tile);
}
