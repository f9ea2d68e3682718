/*
 * Fixed point: see vector.h for the encoding. Three things here are worth knowing.
 *
 * Rounding. Adding 1.5 * 2^52 to a double of magnitude below 2^51 leaves the nearest integer, ties to even, in the low bits
 * of its representation, as two's complement. That is what rint() and a conversion give, but the compiler can vectorise it;
 * updates have millions of coordinates.
 *
 * Grids. A grid is a power of two, so dividing by it is exact, and the only rounding of a value is the one to its integer.
 *
 * Carries. A wide number is cut into two digits of L bits, L chosen so that n low digits add up to less than 2^30. The
 * sum of the low digits keeps its carry in the word's spare bits, and decoding takes hi * 2^L + lo over the sums.
 */
#include "protocol/vector.h"

#include "base/vec.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#define WORD_LIMIT 2147483648.0 /* 2^31 */
#define ROUNDING 6755399441055744.0 /* 1.5 * 2^52 */

static uint32_t ceil_log2(uint32_t n)
{
	uint32_t bits = 0;
	while (bits < 32 && (1ull << bits) < n)
		bits++;
	return bits;
}

void layout_begin(struct layout *l, uint32_t sites)
{
	*l = (struct layout){.sites = sites};
	if (sites >= 1 && sites <= VECTOR_SITES_MAX)
		l->wide_bits = 30 - ceil_log2(sites);
}

/* The smallest power of two with (bound / grid + 1) * copies < limit. */
static double grid_for(double bound, double copies, double limit)
{
	/* bound / grid >= limit at the start, so the first grid that fits is the smallest. */
	double grid = ldexp(1, ilogb(bound) - ilogb(limit));
	while (!((bound / grid + 1) * copies < limit))
		grid *= 2;
	return grid;
}

static enum err segment_set_grid(struct segment *s, const struct layout *l, struct diag *why)
{
	switch (s->coding) {
	case CODING_NARROW:
		s->grid = grid_for(s->bound, l->sites, WORD_LIMIT);
		return OK;
	case CODING_COUNT:
		s->grid = 1;
		if (l->sites * rint(s->bound) >= WORD_LIMIT)
			return diag_set(
				why, ERR_LIMIT,
				"the sum of %u sites with %s up to %.0f each does not fit 31 bits: lower the cap",
				l->sites, segment_name(s->kind), s->bound);
		return OK;
	case CODING_WIDE:
		s->grid = grid_for(s->bound, 1, ldexp(1, (int)(2 * l->wide_bits - 1)));
		if (s->grid > 1)
			return diag_set(
				why, ERR_LIMIT,
				"the sum of %u sites with %s up to %.0f each does not fit %u bits: lower the cap",
				l->sites, segment_name(s->kind), s->bound, 2 * l->wide_bits);
		return OK;
	case CODING_NOISED:
		s->grid = s->noised.grid;
		s->bound = s->noised.clamp * s->noised.grid;
		return OK;
	}
	CHECK(!"a known coding");
	return ERR_INTERNAL;
}

/* Appends a segment that lacks its place, its words and its grid. */
static enum err append(struct layout *l, struct segment s, struct diag *why)
{
	CHECK(l->count < SEGMENT_KIND_COUNT && !layout_find(l, s.kind));
	if (l->wide_bits == 0)
		return diag_set(why, ERR_LIMIT, "a sum of %u sites: 1 to %u are possible", l->sites, VECTOR_SITES_MAX);

	uint64_t words = (s.coding == CODING_WIDE ? 2 : 1) * (uint64_t)s.items;
	if (words > VECTOR_WORDS_MAX - l->words)
		return diag_set(why, ERR_LIMIT, "a contribution of %llu words: at most %u are possible",
		                (unsigned long long)(l->words + words), VECTOR_WORDS_MAX);
	s.first = l->words;
	s.words = (uint32_t)words;
	enum err e = segment_set_grid(&s, l, why);
	if (e)
		return e;
	l->segments[l->count++] = s;
	l->words += s.words;
	return OK;
}

enum err layout_add(struct layout *l, enum segment_kind kind, enum segment_coding coding, uint32_t items, double bound,
                    struct diag *why)
{
	/* Beyond these a grid would leave the range of double; a study's bounds are far inside. */
	CHECK(bound >= 0x1p-500 && bound <= 0x1p500);
	CHECK(coding != CODING_NOISED);
	return append(l, (struct segment){.kind = kind, .coding = coding, .items = items, .bound = bound}, why);
}

enum err layout_add_noised(struct layout *l, enum segment_kind kind, uint32_t items, const struct noised *noised,
                           struct diag *why)
{
	CHECK(noised->variance > 0 && noised->clamp > 0);
	return append(l, (struct segment){.kind = kind, .coding = CODING_NOISED, .items = items, .noised = *noised},
	              why);
}

