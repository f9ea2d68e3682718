#include "tests/support/remains.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

#define VEIL 0x5a

void remains_add(struct remains *r, const uint8_t octets[REMAINS_NEEDLE])
{
	CHECK(r->count < REMAINS_MAX);
	for (size_t i = 0; i < REMAINS_NEEDLE; i++)
		r->needles[r->count][i] = octets[i] ^ VEIL;
	r->count++;
}

static bool matches(const volatile uint8_t *at, const uint8_t veiled[REMAINS_NEEDLE])
{
	for (size_t i = 0; i < REMAINS_NEEDLE; i++)
		if ((at[i] ^ VEIL) != veiled[i])
			return false;
	return true;
}

void remains_search(struct remains *r)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], rights[5];
	unsigned long begin, end;

	CHECK(maps);
	memset(r->found, 0, sizeof r->found);
	while (fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%lx-%lx %4s", &begin, &end, rights) != 3 || strncmp(rights, "rw", 2) != 0)
			continue;
		for (unsigned long at = begin; at + REMAINS_NEEDLE <= end; at++)
			for (unsigned i = 0; i < r->count; i++)
				r->found[i] += matches((const volatile uint8_t *)at, r->needles[i]);
	}
	fclose(maps);
}
