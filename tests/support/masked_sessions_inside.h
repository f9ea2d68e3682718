/* What masked_sessions.c, masked_sessions_hospital.c and masked_sessions_office.c (the coordinator) share, and nobody else. */
#ifndef COHORT_TESTS_SUPPORT_MASKED_SESSIONS_INSIDE_H
#define COHORT_TESTS_SUPPORT_MASKED_SESSIONS_INSIDE_H

#include "tests/support/masked_sessions.h"

#define MASKED_RECORD_MAX (1u << 20)

uint32_t masked_sessions_words(const struct masked_sessions *w); /* of v */
void masked_sessions_forget(struct masked_sessions *w); /* the server, its rows and its plan */
bool masked_sessions_ended(const struct masked_sessions *w);
void masked_sessions_kill(struct masked_hospital *h);

/* A write on either side: *made says whether it was made, false that the process dies of it. */
bool masked_sessions_lives(struct masked_sessions *w, bool hospital, bool *made);

bool masked_sessions_work(struct masked_sessions *w, struct masked_hospital *h); /* false: nothing to do */
void masked_sessions_acknowledge(struct masked_sessions *w, struct masked_hospital *h); /* if what it said is durable */

#endif