const struct segment *layout_find(const struct layout *l, enum segment_kind kind)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (l->segments[i].kind == kind)
			return &l->segments[i];
	return NULL;
}

size_t layout_octets(const struct layout *l)
{
	return 4 * (size_t)l->words;
}

const char *segment_name(enum segment_kind kind)
{
	static const char *const names[SEGMENT_KIND_COUNT] = {
		[SEGMENT_STATISTICS] = "statistics", [SEGMENT_UPDATE] = "update",
		[SEGMENT_WEIGHT] = "weight",         [SEGMENT_LOSS] = "loss",
		[SEGMENT_COUNTS] = "counts",         [SEGMENT_ERRORS] = "errors",
		[SEGMENT_GRADIENT] = "gradient",     [SEGMENT_WITHIN] = "within",
	};
	CHECK((unsigned)kind < SEGMENT_KIND_COUNT);
	return names[kind];
}

/* ---- encoding */

static inline int64_t nearest(double x)
{
	double shifted = x + ROUNDING;
	int64_t bits;
	memcpy(&bits, &shifted, sizeof bits);
	return bits;
}

/* As store_u32 and load_u32, but seen by the compiler, so that loops over words become vector code. */
static inline void put_word(uint8_t *at, int64_t q)
{
	uint32_t word = htole32((uint32_t)q);
	memcpy(at, &word, sizeof word);
}

static inline int32_t get_word(const uint8_t *at)
{
	uint32_t word;
	memcpy(&word, at, sizeof word);
	return (int32_t)le32toh(word);
}

static inline double clamped(double x, double bound)
{
	double y = x < -bound ? -bound : x;
	return y > bound ? bound : y;
}

static enum err not_a_number(const struct segment *s, uint32_t item, struct diag *why)
{
	return diag_set(why, ERR_DATA,
	                "%s[%u] is not a number (NaN): nothing is sent; training has diverged or input is wrong",
	                segment_name(s->kind), item);
}

static void store_wide(uint8_t *at, double x, uint32_t wide_bits)
{
	/* Up to 2^59: too large for nearest(), and there are few of these. */
	int64_t q = llrint(x);
	uint32_t lo = (uint32_t)((uint64_t)q & ((1ull << wide_bits) - 1));
	put_word(at, lo);
	put_word(at + 4, (q - (int64_t)lo) / (1ll << wide_bits));
}

enum err segment_encode(uint8_t *octets, const struct segment *s, const struct layout *l, const double *values,
                        uint64_t *saturated, struct diag *why)
{
	CHECK(s->coding != CODING_NOISED);
	double per_grid = 1 / s->grid;
	uint64_t beyond = 0;
	uint8_t *to = octets + 4 * (size_t)s->first;
	for (uint32_t i = 0; i < s->items; i++) {
		if (isnan(values[i]))
			return not_a_number(s, i, why);
		beyond += fabs(values[i]) > s->bound;
		double x = clamped(values[i], s->bound) * per_grid;
		if (s->coding == CODING_WIDE)
			store_wide(to + 8 * (size_t)i, x, l->wide_bits);
		else
			put_word(to + 4 * (size_t)i, nearest(x));
	}
	*saturated += beyond;
	return OK;
}

/* x * scale / grid is x * factor, factor = scale / grid: a grid is a power of two, so both products are rounded at the same
 * place; where one of them is too small for that (subnormal), the word is 0 either way. And a float lies beyond the bound
 * when it lies beyond `limit`, the largest float that does not. So only what must be double is. */
struct update_coding {
	double bound, factor;
	float limit;
};

static struct update_coding update_coding(const struct segment *s, double scale)
{
	double per_grid = 1 / s->grid;
	float limit = (float)s->bound; /* infinite when beyond every float */
	if ((double)limit > s->bound)
		limit = nextafterf(limit, 0);
	return (struct update_coding){.bound = s->bound, .factor = scale * per_grid, .limit = limit};
}

/* Returns how many differences are not within the limit: their words are worthless, and put_outside's to write. */
VEC_WIDE static uint32_t put_update(uint8_t *restrict to, const float *restrict local, const float *restrict global,
                                    uint32_t n, struct update_coding c)
{
	uint32_t outside = 0;
	for (uint32_t i = 0; i < n; i++) {
		float x = local[i] - global[i];
		outside += !(fabsf(x) <= c.limit);
		put_word(to + 4 * (size_t)i, nearest((double)x * c.factor));
	}
	return outside;
}

