/*
 * Every strategy of a lying coordinator, in the model of tests/support/lies.h, for few sites: which sites deal, which U2 and which U3
 * each of them is shown, whose input is acknowledged, whose signatures are passed on to whom.
 *
 * A search is over one session, in which all are told the same U1. Sites that were told different ones have different sid: nothing of
 * one session opens or counts in another, so to split U1 is to hold two attempts at once, and that gives no more than two attempts one
 * after the other, which are looked at: all that one attempt can come to is kept, and each pair of these is held together.
 */
#ifndef COHORT_TESTS_SUPPORT_LIES_SEARCH_H
#define COHORT_TESTS_SUPPORT_LIES_SEARCH_H

#include "tests/support/lies.h"

#define LIES_SEARCH_MAX 5

enum lies_evil {
	LIES_BOTH_SECRETS = 1, /* t shares of both secrets of one site are known */
	LIES_FEW_INPUTS = 2, /* a sum of fewer than m - n_C honest inputs is determined */
	LIES_TWO_SUMS = 4 /* two different sums of one round are, in one attempt or in two */
};

struct lies_search {
	struct lies_rule rule;
	bool all; /* also strategies after which nobody can have signatures enough (these open nothing) */
	bool first; /* stop at the first evil */

	uint64_t strategies;
	uint32_t evil; /* of enum lies_evil */
	uint32_t largest; /* honest inputs of the largest sum that an honest or lying coordinator opens */
	struct lies_site example[LIES_SITES_MAX]; /* the first that was evil in itself */

	/* what one attempt can come to: [sites that dealt][sites that answered][sum] */
	bool outcome[1 << LIES_SEARCH_MAX][1 << LIES_SEARCH_MAX][1 << LIES_SEARCH_MAX];
};

/* `rule` and `all` and `first` are set, the rest is zero. n <= LIES_SEARCH_MAX. */
void lies_search(struct lies_search *q);

#endif
