/*
 * The hash's first 64 bits become a double by one rounding, and 2^-64 is exact: every language that divides the integer
 * by 2^64 correctly rounded gets the same point, and with it the same part.
 */
#include "data/split.h"

void split_hash(struct hash *out, uint64_t seed, struct bytes id)
{
	uint8_t octets[8];

	store_u64(octets, seed);
	struct bytes fields[] = {bytes_of(octets, sizeof octets), id};
	hash_fields(out, NULL, "COHRTspl", fields, 2);
}

enum split_part split_by_hash(const struct split *s, const struct hash *h)
{
	double point = (double)load_u64(h->b) * 0x1p-64;

	if (point < s->test_fraction)
		return PART_TEST;
	if (point < s->test_fraction + s->validation_fraction)
		return PART_VALIDATION;
	return PART_TRAIN;
}
