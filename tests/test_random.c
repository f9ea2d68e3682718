/*
 * base/random: the stream against RFC 8439 and against OpenSSL's ChaCha20, known draws from a second implementation
 * (Python: hashlib.blake2b for the key, the openssl command for the stream, math.log), and the distributions.
 */
#include "base/hash.h"
#include "base/random.h"
#include "tests/support/chi_square.h"
#include "tests/support/child.h"

#include <math.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the stream */

static struct rng with_key(const uint8_t key[32], uint32_t counter)
{
	struct rng r = {.counter = counter, .used = RNG_BLOCK};

	memcpy(r.key, key, 32);
	return r;
}

static void assert_stream(struct rng r, const char *expected_hex)
{
	uint8_t octets[64];
	char hex[129];

	for (size_t i = 0; i < sizeof octets; i += 4)
		store_u32(octets + i, rng_u32(&r));
	hex_encode(hex, bytes_of(octets, sizeof octets));
	assert_string_equal(hex, expected_hex);
}

/* RFC 8439 appendix A.1, test vectors 1 to 4 (nonce 0, as here). */
static void test_rfc_vectors(void **state)
{
	uint8_t key[32] = {0};

	(void)state;
	assert_stream(with_key(key, 0), "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
	                                "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");
	assert_stream(with_key(key, 1), "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
	                                "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f");
	key[31] = 1;
	assert_stream(with_key(key, 1), "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
	                                "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0");
	key[31] = 0;
	key[1] = 0xff;
	assert_stream(with_key(key, 2), "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
	                                "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096");
}

/* RFC 8439 appendix A.1, test vector 5: the nonce's last octet is 2, so the stream's number is 2^57. */
static void test_rfc_nonce(void **state)
{
	static const uint8_t key[32];
	struct rng r;

	(void)state;
	memset(&r, 0xff, sizeof r); /* nothing of an earlier use stays */
	rng_numbered(&r, key, (uint64_t)1 << 57);
	assert_stream(r, "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"
	                 "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d");
	rng_numbered(&r, key, 0);
	assert_stream(r, "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
	                 "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");
}

/* Draws of mixed width take the octets in order, over many refills, as a second ChaCha20 makes them. */
static void test_stream_order(void **state)
{
	enum { LENGTH = 100000 };
	static uint8_t expected[LENGTH + 16];
	static const uint8_t iv[16];
	struct rng r, choice;
	int n = 0;

	(void)state;
	rng_seeded(&r, 3, "stream");
	rng_seeded(&choice, 4, "stream");
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	assert_int_equal(EVP_EncryptInit_ex(cipher, EVP_chacha20(), NULL, r.key, iv), 1);
	assert_int_equal(EVP_EncryptUpdate(cipher, expected, &n, expected, sizeof expected), 1);
	EVP_CIPHER_CTX_free(cipher);
	for (size_t at = 0; at < LENGTH;) {
		uint8_t many[2000];
		size_t count = rng_below(&choice, 4) ? 0 : rng_below(&choice, sizeof many);
		if (count > LENGTH - at)
			count = LENGTH - at;
		rng_octets(&r, many, count);
		assert_memory_equal(many, expected + at, count);
		at += count;
		if (rng_below(&choice, 2)) {
			assert_true(rng_u64(&r) == load_u64(expected + at));
			at += 8;
		} else {
			assert_true(rng_u32(&r) == load_u32(expected + at));
			at += 4;
		}
	}
}

