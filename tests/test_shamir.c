/* crypto/shamir: a published sharing, libsodium's scalars one operation at a time, and every subset of survivors. */
#include "base/bytes.h"
#include "base/file.h"
#include "crypto/shamir.h"
#include "tests/support/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define VECTORS "tests/vectors/shamir_ristretto255.txt"
#define T_MAX 600

static struct rng numbers;

static void fill_seeded(void *context, uint8_t *out, size_t n)
{
	(void)context;
	rng_octets(&numbers, out, n);
}

static const struct entropy seeded = {.fill = fill_seeded};

static int prepare(void **state)
{
	(void)state;
	rng_seeded(&numbers, 1, "shamir");
	return sodium_init() < 0 ? -1 : 0;
}

/* ---- the published sharing */

static struct scalar published(const char *text, const char *key)
{
	struct scalar s;
	char line[16], hex[2 * SHAMIR_SCALAR_SIZE + 1] = {0};
	snprintf(line, sizeof line, "\n%-3s", key);
	const char *at = strstr(text, line);
	assert_non_null(at);
	memcpy(hex, at + 4, sizeof hex - 1);
	assert_true(hex_decode(s.b, sizeof s.b, hex));
	return s;
}

static void known_answer(void **state)
{
	(void)state;
	struct buf text;
	struct scalar share, shares[3], weights[2], secret;
	const char *const keys[] = {"f1", "f2", "f3"};
	assert_int_equal(file_read(&text, VECTORS, 4096, NULL), OK);
	struct scalar s = published(buf_text(&text), "s"), a1 = published(buf_text(&text), "a1");
	for (uint32_t x = 1; x <= 3; x++) {
		shares[x - 1] = published(buf_text(&text), keys[x - 1]);
		shamir_share(&share, &s, &a1, 2, x);
		assert_memory_equal(&share, &shares[x - 1], sizeof share);
	}
	const struct {
		uint32_t x[2];
	} pairs[] = {{{1, 2}}, {{1, 3}}, {{2, 3}}, {{3, 1}}};
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		const struct scalar two[] = {shares[pairs[i].x[0] - 1], shares[pairs[i].x[1] - 1]};
		assert_int_equal(shamir_weights(weights, pairs[i].x, 2), OK);
		shamir_combine(&secret, weights, two, 2);
		assert_memory_equal(&secret, &s, sizeof secret);
	}
	buf_free(&text);
}

/* ---- a second implementation: Horner's rule with a reduction at each step */

static struct scalar scalar_of(uint32_t v)
{
	struct scalar s = {{0}};
	store_u32(s.b, v);
	return s;
}

static struct scalar slow_share(const struct scalar *secret, const struct scalar *a, uint32_t t, uint32_t x)
{
	struct scalar sum = {{0}}, point = scalar_of(x);
	for (uint32_t i = t; i-- > 0;) {
		crypto_core_ristretto255_scalar_mul(sum.b, sum.b, point.b);
		crypto_core_ristretto255_scalar_add(sum.b, sum.b, i > 0 ? a[i - 1].b : secret->b);
	}
	return sum;
}

/* product over j of x_j / (x_j - x_i), each quotient by its own inversion */
static struct scalar slow_weight(const uint32_t *x, uint32_t count, uint32_t i)
{
	struct scalar weight = scalar_of(1), own = scalar_of(x[i]);
	for (uint32_t j = 0; j < count; j++) {
		struct scalar other = scalar_of(x[j]), difference;
		if (j == i)
			continue;
		crypto_core_ristretto255_scalar_sub(difference.b, other.b, own.b);
		assert_int_equal(crypto_core_ristretto255_scalar_invert(difference.b, difference.b), 0);
		crypto_core_ristretto255_scalar_mul(weight.b, weight.b, other.b);
		crypto_core_ristretto255_scalar_mul(weight.b, weight.b, difference.b);
	}
	return weight;
}

/* l - 1 = -1, the largest scalar */
static struct scalar largest(void)
{
	struct scalar s, one = scalar_of(1);
	crypto_core_ristretto255_scalar_negate(s.b, one.b);
	return s;
}

static void shares_against_slow(void **state)
{
	(void)state;
	static struct scalar a[T_MAX];
	const uint32_t points[] = {1,   2,    3,     25,    255,     256,       257,       511,
	                           512, 4096, 65535, 65536, 1000000, INT32_MAX, UINT32_MAX};
	const uint32_t thresholds[] = {1, 2, 3, 7, 8, 9, 10, 11, 29, 30, 31, 32, 33, 34, 64, 130, T_MAX};
	for (int extreme = 0; extreme < 2; extreme++) {
		struct scalar secret = largest();
		for (uint32_t i = 0; i < T_MAX; i++)
			a[i] = largest();
		if (!extreme) {
			shamir_random(&secret, &seeded);
			for (uint32_t i = 0; i < T_MAX; i++)
				shamir_random(&a[i], &seeded);
		}
		for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
			for (size_t j = 0; j < sizeof thresholds / sizeof thresholds[0]; j++) {
				struct scalar share, slow = slow_share(&secret, a, thresholds[j], points[i]);
				shamir_share(&share, &secret, a, thresholds[j], points[i]);
				assert_memory_equal(&share, &slow, sizeof share);
			}
		}
	}
}

