/*
 * Optimizers on the flat vector, step t = 1, 2, ... of a run. Each takes the gradient of the batch's mean loss and of
 * the terms that pull at the parameters w themselves:
 *
 *   g = scale * gradient + weight_decay * w + l1 * sign(w) + proximal * (w - anchor)
 *
 *   weight_decay   L2, but see adamw                    l1   subgradient of |w|, 0 at 0
 *   proximal       of proximal / 2 |w - anchor|^2, the anchor being the round's global parameters (FedProx: Li et al.,
 *                  MLSys 2020, eq. 2)
 *
 *   sgd        w -= rate g
 *   momentum   v = mu v + g;  w -= rate v                         (Polyak 1964, heavy ball; as in PyTorch)
 *   nesterov   v = mu v + g;  w -= rate (g + mu v)                (Sutskever et al. 2013, section 2; as in PyTorch)
 *   adam       m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;
 *              w -= rate (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + epsilon)      (Kingma and Ba 2015, Algorithm 1)
 *   adamw      the same with g without weight_decay, and w -= rate weight_decay w beside it
 *                                       (Loshchilov and Hutter 2019, Algorithm 2, with rate times decay as in PyTorch)
 *
 * rate is the learning rate times the run's factor (model/schedule.h). State begins at zero with each run; a site's
 * state never outlives a round. The same state machine serves sites and the server. What is 0 costs nothing.
 */
#ifndef COHORT_MODEL_OPTIMIZER_H
#define COHORT_MODEL_OPTIMIZER_H

#include "model/spec.h"

#include <stddef.h>
#include <stdint.h>

struct optimizer {
	struct local_training settings; /* optimizer and its numbers, learning_rate and the three terms are read */
	size_t n;
	double rate; /* of this run */
	const float *anchor; /* of this run, borrowed; NULL: none */
	uint64_t steps; /* taken in this run */
	float *first, *second; /* n each: momentum or m; v. NULL where the kind has none */
};

/* `n` parameters. The settings are copied. A first run is begun: factor 1, no anchor. */
void optimizer_init(struct optimizer *o, const struct local_training *settings, size_t n);

/* A new run: state zero, memory kept. anchor[n] is borrowed for the run; it is read only when settings.proximal is
 * not 0, and then must be given (CHECK at the step) and be other memory than the parameters. */
void optimizer_begin(struct optimizer *o, double factor, const float *anchor);
void optimizer_free(struct optimizer *o); /* accepts a zeroed one */

/* One step: parameters[n] from gradient[n] times `scale` (1/rows when the gradient is a sum over rows). With l1 or
 * proximal the gradient is worth nothing afterwards: it is where these are added up. */
void optimizer_step(struct optimizer *o, float *parameters, float *gradient, float scale);

/* True when a step is parameters += *factor * gradient and nothing else: plain SGD. Whoever makes the gradient may then add
 * it to the parameters itself, instead of a step. The product is rounded once and not twice, so the last bit of a
 * parameter may differ between the two ways. */
bool optimizer_adds(float *factor, const struct optimizer *o, float scale);

#endif
