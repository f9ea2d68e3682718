/*
 * privacy/quantize: every word against llrint, the clamp as a contraction, and the sensitivity of rounding: C + grid sqrt(d) is
 * reached, a search finds nothing beyond it, and half of grid sqrt(d) would not hold.
 */
#include "base/random.h"
#include "base/vec.h"
#include "privacy/quantize.h"
#include "tests/support/child.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define D_MAX 1000

static const int32_t no_noise[D_MAX];

static int32_t word(const uint8_t *octets, size_t i)
{
	return (int32_t)load_u32(octets + 4 * i);
}

/* ---- words */

/* What the header says, with libm and one value at a time. */
static int64_t slow_integer(double value, const struct noised *n)
{
	double x = value / n->grid;

	if (isnan(x))
		return 0;
	return llrint(fmin(fmax(x, -(double)n->clamp), n->clamp));
}

static bool slow_moved(double value, const struct noised *n)
{
	return !(fabs(value / n->grid) <= n->clamp);
}

/* Vectors of every length up to 70, at every place in a word: the loops' vector code and their ends. */
static void expect_words(const double *values, const int32_t *noise, size_t count, const struct noised *n)
{
	uint8_t octets[4 * D_MAX + 8];
	size_t moved = 0;

	CHECK(count <= D_MAX);
	for (size_t offset = 0; offset < 4; offset++) {
		memset(octets, 0xa5, sizeof octets);
		moved = quantize_noised(octets + offset, values, noise, count, n);
		for (size_t i = 0; i < count; i++) {
			uint32_t expected = (uint32_t)(slow_integer(values[i], n) + noise[i]);
			if (load_u32(octets + offset + 4 * i) != expected)
				fail_msg("value %.17g with noise %d: %u, expected %u", values[i], noise[i],
				         load_u32(octets + offset + 4 * i), expected);
		}
		for (size_t i = 0; i < offset; i++)
			assert_int_equal(octets[i], 0xa5);
		assert_int_equal(octets[offset + 4 * count], 0xa5);
	}
	for (size_t i = 0; i < count; i++)
		moved -= slow_moved(values[i], n);
	assert_int_equal(moved, 0);
}

static const double special[] = {
	0.0,
	-0.0,
	0.5,
	-0.5,
	1.5,
	-1.5,
	2.5,
	-2.5,
	0x1.fffffffffffffp-2,
	0x1.0000000000001p-1,
	0x1.7ffffffffffffp0,
	0x1.8000000000001p0,
	999.5,
	1000,
	1000.4999,
	1000.5,
	-1000,
	-1000.5,
	1001,
	1e15,
	1e300,
	-1e300,
	INFINITY,
	-INFINITY,
	NAN,
	-NAN,
	__builtin_nan("0x12345678"), /* with low bits, which rounding would let through as a word */
	0x1p-1074,
	-0x1p-1074,
	0x1p-1022,
	2147483647.0,
	-2147483648.0,
	2147483647.5,
	4294967295.0,
	4294967296.0,
};
#define SPECIAL (sizeof special / sizeof special[0])

static void special_words(void **state)
{
	(void)state;
	const double grids[] = {1, 0x1p-30, 0x1p20, 0x1p-500, 0x1p500};
	const uint32_t clamps[] = {0, 1, 1000, 1000000, INT32_MAX, UINT32_MAX};
	double values[SPECIAL];
	int32_t noise[SPECIAL];
	for (size_t g = 0; g < 5; g++)
		for (size_t c = 0; c < 6; c++) {
			const struct noised n = {.grid = grids[g], .clamp = clamps[c]};
			for (size_t i = 0; i < SPECIAL; i++) {
				values[i] = special[i] * n.grid;
				noise[i] = i % 3 == 0 ? 0 : i % 3 == 1 ? INT32_MAX : INT32_MIN;
			}
			expect_words(values, noise, SPECIAL, &n);
			expect_words(special, no_noise, SPECIAL, &n);
		}
}

