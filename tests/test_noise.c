/*
 * privacy/noise: the distribution against exact probabilities in long double, from variance 1 to the largest; against the paper's
 * algorithms written down as they stand there; octet by octet against integers that cannot overflow (noise_reference.py); and what it
 * takes of the entropy. NOISE_DRAWS: how many samples in all, 10^7 unless it says otherwise (`make soak`: 10^8).
 */
#include "base/secret.h"
#include "privacy/chance.h"
#include "privacy/noise.h"
#include "tests/support/chi_square.h"
#include "tests/support/child.h"
#include "tests/support/program.h"
#include "tests/support/sanitized.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define PIECE 50000 /* samples drawn at once */
#define PER_SIGMA 16 /* bins */
#define REACH 8 /* sigma, on either side; what lies beyond is counted in the last bins */
#define BINS (2 * PER_SIGMA * REACH)
#define TAILS 5
#define Z_1_IN_100000 4.417 /* two sides of a standard normal */

static const uint64_t variances[] = {1, 2, 3, 7, 16, 1000000, 1000000000000, NOISE_VARIANCE_MAX};
#define VARIANCES (sizeof variances / sizeof variances[0])
static const double tails[TAILS] = {3, 4, 5, 5.5, 6}; /* in sigma */

static size_t draws_in_all(void)
{
	const char *asked = getenv("NOISE_DRAWS");

	return asked ? strtoull(asked, NULL, 10) : SANITIZED ? 1000000 : 10000000;
}

/* ---- injected entropy */

struct source {
	struct rng r;
	uint64_t octets;
};

static void fill_seeded(void *context, uint8_t *out, size_t len)
{
	struct source *s = context;

	rng_octets(&s->r, out, len);
	s->octets += len;
}

static struct entropy seeded(struct source *s, uint64_t seed)
{
	s->octets = 0;
	rng_seeded(&s->r, seed, "noise");
	return (struct entropy){.fill = fill_seeded, .context = s};
}

/* ---- exact probabilities, but for their common constant */

static long double weight(uint64_t variance, int64_t x)
{
	return expl(-(long double)x * x / (2 * (long double)variance));
}

/* The weights of from <= x < to, from >= 0. Beyond a deviation of 2^20 a sum and an integral are the same to 2^-40 of a
 * bin: the sum would take too long. Each weight is the one before times exp(-(2x + 1) / (2 variance)). */
static long double weights(uint64_t variance, int64_t from, int64_t to)
{
	long double v = variance;

	if (variance > 1ull << 40) {
		long double scale = sqrtl(2 * v);
		return sqrtl(M_PI * 2 * v) / 2 *
		       (erfcl(((long double)from - 0.5L) / scale) - erfcl(((long double)to - 0.5L) / scale));
	}
	long double sum = 0, w = weight(variance, from), step = expl(-(2 * (long double)from + 1) / (2 * v)),
		    shrink = expl(-1 / v);
	for (int64_t x = from; x < to; x++) {
		sum += w;
		w *= step;
		step *= shrink;
	}
	return sum;
}

/* Bin b holds the x with width (b - BINS / 2) <= x < width (b + 1 - BINS / 2), the last ones all beyond. */
struct exact {
	uint64_t variance;
	int64_t width;
	long double share[BINS], beyond[TAILS], square; /* beyond: Pr[|x| >= tails[i] sigma]; square: E x^2 */
};

static int64_t from_tail(uint64_t variance, double tail)
{
	return (int64_t)ceill(tail * sqrtl(variance));
}

static void exact_squares(struct exact *e, long double all)
{
	e->square = e->variance;
	if (e->variance >
	    1000) /* then it is the variance to a thousand digits: Poisson's summation, exp(-2 pi^2 variance) */
		return;
	e->square = 0;
	for (int64_t x = 1; x < 20 * 32; x++)
		e->square += 2 * (long double)(x * x) * weight(e->variance, x) / all;
}

static void exact_make(struct exact *e, uint64_t variance)
{
	long double half = 0;
	int64_t width = (int64_t)sqrtl(variance) / PER_SIGMA, far;

	*e = (struct exact){.variance = variance, .width = width > 0 ? width : 1};
	far = e->width * (BINS / 2);
	for (int b = 0; b < BINS / 2; b++) { /* -x of the bin's x: one more at the far end, one less at the near */
		long double w = weights(variance, b * e->width, (b + 1) * e->width);
		e->share[BINS / 2 + b] = w;
		e->share[BINS / 2 - 1 - b] = w - weight(variance, b * e->width) + weight(variance, (b + 1) * e->width);
		half += w;
	}
	long double rest = weights(variance, far, far + far / 2); /* to 12 sigma and more */
	e->share[BINS - 1] += rest;
	e->share[0] += rest - weight(variance, far);
	long double all = 2 * (half + rest) - 1;
	for (int b = 0; b < BINS; b++)
		e->share[b] /= all;
	for (int i = 0; i < TAILS; i++) {
		int64_t from = from_tail(variance, tails[i]);
		e->beyond[i] = 2 * weights(variance, from, from + far) / all;
	}
	exact_squares(e, all);
}

