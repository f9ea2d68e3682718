/* What a strategy makes of the mean update. */
#include "coordinator/strategy.h"

#include "base/random.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/support/close.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define N 1000

static struct study study_with(double learning_rate)
{
	return (struct study){.name = "small", .strategy = STRATEGY_FEDAVG, .server = {.learning_rate = learning_rate}};
}

static void test_fedavg_by_hand(void **state)
{
	struct study s = study_with(0.5);
	float w[4] = {1, -2, 0, 0.25f};
	const double update[4] = {2, 2, -0.5, 0};
	const float expected[4] = {2, -1, -0.25f, 0.25f};
	struct diag why;

	(void)state;
	assert_int_equal(strategy_apply(&s, w, NULL, update, 4, &why), OK);
	assert_memory_equal(w, expected, sizeof w);
}

/* The definition in long double, rounded to float once. The two may differ only where double's own rounding hits the
 * middle between two floats, which does not happen in these draws. */
static void test_fedavg_rounds_once(void **state)
{
	static const double rates[] = {1, 0.1, 3.7};
	struct rng r;

	(void)state;
	rng_seeded(&r, 8, "strategy");
	for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
		struct study s = study_with(rates[k]);
		float w[N], before[N];
		double update[N];
		struct diag why;

		for (int i = 0; i < N; i++) {
			before[i] = w[i] = (float)rng_normal(&r);
			update[i] = rng_normal(&r) * pow(10, -(double)(i % 9));
		}
		assert_int_equal(strategy_apply(&s, w, NULL, update, N, &why), OK);
		for (int i = 0; i < N; i++) {
			long double exact = (long double)before[i] + (long double)rates[k] * (long double)update[i];

			assert_true(w[i] == (float)exact);
		}
	}
}

static void test_what_is_no_longer_finite_is_an_error_that_names_its_cause(void **state)
{
	static const double bad[] = {DBL_MAX, -DBL_MAX, INFINITY, NAN, 4e38};
	struct study s = study_with(1);

	(void)state;
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		for (size_t at = 0; at < 3; at++) {
			float w[3] = {0, 0, 0};
			double update[3] = {0, 0, 0};
			struct diag why = {{0}};

			update[at] = bad[k];
			assert_int_equal(strategy_apply(&s, w, NULL, update, 3, &why), ERR_DATA);
			assert_non_null(strstr(why.text, "study small"));
			assert_non_null(strstr(why.text, "training.server.learning_rate"));
		}
}

/* ---- twelve rounds of each strategy, by another program */

#define ROUNDS 12
#define SMALL 4

/* The update of round t at coordinate i: exact in binary; the last coordinate never moves. */
static double update_at(int t, int i)
{
	return i < SMALL - 1 ? ((7 * t + 5 * i) % 11 - 5) / 8.0 / (1 << (3 * i)) : 0;
}

/* The recurrences of strategy.h in Python, float64, parameters and moments rounded to float32 after each round:
 *     f32 = lambda x: struct.unpack('f', struct.pack('f', x))[0]
 *     fedavgm                m = momentum*m + d;    w = f32(w + eta*m);    m = f32(m)
 *     adaptive               m = b1*m + (1-b1)*d;   s = d*d
 *         fedadagrad         v = v + s
 *         fedadam            v = b2*v + (1-b2)*s
 *         fedyogi            v = v - (1-b2)*s*((v>s)-(v<s))
 *                            w = f32(w + eta*m/(math.sqrt(v)+tau));   m, v = f32(m), f32(v)
 * from w = 1, -0.5, 0.25, 2, m = 0, v = f32(tau*tau). */
#define SERVER(eta, m, b1, b2, t)                                                                                      \
	{                                                                                                              \
		.learning_rate = eta, .momentum = m, .beta1 = b1, .beta2 = b2, .tau = t                                \
	}
static const struct known {
	enum strategy_kind strategy;
	struct server_training server;
	uint32_t moments;
	float w[SMALL], kept[2 * SMALL];
} known[] = {
	{STRATEGY_FEDAVG, SERVER(0.75, 0, 0, 0, 0), 0, {0x1.3p+0f, -0x1.18p-1f, 0x1.018p-2f, 0x1p+1f}, {0}},
	{STRATEGY_FEDAVGM,
         SERVER(0.5, 0.9, 0, 0, 0),
         1,
         {0x1.56a03ap+1f, -0x1.5106d8p-1f, 0x1.f09e8p-3f, 0x1p+1f},
         {-0x1.84736p-4f, -0x1.18cb3ap-5f, 0x1.f731bep-9f, 0}},
	{STRATEGY_FEDADAGRAD,
         SERVER(0.1, 0, 0, 0, 0.001),
         2,
         {0x1.161568p+0f, -0x1.2e408ap-1f, 0x1.1632ep-2f, 0x1p+1f},
         {0x1p-2f, -0x1p-4f, 0x1p-9f, 0, 0x1.c8001p+0f, 0x1.f80432p-6f, 0x1.bd0c7p-12f, 0x1.0c6f7ap-20f}},
	{STRATEGY_FEDADAGRAD,
         SERVER(0.1, 0, 0.5, 0, 0.001),
         2,
         {0x1.14e27p+0f, -0x1.1fda88p-1f, 0x1.04d24ap-2f, 0x1p+1f},
         {-0x1.258p-5f, -0x1.98ap-6f, 0x1.76bp-9f, 0, 0x1.c8001p+0f, 0x1.f80432p-6f, 0x1.bd0c7p-12f, 0x1.0c6f7ap-20f}},
	{STRATEGY_FEDADAM,
         SERVER(0.1, 0, 0.9, 0.99, 0.001),
         2,
         {0x1.762c5p+0f, -0x1.9b1ca8p-1f, 0x1.9ace2cp-3f, 0x1p+1f},
         {-0x1.36c2bap-7f, -0x1.c14528p-9f, 0x1.928e2ep-12f, 0, 0x1.151e9cp-6f, 0x1.31cd48p-12f, 0x1.49b47p-18f,
          0x1.dbdfccp-21f}},
	{STRATEGY_FEDYOGI,
         SERVER(0.1, 0, 0.9, 0.99, 0.001),
         2,
         {0x1.75575p+0f, -0x1.9a2ba6p-1f, 0x1.9c9846p-3f, 0x1p+1f},
         {-0x1.36c2bap-7f, -0x1.c14528p-9f, 0x1.928e2ep-12f, 0, 0x1.23db3cp-6f, 0x1.439bccp-12f, 0x1.5a261cp-18f,
          0x1.0c6f7ap-20f}},
	{STRATEGY_FEDYOGI,
         SERVER(0.05, 0, 0.5, 0.75, 0.01),
         2,
         {0x1.136864p+0f, -0x1.1916f8p-1f, 0x1.f8cf2p-3f, 0x1p+1f},
         {-0x1.258p-5f, -0x1.98ap-6f, 0x1.76bp-9f, 0, 0x1.501a38p-2f, 0x1.cd1b7p-9f, 0x1.776e2ep-14f, 0x1.a36e2ep-14f}},
};

