/*
 * Shares of noise: what the survivors of a masked round add up to. For every number of survivors from the quorum m to all n, and
 * with up to n_C of them knowing their own noise, what nobody knows has at least the variance (z C')^2: by arithmetic for many
 * studies, and measured on words that went through quantize and sum, to the shape of the distribution.
 */
#include "base/vec.h"
#include "privacy/noise.h"
#include "privacy/plan.h"
#include "privacy/quantize.h"
#include "tests/support/chi_square.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITES 12
#define QUORUM 9
#define COLLUDERS 2
#define COORDINATES 2000
#define ROUNDS 10
#define CELLS 20
#define Z_1_IN_100000 4.417 /* two sides of a standard normal */

static void fill_seeded(void *context, uint8_t *out, size_t len)
{
	rng_octets(context, out, len);
}

static struct noised_terms terms(struct rng *r, uint32_t n, uint32_t sharers)
{
	struct noised_terms t = {
		.clip = ldexp(1 + rng_unit(r), (int)rng_below(r, 20) - 10),
		.multiplier = 0.5 + 30 * rng_unit(r),
		.dimensions = 1 + (uint32_t)rng_below(r, 100000),
		.sites = n,
		.sharers = sharers,
	};
	t.summation = t.clip * rng_unit(r) / 100;
	t.most = t.clip * (1 + rng_unit(r) * 300);
	t.least = t.clip;
	return t;
}

/* In grid^2. */
static long double promised(const struct noised *n, const struct noised_terms *t)
{
	long double deviation = (long double)t->multiplier * n->sensitivity / n->grid;

	return deviation * deviation;
}

/* 2^-50: noised_make computes in double; a multiplier is rounded up to four digits. */
static void expect_enough(const struct noised *n, const struct noised_terms *t, uint32_t quorum, uint32_t colluders)
{
	long double enough = promised(n, t) * (1 - 0x1p-50L);

	for (uint32_t survivors = quorum; survivors <= t->sites; survivors++)
		for (uint32_t known = 0; known <= colluders; known++)
			assert_true((long double)(survivors - known) * n->variance >= enough);
	assert_true((long double)(quorum - colluders) * (n->variance - 1) < promised(n, t) * (1 + 0x1p-50L));
	assert_true(n->sensitivity >= t->clip + n->grid * sqrt(t->dimensions) + 2 * t->summation);
	assert_true(n->variance <= NOISE_VARIANCE_MAX);
}

static void every_number_of_survivors_suffices(void **state)
{
	(void)state;
	struct rng r;
	unsigned made = 0;
	rng_seeded(&r, 1, "studies");
	for (int study = 0; study < 3000; study++) {
		uint32_t n = 3 + (uint32_t)rng_below(&r, 500), colluders = (uint32_t)rng_below(&r, n / 3);
		uint32_t quorum = colluders + 2 + (uint32_t)rng_below(&r, n - colluders - 1);
		struct noised_terms t = terms(&r, n, quorum - colluders);
		struct noised noised;
		if (noised_make(&noised, &t, NULL) != OK)
			continue;
		expect_enough(&noised, &t, quorum, colluders);
		made++;
	}
	assert_true(made > 2000);
}

/* One site alone with little to say beside its noise: the finest grid would want more noise than there is. */
static void noise_that_can_be_drawn(void **state)
{
	(void)state;
	struct noised_terms t = {
		.clip = 1, .multiplier = 1000, .most = 1, .least = 1, .dimensions = 1, .sites = 1, .sharers = 1};
	struct noised noised;
	int32_t x;
	const struct entropy entropy = entropy_system();
	for (; t.multiplier < 500000; t.multiplier *= 1.4) {
		assert_int_equal(noised_make(&noised, &t, NULL), OK);
		expect_enough(&noised, &t, 1, 0);
		noise_draw(&x, 1, noised.variance, &entropy);
	}
}

/* ---- measured */

struct round {
	struct noised noised;
	struct rng r;
	uint64_t seed;
	uint32_t cells[CELLS];
	double sum, square;
};

