/* Writes an attempt of tests/support/masked.h, secrets and all, in the form of tests/vectors/secagg_*.json. */
#ifndef COHORT_TESTS_SUPPORT_MASKED_TRANSCRIPT_H
#define COHORT_TESTS_SUPPORT_MASKED_TRANSCRIPT_H

#include "tests/support/masked.h"

/* The attempt has ended well; `model` is what its hash was made of. Appends JSON to `out`. */
void masked_transcript(struct buf *out, const struct masked *w, const char *model);

#endif
