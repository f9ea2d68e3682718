/*
 * The contract in words, for those who decide at a hospital without reading JSON: its IT review and its ethics board. Every number
 * in it is computed from the contract, as the round that would send it does.
 */
#ifndef COHORT_CLIENT_WORDS_H
#define COHORT_CLIENT_WORDS_H

#include "client/policy.h"

#define WORDS_MAX (4u << 20) /* a contract has at most 1 MiB, and each column gets a line */

/* Appends the text. `now_s` (seconds since 1970) judges whether the study has expired. */
void words_contract(struct buf *out, const struct study *s, const struct policy *p, int64_t now_s);

#endif