/* ---- what was drawn */

struct tally {
	uint64_t count, bins[BINS], beyond[TAILS];
	long double sum, square, lagged; /* of x, x^2, x times the one before */
};

static int bin_of(const struct exact *e, int64_t x)
{
	int64_t at = x >= 0 ? x / e->width : -((-x + e->width - 1) / e->width);

	at += BINS / 2;
	return (int)(at < 0 ? 0 : at >= BINS ? BINS - 1 : at);
}

static void tally_add(struct tally *t, const struct exact *e, const int32_t *x, size_t count)
{
	int64_t from[TAILS];

	for (int i = 0; i < TAILS; i++)
		from[i] = from_tail(e->variance, tails[i]);
	for (size_t n = 0; n < count; n++) {
		t->bins[bin_of(e, x[n])]++;
		for (int i = 0; i < TAILS && llabs(x[n]) >= from[i]; i++)
			t->beyond[i]++;
		t->sum += x[n];
		t->square += (long double)x[n] * x[n];
		if (n > 0)
			t->lagged += (long double)x[n] * x[n - 1];
	}
	t->count += count;
}

static void tally_draw(struct tally *t, const struct exact *e, size_t draws, const struct entropy *entropy)
{
	static int32_t x[PIECE];

	while (t->count < draws) {
		size_t count = draws - t->count < PIECE ? draws - t->count : PIECE;
		noise_draw(x, count, e->variance, entropy);
		tally_add(t, e, x, count);
	}
}

/* Bins from the left, joined until they expect at least 10. */
static void expect_bins(const struct tally *t, const struct exact *e)
{
	double sum = 0, expected = 0, seen = 0;
	size_t groups = 0;
	long double left = 1;

	for (int b = 0; b < BINS; b++) {
		expected += (double)(e->share[b] * t->count);
		seen += (double)t->bins[b];
		left -= e->share[b];
		if (expected < 10 || left * t->count < 10) {
			if (b < BINS - 1)
				continue;
		}
		sum += (seen - expected) * (seen - expected) / expected;
		expected = seen = 0;
		groups++;
	}
	if (!(sum < chi_square_limit(groups - 1)))
		fail_msg("variance %llu: chi-square %.1f in %zu groups", (unsigned long long)e->variance, sum, groups);
}

/* As often x as -x: the bins' own symmetry is off by one x, so this is what the exact shares say of each side. */
static void expect_symmetry(const struct tally *t, const struct exact *e)
{
	double sum = 0;
	size_t pairs = 0;

	for (int b = 0; b < BINS / 2; b++) {
		double right = (double)t->bins[BINS / 2 + b], left = (double)t->bins[BINS / 2 - 1 - b];
		double both = right + left;
		long double share = e->share[BINS / 2 + b] / (e->share[BINS / 2 + b] + e->share[BINS / 2 - 1 - b]);
		if (both < 20)
			continue;
		double off = right - both * (double)share;
		sum += off * off / (both * (double)(share * (1 - share)));
		pairs++;
	}
	assert_true(sum < chi_square_limit(pairs));
}

static void expect_moments(const struct tally *t, const struct exact *e)
{
	double n = (double)t->count, square = (double)e->square, deviation = sqrt(square);

	assert_true(fabs((double)t->sum / n) < Z_1_IN_100000 * deviation / sqrt(n));
	assert_true(fabs((double)(t->square / t->count) / square - 1) < Z_1_IN_100000 * sqrt(2 / n));
	assert_true(fabs((double)t->lagged / n) < Z_1_IN_100000 * square / sqrt(n));
}