/* The words of differences beyond the limit, which are those of the bound itself. Returns the first NaN's place, or n. */
static uint32_t put_outside(uint8_t *to, const float *local, const float *global, uint32_t n, struct update_coding c)
{
	for (uint32_t i = 0; i < n; i++) {
		float x = local[i] - global[i];
		if (isnan(x))
			return i;
		if (fabsf(x) > c.limit)
			put_word(to + 4 * (size_t)i, nearest(clamped((double)x, c.bound) * c.factor));
	}
	return n;
}

enum err segment_encode_update(uint8_t *octets, const struct segment *s, const struct layout *l, const float *local,
                               const float *global, double scale, uint64_t *saturated, struct diag *why)
{
	CHECK(s->coding != CODING_WIDE && s->coding != CODING_NOISED && s->first + s->words <= l->words);
	CHECK(scale >= 0 && scale <= 1);
	struct update_coding c = update_coding(s, scale);
	uint8_t *to = octets + 4 * (size_t)s->first;
	uint32_t outside = put_update(to, local, global, s->items, c);
	if (outside > 0) {
		uint32_t nan = put_outside(to, local, global, s->items, c);
		if (nan < s->items)
			return not_a_number(s, nan, why);
	}
	*saturated += outside;
	return OK;
}

VEC_WIDE static void decode_words(double *restrict values, const int64_t *restrict sums, uint32_t n, double grid)
{
	for (uint32_t i = 0; i < n; i++)
		values[i] = (double)sums[i] * grid;
}

void segment_decode(double *values, const struct segment *s, const struct layout *l, const int64_t *sums)
{
	const int64_t *from = sums + s->first;
	if (s->coding != CODING_WIDE) {
		decode_words(values, from, s->items, s->grid);
		return;
	}
	for (uint32_t i = 0; i < s->items; i++) {
		int64_t q = from[2 * (size_t)i + 1] * (1ll << l->wide_bits) + from[2 * (size_t)i];
		values[i] = (double)q * s->grid;
	}
}

/* ---- checking a clear contribution */

struct word_range {
	int32_t min, max;
};

/* What words of even ([0]) and odd ([1]) place within the segment may hold. */
static void word_ranges(struct word_range range[2], const struct segment *s, const struct layout *l)
{
	int64_t q = llrint(s->bound / s->grid);
	if (s->coding == CODING_WIDE) {
		int64_t digit = 1ll << l->wide_bits;
		range[0] = (struct word_range){0, (int32_t)(digit - 1)};
		range[1] = (struct word_range){(int32_t)(-q / digit - (q % digit != 0)), (int32_t)(q / digit)};
	} else {
		q = s->coding == CODING_NOISED ? s->noised.word_max : q;
		range[0].min = s->coding == CODING_COUNT ? 0 : (int32_t)-q;
		range[0].max = (int32_t)q;
		range[1] = range[0];
	}
}

/* Whether all words lie in one range: a loop without an early end, for the millions of an update. */
static bool all_inside(const struct word_range *r, const uint8_t *octets, uint32_t count)
{
	uint32_t outside = 0;
	for (uint32_t i = 0; i < count; i++) {
		int32_t word = get_word(octets + 4 * (size_t)i);
		outside |= (uint32_t)(word < r->min) | (uint32_t)(word > r->max);
	}
	return outside == 0;
}

/* The first word outside, or `count`; word i lies at place begin + i of its segment. */
static uint32_t first_outside(const struct word_range range[2], uint32_t begin, const uint8_t *octets, uint32_t count)
{
	bool one_range = range[0].min == range[1].min && range[0].max == range[1].max;
	if (one_range && all_inside(&range[0], octets, count))
		return count;
	for (uint32_t i = 0; i < count; i++) {
		const struct word_range *r = &range[(begin + i) & 1];
		int32_t word = get_word(octets + 4 * (size_t)i);
		if (word < r->min || word > r->max)
			return i;
	}
	return count;
}

enum err layout_check_words(const struct layout *l, uint32_t first, const uint8_t *octets, uint32_t count,
                            struct diag *why)
{
	CHECK(first <= l->words && count <= l->words - first);
	for (uint32_t i = 0; i < l->count; i++) {
		const struct segment *s = &l->segments[i];
		uint32_t from = first > s->first ? first : s->first;
		uint32_t to = first + count < s->first + s->words ? first + count : s->first + s->words;
		if (from >= to)
			continue;
		struct word_range range[2];
		word_ranges(range, s, l);
		uint32_t at = first_outside(range, from - s->first, octets + 4 * (size_t)(from - first), to - from);
		if (at < to - from)
			return diag_set(why, ERR_PEER_MESSAGE, "word %u (%s) is outside the range that a site may send",
			                from + at, segment_name(s->kind));
	}
	return OK;
}