static struct study study_of(const struct known *k)
{
	return (struct study){.name = "small", .strategy = k->strategy, .server = k->server};
}

static void test_twelve_rounds_of_each(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
		struct study s = study_of(&known[k]);
		float w[SMALL] = {1, -0.5f, 0.25f, 2}, kept[2 * SMALL] = {0};
		struct diag why;

		assert_int_equal(strategy_moments(&s), known[k].moments);
		strategy_begin(kept, &s, SMALL);
		for (int t = 1; t <= ROUNDS; t++) {
			double update[SMALL];

			for (int i = 0; i < SMALL; i++)
				update[i] = update_at(t, i);
			assert_int_equal(strategy_apply(&s, w, kept, update, SMALL, &why), OK);
		}
		for (int i = 0; i < SMALL; i++)
			assert_true(w[i] == known[k].w[i]);
		for (uint32_t i = 0; i < known[k].moments * SMALL; i++)
			assert_true(kept[i] == known[k].kept[i]);
	}
}

/* ---- many coordinates, against the definitions one coordinate at a time and without rounding in between */

#define MANY 300
#define LONG 40

/* Parameter after the updates u[rounds]. */
static double slow(const struct study *s, double w, const double *u, int rounds)
{
	const struct server_training *server = &s->server;
	double m = 0, v = pow(server->tau, 2);

	for (int t = 0; t < rounds; t++) {
		double square = pow(u[t], 2);

		if (s->strategy == STRATEGY_FEDAVGM) {
			m = server->momentum * m + u[t];
			w += server->learning_rate * m;
			continue;
		}
		m = server->beta1 * m + u[t] - server->beta1 * u[t];
		if (s->strategy == STRATEGY_FEDADAGRAD)
			v += square;
		else if (s->strategy == STRATEGY_FEDADAM)
			v += (1 - server->beta2) * (square - v);
		else if (v > square)
			v -= (1 - server->beta2) * square;
		else if (v < square)
			v += (1 - server->beta2) * square;
		w += server->learning_rate * m / (pow(v, 0.5) + server->tau);
	}
	return w;
}

static void test_many_coordinates_against_the_definition(void **state)
{
	static double u[MANY][LONG];
	struct rng r;

	(void)state;
	rng_seeded(&r, 11, "updates");
	for (int i = 0; i < MANY; i++)
		for (int t = 0; t < LONG; t++)
			u[i][t] = rng_normal(&r) * pow(10, -(double)(i % 5));
	for (size_t k = 1; k < sizeof known / sizeof *known; k++) {
		struct study s = study_of(&known[k]);
		float w[MANY], kept[2 * MANY];
		double update[MANY];
		struct diag why;

		for (int i = 0; i < MANY; i++)
			w[i] = (float)i / MANY;
		strategy_begin(kept, &s, MANY);
		for (int t = 0; t < LONG; t++) {
			for (int i = 0; i < MANY; i++)
				update[i] = u[i][t];
			assert_int_equal(strategy_apply(&s, w, kept, update, MANY, &why), OK);
		}
		for (int i = 0; i < MANY; i++)
			assert_close(w[i], slow(&s, (double)(float)i / MANY, u[i], LONG), 1e-4);
	}
}

static void test_moments_begin(void **state)
{
	struct study s = study_of(&known[4]);
	float kept[2 * SMALL] = {9, 9, 9, 9, 9, 9, 9, 9};

	(void)state;
	strategy_begin(kept, &s, SMALL);
	for (int i = 0; i < SMALL; i++) {
		assert_true(kept[i] == 0);
		assert_true(kept[SMALL + i] == (float)1e-6); /* tau^2 */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fedavg_by_hand),
		cmocka_unit_test(test_fedavg_rounds_once),
		cmocka_unit_test(test_what_is_no_longer_finite_is_an_error_that_names_its_cause),
		cmocka_unit_test(test_twelve_rounds_of_each),
		cmocka_unit_test(test_many_coordinates_against_the_definition),
		cmocka_unit_test(test_moments_begin),
	};

	return cmocka_run_group_tests_name("strategy", tests, NULL, NULL);
}
