/*
 * A draft of a study from a file that nobody described: what `cohort-sim new` writes. Each guess (simulator/guess.h) stands in a
 * line of its own, with what was seen in a comment, so that a person can correct it; what was left out is named with the reason.
 * The draft is a whole study, accepted as it stands by `cohort-sim run` and nobody else: it has no `expires`.
 *
 * Levels, ranges and counts of the file stand in it. So it is for public data alone.
 */
#ifndef COHORT_SIMULATOR_DRAFT_H
#define COHORT_SIMULATOR_DRAFT_H

#include "base/bytes.h"
#include "simulator/roles.h"

struct draft_options {
	const char *file; /* named in comments */
	const char *name; /* the study's; a study's name (CHECK) */
	const bool *like_label; /* [columns]: features that get a question (simulator/leaks.h); NULL: none does */
};

/* Appends the YAML. */
void draft_write(struct buf *out, const struct roles *r, const struct draft_options *o);

#endif
