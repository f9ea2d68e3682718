/*
 * The seeded stream and what is drawn from it. Every draw takes whole octets of the stream in order, so the numbers
 * depend on the seed, the label and the sequence of calls alone. Only operations that IEEE 754 rounds
 * exactly are used (base/exact.h), which keeps initial weights equal on every machine.
 */
#include "base/random.h"

#include "base/exact.h"
#include "base/hash.h"

#include <math.h>
#include <sodium.h>
#include <string.h>

#define CHACHA_BLOCK 64
#define BLOCKS_PER_REFILL (RNG_BLOCK / CHACHA_BLOCK)

void rng_init(struct rng *r, const uint8_t seed[32], const char *label)
{
	struct bytes field = bytes_text(label);
	struct hash key;

	hash_fields(&key, seed, "COHRTrng", &field, 1);
	rng_numbered(r, key.b, 0);
}

/* The block is left as it is: nothing of it is handed out before the first refill. */
void rng_numbered(struct rng *r, const uint8_t key[32], uint64_t number)
{
	memcpy(r->key, key, sizeof r->key);
	r->number = number;
	r->counter = 0;
	r->used = RNG_BLOCK;
}

void rng_seeded(struct rng *r, uint64_t seed, const char *label)
{
	uint8_t octets[32] = {0};

	store_u64(octets, seed);
	rng_init(r, octets, label);
}

static void expand(struct rng *r, uint8_t *out, uint32_t blocks)
{
	uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = {0};
	size_t octets = (size_t)blocks * CHACHA_BLOCK;

	store_u64(nonce + 4, r->number);
	CHECK(r->counter <= UINT32_MAX - blocks); /* a wrapped counter would repeat the stream */
	memset(out, 0, octets);
	crypto_stream_chacha20_ietf_xor_ic(out, out, octets, nonce, r->counter, r->key);
	r->counter += blocks;
}

/* Fills the block, which is used up, from its end on with as much as `wanted` octets take, or with all that it holds. */
static void refill(struct rng *r, size_t wanted)
{
	uint32_t blocks = BLOCKS_PER_REFILL;

	if (wanted < RNG_BLOCK)
		blocks = ((uint32_t)wanted + CHACHA_BLOCK - 1) / CHACHA_BLOCK;
	r->used = RNG_BLOCK - blocks * CHACHA_BLOCK;
	expand(r, r->block + r->used, blocks);
}

void rng_octets(struct rng *r, uint8_t *out, size_t n)
{
	while (n > 0) {
		if (r->used == RNG_BLOCK && n >= RNG_BLOCK) {
			expand(r, out, BLOCKS_PER_REFILL);
			out += RNG_BLOCK;
			n -= RNG_BLOCK;
			continue;
		}
		if (r->used == RNG_BLOCK)
			refill(r, RNG_BLOCK);
		uint32_t part = RNG_BLOCK - r->used < n ? RNG_BLOCK - r->used : (uint32_t)n;
		memcpy(out, r->block + r->used, part);
		r->used += part;
		out += part;
		n -= part;
	}
}

uint32_t rng_u32(struct rng *r)
{
	uint8_t octets[4];

	if (r->used <= RNG_BLOCK - sizeof octets) { /* at hand, as all but one in 128 are */
		r->used += sizeof octets;
		return load_u32(r->block + r->used - sizeof octets);
	}
	rng_octets(r, octets, sizeof octets);
	return load_u32(octets);
}

uint64_t rng_u64(struct rng *r)
{
	uint8_t octets[8];

	rng_octets(r, octets, sizeof octets);
	return load_u64(octets);
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
	CHECK(bound > 0);
	uint64_t unfair = (0 - bound) % bound; /* 2^64 mod bound: so many values too many for equal shares */
	uint64_t x;
	do
		x = rng_u64(r);
	while (x < unfair);
	return x % bound;
}

double rng_unit(struct rng *r)
{
	return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

/* Marsaglia and Bray, SIAM Review 6 (1964): a point in the unit disc gives two normals; the second is dropped, which
 * costs time but leaves no state outside the stream. */
double rng_normal(struct rng *r)
{
	double x, s;

	do {
		x = 2 * rng_unit(r) - 1;
		double y = 2 * rng_unit(r) - 1;
		s = x * x + y * y;
	} while (s >= 1 || s == 0);
	return x * sqrt(-2 * exact_log(s) / s);
}

/* A product instead of a division: 2^32 mod bound, which needs one, is seldom asked for. */
static uint32_t below_u32(struct rng *r, uint32_t bound)
{
	uint64_t product = (uint64_t)rng_u32(r) * bound;

	if ((uint32_t)product < bound) {
		uint32_t unfair = (0 - bound) % bound;
		while ((uint32_t)product < unfair)
			product = (uint64_t)rng_u32(r) * bound;
	}
	return (uint32_t)(product >> 32);
}

void rng_shuffle(struct rng *r, uint32_t *items, size_t count)
{
	CHECK(count <= UINT32_MAX);
	if (count > 1 && r->used == RNG_BLOCK) /* no more than it takes: most sites have few rows */
		refill(r, 4 * (count - 1));
	for (uint32_t i = (uint32_t)count; i > 1; i--) {
		uint32_t j = below_u32(r, i), swapped = items[i - 1];
		items[i - 1] = items[j];
		items[j] = swapped;
	}
}

static void fill_from_system(void *context, uint8_t *out, size_t len)
{
	(void)context;
	randombytes_buf(out, len);
}

struct entropy entropy_system(void)
{
	return (struct entropy){.fill = fill_from_system};
}

void entropy_fill(const struct entropy *e, uint8_t *out, size_t len)
{
	e->fill(e->context, out, len);
}
