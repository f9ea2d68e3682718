/*
 * Strategies: how the mean of the sites' updates moves the global model. One row of a table per strategy.
 *
 *   u = mean of (w_site - w), weighted by patients; eta, momentum, beta1, beta2, tau: the keys of training.server
 *
 *   FedAvg       w <- w + eta * u
 *                McMahan et al., AISTATS 2017, Algorithm 1 (eta = 1); Reddi et al., Adaptive Federated Optimization,
 *                ICLR 2021, Algorithm 1 with SGD at the server
 *   FedProx      at the server as FedAvg; at the sites a proximal term (training.local.proximal, model/optimizer.h)
 *                Li et al., Federated Optimization in Heterogeneous Networks, MLSys 2020, Algorithm 2
 *   FedAvgM      m <- momentum * m + u;                w <- w + eta * m;            m begins at 0
 *                Hsu, Qi and Brown, Measuring the Effects of Non-Identical Data Distribution, 2019, section 4.3 (eta = 1)
 *   FedAdagrad   m <- beta1 * m + (1 - beta1) * u      }
 *                v <- v + u^2                          }  w <- w + eta * m / (sqrt(v) + tau)
 *   FedAdam      v <- beta2 * v + (1 - beta2) * u^2    }  m begins at 0, v at tau^2
 *   FedYogi      v <- v - (1 - beta2) * u^2 * sign(v - u^2)
 *                Reddi et al., ICLR 2021, Algorithm 2, which asks v >= tau^2 at the beginning: here it is tau^2. There is
 *                no correction of the bias of m and v, as there is none in the paper.
 *
 *   median, trimmed mean, Krum: as FedAvg, but u is what robust.h makes of the updates
 *
 * m and v are the server's moments: float vectors of the model's length that belong to the model which they came
 * with, are kept with it (coordinator/store.h), and leave the coordinator never.
 */
#ifndef COHORT_COORDINATOR_STRATEGY_H
#define COHORT_COORDINATOR_STRATEGY_H

#include "protocol/study.h"

/* How many vectors of moments the study's strategy keeps: 0, 1 (m) or 2 (m, then v). */
uint32_t strategy_moments(const struct study *s);

/* moments[strategy_moments * n] <- those before the first round. */
void strategy_begin(float *moments, const struct study *s, size_t n);

/* parameters[n], moments[strategy_moments * n] <- what the study's strategy makes of them and the weighted mean
 * update[n]. Arithmetic in double; each coordinate is rounded to float once, and what is kept from round to round is
 * what was rounded, so a restart changes no bit. `moments` may be NULL when the strategy keeps none. ERR_DATA when a
 * parameter would no longer be finite (it names the server's learning rate); the parameters and moments must then be
 * thrown away. */
enum err strategy_apply(const struct study *s, float *parameters, float *moments, const double *update, size_t n,
                        struct diag *why) MUST_USE;

#endif
