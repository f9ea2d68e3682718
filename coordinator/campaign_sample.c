/* Which of the approved sites a round invites, when it invites fewer than all. */
#include "coordinator/campaign_state.h"

#include "base/random.h"

#include <string.h>

static void begin(struct rng *r, const struct hash *seed, uint64_t round)
{
	uint8_t number[8];
	struct hash key;

	store_u64(number, round);
	const struct bytes fields[] = {bytes_of(seed->b, HASH_SIZE), bytes_of(number, sizeof number)};
	hash_fields(&key, NULL, "COHRTsmp", fields, sizeof fields / sizeof fields[0]);
	rng_init(r, key.b, "sample");
}

/* Where `place` stands, or would stand, in the ascending chosen[count]. */
static uint32_t position(const uint32_t *chosen, uint32_t count, uint32_t place)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (chosen[middle] < place)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Bentley and Floyd, A sample of brilliance, CACM 30 (1987), algorithm F2: of the first j + 1 places a uniform one, or,
 * where that is chosen already, the newest, which is beyond all others. */
static void choose(uint32_t *chosen, uint32_t size, uint32_t count, struct rng *r)
{
	for (uint32_t taken = 0; taken < size; taken++) {
		uint32_t newest = count - size + taken;
		uint32_t place = (uint32_t)rng_below(r, (uint64_t)newest + 1);
		uint32_t at = position(chosen, taken, place);

		if (at < taken && chosen[at] == place) {
			chosen[taken] = newest;
			continue;
		}
		memmove(chosen + at + 1, chosen + at, (taken - at) * sizeof *chosen);
		chosen[at] = place;
	}
}

uint32_t *campaign_sample(const uint32_t *sites, uint32_t count, uint32_t size, const struct hash *seed, uint64_t round)
{
	CHECK(size >= 1 && size <= count);
	uint32_t *sample = mem_array(size, sizeof *sample);
	struct rng r;

	if (size == count) {
		memcpy(sample, sites, size * sizeof *sample);
		return sample;
	}
	begin(&r, seed, round);
	choose(sample, size, count, &r);
	for (uint32_t i = 0; i < size; i++)
		sample[i] = sites[sample[i]];
	return sample;
}