static void weights_against_slow(void **state)
{
	(void)state;
	struct scalar weights[40];
	uint32_t x[40];
	for (uint32_t count = 1; count <= 40; count++) {
		for (uint32_t i = 0; i < count; i++) /* distinct, in no order, small and large */
			x[i] = count % 2 ? 1 + (i * 17 + count) % 41 : UINT32_MAX - (i * 7919 % 40) * 104729;
		assert_int_equal(shamir_weights(weights, x, count), OK);
		for (uint32_t i = 0; i < count; i++) {
			struct scalar slow = slow_weight(x, count, i);
			assert_memory_equal(&weights[i], &slow, sizeof slow);
		}
	}
}

/* ---- properties */

enum { SITES = 7 };

/* All subsets of seven shares: t or more give the secret, fewer give something else. */
static void every_subset(void **state)
{
	(void)state;
	struct scalar a[SITES], secret, shares[SITES], chosen[SITES], weights[SITES], got;
	for (uint32_t t = 1; t <= SITES; t++) {
		shamir_random(&secret, &seeded);
		for (uint32_t i = 0; i + 1 < t; i++)
			shamir_random(&a[i], &seeded);
		for (uint32_t i = 0; i < SITES; i++)
			shamir_share(&shares[i], &secret, a, t, 11 + 7 * i);
		for (uint32_t subset = 1; subset < 1u << SITES; subset++) {
			uint32_t x[SITES], count = 0;
			for (uint32_t i = 0; i < SITES; i++) {
				if (subset >> i & 1) {
					chosen[count] = shares[i];
					x[count++] = 11 + 7 * i;
				}
			}
			assert_int_equal(shamir_weights(weights, x, count), OK);
			shamir_combine(&got, weights, chosen, count);
			assert_true((memcmp(&got, &secret, sizeof got) == 0) == (count >= t));
		}
	}
}

/* One set of weights for many secrets; zero is a secret like any other. */
static void weights_serve_all(void **state)
{
	(void)state;
	const uint32_t x[] = {5, 1, 4};
	struct scalar weights[3], shares[3], a[2], got;
	assert_int_equal(shamir_weights(weights, x, 3), OK);
	for (uint32_t k = 0; k < 50; k++) {
		struct scalar secret = scalar_of(k);
		shamir_random(&a[0], &seeded);
		shamir_random(&a[1], &seeded);
		for (uint32_t i = 0; i < 3; i++)
			shamir_share(&shares[i], &secret, a, 3, x[i]);
		shamir_combine(&got, weights, shares, 3);
		assert_memory_equal(&got, &secret, sizeof got);
	}
}

static void bad_points(void **state)
{
	(void)state;
	struct scalar weights[4];
	const uint32_t with_zero[] = {1, 0, 3}, zero[] = {0}, twice[] = {4, 2, 3, 2}, all_alike[] = {7, 7};
	assert_int_equal(shamir_weights(weights, with_zero, 3), ERR_PEER_MESSAGE);
	assert_int_equal(shamir_weights(weights, zero, 1), ERR_PEER_MESSAGE);
	assert_int_equal(shamir_weights(weights, twice, 4), ERR_PEER_MESSAGE);
	assert_int_equal(shamir_weights(weights, all_alike, 2), ERR_PEER_MESSAGE);
}

static void canonical(void **state)
{
	(void)state;
	struct scalar s = {{0}};
	assert_true(shamir_canonical(&s));
	s = largest();
	assert_true(shamir_canonical(&s));
	for (uint32_t more = 1; more < 20; more++) { /* l, l + 1, ... */
		const uint8_t plus[SHAMIR_SCALAR_SIZE] = {1};
		sodium_add(s.b, plus, sizeof s.b);
		assert_false(shamir_canonical(&s));
	}
	for (uint32_t bit = 253; bit < 256; bit++) {
		s = scalar_of(1);
		s.b[bit / 8] |= (uint8_t)(1u << bit % 8);
		assert_false(shamir_canonical(&s));
	}
	memset(&s, 0xff, sizeof s);
	assert_false(shamir_canonical(&s));
}

static void fill_ones(void *context, uint8_t *out, size_t n)
{
	*(size_t *)context += n;
	memset(out, 0xff, n);
}

/* 64 octets, reduced: 2^512 - 1 modulo l, by Python: int.to_bytes((2**512 - 1) % l, 32, "little").hex(). */
static void random_scalars(void **state)
{
	(void)state;
	size_t drawn = 0;
	const struct entropy ones = {.fill = fill_ones, .context = &drawn};
	struct scalar s, expected;
	shamir_random(&s, &ones);
	assert_int_equal(drawn, 64);
	assert_true(hex_decode(expected.b, 32, "000f9c44e31106a447938568a71b0ed065bef517d273ecce3d9a307c1b419903"));
	assert_memory_equal(&s, &expected, sizeof s);
	for (uint32_t i = 0; i < 100; i++) {
		shamir_random(&s, &seeded);
		assert_true(shamir_canonical(&s));
	}
}

static void point_zero(void *context)
{
	struct scalar s = {{0}};
	(void)context;
	shamir_share(&s, &s, NULL, 1, 0);
}

static void threshold_zero(void *context)
{
	struct scalar s = {{0}};
	(void)context;
	shamir_share(&s, &s, NULL, 0, 1);
}

static void mistakes(void **state)
{
	(void)state;
	child_expect_check("x >= 1", point_zero, NULL);
	child_expect_check("t >= 1", threshold_zero, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answer),
		cmocka_unit_test(shares_against_slow),
		cmocka_unit_test(weights_against_slow),
		cmocka_unit_test(every_subset),
		cmocka_unit_test(weights_serve_all),
		cmocka_unit_test(bad_points),
		cmocka_unit_test(canonical),
		cmocka_unit_test(random_scalars),
		cmocka_unit_test(mistakes),
	};
	return cmocka_run_group_tests(tests, prepare, NULL);
}