static void test_known_draws(void **state)
{
	static const uint64_t below[] = {123, 71, 9, 86, 179, 143, 370, 824, 364, 121, 643, 896};
	static const uint64_t rejecting[] = {9680270023931700123u, 2490366741446262359u, 113685759013441297u,
	                                     9472333644291633086u};
	static const double unit[] = {0x1.0cae7498d49f4p-1, 0x1.c51f1eb6b0b3fp-1, 0x1.8327c930e4089p-1};
	static const uint32_t shuffled[] = {3, 0, 5, 2, 9, 1, 6, 7, 8, 4};
	uint32_t items[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	char hex[65];
	struct rng r;

	(void)state;
	rng_seeded(&r, 42, "order");
	hex_encode(hex, bytes_of(r.key, 32));
	assert_string_equal(hex, "1c60637453f8a23c4b52cfb7da19c162446d1d51475a3b68300771b300b207f7");
	assert_true(rng_u64(&r) == 0x86573a4c6a4fa39b);
	assert_true(rng_u64(&r) == 0xe28f8f5b5859fe57);
	assert_true(rng_u64(&r) == 0xc193e49872044f11);
	assert_true(rng_u32(&r) == 0x4dfbefbe);
	rng_seeded(&r, 42, "order");
	for (size_t i = 0; i < 12; i++)
		assert_true(rng_below(&r, 1000) == below[i]);
	rng_seeded(&r, 42, "order");
	for (size_t i = 0; i < 4; i++)
		assert_true(rng_below(&r, (uint64_t)3 << 62) == rejecting[i]);
	rng_seeded(&r, 42, "order");
	for (size_t i = 0; i < 3; i++)
		assert_true(rng_unit(&r) == unit[i]);
	rng_seeded(&r, 7, "order");
	rng_shuffle(&r, items, 10);
	assert_memory_equal(items, shuffled, sizeof items);
}

/* The second implementation's logarithm may differ in the last bits. */
static void test_known_normals(void **state)
{
	static const double normal[] = {0x1.67502d7bd3c38p-1, 0x1.f1132b1ad8f8ap-5, 0x1.1f1cbaddd6332p-2,
	                                -0x1.657bead1872a3p-1, 0x1.b82e53b691291p-1};
	struct rng r;

	(void)state;
	rng_seeded(&r, 42, "init");
	for (size_t i = 0; i < 5; i++)
		assert_true(fabs(rng_normal(&r) - normal[i]) < 1e-15);
}

/* key = KD(seed, "COHRTrng", label), and a seed of 32 bytes is not the number's. */
static void test_key(void **state)
{
	const struct bytes label = bytes_text("init");
	uint8_t seed[32];
	struct hash key;
	struct rng r;

	(void)state;
	for (size_t i = 0; i < sizeof seed; i++)
		seed[i] = (uint8_t)(255 - i);
	rng_init(&r, seed, "init");
	hash_fields(&key, seed, "COHRTrng", &label, 1);
	assert_memory_equal(r.key, key.b, sizeof r.key);
}

static void test_streams_differ(void **state)
{
	static const char *const labels[] = {"init", "order", "", "init "};
	uint64_t first[12];
	size_t n = 0;
	struct rng r;

	(void)state;
	for (uint64_t seed = 0; seed < 3; seed++) {
		for (size_t i = 0; i < 4; i++) {
			rng_seeded(&r, seed, labels[i]);
			first[n] = rng_u64(&r);
			for (size_t other = 0; other < n; other++)
				assert_true(first[n] != first[other]);
			n++;
		}
	}
}

static void draw_past_the_end(void *context)
{
	struct rng r = {.counter = UINT32_MAX - 7, .used = RNG_BLOCK};

	(void)context;
	rng_u32(&r);
}

static void draw_below_zero(void *context)
{
	struct rng r = {.used = RNG_BLOCK};

	(void)context;
	rng_below(&r, 0);
}

static void test_misuse(void **state)
{
	(void)state;
	child_expect_check("UINT32_MAX", draw_past_the_end, NULL);
	child_expect_check("bound > 0", draw_below_zero, NULL);
}

/* ---- the distributions, with fixed seeds */

static void test_below_uniform(void **state)
{
	static const uint64_t bounds[] = {2, 3, 7, 10, 64, 1000};
	static uint32_t counts[1000];
	struct rng r;

	(void)state;
	rng_seeded(&r, 5, "below");
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		size_t bins = (size_t)bounds[i];
		memset(counts, 0, sizeof counts);
		for (size_t draw = 0; draw < 200 * bins + 20000; draw++) {
			uint64_t x = rng_below(&r, bounds[i]);
			assert_true(x < bounds[i]);
			counts[x]++;
		}
		assert_true(chi_square(counts, bins, 200 + 20000.0 / (double)bins) < chi_square_limit(bins - 1));
	}
	assert_true(rng_below(&r, 1) == 0);
}

/* Just above 2^63 and at 3 * 2^62 a plain remainder would favour the low values by a factor of two. */
static void test_below_rejects(void **state)
{
	static const uint64_t bounds[] = {(uint64_t)3 << 62, ((uint64_t)1 << 63) + 1, UINT64_MAX};
	struct rng r;

	(void)state;
	rng_seeded(&r, 6, "below");
	for (size_t i = 0; i < 3; i++) {
		uint32_t counts[3] = {0};
		for (int draw = 0; draw < 30000; draw++) {
			uint64_t x = rng_below(&r, bounds[i]);
			assert_true(x < bounds[i]);
			counts[x / (bounds[i] / 3 + 1)]++;
		}
		assert_true(chi_square(counts, 3, 10000) < chi_square_limit(2));
	}
}

