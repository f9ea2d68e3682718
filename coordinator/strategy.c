#include "coordinator/strategy.h"

#include "base/vec.h"

#include <math.h>

/* One round's step. m[n], v[n]: moments, NULL where the strategy has none. */
struct step {
	const struct server_training *server;
	float *w, *m, *v;
	const double *u; /* the mean update */
	size_t n;
};

VEC_WIDE static void add_update(float *restrict w, const double *restrict u, size_t n, double rate)
{
	for (size_t i = 0; i < n; i++)
		w[i] = (float)((double)w[i] + rate * u[i]);
}

static void fedavg(const struct step *s)
{
	add_update(s->w, s->u, s->n, s->server->learning_rate);
}

static void fedavgm(const struct step *s)
{
	for (size_t i = 0; i < s->n; i++) {
		double m = s->server->momentum * (double)s->m[i] + s->u[i];

		s->w[i] = (float)((double)s->w[i] + s->server->learning_rate * m);
		s->m[i] = (float)m;
	}
}

/* The second moment after an update whose square is `square`: all that the adaptive strategies differ in. */
typedef double second_moment(double v, double square, double beta2);

static double sum_of_squares(double v, double square, double beta2)
{
	(void)beta2;
	return v + square;
}

static double decaying_mean(double v, double square, double beta2)
{
	return beta2 * v + (1 - beta2) * square;
}

static double additive(double v, double square, double beta2)
{
	double sign = (v > square) - (v < square);

	return v - (1 - beta2) * square * sign;
}

static void adaptive(const struct step *s, second_moment *second)
{
	const struct server_training *server = s->server;

	for (size_t i = 0; i < s->n; i++) {
		double m = server->beta1 * (double)s->m[i] + (1 - server->beta1) * s->u[i];
		double v = second((double)s->v[i], s->u[i] * s->u[i], server->beta2);

		s->w[i] = (float)((double)s->w[i] + server->learning_rate * m / (sqrt(v) + server->tau));
		s->m[i] = (float)m;
		s->v[i] = (float)v;
	}
}

static void fedadagrad(const struct step *s)
{
	adaptive(s, sum_of_squares);
}

static void fedadam(const struct step *s)
{
	adaptive(s, decaying_mean);
}

static void fedyogi(const struct step *s)
{
	adaptive(s, additive);
}

static const struct strategy {
	uint32_t moments;
	void (*apply)(const struct step *);
} strategies[] = {
	[STRATEGY_FEDAVG] = {.apply = fedavg},
	[STRATEGY_FEDAVGM] = {.apply = fedavgm, .moments = 1},
	[STRATEGY_FEDPROX] = {.apply = fedavg},
	[STRATEGY_FEDADAGRAD] = {.apply = fedadagrad, .moments = 2},
	[STRATEGY_FEDADAM] = {.apply = fedadam, .moments = 2},
	[STRATEGY_FEDYOGI] = {.apply = fedyogi, .moments = 2},
	[STRATEGY_MEDIAN] = {.apply = fedavg},
	[STRATEGY_TRIMMED_MEAN] = {.apply = fedavg},
	[STRATEGY_KRUM] = {.apply = fedavg},
};

static const struct strategy *strategy_of(const struct study *s)
{
	CHECK((size_t)s->strategy < sizeof strategies / sizeof *strategies);
	return &strategies[s->strategy];
}

uint32_t strategy_moments(const struct study *s)
{
	return strategy_of(s)->moments;
}

void strategy_begin(float *moments, const struct study *s, size_t n)
{
	uint32_t count = strategy_moments(s);

	vec_zero(moments, count * n);
	for (size_t i = n; i < count * n; i++)
		moments[i] = (float)(s->server.tau * s->server.tau);
}

enum err strategy_apply(const struct study *s, float *parameters, float *moments, const double *update, size_t n,
                        struct diag *why)
{
	const struct strategy *strategy = strategy_of(s);
	const struct step step = {
		.server = &s->server,
		.w = parameters,
		.m = strategy->moments > 0 ? moments : NULL,
		.v = strategy->moments > 1 ? moments + n : NULL,
		.u = update,
		.n = n,
	};

	CHECK(strategy->moments == 0 || moments != NULL);
	strategy->apply(&step);
	if (!vec_finite(parameters, n))
		return diag_set(
			why, ERR_DATA,
			"study %s: the model is no longer finite after this round; lower training.server.learning_rate "
			"or training.update_range in a new revision",
			s->name);
	return OK;
}
