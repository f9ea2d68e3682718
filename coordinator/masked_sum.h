/*
 * The sum of one group's masked vectors: d words modulo 2^32, O(d) memory however many sites take part.
 *
 *     sum = y_1 + y_2 + ... of the survivors - their masks              d = layout.words + MASKED_CHECK_WORDS
 *         = | sum of the contributions | survivors | 0 | 0 | 0 |
 *
 * Both kinds of work commute modulo 2^32, so they may be done in any order and by any number of threads with the same result; one
 * lock for each piece of MASKED_SUM_PIECE coordinates is all that they share. Of what a single site sent nothing can be read
 * off it at any time: before its own and its pairs' masks are off the sum, all other survivors' vectors are in it.
 *
 * A core but for the locks. Source: Bonawitz et al. (CCS 2017), figure 4, round 4; the check words: docs/PROTOCOL.md.
 */
#ifndef COHORT_COORDINATOR_MASKED_SUM_H
#define COHORT_COORDINATOR_MASKED_SUM_H

#include "coordinator/aggregate.h"
#include "crypto/mask.h"

#define MASKED_SUM_PIECE MASK_TILE /* coordinates: 64 KiB, so that threads find a free one soon */

struct masked_sum;

/* Zero: for vectors of this layout and its check words, packed to `bits` bits. Never NULL. */
struct masked_sum *masked_sum_new(const struct layout *layout, uint32_t bits);
void masked_sum_free(struct masked_sum *m); /* wipes it; accepts NULL */

uint32_t masked_sum_words(const struct masked_sum *m); /* d */
uint32_t masked_sum_pieces(const struct masked_sum *m); /* ceil(d / MASKED_SUM_PIECE) */

/* Any thread. Adds the coordinates first .. first + count - 1 of one masked vector: pack_size(count, bits) octets from octet
 * first bits / 8 of it on. `first` is a multiple of MASKED_SUM_PIECE, and so is `count` unless they are the last. */
void masked_sum_add(struct masked_sum *m, const uint8_t *octets, uint32_t first, uint32_t count);

/* Any thread. Takes the streams of `masks` off one piece of the sum, each with its own sign (crypto/mask.h: mask_add). */
void masked_sum_unmask(struct masked_sum *m, uint32_t piece, const struct mask *masks, size_t mask_count);

/* All of the `survivors` are added and all masks are off: the check words are held against them. ERR_DATA when they do not hold: a vector
 * or a mask was wrong, and nothing may be made of the sum. */
enum err masked_sum_judge(const struct masked_sum *m, uint32_t survivors, struct diag *why) MUST_USE;

/* Judges it, and adds the sum of the contributions to `out`, an aggregate over the same layout, which is as it was when they do not
 * hold. */
enum err masked_sum_finish(struct aggregate *out, const struct masked_sum *m, uint32_t survivors,
                           struct diag *why) MUST_USE;

/* out[words] <- the contributions' sum from word `first` of the layout on, once masked_sum_finish has found it good. */
void masked_sum_read(int64_t *out, const struct masked_sum *m, uint32_t first, uint32_t words);

#endif