static void random_words(void **state)
{
	(void)state;
	struct rng r;
	double values[70];
	int32_t noise[70];
	rng_seeded(&r, 1, "words");
	for (size_t count = 0; count <= 70; count++)
		for (int run = 0; run < 20; run++) {
			const struct noised n = {.grid = ldexp(1, (int)rng_below(&r, 60) - 40),
			                         .clamp = rng_u32(&r) >> rng_below(&r, 32)};
			for (size_t i = 0; i < count; i++) {
				values[i] = rng_normal(&r) * n.clamp * n.grid;
				if (rng_below(&r, 4) == 0) /* a tie */
					values[i] = (rint(values[i] / n.grid) + 0.5) * n.grid;
				noise[i] = (int32_t)rng_u32(&r);
			}
			expect_words(values, noise, count, &n);
		}
}

/* Octets as they travel: -2 is fe ff ff ff. */
static void twos_complement(void **state)
{
	(void)state;
	const struct noised n = {.grid = 0.25, .clamp = 100};
	const double values[] = {-0.5, 0.5, 25, -25.25, NAN};
	const int32_t noise[] = {0, -3, INT32_MAX, INT32_MIN, 7};
	const uint8_t expected[] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x63, 0x00,
	                            0x00, 0x80, 0x9c, 0xff, 0xff, 0x7f, 0x07, 0x00, 0x00, 0x00};
	uint8_t octets[sizeof expected];
	assert_int_equal(quantize_noised(octets, values, noise, 5, &n), 2); /* -25.25 and the NaN */
	assert_memory_equal(octets, expected, sizeof expected);
}

/* Words of many sites, with noise that wraps now and then, add up to the sum of their integers modulo 2^32: and to the sum itself
 * where that fits 31 bits. */
static void sums_over_sites(void **state)
{
	(void)state;
	enum { SITES = 50, D = 100 };
	const struct noised n = {.grid = 0x1p-10, .clamp = 20000000};
	static double values[D];
	static int32_t noise[D];
	static uint8_t octets[4 * D];
	uint32_t sum[D] = {0};
	int64_t exact[D] = {0};
	struct rng r;
	rng_seeded(&r, 2, "sites");
	for (int site = 0; site < SITES; site++) {
		for (size_t i = 0; i < D; i++) {
			values[i] = rng_normal(&r) * 10000;
			noise[i] = i < D / 2 ? (int32_t)(rng_normal(&r) * 1e7) : (int32_t)rng_u32(&r);
			exact[i] += slow_integer(values[i], &n) + noise[i];
		}
		quantize_noised(octets, values, noise, D, &n);
		vec_add_octets(sum, octets, D);
	}
	for (size_t i = 0; i < D; i++) {
		assert_int_equal(sum[i], (uint32_t)exact[i]);
		if (i < D / 2)
			assert_int_equal((int32_t)sum[i], exact[i]);
	}
}

static void off_the_grid(void *context)
{
	const struct noised n = {.grid = *(const double *)context, .clamp = 1};
	uint8_t octets[4];
	quantize_noised(octets, (const double[]){1}, no_noise, 1, &n);
}

static void mistakes(void **state)
{
	(void)state;
	double grids[] = {0, -1, NAN, INFINITY, 0x1p-501};
	for (size_t i = 0; i < 5; i++)
		child_expect_check("n->grid >= 0x1p-500", off_the_grid, &grids[i]);
}

/* ---- distances */

static double distance(const double *a, const double *b, size_t d)
{
	double sum = 0;

	for (size_t i = 0; i < d; i++)
		sum += (a[i] - b[i]) * (a[i] - b[i]);
	return sqrt(sum);
}

/* Of the words, in grid units. */
static double quantized_distance(const double *a, const double *b, size_t d, const struct noised *n)
{
	static uint8_t of_a[4 * D_MAX], of_b[4 * D_MAX];
	double sum = 0;

	quantize_noised(of_a, a, no_noise, d, n);
	quantize_noised(of_b, b, no_noise, d, n);
	for (size_t i = 0; i < d; i++) {
		double difference = (double)((int64_t)word(of_a, i) - word(of_b, i));
		sum += difference * difference;
	}
	return sqrt(sum);
}

