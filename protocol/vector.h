/*
 * The contribution on the wire: a list of segments of fixed-point numbers, one vector of 32-bit words.
 *
 *   | segment 0 | segment 1 | ...          word i = octets 4i .. 4i+3, little-endian, two's complement
 *
 * Both sides compute the same layout from the study, the number of invited sites n and the kind of round; it is never
 * taken from the other side. The coordinator adds words (int64 in clear, Z_{2^32} under masks) and decodes the sum once, so
 * order, threads and restarts change no bit.
 *
 * A value x becomes the integer q nearest to x / grid (ties to even), grid a power of two, after clamping to +- bound:
 *   narrow  item i is word first + i.   grid = the smallest power of two with (bound / grid + 1) * n < 2^31
 *   count   item i is word first + i.   grid = 1; refused when n * round(bound) >= 2^31
 *   wide    item i is word first + 2i (lo) and first + 2i + 1 (hi):
 *               q = hi * 2^L + lo,  0 <= lo < 2^L,  L = 30 - ceil(log2 n),  |q| < 2^(2L-1)
 *           so n sites add without losing a carry, for sums that need more than 31 bits.
 *           grid = the smallest power of two with bound / grid + 1 < 2^(2L-1); refused when it is above 1, since the
 *           sums of statistics hold counts, which must stay exact
 *   noised  item i is word first + i.   clamp(nearest(x / grid)) + the site's share of the noise: grid, clamp and
 *           variance are privacy/plan.h's struct noised; privacy/quantize.h encodes
 * All arithmetic is IEEE 754 double in the order written, so that every language finds the same grid and the same words.
 * A NaN is refused (ERR_DATA), never encoded.
 */
#ifndef COHORT_PROTOCOL_VECTOR_H
#define COHORT_PROTOCOL_VECTOR_H

#include "base/bytes.h"
#include "privacy/plan.h"

#include <stdint.h>

#define VECTOR_SITES_MAX                                                                                               \
	(1u << 20) /* L is then 10, and a narrow value still has 11 bits; the network's bound is lower */
#define VECTOR_WORDS_MAX (128u << 20) /* an update of MODEL_PARAMETERS_MAX twice over; 512 MiB on the wire */

enum segment_kind {
	SEGMENT_STATISTICS, /* wide, or noised: data/standardize.h gives the order */
	SEGMENT_UPDATE, /* narrow: (weight / cap) * (local - global), bound update_range; noised: local - global, clipped */
	SEGMENT_WEIGHT, /* count: the site's weight in patients (1 when weights are equal), bound cap */
	SEGMENT_LOSS, /* wide: loss sums, validation then test; noised: / LOSS_PER_ROW_MAX */
	SEGMENT_COUNTS, /* count: metric counts, validation then test: model/metrics.h gives the order; or noised */
	SEGMENT_ERRORS, /* wide: the sums of a numeric label's figures, validation then test, in that order, too; noised:
	                   each scaled to [-1, 1] */
	SEGMENT_GRADIENT, /* noised: the sum of clipped gradients of one step */
	SEGMENT_WITHIN, /* noised: 1/2 when the site's update was within the clip, else -1/2 */
	SEGMENT_KIND_COUNT
};

enum segment_coding { CODING_NARROW, CODING_COUNT, CODING_WIDE, CODING_NOISED };

struct segment {
	enum segment_kind kind;
	enum segment_coding coding;
	uint32_t items; /* values */
	uint32_t first; /* word offset in the vector */
	uint32_t words; /* items, or 2 * items when wide */
	double bound, grid;
	struct noised
		noised; /* zeroed unless noised; its grid is `grid`, and `bound` its clamp in units of the values */
};

struct layout {
	uint32_t sites; /* n, invited */
	uint32_t wide_bits; /* L */
	struct segment segments[SEGMENT_KIND_COUNT];
	uint32_t count;
	uint32_t words; /* d, the length of the vector */
};

/* An empty layout for the sum of `sites` contributions. */
void layout_begin(struct layout *l, uint32_t sites);

/* Appends a segment; `bound` is finite and above 0, `items` may be 0. ERR_LIMIT when n sites could overflow ("the sum of
 * 5000 sites with 1000000 patients each does not fit 31 bits"), when `sites` is 0 or above VECTOR_SITES_MAX, or when the
 * vector passes VECTOR_WORDS_MAX. */
enum err layout_add(struct layout *l, enum segment_kind kind, enum segment_coding coding, uint32_t items, double bound,
                    struct diag *why) MUST_USE;

/* Appends a noised segment; `noised` was made for the layout's number of sites. ERR_LIMIT as layout_add, for too many words. */
enum err layout_add_noised(struct layout *l, enum segment_kind kind, uint32_t items, const struct noised *noised,
                           struct diag *why) MUST_USE;

const struct segment *layout_find(const struct layout *l, enum segment_kind kind); /* NULL when not part of it */
size_t layout_octets(const struct layout *l); /* 4 * words */
const char *segment_name(enum segment_kind kind); /* "update" and such: for messages */

/* Encodes the segment's `items` values into `octets`, the whole vector's buffer of layout_octets() bytes. `saturated` is
 * increased by the number of values beyond +- bound. ERR_DATA on NaN (infinity saturates); the segment's octets are then
 * unspecified. Not for noised segments (CHECK). */
enum err segment_encode(uint8_t *octets, const struct segment *s, const struct layout *l, const double *values,
                        uint64_t *saturated, struct diag *why) MUST_USE;

/* The update into a narrow or count segment, in one pass over local and global parameters: value i is the difference
 * local[i] - global[i], rounded to float, clamped to +- bound, and then multiplied by `scale` (in [0, 1]). */
enum err segment_encode_update(uint8_t *octets, const struct segment *s, const struct layout *l, const float *local,
                               const float *global, double scale, uint64_t *saturated, struct diag *why) MUST_USE;

/* The sum's values: sums is the whole vector's word sums. values[i] = integer * grid. */
void segment_decode(double *values, const struct segment *s, const struct layout *l, const int64_t *sums);

/* Whether `count` words of one clear contribution, from word `first` of its vector on, are words that an honest site can
 * send: |narrow| <= round(bound / grid), 0 <= count <= bound, wide digits in their ranges, noised within word_max. The sum
 * of checked vectors is what n clamped sites can make and no more. ERR_PEER_MESSAGE names the segment and the word. Masked words are
 * uniform, so this holds for clear contributions only. Cost: one pass. */
enum err layout_check_words(const struct layout *l, uint32_t first, const uint8_t *octets, uint32_t count,
                            struct diag *why) MUST_USE;

#endif
