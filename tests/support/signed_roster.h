/* A roster's file as `cohort-ca roster` writes it, signed by an authority of tests/support/certificates.h. */
#ifndef COHORT_TESTS_SUPPORT_SIGNED_ROSTER_H
#define COHORT_TESTS_SUPPORT_SIGNED_ROSTER_H

#include "protocol/roster.h"
#include "tests/support/certificates.h"

/* Initialises `out`, which the caller frees. Whatever fails fails the test. */
void signed_roster(struct buf *out, const struct made *authority, const struct roster *r);

#endif
