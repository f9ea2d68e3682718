/* Sets of sites. They are public: nothing here needs constant time. */
#include "crypto/bitmap.h"

size_t bitmap_size(uint32_t n)
{
	return ((size_t)n + 7) / 8;
}

bool bitmap_valid(struct bytes set, uint32_t n)
{
	if (set.len != bitmap_size(n))
		return false;
	return n % 8 == 0 || set.ptr[set.len - 1] >> n % 8 == 0;
}

bool bitmap_has(const uint8_t *set, uint32_t i)
{
	return set[i / 8] >> i % 8 & 1;
}

void bitmap_add(uint8_t *set, uint32_t i)
{
	set[i / 8] |= (uint8_t)(1u << i % 8);
}

uint32_t bitmap_count(const uint8_t *set, uint32_t n)
{
	uint32_t count = 0;
	for (size_t i = 0; i < bitmap_size(n); i++)
		count += (uint32_t)__builtin_popcount(set[i]);
	return count;
}

bool bitmap_within(const uint8_t *inner, const uint8_t *outer, uint32_t n)
{
	uint8_t outside = 0;
	for (size_t i = 0; i < bitmap_size(n); i++)
		outside |= (uint8_t)(inner[i] & ~outer[i]);
	return outside == 0;
}