static void test_unit_uniform(void **state)
{
	uint32_t counts[100] = {0}, low_bits[16] = {0};
	struct rng r;

	(void)state;
	rng_seeded(&r, 7, "unit");
	for (int draw = 0; draw < 100000; draw++) {
		double x = rng_unit(&r);
		assert_true(x >= 0 && x < 1);
		double scaled = x * 0x1p53;
		assert_true(scaled == floor(scaled));
		counts[(int)(x * 100)]++;
		low_bits[(uint64_t)scaled % 16]++;
	}
	assert_true(chi_square(counts, 100, 1000) < chi_square_limit(99));
	assert_true(chi_square(low_bits, 16, 100000 / 16.0) < chi_square_limit(15)); /* all 53 bits move */
}

/* 50 bins of equal probability by erfc, and the moments within five standard errors. */
static void test_normal(void **state)
{
	enum { DRAWS = 200000, BINS = 50 };
	uint32_t counts[BINS] = {0};
	double sum = 0, squares = 0, fourth = 0;
	int beyond_3 = 0;
	struct rng r;

	(void)state;
	rng_seeded(&r, 8, "normal");
	for (int draw = 0; draw < DRAWS; draw++) {
		double x = rng_normal(&r);
		assert_true(fabs(x) < 13);
		int bin = (int)(erfc(-x / sqrt(2)) / 2 * BINS);
		counts[bin < BINS ? bin : BINS - 1]++;
		sum += x;
		squares += x * x;
		fourth += x * x * x * x;
		beyond_3 += fabs(x) > 3;
	}
	assert_true(chi_square(counts, BINS, (double)DRAWS / BINS) < chi_square_limit(BINS - 1));
	assert_true(fabs(sum / DRAWS) < 5 / sqrt(DRAWS));
	assert_true(fabs(squares / DRAWS - 1) < 5 * sqrt(2.0 / DRAWS));
	assert_true(fabs(fourth / DRAWS - 3) < 5 * sqrt(96.0 / DRAWS));
	double tail = erfc(3 / sqrt(2)); /* 0.0027 */
	assert_true(fabs((double)beyond_3 / DRAWS - tail) < 5 * sqrt(tail / DRAWS));
}

/* The polar method once more with the C library's logarithm, from a copy of the stream. */
static void test_normal_reference(void **state)
{
	struct rng r, copy;

	(void)state;
	rng_seeded(&r, 9, "normal");
	copy = r;
	for (int draw = 0; draw < 100000; draw++) {
		double x, y, s;
		do {
			x = 2 * rng_unit(&copy) - 1;
			y = 2 * rng_unit(&copy) - 1;
			s = x * x + y * y;
		} while (s >= 1 || s == 0);
		double expected = x * sqrt(-2 * log(s) / s);
		assert_true(fabs(rng_normal(&r) - expected) <= 1e-14 * fabs(expected));
	}
}

/* All 24 orders of four items are equally likely. */
static void test_shuffle_uniform(void **state)
{
	uint32_t counts[256] = {0}, seen[24];
	size_t orders = 0;
	struct rng r;

	(void)state;
	rng_seeded(&r, 10, "shuffle");
	for (int draw = 0; draw < 48000; draw++) {
		uint32_t items[4] = {0, 1, 2, 3};
		rng_shuffle(&r, items, 4);
		counts[items[0] << 6 | items[1] << 4 | items[2] << 2 | items[3]]++;
	}
	for (size_t i = 0; i < 256; i++) {
		if (counts[i] == 0)
			continue;
		assert_true(orders < 24);
		seen[orders++] = counts[i];
	}
	assert_int_equal(orders, 24);
	assert_true(chi_square(seen, 24, 2000) < chi_square_limit(23));
}

/* The header's recipe, literally. Returns how many draws were rejected. */
static uint32_t slow_shuffle(struct rng *r, uint32_t *items, uint64_t count)
{
	const uint64_t two_32 = (uint64_t)1 << 32;
	uint32_t rejected = 0;

	for (uint64_t i = count; i >= 2; i--) {
		uint64_t x = rng_u32(r);
		for (; x * i % two_32 < two_32 % i; rejected++)
			x = rng_u32(r);
		uint32_t j = (uint32_t)(x * i / two_32), swapped = items[i - 1];
		items[i - 1] = items[j];
		items[j] = swapped;
	}
	return rejected;
}

