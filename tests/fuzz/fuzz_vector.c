/*
 * The fixed-point vector. The input is taken apart as
 *     coding u8 | sites u32 | bound f64 | values f64 ...
 * Values: encoding refuses NaN or gives words that pass the check of words and decode to within half a grid step of the clamped
 * value. The same octets as words of a hostile site: what passes the check can be added by n sites without leaving 31
 * bits.
 */
#include "protocol/vector.h"

#include <math.h>
#include <stdlib.h>

#define ITEMS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct layout *l, const double *values, const uint8_t *octets)
{
	const struct segment *s = &l->segments[0];
	int64_t sums[2 * ITEMS_MAX];
	double decoded[ITEMS_MAX];
	bool negative = false;
	for (uint32_t i = 0; i < l->words; i++)
		sums[i] = (int32_t)load_u32(octets + 4 * (size_t)i);
	segment_decode(decoded, s, l, sums);
	for (uint32_t i = 0; i < s->items; i++) {
		double clamped = fmin(fmax(values[i], -s->bound), s->bound);
		negative |= decoded[i] < 0;
		CHECK(fabs(decoded[i] - clamped) <= s->grid / 2);
	}
	struct diag why;
	enum err e = layout_check_words(l, 0, octets, l->words, &why);
	CHECK(s->coding == CODING_COUNT && negative ? e == ERR_PEER_MESSAGE : e == OK);
}

static void check_values(const struct layout *l, const double *values)
{
	struct diag why;
	uint8_t octets[8 * ITEMS_MAX];
	uint64_t saturated = 0;
	bool nan = false;
	for (uint32_t i = 0; i < l->segments[0].items; i++)
		nan |= isnan(values[i]);
	enum err e = segment_encode(octets, &l->segments[0], l, values, &saturated, &why);
	CHECK(nan ? e == ERR_DATA : e == OK);
	if (!e)
		check_round_trip(l, values, octets);
}

static void check_words(const struct layout *l, struct bytes raw)
{
	struct diag why;
	uint32_t count = (uint32_t)(raw.len / 4 < l->words ? raw.len / 4 : l->words);
	for (uint32_t first = 0; first + count <= l->words; first++) {
		if (layout_check_words(l, first, raw.ptr, count, &why) != OK)
			continue;
		for (uint32_t i = 0; i < count; i++) {
			int64_t sum = (int64_t)l->sites * (int32_t)load_u32(raw.ptr + 4 * (size_t)i);
			CHECK(sum < 1ll << 31 && sum >= -(1ll << 31));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(bytes_of(data, size));
	enum segment_coding coding = (enum segment_coding)(read_u8(&r) % 3);
	uint32_t sites = read_u32(&r);
	double bound = fabs(read_f64(&r));
	if (r.failed || !(bound >= 1e-100 && bound <= 1e100))
		return 0;
	struct bytes raw = r.rest;
	double values[ITEMS_MAX];
	uint32_t items = 0;
	while (items < ITEMS_MAX && r.rest.len >= 8)
		values[items++] = read_f64(&r);

	struct layout l;
	struct diag why;
	layout_begin(&l, sites);
	if (layout_add(&l, SEGMENT_UPDATE, coding, items, bound, &why) != OK)
		return 0;
	check_values(&l, values);
	check_words(&l, raw);
	return 0;
}
