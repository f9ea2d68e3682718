/*
 * All expectations are sums over nodes u = x / z of e^{-u^2/2 + p L(u)}: with the unit, x has e^L times the density that it has without,
 * so p is 1 + theta in direction `remove` and -theta in `add`, where the loss is -L.
 *
 * The integrand's nearest singularity is where 1 + q (e^w - 1) = 0, at distance pi z from the real line: steps of at most z/2 keep the
 * rule's error near e^{-2 pi (pi z) / (z/2)}.
 */
#include "privacy/saddle.h"

#include "base/err.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define STEP_MAX 0.25
#define STEP_MIN 0x1p-6
#define SPARE 60 /* e^-60 of what matters is left out */
#define ROUNDS 100
#define EXPONENT_MAX 0x1p30 /* of theta L, which is then right to 1e-7; a bounded loss asks for ever more at its end */
#define ENOUGH 1e-6 /* relative: a tilt need not be better */

struct nodes {
	size_t count;
	double *loss, *log_weight; /* L(x); logarithm of the density without the unit, times the step */
};

struct saddle {
	enum loss_direction direction;
	size_t parts;
	const struct saddle_part *part; /* borrowed */
	struct nodes *nodes;
	double largest; /* |L| of all nodes */
};

static void make_nodes(struct nodes *out, const struct saddle_part *p, double log_least)
{
	double z = p->noise_multiplier, step = fmax(STEP_MIN, fmin(STEP_MAX, z / 2));
	double reach = sqrt(2 * (SPARE - log_least));
	size_t most = (size_t)((2 * reach + 1 / z) / step) + 1;

	out->loss = mem_array(most, sizeof(double));
	out->log_weight = mem_array(most, sizeof(double));
	for (size_t i = 0; i < most; i++) {
		double u = step * (double)i - reach, loss = loss_sampled(p->sampling_rate, (u - 0.5 / z) / z);
		if (loss < p->low || loss > p->high)
			continue;
		out->loss[out->count] = loss;
		out->log_weight[out->count++] = log(step / sqrt(2 * M_PI)) - u * u / 2;
	}
}

struct saddle *saddle_new(const struct saddle_part *parts, size_t count, enum loss_direction direction, double delta)
{
	struct saddle *s = mem_alloc(sizeof *s);
	double steps = 0;

	for (size_t i = 0; i < count; i++)
		steps += parts[i].count;
	*s = (struct saddle){direction, count, parts, mem_array(count, sizeof *s->nodes), 0};
	for (size_t i = 0; i < count; i++) {
		make_nodes(&s->nodes[i], &parts[i], log(delta / steps));
		s->largest = fmax(s->largest, fmax(-parts[i].low, parts[i].high));
	}
	return s;
}

void saddle_free(struct saddle *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->parts; i++) {
		free(s->nodes[i].loss);
		free(s->nodes[i].log_weight);
	}
	free(s->nodes);
	free(s);
}

static double power(const struct saddle *s, double theta)
{
	return s->direction == LOSS_REMOVE ? 1 + theta : -theta;
}

static double largest(const struct nodes *n, double p)
{
	double most = -INFINITY;

	for (size_t i = 0; i < n->count; i++)
		most = fmax(most, n->log_weight[i] + p * n->loss[i]);
	return most;
}

struct cumulants saddle_step(const struct saddle *s, size_t part, double theta)
{
	const struct nodes *n = &s->nodes[part];
	double p = power(s, theta), most = largest(n, p), sum = 0, first = 0, second = 0;

	for (size_t i = 0; i < n->count; i++) {
		double weight = exp(n->log_weight[i] + p * n->loss[i] - most);
		sum += weight;
		first += weight * n->loss[i];
		second += weight * n->loss[i] * n->loss[i];
	}
	first /= sum;
	second = fmax(second / sum - first * first, DBL_MIN);
	return (struct cumulants){most + log(sum), s->direction == LOSS_REMOVE ? first : -first, second};
}

struct cumulants saddle_total(const struct saddle *s, double theta)
{
	struct cumulants total = {0, 0, 0};

	for (size_t i = 0; i < s->parts; i++) {
		struct cumulants one = saddle_step(s, i, theta);
		total.k += s->part[i].count * one.k;
		total.mean += s->part[i].count * one.mean;
		total.variance += s->part[i].count * one.variance;
	}
	return total;
}

/* With t = |theta - base|, the exponent t |K'(theta)| - ... grows with t, and its logarithm has the slope t^2 K'' / exponent in log t:
 * Newton's steps, and halves of what is left where they lead out of it. */
double saddle_beyond(const struct saddle *s, double base, int sign, double log_share)
{
	struct cumulants from = saddle_total(s, base);
	double high = log(EXPONENT_MAX / s->largest), low = high - 100,
	       at = log(-2 * log_share / from.variance) / 2; /* log t */

	for (int round = 0; round < ROUNDS && high - low > ENOUGH; round++) {
		double t, exponent, off;
		struct cumulants here;

		if (!(at > low && at < high))
			at = (low + high) / 2;
		t = exp(at);
		here = saddle_total(s, base + sign * t);
		exponent = sign * t * here.mean - here.k + from.k; /* rounded to 0 or less where t is tiny */
		if (exponent < -log_share)
			low = at;
		else
			high = at;
		off = exponent > 0 ? log(exponent / -log_share) : -INFINITY;
		if (fabs(off) < ENOUGH)
			break;
		at -= off * exponent / (t * t * here.variance);
	}
	return base + sign * exp(fmin(fmax(at, low), high));
}

double saddle_blur(const struct saddle *s, double theta, double step)
{
	double p = power(s, theta), total = 0;

	for (size_t j = 0; j < s->parts; j++) {
		const struct nodes *n = &s->nodes[j];
		double most = largest(n, p), sum = 0, blur = 0;
		for (size_t i = 0; i < n->count; i++) {
			double weight = exp(n->log_weight[i] + p * n->loss[i] - most);
			sum += weight;
			blur += weight * fmin(step * step / 4, step * fabs(n->loss[i]));
		}
		total += s->part[j].count * blur / sum;
	}
	return total;
}
