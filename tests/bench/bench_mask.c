/*
 * Masking and unmasking against the stream cipher that they are made of: OpenSSL's ChaCha20 with one key, a tile at a
 * time, added to one tile that stays in the cache. GB/s of mask; the best of many runs, thread CPU time. Both are
 * measured in turns.
 *
 *   client        d = 1,000,000 and 20 peers: 21 streams, packed to 20 bits
 *   coordinator   d = 100,000, the streams of one lost site among 349 others, added to a sum
 *   pack, unpack  of 20 bits, in 10^9 coordinates per second
 */
#include "base/random.h"
#include "base/vec.h"
#include "crypto/mask.h"
#include "tests/bench/figure.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define RUNS 25
#define BITS 20
#define PIECE 4096
#define WORDS 1000000
#define PEERS 20
#define SUM_WORDS 100000
#define SUM_MASKS 349

struct bench {
	uint32_t *x, *sum;
	uint8_t *packed;
	struct mask masks[SUM_MASKS];
	EVP_CIPHER_CTX *context;
	uint8_t zeros[4 * PIECE], stream[4 * PIECE];
	uint32_t tile[PIECE];
};

/* As many octets of one stream as the client's masks have. */
static void reference(struct bench *b)
{
	const uint8_t counter[16] = {0};
	int made;
	CHECK(EVP_EncryptInit_ex2(b->context, NULL, b->masks[0].key, counter, NULL) == 1);
	for (size_t done = 0; done < (size_t)(PEERS + 1) * WORDS; done += PIECE) {
		CHECK(EVP_EncryptUpdate(b->context, b->stream, &made, b->zeros, sizeof b->zeros) == 1);
		vec_add_octets(b->tile, b->stream, PIECE);
	}
}

static void client(struct bench *b)
{
	mask_input(b->packed, b->x, 0, WORDS, BITS, b->masks, PEERS + 1);
}

static void coordinator(struct bench *b)
{
	mask_add(b->sum, 0, SUM_WORDS, b->masks, SUM_MASKS);
}

static void pack(struct bench *b)
{
	pack_words(b->packed, b->x, WORDS, BITS);
}

static void unpack(struct bench *b)
{
	pack_add(b->sum, b->packed, WORDS, BITS);
}

static double seconds_of(struct bench *b, void (*part)(struct bench *b))
{
	double start = thread_seconds();
	part(b);
	return thread_seconds() - start;
}

int main(void)
{
	static struct bench b;
	static void (*const parts[])(struct bench * b) = {reference, client, coordinator, pack, unpack};
	double best[5] = {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY};
	struct rng r;

	secret_init();
	rng_seeded(&r, 1, "bench");
	b.x = vec_u32(WORDS);
	b.sum = vec_u32(WORDS);
	b.packed = mem_array(WORDS, sizeof(uint32_t));
	rng_octets(&r, (uint8_t *)b.x, WORDS * sizeof(uint32_t));
	for (uint32_t i = 0; i < SUM_MASKS; i++) {
		rng_octets(&r, b.masks[i].key, KEYS_SIZE);
		b.masks[i].subtract = i % 2 == 1;
	}
	b.context = EVP_CIPHER_CTX_new();
	CHECK(b.context && EVP_EncryptInit_ex2(b.context, EVP_chacha20(), NULL, NULL, NULL) == 1);
	for (int run = 0; run < RUNS; run++)
		for (int i = 0; i < 5; i++)
			best[i] = fmin(best[i], seconds_of(&b, parts[i]));

	double stream = 4e-9 * (PEERS + 1) * WORDS, floor = stream / best[0];
	figure("mask_client", stream / best[1], "GB/s", floor);
	figure("mask_coordinator", 4e-9 * SUM_MASKS * SUM_WORDS / best[2], "GB/s", floor);
	figure("pack_20_bits", 1e-9 * WORDS / best[3], "G/s", NAN);
	figure("unpack_20_bits", 1e-9 * WORDS / best[4], "G/s", NAN);
	EVP_CIPHER_CTX_free(b.context);
	free(b.x);
	free(b.sum);
	free(b.packed);
	return 0;
}
