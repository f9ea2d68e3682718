#include "simulator/fates.h"

#include "base/random.h"

#include <string.h>

void fates_draw(enum fate *fates, const struct round_plan *plan, const struct hash *draws, double dropout, double slow)
{
	uint8_t numbers[12];
	struct bytes fields[] = {bytes_of(draws->b, HASH_SIZE), bytes_of(numbers, sizeof numbers)};
	struct hash seed;
	struct rng rng;

	memset(fates, 0, plan->site_count * sizeof *fates);
	if (dropout == 0 && slow == 0)
		return;
	store_u64(numbers, plan->round);
	store_u32(numbers + 8, plan->attempt);
	hash_fields(&seed, NULL, "COHRTfat", fields, sizeof fields / sizeof fields[0]);
	rng_init(&rng, seed.b, "fates");
	for (uint32_t i = 0; i < plan->site_count; i++) {
		bool drops = rng_unit(&rng) < dropout, late = rng_unit(&rng) < slow;

		fates[i] = drops ? FATE_DROPS : late ? FATE_SLOW : FATE_CONTRIBUTES;
	}
}
