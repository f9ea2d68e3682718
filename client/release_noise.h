/*
 * The noise of one round, and the way by which values reach the wire under privacy. Steps (2) and (3) of client/release.h:
 *
 *   release_noise_draw       all noise of all noised segments, before a row is looked at: no rejection, no moment and no length of
 *                          it can follow from what the rows hold
 *   release_noise_encode     value -> nearest grid point -> clamp -> + noise: the words of one segment
 *
 * Noise that was drawn serves once: a segment that was encoded has none left (CHECK), so no two vectors can share it and be
 * subtracted. What was drawn for a round that did not come, or was given up, is drawn anew; so it is after a crash, for nothing
 * had left. A vector that was persisted is never computed again (client/release.h).
 */
#ifndef COHORT_CLIENT_RELEASE_NOISE_H
#define COHORT_CLIENT_RELEASE_NOISE_H

#include "base/random.h"
#include "protocol/vector.h"

struct release_noise {
	int32_t *words; /* [room]: a secret; that of word i of the vector stands at i */
	uint32_t room;
	struct layout layout; /* that it was drawn for */
	bool ready[SEGMENT_KIND_COUNT]; /* drawn and not used */
};

void release_noise_free(struct release_noise *n); /* wipes; accepts a zeroed one */

/* Draws for every noised segment of `l`, unless that was done for the same segments and nothing of it was used. Without noised
 * segments it does nothing, and takes no entropy. */
void release_noise_draw(struct release_noise *n, const struct layout *l, const struct entropy *entropy);

/* Encodes values[s->items] into the whole vector's `octets`. Returns how many were cut or no numbers; that stays here. CHECK: `s`
 * is noised, and its noise was drawn and not used yet. */
uint64_t release_noise_encode(struct release_noise *n, uint8_t *octets, const struct segment *s, const double *values);

#endif
