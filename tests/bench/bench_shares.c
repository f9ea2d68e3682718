/*
 * Shamir's sharing alone (crypto/shamir.h). The best of many runs, thread CPU time.
 *
 *   shares_101_points      two secrets shared among 101 points with t = 51
 *   shamir_weights_251     of the survivors that open a secret at the coordinator
 *   shamir_combine_251     one secret from their shares
 */
#include "base/secret.h"
#include "crypto/shamir.h"
#include "tests/bench/figure.h"

#define RUNS 20
#define POINTS 101
#define T 51
#define SURVIVORS 251

struct bench {
	struct entropy entropy;
	struct scalar secrets[2], a[2][T - 1], shares[2][POINTS];
	uint32_t x[SURVIVORS];
	struct scalar weights[SURVIVORS], survivors[SURVIVORS];
};

static void share(struct bench *b)
{
	for (uint32_t s = 0; s < 2; s++) {
		for (uint32_t i = 0; i < T - 1; i++)
			shamir_random(&b->a[s][i], &b->entropy);
		for (uint32_t v = 0; v < POINTS; v++)
			shamir_share(&b->shares[s][v], &b->secrets[s], b->a[s], T, v + 1);
	}
}

static void weights(struct bench *b)
{
	CHECK(shamir_weights(b->weights, b->x, SURVIVORS) == OK);
}

static void combine(struct bench *b)
{
	struct scalar secret;
	shamir_combine(&secret, b->weights, b->survivors, SURVIVORS);
}

static double seconds_of(struct bench *b, void (*part)(struct bench *b))
{
	double start = thread_seconds();
	part(b);
	return thread_seconds() - start;
}

int main(void)
{
	static struct bench b;
	static void (*const parts[])(struct bench * b) = {share, weights, combine};
	enum { PARTS = sizeof parts / sizeof parts[0] };
	double best[PARTS] = {INFINITY, INFINITY, INFINITY};

	secret_init();
	b.entropy = entropy_system();
	shamir_random(&b.secrets[0], &b.entropy);
	shamir_random(&b.secrets[1], &b.entropy);
	for (uint32_t i = 0; i < SURVIVORS; i++) {
		b.x[i] = 1 + 500 * i / SURVIVORS; /* some of 500 sites are lost */
		shamir_random(&b.survivors[i], &b.entropy);
	}
	for (int run = 0; run < RUNS; run++)
		for (int i = 0; i < PARTS; i++)
			best[i] = fmin(best[i], seconds_of(&b, parts[i]));
	figure("shares_101_points", 1e3 * best[0], "ms", NAN);
	figure("shamir_weights_251", 1e3 * best[1], "ms", NAN);
	figure("shamir_combine_251", 1e3 * best[2], "ms", NAN);
	return 0;
}
