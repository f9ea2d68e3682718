/*
 * Strategies as terms of the contract: which keys of training.server each one has, and their defaults. A row of one table per
 * strategy (study_strategy.c); the formulas are the coordinator's (coordinator/strategy.h).
 */
#ifndef COHORT_PROTOCOL_STUDY_STRATEGY_H
#define COHORT_PROTOCOL_STUDY_STRATEGY_H

#include "protocol/study_read.h"

/* training.server with the defaults of `strategy` (a name on the list of study_rules.c) written out, in the order of that list. */
struct json *study_complete_server(const struct json *written, const char *strategy);

/* What training.local.proximal is when it is not written; 0: the strategy does not have it. */
double study_default_proximal(const char *strategy);

/* training.strategy, training.server, and that training.local.proximal stands with its strategy only. A key that the strategy
 * does not have is refused, and the refusal says whose it is. */
void study_read_strategy(const struct study_section *training);

#endif
