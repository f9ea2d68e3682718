/*
 * tests/support/audit: its numbers against ones worked out with 40 digits (Python's Decimal), and the attacks themselves against
 * mechanisms whose epsilon is known: the bound is below it as often as it says, and not far below. The mechanism of the second kind is
 * the product's own noise, in the worst case for it: one coordinate, a canary of full length, everything else known.
 */
#include "base/random.h"
#include "base/secret.h"
#include "privacy/gaussian.h"
#include "privacy/noise.h"
#include "tests/support/audit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/close.h"

/* ---- numbers */

static void binomial_tails(void **state)
{
	(void)state;
	assert_close(audit_binomial_tail(60, 100, 0.5, 0.5), 0.0284439668204904, 1e-14);
	assert_close(audit_binomial_tail(90, 100, 0.5, 0.5), 1.53164508771899e-17, 1e-29);
	assert_close(audit_binomial_tail(3, 100, 0.1, 0.9), 0.99805511534812, 1e-13);
	assert_close(audit_binomial_tail(999, 1000, 0.99, 0.01), 0.000479244453578923, 1e-14);
	assert_true(audit_binomial_tail(0, 5, 0.3, 0.7) == 1);
	assert_true(audit_binomial_tail(6, 5, 0.3, 0.7) == 0);
	assert_true(audit_binomial_tail(5, 5, 1, 0) == 1 && audit_binomial_tail(1, 5, 0, 1) == 0);
}

/* 7 of 10 at 95 %: .3475 to .9333, as textbooks have it. */
static void clopper_pearson(void **state)
{
	(void)state;
	static const struct {
		uint64_t successes, trials;
		double error, least, most;
	} known[] = {
		{1, 10, 0.025, 0.00252857854446178, 0.445016117028195},
		{7, 10, 0.025, 0.347547149940003, 0.933260488822266},
		{10, 10, 0.05, 0.741134449106948, 1},
		{130, 1000, 0.0125, 0.10707653058093, 0.155720004363291},
		{3, 5000, 0.0125, 9.48342313108144e-05, 0.00194653356242098},
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		assert_close(audit_share_least(known[i].successes, known[i].trials, known[i].error), known[i].least,
		             1e-11 * known[i].least);
		assert_close(audit_share_most(known[i].successes, known[i].trials, known[i].error), known[i].most,
		             1e-12);
	}
	assert_true(audit_share_least(0, 10, 0.05) == 0);
}

