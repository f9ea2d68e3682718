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

/* Loshchilov and Hutter 2019, Algorithm 2, line 12, with rate * lambda for its product of schedule and lambda. */
static void adamw_by_the_paper(double *theta, double *m, double *v, double g, int t, const struct local_training *s)
{
	double before = *theta;
	adam_by_the_paper(theta, m, v, g, t, s);
	*theta -= s->learning_rate * s->weight_decay * before;
}

/* Sutskever et al. 2013, eq. 3 and 4, in the variables of PyTorch's SGD(nesterov=True). */
static void nesterov_by_the_book(double *theta, double *v, double g, const struct local_training *s)
{
	*v = s->momentum * *v + g;
	*theta -= s->learning_rate * (g + s->momentum * *v);
}

static void by_the_book(double *theta, double *m, double *v, double g, int t, const struct local_training *s)
{
	double full = g + s->weight_decay * *theta;
	switch (s->optimizer) {
	case OPTIMIZER_SGD:
		*theta -= s->learning_rate * full;
		break;
	case OPTIMIZER_MOMENTUM:
		momentum_by_the_book(theta, m, full, s);
		break;
	case OPTIMIZER_NESTEROV:
		nesterov_by_the_book(theta, m, full, s);
		break;
	case OPTIMIZER_ADAM:
		adam_by_the_paper(theta, m, v, full, t, s);
		break;
	case OPTIMIZER_ADAMW:
		adamw_by_the_paper(theta, m, v, g, t, s);
		break;
	}
}

