/*
 * v becomes y: the vector that the ledger keeps, its check words behind it, and the attempt's masks over both.
 *
 *   v file:  | words of the contribution |                          d - 4 words of 32 bits, little-endian
 *   y file:  | (those | 1 | 0 | 0 | 0) + masks, k bits each |       crypto/mask.h, crypto/pack.h
 *
 * Worked on in pieces, so that memory does not grow with the model, and hashed on the way in and out: v must be what the ledger has,
 * and y is named by its hash. y is not synced: from v and the record of the attempt it can be made again, the same.
 */
#ifndef COHORT_CLIENT_MASKING_H
#define COHORT_CLIENT_MASKING_H

#include "client/release.h"
#include "crypto/mask.h"

#include <stdatomic.h>

struct masking_order {
	const char *v_path, *y_path;
	const struct release_record *v; /* hash and octets of the vector at v_path */
	uint32_t words, bits; /* d and k of the plan */
	const struct mask *masks; /* secret */
	uint32_t mask_count;
	atomic_bool *cancel; /* looked at between pieces */
};

/* Writes y_path (mode 0600, in place of what is there) and gives its SHA-256. ERR_DATA when v is not what the ledger has, ERR_NO_INPUT,
 * ERR_CREATE, ERR_FULL, ERR_IO, ERR_CANCELLED; after a failure there is no y. CHECK: d is v's words and the check words. */
enum err masking_make(struct hash *y, const struct masking_order *m, struct diag *why) MUST_USE;

#endif
