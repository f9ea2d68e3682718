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
	*o = (struct optimizer){.settings = *settings, .n = n, .rate = settings->learning_rate};
	if (settings->optimizer != OPTIMIZER_SGD)
		o->first = vec_f32(n);
	if (settings->optimizer == OPTIMIZER_ADAM || settings->optimizer == OPTIMIZER_ADAMW)
		o->second = vec_f32(n);
}

void optimizer_begin(struct optimizer *o, double factor, const float *anchor)
{
	o->steps = 0;
	o->rate = o->settings.learning_rate * factor;
	o->anchor = anchor;
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

/* gradient = scale * gradient + l1 sign(w) + proximal (w - anchor): a pass of its own, so that the loops of a study
 * without these terms stay what they are. */
VEC_WIDE static void add_terms(float *restrict gradient, const float *w, const float *anchor, size_t n, float scale,
                               float l1, float proximal)
{
	for (size_t i = 0; i < n; i++)
		gradient[i] =
			scale * gradient[i] + l1 * (float)((w[i] > 0) - (w[i] < 0)) + proximal * (w[i] - anchor[i]);
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

VEC_WIDE static void nesterov(float *restrict w, float *restrict v, const float *restrict gradient, size_t n,
                              float scale, float rate, float mu, float decay)
{
	for (size_t i = 0; i < n; i++) {
		float g = scale * gradient[i] + decay * w[i];
		v[i] = mu * v[i] + g;
		w[i] -= rate * (g + mu * v[i]);
	}
}

struct adam {
	float rate; /* rate / (1 - beta1^t) */
	float root_scale; /* 1 / sqrt(1 - beta2^t) */
	float beta1, beta2, epsilon, scale;
	float decay; /* adam: weight_decay; adamw: rate * weight_decay */
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

VEC_WIDE static void adamw(float *restrict w, float *restrict m, float *restrict v, const float *restrict gradient,
                           size_t n, struct adam a)
{
	for (size_t i = 0; i < n; i++) {
		float g = a.scale * gradient[i];
		m[i] = a.beta1 * m[i] + (1 - a.beta1) * g;
		v[i] = a.beta2 * v[i] + (1 - a.beta2) * (g * g);
		w[i] -= a.decay * w[i] + a.rate * m[i] / (sqrtf(v[i]) * a.root_scale + a.epsilon);
	}
}

static struct adam adam_constants(const struct optimizer *o, float scale)
{
	const struct local_training *s = &o->settings;
	double t = (double)o->steps;
	bool decoupled = s->optimizer == OPTIMIZER_ADAMW;
	return (struct adam){.rate = (float)(o->rate / (1 - pow(s->beta1, t))),
	                     .root_scale = (float)(1 / sqrt(1 - pow(s->beta2, t))),
	                     .beta1 = (float)s->beta1,
	                     .beta2 = (float)s->beta2,
	                     .epsilon = (float)s->epsilon,
	                     .decay = (float)(decoupled ? o->rate * s->weight_decay : s->weight_decay),
	                     .scale = scale};
}

bool optimizer_adds(float *factor, const struct optimizer *o, float scale)
{
	const struct local_training *s = &o->settings;
	*factor = -(float)o->rate * scale;
	return s->optimizer == OPTIMIZER_SGD && s->weight_decay == 0 && s->l1 == 0 && s->proximal == 0;
}

void optimizer_step(struct optimizer *o, float *parameters, float *gradient, float scale)
{
	const struct local_training *s = &o->settings;
	float rate = (float)o->rate, decay = (float)s->weight_decay, mu = (float)s->momentum;
	if (s->l1 != 0 || s->proximal != 0) {
		CHECK(s->proximal == 0 || (o->anchor && o->anchor != parameters));
		add_terms(gradient, parameters, s->proximal != 0 ? o->anchor : parameters, o->n, scale, (float)s->l1,
		          (float)s->proximal);
		scale = 1;
	}
	o->steps++;
	switch (s->optimizer) {
	case OPTIMIZER_SGD:
		sgd(parameters, gradient, o->n, scale, rate, decay);
		break;
	case OPTIMIZER_MOMENTUM:
		momentum(parameters, o->first, gradient, o->n, scale, rate, mu, decay);
		break;
	case OPTIMIZER_NESTEROV:
		nesterov(parameters, o->first, gradient, o->n, scale, rate, mu, decay);
		break;
	case OPTIMIZER_ADAM:
		adam(parameters, o->first, o->second, gradient, o->n, adam_constants(o, scale));
		break;
	case OPTIMIZER_ADAMW:
		adamw(parameters, o->first, o->second, gradient, o->n, adam_constants(o, scale));
		break;
	}
}