static void check(struct local_training s, float scale, double tolerance)
{
	struct optimizer o;
	struct rng r;
	float w[N], g[N], anchor[N];
	double theta[N], largest[N] = {0}, m[N] = {0}, v[N] = {0};
	rng_seeded(&r, 1, "optimizer");
	models_normal(w, N, 1, &r);
	for (int i = 0; i < N; i++)
		theta[i] = w[i];
	models_normal(anchor, N, 1, &r);
	optimizer_init(&o, &s, N);
	optimizer_begin(&o, 1, anchor);
	for (int t = 1; t <= STEPS; t++) {
		gradient_at(g, t, &r);
		for (int i = 0; i < N; i++) {
			double sign = theta[i] > 0 ? 1 : theta[i] < 0 ? -1 : 0;
			double pulled = (double)scale * g[i] + s.l1 * sign + s.proximal * (theta[i] - anchor[i]);
			by_the_book(&theta[i], &m[i], &v[i], pulled, t, &s);
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

static const struct local_training nesterov = {.optimizer = OPTIMIZER_NESTEROV, .learning_rate = 0.01, .momentum = 0.9};
static const struct local_training adamw = {
	.optimizer = OPTIMIZER_ADAMW, .learning_rate = 0.001, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
#define KINDS 5
static const struct local_training *const kinds[KINDS] = {&sgd, &momentum, &nesterov, &adam, &adamw};

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

static void nesterov_and_adamw(void **state)
{
	(void)state;
	struct local_training heavy = nesterov, decayed = adamw;
	heavy.weight_decay = 0.05;
	decayed.weight_decay = 0.3;
	check(nesterov, 0.5f, 2e-5);
	check(heavy, 1, 2e-5);
	check(adamw, 1 / 32.0f, 3e-5);
	check(decayed, 1, 3e-5);
}

/* The terms beside the loss go through every optimizer as gradients do. A parameter that L1 holds at 0 jumps over it
 * in float and double at different steps, so the numbers below (l1_at_zero, as_pytorch) hold it at its kink. */
static void terms_beside_the_loss(void **state)
{
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct local_training pulled = *kinds[k];
		pulled.proximal = 0.7;
		check(pulled, 1, 5e-5);
		pulled.weight_decay = 0.05;
		check(pulled, 0.25f, 5e-5);
	}
}

/* PyTorch 1.13 (Debian's python3-torch) in float64, five steps from w on
 *   loss_t = sum_i c_i w_i + 0.25 |w|^2 [+ l1 |w|_1 + mu/2 |w - a|^2],  c = (1, 2, 3, 4) (-1)^t / t,  a as below
 * by SGD(lr=0.1, weight_decay=0.01[, momentum=0.9[, nesterov=True]]) and Adam[W](lr=0.1, betas=(0.8, 0.95), eps=1e-4,
 * weight_decay=0.1). */
static void as_pytorch(void **state)
{
	(void)state;
	static const struct {
		enum optimizer_kind kind;
		double l1, proximal, wanted[4];
	} cases[] = {
		{OPTIMIZER_MOMENTUM, 0, 0, {0.438296397165108, -0.0390481190173195, 0.7044619159303, 1.75318558866043}},
		{OPTIMIZER_NESTEROV, 0, 0, {0.382478675224656, 0.0782681747556443, 0.68964324187819, 1.52991470089862}},
		{OPTIMIZER_ADAM, 0, 0, {0.479118027143491, -0.913098172773751, 0.177281558048195, 1.99176897859753}},
		{OPTIMIZER_ADAMW, 0, 0, {0.484787934532256, -0.878215177249043, 0.174149017728273, 1.92426290887094}},
		{OPTIMIZER_SGD, 0.05, 0.5, {0.37771589414119, -0.811023724326802, 0.168740499546556, 1.77651614266583}},
		{OPTIMIZER_NESTEROV,
	         0.05,
	         0.5,
	         {0.169203252001141, -0.0721902674133885, 0.449910914568743, 1.39167823884451}},
		{OPTIMIZER_ADAM, 0.05, 0.5, {0.391005556784722, -0.90074811786534, 0.171127034421949, 1.9808576600482}},
		{OPTIMIZER_ADAMW,
	         0.05,
	         0.5,
	         {0.38900408473425, -0.865336283971594, 0.168059062011224, 1.9143870369221}},
	};
	static const float anchor[4] = {0.25f, -1, 0.125f, 2};
	for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
		bool adams = cases[k].kind == OPTIMIZER_ADAM || cases[k].kind == OPTIMIZER_ADAMW;
		struct local_training s = {.optimizer = cases[k].kind,
		                           .learning_rate = 0.1,
		                           .momentum = 0.9,
		                           .beta1 = 0.8,
		                           .beta2 = 0.95,
		                           .epsilon = 1e-4,
		                           .weight_decay = adams ? 0.1 : 0.01,
		                           .l1 = cases[k].l1,
		                           .proximal = cases[k].proximal};
		struct optimizer o;
		float w[4] = {0.5f, -1.25f, 0, 2}, g[4];
		optimizer_init(&o, &s, 4);
		optimizer_begin(&o, 1, anchor);
		for (int t = 1; t <= 5; t++) {
			for (int i = 0; i < 4; i++)
				g[i] = 8 * ((float)(i + 1) * (t % 2 ? -1.0f : 1.0f) / (float)t + 0.5f * w[i]);
			optimizer_step(&o, w, g, 0.125f);
		}
		for (int i = 0; i < 4; i++)
			if (!(fabs(w[i] - cases[k].wanted[i]) < 2e-6))
				fail_msg("case %zu: w[%d] is %.9g, PyTorch has %.9g", k, i, w[i], cases[k].wanted[i]);
		optimizer_free(&o);
	}
}

/* The subgradient at 0 is 0: what the loss leaves at 0 stays there, whatever the optimizer. */
static void l1_at_zero(void **state)
{
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct local_training s = *kinds[k];
		struct optimizer o;
		float w[3] = {0, -0.0f, 0.5f};
		s.l1 = 0.1;
		optimizer_init(&o, &s, 3);
		for (int t = 0; t < 3; t++) {
			float g[3] = {0};
			optimizer_step(&o, w, g, 1);
		}
		assert_true(w[0] == 0 && w[1] == 0 && w[2] < 0.5f);
		optimizer_free(&o);
	}
}

/* A run's factor multiplies the learning rate, of AdamW's decay, too, and the next run has its own. */
static void the_factor_is_of_one_run(void **state)
{
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct local_training s = *kinds[k], half = s;
		struct optimizer scaled, plain;
		struct rng r;
		float w[N], v[N], g[N], h[N];
		s.weight_decay = half.weight_decay = 0.1;
		half.learning_rate /= 2;
		rng_seeded(&r, 4, "factor");
		models_normal(w, N, 1, &r);
		memcpy(v, w, sizeof v);
		optimizer_init(&scaled, &s, N);
		optimizer_init(&plain, &half, N);
		optimizer_begin(&scaled, 0.5, NULL);
		for (int t = 0; t < 5; t++) {
			gradient_at(g, t, &r);
			memcpy(h, g, sizeof h);
			optimizer_step(&scaled, w, g, 1);
			optimizer_step(&plain, v, h, 1);
		}
		assert_memory_equal(w, v, sizeof w);
		optimizer_begin(&scaled, 1, NULL);
		assert_true(scaled.rate == s.learning_rate);
		optimizer_free(&scaled);
		optimizer_free(&plain);
	}
}

