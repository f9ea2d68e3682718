/*
 * A strategy of tests/support/lies.h against real sites: the messages are built from what the sites sent, the colluders sign
 * whatever is asked, and everything that comes back is pooled.
 */
#ifndef COHORT_TESTS_SUPPORT_LIES_PLAY_H
#define COHORT_TESTS_SUPPORT_LIES_PLAY_H

#include "tests/support/lies.h"
#include "tests/support/pooling.h"

/* `w` is initialised and as large as the rule says. Colluders deal in the session of all sites; `p` is of that session. */
void lies_play(struct masked *w, struct pool_of_shares *p, const struct lies_rule *r, const struct lies_told *told);

/* How far site i came with what it was told, in the words of the model. */
struct lies_site lies_came(const struct masked *w, uint32_t i, const struct lies_told *told);

#endif
