/*
 * Strategies: how the mean of the sites' updates moves the global model. One row of a table per strategy.
 *
 *   FedAvg    w <- w + eta * mean_u(w_u - w), weighted by patients; eta = server.learning_rate
 *             McMahan et al., AISTATS 2017, Algorithm 1 (eta = 1); Reddi et al., ICLR 2021, Algorithm 1 (SGD server)
 */
#ifndef COHORT_COORDINATOR_STRATEGY_H
#define COHORT_COORDINATOR_STRATEGY_H

#include "protocol/study.h"

/* parameters[n] <- what the study's strategy makes of them and the weighted mean update[n]. Arithmetic in double,
 * rounded to float once per coordinate. ERR_DATA when a parameter would no longer be finite (it names the server's
 * learning rate); the parameters must then be thrown away. */
enum err strategy_apply(const struct study *s, float *parameters, const double *update, size_t n,
                        struct diag *why) MUST_USE;

const char *strategy_name(enum strategy_kind k);

#endif