static void reset_begins_again(void **state)
{
	(void)state;
	for (int k = 0; k < KINDS; k++) {
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
			optimizer_begin(&o, 1, NULL);
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
	for (int k = 0; k < KINDS; k++) {
		struct optimizer o;
		float w[3] = {1, 1, 1}, g[3] = {1, NAN, 1};
		optimizer_init(&o, kinds[k], 3);
		optimizer_step(&o, w, g, 1);
		assert_true(isfinite(w[0]) && isnan(w[1]) && isfinite(w[2]));
		optimizer_free(&o);
	}
}

/* Only plain SGD may be added by whoever makes the gradient; and that is the same step, but for one rounding. */
static void plain_sgd_adds(void **state)
{
	(void)state;
	struct local_training settings[] = {
		{.optimizer = OPTIMIZER_SGD},
		{.optimizer = OPTIMIZER_SGD, .weight_decay = 0.1},
		{.optimizer = OPTIMIZER_SGD, .l1 = 0.1},
		{.optimizer = OPTIMIZER_SGD, .proximal = 0.1},
		{.optimizer = OPTIMIZER_MOMENTUM, .momentum = 0.9},
		{.optimizer = OPTIMIZER_NESTEROV, .momentum = 0.9},
		{.optimizer = OPTIMIZER_ADAM, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8},
		{.optimizer = OPTIMIZER_ADAMW, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8},
	};
	for (size_t k = 0; k < sizeof settings / sizeof settings[0]; k++) {
		struct optimizer o;
		float factor, w[] = {0.3f, -2}, gradient[] = {5, 0.7f}, added[2];
		settings[k].learning_rate = 0.25;
		optimizer_init(&o, &settings[k], 2);
		optimizer_begin(&o, 0.5, NULL);
		assert_int_equal(optimizer_adds(&factor, &o, 0.125f), k == 0);
		if (k == 0) {
			for (size_t i = 0; i < 2; i++)
				added[i] = w[i] + factor * gradient[i];
			optimizer_step(&o, w, gradient, 0.125f);
			for (size_t i = 0; i < 2; i++)
				assert_true(fabsf(w[i] - added[i]) <= 0x1p-23f * fabsf(w[i]));
		}
		optimizer_free(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adam_is_algorithm_1),
		cmocka_unit_test(adam_first_step),
		cmocka_unit_test(sgd_and_momentum),
		cmocka_unit_test(nesterov_and_adamw),
		cmocka_unit_test(terms_beside_the_loss),
		cmocka_unit_test(as_pytorch),
		cmocka_unit_test(l1_at_zero),
		cmocka_unit_test(the_factor_is_of_one_run),
		cmocka_unit_test(reset_begins_again),
		cmocka_unit_test(nan_is_not_hidden),
		cmocka_unit_test(plain_sgd_adds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
