/*
 * client/poisson: the threshold to the last bit, with entropy that is chosen here; the rate, and that units and steps have nothing
 * to do with each other, by chi-square; that nobody moves another in or out; q = 1.
 */
#include "client/poisson.h"
#include "tests/support/chi_square.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- entropy of the test's choice */

static void fill_same(void *context, uint8_t *out, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i += 8)
		store_u64(out + i, *(const uint64_t *)context);
}

static void fill_stream(void *context, uint8_t *out, size_t len)
{
	rng_octets(context, out, len);
}

static void fill_never(void *context, uint8_t *out, size_t len)
{
	(void)context, (void)out, (void)len;
	fail_msg("entropy is drawn for nothing");
}

static bool takes(double rate, uint64_t draw)
{
	struct entropy e = {fill_same, &draw};
	uint32_t which[1];

	return poisson_sample(which, 1, rate, &e) == 1;
}

/* ---- the threshold */

static void test_the_threshold(void **state)
{
	(void)state;
	assert_true(takes(0.5, (1ull << 63) - 1));
	assert_false(takes(0.5, 1ull << 63));
	assert_false(takes(0x1p-65, 0)); /* below what 64 bits can say: never, rather than too often */
	assert_true(takes(0x1p-64, 0));
	assert_false(takes(0x1p-64, 1));
	assert_false(takes(0x1.fffffffffffffp-64, 1)); /* q 2^64 = 1.99...: down, not to the nearest */
	assert_true(takes(1 - 0x1p-53, UINT64_MAX - 2048));
	assert_false(takes(1 - 0x1p-53, UINT64_MAX - 2047));
	assert_true(takes(1, UINT64_MAX));
}

/* ---- the distribution */

#define UNITS 600 /* more than are drawn for at once */
#define STEPS 4000

struct tally {
	uint32_t units[UNITS]; /* how often each took part */
	uint32_t neighbours[4]; /* u and u + 1 in one step */
	uint32_t successive[4]; /* u in one step and in the next */
	double sum, squares; /* of batch sizes */
};

/* Four cells of known chances. */
static void assert_independent(const uint32_t pairs[4], double rate)
{
	double n = UNITS / 2 * (double)STEPS, sum = 0;

	for (int p = 0; p < 4; p++) {
		double expected = n * (p & 1 ? rate : 1 - rate) * (p & 2 ? rate : 1 - rate);

		sum += (pairs[p] - expected) * (pairs[p] - expected) / expected;
	}
	assert_true(sum < chi_square_limit(4));
}

static void tally_steps(struct tally *t, double rate, const struct entropy *e)
{
	uint32_t which[UNITS];
	bool now[UNITS], before[UNITS] = {false};

	memset(t, 0, sizeof *t);
	for (int step = 0; step < STEPS; step++) {
		uint32_t count = poisson_sample(which, UNITS, rate, e);

		memset(now, 0, sizeof now);
		for (uint32_t i = 0; i < count; i++) {
			assert_true(which[i] < UNITS && (i == 0 || which[i] > which[i - 1]));
			now[which[i]] = true;
		}
		for (int u = 0; u < UNITS; u++) {
			t->units[u] += now[u];
			if (u % 2 == 0) /* disjoint pairs, so that they are independent */
				t->neighbours[now[u] + 2 * now[u + 1]]++;
			if (step % 2 == 1)
				t->successive[before[u] + 2 * now[u]]++;
		}
		t->sum += count;
		t->squares += (double)count * count;
		memcpy(before, now, sizeof before);
	}
}

static void assert_poisson(double rate, uint64_t seed)
{
	struct rng stream;
	struct entropy e = {fill_stream, &stream};
	struct tally t;
	double variance, each, binomial = UNITS * rate * (1 - rate);

	rng_seeded(&stream, seed, "test: poisson");
	tally_steps(&t, rate, &e);
	/* a unit's count has the variance rate (1 - rate) STEPS, not rate STEPS */
	each = chi_square(t.units, UNITS, rate * STEPS) / (1 - rate);
	assert_true(each < chi_square_limit(UNITS) && each > 2 * UNITS - chi_square_limit(UNITS));
	assert_independent(t.neighbours, rate);
	assert_independent(t.successive, rate);
	variance = t.squares / STEPS - (t.sum / STEPS) * (t.sum / STEPS);
	assert_true(fabs(t.sum / STEPS - UNITS * rate) < 4 * sqrt(binomial / STEPS));
	assert_true(fabs(variance / binomial - 1) < 4 * sqrt(2.0 / STEPS)); /* batches of one size would have none */
}

static void test_the_distribution(void **state)
{
	(void)state;
	assert_poisson(0.1, 1);
	assert_poisson(0.5, 2);
	assert_poisson(0.9, 3);
}

/* ---- the edges */

/* One unit more or less moves nobody else in or out, however many take part: the sum then moves by that unit's part alone. */
static void test_nobody_moves_another(void **state)
{
	struct rng stream;
	struct entropy e = {fill_stream, &stream};
	uint32_t with[UNITS], without[UNITS], count, most = 0;
	uint8_t first[8];

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		rng_seeded(&stream, seed, "test: poisson");
		count = poisson_sample(with, UNITS, 0.9, &e);
		rng_seeded(&stream, seed, "test: poisson");
		rng_octets(&stream, first, sizeof first); /* the draw of the one who is not there */
		uint32_t there = count > 0 && with[0] == 0;
		assert_int_equal(poisson_sample(without, UNITS - 1, 0.9, &e), count - there);
		for (uint32_t i = there; i < count; i++)
			assert_int_equal(without[i - there] + 1, with[i]);
		most = count > most ? count : most;
	}
	assert_true(most > 500);
}

static void test_everyone(void **state)
{
	struct entropy never = {fill_never, NULL};
	uint32_t which[UNITS];

	(void)state;
	assert_int_equal(poisson_sample(which, UNITS, 1, &never), UNITS);
	for (uint32_t i = 0; i < UNITS; i++)
		assert_int_equal(which[i], i);
}

static void test_nobody_to_choose_from(void **state)
{
	struct entropy never = {fill_never, NULL};

	(void)state;
	assert_int_equal(poisson_sample(NULL, 0, 0.5, &never), 0);
	assert_int_equal(poisson_sample(NULL, 0, 1, &never), 0);
}

/* The system's own, once: whether it is the draws that choose. */
static void test_the_system_s_entropy(void **state)
{
	struct entropy system = entropy_system();
	uint32_t first[UNITS], second[UNITS], n, m;

	(void)state;
	n = poisson_sample(first, UNITS, 0.5, &system);
	m = poisson_sample(second, UNITS, 0.5, &system);
	assert_true(n != m || memcmp(first, second, n * sizeof *first) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_threshold),         cmocka_unit_test(test_the_distribution),
		cmocka_unit_test(test_nobody_moves_another),  cmocka_unit_test(test_everyone),
		cmocka_unit_test(test_nobody_to_choose_from), cmocka_unit_test(test_the_system_s_entropy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
