/*
 * Open addressing with linear probing, doubled when half full. The names are bits of a cryptographic hash, so they are
 * spread already and need no hash of their own.
 */
#include "data/patients.h"

#include <stdlib.h>

#define SLOTS_FIRST 256

/* The slot of that name, or the free one where it belongs. The hash is uniform, so its first bits are a good place. */
static struct patient *find(const struct patients *p, const uint64_t name[2])
{
	size_t mask = p->slot_count - 1;
	size_t i = (size_t)name[0] & mask;

	while (p->slots[i].used && (p->slots[i].name[0] != name[0] || p->slots[i].name[1] != name[1]))
		i = (i + 1) & mask;
	return &p->slots[i];
}

static void grow(struct patients *p)
{
	struct patients larger = {.slot_count = p->slot_count ? 2 * p->slot_count : SLOTS_FIRST, .count = p->count};

	larger.slots = mem_array(larger.slot_count, sizeof larger.slots[0]);
	for (size_t i = 0; i < p->slot_count; i++)
		if (p->slots[i].used)
			*find(&larger, p->slots[i].name) = p->slots[i];
	free(p->slots);
	*p = larger;
}

bool patients_number(struct patients *p, uint32_t *number, const struct hash *h, enum split_part part)
{
	uint64_t name[2] = {load_u64(h->b), load_u64(h->b + 8)};

	if (2 * ((size_t)p->count + 1) > p->slot_count)
		grow(p);
	struct patient *found = find(p, name);
	if (!found->used)
		*found = (struct patient){{name[0], name[1]}, p->count++, (uint8_t)part, true};
	*number = found->number;
	return found->part == (uint8_t)part;
}

void patients_free(struct patients *p)
{
	free(p->slots);
	*p = (struct patients){0};
}
