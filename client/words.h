/*
 * The contract in words, for those who decide at a hospital without reading JSON: its IT review and its ethics board. Every number
 * in it is computed from the contract, as the round that would send it does.
 */
#ifndef COHORT_CLIENT_WORDS_H
#define COHORT_CLIENT_WORDS_H

#include "client/budget.h"
#include "client/policy.h"
#include "protocol/roster.h"

#define WORDS_MAX (4u << 20) /* a contract has at most 1 MiB, and each column gets a line */

/* Where it is read. */
struct words_place {
	const struct policy *policy;
	const struct budget *budget; /* what its studies have spent; NULL: nobody knows just now */
	const struct roster *roster; /* the authority's newest that this hospital has; NULL: none yet */
	const char *site; /* this hospital's name */
	int64_t now_s; /* seconds since 1970: has the study expired? */
};

/* Appends the text. */
void words_contract(struct buf *out, const struct study *s, const struct words_place *place);

#endif
