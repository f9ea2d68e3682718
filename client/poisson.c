#include "client/poisson.h"

#include "base/err.h"
#include "base/secret.h"

#include <math.h>

#define DRAWS 512 /* at once: a call of the system's source costs more than its octets */

/* Appends the units first ... first + count - 1 that the draws choose. No branch on a draw: every unit is written, and the place
 * moves on behind those who stay. */
static uint32_t choose(uint32_t *which, uint32_t taken, uint32_t first, uint32_t count, const uint8_t *draws,
                       uint64_t threshold)
{
	for (uint32_t i = 0; i < count; i++) {
		which[taken] = first + i;
		taken += load_u64(draws + 8 * (size_t)i) < threshold;
	}
	return taken;
}

static uint32_t everyone(uint32_t *which, uint32_t units)
{
	for (uint32_t i = 0; i < units; i++)
		which[i] = i;
	return units;
}

uint32_t poisson_sample(uint32_t *which, uint32_t units, double rate, const struct entropy *entropy)
{
	uint8_t draws[8 * DRAWS];
	uint32_t taken = 0;

	CHECK(rate > 0 && rate <= 1);
	if (rate == 1)
		return everyone(which, units);
	uint64_t threshold = (uint64_t)ldexp(rate, 64); /* the product is exact, and the conversion cuts */
	for (uint32_t first = 0, count; first < units; first += count) {
		count = units - first < DRAWS ? units - first : DRAWS;
		entropy_fill(entropy, draws, 8 * (size_t)count);
		taken = choose(which, taken, first, count, draws, threshold);
	}
	secret_wipe(draws, sizeof draws);
	return taken;
}