static void distributions(void **state)
{
	(void)state;
	static struct exact exact;
	double expected[TAILS] = {0};
	uint64_t beyond[TAILS] = {0};
	for (size_t v = 0; v < VARIANCES; v++) {
		struct source source;
		const struct entropy entropy = seeded(&source, v);
		struct tally t = {0};
		exact_make(&exact, variances[v]);
		tally_draw(&t, &exact, draws_in_all() / VARIANCES, &entropy);
		expect_bins(&t, &exact);
		expect_symmetry(&t, &exact);
		expect_moments(&t, &exact);
		for (int i = 0; i < TAILS; i++) {
			expected[i] += (double)(exact.beyond[i] * t.count);
			beyond[i] += t.beyond[i];
		}
	}
	for (int i = 0; i < TAILS; i++) /* 4: of a tail that is expected less than once, hardly ever more than four */
		if (!(fabs((double)beyond[i] - expected[i]) < Z_1_IN_100000 * sqrt(expected[i]) + 4))
			fail_msg("%llu samples beyond %g sigma, expected %.1f", (unsigned long long)beyond[i], tails[i],
			         expected[i]);
	assert_true(beyond[3] > 0 || expected[3] < 10); /* so far they do reach */
}

/* The exact probabilities themselves: variance 1 by hand, and that all of them make 1. */
static void probabilities(void **state)
{
	(void)state;
	static struct exact e;
	exact_make(&e, 1);
	/* 1 / sum of e^(-x^2 / 2), then times e^(-1/2) and e^-2 */
	assert_true(fabsl(e.share[BINS / 2] - 0.398942278266861706L) < 1e-17L);
	assert_true(fabsl(e.share[BINS / 2 + 1] - 0.241970723224460610L) < 1e-17L);
	assert_true(fabsl(e.share[BINS / 2 - 2] - 0.053990966224305285L) < 1e-17L);
	assert_true(fabsl(e.square - 0.999999788767728083L) < 1e-16L);
	for (size_t v = 0; v < VARIANCES; v++) {
		long double sum = 0;
		exact_make(&e, variances[v]);
		for (int b = 0; b < BINS; b++)
			sum += e.share[b];
		assert_true(fabsl(sum - 1) < 1e-12L);
		if (variances[v] >= 1000000)
			for (int i = 0; i < TAILS; i++)
				assert_true(fabsl(e.beyond[i] / erfcl((long double)tails[i] / sqrtl(2)) - 1) < 0.01L);
	}
}

/* ---- the paper's algorithms as they stand there, with fractions of whole numbers and nothing clever */

static bool slow_bernoulli(struct rng *r, uint64_t a, uint64_t b)
{
	return rng_below(r, b) < a;
}

/* Algorithm 1. */
static bool slow_exp(struct rng *r, uint64_t a, uint64_t b)
{
	if (a <= b) {
		uint64_t k = 1;
		while (slow_bernoulli(r, a, b * k))
			k++;
		return k % 2 == 1;
	}
	for (uint64_t k = 1; k <= a / b; k++)
		if (!slow_exp(r, 1, 1))
			return false;
	return slow_exp(r, a % b, b);
}

/* Algorithm 2 with s = 1. */
static int64_t slow_laplace(struct rng *r, uint64_t t)
{
	for (;;) {
		uint64_t u = rng_below(r, t), v = 0;
		if (!slow_exp(r, u, t))
			continue;
		while (slow_exp(r, 1, 1))
			v++;
		int64_t x = (int64_t)(u + t * v);
		if (!slow_bernoulli(r, 1, 2))
			return x;
		if (x != 0)
			return -x;
	}
}

/* Algorithm 3: t = floor(sigma) + 1. */
static int64_t slow_gaussian(struct rng *r, uint64_t variance)
{
	uint64_t t = (uint64_t)sqrt((double)variance) + 1;
	for (;;) {
		int64_t y = slow_laplace(r, t), off = (int64_t)t * llabs(y) - (int64_t)variance;
		if (slow_exp(r, (uint64_t)(off * off), 2 * variance * t * t))
			return y;
	}
}

/* Two samples of the same size: sum of (a - b)^2 / (a + b). */
static void expect_alike(const struct tally *a, const struct tally *b)
{
	double sum = 0;
	size_t bins = 0;

	for (int i = 0; i < BINS; i++) {
		double x = (double)a->bins[i], y = (double)b->bins[i];
		if (x + y < 10)
			continue;
		sum += (x - y) * (x - y) / (x + y);
		bins++;
	}
	assert_true(sum < chi_square_limit(bins));
}

static void as_the_paper_says(void **state)
{
	(void)state;
	static const uint64_t small[] = {1, 2, 3, 5, 12, 100, 2500};
	const size_t draws = SANITIZED ? 10000 : 60000;
	static struct exact exact;
	struct rng r;
	rng_seeded(&r, 1, "paper");
	for (size_t v = 0; v < sizeof small / sizeof small[0]; v++) {
		struct source source;
		const struct entropy entropy = seeded(&source, 100 + v);
		struct tally drawn = {0}, slow = {0};
		exact_make(&exact, small[v]);
		tally_draw(&drawn, &exact, draws, &entropy);
		for (size_t i = 0; i < draws; i++) {
			int32_t x = (int32_t)slow_gaussian(&r, small[v]);
			tally_add(&slow, &exact, &x, 1);
		}
		expect_bins(&slow, &exact);
		expect_alike(&drawn, &slow);
	}
}