/* 100 of 100 without delta by hand: q^100 = .05, epsilon = log(q / (1 - q)) = 3.49297. */
static void guesses(void **state)
{
	(void)state;
	static const struct {
		struct audit_guesses g;
		double delta, epsilon;
	} known[] = {
		{{100, 100, 75}, 0, 0.702213930949506},     {{100, 100, 75}, 1e-5, 0.701940799999619},
		{{1000, 200, 190}, 1e-5, 2.39361827726525}, {{1000, 100, 100}, 1e-5, 3.46537634781105},
		{{1000, 100, 100}, 0, 3.49296543115229},    {{100, 100, 50}, 0, 0},
		{{500, 250, 180}, 1e-3, 0.634624247888352}, {{2000, 2000, 1100}, 1e-4, 0.123365885388845},
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		assert_close(audit_guesses_epsilon(&known[i].g, known[i].delta, 0.95), known[i].epsilon, 1e-10);
	assert_close(audit_guesses_p(&(struct audit_guesses){100, 100, 75}, 1, 1e-5), 0.382900193727115, 1e-13);
	assert_close(audit_guesses_p(&(struct audit_guesses){50, 50, 50}, 2, 1e-3), 0.0125700431748629, 1e-14);
	assert_close(audit_guesses_p(&(struct audit_guesses){1000, 200, 150}, 1.5, 1e-6), 0.993345799636912, 1e-12);
	/* The first terms of the sum are below every double, 1 / i of the whole is not: 2 m delta / 2000 at least. */
	assert_true(audit_guesses_p(&(struct audit_guesses){4000, 4000, 4000}, 0, 1e-3) > 2 * 4000 * 1e-3 / 2100);
}

static void guesses_from_scores(void **state)
{
	(void)state;
	static const double scores[] = {0.5, -3, 2, 9, -1, 0};
	static const bool included[] = {true, false, false, true, true, false};
	struct audit_guesses g = audit_guess(scores, included, 6, 2, 1); /* yes: 9 and 2, no: -3 */
	assert_int_equal(g.canaries, 6);
	assert_int_equal(g.guesses, 3);
	assert_int_equal(g.correct, 2);
	g = audit_guess(scores, included, 6, 3, 3);
	assert_int_equal(g.correct, 4);
	assert_int_equal(audit_guess(scores, included, 6, 0, 0).guesses, 0);
}

/* The counts of a test that always says yes prove nothing; ones that a private mechanism hardly gives do. */
static void counts(void **state)
{
	(void)state;
	assert_true(audit_counts_epsilon(&(struct audit_counts){1000, 1000, 1000}, 1e-5, 0.95) == 0);
	assert_true(audit_counts_epsilon(&(struct audit_counts){1000, 10, 12}, 1e-5, 0.95) == 0);
	assert_true(audit_counts_epsilon(&(struct audit_counts){1000, 0, 0}, 0, 0.95) == 0);
	double most = 1 - pow(0.0125, 0.001); /* of none in 1,000 */
	assert_close(audit_counts_epsilon(&(struct audit_counts){1000, 130, 0}, 1e-3, 0.95),
	             log((0.10707653058093 - 1e-3) / most), 1e-9);
	/* no by no: as many say no without, as few with */
	assert_close(audit_counts_epsilon(&(struct audit_counts){1000, 1000, 870}, 1e-3, 0.95),
	             audit_counts_epsilon(&(struct audit_counts){1000, 130, 0}, 1e-3, 0.95), 1e-9);
}

/* What the threshold was chosen on proves nothing: canaries that show in the first half alone. */
static void the_second_half_decides(void **state)
{
	(void)state;
	enum { RUNS = 2000 };
	static double with[RUNS], without[RUNS];
	for (size_t i = 0; i < RUNS / 2; i++)
		with[i] = 1;
	assert_true(audit_scores_epsilon(with, without, RUNS, 0, 0.95) == 0);
	for (size_t i = 0; i < RUNS; i++)
		with[i] = 1;
	assert_true(audit_scores_epsilon(with, without, RUNS, 0, 0.95) > 5);
}

/* ---- mechanisms whose epsilon is known */

/* Randomised response: each canary's bit, true with probability e^epsilon / (1 + e^epsilon): nothing lets more guesses be right. */
static struct audit_guesses randomised_response(struct rng *r, double epsilon, size_t canaries)
{
	double *scores = mem_array(canaries, sizeof *scores);
	bool *included = mem_array(canaries, sizeof *included);

	for (size_t i = 0; i < canaries; i++) {
		included[i] = rng_below(r, 2) == 1;
		bool truth = rng_unit(r) < 1 / (1 + exp(-epsilon));
		scores[i] = included[i] == truth ? 1 : -1;
	}
	size_t half = canaries * 9 / 20; /* of either sign there may be fewer than a half */
	struct audit_guesses g = audit_guess(scores, included, canaries, half, half);
	free(scores);
	free(included);
	return g;
}

static void one_run(void **state)
{
	(void)state;
	enum { TIMES = 400 };
	static const double epsilons[] = {0.5, 1, 4, 8};
	struct rng r;
	rng_seeded(&r, 1, "one run");
	for (size_t i = 0; i < 4; i++) {
		unsigned beyond = 0;
		double best = 0;
		for (int time = 0; time < TIMES; time++) {
			struct audit_guesses g = randomised_response(&r, epsilons[i], 200);
			beyond += audit_guesses_epsilon(&g, 0, 0.95) > epsilons[i];
		}
		assert_true(beyond < 40); /* 20 are expected at most; of 40 there is one chance in 100,000 */
		for (int time = 0; time < 5; time++) {
			struct audit_guesses g = randomised_response(&r, epsilons[i], 20000);
			best = fmax(best, audit_guesses_epsilon(&g, 0, 0.95));
		}
		assert_true(best > 0.85 * epsilons[i]);
	}
}

static void fill_seeded(void *context, uint8_t *out, size_t len)
{
	rng_octets(context, out, len);
}

/* `count` outputs for a sum of 0 and as many for a sum of `step`. */
static void play(double *with, double *without, size_t count, uint64_t variance, int32_t step)
{
	struct rng keys;
	const struct entropy entropy = {.fill = fill_seeded, .context = &keys};
	int32_t *noise = mem_array(count, sizeof *noise);

	rng_seeded(&keys, variance, "audit");
	noise_draw(noise, count, variance, &entropy);
	for (size_t i = 0; i < count; i++)
		without[i] = noise[i];
	noise_draw(noise, count, variance, &entropy);
	for (size_t i = 0; i < count; i++)
		with[i] = noise[i] + step;
	free(noise);
}

/* The bound on the product's noise, set for (epsilon, delta): never above the claim and more than 30 % of it. Noise of a third of
 * the width would be convicted. */
static void expect_audit(double epsilon, double delta, size_t count)
{
	const int32_t step = 10000;
	double *with = mem_array(count, sizeof *with), *without = mem_array(count, sizeof *without);
	double deviation = step / gaussian_mu(epsilon, delta);

	play(with, without, count, (uint64_t)ceil(deviation * deviation), step);
	double found = audit_scores_epsilon(with, without, count, delta, 0.9999);
	printf("epsilon %g: at least %.3f\n", epsilon, found);
	assert_true(found <= epsilon);
	assert_true(found > 0.3 * epsilon);
	play(with, without, count, (uint64_t)(deviation * deviation / 9), step);
	assert_true(audit_scores_epsilon(with, without, count, delta, 0.9999) > epsilon);
	free(with);
	free(without);
}

static void many_runs(void **state)
{
	(void)state;
	const size_t count = 600000;
	static const double epsilons[] = {0.5, 1, 4, 8};
	for (size_t i = 0; i < 4; i++)
		expect_audit(epsilons[i], 1e-5, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binomial_tails), cmocka_unit_test(clopper_pearson),
		cmocka_unit_test(guesses),        cmocka_unit_test(guesses_from_scores),
		cmocka_unit_test(counts),         cmocka_unit_test(the_second_half_decides),
		cmocka_unit_test(one_run),        cmocka_unit_test(many_runs),
	};
	secret_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
