/*
 * The server's moments of one study (coordinator/strategy.h): in memory between rounds, and in the store in the transaction
 * that ends the round which made them. So whatever a crash undoes, model and moments fit each other.
 *
 *     outcome_compute -> moments_take -> campaign_computed ... CAMPAIGN_PERSIST -> moments_persist -> commit
 *     after a restart:   moments_restore, from the store
 *
 * They are bulk, so the campaign knows nothing of them; they never leave the coordinator.
 */
#ifndef COHORT_COORDINATOR_MOMENTS_H
#define COHORT_COORDINATOR_MOMENTS_H

#include "coordinator/store.h"

struct moments {
	float *values; /* NULL: none, or left in the store; owned */
	size_t count;
	struct hash model; /* they belong to it; zero: none */
	bool stored; /* written, although perhaps not committed */
};

void moments_free(struct moments *m); /* accepts a zeroed one */

/* After a restart of a running study that has a model made by training: those of its newest model must be in the store. `load`: they are
 * read; otherwise they are only looked for. ERR_DATA: missing, or of another model. */
enum err moments_restore(struct moments *m, struct store *s, int64_t study, const struct study *terms,
                         const struct campaign *campaign, bool load, struct diag *why) MUST_USE;

/* A round was computed and its campaign waits for it: takes the outcome's moments over, if it has any. */
void moments_take(struct moments *m, struct outcome *o, const struct study *terms);

/* With the campaign's record: writes them unless they are there; once the study is over, removes them from the store. */
void moments_persist(struct moments *m, struct store *s, int64_t study, const struct study *terms,
                     const struct campaign *campaign);

/* Those that belong to a round's model, for outcome_compute; NULL when there are none. */
const float *moments_of(const struct moments *m, const struct hash *model);

#endif