/* ---- octet by octet */

static void fill_numbered(void *context, uint8_t *out, size_t len)
{
	uint64_t *number = context;
	uint8_t octets[8];

	CHECK(len == crypto_hash_sha256_BYTES);
	store_u64(octets, (*number)++);
	crypto_hash_sha256(out, octets, sizeof octets);
}

static void as_integers_of_any_size(void **state)
{
	(void)state;
	enum { COUNT = 1500 };
	static const uint64_t several[] = {1, 3, 1000003, NOISE_VARIANCE_MAX - 1, NOISE_VARIANCE_MAX};
	static struct program p;
	static int32_t x[COUNT];
	for (size_t v = 0; v < sizeof several / sizeof several[0]; v++) {
		uint64_t keys = 0;
		const struct entropy entropy = {.fill = fill_numbered, .context = &keys};
		noise_draw(x, COUNT, several[v], &entropy);
		program_shell(&p, "python3 tests/noise_reference.py %llu %d", (unsigned long long)several[v], COUNT);
		program_expect(&p, 0, "");
		char *at = p.out;
		for (size_t i = 0; i < COUNT; i++)
			assert_int_equal(x[i], strtol(at, &at, 10));
		assert_int_equal(32 * keys, strtol(at, &at, 10));
		assert_string_equal(at, "\n");
	}
}

/* ---- the entropy */

static void same_entropy_same_draws(void **state)
{
	(void)state;
	enum { COUNT = 20000 };
	static int32_t first[COUNT], again[COUNT], other[COUNT];
	struct source source;
	struct entropy entropy = seeded(&source, 7);
	long double product = 0;
	noise_draw(first, COUNT, 1000000, &entropy);
	entropy = seeded(&source, 7);
	noise_draw(again, COUNT, 1000000, &entropy);
	assert_memory_equal(first, again, sizeof first);
	noise_draw(again, COUNT, 1000000, &entropy); /* the next keys of the same source */
	entropy = seeded(&source, 8);
	noise_draw(other, COUNT, 1000000, &entropy);
	for (size_t i = 0; i < COUNT; i++)
		product += (long double)first[i] * other[i] + (long double)first[i] * again[i];
	assert_true(fabsl(product) < Z_1_IN_100000 * 1e6L * sqrtl(2 * COUNT));
	entropy = entropy_system();
	noise_draw(first, COUNT, 1000000, &entropy);
	noise_draw(again, COUNT, 1000000, &entropy);
	assert_true(memcmp(first, again, sizeof first) != 0);
}

/* 37 to 48 octets a sample, as the header says, in whole blocks; no key before the first sample. */
static void consumption(void **state)
{
	(void)state;
	enum { COUNT = 200000 };
	static int32_t x[COUNT];
	struct source source;
	struct entropy entropy = seeded(&source, 9);
	noise_draw(NULL, 0, 1, &entropy);
	assert_int_equal(source.octets, 0);
	noise_draw(x, 1, 1, &entropy);
	assert_int_equal(source.octets, CHANCE_KEY);
	for (size_t v = 0; v < VARIANCES; v++) {
		source.octets = 0;
		noise_draw(x, COUNT, variances[v], &entropy);
		double each = (double)source.octets / CHANCE_KEY * CHANCE_BLOCK / COUNT;
		printf("variance %llu: %.1f octets a sample\n", (unsigned long long)variances[v], each);
		assert_int_equal(source.octets % CHANCE_KEY, 0);
		assert_true(each > 36 && each < 50);
	}
}

static void without_variance(void *context)
{
	int32_t x;
	const struct entropy entropy = entropy_system();
	noise_draw(&x, 1, *(const uint64_t *)context, &entropy);
}

static void mistakes(void **state)
{
	(void)state;
	uint64_t none = 0, beyond = NOISE_VARIANCE_MAX + 1;
	child_expect_check("variance >= 1", without_variance, &none);
	child_expect_check("variance >= 1", without_variance, &beyond);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probabilities),
		cmocka_unit_test(distributions),
		cmocka_unit_test(as_the_paper_says),
		cmocka_unit_test(as_integers_of_any_size),
		cmocka_unit_test(same_entropy_same_draws),
		cmocka_unit_test(consumption),
		cmocka_unit_test(mistakes),
	};
	secret_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
