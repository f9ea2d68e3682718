/* model/optimizer against the textbook in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "model/optimizer.h"
#include "tests/support/models.h"

#define N 67 /* no multiple of a vector's width */
#define STEPS 1000

/* Gradients of different sizes, that change sign and die out: the hard cases of a ratio of two averages. */
static void gradient_at(float g[N], int step, struct rng *r)
{
	for (int i = 0; i < N; i++) {
		double size = pow(10, i % 9 - 6);
		g[i] = (float)(size * (rng_normal(r) + (i % 2)) * (step > 600 && i % 5 == 0 ? 0 : 1));
	}
}

/* Kingma and Ba 2015, Algorithm 1, as printed there. */
static void adam_by_the_paper(double *theta, double *m, double *v, double g, int t, const struct local_training *s)
{
	*m = s->beta1 * *m + (1 - s->beta1) * g;
	*v = s->beta2 * *v + (1 - s->beta2) * g * g;
	double m_hat = *m / (1 - pow(s->beta1, t)), v_hat = *v / (1 - pow(s->beta2, t));
	*theta -= s->learning_rate * m_hat / (sqrt(v_hat) + s->epsilon);
}

static void momentum_by_the_book(double *theta, double *v, double g, const struct local_training *s)
{
	*v = s->momentum * *v + g;
	*theta -= s->learning_rate * *v;
}

static void check(struct local_training s, float scale, double tolerance)
{
	struct optimizer o;
	struct rng r;
	float w[N], g[N];
	double theta[N], largest[N] = {0}, m[N] = {0}, v[N] = {0};
	rng_seeded(&r, 1, "optimizer");
	models_normal(w, N, 1, &r);
	for (int i = 0; i < N; i++)
		theta[i] = w[i];
	optimizer_init(&o, &s, N);
	for (int t = 1; t <= STEPS; t++) {
		gradient_at(g, t, &r);
		for (int i = 0; i < N; i++) {
			double full = (double)scale * g[i] + s.weight_decay * theta[i];
			if (s.optimizer == OPTIMIZER_ADAM)
				adam_by_the_paper(&theta[i], &m[i], &v[i], full, t, &s);
			else if (s.optimizer == OPTIMIZER_MOMENTUM)
				momentum_by_the_book(&theta[i], &m[i], full, &s);
			else
				theta[i] -= s.learning_rate * full;
			largest[i] = fmax(largest[i], fabs(theta[i]));
		}
		optimizer_step(&o, w, g, scale);
		for (int i = 0; i < N; i++)
			if (!(fabs(w[i] - theta[i]) <= tolerance * (1 + largest[i])))
				fail_msg("step %d, parameter %d: %.9g, by the book %.9g", t, i, w[i], theta[i]);
	}
	assert_int_equal(o.steps, STEPS);
	optimizer_free(&o);
}

static const struct local_training adam = {
	.optimizer = OPTIMIZER_ADAM, .learning_rate = 0.001, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
static const struct local_training sgd = {.optimizer = OPTIMIZER_SGD, .learning_rate = 0.01};
static const struct local_training momentum = {.optimizer = OPTIMIZER_MOMENTUM, .learning_rate = 0.01, .momentum = 0.9};

static void adam_is_algorithm_1(void **state)
{
	(void)state;
	struct local_training other = adam, decayed = adam;
	other.beta1 = 0.5;
	other.beta2 = 0.9;
	other.epsilon = 1e-3;
	decayed.weight_decay = 0.1;
	check(adam, 1, 3e-5);
	check(adam, 1 / 32.0f, 3e-5);
	check(other, 1, 3e-5);
	check(decayed, 1, 3e-5);
}

/* The first step is rate * sign(g) whatever the size of g, as long as epsilon is small beside it. */
static void adam_first_step(void **state)
{
	(void)state;
	struct optimizer o;
	float w[4] = {0}, g[4] = {1e-3f, -1e-3f, 1e3f, -1e3f};
	optimizer_init(&o, &adam, 4);
	optimizer_step(&o, w, g, 1);
	for (int i = 0; i < 4; i++)
		assert_true(fabs(w[i] - (i % 2 ? 0.001 : -0.001)) < 2e-8);
	optimizer_free(&o);
}

static void sgd_and_momentum(void **state)
{
	(void)state;
	struct local_training decayed = sgd, heavy = momentum;
	decayed.weight_decay = heavy.weight_decay = 0.05;
	check(sgd, 1, 2e-5);
	check(sgd, 0.25f, 2e-5);
	check(decayed, 1, 2e-5);
	check(momentum, 0.5f, 2e-5);
	check(heavy, 1, 2e-5);
}

static void reset_begins_again(void **state)
{
	(void)state;
	const struct local_training *kinds[] = {&sgd, &momentum, &adam};
	for (int k = 0; k < 3; k++) {
		struct optimizer o;
		struct rng r;
		float start[N], first[N], second[N], g[N];
		rng_seeded(&r, 2, "reset");
		models_normal(start, N, 1, &r);
		optimizer_init(&o, kinds[k], N);
		for (int run = 0; run < 2; run++) {
			float *w = run ? second : first;
			memcpy(w, start, sizeof start);
			rng_seeded(&r, 3, "gradients");
			optimizer_reset(&o);
			for (int t = 0; t < 20; t++) {
				gradient_at(g, t, &r);
				optimizer_step(&o, w, g, 1);
			}
		}
		assert_memory_equal(first, second, sizeof first);
		optimizer_free(&o);
		optimizer_free(&o); /* a freed one is a zeroed one */
	}
}

static void nan_is_not_hidden(void **state)
{
	(void)state;
	const struct local_training *kinds[] = {&sgd, &momentum, &adam};
	for (int k = 0; k < 3; k++) {
		struct optimizer o;
		float w[3] = {1, 1, 1}, g[3] = {1, NAN, 1};
		optimizer_init(&o, kinds[k], 3);
		optimizer_step(&o, w, g, 1);
		assert_true(isfinite(w[0]) && isnan(w[1]) && isfinite(w[2]));
		optimizer_free(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adam_is_algorithm_1), cmocka_unit_test(adam_first_step),
		cmocka_unit_test(sgd_and_momentum),    cmocka_unit_test(reset_begins_again),
		cmocka_unit_test(nan_is_not_hidden),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