/* One site's words: some values, its noise. What it meant without noise is added to `meant`. */
static void contribute(struct round *round, uint8_t *octets, int64_t *meant)
{
	static double values[COORDINATES];
	static int32_t noise[COORDINATES];
	static const int32_t silence[COORDINATES];
	struct rng keys;
	const struct entropy entropy = {.fill = fill_seeded, .context = &keys};

	rng_seeded(&keys, round->seed++, "keys");
	noise_draw(noise, COORDINATES, round->noised.variance, &entropy);
	for (size_t i = 0; i < COORDINATES; i++)
		values[i] = rng_normal(&round->r) * 50;
	quantize_noised(octets, values, silence, COORDINATES, &round->noised);
	vec_sum_octets(meant, octets, COORDINATES);
	quantize_noised(octets, values, noise, COORDINATES, &round->noised);
}

/* A whole number of a distribution with this deviation, into one of CELLS equally likely cells: its rank, spread evenly over its
 * own probability. */
static void count_cell(struct round *round, int64_t x, double deviation)
{
	double place = ((double)x - 0.5 + rng_unit(&round->r)) / deviation;
	double rank = 0.5 * erfc(-place / sqrt(2));

	round->cells[rank < 1 ? (int)(rank * CELLS) : CELLS - 1]++;
}

static void play_round(struct round *round, uint32_t sites, double deviation)
{
	static uint8_t octets[4 * COORDINATES];
	static uint32_t sum[COORDINATES];
	static int64_t meant[COORDINATES];

	memset(sum, 0, sizeof sum);
	memset(meant, 0, sizeof meant);
	for (uint32_t site = 0; site < sites; site++) {
		contribute(round, octets, meant);
		vec_add_octets(sum, octets, COORDINATES);
	}
	for (size_t i = 0; i < COORDINATES; i++) {
		int64_t noise = (int32_t)sum[i] - meant[i];
		round->sum += (double)noise;
		round->square += (double)noise * (double)noise;
		count_cell(round, noise, deviation);
	}
}

/* `sites` whose noise nobody knows; returns the measured variance over the promised one. */
static double measure(uint32_t sites, const struct noised_terms *t, const struct noised *noised)
{
	struct round round = {.noised = *noised, .seed = 1000 * sites};
	const double draws = (double)ROUNDS * COORDINATES;
	double variance = (double)sites * (double)noised->variance;

	rng_seeded(&round.r, sites, "values");
	for (int i = 0; i < ROUNDS; i++)
		play_round(&round, sites, sqrt(variance));
	assert_true(fabs(round.sum / draws) < Z_1_IN_100000 * sqrt(variance / draws));
	assert_true(fabs(round.square / draws / variance - 1) < Z_1_IN_100000 * sqrt(2 / draws));
	assert_true(chi_square(round.cells, CELLS, draws / CELLS) < chi_square_limit(CELLS - 1));
	return round.square / draws / (double)promised(noised, t);
}

static void measured_sums(void **state)
{
	(void)state;
	const struct noised_terms t = {
		.clip = 1,
		.multiplier = 2.5,
		.most = 300,
		.least = 1,
		.dimensions = COORDINATES,
		.sites = SITES,
		.sharers = QUORUM - COLLUDERS,
	};
	const double error = Z_1_IN_100000 * sqrt(2.0 / (ROUNDS * COORDINATES));
	struct noised noised;
	assert_int_equal(noised_make(&noised, &t, NULL), OK);
	for (uint32_t survivors = QUORUM; survivors <= SITES; survivors++) {
		assert_true(measure(survivors, &t, &noised) > 1);
		assert_true(measure(survivors - COLLUDERS, &t, &noised) > 1 - error);
	}
	assert_true(measure(QUORUM - COLLUDERS - 1, &t, &noised) < 1 - error); /* one survivor too few is seen */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_of_survivors_suffices),
		cmocka_unit_test(noise_that_can_be_drawn),
		cmocka_unit_test(measured_sums),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