/* Where draws are rejected: with a million items about 64 are. */
static void test_shuffle_recipe(void **state)
{
	enum { ITEMS = 1 << 20 };
	uint32_t *items = mem_array(ITEMS, sizeof *items), *expected = mem_array(ITEMS, sizeof *items);
	struct rng r, copy;

	(void)state;
	rng_seeded(&r, 12, "shuffle");
	copy = r;
	for (uint32_t i = 0; i < ITEMS; i++)
		items[i] = expected[i] = i;
	uint32_t rejected = slow_shuffle(&copy, expected, ITEMS);
	assert_true(rejected > 30 && rejected < 100);
	rng_shuffle(&r, items, ITEMS);
	assert_memory_equal(items, expected, ITEMS * sizeof *items);
	assert_true(rng_u32(&r) == rng_u32(&copy));
	free(items);
	free(expected);
}

/* Short ones take the same octets of the stream, wherever it stands, and what follows goes on behind them. */
static void test_shuffle_short(void **state)
{
	enum { ITEMS = 300 };
	uint32_t items[ITEMS], expected[ITEMS];
	struct rng r, copy;

	(void)state;
	rng_seeded(&r, 13, "shuffle");
	for (uint32_t count = 0; count <= ITEMS; count++) {
		if (count % 3 == 0)
			rng_numbered(&r, r.key, count);
		copy = r;
		for (uint32_t i = 0; i < ITEMS; i++)
			items[i] = expected[i] = i;
		slow_shuffle(&copy, expected, count);
		rng_shuffle(&r, items, count);
		assert_memory_equal(items, expected, sizeof items);
		for (int draw = 0; draw < 200; draw++)
			assert_true(rng_u32(&r) == rng_u32(&copy));
	}
}

static void test_shuffle_permutes(void **state)
{
	static uint32_t items[1000];
	static bool seen[1000];
	struct rng r;

	(void)state;
	rng_seeded(&r, 11, "shuffle");
	for (size_t count = 0; count <= 1000; count += count < 5 ? 1 : 199) {
		size_t moved = 0;
		for (size_t i = 0; i < count; i++) {
			items[i] = (uint32_t)i;
			seen[i] = false;
		}
		rng_shuffle(&r, items, count);
		for (size_t i = 0; i < count; i++) {
			assert_true(items[i] < count && !seen[items[i]]);
			seen[items[i]] = true;
			moved += items[i] != i;
		}
		assert_true(count < 200 || moved > count / 2);
	}
}

/* ---- the other kind */

static void test_entropy_system(void **state)
{
	struct entropy e = entropy_system();
	uint8_t a[80] = {0}, b[80] = {0}, any[32] = {0};

	(void)state;
	entropy_fill(&e, a + 8, 64);
	entropy_fill(&e, b + 8, 64);
	assert_memory_not_equal(a + 8, b + 8, 64);
	for (int i = 0; i < 8; i++)
		assert_true(a[i] == 0 && a[72 + i] == 0);
	entropy_fill(&e, a, 0);
	assert_int_equal(a[0], 0);
	for (int draw = 0; draw < 64; draw++) { /* every byte is reached: all zero has probability 2^-512 each */
		uint8_t octets[32];
		entropy_fill(&e, octets, sizeof octets);
		for (size_t i = 0; i < sizeof octets; i++)
			any[i] |= octets[i];
	}
	for (size_t i = 0; i < sizeof any; i++)
		assert_int_not_equal(any[i], 0);
}

static void fill_with_context(void *context, uint8_t *out, size_t len)
{
	memset(out, *(const uint8_t *)context, len);
}

static void test_entropy_injected(void **state)
{
	uint8_t value = 0x42, out[9] = {0};
	struct entropy e = {fill_with_context, &value};

	(void)state;
	entropy_fill(&e, out, 8);
	assert_memory_equal(out, "BBBBBBBB", 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_vectors),      cmocka_unit_test(test_rfc_nonce),
		cmocka_unit_test(test_stream_order),     cmocka_unit_test(test_known_draws),
		cmocka_unit_test(test_known_normals),    cmocka_unit_test(test_key),
		cmocka_unit_test(test_streams_differ),   cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_below_uniform),    cmocka_unit_test(test_below_rejects),
		cmocka_unit_test(test_unit_uniform),     cmocka_unit_test(test_normal),
		cmocka_unit_test(test_normal_reference), cmocka_unit_test(test_shuffle_uniform),
		cmocka_unit_test(test_shuffle_recipe),   cmocka_unit_test(test_shuffle_short),
		cmocka_unit_test(test_shuffle_permutes), cmocka_unit_test(test_entropy_system),
		cmocka_unit_test(test_entropy_injected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
