/*
 * The discrete Gaussian by rejection from the discrete Laplace distribution (Canonne, Kamath, Steinke 2020).
 *
 *   Algorithm 2   Y with Pr[y] ~ exp(-|y| a / v): U uniform in [0, v), kept with probability exp(-U / v); V the number of
 *                 coins 1 / e that fall before one does not; |Y| = floor((U + v V) / a); a fair sign, -0 drawn again.
 *   Algorithm 3   Y is kept with probability exp(-(|y| - v / t)^2 / (2 v)), t = v / a the scale of Y: what is left of exp(-|y| / t)
 *                 is exp(-y^2 / (2 v)) but for a constant.
 *
 * v is the variance. The paper takes t = floor(sigma) + 1; any t is right, and one near sigma keeps the most samples
 * (three in four). With t = v / a, a = floor(sigma), the peak v / t is the whole number a, and the exponent's
 * denominator 2 v <= 2^55 = CHANCE_DIVISOR_MAX instead of 2 v t^2, beyond 2^108.
 *
 * Nothing overflows. v <= 2^54 and V < LAPLACE_WHOLE_MAX = 2^10, so U + v V < v (V + 1) <= 2^64. a <= 2^27 and v < (a + 1)^2, so
 * v / a < a + 2 + 1 / a and |y| < 2^10 (2^27 + 3) < 2^38; | |y| - a | < 2^38, and its square is below 2^76 in 128 bits.
 * V reaches 2^10 with probability exp(-1024) < 2^-1477: that ends the process (CHECK) and is never a wrong sample.
 */
#include "privacy/noise.h"

#include "privacy/chance.h"

#define LAPLACE_WHOLE_MAX 1024
_Static_assert(2 * NOISE_VARIANCE_MAX <= CHANCE_DIVISOR_MAX, "the exponent's denominator");

struct gaussian {
	uint64_t variance; /* v */
	uint64_t peak; /* a */
};

/* floor(sqrt(n)), n <= 2^54: bit after bit from 2^27 down. */
static uint64_t whole_root(uint64_t n)
{
	uint64_t root = 0;

	for (uint64_t bit = 1ull << 27; bit > 0; bit >>= 1)
		if ((root + bit) * (root + bit) <= n)
			root += bit;
	return root;
}

/* floor(X / a), X with Pr[x] ~ exp(-x / v) over whole x >= 0. */
static inline uint64_t geometric(struct chance *c, const struct gaussian *g)
{
	uint64_t part, whole = 0;

	do
		part = chance_below(c, g->variance);
	while (!chance_exp_part(c, part, g->variance));
	while (chance_exp_one(c))
		CHECK(++whole < LAPLACE_WHOLE_MAX);
	return (part + g->variance * whole) / g->peak;
}

static inline int64_t sample(struct chance *c, const struct gaussian *g)
{
	for (;;) {
		uint64_t size = geometric(c, g);
		bool negative = chance_u16(c) & 1;
		if (negative && size == 0)
			continue;
		uint64_t off = size > g->peak ? size - g->peak : g->peak - size;
		if (chance_exp(c, (chance_wide)off * off, 2 * g->variance))
			return negative ? -(int64_t)size : (int64_t)size;
	}
}

void noise_draw(int32_t *out, size_t count, uint64_t variance, const struct entropy *entropy)
{
	CHECK(variance >= 1 && variance <= NOISE_VARIANCE_MAX);
	const struct gaussian g = {.variance = variance, .peak = whole_root(variance)};
	struct chance c;

	chance_open(&c, entropy);
	for (size_t i = 0; i < count; i++)
		out[i] = (int32_t)(uint32_t)sample(&c, &g);
	chance_close(&c);
}
