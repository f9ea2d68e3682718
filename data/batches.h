/*
 * Batches: in which order a site's rows are trained on. Sites keep nothing between rounds, so the order follows from
 * the study, the site and a count of batches alone, and any batch can be asked for without its forerunners:
 *
 *   batch k = 0, 1, 2, ... over all rounds        epoch = k / per_epoch, position = k % per_epoch
 *   order of an epoch = rng_shuffle of 0 .. rows-1 by stream number `epoch` of the site's key (rng_numbered)
 *   a site's key      = H("COHRTord", study's draws, site name)
 *
 *   | epoch 0: b0 b1 b2 | epoch 1: b3 b4 b5 | ...   the last batch of an epoch may be smaller, and is never empty
 *     round 1, steps 4: b0 .. b3; round 2: b4 .. b7; with epochs E a round is E * per_epoch batches
 */
#ifndef COHORT_DATA_BATCHES_H
#define COHORT_DATA_BATCHES_H

#include "base/hash.h"
#include "base/label.h"

struct batches {
	struct hash key;
	uint32_t rows, batch;
	uint32_t *order; /* [rows], shuffled for `epoch`; owned */
	uint32_t room; /* for rows in `order` */
	uint64_t epoch; /* UINT64_MAX: none yet */
};

/* The site's key, from which all its orders follow: made once and kept. */
void batches_key(struct hash *out, const struct hash *draws, const char *site);

/* `b` is zeroed, or was used for another site, whose memory is used again when it suffices. `rows` may be 0 (a site
 * without training rows has no batches); `batch` >= 1 is cut to `rows`. */
void batches_begin(struct batches *b, const struct hash *key, uint32_t rows, uint32_t batch);
void batches_free(struct batches *b); /* accepts a zeroed one */

uint64_t batches_per_epoch(const struct batches *b); /* ceil(rows / batch) */

/* The batches of training round `round` (from 1) are first, first + 1, ..., first + count - 1. Exactly one of epochs
 * and steps is not 0 (the study's training.local). count is 0 when there are no rows. */
struct batch_range {
	uint64_t first, count;
};
struct batch_range batches_of_round(const struct batches *b, uint32_t round, uint32_t epochs, uint32_t steps);

/* The rows of batch `k`; `*count` of them, at least 1. Borrowed until the next call. Shuffles (O(rows)) when `k` lies
 * in another epoch than the call before; allocates nothing. */
const uint32_t *batches_rows(struct batches *b, uint64_t k, uint32_t *count);

/* out[i, :] = from[rows[i], :] for a matrix of `width` columns, and for labels. */
void batches_gather(float *out, const float *from, uint32_t width, const uint32_t *rows, uint32_t count);
void batches_gather_labels(union label_value *out, const union label_value *from, const uint32_t *rows, uint32_t count);

#endif