/* Whole numbers of the grid are not rounded, so what moves them is the clamp alone. */
static void the_clamp_contracts(void **state)
{
	(void)state;
	enum { D = 40 };
	double a[D], b[D];
	struct rng r;
	rng_seeded(&r, 3, "pairs");
	for (int run = 0; run < 20000; run++) {
		const struct noised n = {.grid = 1, .clamp = 1 + (uint32_t)rng_below(&r, 1000)};
		double far = n.clamp * ldexp(1, (int)rng_below(&r, 6) - 2);
		for (size_t i = 0; i < D; i++) {
			a[i] = rint(rng_normal(&r) * far);
			b[i] = rng_below(&r, 3) ? rint(a[i] + rng_normal(&r) * 20) : -a[i];
		}
		assert_true(quantized_distance(a, b, D, &n) <= distance(a, b, D));
	}
	const double edges[] = {-1e300, -11, -10, -9, 0, 9, 10, 11, 1e300}; /* each against each */
	const struct noised n = {.grid = 1, .clamp = 10};
	for (size_t i = 0; i < 9; i++)
		for (size_t j = 0; j < 9; j++)
			assert_true(quantized_distance(&edges[i], &edges[j], 1, &n) <= fabs(edges[i] - edges[j]));
}

/* Every coordinate of one sum lies on a tie that goes down, of the other, an odd number of steps further, on one that goes up. */
static void rounding_reaches_its_bound(void **state)
{
	(void)state;
	enum { D = 400 };
	const struct noised n = {.grid = 0x1p-8, .clamp = 100000};
	double a[D], b[D];
	for (int steps = 1; steps <= 301; steps += 2) {
		for (size_t i = 0; i < D; i++) {
			a[i] = 0.5 * n.grid;
			b[i] = (0.5 + steps) * n.grid;
			if (i % 3 == 0) {
				a[i] = -a[i];
				b[i] = -b[i];
			}
		}
		double clip = distance(a, b, D) / n.grid, root = sqrt(D);
		double reached = quantized_distance(a, b, D, &n);
		assert_true(fabs(clip - steps * root) < 1e-9);
		assert_true(fabs(reached - (clip + root)) < 1e-9 * reached);
		assert_true(reached > clip + 0.99 * root); /* so half of sqrt(d) would promise too much */
	}
}

/* b = a + a vector of norm `clip`. */
static void step_away(double *b, const double *a, size_t d, double clip, const double *direction)
{
	double norm = 0;

	for (size_t i = 0; i < d; i++)
		norm += direction[i] * direction[i];
	for (size_t i = 0; i < d; i++)
		b[i] = a[i] + direction[i] * (clip / sqrt(norm));
}

/* Climbs from a random pair, one coordinate at a time, keeping what widens the distance of the words; returns the best excess over
 * clip, as a share of sqrt(d). */
static double climb(struct rng *r, size_t d, double clip, const struct noised *n)
{
	double a[8], b[8], direction[8], best = 0;

	CHECK(d <= 8);
	for (size_t i = 0; i < d; i++) {
		a[i] = rng_normal(r) * 50;
		direction[i] = rng_normal(r);
	}
	for (int step = 0; step < 300; step++) {
		size_t i = rng_below(r, d);
		double old_a = a[i], old_direction = direction[i];
		a[i] = rng_below(r, 2) ? rint(a[i]) + 0.5 + rng_normal(r) * 1e-3 : a[i] + rng_normal(r);
		direction[i] += rng_normal(r) * ldexp(1, -(int)rng_below(r, 8));
		step_away(b, a, d, clip, direction);
		double allowed = distance(a, b, d) + sqrt((double)d), found = quantized_distance(a, b, d, n);
		if (!(found <= allowed * (1 + 1e-12)))
			fail_msg("distance %.17g in %zu dimensions, allowed %.17g", found, d, allowed);
		if (found - clip < best) {
			a[i] = old_a;
			direction[i] = old_direction;
		} else {
			best = found - clip;
		}
	}
	return best / sqrt((double)d);
}

static void nothing_passes_the_bound(void **state)
{
	(void)state;
	const struct noised n = {.grid = 1, .clamp = 1000000};
	const size_t dimensions[] = {1, 2, 3, 5, 8};
	struct rng r;
	rng_seeded(&r, 4, "climb");
	for (size_t i = 0; i < 5; i++) {
		double best = 0;
		for (int run = 0; run < 300; run++)
			best = fmax(best, climb(&r, dimensions[i], 0.5 + rng_unit(&r) * 20, &n));
		assert_true(best > 0.6); /* the search is no toy: beyond half */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(special_words),
		cmocka_unit_test(random_words),
		cmocka_unit_test(twos_complement),
		cmocka_unit_test(sums_over_sites),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(the_clamp_contracts),
		cmocka_unit_test(rounding_reaches_its_bound),
		cmocka_unit_test(nothing_passes_the_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
