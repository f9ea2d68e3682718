/*
 * One party: the loss of a release whose noise is x is (2 s x + s^2) / (2 sigma^2), linear in x (Canonne, Kamath, Steinke 2020,
 * section 3), so that of k releases depends on the sum of their noises alone. Many parties: the noise is the sum's distribution P, the loss
 * log P(x) / P(x + s).
 */
#include "tests/support/lattice.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>

#define REACH 12 /* deviations of one draw */

/* P(x) at p[x + half] for |x| <= half. */
struct mass {
	int half;
	long double *p;
};

static struct mass one_draw(double sigma)
{
	struct mass m = {(int)ceil(REACH * sigma) + 2, NULL};
	long double sum = 0;

	m.p = mem_array((size_t)(2 * m.half + 1), sizeof *m.p);
	for (int x = -m.half; x <= m.half; x++)
		sum += m.p[x + m.half] = expl(-(long double)x * x / (2 * (long double)sigma * sigma));
	for (int i = 0; i <= 2 * m.half; i++)
		m.p[i] /= sum;
	return m;
}

static struct mass sum_of(const struct mass *a, const struct mass *b)
{
	struct mass m = {a->half + b->half, NULL};

	m.p = mem_array((size_t)(2 * m.half + 1), sizeof *m.p);
	for (int i = 0; i <= 2 * a->half; i++)
		for (int j = 0; j <= 2 * b->half; j++)
			m.p[i + j] += a->p[i] * b->p[j];
	return m;
}

/* Of `count` draws; by doubling. */
static struct mass many(double sigma, uint32_t count)
{
	struct mass power = one_draw(sigma), out = {0, NULL};

	for (; count > 0; count /= 2) {
		struct mass next;
		if (count % 2 == 1) {
			next = out.p != NULL ? sum_of(&out, &power)
			                     : sum_of(&power, &(struct mass){0, (long double[]){1}});
			free(out.p);
			out = next;
		}
		if (count > 1) {
			next = sum_of(&power, &power);
			free(power.p);
			power = next;
		}
	}
	free(power.p);
	return out;
}

struct setting {
	double sigma;
	uint32_t sensitivity, parties, steps;
};

/* The loss at sum x: of P against P moved away from 0. */
static long double loss_at(const struct mass *m, const struct setting *s, int x)
{
	long double change = s->sensitivity;

	if (s->parties == 1)
		return (2 * change * x + s->steps * change * change) / (2 * (long double)s->sigma * s->sigma);
	return logl(m->p[x + m->half] / m->p[x + (int)s->sensitivity + m->half]);
}

static long double delta_of(const struct mass *m, const struct setting *s, long double epsilon)
{
	long double sum = 0;

	for (int x = m->half - (int)s->sensitivity; x > -m->half; x--) {
		long double loss = loss_at(m, s, x);
		if (loss > epsilon)
			sum -= m->p[x + m->half] * expm1l(epsilon - loss);
	}
	return sum;
}

double lattice_epsilon(double sigma, uint32_t sensitivity, uint32_t parties, uint32_t steps, double delta)
{
	struct setting s = {sigma, sensitivity, parties, steps};
	struct mass m = many(sigma, parties > 1 ? parties : steps);
	long double low = 0, high = 100;

	CHECK(parties == 1 || steps == 1);
	for (int i = 0; i < 60; i++) {
		long double middle = (low + high) / 2;
		if (delta_of(&m, &s, middle) > delta)
			low = middle;
		else
			high = middle;
	}
	free(m.p);
	return (double)high;
}
