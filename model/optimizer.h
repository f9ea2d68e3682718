/*
 * Optimizers on the flat vector. g = scale * gradient + weight_decay * w, step t = 1, 2, ...
 *
 *   sgd        w -= rate g
 *   momentum   v = mu v + g;  w -= rate v                         (Polyak 1964, heavy ball; as in PyTorch)
 *   adam       m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;
 *              w -= rate (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + epsilon)      (Kingma and Ba 2015, Algorithm 1)
 *
 * State begins at zero; a site's state never outlives a round. The same state machine serves sites and the server.
 */
#ifndef COHORT_MODEL_OPTIMIZER_H
#define COHORT_MODEL_OPTIMIZER_H

#include "model/spec.h"

#include <stddef.h>
#include <stdint.h>

struct optimizer {
	struct local_training
		settings; /* optimizer, learning_rate, momentum, beta1, beta2, epsilon, weight_decay are read */
	size_t n;
	uint64_t steps; /* taken since init or reset */
	float *first, *second; /* n each: momentum or m; v. NULL where the kind has none */
};

/* `n` parameters. The settings are copied. */
void optimizer_init(struct optimizer *o, const struct local_training *settings, size_t n);
void optimizer_reset(struct optimizer *o); /* as after init, memory kept */
void optimizer_free(struct optimizer *o); /* accepts a zeroed one */

/* One step: parameters[n] from gradient[n] times `scale` (1/rows when the gradient is a sum over rows). */
void optimizer_step(struct optimizer *o, float *parameters, const float *gradient, float scale);

#endif
