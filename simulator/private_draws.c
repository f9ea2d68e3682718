#include "simulator/private_draws.h"

void private_draws_begin(struct private_draws *d, const struct hash *draws, uint64_t round, uint32_t site)
{
	uint8_t number[8];
	const struct bytes fields[] = {bytes_of(draws->b, HASH_SIZE), bytes_of(number, sizeof number)};
	struct hash key;

	store_u64(number, round);
	hash_fields(&key, NULL, "COHRTsmn", fields, 2);
	rng_numbered(&d->rng, key.b, site);
}

static void fill(void *context, uint8_t *out, size_t len)
{
	struct private_draws *d = context;

	rng_octets(&d->rng, out, len);
}

struct entropy private_draws_entropy(struct private_draws *d)
{
	return (struct entropy){fill, d};
}
