/*
 * Shares by Horner's rule in plain integers of 512 bits: a step multiplies by x, which is small, and adds a
 * coefficient, so that the modulus need be taken only where the next step would not fit (each 28 steps for x < 512) and
 * not at each, which is ten times faster. The number of steps between two reductions follows from x, which is public.
 */
#include "crypto/shamir.h"

#include "base/bytes.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define LIMBS 16 /* of 32 bits: a step's products and carries fit 64 bits */
#define WIDE_BITS 512
#define SCALAR_BITS 253 /* l < 2^253 */
#define SCALAR_LIMBS (SHAMIR_SCALAR_SIZE / 4)

struct wide {
	uint32_t limb[LIMBS]; /* little-endian */
};

static void widen(struct wide *w, const struct scalar *s)
{
	memset(w, 0, sizeof *w);
	for (uint32_t i = 0; i < SCALAR_LIMBS; i++)
		w->limb[i] = load_u32(s->b + 4 * i);
}

static void reduce(struct scalar *out, const struct wide *w)
{
	uint8_t octets[WIDE_BITS / 8];

	for (uint32_t i = 0; i < LIMBS; i++)
		store_u32(octets + 4 * i, w->limb[i]);
	crypto_core_ristretto255_scalar_reduce(out->b, octets);
	sodium_memzero(octets, sizeof octets);
}

/* w = w x + a */
static void step(struct wide *w, uint32_t x, const struct scalar *a)
{
	uint64_t carry = 0;

	for (uint32_t i = 0; i < LIMBS; i++) {
		uint64_t sum = (uint64_t)w->limb[i] * x + carry + (i < SCALAR_LIMBS ? load_u32(a->b + 4 * i) : 0);
		w->limb[i] = (uint32_t)sum;
		carry = sum >> 32;
	}
}

static uint32_t bits_of(uint32_t x)
{
	return 32 - (uint32_t)__builtin_clz(x);
}

void shamir_random(struct scalar *out, const struct entropy *e)
{
	uint8_t octets[crypto_core_ristretto255_NONREDUCEDSCALARBYTES];

	entropy_fill(e, octets, sizeof octets);
	crypto_core_ristretto255_scalar_reduce(out->b, octets);
	sodium_memzero(octets, sizeof octets);
}

bool shamir_canonical(const struct scalar *s)
{
	struct scalar reduced;
	struct wide w;

	widen(&w, s);
	reduce(&reduced, &w);
	int differs = sodium_memcmp(reduced.b, s->b, sizeof s->b);
	sodium_memzero(&reduced, sizeof reduced);
	sodium_memzero(&w, sizeof w);
	return differs == 0;
}

void shamir_share(struct scalar *out, const struct scalar *secret, const struct scalar *a, uint32_t t, uint32_t x)
{
	struct wide w = {{0}};
	uint32_t bits = 0;

	CHECK(t >= 1 && x >= 1);
	for (uint32_t i = t; i-- > 0;) {
		if (bits + bits_of(x) > WIDE_BITS) {
			reduce(out, &w);
			widen(&w, out);
			bits = SCALAR_BITS;
		}
		step(&w, x, i > 0 ? &a[i - 1] : secret);
		/* w < 2^bits, a < 2^253 <= 2^bits: w x + a < 2^bits (x + 1) <= 2^(bits + bits_of(x)) */
		bits = bits == 0 ? SCALAR_BITS : bits + bits_of(x);
	}
	reduce(out, &w);
	sodium_memzero(&w, sizeof w);
}

static void from_u64(struct scalar *out, uint64_t v)
{
	memset(out, 0, sizeof *out);
	store_u64(out->b, v);
}

static void multiply(struct scalar *out, const struct scalar *a, const struct scalar *b)
{
	crypto_core_ristretto255_scalar_mul(out->b, a->b, b->b);
}

/* A product of small factors: they are collected in 64 bits first, so that most of them cost one instruction. */
struct product {
	struct scalar value;
	uint64_t small; /* the product is value * small */
};

static void product_fold(struct product *p)
{
	struct scalar s;

	from_u64(&s, p->small);
	multiply(&p->value, &p->value, &s);
	p->small = 1;
}

static void product_begin(struct product *p)
{
	from_u64(&p->value, 1);
	p->small = 1;
}

static void product_times(struct product *p, uint32_t factor)
{
	uint64_t small;

	if (__builtin_mul_overflow(p->small, (uint64_t)factor, &small)) {
		product_fold(p);
		small = factor;
	}
	p->small = small;
}

/* x[i] * product over j != i of (x[j] - x[i]); 0 where a point is 0 or has a double. */
static void denominator(struct scalar *out, const uint32_t *x, uint32_t count, uint32_t i)
{
	struct product p;
	bool negative = false;

	product_begin(&p);
	product_times(&p, x[i]);
	for (uint32_t j = 0; j < count; j++) {
		if (j == i)
			continue;
		negative ^= x[j] < x[i];
		product_times(&p, x[j] < x[i] ? x[i] - x[j] : x[j] - x[i]);
	}
	product_fold(&p);
	if (negative)
		crypto_core_ristretto255_scalar_negate(p.value.b, p.value.b);
	*out = p.value;
}

/* One inversion for all (Montgomery's trick): weights[i] = numerator / d[i], numerator the product of all points. */
static enum err invert_all(struct scalar *weights, const struct scalar *d, const struct scalar *numerator,
                           uint32_t count)
{
	struct scalar running, inverse;

	from_u64(&running, 1);
	for (uint32_t i = 0; i < count; i++) {
		weights[i] = running;
		multiply(&running, &running, &d[i]);
	}
	if (crypto_core_ristretto255_scalar_invert(inverse.b, running.b) != 0)
		return ERR_PEER_MESSAGE; /* some d[i] is 0 */
	multiply(&inverse, &inverse, numerator);
	for (uint32_t i = count; i-- > 0;) {
		multiply(&weights[i], &weights[i], &inverse);
		multiply(&inverse, &inverse, &d[i]);
	}
	return OK;
}

enum err shamir_weights(struct scalar *weights, const uint32_t *x, uint32_t count)
{
	struct scalar *d = mem_array(count, sizeof *d);
	struct product numerator;

	product_begin(&numerator);
	for (uint32_t i = 0; i < count; i++) {
		product_times(&numerator, x[i]);
		denominator(&d[i], x, count, i);
	}
	product_fold(&numerator);
	enum err e = invert_all(weights, d, &numerator.value, count);
	free(d);
	return e;
}

void shamir_combine(struct scalar *secret, const struct scalar *weights, const struct scalar *shares, uint32_t count)
{
	struct scalar term, sum = {{0}};

	for (uint32_t i = 0; i < count; i++) {
		multiply(&term, &weights[i], &shares[i]);
		crypto_core_ristretto255_scalar_add(sum.b, sum.b, term.b);
	}
	*secret = sum;
	sodium_memzero(&sum, sizeof sum);
	sodium_memzero(&term, sizeof term);
}
