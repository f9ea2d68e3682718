/*
 * The draws of dropout: which values training sets to 0. They follow from the study, the site and the training round
 * alone, so a round that is repeated, after a crash or on another thread, drops the same.
 *
 *   dropout layer d = 0, 1, ... of the model has stream number d (rng_numbered) of the round's key
 *   the round's key = H("COHRTdrp", study's draws, site name, round as u64le)
 *   each row that is trained on in the round takes `width` draws of 16 bits from it, in order
 *
 *   | row 0 of batch 0: u16 u16 ... | row 1 | ... | row 0 of batch 1 | ...
 *
 * With a stream for each layer the draws do not depend on how many rows the network takes at once.
 */
#ifndef COHORT_MODEL_DROPOUT_H
#define COHORT_MODEL_DROPOUT_H

#include "base/hash.h"
#include "base/random.h"
#include "model/spec.h"

struct dropout {
	struct rng *streams; /* [count], NULL when there is none */
	uint32_t count; /* dropout layers of the model */
};

void dropout_init(struct dropout *d, const struct model_spec *spec);
void dropout_free(struct dropout *d); /* accepts a zeroed one */

/* The streams of one training round, from their beginning. Does nothing, and may be given NULL, without dropout
 * layers. */
void dropout_begin(struct dropout *d, const struct hash *draws, const char *site, uint32_t round);

#endif
