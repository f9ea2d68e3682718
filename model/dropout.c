#include "model/dropout.h"

#include <stdlib.h>

void dropout_init(struct dropout *d, const struct model_spec *spec)
{
	*d = (struct dropout){.count = spec_dropouts(spec)};
	if (d->count > 0)
		d->streams = mem_array(d->count, sizeof *d->streams);
}

void dropout_free(struct dropout *d)
{
	free(d->streams);
	*d = (struct dropout){0};
}

void dropout_begin(struct dropout *d, const struct hash *draws, const char *site, uint32_t round)
{
	uint8_t octets[8];
	struct hash key;

	if (d->count == 0)
		return;
	CHECK(draws && site);
	store_u64(octets, round);
	struct bytes fields[] = {bytes_of(draws->b, sizeof draws->b), bytes_text(site),
	                         bytes_of(octets, sizeof octets)};
	hash_fields(&key, NULL, "COHRTdrp", fields, sizeof fields / sizeof fields[0]);
	for (uint32_t i = 0; i < d->count; i++)
		rng_numbered(&d->streams[i], key.b, i);
}
