/*
 * Each kind is one loop of plain arithmetic over the flat vector, so that the compiler vectorises it. Adam's
 * corrections for the bias of early steps do not depend on the element and are taken out of the loop:
 *
 *   rate (m / c1) / (sqrt(v / c2) + epsilon) = (rate / c1) m / (sqrt(v) / sqrt(c2) + epsilon),   c = 1 - beta^t
 */
#include "model/optimizer.h"

#include "base/vec.h"

#include <math.h>
#include <stdlib.h>

void optimizer_init(struct optimizer *o, const struct local_training *settings, size_t n)
{
	*o = (struct optimizer){.settings = *settings, .n = n};
	if (settings->optimizer != OPTIMIZER_SGD)
		o->first = vec_f32(n);
	if (settings->optimizer == OPTIMIZER_ADAM)
		o->second = vec_f32(n);
}

void optimizer_reset(struct optimizer *o)
{
	o->steps = 0;
	if (o->first)
		vec_zero(o->first, o->n);
	if (o->second)
		vec_zero(o->second, o->n);
}

void optimizer_free(struct optimizer *o)
{
	free(o->first);
	free(o->second);
	*o = (struct optimizer){0};
}

VEC_WIDE static void sgd(float *restrict w, const float *restrict gradient, size_t n, float scale, float rate,
                         float decay)
{
	for (size_t i = 0; i < n; i++)
		w[i] -= rate * (scale * gradient[i] + decay * w[i]);
}

VEC_WIDE static void momentum(float *restrict w, float *restrict v, const float *restrict gradient, size_t n,
                              float scale, float rate, float mu, float decay)
{
	for (size_t i = 0; i < n; i++) {
		v[i] = mu * v[i] + (scale * gradient[i] + decay * w[i]);
		w[i] -= rate * v[i];
	}
}

struct adam {
	float rate; /* learning rate / (1 - beta1^t) */
	float root_scale; /* 1 / sqrt(1 - beta2^t) */
	float beta1, beta2, epsilon, decay, scale;
};

VEC_WIDE static void adam(float *restrict w, float *restrict m, float *restrict v, const float *restrict gradient,
                          size_t n, struct adam a)
{
	for (size_t i = 0; i < n; i++) {
		float g = a.scale * gradient[i] + a.decay * w[i];
		m[i] = a.beta1 * m[i] + (1 - a.beta1) * g;
		v[i] = a.beta2 * v[i] + (1 - a.beta2) * (g * g);
		w[i] -= a.rate * m[i] / (sqrtf(v[i]) * a.root_scale + a.epsilon);
	}
}

static struct adam adam_constants(const struct optimizer *o, float scale)
{
	const struct local_training *s = &o->settings;
	double t = (double)o->steps;
	return (struct adam){.rate = (float)(s->learning_rate / (1 - pow(s->beta1, t))),
	                     .root_scale = (float)(1 / sqrt(1 - pow(s->beta2, t))),
	                     .beta1 = (float)s->beta1,
	                     .beta2 = (float)s->beta2,
	                     .epsilon = (float)s->epsilon,
	                     .decay = (float)s->weight_decay,
	                     .scale = scale};
}

void optimizer_step(struct optimizer *o, float *parameters, const float *gradient, float scale)
{
	const struct local_training *s = &o->settings;
	float rate = (float)s->learning_rate, decay = (float)s->weight_decay;
	o->steps++;
	if (s->optimizer == OPTIMIZER_ADAM)
		adam(parameters, o->first, o->second, gradient, o->n, adam_constants(o, scale));
	else if (s->optimizer == OPTIMIZER_MOMENTUM)
		momentum(parameters, o->first, gradient, o->n, scale, rate, (float)s->momentum, decay);
	else
		sgd(parameters, gradient, o->n, scale, rate, decay);
}
