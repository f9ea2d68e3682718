/*
 * What a coordinator and its colluders know together of a masked attempt: shares from answers, and all that the sites know that
 * it runs itself. It opens a vector when that suffices, with the arithmetic of the protocol and no more.
 */
#ifndef COHORT_TESTS_SUPPORT_POOLING_H
#define COHORT_TESTS_SUPPORT_POOLING_H

#include "tests/support/masked.h"

struct pooled_secret {
	struct scalar share[MASKED_SITES_MAX]; /* by holder's index */
	uint64_t have; /* bit: holder */
	struct scalar secret;
	bool known;
};

struct pool_of_shares {
	const struct masked *w;
	uint64_t u1; /* sites' indices, as all sets here */
	struct hash ctx, sid;
	struct signed_adv adv[MASKED_SITES_MAX];
	struct pooled_secret sigma[MASKED_SITES_MAX], beta[MASKED_SITES_MAX]; /* by dealer */
};

/* U1 from the outboxes. The world's attempt must be the one in hand. */
void pooling_begin(struct pool_of_shares *p, const struct masked *w, uint64_t u1);

/* Site i is the coordinator's own: its secrets, and the shares that others sealed for it. */
void pooling_owns(struct pool_of_shares *p, uint32_t i);

/* What site i answered to (U2, U3). */
void pooling_answer(struct pool_of_shares *p, uint32_t i, uint64_t u2, uint64_t u3);

/* Adds `share`, whoever's it is said to be. */
void pooling_add(struct pooled_secret *s, uint32_t holder, const struct scalar *share);

/* Whether its sigma, or its beta, is known, or comes out of the shares. */
bool pooling_knows(struct pool_of_shares *p, bool sigma, uint32_t site);

/* Whether the victim's vector, masked for this U2, comes out of what is known: compared with the true one. */
bool pooling_opens(struct pool_of_shares *p, uint32_t victim, uint64_t u2);

/* The same of the sum of a set's vectors: masks between two of the set cancel. */
bool pooling_sums(struct pool_of_shares *p, uint64_t set, uint64_t u2);

#endif
